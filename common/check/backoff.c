#include "backoff.h"

#include "lock.h"

#include <stdlib.h>
#include <string.h>

#define SLOT_TRIES 8

struct slot {
	struct address address;
	unsigned failures; /* in a row; 0: a free slot */
	bool trying;
	int64_t failed_at_ms;
};

struct backoff {
	struct lock lock;
	struct slot slot[BACKOFF_SLOTS] GUARDED_BY(lock);
};

struct backoff *backoff_new(void)
{
	struct backoff *backoff = calloc(1, sizeof *backoff);
	if (!backoff)
		abort();
	lock_init(&backoff->lock);
	return backoff;
}

void backoff_free(struct backoff **backoff)
{
	if (!*backoff)
		return;
	lock_destroy(&(*backoff)->lock);
	free(*backoff);
	*backoff = NULL;
}

static size_t slot_first(const struct address *address)
{
	uint64_t hash = address->len;
	for (unsigned i = 0; i < address->len; i++)
		hash = (hash ^ address->bytes[i]) * 0x9e3779b97f4a7c15u;
	return hash >> 32;
}

static bool slot_is(const struct slot *slot, const struct address *address)
{
	return slot->failures > 0 && slot->address.len == address->len &&
	       memcmp(slot->address.bytes, address->bytes, address->len) == 0;
}

static struct slot *slot_find(struct backoff *backoff, const struct address *address) REQUIRES(backoff->lock)
{
	size_t first = slot_first(address);
	for (size_t i = 0; i < SLOT_TRIES; i++) {
		struct slot *slot = &backoff->slot[(first + i) % BACKOFF_SLOTS];
		if (slot_is(slot, address))
			return slot;
	}
	return NULL;
}

/* A free one, or the one that failed longest ago and is not being tried; NULL when all are. */
static struct slot *slot_made(struct backoff *backoff, const struct address *address) REQUIRES(backoff->lock)
{
	size_t first = slot_first(address);
	struct slot *oldest = NULL;
	for (size_t i = 0; i < SLOT_TRIES; i++) {
		struct slot *slot = &backoff->slot[(first + i) % BACKOFF_SLOTS];
		if (slot->failures > 0 && slot->trying)
			continue;
		if (!oldest || slot->failures == 0 || slot->failed_at_ms < oldest->failed_at_ms)
			oldest = slot;
		if (slot->failures == 0)
			break;
	}
	if (oldest)
		*oldest = (struct slot){.address = *address};
	return oldest;
}

static int64_t wait_ms(unsigned failures, bool asked)
{
	int64_t most = asked ? BACKOFF_ASKED_MS : BACKOFF_MOST_MS;
	if (failures < 2)
		return 0;
	int64_t wait = failures > 10 ? BACKOFF_MOST_MS : (int64_t)BACKOFF_FIRST_MS << (failures - 2);
	return wait < most ? wait : most;
}

/* Why none may go. A refresh does not wait: its policy stays in force. */
static enum backoff_way way_barred(const struct slot *slot, bool asked)
{
	return asked && slot->trying && slot->failures == 1 ? BACKOFF_WAIT : BACKOFF_FAIL;
}

enum backoff_way backoff_begin(
	struct backoff *backoff, const struct address *address, bool asked, int64_t now_ms, struct backoff_try *try)
{
	*try = (struct backoff_try){.address = *address};
	lock_take(&backoff->lock);
	struct slot *slot = slot_find(backoff, address);
	bool go = !slot || (!slot->trying && now_ms - slot->failed_at_ms >= wait_ms(slot->failures, asked));
	enum backoff_way way = go ? BACKOFF_GO : way_barred(slot, asked);
	if (slot && go)
		slot->trying = try->alone = true;
	lock_drop(&backoff->lock);
	return way;
}

/* Of fetches that were under way together, the failures count as one. */
static void slot_fail(struct slot *slot, bool alone, int64_t now_ms)
{
	if (slot->failures > 0 && !alone)
		return;
	if (slot->failures < UINT32_MAX)
		slot->failures++;
	slot->failed_at_ms = now_ms;
}

void backoff_end(struct backoff *backoff, const struct backoff_try *try, enum backoff_end end, int64_t now_ms)
{
	lock_take(&backoff->lock);
	struct slot *slot = slot_find(backoff, &try->address);
	if (slot && try->alone)
		slot->trying = false;
	switch (end) {
	case BACKOFF_REACHED:
		if (slot)
			*slot = (struct slot){.failures = 0};
		break;
	case BACKOFF_UNREACHED:
		slot = slot ? slot : slot_made(backoff, &try->address);
		if (slot)
			slot_fail(slot, try->alone, now_ms);
		break;
	case BACKOFF_UNTOLD:
		break;
	}
	lock_drop(&backoff->lock);
}
