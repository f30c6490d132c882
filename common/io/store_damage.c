/* The parent's part of checking a store's file, and moving a damaged file aside. */
#include "clock.h"
#include "log.h"
#include "store_look.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <time.h>
#include <unistd.h>

#define NAMES_MAX 1000
#define WATCH_MS 1000
#define LOG_MS 10000 /* between two log lines about progress */

/* Returns whether a result is a local failure, which shows nothing about the contents of the file. */
static bool is_trouble(int result)
{
	static const int trouble[] = {EACCES, EPERM, EIO, ESTALE, EMFILE, ENFILE, ENOENT, ENOMEM, ENOSPC, EDQUOT, EROFS,
		ETIMEDOUT, EAGAIN, EINTR, MDB_READERS_FULL, MDB_MAP_RESIZED};
	for (size_t i = 0; i < sizeof trouble / sizeof trouble[0]; i++)
		if (result == trouble[i])
			return true;
	return false;
}

/* Decides whether the file is damaged. `report` is NULL if the child ended without a result. */
static void child_judge(const struct look_report *report, int status, struct store_finding *out)
{
	int number = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
	if (report) {
		out->result = report->result;
		out->unreadable = report->unreadable;
		out->health = report->result == 0          ? STORE_SOUND
			      : is_trouble(report->result) ? STORE_UNCHECKED
							   : STORE_DAMAGED;
		snprintf(out->words, sizeof out->words, "%s", mdb_strerror(report->result));
		return;
	}
	/* The child causes these signals itself, by what it reads. Other signals come from outside, such as SIGKILL
	 * from a kernel that has run out of memory. */
	bool crashed =
		number == SIGSEGV || number == SIGBUS || number == SIGABRT || number == SIGFPE || number == SIGILL;
	out->health = crashed ? STORE_DAMAGED : STORE_UNCHECKED;
	if (number != 0)
		snprintf(out->words, sizeof out->words, "the process that checked it was killed by signal %d (%s)",
			number, strsignal(number));
	else
		snprintf(out->words, sizeof out->words, "the process that checked it ended with status %d",
			WEXITSTATUS(status));
}

/* Reads the child's reports until the child has sent its result or has ended, or until `go_on` ends the check. A disk
 * may be slow, so there is no deadline. */
static void child_watch(
	const char *path, const struct store_look_way *way, pid_t pid, int fd, struct store_finding *out)
{
	struct look_report report = {.kind = LOOK_PROGRESS};
	bool given_up = false, alive = true;
	int64_t logged_ms = clock_mono_ms();
	while (alive && !given_up && report.kind == LOOK_PROGRESS) {
		struct pollfd readable = {.fd = fd, .events = POLLIN};
		if (poll(&readable, 1, WATCH_MS) > 0)
			alive = read(fd, &report, sizeof report) == sizeof report;
		int64_t now_ms = clock_mono_ms();
		if (alive && way->walk && now_ms - logged_ms >= LOG_MS) {
			log_info("store %s: %u %% checked", path, report.percent);
			logged_ms = now_ms;
		}
		given_up = alive && way->go_on && !way->go_on(report.percent);
	}
	if (given_up)
		kill(pid, SIGKILL);
	int status = 0;
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		continue;
	child_judge(alive && !given_up ? &report : NULL, status, out);
	if (given_up)
		snprintf(out->words, sizeof out->words, "the check was stopped before it was finished");
}

void store_inspect(const char *path, const struct store_look_way *way, struct store_finding *out)
{
	int ends[2];
	*out = (struct store_finding){.health = STORE_UNCHECKED};
	if (pipe2(ends, O_CLOEXEC) != 0) {
		snprintf(out->words, sizeof out->words, "cannot create a pipe: %s", strerror(errno));
		return;
	}
	pid_t pid = fork();
	if (pid == 0)
		store_look(path, way->walk, way->lock_fd, ends[1]);
	if (pid < 0)
		snprintf(out->words, sizeof out->words, "cannot start a child process: %s", strerror(errno));
	close(ends[1]);
	if (pid > 0)
		child_watch(path, way, pid, ends[0], out);
	close(ends[0]);
}

bool store_move_aside(struct store *store, const char *found, struct failure *why)
{
	char name[PATH_MAX], from[PATH_MAX + 8], to[PATH_MAX + 8], when[32];
	time_t now = (time_t)clock_wall_s();
	bool is_free = false;
	struct stat file;
	struct tm tm;
	gmtime_r(&now, &tm);
	strftime(when, sizeof when, "%Y%m%dT%H%M%SZ", &tm);
	for (int i = 0; i < NAMES_MAX && !is_free; i++) {
		int len = i == 0 ? snprintf(name, sizeof name, "%s.damaged-%s", store->path, when)
				 : snprintf(name, sizeof name, "%s.damaged-%s-%d", store->path, when, i);
		if (len < 0 || (size_t)len >= sizeof name)
			break;
		is_free = lstat(name, &file) != 0 && errno == ENOENT;
	}
	if (!is_free)
		return failure_set(why, EX_CANTCREAT,
			"store %s is damaged (%s) and there is no free name to rename it to; move it away", store->path,
			found);
	if (rename(store->path, name) != 0)
		return failure_set(why, EX_CANTCREAT,
			"store %s is damaged (%s) and cannot be renamed: %s; move it away", store->path, found,
			strerror(errno));
	memcpy(store->aside, name, sizeof name);
	fsync(store->directory_fd);
	snprintf(from, sizeof from, "%s" STORE_LOCK_SUFFIX, store->path);
	snprintf(to, sizeof to, "%s" STORE_LOCK_SUFFIX, store->aside);
	if (rename(from, to) == 0 || errno == ENOENT)
		return true;
	return failure_set(
		why, EX_CANTCREAT, "store lock file %s cannot be renamed: %s; move it away", from, strerror(errno));
}
