#include "check_limits.h"

#include "lock.h"
#include "memory.h"

#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#define NEIGHBOURS 16
#define MINUTE_MS 60000
#define ROTATED(word, bits) ((word) << (bits) | (word) >> (64 - (bits)))

static const struct rate client_rate = {CLIENT_A_SECOND, 1000, CLIENT_BURST};
static const struct rate network_rate = {BUDGET_A_MINUTE, MINUTE_MS, BUDGET_A_MINUTE};
static const struct rate global_rate = {BUDGET_GLOBAL_A_MINUTE, MINUTE_MS, BUDGET_GLOBAL_A_MINUTE};

/* There are several times as many slots as can be in use at the same time, so that a key almost always finds one. */
static const struct {
	size_t slots;
	const struct rate *rate;
} tables[LIMIT_KINDS] = {
	[LIMIT_NETWORK_FETCHES] = {65536, NULL},
	[LIMIT_CLIENT_INQUIRIES] = {65536, NULL},
	[LIMIT_SOCKETS] = {16, NULL},
	[LIMIT_CLIENT_RATE] = {65536, &client_rate},
	[LIMIT_PROBES] = {65536, &network_rate},
	[LIMIT_BACKOFF] = {BACKOFF_SLOTS, NULL},
	[LIMIT_MX_FAILURES] = {4096, NULL},
	[LIMIT_WILDCARDS] = {4096, NULL},
	[LIMIT_RENEWALS] = {4096, NULL},
	[LIMIT_MAP_LINES] = {4096, NULL},
	[LIMIT_BOUND] = {4096, NULL},
};

struct limits {
	struct lock lock;
	struct keyed *table[LIMIT_KINDS] GUARDED_BY(lock);
	struct bucket probes GUARDED_BY(lock); /* shared by all networks */
};

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

/* Undoes a bucket_take() that was called a moment ago. */
static void bucket_give(struct bucket *bucket, const struct rate *rate)
{
	bucket->spent -= bucket->spent < rate->in_ms ? bucket->spent : rate->in_ms;
}

/* --- keys --------------------------------------------------------------------------------------------------------- */

static void sip_rounds(uint64_t v[4], int rounds)
{
	while (rounds-- > 0) {
		v[0] += v[1];
		v[1] = ROTATED(v[1], 13) ^ v[0];
		v[0] = ROTATED(v[0], 32);
		v[2] += v[3];
		v[3] = ROTATED(v[3], 16) ^ v[2];
		v[0] += v[3];
		v[3] = ROTATED(v[3], 21) ^ v[0];
		v[2] += v[1];
		v[1] = ROTATED(v[1], 17) ^ v[2];
		v[2] = ROTATED(v[2], 32);
	}
}

/* SipHash-2-4 (Aumasson and Bernstein 2012), in the byte order of this machine. */
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

/* An IPv4 address counts as its v4-mapped form, and `::` as `::1`, since both mean this host. */
static struct key key_of_address(const struct address *address)
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

/* --- keyed table -------------------------------------------------------------------------------------------------- */

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

struct slot *keyed_find(struct keyed *table, const struct key *key)
{
	size_t place = siphash(table->secret, key, sizeof *key);
	for (size_t i = 0; i < NEIGHBOURS; i++) {
		struct slot *slot = &table->slot[(place + i) & (table->slots - 1)];
		if (slot->key.high == key->high && slot->key.low == key->low)
			return slot;
	}
	return NULL;
}

static struct rate rate_of(const struct keyed *table, const struct slot *slot)
{
	struct rate rate = table->rate;
	rate.tokens *= slot->scale ? slot->scale : 1;
	rate.most *= slot->scale ? slot->scale : 1;
	return rate;
}

/* Returns whether the slot may be reused: it has no work in flight and a full bucket. Such a slot differs from an
 * unused slot only by what it remembers, which may be forgotten. */
static bool slot_is_idle(const struct keyed *table, const struct slot *slot, int64_t now_ms)
{
	struct bucket bucket = slot->bucket;
	struct rate rate = rate_of(table, slot);
	bucket_fill(&bucket, &rate, now_ms);
	return slot->held == 0 && bucket.spent == 0;
}

