/* Overrides as JSON, and those that are in force. Any thread. */
#ifndef SHOWN_OVERRIDES_SHOWN_H
#define SHOWN_OVERRIDES_SHOWN_H

#include "override.h"
#include "store.h"

#include <jansson.h>

/* Returns the object of an override at a time (wall clock, seconds); NULL for OVERRIDE_NONE. The caller owns it. */
json_t *override_json(const struct override *override, int64_t now);

/* Returns the overrides that are in force, in the order of store_overrides(), and sets `count`. The caller frees. Returns NULL
 * if the store cannot be read; then `count` is 0. */
struct override *overrides_in_force(struct store *store, int64_t now, size_t *count, struct failure *why);

#endif
