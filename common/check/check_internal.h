/* What the files of check share. Internal to check.
 *
 * An inquiry is one question that is being answered, shared by all who ask it. It belongs to one event loop, and only
 * that loop's thread touches its facts; what others may see of it stands under the check's lock. What it wants from the
 * network is shared, too: the first inquiry that wants something leads a flight, the others are parked in it.
 * Life of an inquiry: queued -> runs -> (waits, or is parked -> queued)* -> ended. */
#ifndef CHECK_CHECK_INTERNAL_H
#define CHECK_CHECK_INTERNAL_H

#include "check.h"
#include "conditions.h"
#include "load_save.h"
#include "lock.h"
#include "obtain.h"
#include "runner.h"

#define INQUIRY_BUCKETS 4096
#define INQUIRY_STEPS_MAX 64  /* of one inquiry; verdict_next() is bounded far below */
#define CLIENT_PART 8         /* of the room that is left in the table: one client's part */
#define REFRESHES_DUE_MAX 512 /* refreshes that are open when the refresher is to wait */

/* Somebody who waits for an inquiry. */
struct waiter {
	check_ticket ticket;
	struct inquiry *inquiry; /* NULL once it has been answered */
	struct verdict fresh;    /* what check_ask() said: the answer never says less */
	enum purpose purpose;
	check_done *done; /* NULL: a thread waits in check_wait() */
	void *arg;
	bool answered; /* `outcome` is there, for check_wait() */
	struct outcome outcome;
	struct signal_cond answer;
	struct waiter *next;   /* of the same inquiry */
	struct waiter *bucket; /* in check->waiter */
};

/* What is being asked of the network, and who waits for it. */
struct flight {
	struct want want;
	struct inquiry *parked;
	struct flight *next; /* in its bucket */
};

enum phase {
	PHASE_JUDGE,  /* the next step of verdict_next() */
	PHASE_OBTAIN, /* what it wants, as the leader of a flight */
	PHASE_SAVED,  /* what it found has been written */
	PHASE_TELL    /* the verdict is final */
};

struct inquiry {
	struct job job; /* first: a job is its inquiry */
	struct check *check;
	struct desk *desk;
	struct config *config;
	struct facts facts;
	enum phase phase;
	unsigned steps;
	bool asked;   /* by a front end: the domain is in use */
	bool asleep;  /* waits for an operation or for the timer; on the loop's thread only */
	bool cut_off; /* ended with the verdict so far */
	bool ending;  /* the verdict is final, or cut off */
	struct verdict verdict;
	unsigned renew; /* RENEW_ bits of the verdict */
	struct flight *leading;
	struct attempt attempt; /* at what it wants */
	struct loop_timer *timer;
	struct save save; /* what it found and has not written yet */
	bool landing;     /* its flight ends when what it found is in the store */
	bool answered;    /* what it wanted while it was parked has been given to it */
	bool told;        /* its waiters have been answered */
	bool housekept;   /* use and due time have been written */

	/* Under the check's lock. */
	struct verdict so_far;
	struct waiter *waiters;
	struct inquiry *next;   /* in its bucket */
	struct inquiry *parked; /* next one parked in the same flight */
};

/* What check has of one event loop. */
struct desk {
	struct check *check;
	struct runner *runner;
	struct fetch_line *fetches;
	struct probe_line *probes;
	struct loop_task stop; /* wakes up the desk's inquiries, which then end */
	struct loop_task end;  /* ends the desk */
};

struct check {
	struct store *store;
	struct events *events;
	struct conditions conditions;
	struct bounds bounds;
	unsigned inquiries_max;
	unsigned desk_count;
	struct desk *desk;
	void (*observe)(void *arg, const struct want *want, const struct facts *facts);
	void *observe_arg;

	struct lock lock;
	struct signal_cond idle; /* no inquiry is open, or a desk has ended */
	struct config *config GUARDED_BY(lock);
	struct inquiry *bucket[INQUIRY_BUCKETS] GUARDED_BY(lock);
	struct flight *flight[INQUIRY_BUCKETS] GUARDED_BY(lock);
	struct waiter *waiter[INQUIRY_BUCKETS] GUARDED_BY(lock);
	unsigned inquiries GUARDED_BY(lock);
	unsigned refreshing GUARDED_BY(lock); /* inquiries of class WORK_REFRESH */
	unsigned desks_open GUARDED_BY(lock);
	check_ticket last_ticket GUARDED_BY(lock);
	bool stopping GUARDED_BY(lock);
};

/* --- inquiries.c: the tables. Any thread -------------------------------------------------------------------------- */

/* How an inquiry is opened. */
struct opening {
	const struct question *question;
	enum work_class class;
	bool forced;
	bool asked;
	/* What is known already, and the config by whose rules; taken over by a new inquiry. NULL: nothing. */
	struct facts *facts;
	struct config *config;
	struct waiter *waiter; /* NULL: nobody waits */
};
/* Opens an inquiry, or joins the one that is open (a refresh that joins one is not forced by it). Returns the waiter's
 * ticket; CHECK_NO_TICKET: there is no room. */
check_ticket inquiries_open(struct check *check, const struct opening *opening);
bool inquiries_have(struct check *check, const struct question *question);
/* Opens an inquiry that renews what the question rests on, unless that was done a moment ago: what cannot be renewed (a
 * lookup that fails, a probe beyond the budget, a store that takes nothing) would be tried for each message. */
void inquiries_renew(struct check *check, const struct question *question);
/* The inquiry is closed: nobody joins it any more. Answers all who wait. */
void inquiry_answer(struct inquiry *inquiry);
void inquiry_free(struct inquiry *inquiry);
/* Wakes up what waits on this desk, so that it ends. On the desk's loop. */
void inquiries_stop(struct desk *desk);

struct waiter *waiter_new(check_done *done, void *arg, enum purpose purpose, const struct verdict *fresh);
void waiter_free(struct waiter *waiter); /* out of all tables */
struct waiter *waiter_find(struct check *check, check_ticket ticket) REQUIRES(check->lock);
/* Takes the waiter out of its inquiry and of the table; `out` is the answer, or the verdict so far. */
void waiter_leave(struct check *check, struct waiter *waiter, struct outcome *out) REQUIRES(check->lock);

/* True: the inquiry leads the flight for this want from now on. False: it is parked in another inquiry's flight, and is
 * that inquiry's until it is resumed. */
bool flight_join(struct inquiry *inquiry, const struct want *want);
/* Ends the flight unless somebody is parked in it. */
bool flight_land_alone(struct inquiry *inquiry);
/* Ends the flight; the inquiries that were parked in it belong to the caller. */
struct inquiry *flight_land(struct inquiry *inquiry);
/* Ends a flight that brought nothing: all who were parked look for themselves again. */
void flight_drop(struct inquiry *inquiry);

/* --- inquiry.c: one inquiry, run to its end ----------------------------------------------------------------------- */

void inquiry_run(struct job *job);
/* Somebody may wait for it; what a front end begins in the background is a refresh. */
bool inquiry_is_asked(const struct inquiry *inquiry);
/* The store has been read for the entry. */
void inquiry_know_entry(struct inquiry *inquiry);
/* Resumes it if it waits. On its loop. */
void inquiry_wake(struct inquiry *inquiry);

#endif
