/* What the parts of dns_unbound.c share: a dns, and its resolver on each loop. */
#ifndef IO_DNS_INTERNAL_H
#define IO_DNS_INTERNAL_H

#include "dns_context.h"
#include "dns_trial.h"
#include "lock.h"

#include <stdatomic.h>
#include <stddef.h>
#include <sys/queue.h>

/* What is known of the DNS servers. The control query tells dead ones from a domain whose own servers are silent. */
struct health {
	int64_t answered_ms;      /* the last good answer, also from libunbound's cache */
	int64_t control_sent_ms;  /* 0: never */
	int64_t control_ended_ms; /* before control_sent_ms: under way */
	bool control_good;
	bool control_ever_good;
};

/* The part of a dns that belongs to one loop. */
struct resolver {
	struct dns *dns;
	struct loop *loop;
	struct ub_ctx *plain, *validating; /* NULL: no lookup has needed it yet */
	int64_t failed_ms, wait_ms;        /* libunbound failed, and is not tried again for so long */
	struct trial *trial;               /* NULL: none is under way */
	struct health health;
	LIST_HEAD(, dns_query) failed; /* lookups that wait to learn whether the servers are alive */
	struct loop_task start, end;
};

struct dns {
	struct dns_options options;
	atomic_bool validates;
	_Atomic int64_t trial_due_ms; /* when the next trial may begin: read without the lock, changed under it */
	struct lock lock;             /* guards what follows; nothing else is taken under it */
	struct signal_cond trial_ended;
	bool trial_over GUARDED_BY(lock); /* the first */
	bool warned GUARDED_BY(lock);     /* that nothing is validated */
	bool found_unsigned GUARDED_BY(lock);
	int64_t trial_begun_ms GUARDED_BY(lock); /* the last one */
	int64_t trial_wait_ms GUARDED_BY(lock);  /* from the begin of one to the next */
	atomic_uint left;                        /* resolvers that have not been freed yet */
	unsigned count;
	struct resolver resolver[];
};

struct resolver *resolver_of(struct dns *dns, const struct loop *loop);
/* With dnssec = auto: tries again whether answers can be validated, if it is time for that. */
void trial_want(struct resolver *resolver);
/* Asks libunbound. It may call `answered` before this returns; `id` is for ub_cancel(). NULL: it cannot be asked now. */
struct ub_ctx *resolver_ask(
	struct resolver *resolver, const char *name, int type, ub_event_callback_type answered, void *arg, int *id);

/* dns_control.c */

#define CONTROL_AGE_MS 5000 /* an older answer of the control query is not believed */
/* Sends a control query unless one is under way or the answer of the last is no older than `age_ms`. */
void control_start(struct resolver *resolver, int64_t age_ms);
/* After control_start(): until when it is not known whether the servers are alive. 0: it is known. */
int64_t control_pending_ms(const struct resolver *resolver, int64_t now_ms);
/* Whether no server answers, as far as is known. */
bool servers_dead(const struct resolver *resolver, int64_t now_ms);

/* dns_query.c */

/* The control query has ended: lookups that have failed need not wait for it any more. */
void queries_settle(struct resolver *resolver);

#endif
