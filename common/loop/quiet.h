/* Limits a log line that a peer can cause as often as it likes: at most one line in QUIET_MS.
 *
 * Keep one struct quiet, zeroed, for each kind of line. The line that is written should state how many were left out.
 * Not locked: use one struct quiet on one thread only. */
#ifndef LOOP_QUIET_H
#define LOOP_QUIET_H

#include <stdbool.h>
#include <stdint.h>

#define QUIET_MS 10000 /* milliseconds */

struct quiet {
	int64_t next_ms;
	unsigned left_out;
};

/* Returns whether to write the line now. If so, sets `left_out` to the number of lines left out since the last one. */
bool quiet_over(struct quiet *quiet, unsigned *left_out);

#endif
