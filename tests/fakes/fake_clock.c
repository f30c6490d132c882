/* The clock of the world, in place of clock_posix.c, and a cond_wait_until() that uses it (--wrap). */
#include "clock.h"
#include "world.h"

#include <stdatomic.h>
#include <time.h>

#define SLICE_MS 5 /* how often a waiter checks whether the clock was moved */

static int64_t machine_mono_ms(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

int64_t clock_wall_s(void)
{
	return world_wall_s();
}

static atomic_llong slow_ms, crept_ms;

void world_clock_slow(int ms)
{
	atomic_store(&slow_ms, ms);
}

int64_t clock_mono_ms(void)
{
	long long slow = atomic_load(&slow_ms);
	return machine_mono_ms() + world_mono_offset_ms() + atomic_fetch_add(&crept_ms, slow) + slow;
}

bool __real_cond_wait_until(struct signal_cond *cond, struct lock *lock, int64_t deadline_ms) REQUIRES(lock);
bool __wrap_cond_wait_until(struct signal_cond *cond, struct lock *lock, int64_t deadline_ms) REQUIRES(lock);

bool __wrap_cond_wait_until(struct signal_cond *cond, struct lock *lock, int64_t deadline_ms)
{
	int64_t left = deadline_ms - clock_mono_ms();
	if (left > SLICE_MS)
		left = SLICE_MS;
	if (left > 0 && __real_cond_wait_until(cond, lock, machine_mono_ms() + left))
		return true;
	return clock_mono_ms() < deadline_ms;
}
