#include "clock.h"

#include <stdlib.h>
#include <time.h>

static struct timespec clock_read(clockid_t id)
{
	struct timespec t;

	if (clock_gettime(id, &t) != 0)
		abort();
	return t;
}

int64_t clock_wall_s(void)
{
	return clock_read(CLOCK_REALTIME).tv_sec;
}

int64_t clock_mono_ms(void)
{
	struct timespec t = clock_read(CLOCK_MONOTONIC);

	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}
