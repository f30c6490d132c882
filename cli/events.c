/* events: what the daemon thought an operator should know, newest last. */
#include "clock.h"
#include "commands.h"
#include "domains.h"
#include "event_record.h"
#include "next_hop.h"
#include "output.h"
#include "session.h"
#include "settings.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

struct wish {
	int64_t since; /* last_at from here on */
	bool any_kind;
	enum event_kind kind;
	size_t count; /* of domains; 0: all */
	char **words;
};

static bool wish_read(struct wish *wish, const struct options *options, size_t count, char **words)
{
	uint64_t seconds = 0;
	const char *since = option_value(options, "since"), *kind = option_value(options, "kind");
	*wish = (struct wish){.any_kind = !kind, .count = count, .words = words};
	if (since && !settings_read_duration(since, &seconds)) {
		fputs("stsgate: --since wants a duration such as 90s, 5m, 4h or 180d\n", stderr);
		return false;
	}
	if (since)
		wish->since = seconds < (uint64_t)clock_wall_s() ? clock_wall_s() - (int64_t)seconds : 0;
	if (kind && !event_find(kind, &wish->kind)) {
		struct quote quote;
		fprintf(stderr, "stsgate: there are no events of the kind %s; stsgate(1) lists them\n",
			quote_string(&quote, kind));
		return false;
	}
	return domain_words(words, count);
}

static bool is_wished(const struct wish *wish, const struct event_record *event)
{
	if (event->last_at < wish->since || (!wish->any_kind && event->kind != wish->kind))
		return false;
	for (size_t i = 0; i < wish->count; i++) {
		struct question question;
		next_hop_question(&question, wish->words[i], strlen(wish->words[i]), PURPOSE_QUERY);
		if (strcmp(question.domain, event->domain) == 0)
			return true;
	}
	return wish->count == 0;
}

static void event_tell(const struct event_record *event)
{
	struct when first, last;
	printf("%s  %s  %s  %s\n", when_date(&last, event->last_at), event_severity_name(event_severity(event->kind)),
		event_name(event->kind), event->domain[0] ? event->domain : "-");
	if (event->count > 1)
		tell("", "%" PRIu32 " times since %s", event->count, when_date(&first, event->first_at));
	tell("", "%s", event->detail);
	tell("means", "%s", event_sentence(event->kind));
	tell("to do", "%s", event_advice(event->kind));
}

static json_t *event_object(const struct event_record *event)
{
	json_t *object = json_made(json_object());
	json_put(object, "kind", json_text(event_name(event->kind)));
	json_put(object, "severity", json_text(event_severity_name(event_severity(event->kind))));
	json_put(object, "domain", json_text(event->domain));
	json_put(object, "first_at", json_when(event->first_at));
	json_put(object, "last_at", json_when(event->last_at));
	json_put(object, "count", json_made(json_integer(event->count)));
	json_put(object, "detail", json_text(event->detail));
	json_put(object, "sentence", json_text(event_sentence(event->kind)));
	json_put(object, "advice", json_text(event_advice(event->kind)));
	return object;
}

static int events_all(struct store *store, const struct wish *wish, bool json)
{
	struct failure why = {0};
	size_t count;
	struct event_record *events = store_events(store, &count, &why);
	json_t *array = json_made(json_array());
	if (!events) {
		json_decref(array);
		return complain(&why);
	}
	for (size_t i = 0; i < count; i++) {
		if (!is_wished(wish, &events[i]))
			continue;
		if (json)
			json_add(array, event_object(&events[i]));
		else
			event_tell(&events[i]);
	}
	free(events);
	json_t *object = json_made(json_object());
	json_put(object, "events", array);
	if (json)
		json_print(object);
	else
		json_decref(object);
	return STATUS_YES;
}

int events_run(const struct options *options, size_t count, char **words)
{
	int status = EX_USAGE;
	struct wish wish;
	struct settings *settings = wish_read(&wish, options, count, words) ? session_settings(options, &status) : NULL;
	struct store *store = settings ? session_store(settings, &status) : NULL;
	if (store)
		status = events_all(store, &wish, options->json);
	store_close(&store);
	settings_free(&settings);
	return status;
}
