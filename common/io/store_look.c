/* The child's part of checking a store's file. It first reads all octets, then walks the tables with LMDB and decodes
 * their values. */
#include "store_look.h"
#include "fields.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <time.h>
#include <unistd.h>

#define LOOK_SOUND 0
#define LOOK_DAMAGED MDB_CORRUPTED
#define TOUCH_STEP 512 /* no page is smaller than this */
#define READ_STEP (64 * 1024)
#define MEMORY_TRIED (1024 * 1024)
#define TRIES 10           /* to begin to read a file that grows */
#define START_NS 300000000 /* a check beside the owner leaves it this time to start */
#define PIPE_FD 3          /* in the child */
#define HALF 50 /* percent: reading the file counts as half of the work, walking the tables as the other half */

/* Global, because signal handlers need it. A child makes one check. */
static struct {
	int pipe_fd, file_fd;
	unsigned percent;
	uint32_t unreadable;
	uint64_t entries, entries_seen; /* of all tables */
} child = {.pipe_fd = -1, .file_fd = -1};

/* Sends a report, and exits if the parent no longer reads. Signal handlers call this, so it uses only functions that
 * are safe there. */
static void report(enum look_kind kind, int result)
{
	struct look_report out = {kind, result, child.percent, child.unreadable};
	if (write(child.pipe_fd, &out, sizeof out) != sizeof out)
		_exit(EX_IOERR);
}

static void progress(unsigned percent)
{
	if (percent <= child.percent || percent > 100)
		return;
	child.percent = percent;
	report(LOOK_PROGRESS, 0);
}

/* Reads the whole file. Returns 0, or the errno of a read that failed. Signal handlers call this, too. */
static int file_read(bool telling)
{
	static char octets[READ_STEP];
	struct stat file;
	ssize_t got;
	if (fstat(child.file_fd, &file) != 0)
		return errno;
	for (off_t at = 0; (got = pread(child.file_fd, octets, sizeof octets, at)) != 0; at += got) {
		if (got < 0)
			return errno;
		if (telling)
			progress((unsigned)(at * HALF / (file.st_size + 1)));
	}
	return 0;
}

/* LMDB reads through a map. SIGBUS means that the disk did not return a page, or that a page is beyond the file's end.
 * Reading the file again shows which. */
static void on_bus_error(int number)
{
	int error = file_read(false);
	if (error != 0)
		report(LOOK_RESULT, error);
	if (error != 0)
		_exit(EX_IOERR);
	signal(number, SIG_DFL);
	raise(number);
}

