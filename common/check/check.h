/* The public interface of common/check: turns a question into a verdict (design 7). Facts that the store has are read
 * immediately. Other facts come from the network by inquiries, which run on event loops and hold no thread while they
 * wait. Inquiries share work: there is one inquiry per question, and one operation at a time for each wanted fact.
 *
 * A front end calls check_ask(). If check_ask() returns false and sets a ticket, the front end waits for its callback
 * or in check_wait(), or gives up with check_give_up(). All functions may be called on any thread, unless stated
 * otherwise. Callbacks are called without any lock held. */
#ifndef CHECK_CHECK_H
#define CHECK_CHECK_H

#include "config.h"
#include "events.h"
#include "hints.h"
#include "report.h"
#include "store.h"
#include "tlsrpt_outbox.h"
#include "verdict.h"

/* What a final answer of check_ask() rests on, besides the question. */
struct basis {
	bool repeats;    /* false: the answer must not be repeated; the other members are not set */
	bool dane;       /* what config_dane() returned */
	uint64_t config; /* the number of the settings' generation */
	uint64_t store;  /* the number of the store's state */
	int64_t second;  /* wall clock */
};

/* A verdict, and for a question of the map also the policy that the map's reply contains. */
struct outcome {
	struct verdict verdict;
	bool final;           /* false: this is the verdict so far, and an inquiry may find more facts */
	struct basis basis;   /* set by check_ask() */
	struct policy policy; /* PURPOSE_MAP and VERDICT_PASS only: the policy in force; mode none if there is none */
};
void outcome_free(struct outcome *outcome);

/* Called at a moment in a step of an inquiry. After STEP_ENDED the facts contain the step's result. */
enum check_moment { STEP_BEGINS, STEP_ENDED };
typedef void check_observe(void *arg, enum check_moment moment, const struct want *want, const struct facts *facts);

struct check;
struct check_options {
	struct config *config;  /* check takes a reference of its own */
	struct store *store;    /* must outlive the check */
	struct loops *loops;    /* must be running, and outlive the check */
	unsigned inquiries_max; /* inquiries that may be open at a time; beyond that there is "no room" */
	unsigned sockets_max;   /* connections to policy hosts and hops at a time; 0: as many as inquiries */
	bool background;        /* no front end waits in this process: probes get only the budget's background part */
	/* For `stsgate query`; may be NULL. Called when a step of an inquiry begins and when it has ended, on a loop, without a
	 * lock held. A step may begin more than once before it ends: when limits delay it, it is begun anew. If it is set,
	 * check_ask() starts an inquiry even where the store could answer at once. */
	check_observe *observe;
	void *observe_arg;
};
/* Returns NULL, with the reason in `why`, if the store's writer thread cannot be started. */
struct check *check_new(const struct check_options *options, struct failure *why);
/* Starts the thread that looks up revocations, by the setting `revocation`: see revocations.h. Without it, the check only uses
 * what the store knows. Returns false on failure (EX_OSERR). */
bool check_look_up_revocations(struct check *check, struct failure *why);
/* Sets a callback for the addresses of the hops that are probed (`stsgate query`): it is called when a probe
 * of a hop has ended, for each known address, on a loop, without a lock held. `seen` is what a probe saw there; NULL: the
 * address was not probed. Call this function before the first question. */
typedef void check_dialled(void *arg, const struct want *want, const char *address, const struct evidence *seen);
void check_on_dialled(struct check *check, check_dialled *dialled, void *arg);
/* Cancels all work: open inquiries end with the verdict so far, and their waiters are answered. Waits until all
 * inquiries have ended. Never call this on a loop. */
void check_free(struct check **check);
/* Sets the configuration for new inquiries. Open inquiries keep the old one. */
void check_reconfigure(struct check *check, struct config *config);
/* Returns a reference to the current configuration, which the caller drops with config_unref(). */
struct config *check_config(struct check *check);

/* See events_listen(). Call it before the first question. */
void check_listen(struct check *check, events_heard *heard, void *arg);
/* Sets where the sessions of TLS reports go that this relay observes itself (design 7.27); see tlsrpt_sink. Call it before the
 * first question. Without a sink there are none. */
void check_on_session(struct check *check, tlsrpt_sink *sink, void *arg);
/* Sets whom inquiries ask for hints (hints.h). Call it before the first question. The source must outlive the check, and answers at
 * once when the check is to be freed. */
void check_on_hints(struct check *check, const struct hints_source *source);
/* Notes an event for a front end; see events_note(). */
void check_event(struct check *check, enum event_kind kind, const char *domain, const char *detail);

/* Notes the event next-hop-unreadable if the verdict is to defer because `asked` cannot be read as a next hop. `asked` is
 * untrusted. */
void check_next_hop(struct check *check, const struct verdict *verdict, const char *frontend, struct span asked);

/* Call this once for each verdict that a front end acts on. Logs the verdict, by the setting log_verdicts, and records it
 * for `stsgate why` if it delays mail, would without mode = monitor, or the mail fails its policy. Never waits. `logged`
 * (may be NULL) belongs to the message: mail that passes unchecked is logged once per message and domain.
 *
 * The map logs a domain and a reason at most once in LIMITS_MAP_LINE_MS, unless log_verdicts = all: the MTA asks for each
 * message that waits. */
