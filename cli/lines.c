#include "lines.h"

#include "memory.h"
#include "output.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static void error_print(const char *name, const char *what, int error)
{
	struct quote quote;
	fprintf(stderr, "stsgate: %s cannot be %s: %s\n", quote_string(&quote, name), what, strerror(error));
}

bool lines_open(struct lines *lines, const char *name)
{
	FILE *file = strcmp(name, "-") == 0 ? stdin : fopen(name, "re");
	if (!file) {
		error_print(name, "opened", errno);
		return false;
	}
	lines_begin(lines, file);
	return true;
}

void lines_begin(struct lines *lines, FILE *file)
{
	struct stat status;
	*lines = (struct lines){.file = file, .line = xmalloc(LINE_BYTES_MAX)};
	if (fstat(fileno(file), &status) == 0 && S_ISREG(status.st_mode) && status.st_size > 0)
		lines->bytes_total = (uint64_t)status.st_size;
}

bool lines_next(struct lines *lines)
{
	if (lines->ended)
		return false;
	int c = getc_unlocked(lines->file);
	lines->ended = c == EOF;
	if (lines->ended && ferror(lines->file))
		lines->error = errno;
	if (lines->ended)
		return false;
	lines->number++;
	lines->len = 0;
	lines->too_long = false;
	for (; c != EOF && c != '\n'; c = getc_unlocked(lines->file)) {
		lines->bytes++;
		if (lines->len < LINE_BYTES_MAX)
			lines->line[lines->len++] = (char)c;
		else
			lines->too_long = true;
	}
	lines->bytes += c == '\n';
	return true;
}

bool lines_close(struct lines *lines, const char *name)
{
	bool whole = lines->error == 0;
	if (!whole)
		error_print(name, "read", lines->error);
	if (lines->file != stdin)
		fclose(lines->file);
	free(lines->line);
	*lines = (struct lines){0};
	return whole;
}

#define BLANKS " \t\r"

struct span lines_word(const struct lines *lines)
{
	size_t len = 0;
	while (len < lines->len &&
		!(lines->line[len] == '#' && (!len || (lines->line[len - 1] && strchr(BLANKS, lines->line[len - 1])))))
		len++;
	return span_trim((struct span){lines->line, len}, BLANKS);
}
