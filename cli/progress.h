/* Shows the progress of a long command in one line on stderr, which is overwritten a few times a second. Prints nothing
 * if stderr is not a terminal. Not thread-safe: callers on several threads need a lock. */
#ifndef CLI_PROGRESS_H
#define CLI_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>

struct progress {
	bool wanted;      /* stderr is a terminal */
	bool shown;       /* the line is on the terminal now */
	int64_t shown_ms; /* when the line was last printed; monotonic clock */
};

void progress_init(struct progress *progress);
/* Prints the line: a bar that shows `done` of `total`, and `words` beside the bar. If `total` is 0 (unknown), there is no
 * bar. Does nothing if the line was printed less than 200 ms ago. */
void progress_show(struct progress *progress, uint64_t done, uint64_t total, const char *words);
/* Erases the line. Call this before printing anything else to stderr. */
void progress_clear(struct progress *progress);

#endif
