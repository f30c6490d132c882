#include "keyed.h"

#include "memory.h"

#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#define NEIGHBOURS 16

/* --- token bucket ------------------------------------------------------------------------------------------------- */

void bucket_fill(struct bucket *bucket, const struct rate *rate, int64_t now_ms)
{
	int64_t passed = now_ms - bucket->at_ms;
	if (passed <= 0)
		return;
	bool full = bucket->spent == 0 || bucket->spent / rate->tokens < passed;
	bucket->spent = full ? 0 : bucket->spent - passed * rate->tokens;
	bucket->at_ms = now_ms;
}

bool bucket_has(const struct bucket *bucket, const struct rate *rate, uint32_t leave)
{
	return bucket->spent + (1 + (int64_t)leave) * rate->in_ms <= (int64_t)rate->most * rate->in_ms;
}

void bucket_take(struct bucket *bucket, const struct rate *rate)
{
	bucket->spent += rate->in_ms;
}

void bucket_give(struct bucket *bucket, const struct rate *rate)
{
	bucket->spent -= bucket->spent < rate->in_ms ? bucket->spent : rate->in_ms;
}

/* --- keys --------------------------------------------------------------------------------------------------------- */

static uint64_t rotated(uint64_t word, int bits)
{
	return word << bits | word >> (64 - bits);
}

static void sip_rounds(uint64_t v[4], int rounds)
{
	while (rounds-- > 0) {
		v[0] += v[1];
		v[1] = rotated(v[1], 13) ^ v[0];
		v[0] = rotated(v[0], 32);
		v[2] += v[3];
		v[3] = rotated(v[3], 16) ^ v[2];
		v[0] += v[3];
		v[3] = rotated(v[3], 21) ^ v[0];
		v[2] += v[1];
		v[1] = rotated(v[1], 17) ^ v[2];
		v[2] = rotated(v[2], 32);
	}
}

/* SipHash-2-4 (Aumasson and Bernstein 2012), with the machine's order of octets. */
static uint64_t siphash(const uint64_t secret[2], const void *bytes, size_t len)
{
	uint64_t v[4] = {secret[0] ^ 0x736f6d6570736575u, secret[1] ^ 0x646f72616e646f6du,
		secret[0] ^ 0x6c7967656e657261u, secret[1] ^ 0x7465646279746573u};
	const uint8_t *at = bytes;
	for (size_t left = len;; at += 8, left -= 8) {
		uint64_t word = 0;
		memcpy(&word, at, left < 8 ? left : 8);
		word |= left < 8 ? (uint64_t)len << 56 : 0;
		v[3] ^= word;
		sip_rounds(v, 2);
		v[0] ^= word;
		if (left < 8)
			break;
	}
	v[2] ^= 0xff;
	sip_rounds(v, 4);
	return v[0] ^ v[1] ^ v[2] ^ v[3];
}

/* An IPv4 address as its v4-mapped form; `::` is this host, as `::1` is. */
struct key keyed_address(const struct address *address)
{
	uint64_t word[2] = {0, address->len == 4 ? 0xffff : 0};
	for (unsigned i = 0; i < address->len; i++) {
		unsigned at = address->len == 4 || i >= 8;
		word[at] = word[at] << 8 | address->bytes[i];
	}
	if (word[0] == 0 && word[1] == 0)
		word[1] = 1;
	return (struct key){word[0], word[1]};
}

struct key keyed_name(const struct keyed *table, const char *name, uint32_t salt)
{
	const uint64_t secret[2] = {table->secret[0], table->secret[1] ^ salt};
	return (struct key){.high = 1, .low = siphash(secret, name, strlen(name))};
}

static bool key_same(const struct key *a, const struct key *b)
{
	return a->high == b->high && a->low == b->low;
}

/* --- table -------------------------------------------------------------------------------------------------------- */

struct keyed *keyed_new(size_t slots, const struct rate *rate)
{
	struct keyed *table = xcalloc(1, sizeof *table + slots * sizeof table->slot[0]);
	if (getrandom(table->secret, sizeof table->secret, 0) != sizeof table->secret)
		abort();
	table->slots = slots;
	if (rate)
		table->rate = *rate;
	return table;
}

void keyed_free(struct keyed **table)
{
	free(*table);
	*table = NULL;
}

static size_t place_of(const struct keyed *table, const struct key *key)
{
	return siphash(table->secret, key, sizeof *key) & (table->slots - 1);
}

static struct slot *neighbour(struct keyed *table, size_t place, size_t i)
{
	return &table->slot[(place + i) & (table->slots - 1)];
}

struct slot *keyed_find(struct keyed *table, const struct key *key)
{
	size_t place = place_of(table, key);
	for (size_t i = 0; i < NEIGHBOURS; i++) {
		struct slot *slot = neighbour(table, place, i);
		if (key_same(&slot->key, key))
			return slot;
	}
	return NULL;
}

struct rate keyed_rate(const struct keyed *table, const struct slot *slot)
{
	struct rate rate = table->rate;
	rate.tokens *= slot->scale ? slot->scale : 1;
	rate.most *= slot->scale ? slot->scale : 1;
	return rate;
}

/* A slot without work in flight and with a full bucket is worth as much as one that was never used, or remembers
 * something that may be forgotten. */
static bool slot_is_idle(const struct keyed *table, const struct slot *slot, int64_t now_ms)
{
	struct bucket bucket = slot->bucket;
	struct rate rate = keyed_rate(table, slot);
	bucket_fill(&bucket, &rate, now_ms);
	return slot->held == 0 && bucket.spent == 0;
}

struct slot *keyed_slot(struct keyed *table, const struct key *key, int64_t now_ms)
{
	struct slot *idle = NULL;
	size_t place = place_of(table, key);
	for (size_t i = 0; i < NEIGHBOURS; i++) {
		struct slot *slot = neighbour(table, place, i);
		if (key_same(&slot->key, key))
			return slot;
		if (slot_is_idle(table, slot, now_ms) && (!idle || slot->at_ms < idle->at_ms))
			idle = slot;
	}
	if (idle)
		*idle = (struct slot){.key = *key};
	return idle;
}

struct slot *keyed_slot_shared(struct keyed *table, const struct key *key, int64_t now_ms)
{
	struct slot *slot = keyed_slot(table, key, now_ms);
	return slot ? slot : neighbour(table, place_of(table, key), 0);
}
