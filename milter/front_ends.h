/* The table of front ends. The daemon opens, starts, describes, counts and stops all front ends by this table. */
#ifndef MILTER_FRONT_ENDS_H
#define MILTER_FRONT_ENDS_H

#include "front_end.h"

#define FRONT_ENDS_MAX 8
extern const struct front_end front_ends[];
extern const size_t front_ends_count; /* FRONT_ENDS_MAX at most */

/* Returns the value of the front end's setting; "" is off. */
const char *front_end_address(const struct front_end *front_end, const struct settings *settings);

#endif
