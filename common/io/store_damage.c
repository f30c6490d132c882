#include "clock.h"
#include "store_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <time.h>
#include <unistd.h>

#define LOOK_SOUND 0
#define LOOK_DAMAGED MDB_CORRUPTED
#define NAMES_MAX 1000
#define TOUCH_STEP 512 /* no page is smaller */

bool store_result_is_damage(int result)
{
	return result == MDB_INVALID || result == MDB_VERSION_MISMATCH || result == MDB_CORRUPTED ||
	       result == MDB_PAGE_NOTFOUND || result == MDB_PANIC || result == MDB_INCOMPATIBLE;
}

/* Trouble of this machine says nothing about the file. A mapping fails where address space is limited, or because the
 * file claims an absurd size. */
static bool is_trouble(int result)
{
	static const int trouble[] = {EACCES, EPERM, EIO, EMFILE, ENFILE, ENOSPC, EDQUOT, EROFS, EAGAIN, EINTR,
		MDB_READERS_FULL, MDB_MAP_RESIZED};
	struct rlimit space;

	for (size_t i = 0; i < sizeof(trouble) / sizeof(trouble[0]); i++)
		if (result == trouble[i])
			return true;
	return result == ENOMEM && getrlimit(RLIMIT_AS, &space) == 0 && space.rlim_cur != RLIM_INFINITY;
}

/* LMDB's list of free pages: a transaction's number, then a count and so many page numbers. */
static bool free_list_is_sound(const MDB_val *key, const MDB_val *value, size_t last_page)
{
	size_t count, page;

	if (key->mv_size != sizeof(size_t) || value->mv_size < sizeof(size_t))
		return false;
	memcpy(&count, value->mv_data, sizeof(count));
	if (count > value->mv_size / sizeof(size_t) - 1)
		return false;
	for (size_t i = 1; i <= count; i++) {
		memcpy(&page, (const char *)value->mv_data + i * sizeof(page), sizeof(page));
		if (page < 2 || page > last_page)
			return false;
	}
	return true;
}

static void octets_touch(const MDB_val *value)
{
	const volatile unsigned char *at = value->mv_data;

	for (size_t i = 0; i < value->mv_size; i += TOUCH_STEP)
		(void)at[i];
	if (value->mv_size > 0)
		(void)at[value->mv_size - 1];
}

/* Touches every page, and ends also when damaged pages point in a circle. */
static int table_walk(MDB_txn *txn, MDB_dbi dbi, size_t last_page)
{
	MDB_cursor *cursor;
	MDB_val key, value;
	MDB_stat stat;
	size_t count = 0;
	int result = mdb_stat(txn, dbi, &stat);

	if (result == 0)
		result = mdb_cursor_open(txn, dbi, &cursor);
	if (result != 0)
		return result;
	while ((result = mdb_cursor_get(cursor, &key, &value, MDB_NEXT)) == 0) {
		if (++count > stat.ms_entries || (dbi == 0 && !free_list_is_sound(&key, &value, last_page)))
			return LOOK_DAMAGED;
		octets_touch(&key);
		octets_touch(&value);
	}
	mdb_cursor_close(cursor);
	if (result != MDB_NOTFOUND)
		return result;
	return count == stat.ms_entries ? LOOK_SOUND : LOOK_DAMAGED;
}

typedef void value_try(const MDB_val *value);

static void entry_try(const MDB_val *value)
{
	struct entry entry;

	entry_decode(&entry, value->mv_data, value->mv_size);
	entry_free(&entry);
}

static void hop_try(const MDB_val *value)
{
	struct hop_record record;

	hop_record_decode(&record, value->mv_data, value->mv_size);
}

static void event_try(const MDB_val *value)
{
	struct event_record event;

	event_decode(&event, value->mv_data, value->mv_size);
}

