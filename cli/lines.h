/* Reads a file line by line. The file may contain any octets; a line that is too long is cut. Not thread-safe. */
#ifndef CLI_LINES_H
#define CLI_LINES_H

#include "span.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#define LINE_BYTES_MAX (256 * 1024)

struct lines {
	FILE *file;
	uint64_t number;      /* the number of the newest line, from 1 */
	uint64_t bytes;       /* octets read so far */
	uint64_t bytes_total; /* the size of a regular file; 0: unknown */
	char *line;           /* the newest line, without the newline; not NUL-terminated */
	size_t len;
	bool too_long; /* the line was longer than LINE_BYTES_MAX and is cut */
	bool ended;    /* the end of the file was reached, or a read has failed */
	int error;     /* the errno of a failed read; 0: none has failed */
};

/* Opens a file; `name` "-" is standard input. If that fails, prints a message on stderr and returns false. */
bool lines_open(struct lines *lines, const char *name);
/* The same for a file that is open already; never fails. lines_close() closes it. */
void lines_begin(struct lines *lines, FILE *file);
/* Reads the next line. Returns false at the end of the file and after a read error, which lines_close() reports. Further
 * calls then return false, too, without another read. */
bool lines_next(struct lines *lines);
/* Returns the line without its comment and without blanks at both ends. A comment begins with a `#` at the start of the
 * line or after a blank: a `#` inside a word may belong to the local part of an address. */
struct span lines_word(const struct lines *lines);
/* Closes the file. If a read has failed, prints a message on stderr and returns false. */
bool lines_close(struct lines *lines, const char *name);

#endif
