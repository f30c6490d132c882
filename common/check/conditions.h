/* Lasting conditions of this machine: a store that cannot be read, a resolver that does not answer, a wrong clock. The
 * begin of a condition is an event, its end is a log line, and in between only a metric and /healthz show it. Any thread;
 * never waits. */
#ifndef CHECK_CONDITIONS_H
#define CHECK_CONDITIONS_H

#include "events.h"
#include "health.h"
#include "lock.h"
#include "obtain.h"

#include <stdatomic.h>

enum condition {
	CONDITION_STORE_UNREADABLE, /* the store */
	CONDITION_STORE_UNWRITABLE,
	CONDITION_RESOLVER_DEAD,
	CONDITION_HEALTH, /* the first of core/health's conditions, in their order */
	CONDITION_COUNT = CONDITION_HEALTH + HEALTH_CONDITIONS
};
struct conditions {
	struct events *events;
	atomic_int state[CONDITION_COUNT]; /* of conditions.c; zeroed: none */
	struct lock lock;
	struct health health GUARDED_BY(lock); /* written by conditions_note_*() */
};

void conditions_init(struct conditions *conditions, struct events *events);
void conditions_destroy(struct conditions *conditions);
/* Sets the metric anew: two threads, of which one begins what the other ends, may have left it as it is not. */
void conditions_show(struct conditions *conditions);
void condition_begin(struct conditions *conditions, enum condition kind, const char *detail);
void condition_end(struct conditions *conditions, enum condition kind); /* costs nothing when there was none */

/* --- what operations say about this machine (core/health) -------------------------------------------------------- */

void conditions_note_found(
	struct conditions *conditions, const struct found *found); /* once, however many inquiries share it */
/* A time that was not ahead of the clock when it was written: of a domain's entry, or whatever `of` says. */
void conditions_note_time(struct conditions *conditions, int64_t at, const char *of);
void conditions_review(struct conditions *conditions); /* now and then: some conditions end by time alone */

#endif
