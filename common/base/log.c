#include "log.h"

#include "ascii.h"

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

static const struct {
	const char *word;
	int priority;
} levels[] = {[LOG_LEVEL_ERROR] = {"error: ", LOG_ERR},
	[LOG_LEVEL_WARNING] = {"warning: ", LOG_WARNING},
	[LOG_LEVEL_INFO] = {"", LOG_INFO},
	[LOG_LEVEL_DEBUG] = {"debug: ", LOG_DEBUG}};

void log_write(enum log_level level, const char *format, ...)
{
	if (level == LOG_LEVEL_DEBUG && !atomic_load(&log_debug_wanted))
		return;
	if (level == LOG_LEVEL_INFO && atomic_load(&log_info_unwanted))
		return;
	int error = errno;
	char text[LOG_LINE_MAX];
	int used = snprintf(text, sizeof text, "%s", levels[level].word);
	va_list arguments;
	va_start(arguments, format);
	vsnprintf(text + used, sizeof text - (size_t)used, format, arguments);
	va_end(arguments);
	/* Bytes above 0x7f are replaced, too: terminals obey some of them as control characters. */
	for (char *at = text; *at; at++)
		if (!ascii_is_printable(*at))
			*at = '?';
	if (!log_to_stderr) {
		syslog(levels[level].priority, "%s", text);
		errno = error;
		return;
	}
	struct timespec now;
	struct tm utc;
	char seconds[32], line[LOG_LINE_MAX];
	clock_gettime(CLOCK_REALTIME, &now);
	gmtime_r(&now.tv_sec, &utc);
	strftime(seconds, sizeof seconds, "%Y-%m-%dT%H:%M:%S", &utc);
	int len = snprintf(line, sizeof line - 1, "%s.%03ldZ %s[%ld]: %s", seconds, now.tv_nsec / 1000000, log_ident,
		(long)getpid(), text);
	size_t line_len = len < (int)sizeof line - 1 ? (size_t)len : sizeof line - 2;
	line[line_len++] = '\n';
	/* One write() for the whole line, so that the lines of two threads never mix. */
	while (write(STDERR_FILENO, line, line_len) < 0 && errno == EINTR)
		continue;
	errno = error;
}
