/* Cases: what is being found out right now. Internal to check.
 *
 * A case is one question under way, shared by all who ask it. Only the worker that runs it touches its facts; what
 * others may see of it stands under the lock. What it wants from the network is shared, too (flights.h): the first case
 * that wants it leads, the others are parked and hold no worker. Life of a case: queued -> run by a worker -> (parked
 * -> queued)* -> ended. */
#ifndef CHECK_CASES_H
#define CHECK_CASES_H

#include "check.h"
#include "learn.h"
#include "lock.h"
#include "obtain.h"
#include "trouble.h"
#include "workers.h"

#define CASES_BUCKETS 1024
#define CASES_REFRESH_MAX (CHECK_CASES_MAX / 2)
/* Of one client: whoever sends to many domains leaves room for others. */
#define CASES_CLIENT_PART 8 /* of the room that is left: one client's */
/* Refreshes that are open when the refresher is to wait; half of the workers serve them. */
#define CASES_DUE_MAX 512
#define CASES_STEPS_MAX 64 /* of one case; verdict_next() is bounded far below */

struct waiter {
	check_ticket ticket;
	check_done *done;
	void *arg;
	enum purpose purpose; /* of its case */
	uint64_t client;      /* who asks */
	bool tallied;         /* its verdict is counted when it is told, or the wait given up; else who waits does it */
	struct waiter *next;
};

struct flight;

struct cas {
	struct job job; /* first: a job is its case */
	struct check *check;
	struct config *config;
	struct facts facts;
	unsigned steps;
	bool asked;   /* by a front end: the domain is in use */
	bool cut_off; /* ended with the verdict so far */
	struct kept kept;
	struct flight *leading; /* a flight that was put off, else NULL */
	struct lookups lookups; /* of the want that is next */
	int64_t put_off_ms;     /* since when, of the want that is next; 0: it was not */
	unsigned put_offs;      /* how often */
	uint64_t share_of;      /* the client whose share it took last */

	/* Under the check's lock. */
	uint64_t client; /* whose share it tries first: somebody who asked, and may not wait */
	struct verdict so_far;
	struct waiter *waiters;
	struct cas *next;   /* in its bucket */
	struct cas *parked; /* next one parked in the same flight */
};

struct check {
	struct store *store;
	struct workers *workers;
	struct events *events;
	struct trouble trouble;
	struct bounds bounds;
	unsigned worker_count;
	void (*observe)(void *arg, const struct want *want, const struct facts *facts);
	void *observe_arg;

	struct lock lock;
	struct config *config GUARDED_BY(lock);
	struct cas *bucket[CASES_BUCKETS] GUARDED_BY(lock);
	struct flight *flight[CASES_BUCKETS] GUARDED_BY(lock);
	unsigned cases GUARDED_BY(lock);
	unsigned refreshing GUARDED_BY(lock); /* cases of class WORK_REFRESH */
	check_ticket last_ticket GUARDED_BY(lock);
	bool stopping GUARDED_BY(lock);
};

/* Opens a case for the question, or joins the one that is open (a refresh that joins one is not forced by it).
 * CHECK_NO_TICKET: no room. `waiter` may be NULL; else it belongs to the case from now on, and the ticket is its name.
 */
check_ticket cases_open(struct check *check, const struct question *question, enum work_class class, bool forced,
	bool asked, struct waiter *waiter);

/* Whether a case for the question is open. */
bool cases_have(struct check *check, const struct question *question);

/* Opens a case that renews what the question rests on, unless that was done a moment ago: what cannot be renewed (a
 * lookup that fails, a probe beyond the budget, a store that takes nothing) would be tried for each message. */
void cases_renew(struct check *check, const struct question *question);

/* Takes a waiter out of its case. NULL: it is not there any more. The caller frees it. */
struct waiter *cases_withdraw(struct check *check, check_ticket ticket, struct verdict *so_far);

#endif
