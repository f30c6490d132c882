#include "read_text.h"

#include "clock.h"
#include "memory.h"
#include "output.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <unistd.h>

#define ERRORS_MAX 8192
#define CHUNK 65536
#define END_POLL_MS 5

/* What was read from one end of a pipe. */
struct stream {
	int fd; /* -1: it has ended */
	char *bytes;
	size_t len, max;
	bool cut; /* there was more than `max` */
};

/* Reads what is there. What does not fit is read and dropped, so that the program does not block. */
static void stream_read(struct stream *stream)
{
	char chunk[CHUNK];
	ssize_t len = read(stream->fd, chunk, sizeof chunk);
	if (len < 0 && (errno == EINTR || errno == EAGAIN))
		return;
	if (len <= 0) {
		close(stream->fd);
		stream->fd = -1;
		return;
	}
	size_t room = stream->max - stream->len, take = (size_t)len < room ? (size_t)len : room;
	stream->cut |= take < (size_t)len;
	stream->bytes = xrealloc(stream->bytes, stream->len + take + 1);
	memcpy(stream->bytes + stream->len, chunk, take);
	stream->len += take;
}

/* Ends the text with NUL, and replaces NULs inside. */
static char *text_end(char *bytes, size_t len)
{
	bytes = xrealloc(bytes, len + 1);
	for (size_t i = 0; i < len; i++)
		bytes[i] = bytes[i] == '\0' ? '?' : bytes[i];
	bytes[len] = '\0';
	return bytes;
}

/* Reads both streams to their ends. Returns false if the time is over before. */
static bool streams_read(struct stream *out, struct stream *err, int64_t until_ms)
{
	while (out->fd >= 0 || err->fd >= 0) {
		struct pollfd ends[2] = {{.fd = out->fd, .events = POLLIN}, {.fd = err->fd, .events = POLLIN}};
		int64_t left_ms = until_ms - clock_mono_ms();
		int ready = left_ms > 0 ? poll(ends, 2, (int)left_ms) : 0;
		if (ready == 0 || (ready < 0 && errno != EINTR))
			return false;
		if (ready > 0 && ends[0].revents)
			stream_read(out);
		if (ready > 0 && ends[1].revents)
			stream_read(err);
	}
	return true;
}

/* Starts the program with its three standard descriptors. Returns an errno. */
static int program_start(const char *const *words, int input, int out, int err, pid_t *pid)
{
	char *environment[] = {"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL=C", NULL, NULL};
	const char *config = getenv("MAIL_CONFIG");
	char place[1024];
	if (config && (size_t)snprintf(place, sizeof place, "MAIL_CONFIG=%s", config) < sizeof place)
		environment[2] = place;
	posix_spawn_file_actions_t actions;
	if (posix_spawn_file_actions_init(&actions) != 0)
		return ENOMEM;
	int error = input >= 0 ? posix_spawn_file_actions_adddup2(&actions, input, STDIN_FILENO)
			       : posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
	error = error ? error : posix_spawn_file_actions_adddup2(&actions, out, STDOUT_FILENO);
	error = error ? error : posix_spawn_file_actions_adddup2(&actions, err, STDERR_FILENO);
	error = error ? error : posix_spawn(pid, words[0], &actions, NULL, (char *const *)words, environment);
	posix_spawn_file_actions_destroy(&actions);
	return error;
}

/* Waits for the end of a program that has closed its output. Does not collect its status. */
static bool program_ends(pid_t pid, int64_t until_ms)
{
	siginfo_t end = {0};
	while (waitid(P_PID, (id_t)pid, &end, WEXITED | WNOHANG | WNOWAIT) == 0 && end.si_pid == 0) {
		if (clock_mono_ms() >= until_ms)
			return false;
		poll(NULL, 0, END_POLL_MS);
	}
	return true;
}