struct slot *keyed_slot(struct keyed *table, const struct key *key, int64_t now_ms)
{
	struct slot *idle = NULL;
	size_t place = siphash(table->secret, key, sizeof *key);
	for (size_t i = 0; i < NEIGHBOURS; i++) {
		struct slot *slot = &table->slot[(place + i) & (table->slots - 1)];
		if (slot->key.high == key->high && slot->key.low == key->low)
			return slot;
		if (slot_is_idle(table, slot, now_ms) && (!idle || slot->at_ms < idle->at_ms))
			idle = slot;
	}
	if (idle)
		*idle = (struct slot){.key = *key};
	return idle;
}

/* Like keyed_slot(), but a key that gets no slot of its own shares a slot, always the same one, with another key. */
static struct slot *keyed_slot_shared(struct keyed *table, const struct key *key, int64_t now_ms)
{
	struct slot *slot = keyed_slot(table, key, now_ms);
	return slot ? slot : &table->slot[siphash(table->secret, key, sizeof *key) & (table->slots - 1)];
}

/* --- the limits --------------------------------------------------------------------------------------------------- */

struct limits *limits_new(void)
{
	struct limits *limits = xcalloc(1, sizeof *limits);
	lock_init(&limits->lock);
	for (unsigned i = 0; i < LIMIT_KINDS; i++)
		limits->table[i] = keyed_new(tables[i].slots, tables[i].rate);
	return limits;
}

void limits_free(struct limits **limits)
{
	if (!*limits)
		return;
	for (unsigned i = 0; i < LIMIT_KINDS; i++)
		keyed_free(&(*limits)->table[i]);
	lock_destroy(&(*limits)->lock);
	free(*limits);
	*limits = NULL;
}

void limits_each(
	struct limits *limits, enum limit_kind kind, void (*visit)(void *arg, const struct slot *slot), void *arg)
{
	lock_take(&limits->lock);
	const struct keyed *table = limits->table[kind];
	for (size_t i = 0; i < table->slots; i++) {
		const struct slot *slot = &table->slot[i];
		if (slot->held > 0 || slot->bucket.spent > 0 || slot->value > 0)
			visit(arg, slot);
	}
	lock_drop(&limits->lock);
}

/* --- quotas and rates --------------------------------------------------------------------------------------------- */

bool limits_hold(struct limits *limits, enum limit_kind kind, uint64_t key, unsigned most)
{
	const struct key number = {.low = key};
	if (key == 0)
		return true;
	lock_take(&limits->lock);
	struct slot *slot = keyed_slot(limits->table[kind], &number, 0);
	bool held = slot && slot->held < (most < 1 ? 1 : most);
	if (held)
		slot->held++;
	lock_drop(&limits->lock);
	return held;
}

void limits_release(struct limits *limits, enum limit_kind kind, uint64_t key)
{
	const struct key number = {.low = key};
	if (key == 0)
		return;
	lock_take(&limits->lock);
	struct slot *slot = keyed_find(limits->table[kind], &number);
	if (slot && slot->held > 0)
		slot->held--;
	lock_drop(&limits->lock);
}

bool limits_rate(struct limits *limits, enum limit_kind kind, uint64_t key, int64_t now_ms)
{
	const struct key number = {.low = key};
	if (key == 0)
		return true;
	lock_take(&limits->lock);
	struct slot *slot = keyed_slot_shared(limits->table[kind], &number, now_ms);
	const struct rate rate = rate_of(limits->table[kind], slot);
	bucket_fill(&slot->bucket, &rate, now_ms);
	bool taken = bucket_has(&slot->bucket, &rate, 0);
	if (taken)
		bucket_take(&slot->bucket, &rate);
	lock_drop(&limits->lock);
	return taken;
}

/* --- probe budget ------------------------------------------------------------------------------------------------- */

/* Takes one probe from a network's budget. `mine` is how many probes of the same hop have been taken there already:
 * they do not count against the background's half of BUDGET_AT_ONCE. */