static void values_decode(MDB_txn *txn, MDB_dbi dbi, value_try *try)
{
	MDB_cursor *cursor;
	MDB_val key, value;

	if (mdb_cursor_open(txn, dbi, &cursor) != 0)
		return;
	while (mdb_cursor_get(cursor, &key, &value, MDB_NEXT) == 0)
		try(&value);
	mdb_cursor_close(cursor);
}

static int tables_walk(MDB_txn *txn, size_t last_page)
{
	static const struct {
		const char *name;
		value_try *try; /* NULL: nothing to decode */
	} tables[] = {{NULL, NULL}, {"meta", NULL}, {"due", NULL}, {"hops", hop_try}, {"entries", entry_try},
		{"events", event_try}};
	int outcome = table_walk(txn, 0, last_page);

	for (size_t i = 0; outcome == LOOK_SOUND && i < sizeof(tables) / sizeof(tables[0]); i++) {
		MDB_dbi dbi;
		int result = mdb_dbi_open(txn, tables[i].name, 0, &dbi);

		if (result == MDB_NOTFOUND)
			continue; /* its making was never finished */
		outcome = result == 0 ? table_walk(txn, dbi, last_page) : result;
		if (outcome == LOOK_SOUND && tables[i].try != NULL)
			values_decode(txn, dbi, tables[i].try);
	}
	return outcome;
}

static bool is_short(const char *path, const MDB_envinfo *info, const MDB_stat *stat)
{
	struct stat file;

	return lstat(path, &file) != 0 || (uint64_t)file.st_size / stat->ms_psize < (uint64_t)info->me_last_pgno + 1;
}

/* The map is as large as the file, whatever size that claims. */
static int look_open(const char *path, MDB_env **env)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	struct stat file;
	int result = mdb_env_create(env);

	if (result != 0)
		return result;
	if (lstat(path, &file) != 0)
		return errno;
	result = mdb_env_set_mapsize(*env, ((size_t)file.st_size / page + 1) * page);
	if (result == 0)
		result = mdb_env_set_maxdbs(*env, STORE_TABLES_MAX);
	return result != 0 ? result : mdb_env_open(*env, path, MDB_NOSUBDIR | MDB_NOTLS | MDB_RDONLY, 0640);
}

static int look(const char *path, bool walk)
{
	MDB_env *env;
	MDB_txn *txn;
	MDB_envinfo info;
	MDB_stat stat;
	int result = look_open(path, &env);

	if (result == 0)
		result = mdb_txn_begin(env, NULL, MDB_RDONLY, &txn);
	if (result == 0)
		result = mdb_env_stat(env, &stat);
	if (result == 0)
		result = mdb_env_info(env, &info);
	if (result != 0)
		return result;
	/* A file may end before pages that are free; one that ends before others is cut off. The walk tells. */
	if (walk || is_short(path, &info, &stat))
		return tables_walk(txn, info.me_last_pgno);
	return LOOK_SOUND;
}

/* The result goes through the pipe; a pipe that ends without one tells of damage. The owner's lock must not outlive the
 * parent. */
static void child_run(const char *path, bool walk, int lock_fd, int pipe_fd) __attribute__((noreturn));
static void child_run(const char *path, bool walk, int lock_fd, int pipe_fd)
{
	static const int fatal[] = {SIGSEGV, SIGBUS, SIGABRT, SIGFPE, SIGILL};
	struct rlimit none = {0, 0};
	int null = open("/dev/null", O_WRONLY);
	int result;

	if (null >= 0)
		dup2(null, STDERR_FILENO); /* what LMDB says when its assertions fail would alarm and not help */
	for (size_t i = 0; i < sizeof(fatal) / sizeof(fatal[0]); i++)
		signal(fatal[i], SIG_DFL);
	setrlimit(RLIMIT_CORE, &none);
	if (lock_fd >= 0)
		close(lock_fd);
	result = look(path, walk);
	_exit(write(pipe_fd, &result, sizeof(result)) == sizeof(result) ? 0 : 1);
}

