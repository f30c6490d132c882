/* Shared by dns_unbound.c, dns_control.c and dns_query.c: a dns, and its resolver on each loop. */
#ifndef IO_DNS_INTERNAL_H
#define IO_DNS_INTERNAL_H

#include "dns_context.h"
#include "dns_trial.h"
#include "lock.h"

#include <stdatomic.h>
#include <stddef.h>
#include <sys/queue.h>

/* What one resolver knows about the DNS servers. The control query shows whether the servers are dead, or only those of
 * the domain that was looked up. All times are of the monotonic clock. */
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
	int64_t failed_ms, wait_ms;        /* when libunbound failed, and for how long it is not used then */
	struct trial *trial;               /* NULL: none is under way */
	struct health health;
	LIST_HEAD(, dns_query) failed; /* failed lookups that wait until it is known whether the servers are alive */
	struct loop_task start, end;
};

struct dns {
	struct dns_options options;
	atomic_bool validates;
	_Atomic int64_t trial_due_ms; /* when the next trial may begin; read without the lock, changed under it */
	struct lock lock;             /* for the members below; no other lock is taken under it */
	struct signal_cond trial_ended;
	bool trial_over GUARDED_BY(lock);        /* the first trial has ended */
	bool warned GUARDED_BY(lock);            /* the log has the warning that nothing is validated */
	bool found_unsigned GUARDED_BY(lock);    /* the last trial that was answered failed */
	int64_t trial_begun_ms GUARDED_BY(lock); /* when the last trial began */
	int64_t trial_wait_ms GUARDED_BY(lock);  /* from the begin of one trial to the begin of the next */
	atomic_uint left;                        /* resolvers that have not been freed yet */
	unsigned count;
	struct resolver resolver[];
};

/* Returns the resolver of a loop, which must be one of those of dns_new(). */
struct resolver *resolver_of(struct dns *dns, const struct loop *loop);
/* With dnssec = auto: starts another trial if one is due. */
void trial_want(struct resolver *resolver);
/* Starts a lookup in libunbound, which may call `answered` before this returns. Returns the context that was asked, for
 * ub_cancel() together with `id`; NULL if libunbound failed, or failed a short while ago. */
struct ub_ctx *resolver_ask(
	struct resolver *resolver, const char *name, int type, ub_event_callback_type answered, void *arg, int *id);

/* dns_control.c */

#define CONTROL_AGE_MS 5000 /* an answer to the control query counts for so long */
/* Sends a control query, unless one is under way or the last one ended no more than `age_ms` ago. */
void control_start(struct resolver *resolver, int64_t age_ms);
/* Returns until when it is unknown whether the servers are alive; 0 if that is known. Call control_start() before. */
int64_t control_pending_ms(const struct resolver *resolver, int64_t now_ms);
/* Returns whether the servers are dead, by what is known now. */
bool servers_dead(const struct resolver *resolver, int64_t now_ms);

/* dns_query.c */

/* Ends the failed lookups that have waited for the control query, which has ended. */
void queries_settle(struct resolver *resolver);

#endif