static enum budget_answer probe_begin(struct limits *limits, struct slot *slot, enum budget_claim claim, unsigned mine,
	int64_t now_ms) REQUIRES(limits->lock)
{
	static const uint32_t sixths_left[] = {
		[BUDGET_FOR_GOOD] = 0, [BUDGET_FOR_NEW] = 2, [BUDGET_FOR_BACKGROUND] = 3, [BUDGET_FOR_BAD] = 4};
	const struct rate rate = rate_of(limits->table[LIMIT_PROBES], slot);
	unsigned most = BUDGET_AT_ONCE * (unsigned)slot->scale;
	bool background = claim == BUDGET_FOR_BACKGROUND;
	bucket_fill(&slot->bucket, &rate, now_ms);
	bucket_fill(&limits->probes, &global_rate, now_ms);
	if (!bucket_has(&slot->bucket, &rate, rate.most / 6 * sixths_left[claim]))
		return BUDGET_SPENT;
	if (slot->held >= most || (background && slot->held - mine >= most / 2) ||
		!bucket_has(&limits->probes, &global_rate, global_rate.most / 6 * sixths_left[claim]))
		return BUDGET_BUSY;
	bucket_take(&slot->bucket, &rate);
	bucket_take(&limits->probes, &global_rate);
	slot->held++;
	return BUDGET_GO;
}

enum budget_answer limits_probes_begin(struct limits *limits, const struct address *addresses, size_t count,
	enum budget_claim claim, int64_t now_ms, unsigned *slots)
{
	enum budget_answer answer = BUDGET_GO;
	size_t taken = 0;
	lock_take(&limits->lock);
	struct keyed *networks = limits->table[LIMIT_PROBES];
	for (; taken < count; taken++) {
		uint16_t scale = address_is_global(&addresses[taken]) ? 1 : BUDGET_PRIVATE_FACTOR;
		const struct key key = {.high = scale, .low = address_network(&addresses[taken])};
		struct slot *slot = keyed_slot_shared(networks, &key, now_ms);
		/* Where networks share a slot, the smaller budget counts. */
		if (slot->scale == 0 || slot->scale > scale)
			slot->scale = scale;
		unsigned mine = 0;
		slots[taken] = (unsigned)(slot - networks->slot);
		for (size_t i = 0; i < taken; i++)
			mine += slots[i] == slots[taken];
		answer = probe_begin(limits, slot, claim, mine, now_ms);
		if (answer != BUDGET_GO)
			break;
	}
	while (answer != BUDGET_GO && taken > 0) { /* gives all of them back */
		struct slot *slot = &networks->slot[slots[--taken]];
		const struct rate rate = rate_of(networks, slot);
		slot->held--;
		bucket_give(&slot->bucket, &rate);
		bucket_give(&limits->probes, &global_rate);
	}
	lock_drop(&limits->lock);
	return answer;
}

void limits_probe_end(struct limits *limits, unsigned slot)
{
	lock_take(&limits->lock);
	struct slot *network = &limits->table[LIMIT_PROBES]->slot[slot];
	if (network->held > 0)
		network->held--;
	lock_drop(&limits->lock);
}

/* --- back-off ----------------------------------------------------------------------------------------------------- */

/* In a slot of LIMIT_BACKOFF, `value` counts the failures in a row, `at_ms` is the time of the last one, and `held` is 1
 * while the one fetch that is allowed is under way. */

/* Returns the length of the back-off after so many failures in a row. */
static int64_t backoff_ms(unsigned failures, bool asked)
{
	int64_t most = asked ? BACKOFF_ASKED_MS : BACKOFF_MOST_MS;
	if (failures < 2)
		return 0;
	int64_t wait = failures > 10 ? BACKOFF_MOST_MS : (int64_t)BACKOFF_FIRST_MS << (failures - 2);
	return wait < most ? wait : most;
}

