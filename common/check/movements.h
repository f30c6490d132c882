/* Compares, at the end of an inquiry, where the mail hosts of a domain are with where they have been (core/movement):
 * raises the event hop-moved, and remembers new networks. Internal to check; on the inquiry's loop. Reads the store once,
 * if something was probed; never waits for a write. */
#ifndef CHECK_MOVEMENTS_H
#define CHECK_MOVEMENTS_H

#include "obtain.h"
#include "signs.h"

/* The hops that an inquiry has probed, or whose probe it has shared, with all their addresses. Zeroed: none. */
struct seen_hop {
	char host[DOMAIN_SIZE];
	uint16_t port;
	struct addresses addresses;
};
struct seen_hops {
	struct seen_hop *hop; /* owned */
	unsigned count;       /* at most HOP_FACTS_MAX */
};
/* Adds the result of a probe; ignores other results. */
void seen_hops_note(struct seen_hops *seen, const struct found *found);
void seen_hops_free(struct seen_hops *seen);

/* Call it when the facts have learned all results, and the results are in the store. */
void movements_note(struct store *store, struct signs *signs, struct network_db *networks, const struct facts *facts,
	const struct seen_hops *seen);

#endif
