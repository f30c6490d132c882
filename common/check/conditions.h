/* Lasting conditions of this machine: a store that cannot be read, a resolver that does not answer, a wrong clock. The
 * beginning of a condition is an event, and the end is a log line. In between, only a metric shows the condition, and
 * /healthz, which reads the metric. Any thread; never waits.
 *
 * condition_begin() and condition_end() are called for each single success or failure of the store and the resolver.
 * The conditions of core/health follow from many results together, which are passed to conditions_note_found(). */
#ifndef CHECK_CONDITIONS_H
#define CHECK_CONDITIONS_H

#include "events.h"
#include "health.h"
#include "lock.h"
#include "nearby.h"
#include "obtain.h"

#include <stdatomic.h>

enum condition {
	CONDITION_STORE_UNREADABLE,
	CONDITION_STORE_UNWRITABLE,
	CONDITION_RESOLVER_DEAD,
	CONDITION_HEALTH, /* the first of the conditions of core/health, in their order */
	/* The first of the conditions of core/nearby, in their order; check/turns begins and ends them. */
	CONDITION_NEARBY = CONDITION_HEALTH + HEALTH_CONDITIONS,
	CONDITION_FLEET_UNREACHABLE = CONDITION_NEARBY + NEARBY_CONDITIONS, /* common/fleet begins and ends it */
	CONDITION_COUNT
};
struct conditions {
	struct events *events;
	atomic_int state[CONDITION_COUNT];         /* see conditions.c */
	_Atomic int64_t began_ms[CONDITION_COUNT]; /* monotonic */
	atomic_uint places[HEALTH_CONDITIONS];     /* that support each condition of core/health */
	struct lock lock;
	struct health health GUARDED_BY(lock);
};

void conditions_init(struct conditions *conditions, struct events *events);
void conditions_destroy(struct conditions *conditions);
/* Sets the metric of each condition again. If one thread begins a condition while another one ends it, the metric may be
 * wrong until the next call. */
void conditions_show(struct conditions *conditions);
/* Does nothing if the condition has begun already. `detail` is for the event; untrusted words in it are already
 * quoted. */
void condition_begin(struct conditions *conditions, enum condition kind, const char *detail);
/* Logs how long the condition has lasted. Costs next to nothing if it has not begun. */
void condition_end(struct conditions *conditions, enum condition kind);
bool condition_lasts(const struct conditions *conditions, enum condition kind);
/* Returns the kind of the event with which the condition begins. */
enum event_kind condition_event(enum condition kind);

/* --- results of operations (core/health) -------------------------------------------------------------------------- */

/* Notes the result of one operation. Call it once for each operation, however many inquiries share the result. */
void conditions_note_found(struct conditions *conditions, const struct found *found);
/* Returns how many places now support a condition of core/health, whether it has begun or not. Costs one atomic read. */
unsigned conditions_places(const struct conditions *conditions, enum health_condition kind);
/* Notes a stored time; see check_time_seen(). `of` is the domain whose entry has this time, or words for another
 * source. */
void conditions_note_time(struct conditions *conditions, int64_t at, const char *of);
/* Begins and ends conditions according to what was noted so far. Call it every few seconds, since some conditions end
 * just because time passes. */
void conditions_review(struct conditions *conditions);

#endif
