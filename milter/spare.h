/* Gives memory that is free inside the process back to the system when a time of much work is over. glibc does so by itself
 * only at the end of each of its heaps, so a single piece in use can keep many free megabytes before it: after a storm of
 * first contacts, or after a reload, half of the resident memory was free.
 *
 * Giving back holds each heap's lock for some milliseconds, and the next busy time must get its pages again. So it is done
 * only when few lookups are open, or few compared with a time before, and only after much work or after a generation of the settings has been freed. */
#ifndef MILTER_SPARE_H
#define MILTER_SPARE_H

#include "check.h"

#define SPARE_OPEN_MAX 16   /* lookups that may be open, or ... */
#define SPARE_PEAK_PART 4   /* this part of the most that were open since the last time */
#define SPARE_CHANGES 256   /* changes of the store: so much work is worth it */
#define SPARE_REST_MS 10000 /* from one time to the next */

/* What the process does. */
struct spare_seen {
	unsigned open;    /* lookups */
	uint64_t changes; /* of the store, since the start */
	unsigned ended;   /* generations of the settings that have been freed */
	int64_t now_ms;
};
/* How it was when memory was last given back. A zeroed one is valid. */
struct spare {
	uint64_t changes;
	unsigned ended;
	int64_t at_ms;
	unsigned peak; /* the most lookups that were open since then */
};

/* Returns whether memory is to be given back now; if so, notes it. Call it after each round. Pure. */
bool spare_is_due(struct spare *spare, const struct spare_seen *seen);
/* Gives memory back if that is due. For one thread that may wait: the refresher's, after each round. */
void spare_round(struct spare *spare, struct check *check);

#endif
