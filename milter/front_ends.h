/* The table of front ends. The daemon uses it to open, start, describe, count and stop all front ends. */
#ifndef MILTER_FRONT_ENDS_H
#define MILTER_FRONT_ENDS_H

#include "front_end.h"

#define FRONT_ENDS_MAX 8
extern const struct front_end front_ends[];
extern const size_t front_ends_count; /* FRONT_ENDS_MAX at most */

/* Returns the address from the front end's setting. If it is "", the front end is off. */
const char *front_end_address(const struct front_end *front_end, const struct settings *settings);

#endif
