/* Limits a log line that a peer can cause as often as it likes: at most one line in LOG_LIMIT_MS.
 *
 * Keep one struct log_limit, zeroed, for each kind of line. A line that is written should state how many lines were
 * left out before it. Not locked: use one struct log_limit on one thread only. */
#ifndef LOOP_LOG_LIMIT_H
#define LOOP_LOG_LIMIT_H

#include <stdbool.h>
#include <stdint.h>

#define LOG_LIMIT_MS 10000 /* milliseconds */

struct log_limit {
	int64_t next_ms;
	unsigned left_out;
};

/* Returns whether to write the line now. If so, sets `left_out` to the number of lines left out since the last one. */
bool log_limit_passes(struct log_limit *limit, unsigned *left_out);
/* Writes ` (and N more since the last such line)`, or "" if no line was left out. Returns `out`. */
#define LOG_LIMIT_WORDS_SIZE 64
const char *log_limit_words(char out[LOG_LIMIT_WORDS_SIZE], unsigned left_out);

#endif
