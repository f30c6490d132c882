#include "open_signs.h"

#include "event_json.h"
#include "json_value.h"

#include <stdlib.h>
#include <string.h>

json_t *event_object(const struct event_record *event)
{
	char buffer[EVENT_JSON_SIZE];
	struct text text;
	text_init(&text, buffer, sizeof buffer);
	event_json(&text, event);
	return json_made(json_loads(buffer, 0, NULL));
}

static bool is_open(const struct event_record *event, const char *domain)
{
	return event_is_open_sign(event) && (!domain || strcmp(event->domain, domain) == 0);
}

struct event_record *open_signs(struct store *store, const char *domain, size_t *count, struct failure *why)
{
	size_t all = 0;
	struct event_record *events = store_events(store, &all, why);
	*count = 0;
	for (size_t i = 0; events && i < all; i++)
		if (is_open(&events[i], domain))
			events[(*count)++] = events[i];
	return events;
}

json_t *open_signs_json(struct store *store, const char *domain)
{
	size_t count;
	json_t *array = json_made(json_array());
	struct event_record *signs = open_signs(store, domain, &count, NULL);
	for (size_t i = 0; i < count; i++)
		json_add(array, event_object(&signs[i]));
	free(signs);
	return array;
}

bool sign_others(struct store *store, const struct event_record *sign, unsigned *looked, unsigned *bad)
{
	struct hop_record record;
	struct store_view *view = sign->host[0] != '\0' ? store_view_begin(store, NULL) : NULL;
	bool found = view && store_view_hop(view, sign->host, sign->port, &record) == STORE_FOUND &&
		     record.others_looked > 0 && record.others_at >= sign->first_at;
	store_view_end(&view);
	*looked = found ? record.others_looked : 0;
	*bad = found ? record.others_bad : 0;
	return found;
}
