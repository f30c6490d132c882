/* The clock. Replaced at link time by a fake in scenario tests. Any thread. */
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

#include <stdint.h>

int64_t clock_wall_s(void);  /* CLOCK_REALTIME, seconds since the epoch */
int64_t clock_mono_ms(void); /* CLOCK_MONOTONIC */

#endif
