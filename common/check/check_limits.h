/* What bounds the traffic of all inquiries together: quotas of work in flight, rates, the probe budget, back-off, and short
 * memories that keep one failure from being repeated for each message. One lock, never held for longer than a look at a
 * few slots; it may be taken inside others. Time is a parameter, in milliseconds of the monotonic clock. Any thread.
 * (The name limits.h is the C library's.) */
#ifndef CHECK_CHECK_LIMITS_H
#define CHECK_CHECK_LIMITS_H

#include "address.h"

/* --- token bucket and keyed table: no lock of their own ---------------------------------------------------------- */

/* `tokens` in every `in_ms` milliseconds, evenly, and `most` at once. All 0: no rate. */
struct rate {
	uint32_t tokens, in_ms, most;
};
/* All 0: full. */
struct bucket {
	int64_t spent; /* in parts of a token, rate.in_ms of them each, so that every millisecond counts */
	int64_t at_ms; /* when it was last filled */
};
/* A time before the last call's changes nothing: two threads may read the clock in one order and come in the other. */
void bucket_fill(struct bucket *bucket, const struct rate *rate, int64_t now_ms);
/* Returns whether a token is there beside `leave` that must stay. */
bool bucket_has(const struct bucket *bucket, const struct rate *rate, uint32_t leave);
void bucket_take(struct bucket *bucket, const struct rate *rate);
/* Undoes a bucket_take() of the same moment. */
void bucket_give(struct bucket *bucket, const struct rate *rate);

/* 128 bits: numbers and addresses exactly, names by a keyed hash. */
struct key {
	uint64_t high, low; /* not both 0 */
};
struct slot {
	struct key key; /* both 0: never used */
	struct bucket bucket;
	int64_t at_ms;  /* of what is remembered: the oldest goes first */
	uint32_t held;  /* in flight; such a slot keeps its key */
	uint16_t scale; /* the slot has so many times the table's rate; 0 counts as 1 */
	uint16_t value;
};

/* A key's slot is one of a few neighbours at a place that a secret decides, so that nobody can choose keys that meet. */
struct keyed {
	uint64_t secret[2];
	struct rate rate;
	size_t slots;
	struct slot slot[];
};

/* `slots` is a power of 2. The table has its full size from the start, but takes memory only where it is used. `rate` may
 * be NULL. */
struct keyed *keyed_new(size_t slots, const struct rate *rate);
void keyed_free(struct keyed **table);
struct key keyed_address(const struct address *address);
/* Of a domain name; `salt` tells names for different uses apart. */
struct key keyed_name(const struct keyed *table, const char *name, uint32_t salt);
/* NULL: the key has none. */
struct slot *keyed_find(struct keyed *table, const struct key *key);
/* The key's slot. A key without one gets a slot among its neighbours that holds nothing and whose bucket is full, one
 * that was never used first, then the oldest. NULL: there is none. */
struct slot *keyed_slot(struct keyed *table, const struct key *key, int64_t now_ms);
/* The same, but a key that gets no slot shares another's: always the same one. */
struct slot *keyed_slot_shared(struct keyed *table, const struct key *key, int64_t now_ms);
struct rate keyed_rate(const struct keyed *table, const struct slot *slot);

/* --- the limits -------------------------------------------------------------------------------------------------- */

enum limit_kind {
	/* Quotas, by number: work in flight. */
	LIMIT_NETWORK_FETCHES,  /* to one network of policy hosts */
	LIMIT_CLIENT_INQUIRIES, /* a client's open inquiries */
	LIMIT_SOCKETS,          /* connections under way, all together */
	/* Rates, by number. */
	LIMIT_CLIENT_RATE, /* a client's new inquiries */
	/* By address. */
	LIMIT_PROBES,  /* the budget of a network */
	LIMIT_BACKOFF, /* policy hosts that cannot be reached */
	/* Memories, by name. */
	LIMIT_MX_FAILURES, /* the reason that an MX lookup failed with */
	LIMIT_WILDCARDS,   /* domains whose mail hosts were looked at for wildcard certificates */
	LIMIT_RENEWALS,    /* questions that were renewed */
	LIMIT_KINDS
};

struct limits;
struct limits *limits_new(void);
void limits_free(struct limits **limits);

/* Calls `visit` for each slot of a kind that holds, has spent or remembers something. Under the lock: `visit` must not
 * call limits. Names are hashed, the other keys are exact. */
void limits_each(
	struct limits *limits, enum limit_kind kind, void (*visit)(void *arg, const struct slot *slot), void *arg);

/* --- quotas and rates --------------------------------------------------------------------------------------------- */

/* Takes one of `most` (0 counts as 1); returns false when all are taken. Key 0 has no bounds. A key that finds no slot
 * is refused: stricter, never laxer. Each true one is released with limits_release(). */
bool limits_hold(struct limits *limits, enum limit_kind kind, uint64_t key, unsigned most);
void limits_release(struct limits *limits, enum limit_kind kind, uint64_t key);

