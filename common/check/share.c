#include "share.h"

#include "lock.h"

#include <stdlib.h>

struct share {
	struct lock lock;
	unsigned most;
	unsigned used[SHARE_SLOTS] GUARDED_BY(lock);
};

struct share *share_new(unsigned most)
{
	struct share *share = calloc(1, sizeof *share);
	if (!share)
		abort();
	lock_init(&share->lock);
	share->most = most < 1 ? 1 : most;
	return share;
}

void share_free(struct share **share)
{
	if (!*share)
		return;
	lock_destroy(&(*share)->lock);
	free(*share);
	*share = NULL;
}

static unsigned *slot_of(struct share *share, uint64_t key) REQUIRES(share->lock)
{
	return &share->used[((key * 0x9e3779b97f4a7c15u) >> 32) % SHARE_SLOTS];
}

bool share_take(struct share *share, uint64_t key)
{
	return share_take_within(share, key, share->most);
}

bool share_take_within(struct share *share, uint64_t key, unsigned most)
{
	if (key == 0)
		return true;
	lock_take(&share->lock);
	unsigned *used = slot_of(share, key);
	bool taken = *used < (most < 1 ? 1 : most);
	*used += taken;
	lock_drop(&share->lock);
	return taken;
}

void share_give(struct share *share, uint64_t key)
{
	if (key == 0)
		return;
	lock_take(&share->lock);
	(*slot_of(share, key))--;
	lock_drop(&share->lock);
}
