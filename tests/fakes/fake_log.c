/* The log, in place of log.c: writes log lines to standard error and records them for tests. */
#include "fake_log.h"

#include "lock.h"
#include "log.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static struct lock lock = {PTHREAD_MUTEX_INITIALIZER};
static char said[FAKE_LOG_SIZE] GUARDED_BY(lock);
static size_t said_len GUARDED_BY(lock);

void log_open(const char *ident, bool to_stderr)
{
	(void)ident;
	(void)to_stderr;
}

void log_verbose(bool debug)
{
	(void)debug;
}

void log_terse(void)
{
}

void log_write(enum log_level level, const char *format, ...)
{
	static const char *const words[] = {"error: ", "warning: ", "", "debug: "};
	char line[LOG_LINE_MAX];
	va_list args;
	int head = snprintf(line, sizeof line, "%s", words[level]);
	va_start(args, format);
	vsnprintf(line + head, sizeof line - (size_t)head, format, args);
	va_end(args);
	fprintf(stderr, "%s\n", line);
	lock_take(&lock);
	size_t room = sizeof said - said_len;
	int len = snprintf(said + said_len, room, "%s\n", line);
	said_len += (size_t)len < room ? (size_t)len : room - 1;
	lock_drop(&lock);
}

void fake_log_forget(void)
{
	lock_take(&lock);
	said_len = 0;
	said[0] = '\0';
	lock_drop(&lock);
}

void fake_log_copy(char out[FAKE_LOG_SIZE])
{
	lock_take(&lock);
	memcpy(out, said, said_len + 1);
	lock_drop(&lock);
}
