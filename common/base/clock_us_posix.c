#include "clock.h"

#include <stdlib.h>
#include <time.h>

int64_t clock_mono_us(void)
{
	struct timespec t;
	if (clock_gettime(CLOCK_MONOTONIC, &t) != 0)
		abort();
	return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}
