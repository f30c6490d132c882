/* Signs of an attack: what a new result shows beside the state that is stored.
 *
 * A sign compares two observations, and one of them is fresh: a hop that never offered STARTTLS is no sign, a hop that
 * has lost it is. Signs are events; they never change a verdict. Pure; any thread. */
#ifndef CORE_SIGN_H
#define CORE_SIGN_H

#include "event_record.h"
#include "facts.h"
#include "look.h"

#define SIGNS_MAX 8 /* of one result; further ones are dropped */

struct signs_found {
	size_t count;
	struct event_record sign[SIGNS_MAX];
};

/* Compares a hop with the result of a probe that has just ended. `record` and `good` are as they were before: what the
 * store keeps about the hop, and the look of its newest good probe (NULL: none). `look` is what the probe saw, or NULL. */
void sign_hop(struct signs_found *signs, const char *domain, const char *host, uint16_t port,
	const struct hop_record *record, const struct look *good, const struct evidence *seen, const struct look *look);

#endif
