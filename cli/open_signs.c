#include "open_signs.h"

#include "event_show.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static bool is_open(const struct event_record *event, const char *domain)
{
	return event_is_sign(event->kind) && event->number != 0 && event->over_at == 0 &&
	       strcmp(event->domain, domain) == 0;
}

void open_signs_print(struct store *store, const char *domain)
{
	size_t count, shown = 0;
	struct when at;
	struct event_record *events = store_events(store, &count, NULL);
	for (size_t i = 0; events && i < count; i++)
		if (is_open(&events[i], domain))
			line_print(shown++ == 0 ? "signs" : "", "%s since %s (stsgate events show %" PRIu32 "): %s",
				event_name(events[i].kind), when_date(&at, events[i].first_at), events[i].number,
				events[i].detail);
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
