#include "log.h"

#include "ascii.h"

#include <errno.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>

static const char *log_ident = "stsgate";
static bool log_to_stderr = true;
static bool log_to_journal; /* stderr is a stream to the journal */
static atomic_bool log_debug_wanted;
static atomic_bool log_info_unwanted;

/* Returns whether stderr is the stream that the service manager has connected to the journal. JOURNAL_STREAM has the
 * device and inode of that stream (systemd.exec(5)). They differ after somebody has redirected stderr. */
static bool stderr_is_journal(void)
{
	const char *stream = getenv("JOURNAL_STREAM");
	unsigned long long device, inode;
	char rest;
	struct stat info;
	return stream && sscanf(stream, "%20llu:%20llu%c", &device, &inode, &rest) == 2 &&
	       fstat(STDERR_FILENO, &info) == 0 && info.st_dev == device && info.st_ino == inode;
}

void log_open(const char *ident, bool to_stderr)
{
	log_ident = ident;
	log_to_stderr = to_stderr;
	log_to_journal = to_stderr && stderr_is_journal();
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

/* Writes what comes before the text of a line on stderr: the time, the program and its process number. The journal adds
 * all this itself. It takes the priority from a number in angle brackets (sd-daemon(3)). */
static const char *head_make(char *out, size_t size, enum log_level level)
{
	struct timespec now;
	struct tm utc;
	char seconds[32];
	if (log_to_journal) {
		snprintf(out, size, "<%d>", levels[level].priority);
		return out;
	}
	clock_gettime(CLOCK_REALTIME, &now);
	gmtime_r(&now.tv_sec, &utc);
	strftime(seconds, sizeof seconds, "%Y-%m-%dT%H:%M:%S", &utc);
	snprintf(out, size, "%s.%03ldZ %s[%ld]: ", seconds, now.tv_nsec / 1000000, log_ident, (long)getpid());
	return out;
}

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
	char head[128], line[LOG_LINE_MAX];
	int len = snprintf(line, sizeof line - 1, "%s%s", head_make(head, sizeof head, level), text);
	size_t line_len = len < (int)sizeof line - 1 ? (size_t)len : sizeof line - 2;
	line[line_len++] = '\n';
	/* One write() for the whole line, so that the lines of two threads never mix. */
	while (write(STDERR_FILENO, line, line_len) < 0 && errno == EINTR)
		continue;
	errno = error;
}