#define CLIENT_A_SECOND 100 /* LIMIT_CLIENT_RATE */
#define CLIENT_BURST 800
/* Returns false when the key's rate is used up. Key 0 has no bounds. Keys that find no slot share one. */
bool limits_rate(struct limits *limits, enum limit_kind kind, uint64_t key, int64_t now_ms);

/* --- probe budget (design 5) -------------------------------------------------------------------------------------- */

/* What one destination network, a /24 or /48, may see of this machine, so that nobody can aim probes at a victim. A
 * network that is not globally reachable has ten times as much: only `probe_private = yes` allows it, and it is the
 * operator's own. Each claim leaves something to those before it, of a network's minute and of the whole. There are slots
 * for more networks than the global rate lets through before a bucket is full again; networks that find none share a
 * slot: stricter, never laxer. */
#define BUDGET_AT_ONCE 2
#define BUDGET_A_MINUTE 6
#define BUDGET_PRIVATE_FACTOR 10
#define BUDGET_GLOBAL_A_MINUTE 18000

enum budget_answer {
	BUDGET_GO,
	BUDGET_BUSY, /* a probe is under way there: soon */
	BUDGET_SPENT /* not in this minute */
};
/* What a probe is for, the most urgent first. */
enum budget_claim {
	BUDGET_FOR_GOOD,       /* a front end waits, and the hop was good before */
	BUDGET_FOR_NEW,        /* a front end waits, and the hop was never good nor bad: a third is left */
	BUDGET_FOR_BACKGROUND, /* nobody waits: half is left, and one place of two */
	BUDGET_FOR_BAD         /* a front end waits, and the hop was bad whenever it was seen: two thirds are left */
};
/* Takes a probe of each of the addresses, or of none. After BUDGET_GO each of `slots` is to be given to
 * limits_probe_end() when its probe has ended. */
enum budget_answer limits_probes_begin(struct limits *limits, const struct address *addresses, size_t count,
	enum budget_claim claim, int64_t now_ms, unsigned *slots);
void limits_probe_end(struct limits *limits, unsigned slot);

/* --- back-off from policy hosts (design 7) ------------------------------------------------------------------------ */

/* Ten thousand domains at one dead provider cost one connection at a time. By address, since tenants share it, and for
 * failures before the TLS handshake only: what comes later may be the doing of somebody whose DNS points at another's
 * host. After a failure one fetch at a time goes to the address, and a fetch that somebody waits for waits for how that
 * one ends. After the second failure in a row none goes for BACKOFF_FIRST_MS, and for twice as long with each further
 * one: the address is in back-off, and a fetch from it fails at once. The first that somebody waits for may try after
 * BACKOFF_ASKED_MS all the same. A connection ends the back-off. Where the table is full, the address that has failed
 * longest ago is forgotten. */
#define BACKOFF_SLOTS 4096
#define BACKOFF_FIRST_MS 5000
#define BACKOFF_MOST_MS 600000
#define BACKOFF_ASKED_MS 5000

struct backoff_try {
	struct address address;
	bool alone; /* the one fetch that goes to an address that fails */
};
enum backoff_way {
	BACKOFF_GO,
	BACKOFF_WAIT, /* an address that failed once is being tried */
	BACKOFF_FAIL
};
enum backoff_end { BACKOFF_REACHED, BACKOFF_UNREACHED, BACKOFF_UNTOLD };
/* Returns whether a fetch may go to the address now. After BACKOFF_GO `*try` is to be given to limits_fetch_end() when
 * the fetch has ended. */
enum backoff_way limits_fetch_begin(
	struct limits *limits, const struct address *address, bool asked, int64_t now_ms, struct backoff_try *try);
void limits_fetch_end(struct limits *limits, const struct backoff_try *try, enum backoff_end end, int64_t now_ms);

/* --- memories ----------------------------------------------------------------------------------------------------- */

/* A message to a domain with a live enforce policy looks for the MX set before it is held; a burst of messages costs one
 * failed lookup. The store holds answers only. */
#define LIMITS_MX_FAILURE_MS 5000
#define LIMITS_RENEWAL_MS 10000 /* between two renewals of one question, should the first one have brought nothing */
#define LIMITS_WILDCARD_SAID_MS (24 * 3600 * 1000) /* between two events of one domain */
#define LIMITS_WILDCARD_LOOK_MS (60 * 1000)        /* between two looks at a domain's hops where there is no event */

/* Remembers `value`, not 0, of a name until `until_ms`. `salt` tells uses of one name apart (a port). A full table
 * forgets what ends first. */
void limits_remember(
	struct limits *limits, enum limit_kind kind, const char *name, uint32_t salt, uint16_t value, int64_t until_ms);
/* Returns the value; 0: nothing is remembered at this time. */
uint16_t limits_remembered(
	struct limits *limits, enum limit_kind kind, const char *name, uint32_t salt, int64_t now_ms);
/* Returns whether nothing is remembered of the name, and if so remembers it for `for_ms`. */
bool limits_once(
	struct limits *limits, enum limit_kind kind, const char *name, uint32_t salt, int64_t now_ms, int64_t for_ms);

#endif
