/* What the parts of dns_unbound.c share: lookups under way, and the control query. */
#ifndef IO_DNS_INTERNAL_H
#define IO_DNS_INTERNAL_H

#include "dns.h"
#include "dns_trial.h"
#include "lock.h"

#include <pthread.h>
#include <unbound.h>

#define CONTROL_AGE_MS 5000 /* an older answer of the control query is not believed */

enum validation {
	VALIDATION_UNDECIDED, /* no trial has been answered yet */
	VALIDATION_WORKS,
	VALIDATION_OFF
};

/* Of libunbound. One that failed goes with the last lookup that is being handed to it at that moment. */
struct context {
	struct ub_ctx *ub;
	unsigned users; /* under dns->lock, as what follows */
	bool failed;
};

struct dns {
	struct dns_options options;
	/* Set by dns_new() and the collector alone. */
	struct context *plain, *validating;
	int64_t rebuilt_ms, rebuild_wait_ms; /* the collector's */
	bool warned;                         /* that nothing is validated; the collector's, once that runs */
	struct trial *trial;                 /* the collector's, once that runs */
	pthread_t collector;
	bool collecting;
	int wake_fd;
	struct lock lock;
	struct signal_cond control_done, trial_done;
	bool stopping GUARDED_BY(lock);
	struct context *current GUARDED_BY(lock); /* which lookups use; NULL: libunbound failed */
	enum validation validation GUARDED_BY(lock);
	bool trial_wanted GUARDED_BY(lock);
	bool trial_ended GUARDED_BY(lock);         /* one, at least */
	int64_t trial_asked_ms GUARDED_BY(lock);   /* the last one */
	int64_t trial_wait_ms GUARDED_BY(lock);    /* before the next */
	struct request *pending GUARDED_BY(lock);  /* those that libunbound holds */
	int64_t answered_at_ms GUARDED_BY(lock);   /* any good answer, also from libunbound's cache */
	int64_t control_sent_ms GUARDED_BY(lock);  /* 0: never */
	int64_t control_ended_ms GUARDED_BY(lock); /* before control_sent_ms: under way */
	bool control_good GUARDED_BY(lock);
	bool control_ever_good GUARDED_BY(lock);
};

/* All fields below `ctx` are under dns->lock; once finished, it changes no more. */
struct request {
	struct dns *dns;
	struct context *ctx;             /* NULL: there is none */
	struct request *previous, *next; /* in dns->pending */
	int references;                  /* libunbound's and the caller's, who has sent it */
	bool control;
	bool finished;
	int error;
	struct ub_result *result;
	struct signal_cond done;
};

/* A request that the caller holds, too, and drops in the end. */
struct request *dns_request_start(struct dns *dns, const char *name, int type);
bool dns_request_wait(struct request *request, int64_t deadline_ms); /* whether it has finished */
void dns_request_drop(struct request *request);
bool dns_request_good(const struct request *request); /* of a finished one */
/* Ends all that it was given, as broken, and gives it up. */
void dns_context_fail(struct dns *dns, struct context *ctx);
/* Those that libunbound was given and has forgotten without a word. */
void dns_requests_forget(struct dns *dns);

/* Sends a control query unless one is under way or its answer is no older than `age_ms`. */
void dns_control_start(struct dns *dns, int64_t age_ms);
/* After a failed lookup: whether it is no fault of the domain. Waits until `until_ms` for the control query, and is told
 * by what there is when the lookup's deadline has passed. */
enum resolver_state { RESOLVER_UNTOLD, RESOLVER_ALIVE, RESOLVER_DEAD };
enum resolver_state dns_resolver_state(struct dns *dns, int64_t until_ms, int64_t deadline_ms);

#endif
