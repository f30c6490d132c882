/* The log: syslog (facility mail), or stderr in the foreground. One call is one line. Any thread. Untrusted text has
 * passed text_quote() before it comes here; as a last net every control character is written as `?`. */
#ifndef BASE_LOG_H
#define BASE_LOG_H

#include <stdbool.h>

#define LOG_LINE_MAX 4096

enum log_level {
	LOG_LEVEL_ERROR,   /* somebody must act */
	LOG_LEVEL_WARNING, /* will be retried */
	LOG_LEVEL_INFO,    /* verdicts and life cycle */
	LOG_LEVEL_DEBUG
};

/* Before any thread is started. `ident` is kept, not copied. */
void log_open(const char *ident, bool to_stderr);
void log_verbose(bool debug);
/* Only errors and warnings from now on: for a tool that tells its story itself. */
void log_terse(void);
void log_write(enum log_level level, const char *format, ...) __attribute__((format(printf, 2, 3)));
#define log_error(...) log_write(LOG_LEVEL_ERROR, __VA_ARGS__)
#define log_warning(...) log_write(LOG_LEVEL_WARNING, __VA_ARGS__)
#define log_info(...) log_write(LOG_LEVEL_INFO, __VA_ARGS__)
#define log_debug(...) log_write(LOG_LEVEL_DEBUG, __VA_ARGS__)

#endif
