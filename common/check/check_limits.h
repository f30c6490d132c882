/* Limits on the traffic of all inquiries together: quotas of work in flight, rates, the probe budget, back-off from
 * unreachable policy hosts, and short memories that keep one failure from being repeated for each message. (The name
 * limits.h belongs to the C library.)
 *
 * All limits are kept in keyed tables with token buckets, and the refresher uses such tables, too. Time is always a
 * parameter, in milliseconds of the monotonic clock. The limits_ functions may be called on any thread. They take one
 * lock, hold it only while they look at a few slots, and may be called with other locks held. */
#ifndef CHECK_CHECK_LIMITS_H
#define CHECK_CHECK_LIMITS_H

#include "address.h"

/* --- token bucket: the caller serializes the calls for one bucket ------------------------------------------------- */

/* Allows `tokens` in every `in_ms` milliseconds, evenly, and a burst of `most`. All 0: no rate. */
struct rate {
	uint32_t tokens, in_ms, most;
};
/* A zeroed bucket is full. */
struct bucket {
	int64_t spent; /* in units of 1/in_ms of a token, so that no millisecond is lost to rounding */
	int64_t at_ms; /* when it was last filled */
};
/* Adds the tokens for the time since the last call. Does nothing if `now_ms` is before the `now_ms` of the last call:
 * two threads may read the clock in one order and make their calls in the other. */
void bucket_fill(struct bucket *bucket, const struct rate *rate, int64_t now_ms);
/* Returns whether the bucket has at least 1 + `leave` tokens: one to take, the others must stay. */
bool bucket_has(const struct bucket *bucket, const struct rate *rate, uint32_t leave);
void bucket_take(struct bucket *bucket, const struct rate *rate);

/* --- keyed table: the caller serializes the calls for one table --------------------------------------------------- */

/* 128 bits that hold a number or an address itself, or the keyed hash of a name. */
struct key {
	uint64_t high, low; /* not both 0 */
};
struct slot {
	struct key key; /* both parts 0: never used */
	struct bucket bucket;
	int64_t at_ms;  /* time of what is remembered: the oldest is evicted first */
	uint32_t held;  /* work in flight; a slot that holds some is never evicted */
	uint16_t scale; /* the slot's rate is this many times the table's; 0 counts as 1 */
	uint16_t value; /* what is remembered */
};

/* A secret decides where a key may have its slot, so that nobody can choose keys that compete for the same slots. */
struct keyed {
	uint64_t secret[2];
	struct rate rate;
	size_t slots;
	struct slot slot[];
};

/* Returns a new table. `slots` is a power of 2. The whole table is allocated immediately, but the system provides
 * memory only for the parts that are used. `rate` may be NULL. */
struct keyed *keyed_new(size_t slots, const struct rate *rate);
void keyed_free(struct keyed **table);
/* Returns the key of a domain name in this table. `salt` distinguishes different uses of one name. */
struct key keyed_name(const struct keyed *table, const char *name, uint32_t salt);
/* Returns the key's slot, or NULL if it has none. */
struct slot *keyed_find(struct keyed *table, const struct key *key);
/* Returns the key's slot. A key without a slot gets one of its few possible slots, if one of them has no work in flight
 * and a full bucket: an unused slot if possible, else the slot with the oldest `at_ms`, which is evicted. Returns NULL
 * if there is no such slot. */
struct slot *keyed_slot(struct keyed *table, const struct key *key, int64_t now_ms);

/* --- the limits --------------------------------------------------------------------------------------------------- */

