/* The progress of a long command: one line on stderr that is overwritten a few times a second. Nothing is printed when
 * stderr is no terminal. Not thread-safe: the caller's lock guards the struct. */
#ifndef CLI_PROGRESS_H
#define CLI_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>

struct progress {
	bool wanted;
	bool shown;
	int64_t shown_ms; /* when the line was last printed; monotonic clock */
};

void progress_init(struct progress *progress);
/* Prints the line, with a bar for `done` of `total` and `words` beside it; does nothing if the last call was too recent.
 * `total` 0: unknown, no bar. */
void progress_show(struct progress *progress, uint64_t done, uint64_t total, const char *words);
/* Erases the line. Call this before printing anything else to stderr. */
void progress_clear(struct progress *progress);

#endif
