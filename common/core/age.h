/* Ages and days, in wall-clock seconds since the epoch. Pure. */
#ifndef CORE_AGE_H
#define CORE_AGE_H

#include <stdint.h>

#define DAY_S 86400
#define CLOCK_SKEW_S 60 /* a time ahead of the clock by no more than this counts as now */

/* Returns the number of days since the epoch. */
static inline int32_t schedule_day(int64_t now)
{
	return (int32_t)(now / DAY_S);
}

/* Returns the age in seconds of something learned at `then`. Returns INT64_MAX for 0 (never) and for a time in the
 * future: a clock that has since been set back wrote it, so nobody knows its age (spec S-79). */
static inline int64_t schedule_age(int64_t then, int64_t now)
{
	if (!then || then > now + CLOCK_SKEW_S)
		return INT64_MAX;
	return then > now ? 0 : now - then;
}

#endif
