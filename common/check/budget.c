#include "budget.h"

#include "lock.h"

#include <stdlib.h>

#define MINUTE_MS 60000
#define SLOT_TRIES 16

/* A bucket of tokens that fills evenly: a minute's worth at most. In thousandths, so that slow rates keep their
 * fractions. */
struct bucket {
	int64_t milli_tokens;
	int64_t at_ms;
};

struct slot {
	uint64_t network;
	unsigned under_way;
	unsigned a_minute; /* the bucket's size; 0: the slot was never used */
	struct bucket bucket;
};

struct budget {
	struct lock lock;
	struct bucket all GUARDED_BY(lock);
	struct slot slot[BUDGET_SLOTS] GUARDED_BY(lock);
};

struct budget *budget_new(void)
{
	struct budget *budget = calloc(1, sizeof *budget);
	if (!budget)
		abort();
	lock_init(&budget->lock);
	return budget;
}

void budget_free(struct budget **budget)
{
	if (!*budget)
		return;
	lock_destroy(&(*budget)->lock);
	free(*budget);
	*budget = NULL;
}

/* A zeroed bucket is one that was full long ago. */
static void bucket_fill(struct bucket *bucket, int64_t a_minute, int64_t now_ms)
{
	int64_t passed = now_ms - bucket->at_ms;
	if (bucket->at_ms == 0 || passed > MINUTE_MS)
		passed = MINUTE_MS;
	if (passed < 0) /* two threads read the clock in one order and came here in the other */
		return;
	bucket->milli_tokens += passed * a_minute * 1000 / MINUTE_MS;
	if (bucket->milli_tokens > a_minute * 1000)
		bucket->milli_tokens = a_minute * 1000;
	bucket->at_ms = now_ms;
}

/* A slot without probes under way whose bucket is full again is worth as much as one that was never used. So a probe
 * that the global bucket refuses occupies none. */
static bool slot_is_idle(const struct slot *slot, int64_t now_ms)
{
	struct bucket bucket = slot->bucket;
	bucket_fill(&bucket, slot->a_minute, now_ms);
	return slot->under_way == 0 && bucket.milli_tokens >= (int64_t)slot->a_minute * 1000;
}

/* The network's slot, one that is idle, or, in a full neighbourhood, a slot shared with another network: stricter,
 * never laxer. */
static struct slot *slot_find(struct budget *budget, uint64_t network, int64_t factor, int64_t now_ms)
	REQUIRES(budget->lock)
{
	uint64_t hash = network * 0x9e3779b97f4a7c15u;
	struct slot *idle = NULL;
	for (unsigned i = 0; i < SLOT_TRIES; i++) {
		struct slot *slot = &budget->slot[((hash >> 32) + i) % BUDGET_SLOTS];
		if (slot->network == network && slot->bucket.at_ms != 0)
			return slot;
		if (!idle && slot_is_idle(slot, now_ms))
			idle = slot;
	}
	if (!idle)
		return &budget->slot[(hash >> 32) % BUDGET_SLOTS];
	*idle = (struct slot){.network = network, .a_minute = (unsigned)(BUDGET_A_MINUTE * factor)};
	return idle;
}

/* Whether one may be taken from a bucket, and what must stay in it. */
static bool bucket_has(const struct bucket *bucket, int64_t a_minute, enum budget_claim claim)
{
	static const int sixths[] = {
		[BUDGET_FOR_GOOD] = 0, [BUDGET_FOR_NEW] = 2, [BUDGET_FOR_BACKGROUND] = 3, [BUDGET_FOR_BAD] = 4};
	return bucket->milli_tokens - 1000 >= a_minute * 1000 / 6 * sixths[claim];
}

/* `mine`: how many this probe holds there already; its own addresses do not stand in each other's way. */
static bool slot_has_place(const struct slot *slot, int64_t factor, enum budget_claim claim, unsigned mine)
{
	unsigned most = (unsigned)(BUDGET_AT_ONCE * factor);
	bool background = claim == BUDGET_FOR_BACKGROUND;
	return slot->under_way < most && !(background && slot->under_way - mine >= most / 2);
}

static enum budget_answer take(struct budget *budget, struct slot *slot, int64_t factor, enum budget_claim claim,
	unsigned mine, int64_t now_ms) REQUIRES(budget->lock)
{
	bucket_fill(&slot->bucket, BUDGET_A_MINUTE * factor, now_ms);
	bucket_fill(&budget->all, BUDGET_GLOBAL_A_MINUTE, now_ms);
	if (!bucket_has(&slot->bucket, BUDGET_A_MINUTE * factor, claim))
		return BUDGET_SPENT;
	if (!slot_has_place(slot, factor, claim, mine) || !bucket_has(&budget->all, BUDGET_GLOBAL_A_MINUTE, claim))
		return BUDGET_BUSY;
	slot->bucket.milli_tokens -= 1000;
	budget->all.milli_tokens -= 1000;
	slot->under_way++;
	return BUDGET_GO;
}

/* As if it had never been taken. */
static void untake(struct budget *budget, struct slot *slot) REQUIRES(budget->lock)
{
	slot->under_way--;
	slot->bucket.milli_tokens += 1000;
	budget->all.milli_tokens += 1000;
}

static unsigned held(const unsigned *slots, size_t taken, unsigned slot)
{
	unsigned count = 0;
	for (size_t i = 0; i < taken; i++)
		count += slots[i] == slot;
	return count;
}

enum budget_answer budget_take_all(struct budget *budget, const struct address *addresses, size_t count,
	enum budget_claim claim, int64_t now_ms, unsigned *slots)
{
	enum budget_answer answer = BUDGET_GO;
	size_t taken = 0;
	lock_take(&budget->lock);
	for (; taken < count; taken++) {
		const struct address *address = &addresses[taken];
		int64_t factor = address_is_global(address) ? 1 : BUDGET_PRIVATE_FACTOR;
		struct slot *slot = slot_find(budget, address_network(address), factor, now_ms);
		slots[taken] = (unsigned)(slot - budget->slot);
		answer = take(budget, slot, factor, claim, held(slots, taken, slots[taken]), now_ms);
		if (answer != BUDGET_GO)
			break;
	}
	while (answer != BUDGET_GO && taken > 0)
		untake(budget, &budget->slot[slots[--taken]]);
	lock_drop(&budget->lock);
	return answer;
}

enum budget_answer budget_take(
	struct budget *budget, const struct address *address, enum budget_claim claim, int64_t now_ms, unsigned *slot)
{
	return budget_take_all(budget, address, 1, claim, now_ms, slot);
}

void budget_give(struct budget *budget, unsigned slot)
{
	lock_take(&budget->lock);
	if (budget->slot[slot].under_way > 0)
		budget->slot[slot].under_way--;
	lock_drop(&budget->lock);
}
