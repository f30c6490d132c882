/* Ages and days, in wall-clock seconds. Pure. */
#ifndef CORE_AGE_H
#define CORE_AGE_H

#include <stdint.h>

#define DAY_S 86400
#define CLOCK_SKEW_S 60 /* a time this little ahead is "now", not the future */

/* Days since the epoch. */
static inline int32_t schedule_day(int64_t now)
{
	return (int32_t)(now / DAY_S);
}

/* Ages grow from `then` to `now`; a `then` in the future counts as infinitely old (clock set back; S-79), as does 0. */
static inline int64_t schedule_age(int64_t then, int64_t now)
{
	if (!then || then > now + CLOCK_SKEW_S)
		return INT64_MAX;
	return then > now ? 0 : now - then;
}

#endif
