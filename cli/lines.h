/* A file that is read line by line, each line bounded, whatever the file holds. */
#ifndef CLI_LINES_H
#define CLI_LINES_H

#include "span.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#define LINE_BYTES_MAX (256 * 1024)

struct lines {
	FILE *file;
	uint64_t number;      /* of the line read last, from 1 */
	uint64_t bytes;       /* read so far */
	uint64_t bytes_total; /* of a plain file; 0: not known */
	char *line;           /* LINE_BYTES_MAX octets, without the new line; not NUL-terminated */
	size_t len;
	bool too_long; /* the line was longer, and what is over is gone */
	int trouble;   /* errno, when the file cannot be read on */
};

/* `name` "-" is standard input. False, and said on stderr, when it cannot be opened. */
bool lines_open(struct lines *lines, const char *name);
/* False at the end, and when it cannot be read: lines_close() tells them apart. */
bool lines_next(struct lines *lines);
/* The line without the blanks around it and without its comment: a `#` at its start or behind a blank, since a local
 * part may hold one. */
struct span lines_word(const struct lines *lines);
/* False, and said on stderr, when something could not be read. */
bool lines_close(struct lines *lines, const char *name);

#endif