enum limit_kind {
	/* Quotas of work in flight; the key is a number. */
	LIMIT_NETWORK_FETCHES,  /* fetches from the policy hosts of one network */
	LIMIT_CLIENT_INQUIRIES, /* open inquiries of one client */
	LIMIT_SOCKETS,          /* all connections together */
	/* Rates; the key is a number. */
	LIMIT_CLIENT_RATE, /* new inquiries of one client */
	/* The key is made from an address. */
	LIMIT_PROBES,  /* the probe budget of one network */
	LIMIT_BACKOFF, /* policy hosts that cannot be reached */
	/* Memories; the key is a name. */
	LIMIT_MX_FAILURES, /* the reason why the domain's MX lookup failed */
	LIMIT_WILDCARDS,   /* domains whose mail hosts were searched for wildcard certificates */
	LIMIT_RENEWALS,    /* questions whose facts were renewed a short time ago */
	LIMIT_MAP_LINES,   /* domains and reasons that the map has logged a short time ago */
	LIMIT_BOUND,       /* domains whose delivery the map has bound a short time ago */
	LIMIT_KINDS
};

struct limits;
struct limits *limits_new(void);
void limits_free(struct limits **limits);

/* Calls `visit` for each slot of a kind that has work in flight, spent tokens, or a remembered value. The lock is held
 * meanwhile, so `visit` must not call a limits_ function. Names are hashed, other keys are exact. */
void limits_each(
	struct limits *limits, enum limit_kind kind, void (*visit)(void *arg, const struct slot *slot), void *arg);

/* --- quotas and rates --------------------------------------------------------------------------------------------- */

/* Takes one of the key's `most` places (0 counts as 1). Returns false if all are taken or the key gets no slot. After
 * true the caller must call limits_release() once. Key 0 is not limited. */
bool limits_hold(struct limits *limits, enum limit_kind kind, uint64_t key, unsigned most);
void limits_release(struct limits *limits, enum limit_kind kind, uint64_t key);

#define CLIENT_A_SECOND 100 /* LIMIT_CLIENT_RATE */
#define CLIENT_BURST 800
/* Takes a token. Returns false if the key's rate is used up. Key 0 is not limited. A key that finds no slot shares one
 * with another key. */
bool limits_rate(struct limits *limits, enum limit_kind kind, uint64_t key, int64_t now_ms);

/* --- probe budget (design 5.14) ----------------------------------------------------------------------------------- */

/* The budget limits how many probes one destination network (an IPv4 /24 or IPv6 /48) receives from this machine, so
 * that nobody can aim probes at a victim. A network that is not globally reachable has ten times as much: it is probed
 * only with `probe_private = yes`, and belongs to the operator. Each claim must leave a part of the network's rate, and
 * of the global rate, to more urgent claims. Networks that find no slot share one, so they get less, never more. */
#define BUDGET_AT_ONCE 2  /* probes under way in one network */
#define BUDGET_A_MINUTE 6 /* probes of one network */
#define BUDGET_PRIVATE_FACTOR 10
#define BUDGET_GLOBAL_A_MINUTE 18000 /* probes of all networks together */

enum budget_answer {
	BUDGET_GO,
	BUDGET_BUSY, /* too many probes are under way there, or the global rate is used up: try again soon */
	BUDGET_SPENT /* the network's rate has nothing left for this claim */
};
/* What a probe is for, the most urgent first. */
enum budget_claim {
	BUDGET_FOR_GOOD,       /* a front end waits, and the hop was good before: may use everything */
	BUDGET_FOR_NEW,        /* a front end waits, and the hop was neither good nor bad before: leaves a third */
	BUDGET_FOR_BACKGROUND, /* no front end waits: leaves half, and half of BUDGET_AT_ONCE */
	BUDGET_FOR_BAD         /* a front end waits, and the hop was bad whenever it was probed: leaves two thirds */
};
/* Takes one probe from the budget for each address, or none at all. After BUDGET_GO, `slots` has one number for each
 * address; the caller passes each to limits_probe_end() when that probe has ended. */
enum budget_answer limits_probes_begin(struct limits *limits, const struct address *addresses, size_t count,
	enum budget_claim claim, int64_t now_ms, unsigned *slots);
void limits_probe_end(struct limits *limits, unsigned slot);

