/* What check.c, inquiries.c and inquiry.c share. Internal to check.
 *
 * An inquiry is the work that answers one question, shared by all callers who ask it. It belongs to one event loop.
 * Only that loop's thread touches its facts; what other threads may see is guarded by the check's lock. Remote
 * operations are shared, too: the first inquiry that wants a fact leads a flight, and other inquiries that want the
 * same fact are parked in the flight until it ends.
 *
 * Life of an inquiry: queued -> runs -> (sleeps, or is parked -> queued)* -> ended. */
#ifndef CHECK_CHECK_INTERNAL_H
#define CHECK_CHECK_INTERNAL_H

#include "check.h"
#include "conditions.h"
#include "load_save.h"
#include "lock.h"
#include "movements.h"
#include "obtain.h"
#include "overrides.h"
#include "revocations.h"
#include "runner.h"
#include "signs.h"
#include "stories.h"
#include "tlsrpt_own.h"
#include "turns.h"
#include "verdicts.h"

#define INQUIRY_BUCKETS 4096
#define INQUIRY_STEPS_MAX 64  /* limit for one inquiry; verdict_next() needs far fewer */
#define CLIENT_PART 8         /* one client may hold 1/8 of the places that are free in the table */
#define REFRESHES_DUE_MAX 512 /* while this many refreshes are open, the refresher must wait */

/* A caller that waits for an inquiry. */
struct waiter {
	check_ticket ticket;
	struct inquiry *inquiry; /* NULL once the waiter has been answered */
	struct verdict at_ask;   /* the verdict that check_ask() returned; see never_less() */
	enum purpose purpose;
	check_done *done; /* NULL: a thread waits in check_wait() */
	void *arg;
	bool answered; /* `outcome` is ready for check_wait() */
	struct outcome outcome;
	struct signal_cond answer;
	struct waiter *next;   /* the next waiter of the same inquiry */
	struct waiter *bucket; /* the next waiter in the same bucket of check->waiter */
};

/* A remote operation, and the inquiries that need its result. */
struct flight {
	struct want want;
	struct inquiry *parked;
	bool asked;          /* a front end asked one of these inquiries */
	struct flight *next; /* the next flight in the same bucket */
};

enum phase {
	PHASE_JUDGE,  /* take the next step of verdict_next() */
	PHASE_HINTED, /* a question for a hint has ended; as the leader of a flight, except after a failed fetch */
	PHASE_OBTAIN, /* obtain the wanted fact, as the leader of a flight */
	PHASE_SAVED,  /* the attempt to write what was found has ended */
	PHASE_ANSWER  /* the verdict is final */
};

struct inquiry {
	struct job job; /* first, so that a job can be cast to its inquiry */
	struct check *check;
	struct desk *desk;
	struct config *config;
	struct facts facts;
	enum phase phase;
	unsigned steps;
	/* The override that applied when the inquiry was opened. Only questions under the same one share the inquiry. */
	enum override_kind override;
	int64_t override_at; /* when that override began */
	bool asked;          /* a front end asked, so the domain is in use */
	bool asleep;         /* waits for an operation or for the timer; used on the loop's thread only */
	bool cut_off;        /* ended with the verdict so far */
	bool ending;         /* the verdict is final, or the inquiry was cut off */
	struct verdict verdict;
	unsigned renew; /* RENEW_ bits of the verdict */
	struct flight *leading;
	struct attempt attempt; /* to obtain the wanted fact */
	struct loop_timer *timer;
	struct hint_ask hint;
	bool hint_entry, hint_fetch, hint_last; /* asked for already: before the record, before the fetch, after it */
	uint64_t hint_hops;                     /* the same for hops: a bit for each index in facts.hop */
	struct want reread;      /* a hint has changed this in the store: WANT_ENTRY, WANT_EVIDENCE, or WANT_NOTHING */
	struct signs_held signs; /* found on the way, and not noted yet */
	struct save save;        /* what was found and is not written yet */
	struct seen_hops seen;   /* the hops that were probed meanwhile, and their addresses */
	bool landing;            /* the flight ends when what was found is in the store */
	bool received;           /* got the result of the flight in which it was parked */
	bool waiters_answered;   /* its waiters have their outcome */
	bool housekept;          /* the last write, with the entry's use and due time, has been tried */

	/* Guarded by the check's lock. */
	struct verdict so_far;
	struct waiter *waiters;
	struct inquiry *next;   /* the next inquiry in the same bucket */
	struct inquiry *parked; /* the next inquiry that is parked in the same flight */
};

/* What check keeps for one event loop. */
struct desk {
	struct check *check;
	struct loop *loop;
	struct runner *runner;
	struct fetch_line *fetches;
	struct probe_line *probes;
	struct outbox *outbox; /* NULL: there is no sink for sessions */
	struct loop_task stop; /* wakes the desk's inquiries, which then end */
	struct loop_task end;  /* frees the members above */
};

struct check {
	struct store *store;
	struct events *events;
	struct signs *signs;
	struct stories *stories; /* NULL: no front end asks in this process */
	struct verdicts *verdicts;
	struct overrides *overrides;
	struct revocations *revocations;
	struct conditions conditions;
	struct turns *turns;
	struct tlsrpt_own *own; /* set before the first question; NULL: there is no sink for sessions */
	struct bounds bounds;
	struct hints_source hints; /* set before the first question; `ask` is NULL: there is none */
	unsigned inquiries_max;
	unsigned desk_count;
	struct desk *desk;
	check_observe *observe;
	void *observe_arg;
	obtain_dialled *dialled; /* set before the first question */
	void *dialled_arg;

