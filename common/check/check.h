/* The shell: turns a question into a verdict by the one loop of design 1. Facts come from the store at once, or from the
 * network by inquiries, which run on the event loops and hold no thread while they wait. Work under way is shared: one
 * inquiry for a question, one lookup at a time for a name. Any thread; no callback of a front end is called with a lock
 * held. */
#ifndef CHECK_CHECK_H
#define CHECK_CHECK_H

#include "config.h"
#include "store.h"
#include "verdict.h"

/* A verdict, and for the map the policy to render. */
struct outcome {
	struct verdict verdict;
	bool final;           /* false: the verdict so far; more is being found out */
	struct policy policy; /* purpose map and VERDICT_PASS: the policy in force, with its text; owned */
};
void outcome_free(struct outcome *outcome);

struct check;
struct check_options {
	struct config *config;  /* a reference is taken */
	struct store *store;    /* outlives the check */
	struct loops *loops;    /* running; outlive the check */
	unsigned inquiries_max; /* open at a time; beyond it there is "no room" */
	unsigned sockets_max;   /* connections to policy hosts and mail hosts at a time; 0: as many as inquiries */
	bool background;        /* no front end waits: probes leave the others their part of the budget */
	/* For `stsgate query`: called after each step of each inquiry, on a loop, with no lock held. check_ask() then
	 * begins an inquiry even when the store could answer at once. May be NULL. */
	void (*observe)(void *arg, const struct want *want, const struct facts *facts);
	void *observe_arg;
};
struct check *check_new(const struct check_options *options, struct failure *why);
/* Cancels what is under way: open inquiries end with the verdict so far. Not on a loop. */
void check_free(struct check **check);
/* Inquiries that have begun go on with the old configuration. */
void check_reconfigure(struct check *check, struct config *config);
/* Returns a reference that the caller owns. */
struct config *check_config(struct check *check);

/* Notes something an operator should know (events.h), for a front end. */
void check_event(struct check *check, enum event_kind kind, const char *domain, const char *detail);

/* Notes an event when the verdict is to wait because `asked`, untrusted bytes, cannot be read as a next hop. */
void check_next_hop(struct check *check, const struct verdict *verdict, const char *frontend, struct span asked);

/* Notes a time that was not ahead of the clock when it was written, and what it is `of`: if it is ahead now, the clock
 * is wrong. Check itself looks at the times in the store. */
void check_time_seen(struct check *check, int64_t at, const char *of);

/* --- asking ------------------------------------------------------------------------------------------------------- */

typedef uint64_t check_ticket; /* a number that never comes again */
#define CHECK_NO_TICKET 0
/* Called once, on a loop. The outcome belongs to check; the function may move the policy out of it. */
typedef void check_done(void *arg, struct outcome *outcome);

/* Answers from the store: one read transaction, no waiting. Queues renewals of what is old.
 * True: `out` is final. False: `out` is the verdict so far, and an inquiry finds out more. If more is worth waiting for
 * and there is room, `*ticket` stands for the wait, which ends in one of three ways: `done` is called; or, when `done`
 * is NULL, the caller calls check_wait(); or the caller gives up by check_give_up(). Without a ticket `out` is the answer
 * to act on. `ticket` NULL: the caller does not wait. No wait ever ends with less than `out` says.
 * A verdict is counted once: here when there is no ticket, else when the wait ends. */
bool check_ask(struct check *check, const struct question *question, check_done *done, void *arg, check_ticket *ticket,
	struct outcome *out);
/* Waits until the answer is there or `deadline_ms` (monotonic clock) has passed; then `out` is the verdict so far and the
 * inquiry goes on in the background. Ends the ticket. */
void check_wait(struct check *check, check_ticket ticket, int64_t deadline_ms, struct outcome *out);
/* Gives up waiting; the inquiry goes on in the background. True: `done` will not be called and `out` holds the verdict
 * so far. False: `done` has been called or is being called, and `out` is empty. An old ticket does no harm. */
bool check_give_up(struct check *check, check_ticket ticket, struct outcome *out);

/* Queues a refresh of a stored domain; `forced`: everything anew, whatever its age. */
enum check_refreshed {
	CHECK_REFRESH_BEGUN,
	CHECK_REFRESH_UNDER_WAY, /* already; or there is no policy domain */
	CHECK_REFRESH_NO_ROOM    /* so many refreshes or inquiries are open that this one must come later */
};
enum check_refreshed check_refresh(struct check *check, const char *domain, bool forced);

/* The refresher calls this once a round: whether it could read the store to look for what is due, and if not, why.
 * Events that wait for their minute are written here at the latest. */
void check_round_told(struct check *check, bool store_read, const struct failure *why);

struct check_load {
	unsigned loops, busy; /* event loops, and those that are at work */
	unsigned inquiries;   /* open */
};
struct check_load check_load(struct check *check);

#endif
