/* events: prints the events that the daemon has noted for the operator, newest last, or one event with its story. */
#include "clock.h"
#include "commands.h"
#include "domains.h"
#include "event_show.h"
#include "memory.h"
#include "next_hop.h"
#include "open_signs.h"
#include "output.h"
#include "session.h"
#include "values.h"

#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#define FOLLOW_MS 1000

/* Which events are printed. */
struct filter {
	int64_t since; /* the earliest time of an event; 0: any */
	bool any_kind;
	enum event_kind kind;
	enum event_severity severity; /* this or worse */
	bool parts;                   /* also events that are part of another one */
	size_t count;                 /* number of domains; 0: all domains */
	char (*domain)[DOMAIN_SIZE];  /* owned */
};

static void filter_domain_add(struct filter *filter, const char *word)
{
	struct question question;
	next_hop_question(&question, word, strlen(word), PURPOSE_QUERY);
	memcpy(filter->domain[filter->count++], question.domain, DOMAIN_SIZE);
}

/* Reads the domains: the arguments, and the values of --domain. */
static bool filter_domains_read(struct filter *filter, const struct options *options, size_t count, char **words)
{
	size_t at = 0;
	bool good = domain_words(words, count);
	filter->domain = xcalloc(count + options->own_count + 1, sizeof *filter->domain);
	for (size_t i = 0; good && i < count; i++)
		filter_domain_add(filter, words[i]);
	for (const char *name; good && (name = option_next(options, "domain", &at));) {
		char *word = xstrdup(name);
		good = domain_words(&word, 1);
		if (good)
			filter_domain_add(filter, word);
		free(word);
	}
	return good;
}

static bool filter_read(struct filter *filter, const struct options *options, size_t count, char **words)
{
	uint64_t seconds = 0;
	const char *since = option_value(options, "since"), *kind = option_value(options, "kind"),
		   *severity = option_value(options, "severity");
	*filter = (struct filter){.any_kind = !kind, .parts = option_given(options, "all")};
	unsigned number = 0, least = 0;
	if (since && !value_duration("--since", since, &seconds))
		return false;
	if (since)
		filter->since = seconds < (uint64_t)clock_wall_s() ? clock_wall_s() - (int64_t)seconds : 0;
	if (kind && !value_word("a kind of event", kind, event_words, &number))
		return false;
	if (severity && !value_word("a severity", severity, severity_words, &least))
		return false;
	filter->kind = (enum event_kind)number;
	filter->severity = (enum event_severity)least;
	return filter_domains_read(filter, options, count, words);
}

static bool filter_passes(const struct filter *filter, const struct event_record *event)
{
	/* Who asks about a domain wants to know about it, too, when the cause is elsewhere. */
	bool hidden = event->part_of != 0 && !filter->parts && filter->count == 0;
	if (event->last_at < filter->since || (!filter->any_kind && event->kind != filter->kind) ||
		event->severity < filter->severity || hidden)
		return false;
	for (size_t i = 0; i < filter->count; i++)
		if (strcmp(filter->domain[i], event->domain) == 0)
			return true;
	return filter->count == 0;
}

static void event_print(const struct event_record *event)
{
	event_head_print(event);
	event_advice_print(event);
	if (event_is_sign(event->kind) && event->number != 0)
		line_print("story", "stsgate events show %" PRIu32, event->number);
}

static int events_list(struct store *store, const struct filter *filter, bool json)
{
	struct failure why = {0};
	size_t found = 0, shown = 0;
	struct event_record *events = store_events(store, &found, &why);
	json_t *array = json_made(json_array());
	for (size_t i = 0; events && i < found; i++) {
		if (!filter_passes(filter, &events[i]))
			continue;
		shown++;
		if (json)
			json_add(array, event_object(&events[i]));
		else
			event_print(&events[i]);
	}
	json_print_list("events", array, json && events);
	if (events && shown == 0 && !json)
		nothing_print("there are no events, or none that match the options");
	int status = events ? STATUS_YES : complain(&why);
	free(events);
	return status;
}

