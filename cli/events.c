/* events: prints the events that the daemon has noted for the operator, newest last. */
#include "clock.h"
#include "commands.h"
#include "domains.h"
#include "event_json.h"
#include "next_hop.h"
#include "output.h"
#include "session.h"
#include "values.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

/* Which events are printed. */
struct filter {
	int64_t since; /* the earliest time of an event; 0: any */
	bool any_kind;
	enum event_kind kind;
	size_t count; /* number of domains in `words`; 0: all domains */
	char **words;
};

static bool filter_read(struct filter *filter, const struct options *options, size_t count, char **words)
{
	uint64_t seconds = 0;
	const char *since = option_value(options, "since"), *kind = option_value(options, "kind");
	*filter = (struct filter){.any_kind = !kind, .count = count, .words = words};
	unsigned number = 0;
	if (since && !value_duration("--since", since, &seconds))
		return false;
	if (since)
		filter->since = seconds < (uint64_t)clock_wall_s() ? clock_wall_s() - (int64_t)seconds : 0;
	if (kind && !value_word("a kind of event", kind, event_words, &number))
		return false;
	filter->kind = (enum event_kind)number;
	return domain_words(words, count);
}

static bool filter_passes(const struct filter *filter, const struct event_record *event)
{
	if (event->last_at < filter->since || (!filter->any_kind && event->kind != filter->kind))
		return false;
	for (size_t i = 0; i < filter->count; i++) {
		struct question question;
		next_hop_question(&question, filter->words[i], strlen(filter->words[i]), PURPOSE_QUERY);
		if (strcmp(question.domain, event->domain) == 0)
			return true;
	}
	return filter->count == 0;
}

static void event_print(const struct event_record *event)
{
	struct when first, last;
	printf("%s  %s  %s  %s\n", when_date(&last, event->last_at), event_severity_name(event->severity),
		event_name(event->kind), event->domain[0] ? event->domain : "-");
	if (event->count > 1)
		line_print("", "%" PRIu32 " times since %s", event->count, when_date(&first, event->first_at));
	line_print("", "%s", event->detail);
	line_print("means", "%s", event_sentence(event->kind));
	line_print("to do", "%s", event_advice(event->kind));
}

static json_t *event_object(const struct event_record *event)
{
	char buffer[EVENT_JSON_SIZE];
	struct text text;
	text_init(&text, buffer, sizeof buffer);
	event_json(&text, event);
	return json_made(json_loads(buffer, 0, NULL));
}

int events_run(const struct options *options, size_t count, char **words)
{
	int status = EX_USAGE;
	struct filter filter;
	struct failure why = {0};
	struct store *store = filter_read(&filter, options, count, words) ? session_store(options, &status) : NULL;
	if (!store)
		return status;
	size_t found = 0, shown = 0;
	struct event_record *events = store_events(store, &found, &why);
	json_t *array = json_made(json_array());
	for (size_t i = 0; events && i < found; i++) {
		if (!filter_passes(&filter, &events[i]))
			continue;
		shown++;
		if (options->json)
			json_add(array, event_object(&events[i]));
		else
			event_print(&events[i]);
	}
	json_print_list("events", array, options->json && events);
	if (events && shown == 0 && !options->json)
		nothing_print("there are no events, or none that match the options");
	status = events ? STATUS_YES : complain(&why);
	free(events);
	store_close(&store);
	return status;
}
