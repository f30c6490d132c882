#include "open_signs.h"

#include "event_show.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool is_open(const struct event_record *event, const char *domain)
{
	return event_is_sign(event->kind) && event->number != 0 && event->over_at == 0 &&
	       strcmp(event->domain, domain) == 0;
}

static void open_sign_print(const char *label, const struct event_record *event)
{
	char part[80] = "";
	struct when at;
	if (event->part_of != 0)
		snprintf(part, sizeof part, "; part of event %" PRIu32 ", whose cause is near this relay",
			event->part_of);
	line_print(label, "%s since %s (stsgate events show %" PRIu32 "%s): %s", event_name(event->kind),
		when_date(&at, event->first_at), event->number, part, event->detail);
}

void open_signs_print(struct store *store, const char *domain)
{
	size_t count, shown = 0;
	struct event_record *events = store_events(store, &count, NULL);
	for (size_t i = 0; events && i < count; i++)
		if (is_open(&events[i], domain))
			open_sign_print(shown++ == 0 ? "signs" : "", &events[i]);
	free(events);
}

json_t *open_signs_json(struct store *store, const char *domain)
{
	size_t count;
	json_t *array = json_made(json_array());
	struct event_record *events = store_events(store, &count, NULL);
	for (size_t i = 0; events && i < count; i++)
		if (is_open(&events[i], domain))
			json_add(array, event_object(&events[i]));
	free(events);
	return array;
}
