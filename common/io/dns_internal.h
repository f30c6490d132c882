/* Shared by dns_unbound.c, dns_control.c and dns_query.c: struct dns, and the struct resolver that it has for each
 * loop. */
#ifndef IO_DNS_INTERNAL_H
#define IO_DNS_INTERNAL_H

#include "dns_context.h"
#include "dns_trial.h"
#include "lock.h"

#include <stdatomic.h>
#include <stddef.h>
#include <sys/queue.h>

/* What one resolver knows about the DNS servers that it asks. When a lookup has failed, the control query shows whether
 * these servers are dead, or only the servers of the domain that was looked up. All times are of the monotonic clock.
 */
struct health {
	int64_t answered_ms;      /* the last good answer, also from libunbound's cache */
	int64_t control_sent_ms;  /* 0: never */
	int64_t control_ended_ms; /* earlier than control_sent_ms: the control query is under way */
	bool control_good;
	bool control_ever_good;
};

/* The part of a dns that belongs to one loop. */
struct resolver {
	struct dns *dns;
	struct loop *loop;
	struct ub_ctx *plain, *validating; /* NULL: no lookup has needed it yet */
	int64_t failed_ms, wait_ms;        /* when libunbound last failed, and for how long its use pauses after that */
	struct trial *trial;               /* NULL: none is under way */
	struct loop_timer *patience;       /* ends the wait for the first trial; only of the first loop */
	struct health health;
	LIST_HEAD(, dns_query) failed; /* failed lookups that wait until it is known whether the servers are alive */
	struct loop_task start, end;
};

struct dns {
	struct dns_options options;
	atomic_bool validates;
	atomic_bool deciding; /* the first trial has not ended, and may still be waited for */
	/* when the next trial may begin; changed only with `lock` held, read without it */
	_Atomic int64_t trial_due_ms;
	/* guards the members marked GUARDED_BY; no other lock is taken while it is held */
	struct lock lock;
	struct signal_cond decided;              /* `deciding` has become false */
	bool warned GUARDED_BY(lock);            /* the log has the warning that nothing is validated */
	bool found_unsigned GUARDED_BY(lock);    /* the last finding other than TRIAL_UNANSWERED was TRIAL_UNSIGNED */
	int64_t trial_begun_ms GUARDED_BY(lock); /* when the last trial began */
	int64_t trial_wait_ms GUARDED_BY(lock);  /* from the start of one trial to the start of the next */
	atomic_uint left;                        /* resolvers that have not been freed yet */
	unsigned count;
	struct resolver resolver[];
};

/* Returns the resolver of a loop. The loop must be one of those that dns_new() got. */
struct resolver *resolver_of(struct dns *dns, const struct loop *loop);
/* With dnssec = auto: starts another trial if one is due. */
void trial_want(struct resolver *resolver);
/* Starts a lookup in libunbound. libunbound may call `answered` before this function returns. Returns the context of
 * the lookup, which ub_cancel() needs together with `id`. Returns NULL if libunbound fails, or if its use pauses after
 * an earlier failure. */
struct ub_ctx *resolver_ask(
	struct resolver *resolver, const char *name, int type, ub_event_callback_type answered, void *arg, int *id);

/* dns_control.c */

#define CONTROL_AGE_MS 5000 /* how long the result of a control query is valid */
/* Sends a control query, unless one is under way or the last one ended no more than `age_ms` ago. */
void control_start(struct resolver *resolver, int64_t age_ms);
/* If a control query is under way, returns the time until which to wait for its result. Returns 0 if there is nothing
 * to wait for, so that servers_dead() can decide. Call control_start() before. */
int64_t control_pending_ms(const struct resolver *resolver, int64_t now_ms);
/* Returns whether the DNS servers count as dead, judged by the last control query and by their other answers. */
bool servers_dead(const struct resolver *resolver, int64_t now_ms);

/* dns_query.c */

/* Call this when a control query has ended: answers the failed lookups that have waited for its result. */
void queries_settle(struct resolver *resolver);

#endif