/* Describes a failed program by the last line of its error messages. */
static void program_blame(const char *program, const struct stream *err, const char *how, struct failure *why)
{
	size_t end = err->len;
	while (end > 0 && err->bytes[end - 1] == '\n')
		end--;
	size_t from = end;
	while (from > 0 && err->bytes[from - 1] != '\n')
		from--;
	struct quote quote;
	if (end > from)
		failure_set(why, EX_SOFTWARE, "%s: %s", program,
			quote_bytes(&quote, err->bytes + from, end - from < 200 ? end - from : 200));
	else
		failure_set(why, EX_SOFTWARE, "%s: %s", program, how);
}

char *program_text(const char *const *words, int input, bool may_find_nothing, int seconds, struct failure *why)
{
	int out[2], err[2], status = 0;
	pid_t pid = 0;
	if (pipe2(out, O_CLOEXEC) != 0) {
		failure_set(why, EX_OSERR, "%s: %s", words[0], strerror(errno));
		return NULL;
	}
	if (pipe2(err, O_CLOEXEC) != 0) {
		failure_set(why, EX_OSERR, "%s: %s", words[0], strerror(errno));
		close(out[0]);
		close(out[1]);
		return NULL;
	}
	int error = program_start(words, input, out[1], err[1], &pid);
	close(out[1]);
	close(err[1]);
	struct stream outs = {.fd = out[0], .max = READ_TEXT_MAX}, errs = {.fd = err[0], .max = ERRORS_MAX};
	int64_t until_ms = clock_mono_ms() + seconds * 1000;
	bool in_time = error == 0 && streams_read(&outs, &errs, until_ms) && program_ends(pid, until_ms);
	if (outs.fd >= 0)
		close(outs.fd);
	if (errs.fd >= 0)
		close(errs.fd);
	if (error == 0 && !in_time)
		kill(pid, SIGKILL);
	while (error == 0 && waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	int most = may_find_nothing && errs.len == 0;
	bool good = in_time && !outs.cut && WIFEXITED(status) && WEXITSTATUS(status) <= most;
	if (error != 0)
		failure_set(why, EX_OSERR, "%s: %s", words[0], strerror(error));
	else if (!in_time)
		failure_set(why, EX_SOFTWARE, "%s: did not end within %d s", words[0], seconds);
	else if (!good)
		program_blame(words[0], &errs, outs.cut ? "printed too much" : "failed", why);
	free(errs.bytes);
	if (good)
		return text_end(outs.bytes, outs.len);
	free(outs.bytes);
	return NULL;
}

const char *program_find(const char *name, char *path, size_t size)
{
	static const char *const directories[] = {
		"/usr/sbin", "/usr/local/sbin", "/usr/bin", "/usr/local/bin", "/sbin"};
	for (size_t i = 0; i < sizeof directories / sizeof *directories; i++) {
		int len = snprintf(path, size, "%s/%s", directories[i], name);
		if (len > 0 && (size_t)len < size && access(path, X_OK) == 0)
			return path;
	}
	return NULL;
}

static char *file_fail(int fd, const char *name, int error, const char *what, struct failure *why)
{
	struct quote quote;
	if (fd >= 0)
		close(fd);
	failure_set(why, error, "%s: %s", quote_string(&quote, name), what);
	return NULL;
}

char *file_text(const char *name, struct failure *why)
{
	struct stat file;
	/* without O_NONBLOCK, the open of a FIFO would wait */
	int fd = open(name, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0 || fstat(fd, &file) != 0)
		return file_fail(fd, name, errno, strerror(errno), why);
	if (!S_ISREG(file.st_mode))
		return file_fail(fd, name, EINVAL, "is not a regular file", why);
	struct stream text = {.fd = fd, .max = READ_TEXT_MAX};
	while (text.fd >= 0 && !text.cut)
		stream_read(&text);
	if (!text.cut)
		return text_end(text.bytes, text.len);
	free(text.bytes);
	return file_fail(text.fd, name, EFBIG, "is too long", why);
}