/* True when the pipe has something to read or has been closed at its other end. */
static bool pipe_wait(int fd, int timeout_ms)
{
	int64_t deadline_ms = clock_mono_ms() + timeout_ms;
	struct pollfd ended = {.fd = fd, .events = POLLIN};

	for (;;) {
		int64_t left_ms = deadline_ms - clock_mono_ms();

		if (left_ms <= 0)
			return false;
		if (poll(&ended, 1, (int)left_ms) > 0)
			return true;
	}
}

/* Of a child that told nothing: only somebody else's signal is no sign of damage. */
static enum store_health child_judge_silent(pid_t pid)
{
	int status, signal_number;

	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return STORE_UNTOLD;
	signal_number = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
	return signal_number == SIGKILL || signal_number == SIGTERM || signal_number == SIGINT ? STORE_UNTOLD
											       : STORE_DAMAGED;
}

static enum store_health child_judge(pid_t pid, int pipe_fd, int *result)
{
	int status;

	*result = EINTR;
	if (!pipe_wait(pipe_fd, STORE_WALK_MS)) {
		kill(pid, SIGKILL);
		waitpid(pid, &status, 0);
		return STORE_DAMAGED;
	}
	if (read(pipe_fd, result, sizeof(*result)) != sizeof(*result))
		return child_judge_silent(pid);
	waitpid(pid, &status, 0);
	if (*result == LOOK_SOUND)
		return STORE_SOUND;
	return is_trouble(*result) ? STORE_UNTOLD : STORE_DAMAGED;
}

enum store_health store_inspect(const char *path, bool walk, int lock_fd, int *result)
{
	enum store_health health = STORE_UNTOLD;
	int ends[2];
	pid_t pid;

	if (pipe2(ends, O_CLOEXEC) != 0) {
		*result = errno;
		return health;
	}
	pid = fork();
	if (pid == 0)
		child_run(path, walk, lock_fd, ends[1]);
	*result = errno;
	close(ends[1]);
	if (pid > 0)
		health = child_judge(pid, ends[0], result);
	close(ends[0]);
	return health;
}

/* The first name that is not taken. */
static bool aside_name(char *name, size_t size, const char *path)
{
	time_t now = (time_t)clock_wall_s();
	char when[32];
	struct stat file;
	struct tm tm;

	gmtime_r(&now, &tm);
	strftime(when, sizeof(when), "%Y%m%dT%H%M%SZ", &tm);
	for (int i = 0; i < NAMES_MAX; i++) {
		int len = i == 0 ? snprintf(name, size, "%s.damaged-%s", path, when)
				 : snprintf(name, size, "%s.damaged-%s-%d", path, when, i);

		if (len < 0 || (size_t)len >= size)
			return false;
		if (lstat(name, &file) != 0 && errno == ENOENT)
			return true;
	}
	return false;
}

static bool lock_file_move(struct store *store, struct failure *why)
{
	char from[PATH_MAX + 8], to[PATH_MAX + 8];

	snprintf(from, sizeof(from), "%s" STORE_LOCK_SUFFIX, store->path);
	snprintf(to, sizeof(to), "%s" STORE_LOCK_SUFFIX, store->aside);
	if (rename(from, to) == 0 || errno == ENOENT)
		return true;
	return failure_set(why, EX_CANTCREAT, "store: %s cannot be moved aside: %s", from, strerror(errno));
}

bool store_move_aside(struct store *store, const char *found, struct failure *why)
{
	char name[PATH_MAX];

	if (!aside_name(name, sizeof(name), store->path))
		return failure_set(why, EX_CANTCREAT, "store %s is damaged (%s) and no name is free to move it to",
			store->path, found);
	if (rename(store->path, name) != 0)
		return failure_set(why, EX_CANTCREAT, "store %s is damaged (%s) and cannot be moved aside: %s",
			store->path, found, strerror(errno));
	memcpy(store->aside, name, sizeof(name));
	fsync(store->directory_fd);
	return lock_file_move(store, why);
}
