/* A log line that a peer can cause at will: at most one in QUIET_MS, which tells how many were left out. One thread. */
#ifndef LOOP_QUIET_H
#define LOOP_QUIET_H

#include <stdbool.h>
#include <stdint.h>

#define QUIET_MS 10000

struct quiet {
	int64_t next_ms;
	unsigned left_out;
};

/* Whether to write the line now; then `left_out` is how many were not written before it. */
bool quiet_over(struct quiet *quiet, unsigned *left_out);

#endif
