/* Hints: what other relays of the same site know. An inquiry may ask for a hint before it asks strangers. Check knows only this
 * hook; common/fleet implements it. Without a source nothing is asked.
 *
 * A hint never reaches an inquiry itself. The source puts into the store what the rule of trust allows (core/fleet_trust.h), and the
 * inquiry then reads its facts from the store again and goes on judging. So a source that is slow, empty or lying cannot change a
 * verdict for the worse. */
#ifndef CHECK_HINTS_H
#define CHECK_HINTS_H

#include "domain.h"
#include "loop.h"

enum hint_kind {
	HINT_ENTRY, /* the policy of the domain `name`: before its record is looked up, and after a fetch that has failed */
	/* The same before the policy is fetched, and the turn to fetch it: while another relay fetches it, the source waits for its
	 * result, until `until_ms`. */
	HINT_FETCH,
	HINT_HOP, /* evidence about the mail host (`name`, `port`), before it is probed */
	HINT_KINDS
};

/* How a question ends, as the metrics count it. */
enum hint_outcome {
	HINT_LATE,    /* no answer in time, or the shared store cannot be reached */
	HINT_NONE,    /* nobody has written a value */
	HINT_IGNORED, /* what is there has no valid seal, or cannot be read */
	HINT_UNUSED,  /* the rule of trust does not allow it, or it is known already */
	HINT_TAKEN,   /* it is in the store now */
	HINT_WAITED,  /* HINT_FETCH: another relay is fetching, and its result did not come in time */
	HINT_OUTCOMES
};
/* Return the names that the metrics use, such as `entry` and `taken`. */
const char *hint_kind_name(enum hint_kind kind);
const char *hint_outcome_name(enum hint_outcome outcome);

/* A question to the source. The asker keeps it until `done` is called; from then on it belongs to the asker again. */
struct hint_ask {
	enum hint_kind kind;
	char name[DOMAIN_SIZE];
	uint16_t port;
	int64_t until_ms; /* HINT_FETCH: by the monotonic clock */
	/* Called once, on any thread, without a lock held. It must be quick. */
	void (*done)(struct hint_ask *ask);
	void *arg;
	bool stored;           /* out: the store has something new about (`name`, `port`) */
	struct loop_task task; /* for the source */
};

/* What an operation of our own has found, and what is in the store now. */
struct hint_news {
	enum hint_kind kind; /* HINT_FETCH: the policy of `name`; HINT_HOP: evidence about (`name`, `port`) */
	const char *name;
	uint16_t port;
	bool found; /* false: the fetch failed, so another relay may try */
};

struct hints_source {
	void *arg;
	/* Asks. Returns false, and never calls `done`, if there is nobody to ask now. Never waits; any thread. */
	bool (*ask)(void *arg, struct hint_ask *ask);
	/* Tells other relays. Never waits; any thread. */
	void (*tell)(void *arg, const struct hint_news *news);
};

#endif
