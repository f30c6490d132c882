/* The log: syslog (facility mail), or stderr in the foreground. If stderr is a stream to the journal, each line has its
 * priority in the form that the journal reads, and neither time nor process number, which the journal adds.
 *
 * Each call writes one line. Callers pass untrusted text through text_quote() first. As a second line of defence the
 * log replaces every byte that is not printable ASCII with `?`. Any thread may log; log_open() comes first. */
#ifndef BASE_LOG_H
#define BASE_LOG_H

#include <stdbool.h>

#define LOG_LINE_MAX 4096 /* octets; longer lines are cut */

enum log_level {
	LOG_LEVEL_ERROR,   /* an operator must act */
	LOG_LEVEL_WARNING, /* an operator should know; the program continues or retries by itself */
	LOG_LEVEL_INFO,    /* verdicts, start, reload and stop */
	LOG_LEVEL_DEBUG    /* written only after log_verbose(true) */
};

/* Sets the program's name in each line and the destination. Reads the environment variable JOURNAL_STREAM. Call it before the first thread is started. `ident` must
 * stay valid: the log keeps the pointer. Without this call, lines go to stderr as "stsgate". */
void log_open(const char *ident, bool to_stderr);
/* Turns debug lines on or off. */
void log_verbose(bool debug);
/* Drops info lines from now on. For the tool, which prints its results itself. */
void log_terse(void);
/* Writes one line, without a newline in `format`. Leaves errno as it was. */
void log_write(enum log_level level, const char *format, ...) __attribute__((format(printf, 2, 3)));
#define log_error(...) log_write(LOG_LEVEL_ERROR, __VA_ARGS__)
#define log_warning(...) log_write(LOG_LEVEL_WARNING, __VA_ARGS__)
#define log_info(...) log_write(LOG_LEVEL_INFO, __VA_ARGS__)
#define log_debug(...) log_write(LOG_LEVEL_DEBUG, __VA_ARGS__)

#endif
