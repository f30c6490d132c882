#include "rate.h"

#include "lock.h"

#include <stdlib.h>

/* In thousandths of a token, so that a millisecond brings something. */
struct bucket {
	int64_t used;
	int64_t at_ms;
};

struct rate {
	struct lock lock;
	int64_t a_second, burst;
	struct bucket bucket[RATE_SLOTS] GUARDED_BY(lock);
};

struct rate *rate_new(unsigned a_second, unsigned burst)
{
	struct rate *rate = calloc(1, sizeof *rate);
	if (!rate)
		abort();
	lock_init(&rate->lock);
	rate->a_second = a_second;
	rate->burst = (int64_t)burst * 1000;
	return rate;
}

void rate_free(struct rate **rate)
{
	if (!*rate)
		return;
	lock_destroy(&(*rate)->lock);
	free(*rate);
	*rate = NULL;
}

/* Two threads may read the clock in one order and come here in the other. */
static void bucket_fill(struct bucket *bucket, int64_t a_second, int64_t now_ms)
{
	int64_t passed = now_ms - bucket->at_ms;
	if (passed <= 0)
		return;
	bucket->used = bucket->used / a_second < passed ? 0 : bucket->used - passed * a_second;
	bucket->at_ms = now_ms;
}

bool rate_take(struct rate *rate, uint64_t key, int64_t now_ms)
{
	if (key == 0)
		return true;
	lock_take(&rate->lock);
	struct bucket *bucket = &rate->bucket[((key * 0x9e3779b97f4a7c15u) >> 32) % RATE_SLOTS];
	bucket_fill(bucket, rate->a_second, now_ms);
	bool taken = bucket->used + 1000 <= rate->burst;
	if (taken)
		bucket->used += 1000;
	lock_drop(&rate->lock);
	return taken;
}