static bool memory_is_short(void)
{
	void *at = mmap(NULL, MEMORY_TRIED, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (at == MAP_FAILED)
		return true;
	munmap(at, MEMORY_TRIED);
	return false;
}

/* The code of stsgate aborts when memory runs out. LMDB aborts when the file is not as it must be. */
static void on_abort(int number)
{
	if (memory_is_short()) {
		report(LOOK_RESULT, ENOMEM);
		_exit(EX_OSERR);
	}
	signal(number, SIG_DFL);
	raise(number);
}

/* Checks a record of LMDB's list of free pages. The key is the number of a transaction. The value is a count, followed
 * by this number of page numbers. */
static bool free_list_is_sound(const MDB_val *key, const MDB_val *value, size_t last_page)
{
	size_t count, page;
	if (key->mv_size != sizeof(size_t) || value->mv_size < sizeof(size_t))
		return false;
	memcpy(&count, value->mv_data, sizeof count);
	if (count > value->mv_size / sizeof(size_t) - 1)
		return false;
	for (size_t i = 1; i <= count; i++) {
		memcpy(&page, (const char *)value->mv_data + i * sizeof page, sizeof page);
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

/* Reads every page of a table. It ends even if damaged pages point in a circle. */
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
		child.entries_seen++;
		if (child.entries > 0)
			progress(HALF + (unsigned)(child.entries_seen * HALF / child.entries));
	}
	mdb_cursor_close(cursor);
	if (result != MDB_NOTFOUND)
		return result;
	return count == stat.ms_entries ? LOOK_SOUND : LOOK_DAMAGED;
}

enum values {
	VALUES_PLAIN,
	VALUES_ENTRIES,
	VALUES_HOPS,
	VALUES_EVENTS,
	VALUES_VERDICTS,
	VALUES_OVERRIDES,
	VALUES_DECISIONS,
	VALUES_STORIES,
	VALUES_LOOKS,
	VALUES_REVOCATIONS,
	VALUES_TALLIES,
	VALUES_SENDS,
	VALUES_SUPPRESSIONS,
	VALUES_STEPS
};

static const struct {
	const char *name; /* NULL: the main table */
	enum values values;
} tables[] = {{NULL, VALUES_PLAIN}, {"meta", VALUES_PLAIN}, {"due", VALUES_PLAIN}, {"hops", VALUES_HOPS},
	{"entries", VALUES_ENTRIES}, {"events", VALUES_EVENTS}, {"verdicts", VALUES_VERDICTS},
	{"overrides", VALUES_OVERRIDES}, {"decisions", VALUES_DECISIONS}, {"stories", VALUES_STORIES},
	{"looks", VALUES_LOOKS}, {"revocations", VALUES_REVOCATIONS}, {"tlsrpt_tallies", VALUES_TALLIES},
	{"tlsrpt_sends", VALUES_SENDS}, {"tlsrpt_suppressions", VALUES_SUPPRESSIONS}, {"steps", VALUES_STEPS}};
#define TABLES (sizeof tables / sizeof tables[0])

/* Decodes each value of a table, so that a value that crashes the decoder crashes this process and not the daemon.
 * Counts the values with wrong checksums. */
static void values_decode(MDB_txn *txn, MDB_dbi dbi, enum values values)
{
	MDB_cursor *cursor;
	MDB_val key, value;
	struct entry entry;
	struct hop_record record;
	struct event_record event;
	struct verdict_record verdict;
	struct override override;
	struct decision_record decision;
	static struct story story;
	static struct snapshot_counts counts;
	struct look look;
	struct revocation revocation;
	struct tlsrpt_tally tally;
	struct tlsrpt_send send;
	struct tlsrpt_suppression suppression;
	if (mdb_cursor_open(txn, dbi, &cursor) != 0)
		return;
	while (mdb_cursor_get(cursor, &key, &value, MDB_NEXT) == 0) {
		child.unreadable += !fields_whole((struct span){value.mv_data, value.mv_size});
		switch (values) {
		case VALUES_ENTRIES:
			entry_decode(&entry, value.mv_data, value.mv_size);
			entry_free(&entry);
			break;
		case VALUES_HOPS:
			hop_record_decode(&record, value.mv_data, value.mv_size);
			break;
		case VALUES_EVENTS:
			event_decode(&event, value.mv_data, value.mv_size);
			break;
		case VALUES_VERDICTS:
			verdict_record_decode(&verdict, value.mv_data, value.mv_size);
			break;
		case VALUES_OVERRIDES:
			override_decode(&override, value.mv_data, value.mv_size);
			break;
		case VALUES_DECISIONS:
			decision_decode(&decision, value.mv_data, value.mv_size);
			break;
		case VALUES_LOOKS:
			look_decode(&look, value.mv_data, value.mv_size);
			break;
		case VALUES_STORIES:
			story_decode(&story, value.mv_data, value.mv_size);
			break;
		case VALUES_REVOCATIONS:
			revocation_decode(&revocation, value.mv_data, value.mv_size);
			break;
		case VALUES_TALLIES:
			tlsrpt_tally_decode(&tally, value.mv_data, value.mv_size);
			tlsrpt_tally_free(&tally);
			break;
		case VALUES_SENDS:
			tlsrpt_send_decode(&send, value.mv_data, value.mv_size);
			break;
		case VALUES_SUPPRESSIONS:
			tlsrpt_suppression_decode(&suppression, value.mv_data, value.mv_size);
			break;
		case VALUES_STEPS:
			snapshot_counts_decode(&counts, value.mv_data, value.mv_size);
			break;
		case VALUES_PLAIN:
			break;
		}
	}
	mdb_cursor_close(cursor);
}

static int tables_walk(MDB_txn *txn, size_t last_page)
{
	MDB_stat stat;
	MDB_dbi dbi;
	/* Count the records of all tables, for the progress in percent. */
	for (size_t i = 0; i < TABLES; i++)
		if (mdb_dbi_open(txn, tables[i].name, 0, &dbi) == 0 && mdb_stat(txn, dbi, &stat) == 0)
			child.entries += stat.ms_entries;
	int outcome = table_walk(txn, 0, last_page);
	for (size_t i = 0; outcome == LOOK_SOUND && i < TABLES; i++) {
		int result = mdb_dbi_open(txn, tables[i].name, 0, &dbi);
		if (result == MDB_NOTFOUND)
			continue; /* the table was never created */
		outcome = result == 0 ? table_walk(txn, dbi, last_page) : result;
		if (outcome == LOOK_SOUND && tables[i].values != VALUES_PLAIN)
			values_decode(txn, dbi, tables[i].values);
	}
	return outcome;
}

/* LMDB returned ENOMEM for a map of the file. Returns true if there is really no room for a map of `size` octets, and
 * false if the file claims to be larger than it is. */
static bool map_is_short(size_t size)
{
	void *at = mmap(NULL, size, PROT_READ, MAP_SHARED, child.file_fd, 0);
	if (at == MAP_FAILED)
		return true;
	munmap(at, size);
	return memory_is_short();
}

static size_t map_size(const struct stat *file)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	return ((size_t)file->st_size / page + 1) * page;
}

