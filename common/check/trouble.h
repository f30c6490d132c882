/* Trouble that lasts: its begin is an event, its end a line of the log, and what lies in between is silent, apart from
 * a metric (and /healthz, which reads it). Any thread; waits for nothing. */
#ifndef CHECK_TROUBLE_H
#define CHECK_TROUBLE_H

#include "events.h"
#include "health.h"
#include "lock.h"

#include <stdatomic.h>

enum trouble_kind {
	TROUBLE_READING, /* the store */
	TROUBLE_WRITING,
	TROUBLE_RESOLVER,
	TROUBLE_HEALTH, /* the first of core/health's conditions, in their order */
	TROUBLE_COUNT = TROUBLE_HEALTH + HEALTH_CONDITIONS
};
struct trouble {
	struct events *events;
	atomic_int state[TROUBLE_COUNT]; /* of trouble.c; zeroed: none */
	struct lock lock;
	struct health health GUARDED_BY(lock); /* of senses.c */
};

void trouble_init(struct trouble *trouble, struct events *events);
void trouble_destroy(struct trouble *trouble);
/* Sets the metric anew: two threads, of which one begins what the other ends, may have left it as it is not. */
void trouble_show(struct trouble *trouble);
void trouble_began(struct trouble *trouble, enum trouble_kind kind, const char *detail);
void trouble_ended(struct trouble *trouble, enum trouble_kind kind); /* costs nothing when there was none */

#endif