void check_verdict_seen(struct check *check, const struct verdict_seen *seen, struct verdict_logged *logged);
/* Call this for each verdict that a front end acts on, also where check_verdict_seen() is not called, or is called once for
 * several recipients: counts what becomes of the mail while there is a sign of an attack on the domain. Never waits. */
void check_verdict_acted(struct check *check, const struct verdict_seen *seen);
/* Returns whether there is a sign of an attack on any domain: otherwise check_verdict_acted() does nothing. Costs one
 * atomic read. */
bool check_follows_signs(struct check *check);
/* Writes verdicts that were recorded into the store. The refresher calls this every VERDICTS_TICK_MS. Waits for the
 * store. */
void check_write_verdicts(struct check *check);

/* Notes a stored time (wall-clock seconds). It was not ahead of the clock when it was stored, so if it is ahead now,
 * the clock is wrong. `of` names what has this time, for people: "the store's file". Check notes the times of entries
 * itself. */
void check_time_seen(struct check *check, int64_t at, const char *of);

/* --- asking ------------------------------------------------------------------------------------------------------- */

typedef uint64_t check_ticket; /* a number that is never used twice */
#define CHECK_NO_TICKET 0
/* Called once, on a loop. The outcome belongs to check, but the callback may move the policy out of it. */
typedef void check_done(void *arg, struct outcome *outcome);

/* Answers from the store, in one read transaction and without waiting for the network. Old facts are renewed in the
 * background.
 *
 * Returns true if `out` is final. Otherwise `out` is the verdict so far, and an inquiry looks for more facts if there
 * is room for it. The caller may wait for the inquiry only if `*ticket` was set to something other than CHECK_NO_TICKET
 * (set it to CHECK_NO_TICKET before the call). That happens if waiting can help and there is room. Otherwise the caller
 * acts on `out`. Pass `ticket` as NULL if you cannot wait.
 *
 * A wait ends when check calls `done`, when check_wait() returns (only with `done` NULL), or when the caller calls
 * check_give_up(). If the inquiry was cut off or the store failed meanwhile, a policy that applies in `out` still
 * applies in the verdict of the wait.
 *
 * Each verdict is counted once: here if there is no ticket, else when the wait ends. */
bool check_ask(struct check *check, const struct question *question, check_done *done, void *arg, check_ticket *ticket,
	struct outcome *out);
/* Returns whether check_ask() would give the answer to this question that it gave before, because all that the answer rests on
 * is the same. If so, it has done everything else that check_ask() does: the caller acts on the verdict as if check_ask()
 * had returned it now. Otherwise it has done nothing. `config` is what check_config() has just returned. Costs much less
 * than check_ask(). Never waits. */
struct answer_before {
	const struct question *question;
	const struct basis *basis;
	const struct verdict *verdict;
};
bool check_ask_again(struct check *check, const struct config *config, const struct answer_before *before);
/* Opens an inquiry that looks up everything again, whatever its age, as a forced check_refresh() does, and sets the ticket
 * of check_wait(). For an operator's single question. If there is no room, the ticket is CHECK_NO_TICKET; `out` is then the
 * verdict so far. */
void check_ask_anew(struct check *check, const struct question *question, check_ticket *ticket, struct outcome *out);
/* Waits for the answer, until `deadline_ms` (monotonic clock). After the deadline `out` is the verdict so far, and the
 * inquiry continues in the background. Ends the ticket. */
void check_wait(struct check *check, check_ticket ticket, int64_t deadline_ms, struct outcome *out);
/* Gives up a wait; the inquiry continues in the background. Returns true if `done` will not be called; `out` is then the
 * verdict so far. Returns false, with an empty `out`, if `done` has been called, is being called, or the ticket has
 * ended. */
bool check_give_up(struct check *check, check_ticket ticket, struct outcome *out);

/* --- for the refresher and the gauges ----------------------------------------------------------------------------- */

enum check_refreshed {
	CHECK_REFRESH_BEGUN,
	CHECK_REFRESH_UNDER_WAY, /* a refresh has begun already, or the name cannot be a policy domain */
	CHECK_REFRESH_NO_ROOM    /* too many refreshes or inquiries are open: try again later */
};
/* Starts a refresh of a stored domain. `forced`: everything is looked up again, whatever its age. */
enum check_refreshed check_refresh(struct check *check, const char *domain, bool forced);

/* The refresher calls this at the end of each round. `store_read` is true if the refresher could read the store;
 * otherwise `why` has the reason. Begins and ends lasting conditions, ends overrides whose time is over, and writes
 * events that are due into the store. Waits for the store. */
void check_round_ended(struct check *check, bool store_read, const struct failure *why);

/* Begins the condition fleet-unreachable (`works` is false), or ends it. `detail` is for the event and printable. Never waits. */
void check_shares(struct check *check, bool works, const char *detail);

struct check_load {
	unsigned loops;     /* event loops */
	unsigned busy;      /* event loops that are running a job */
	unsigned inquiries; /* open inquiries */
};
struct check_load check_load(struct check *check);

#endif