/* Opens the file with LMDB. The map is as large as the file is, whatever size the file claims. */
static int look_open(const char *path, MDB_env **env)
{
	struct stat file;
	int result = mdb_env_create(env);
	if (result != 0)
		return result;
	if (fstat(child.file_fd, &file) != 0)
		return errno;
	size_t size = map_size(&file);
	result = mdb_env_set_mapsize(*env, size);
	if (result == 0)
		result = mdb_env_set_maxdbs(*env, STORE_TABLES_MAX);
	if (result == 0)
		result = mdb_env_open(*env, path, MDB_NOSUBDIR | MDB_NOTLS | MDB_RDONLY, 0640);
	return result == ENOMEM && !map_is_short(size) ? LOOK_DAMAGED : result;
}

/* Begins to read. If others use the file, it may have grown since it was opened. */
static int look_begin(MDB_env *env, MDB_txn **txn)
{
	int result = MDB_MAP_RESIZED;
	for (int i = 0; i < TRIES && result == MDB_MAP_RESIZED; i++) {
		struct stat file;
		if (i > 0 && fstat(child.file_fd, &file) == 0)
			mdb_env_set_mapsize(env, map_size(&file));
		result = mdb_txn_begin(env, NULL, MDB_RDONLY, txn);
	}
	return result;
}

static int look(const char *path, enum store_look_way way)
{
	MDB_env *env;
	MDB_txn *txn;
	MDB_envinfo info;
	MDB_stat stat;
	int result = 0;
	child.file_fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (child.file_fd < 0)
		return errno;
	if (way != LOOK_OPEN)
		result = file_read(true);
	if (result == 0)
		result = look_open(path, &env);
	if (way == LOOK_BESIDE)
		alarm(LOOK_BESIDE_S);
	if (result == 0)
		result = look_begin(env, &txn);
	if (result == 0)
		result = mdb_env_stat(env, &stat);
	if (result == 0)
		result = mdb_env_info(env, &info);
	if (result != 0)
		return result;
	/* If the file is shorter than its last page, either only free pages are missing, or the file was cut off. The
	 * walk finds out which. */
	struct stat file;
	bool is_short =
		lstat(path, &file) != 0 || (uint64_t)file.st_size / stat.ms_psize < (uint64_t)info.me_last_pgno + 1;
	if (way == LOOK_OPEN && !is_short)
		return LOOK_SOUND;
	return tables_walk(txn, info.me_last_pgno);
}

/* A state of the store that is held for long makes the file grow. */
static void on_alarm(int number)
{
	(void)number;
	report(LOOK_RESULT, ETIMEDOUT);
	_exit(EX_TEMPFAIL);
}

/* The daemon blocks all signals before it opens the store. The kernel would not call the handler of a signal that is
 * blocked and that the process itself has caused. */
static void signals_set(void)
{
	static const int fatal[] = {SIGSEGV, SIGFPE, SIGILL};
	sigset_t own;
	sigemptyset(&own);
	for (size_t i = 0; i < sizeof fatal / sizeof fatal[0]; i++) {
		signal(fatal[i], SIG_DFL);
		sigaddset(&own, fatal[i]);
	}
	signal(SIGBUS, on_bus_error);
	signal(SIGABRT, on_abort);
	signal(SIGALRM, on_alarm);
	signal(SIGPIPE, SIG_IGN);
	sigaddset(&own, SIGBUS);
	sigaddset(&own, SIGABRT);
	sigaddset(&own, SIGALRM);
	sigprocmask(SIG_UNBLOCK, &own, NULL);
}

/* Keeps the pipe, and nothing else: the child may outlive its parent for a moment, and the owner's lock and the sockets
 * must end with the parent. LMDB's messages about failed assertions would alarm people and not help. */
static void descriptors_set(int pipe_fd)
{
	int null = open("/dev/null", O_RDWR);
	for (int fd = STDIN_FILENO; fd <= STDERR_FILENO && null >= 0; fd++)
		dup2(null, fd);
	child.pipe_fd = PIPE_FD;
	if (pipe_fd != PIPE_FD && dup2(pipe_fd, PIPE_FD) < 0)
		_exit(EX_OSERR);
	close_range(PIPE_FD + 1, UINT_MAX, 0);
}

/* Core files are turned off because they would contain the store. A check beside the owner ends with the owner, and begins
 * when the owner has started. */
void store_look(const char *path, enum store_look_way way, int pipe_fd)
{
	struct rlimit none = {0, 0};
	descriptors_set(pipe_fd);
	signals_set();
	setrlimit(RLIMIT_CORE, &none);
	if (way == LOOK_BESIDE) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		nanosleep(&(struct timespec){.tv_nsec = START_NS}, NULL);
	}
	report(LOOK_RESULT, look(path, way));
	_exit(0);
}