/* --- following ---------------------------------------------------------------------------------------------------- */

static volatile sig_atomic_t interrupted;

static void on_interrupt(int signal)
{
	(void)signal;
	interrupted = 1;
}

static int number_compare(const void *a, const void *b)
{
	const struct event_record *left = a, *right = b;
	return (left->number > right->number) - (left->number < right->number);
}

static bool is_news(const struct event_record *known, size_t count, const struct event_record *event)
{
	const struct event_record *before = bsearch(event, known, count, sizeof *known, number_compare);
	return !before || before->last_at != event->last_at || before->count != event->count ||
	       before->over_at != event->over_at;
}

/* Prints the events that are new or have changed. `known`, sorted by number, becomes what is in the store now. */
static bool news_print(struct store *store, const struct filter *filter, bool json, struct event_record **known,
	size_t *count, struct failure *why)
{
	size_t found;
	struct event_record *events = store_events(store, &found, why);
	for (size_t i = 0; events && i < found; i++) {
		if (!filter_passes(filter, &events[i]) || (*known && !is_news(*known, *count, &events[i])))
			continue;
		if (json)
			json_print(event_object(&events[i]));
		else
			event_print(&events[i]);
	}
	if (!events)
		return false;
	qsort(events, found, sizeof *events, number_compare);
	free(*known);
	*known = events;
	*count = found;
	return fflush(stdout) == 0;
}

/* Waits. Returns false when nobody reads the output any more. */
static bool output_is_open(void)
{
	struct pollfd out = {.fd = STDOUT_FILENO};
	return poll(&out, 1, FOLLOW_MS) <= 0 || (out.revents & (POLLERR | POLLHUP | POLLNVAL)) == 0;
}

/* Prints events as they come, until a signal or the end of the reader. Begins with the events since --since, if that was
 * given. */
static int events_follow(struct store *store, const struct filter *filter, bool json)
{
	struct failure why = {0};
	struct sigaction action = {.sa_handler = on_interrupt};
	struct event_record *known = NULL;
	size_t count = 0;
	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
	if (filter->since == 0) {
		known = store_events(store, &count, &why);
		if (!known)
			return complain(&why);
		qsort(known, count, sizeof *known, number_compare);
	}
	bool good = true;
	while (!interrupted && (good = news_print(store, filter, json, &known, &count, &why)) && output_is_open())
		continue;
	free(known);
	return good || why.code == 0 ? STATUS_YES : complain(&why);
}

/* --- the command -------------------------------------------------------------------------------------------------- */

/* Returns whether the arguments are `show N`. Prints a message if N is no number of an event. */
static bool show_read(size_t count, char **words, uint32_t *number)
{
	char *end;
	if (count == 0 || strcmp(words[0], "show") != 0)
		return false;
	unsigned long value = count == 2 && words[1][0] >= '0' && words[1][0] <= '9' ? strtoul(words[1], &end, 10) : 0;
	*number = value <= UINT32_MAX && value != 0 && *end == '\0' ? (uint32_t)value : 0;
	if (*number == 0)
		fputs("stsgate: events show needs the number of an event; `stsgate events` prints the numbers\n",
			stderr);
	return true;
}

int events_run(const struct options *options, size_t count, char **words)
{
	int status = EX_USAGE;
	uint32_t number = 0;
	struct filter filter = {.count = 0};
	bool show = show_read(count, words, &number);
	bool good = show ? number != 0 : filter_read(&filter, options, count, words);
	struct store *store = good ? session_store(options, &status) : NULL;
	if (store && show)
		status = event_show(store, number, options->json);
	else if (store && option_given(options, "follow"))
		status = events_follow(store, &filter, options->json);
	else if (store)
		status = events_list(store, &filter, options->json);
	store_close(&store);
	free(filter.domain);
	return status;
}
