#include "overrides_shown.h"

#include "json_value.h"
#include "record_json.h"

json_t *override_json(const struct override *override, int64_t now)
{
	if (override->kind == OVERRIDE_NONE)
		return NULL;
	json_t *object = record_show(&override_table, override, NULL, NULL);
	json_put(object, "uses", json_made(json_integer(override->uses)));
	json_put(object, "in_force", json_boolean(override_in_force(override, now)));
	json_put(object, "left", json_made(json_integer(override->ends_at > now ? override->ends_at - now : 0)));
	return object;
}

struct override *overrides_in_force(struct store *store, int64_t now, size_t *count, struct failure *why)
{
	size_t all = 0;
	struct override *rows = store_overrides(store, &all, why);
	*count = 0;
	for (size_t i = 0; rows && i < all; i++)
		if (override_in_force(&rows[i], now))
			rows[(*count)++] = rows[i];
	return rows;
}
