/* The wall clock and the monotonic clock.
 *
 * Scenario tests replace the first two functions by a fake clock at link time. Any thread may call these functions. They never fail:
 * the process aborts if the system cannot read the clock. */
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

#include <stdint.h>

/* Returns the time of day, in seconds since 1970 (CLOCK_REALTIME). */
int64_t clock_wall_s(void);
/* Returns a time that never goes back, in milliseconds (CLOCK_MONOTONIC). For timeouts and durations. */
int64_t clock_mono_ms(void);
/* Returns the same in microseconds, always of the machine's own clock: to measure how long something took, never for a
 * deadline. */
int64_t clock_mono_us(void);

#endif