enum backoff_way limits_fetch_begin(
	struct limits *limits, const struct address *address, bool asked, int64_t now_ms, struct backoff_try *try)
{
	const struct key key = key_of_address(address);
	enum backoff_way way = BACKOFF_GO;
	*try = (struct backoff_try){.address = *address};
	lock_take(&limits->lock);
	struct slot *slot = keyed_find(limits->table[LIMIT_BACKOFF], &key);
	/* A refresh never gets BACKOFF_WAIT: the stored policy stays in force without the fetch. */
	if (slot && (slot->held > 0 || now_ms - slot->at_ms < backoff_ms(slot->value, asked)))
		way = asked && slot->held > 0 && slot->value == 1 ? BACKOFF_WAIT : BACKOFF_FAIL;
	if (slot && way == BACKOFF_GO)
		slot->held = try->alone = true;
	lock_drop(&limits->lock);
	return way;
}

void limits_fetch_end(struct limits *limits, const struct backoff_try *try, enum backoff_end end, int64_t now_ms)
{
	const struct key key = key_of_address(&try->address);
	lock_take(&limits->lock);
	struct slot *slot = keyed_find(limits->table[LIMIT_BACKOFF], &key);
	if (slot && try->alone)
		slot->held = 0;
	switch (end) {
	case BACKOFF_REACHED:
		if (slot)
			*slot = (struct slot){.held = 0};
		break;
	case BACKOFF_UNREACHED:
		slot = keyed_slot(limits->table[LIMIT_BACKOFF], &key, now_ms);
		/* Fetches that were under way together count as one failure. */
		if (!slot || (slot->value > 0 && !try->alone))
			break;
		if (slot->value < UINT16_MAX)
			slot->value++;
		slot->at_ms = now_ms;
		break;
	case BACKOFF_UNPROVED:
		break;
	}
	lock_drop(&limits->lock);
}

/* --- memories ----------------------------------------------------------------------------------------------------- */

/* In a slot of a memory, `at_ms` is the time when `value` expires. */

void limits_remember(
	struct limits *limits, enum limit_kind kind, const char *name, uint32_t salt, uint16_t value, int64_t until_ms)
{
	lock_take(&limits->lock);
	const struct key key = keyed_name(limits->table[kind], name, salt);
	struct slot *slot = keyed_slot(limits->table[kind], &key, until_ms);
	slot->value = value;
	slot->at_ms = until_ms;
	lock_drop(&limits->lock);
}

uint16_t limits_remembered(struct limits *limits, enum limit_kind kind, const char *name, uint32_t salt, int64_t now_ms)
{
	lock_take(&limits->lock);
	const struct key key = keyed_name(limits->table[kind], name, salt);
	const struct slot *slot = keyed_find(limits->table[kind], &key);
	uint16_t value = slot && now_ms < slot->at_ms ? slot->value : 0;
	lock_drop(&limits->lock);
	return value;
}

bool limits_once(
	struct limits *limits, enum limit_kind kind, const char *name, uint32_t salt, int64_t now_ms, int64_t for_ms)
{
	lock_take(&limits->lock);
	const struct key key = keyed_name(limits->table[kind], name, salt);
	struct slot *slot = keyed_find(limits->table[kind], &key);
	bool due = !slot || now_ms >= slot->at_ms || slot->value == 0;
	if (due) {
		slot = keyed_slot(limits->table[kind], &key, now_ms + for_ms);
		slot->value = 1;
		slot->at_ms = now_ms + for_ms;
	}
	lock_drop(&limits->lock);
	return due;
}

bool limits_again(struct limits *limits, enum limit_kind kind, const char *name, uint32_t salt, int64_t now_ms,
	int64_t least_ms, int64_t most_ms)
{
	lock_take(&limits->lock);
	const struct key key = keyed_name(limits->table[kind], name, salt);
	struct slot *slot = keyed_find(limits->table[kind], &key);
	bool counts = slot && slot->value != 0 && now_ms < slot->at_ms; /* the slot keeps the time when it ends */
	bool again = counts && now_ms - (slot->at_ms - most_ms) >= least_ms;
	if (!counts || again) {
		slot = keyed_slot(limits->table[kind], &key, now_ms + most_ms);
		slot->value = 1;
		slot->at_ms = now_ms + most_ms;
	}
	lock_drop(&limits->lock);
	return again;
}
