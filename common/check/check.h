/* The shell: turns a question into a verdict by the one loop of design 1. Facts come from the store at once, or from
 * the workers. Whoever asks at a front end never fetches; work in flight is shared: one case per question, one want at
 * a time for one name. Any thread; no callback of a front end is called with a lock held. */
#ifndef CHECK_CHECK_H
#define CHECK_CHECK_H

#include "config.h"
#include "store.h"
#include "verdict.h"

#define CHECK_CASES_MAX 8192 /* cases open at a time; the next is "no worker free" */

/* A verdict, and for the map the policy to render. */
struct outcome {
	struct verdict verdict;
	bool final;           /* false: the verdict so far; more is being found out */
	struct policy policy; /* purpose map and VERDICT_PASS: the policy in force, with its text; owned */
};
void outcome_free(struct outcome *outcome);

struct check;
struct check_options {
	struct config *config; /* a reference is taken */
	struct store *store;   /* outlives the check */
	unsigned workers;
	bool background; /* no front end waits: probes leave the others their part of the budget */
	/* Told after each step of each case, off the lock, by the thread that took it: for `stsgate query`. May be
	 * NULL. */
	void (*observe)(void *arg, const struct want *want, const struct facts *facts);
	void *observe_arg;
};
struct check *check_new(const struct check_options *options, struct failure *why);
void check_free(struct check *
		*check); /* lets running steps end, then joins the workers; open cases end with the verdict so far */
void check_reconfigure(struct check *check, struct config *config); /* cases begun go on with the old one */
struct config *check_config(struct check *check);                   /* a reference of the caller's own */

/* Something an operator should know, noted by a front end (events.h). */
void check_event(struct check *check, enum event_kind kind, const char *domain, const char *detail);

/* A time that was not ahead of the clock when it was written, and what it is `of`: should it be now, the clock is
 * wrong. Times in the store are looked at by check itself. */
void check_time_seen(struct check *check, int64_t at, const char *of);

/* A verdict from the store: one read transaction, no waiting. Queues renewals. Fills `out` always; true when it is
 * final. */
bool check_fresh(struct check *check, const struct question *question, struct outcome *out);

/* Starts finding out. `done` is called once, by a worker, unless check_abandon() comes first. CHECK_NO_TICKET: no room;
 * say the verdict so far of check_fresh(), and count it (tally.h). The outcome belongs to check; `done` may move the
 * policy out of it. */
typedef uint64_t check_ticket;
#define CHECK_NO_TICKET 0
typedef void check_done(void *arg, struct outcome *outcome);
check_ticket check_start(struct check *check, const struct question *question, check_done *done, void *arg);
/* Gives up waiting; the case goes on in the background. True: `done` will not be called and `out` holds the verdict so
 * far. False: `done` has been called or is being called. Tickets are numbers that never come again, so an old one does
 * no harm. */
bool check_abandon(struct check *check, check_ticket ticket, struct outcome *out);

/* check_fresh(), then a wait of at most `wait_ms` when that is worth it. `before_wait` is called once, just before it
 * (a milter nudges libmilter there: spec milter-facts 7); may be NULL. */
void check_domain(struct check *check, const struct question *question, int wait_ms, void (*before_wait)(void *),
	void *arg, struct outcome *out);

/* Queues a refresh of a stored domain; `forced`: everything anew, whatever its age. */
enum check_refreshed {
	CHECK_REFRESH_BEGUN,
	CHECK_REFRESH_UNDER_WAY, /* already; or what is no policy domain */
	CHECK_REFRESH_NO_ROOM    /* so many refreshes are open, or cases at all, that this one is to come later */
};
enum check_refreshed check_refresh(struct check *check, const char *domain, bool forced);

/* Told by whoever looks for what is due, once a round: whether the store could be read for that, and if not, why.
 * Events that wait for their minute are written here at the latest. */
void check_round_told(struct check *check, bool store_read, const struct failure *why);

struct check_load {
	unsigned workers, busy; /* threads, and those that are at work */
	unsigned cases;         /* open */
};
struct check_load check_load(struct check *check);

#endif