/* --- back-off from policy hosts (design 7.8) ---------------------------------------------------------------------- */

/* Back-off keeps ten thousand domains at one dead provider from costing more than one connection at a time. Failures
 * are counted by address, since the domains of a provider share its addresses. Only failures before the TLS handshake
 * count: later ones may be caused by a stranger whose DNS points at somebody else's host.
 *
 * After one failure the address gets one fetch at a time, and another fetch with a waiter waits for the result of the
 * first. After the second failure in a row the address is in back-off for BACKOFF_FIRST_MS, which doubles with each
 * further failure: all fetches from the address fail immediately. But a fetch with a waiter may try again
 * BACKOFF_ASKED_MS after the last failure. One successful connection ends the back-off. If the table is full, the
 * address whose last failure is oldest is evicted. */
#define BACKOFF_SLOTS 4096
#define BACKOFF_FIRST_MS 5000
#define BACKOFF_MOST_MS 600000
#define BACKOFF_ASKED_MS 5000

struct backoff_try {
	struct address address;
	bool alone; /* this is the only fetch that an unreachable address gets */
};
enum backoff_way {
	BACKOFF_GO,
	BACKOFF_WAIT, /* the address failed once, and another fetch is trying it */
	BACKOFF_FAIL  /* no fetch may start now */
};
enum backoff_end {
	BACKOFF_REACHED,
	BACKOFF_UNREACHED,
	BACKOFF_UNPROVED /* the fetch ended without showing whether the address can be reached */
};
/* Returns whether a fetch from the address may start now. `asked`: somebody may wait for the fetch. After BACKOFF_GO
 * the caller passes `*try` to limits_fetch_end() when the fetch has ended. */
enum backoff_way limits_fetch_begin(
	struct limits *limits, const struct address *address, bool asked, int64_t now_ms, struct backoff_try *try);
void limits_fetch_end(struct limits *limits, const struct backoff_try *try, enum backoff_end end, int64_t now_ms);

/* --- memories ----------------------------------------------------------------------------------------------------- */

/* Before a message to a domain with a live enforce policy is held, the domain's MX set is looked up. If the lookup
 * fails, the failure is remembered for this time, so a burst of messages causes only one failed lookup. The store does
 * not keep such failures. */
#define LIMITS_MX_FAILURE_MS 5000
#define LIMITS_RENEWAL_MS 10000  /* between two renewals of one question, in case the first one brought nothing */
#define LIMITS_MAP_LINE_MS 60000 /* between two log lines of the map about the same domain and reason */
#define LIMITS_WILDCARD_EVENT_MS (24 * 3600 * 1000) /* between two wildcard-certificate events of one domain */
#define LIMITS_WILDCARD_LOOK_MS (60 * 1000) /* between searches of one domain's hops, while none raises an event */

/* Remembers `value`, which is not 0, for a name until `until_ms`. `salt` distinguishes uses of one name (by port). A
 * full table forgets the value that ends first. */
void limits_remember(
	struct limits *limits, enum limit_kind kind, const char *name, uint32_t salt, uint16_t value, int64_t until_ms);
/* Returns the value that is remembered for the name at this time, or 0. */
uint16_t limits_remembered(
	struct limits *limits, enum limit_kind kind, const char *name, uint32_t salt, int64_t now_ms);
/* Returns true, and remembers the name for `for_ms`, if nothing is remembered for it yet; else returns false. */
bool limits_once(
	struct limits *limits, enum limit_kind kind, const char *name, uint32_t salt, int64_t now_ms, int64_t for_ms);
/* Returns whether a period of the name is at least `least_ms` old. The first call for a name begins its period and returns
 * false. A period ends after `most_ms`, or with a call that returns true; that call, or the next call after the end,
 * begins the next period. */
bool limits_again(struct limits *limits, enum limit_kind kind, const char *name, uint32_t salt, int64_t now_ms,
	int64_t least_ms, int64_t most_ms);

#endif
