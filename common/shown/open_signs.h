/* Events as JSON, and the signs of an attack that are not over. Any thread. */
#ifndef SHOWN_OPEN_SIGNS_H
#define SHOWN_OPEN_SIGNS_H

#include "event_record.h"
#include "store.h"

#include <jansson.h>

/* Returns the JSON object of an event, which the caller owns. */
json_t *event_object(const struct event_record *event);

/* Returns the signs that are not over, oldest first, and sets `count`. `domain`: of this domain; NULL: of all. The caller
 * frees. Returns NULL if the store cannot be read; then `count` is 0. */
struct event_record *open_signs(struct store *store, const char *domain, size_t *count, struct failure *why);
/* Returns an array of their objects, which the caller owns. It is empty if the store cannot be read. */
json_t *open_signs_json(struct store *store, const char *domain);

/* Returns whether other relays of the site have looked at the mail host of a sign since the sign was first seen, and sets how many
 * have looked and how many have seen the host bad (core/fleet_trust.h). */
bool sign_others(struct store *store, const struct event_record *sign, unsigned *looked, unsigned *bad);

#endif
