/* The table of front ends: everything that the daemon does with all of them goes by it. */
#ifndef MILTER_FRONT_ENDS_H
#define MILTER_FRONT_ENDS_H

#include "front_end.h"

#define FRONT_ENDS_MAX 8
extern const struct front_end front_ends[];
extern const size_t front_ends_count; /* FRONT_ENDS_MAX at most */

/* The value of its setting; "" is off. */
const char *front_end_place(const struct front_end *front_end, const struct settings *settings);

#endif
