/* A keyed table and a token bucket: what check_limits.c and the refresher are made of. Time is a parameter, in milliseconds of
 * the monotonic clock. No locks: the caller serializes the calls for one table. */
#ifndef CHECK_KEYED_H
#define CHECK_KEYED_H

#include "address.h"

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

#endif
