#include "log.h"

#include <errno.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>

static const char *log_ident = "stsgate";
static bool log_to_stderr = true;
static atomic_bool log_debug_wanted;
static atomic_bool log_info_unwanted;

void log_open(const char *ident, bool to_stderr)
{
	log_ident = ident;
	log_to_stderr = to_stderr;
	if (!to_stderr)
		openlog(ident, LOG_PID, LOG_MAIL);
}

void log_verbose(bool debug)
{
	atomic_store(&log_debug_wanted, debug);
}

void log_terse(void)
{
	atomic_store(&log_info_unwanted, true);
}

static const char *level_word(enum log_level level)
{
	switch (level) {
	case LOG_LEVEL_ERROR:
		return "error: ";
	case LOG_LEVEL_WARNING:
		return "warning: ";
	case LOG_LEVEL_INFO:
		return "";
	case LOG_LEVEL_DEBUG:
		return "debug: ";
	}
	return "";
}

static int level_priority(enum log_level level)
{
	switch (level) {
	case LOG_LEVEL_ERROR:
		return LOG_ERR;
	case LOG_LEVEL_WARNING:
		return LOG_WARNING;
	case LOG_LEVEL_INFO:
		return LOG_INFO;
	case LOG_LEVEL_DEBUG:
		return LOG_DEBUG;
	}
	return LOG_INFO;
}

/* Only printable ASCII is left: a terminal obeys the control characters above 0x7f, too. */
static void clean(char *text)
{
	for (unsigned char *at = (unsigned char *)text; *at; at++)
		if (*at < 0x20 || *at > 0x7e)
			*at = '?';
}

static void stamp(char *out, size_t size)
{
	struct timespec now;
	struct tm utc;
	char seconds[32];
	clock_gettime(CLOCK_REALTIME, &now);
	gmtime_r(&now.tv_sec, &utc);
	strftime(seconds, sizeof seconds, "%Y-%m-%dT%H:%M:%S", &utc);
	snprintf(out, size, "%s.%03ldZ", seconds, now.tv_nsec / 1000000);
}

/* One write for a line, so that lines of two threads never mix. */
static void write_stderr(const char *text)
{
	char line[LOG_LINE_MAX];
	char when[48];
	stamp(when, sizeof when);
	int len = snprintf(line, sizeof line - 1, "%s %s[%ld]: %s", when, log_ident, (long)getpid(), text);
	size_t used = len < (int)sizeof line - 1 ? (size_t)len : sizeof line - 2;
	line[used++] = '\n';
	while (write(STDERR_FILENO, line, used) < 0 && errno == EINTR)
		;
}

void log_write(enum log_level level, const char *format, ...)
{
	if (level == LOG_LEVEL_DEBUG && !atomic_load(&log_debug_wanted))
		return;
	if (level == LOG_LEVEL_INFO && atomic_load(&log_info_unwanted))
		return;
	int error = errno;
	char text[LOG_LINE_MAX];
	int used = snprintf(text, sizeof text, "%s", level_word(level));
	va_list arguments;
	va_start(arguments, format);
	vsnprintf(text + used, sizeof text - (size_t)used, format, arguments);
	va_end(arguments);
	clean(text);
	if (log_to_stderr)
		write_stderr(text);
	else
		syslog(level_priority(level), "%s", text);
	errno = error;
}
