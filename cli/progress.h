/* How far a long command has come: one line on stderr, written over again and again, and only when that is a terminal.
 */
#ifndef CLI_PROGRESS_H
#define CLI_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>

struct progress {
	bool wanted;
	bool shown;
	int64_t told_ms; /* when last */
};

void progress_init(struct progress *progress);
/* `total` 0: not known, no bar. `words` stand beside the bar. A few times a second it is shown, else nothing. */
void progress_tell(struct progress *progress, uint64_t done, uint64_t total, const char *words);
/* Takes the line away; also before something else is written to stderr. */
void progress_clear(struct progress *progress);

#endif