	struct lock config_lock; /* no other lock is taken while it is held */
	struct config *config GUARDED_BY(config_lock);

	struct lock lock;
	struct signal_cond idle; /* signalled when no inquiry is open, or when a desk has ended */
	struct inquiry *bucket[INQUIRY_BUCKETS] GUARDED_BY(lock);
	struct flight *flight[INQUIRY_BUCKETS] GUARDED_BY(lock);
	struct waiter *waiter[INQUIRY_BUCKETS] GUARDED_BY(lock);
	unsigned inquiries GUARDED_BY(lock);
	unsigned refreshing GUARDED_BY(lock); /* inquiries of class WORK_REFRESH */
	unsigned desks_open GUARDED_BY(lock);
	check_ticket last_ticket GUARDED_BY(lock);
	bool stopping GUARDED_BY(lock);
};

/* --- inquiries.c: the tables. Any thread, unless stated otherwise ------------------------------------------------- */

/* How an inquiry is opened. */
struct opening {
	const struct question *question;
	enum work_class class;
	bool forced; /* an operator's refresh or query: look up everything again */
	bool asked;  /* a front end asked */
	bool again;  /* the map was asked again within minutes (facts.again) */
	/* Facts that are known already (NULL: none), which a new inquiry takes over, and the configuration whose rules
	 * apply (NULL: the current one). */
	struct facts *facts;
	struct config *config;
	struct waiter *waiter; /* NULL: nobody waits */
};
/* Opens an inquiry, or joins the one that is open for the same question under the same override. `forced` does not affect an inquiry that is
 * open already. Returns the waiter's ticket, or CHECK_NO_TICKET if there is no room; the waiter then still belongs to
 * the caller. */
check_ticket inquiries_open(struct check *check, const struct opening *opening);
bool inquiries_have(struct check *check, const struct question *question);
/* Opens an inquiry that renews the facts behind the answer to a question, unless this was done for the same domain and
 * port less than LIMITS_RENEWAL_MS ago. Without this pause each message would try again to renew a fact that cannot be
 * renewed (a failing lookup, a probe beyond the budget, a store that accepts nothing). */
void inquiries_renew(struct check *check, const struct question *question);
/* Call this when the map has bound a delivery to an enforce policy. If it did so for the same domain and port minutes ago,
 * the delivery has probably failed: opens an inquiry that probes the mail hosts in the background (design 4.16). */
void inquiries_bound(struct check *check, const struct question *question);
/* Closes the inquiry, so that nobody can join it any more, and answers its waiters. On its loop. */
void inquiry_answer(struct inquiry *inquiry);
void inquiry_free(struct inquiry *inquiry);
/* Wakes all sleeping inquiries of this desk, so that they end. On the desk's loop. */
void inquiries_stop(struct desk *desk);

/* Counts a verdict that a front end acts on, and the use of an override. */
void verdict_count(struct check *check, enum purpose purpose, const struct verdict *verdict);

/* The waiter must be out of all tables. */
void waiter_free(struct waiter *waiter);
/* Takes the waiter out of its inquiry and out of the table. `out` is the answer, or the verdict so far. */
void waiter_leave(struct check *check, struct waiter *waiter, struct outcome *out) REQUIRES(check->lock);

/* If no flight for this want is under way, makes the inquiry the leader of a new one and returns true. Otherwise parks
 * the inquiry in the flight and returns false. A parked inquiry belongs to the leader until the leader resumes it. */
bool flight_join(struct inquiry *inquiry, const struct want *want);
/* Returns whether a front end asked this inquiry or one that is parked in its flight. */
bool flight_is_asked(struct inquiry *inquiry);
/* Ends the flight and returns true if nobody is parked in it; else changes nothing and returns false. */
bool flight_land_alone(struct inquiry *inquiry);
/* Ends the flight and returns the inquiries that were parked in it. They belong to the caller now. */
struct inquiry *flight_land(struct inquiry *inquiry);
/* Ends a flight without a result and resumes the parked inquiries, which then try for themselves. They first read again what
 * `reread` (may be NULL) names. */
void flight_drop(struct inquiry *inquiry, const struct want *reread);

/* --- inquiry.c: one inquiry. On its loop, unless stated otherwise ------------------------------------------------- */

/* Runs the inquiry until it sleeps, is parked, or has ended. */
void inquiry_run(struct job *job);
/* Returns whether somebody may wait for the inquiry: a front end or an operator. Nobody waits for a refresh that a
 * front end has started in the background. Any thread. */
bool inquiry_is_asked(const struct inquiry *inquiry);
/* Call this when the entry has been read into the facts. May also be called on the thread that opens the inquiry. */
void inquiry_know_entry(struct inquiry *inquiry);
/* Resumes the inquiry if it sleeps. */
void inquiry_wake(struct inquiry *inquiry);

/* --- inquiry_hints.c: asks other relays of the site. On the inquiry's loop ---------------------------------------- */

/* Returns whether the inquiry should ask for a hint before it obtains `want`; WANT_NOTHING: before its verdict is final. Each hint
 * is asked for once. What it has found must be in the store before. */
bool hint_is_due(const struct inquiry *inquiry, const struct want *want);
/* Asks. Returns false if there is nobody to ask; else the inquiry continues in PHASE_HINTED. */
bool hint_ask(struct inquiry *inquiry, const struct want *want);
/* Ends the question. Returns whether the store has something new: the inquiry and those that are parked in its flight then read it
 * again. */
bool hint_end(struct inquiry *inquiry);
/* Tells other relays what the results in `save` show. Call it when they have been written. */
void hints_tell(const struct inquiry *inquiry);

#endif
