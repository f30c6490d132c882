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

static int child_wait(pid_t pid)
{
	int status = 0;
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		continue;
	return status;
}

/* Logs how far a check is, if it has not done so for a while. */
static void progress_log(const char *path, unsigned percent, int64_t *logged_ms)
{
	int64_t now_ms = clock_mono_ms();
	if (now_ms - *logged_ms < LOG_MS)
		return;
	log_info("store %s: %u %% checked", path, percent);
	*logged_ms = now_ms;
}

/* Reads the child's reports until the child has sent its result or has ended, or until `go_on` ends the check. A disk
 * may be slow, so there is no deadline. */
static void child_watch(
	const char *path, enum store_look_way way, store_go_on *go_on, pid_t pid, int fd, struct store_finding *out)
{
	struct look_report report = {.kind = LOOK_PROGRESS};
	bool given_up = false, alive = true;
	int64_t logged_ms = clock_mono_ms();
	while (alive && !given_up && report.kind == LOOK_PROGRESS) {
		struct pollfd readable = {.fd = fd, .events = POLLIN};
		if (poll(&readable, 1, WATCH_MS) > 0)
			alive = read(fd, &report, sizeof report) == sizeof report;
		if (alive && way == LOOK_WALK)
			progress_log(path, report.percent, &logged_ms);
		given_up = alive && go_on && !go_on(report.percent);
	}
	if (given_up)
		kill(pid, SIGKILL);
	child_judge(alive && !given_up ? &report : NULL, child_wait(pid), out);
	if (given_up)
		snprintf(out->words, sizeof out->words, "the check was stopped before it was finished");
}

/* Starts the child. Returns the descriptor from which its reports can be read; -1, and what is wrong, on failure. */
static int child_start(const char *path, enum store_look_way way, pid_t *pid, struct store_finding *out)
{
	int ends[2];
	*out = (struct store_finding){.health = STORE_UNCHECKED};
	if (pipe2(ends, O_CLOEXEC) != 0) {
		snprintf(out->words, sizeof out->words, "cannot create a pipe: %s", strerror(errno));
		return -1;
	}
	*pid = fork();
	if (*pid == 0)
		store_look(path, way, ends[1]);
	int error = errno;
	close(ends[1]);
	if (*pid > 0)
		return ends[0];
	close(ends[0]);
	snprintf(out->words, sizeof out->words, "cannot start a child process: %s", strerror(error));
	return -1;
}

void store_inspect(const char *path, enum store_look_way way, store_go_on *go_on, struct store_finding *out)
{
	pid_t pid;
	int fd = child_start(path, way, &pid, out);
	if (fd < 0)
		return;
	child_watch(path, way, go_on, pid, fd, out);
	close(fd);
}

void store_know_unreadable(struct store *store, unsigned count)
{
	atomic_store(&store->unreadable_known, count);
	if (count > 0)
		log_warning(
			"store %s: %u records have wrong checksums and are ignored; their facts will be looked up again",
			store->path, count);
}

/* What a check beside the owner has found. Damage is treated like damage that the owner meets itself (design 9.4). */
static void beside_conclude(struct store *store, const struct store_finding *finding)
{
	switch (finding->health) {
	case STORE_SOUND:
		store_know_unreadable(store, finding->unreadable);
		store_marker_trust(store);
		log_info("store %s: the check has found no damage", store->path);
		break;
	case STORE_DAMAGED:
		log_error("store %s: the check has found damage: %s", store->path, finding->words);
		store_break(store, finding->words);
		break;
	case STORE_UNCHECKED:
		store->beside.failed = true;
		log_warning(
			"store %s could not be checked for damage: %s%s; it stays in use, and the next start checks it "
			"first",
			store->path, finding->words,
			finding->result == EIO ? ", check whether its disk is failing" : "");
		break;
	}
}

void store_beside_begin(struct store *store)
{
	struct store_beside *beside = &store->beside;
	struct store_finding finding;
	beside->fd = child_start(store->path, LOOK_BESIDE, &beside->pid, &finding);
	beside->told_ms = clock_mono_ms();
	if (beside->fd < 0)
		beside_conclude(store, &finding);
	else
		fcntl(beside->fd, F_SETFL, O_NONBLOCK);
}

void store_check_continue(struct store *store)
{
	struct store_beside *beside = &store->beside;
	struct look_report report = {.kind = LOOK_PROGRESS};
	struct store_finding finding = {.health = STORE_UNCHECKED};
	ssize_t got = sizeof report;
	if (beside->fd < 0)
		return;
	while (report.kind == LOOK_PROGRESS && (got = read(beside->fd, &report, sizeof report)) == sizeof report)
		beside->percent = report.percent;
	if (report.kind == LOOK_PROGRESS && got < 0) {
		progress_log(store->path, beside->percent, &beside->told_ms);
		return;
	}
	close(beside->fd);
	beside->fd = -1;
	child_judge(report.kind == LOOK_RESULT ? &report : NULL, child_wait(beside->pid), &finding);
	store_drop_dead_views(store); /* the child ends with its view, or is killed */
	beside_conclude(store, &finding);
}

bool store_beside_stop(struct store *store)
{
	struct store_beside *beside = &store->beside;
	if (beside->fd < 0)
		return false;
	kill(beside->pid, SIGKILL);
	child_wait(beside->pid);
	close(beside->fd);
	beside->fd = -1;
	return true;
}

bool store_move_aside(struct store *store, const char *found, struct failure *why)
{
	char name[PATH_MAX], from[PATH_MAX + 8], to[PATH_MAX + 8], when[32];
	time_t now = (time_t)clock_wall_s();
	bool is_free = false;
	store_beside_stop(store);
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
