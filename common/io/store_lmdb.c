#include "log.h"
#include "memory.h"
#include "store_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <time.h>
#include <unistd.h>

#define SCHEMA "1"
#define MAP_MIN (64 * 1024)
#define OWNER_TRIES 25 /* to become the owner */
#define OWNER_REST_MS 20

/* Returns what an operator can do about `errno`. */
static const char *access_advice(enum store_access access)
{
	if (errno == EROFS)
		return "mount it writable, or change store_path";
	if (errno == ENOTDIR)
		return "store_path must name a directory";
	return access == STORE_GUEST ? "run this as root or as the store's owner"
				     : "give it to the user that stsgated runs as (chown), or change store_path";
}

/* Opens the store's directory. An owner creates it if only the last part of its path is missing. */
static bool directory_open(struct store *store, const char *directory, struct failure *why)
{
	if (snprintf(store->path, sizeof store->path, "%s/" STORE_FILE, directory) >= PATH_MAX - 64)
		return failure_set(why, EX_CONFIG, "store_path: the name of the directory is too long");
	if (store->access == STORE_OWNER && mkdir(directory, 0700) != 0 && errno != EEXIST)
		return failure_set(why, EX_CANTCREAT,
			"store directory %s cannot be created: %s; create it and give it to the user that stsgated runs as",
			directory, strerror(errno));
	store->directory_fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (store->directory_fd >= 0)
		return true;
	if (store->access == STORE_GUEST && errno == ENOENT)
		return failure_set(why, EX_NOINPUT,
			"there is no store in %s yet: start stsgated, or name its settings file with -c", directory);
	return failure_set(why, store->access == STORE_GUEST ? EX_NOPERM : EX_CANTCREAT,
		"store directory %s cannot be opened: %s; %s", directory, strerror(errno),
		access_advice(store->access));
}

/* Makes this process the only owner. The lock ends with the process. */
static bool owner_lock(struct store *store, const char *directory, struct failure *why)
{
	store->owner_fd =
		openat(store->directory_fd, STORE_OWNER_LOCK, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0640);
	if (store->owner_fd < 0)
		return failure_set(why, EX_CANTCREAT, "store directory %s is not writable: %s; %s", directory,
			strerror(errno), access_advice(store->access));
	/* store_owner() of another process holds the lock for a moment. */
	for (int i = 0; i < OWNER_TRIES; i++) {
		if (flock(store->owner_fd, LOCK_EX | LOCK_NB) == 0)
			return true;
		nanosleep(&(struct timespec){.tv_nsec = OWNER_REST_MS * 1000000L}, NULL);
	}
	return failure_set(why, EX_TEMPFAIL,
		"store directory %s: another stsgated is using it; stop that one, or change store_path", directory);
}

/* Allocates the whole lock file. LMDB writes to it through a map: if it had holes and the disk were full, SIGBUS would
 * end this process. */
static int lock_file_fill(struct store *store)
{
	int fd = openat(
		store->directory_fd, STORE_FILE STORE_LOCK_SUFFIX, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0640);
	if (fd < 0)
		return errno;
	int result = posix_fallocate(fd, 0, STORE_LOCK_BYTES);
	close(fd);
	return result;
}

static bool untold(const struct store *store, const struct store_finding *finding, struct failure *why)
{
	return failure_set(why, EX_TEMPFAIL,
		"store %s could not be checked for damage: %s%s; the file was not changed; start stsgated again",
		store->path, finding->words, finding->result == EIO ? ", check whether its disk is failing" : "");
}

static bool file_look(struct store *store, enum store_look_way way, store_go_on *go_on, struct failure *why)
{
	struct store_finding finding;
	store_inspect(store->path, way, go_on, &finding);
	store_know_unreadable(store, finding.unreadable);
	switch (finding.health) {
	case STORE_SOUND:
		return true;
	case STORE_DAMAGED:
		return store_move_aside(store, finding.words, why);
	case STORE_UNCHECKED:
		break;
	}
	return untold(store, &finding, why);
}

/* Decides how the file that an owner has found is checked (design 9.19). */
static enum store_look_way way_choose(const struct store *store, store_go_on *go_on)
{
	if (!store_marker_found(store))
		return LOOK_OPEN;
	if (go_on && store_marker_is_trusted(store)) {
		log_info(
			"store %s was not closed properly; this machine has not been restarted since, so the store is used at "
			"once and checked for damage meanwhile",
			store->path);
		return LOOK_BESIDE;
	}
	log_info("store %s was not closed properly: checking it for damage", store->path);
	return LOOK_WALK;
}

/* Checks the file and the lock file for an owner. Then creates the marker, which stays until store_close(). A file that
 * cannot be opened for lack of permission does not count as damaged. */
static bool owner_check(struct store *store, store_go_on *go_on, struct failure *why)
{
	struct stat file = {.st_size = 0};
	int fd = openat(store->directory_fd, STORE_FILE, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0 && errno != ENOENT)
		return failure_set(why, EX_CANTCREAT, "store %s cannot be opened: %s; %s", store->path, strerror(errno),
			access_advice(store->access));
	if (fd >= 0) {
		bool is_file = fstat(fd, &file) == 0 && S_ISREG(file.st_mode);
		close(fd);
		if (!is_file)
			return failure_set(why, EX_CONFIG,
				"store %s is not a regular file; move it away, or change store_path", store->path);
	}
	int result = lock_file_fill(store);
	if (result == EACCES || result == EPERM || result == EROFS || result == ELOOP) {
		errno = result;
		return failure_set(why, EX_CANTCREAT, "store %s" STORE_LOCK_SUFFIX " cannot be opened: %s; %s",
			store->path, strerror(result), access_advice(store->access));
	}
	if (result != 0)
		return store_fail(store, result, "cannot be opened", why);
	enum store_look_way way = file.st_size > 0 ? way_choose(store, go_on) : LOOK_OPEN;
	if (file.st_size > 0 && !file_look(store, way == LOOK_WALK ? LOOK_WALK : LOOK_OPEN, go_on, why))
		return false;
	if (!store_marker_set(store, why))
		return false;
	if (way == LOOK_BESIDE && store->aside[0] == '\0')
		store_beside_begin(store);
	return true;
}

static bool guest_check(struct store *store, const char *directory, struct failure *why)
{
	struct store_finding finding;
	struct stat file;
	int found = fstatat(store->directory_fd, STORE_FILE, &file, AT_SYMLINK_NOFOLLOW);
	if (found != 0 && errno != ENOENT)
		return failure_set(why, EX_NOINPUT, "store %s cannot be opened: %s", store->path, strerror(errno));
	if (found != 0 || !S_ISREG(file.st_mode) || file.st_size == 0)
		return failure_set(why, EX_NOINPUT,
			"there is no store in %s yet: start stsgated, or name its settings file with -c", directory);
	/* Give up root permanently: nothing later needs it, and files that a guest creates must belong to the store's
	 * owner. */
	if (geteuid() == 0 && file.st_uid != 0 &&
		(setgroups(1, &file.st_gid) != 0 || setgid(file.st_gid) != 0 || setuid(file.st_uid) != 0))
		return failure_set(why, EX_OSERR, "store %s: cannot become the user that owns it: %s", store->path,
			strerror(errno));
	if (faccessat(store->directory_fd, STORE_FILE, R_OK | W_OK, AT_EACCESS) != 0)
		return failure_set(why, EX_NOPERM, "store %s cannot be opened: %s; %s", store->path, strerror(errno),
			access_advice(store->access));
	store_inspect(store->path, LOOK_OPEN, NULL, &finding);
	if (finding.health == STORE_DAMAGED)
		return failure_set(why, EX_DATAERR,
			"store %s is damaged: %s; restart stsgated, which will move it aside", store->path,
			finding.words);
	/* The check also fails if the owner has just enlarged the map, or if there are too many readers. In both cases
	 * the store may still open. */
	return finding.health == STORE_SOUND || finding.result == MDB_MAP_RESIZED ||
	       finding.result == MDB_READERS_FULL || untold(store, &finding, why);
}

/* Compares the store's schema with that of this program. An owner writes the schema into a new store. Returns
 * STORE_UNREADABLE if the store has another schema. */
static int schema_check(struct store *store, MDB_txn *txn)
{
	MDB_val key = {6, "schema"}, value;
	int result = mdb_get(txn, store->meta, &key, &value);
	if (result == MDB_NOTFOUND && store->access == STORE_OWNER) {
		value = (MDB_val){sizeof(SCHEMA) - 1, SCHEMA};
		return mdb_put(txn, store->meta, &key, &value, 0);
	}
	if (result == 0 && (value.mv_size != sizeof(SCHEMA) - 1 || memcmp(value.mv_data, SCHEMA, value.mv_size) != 0))
		return STORE_UNREADABLE;
	return result;
}

/* Opens a table that stores of earlier versions lack until an owner opens them. Sets `has` to whether it is there. */
static int table_open_new(MDB_txn *txn, const char *name, unsigned flags, MDB_dbi *table, bool *has)
{
	int result = mdb_dbi_open(txn, name, flags, table);
	*has = result == 0;
	return result == MDB_NOTFOUND ? 0 : result;
}

static int tables_open(struct store *store)
{
	bool owner = store->access == STORE_OWNER;
	unsigned flags = owner ? MDB_CREATE : 0;
	MDB_txn *txn;
	int dead;
	int result = mdb_reader_check(store->env, &dead);
	if (result == 0)
		result = mdb_txn_begin(store->env, NULL, owner ? 0 : MDB_RDONLY, &txn);
	if (result != 0)
		return result;
	result = mdb_dbi_open(txn, NULL, 0, &store->main);
	if (result == 0)
		result = mdb_dbi_open(txn, "entries", flags, &store->entries);
	if (result == 0)
		result = mdb_dbi_open(txn, "hops", flags, &store->hops);
	if (result == 0)
		result = mdb_dbi_open(txn, "due", flags, &store->due);
	if (result == 0)
		result = mdb_dbi_open(txn, "meta", flags, &store->meta);
	if (result == 0)
		result = table_open_new(txn, "events", flags, &store->events, &store->has_events);
	if (result == 0)
		result = table_open_new(txn, "networks", flags, &store->networks, &store->has_networks);
	if (result == 0)
		result = table_open_new(txn, "verdicts", flags, &store->verdicts, &store->has_verdicts);
	if (result == 0)
		result = table_open_new(txn, "overrides", flags, &store->overrides, &store->has_overrides);
	if (result == 0)
		result = table_open_new(txn, "decisions", flags, &store->decisions, &store->has_decisions);
	if (result == 0)
		result = table_open_new(txn, "stories", flags, &store->stories, &store->has_stories);
	if (result == 0)
		result = table_open_new(txn, "looks", flags, &store->looks, &store->has_looks);
	if (result == 0)
		result = table_open_new(txn, "revocations", flags, &store->revocations, &store->has_revocations);
	if (result == 0)
		result = table_open_new(txn, "tlsrpt_tallies", flags, &store->tallies, &store->has_tallies);
	if (result == 0)
		result = table_open_new(txn, "tlsrpt_sends", flags, &store->tlsrpt_sends, &store->has_tlsrpt_sends);
	if (result == 0)
		result = table_open_new(txn, "tlsrpt_suppressions", flags, &store->tlsrpt_suppressions,
			&store->has_tlsrpt_suppressions);
	if (result == 0)
		result = table_open_new(txn, "steps", flags, &store->steps, &store->has_steps);
	if (result == 0)
		result = schema_check(store, txn);
	if (result == 0)
		return mdb_txn_commit(txn);
	mdb_txn_abort(txn);
	return result;
}

/* Opens the file with LMDB. The owner's map is a quarter larger than the limit, in whole pages: renewals and events may
 * use that quarter. */
static int env_begin(struct store *store)
{
	uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE), size = store->max_bytes / 4 * 5;
	if (size < MAP_MIN)
		size = MAP_MIN;
	size = (size + page - 1) / page * page;
	int result = store->access == STORE_OWNER ? lock_file_fill(store) : 0;
	if (result == 0)
		result = mdb_env_create(&store->env);
	if (result != 0)
		return result;
	result = mdb_env_set_maxdbs(store->env, STORE_TABLES_MAX);
	if (result == 0)
		result = mdb_env_set_maxreaders(store->env, STORE_READERS);
	if (result == 0 && store->access == STORE_OWNER)
		result = mdb_env_set_mapsize(store->env, (size_t)size);
	if (result == 0)
		result = mdb_env_open(store->env, store->path, MDB_NOSUBDIR | MDB_NOTLS, 0640);
	if (result == 0)
		result = tables_open(store);
	if (result == 0)
		return 0;
	mdb_env_close(store->env);
	store->env = NULL;
	return result;
}

void store_revive(struct store *store)
{
	MDB_txn *txn;
	int result = mdb_txn_begin(store->env, NULL, 0, &txn);
	if (result == 0)
		mdb_txn_abort(txn);
	if (result != MDB_PANIC)
		return;
	store_pool_close(store);
	for (size_t i = 0; i < STORE_POOL; i++) {
		mdb_txn_abort(store->slot[i].txn);
		store->slot[i].txn = NULL;
	}
	mdb_env_close(store->env);
	store->env = NULL;
	result = env_begin(store);
	if (result != 0)
		store_break(store, mdb_strerror(result));
	store_pool_open(store);
}

static bool env_start(struct store *store, struct failure *why)
{
	int result = env_begin(store);
	if (store_result_is_damage(result) && store->access == STORE_OWNER) {
		if (!store_move_aside(store, mdb_strerror(result), why))
			return false;
		result = env_begin(store);
	}
	if (result == 0)
		return true;
	if (result == STORE_UNREADABLE)
		return failure_set(why, EX_CONFIG,
			"store %s was made by a later version of stsgate; run that version, or move the file away",
			store->path);
	if (result == MDB_NOTFOUND)
		return failure_set(why, EX_NOINPUT,
			"store %s is empty: start stsgated, or name its settings file with -c", store->path);
	return store_fail(store, result, "cannot be opened", why);
}

static void store_release(struct store *store)
{
	store_beside_stop(store);
	store_pool_free(store);
	if (store->env)
		mdb_env_close(store->env);
	if (store->marker_fd >= 0)
		close(store->marker_fd);
	if (store->owner_fd >= 0)
		close(store->owner_fd);
	if (store->directory_fd >= 0)
		close(store->directory_fd);
	free(store);
}

static struct store *store_open_as(
	const char *directory, uint64_t max_bytes, enum store_access access, store_go_on *go_on, struct failure *why)
{
	struct store *store = xcalloc(1, sizeof *store);
	store->access = access;
	store->max_bytes = max_bytes;
	store->directory_fd = -1;
	store->owner_fd = -1;
	store->marker_fd = -1;
	store->beside.fd = -1;
	store_pool_init(store);
	bool open = directory_open(store, directory, why);
	if (open && access == STORE_GUEST)
		open = guest_check(store, directory, why);
	else if (open)
		open = owner_lock(store, directory, why) && owner_check(store, go_on, why);
	open = open && env_start(store, why);
	if (open && store->marker_fd >= 0 && store->beside.fd < 0 && !store->beside.failed)
		store_marker_trust(store);
	if (open)
		return store;
	if (store->aside[0] != '\0')
		log_error("store %s was damaged and moved to %s", store->path, store->aside);
	store_release(store);
	return NULL;
}

struct store *store_open(const char *directory, uint64_t max_bytes, enum store_access access, struct failure *why)
{
	return store_open_as(directory, max_bytes, access, NULL, why);
}

struct store *store_open_watched(const char *directory, uint64_t max_bytes, store_go_on *go_on, struct failure *why)
{
	return store_open_as(directory, max_bytes, STORE_OWNER, go_on, why);
}

const char *store_moved_aside(const struct store *store)
{
	return store->aside;
}

void store_close(struct store **store)
{
	if (!store || !*store)
		return;
	store_stop_writer(*store);
	bool checking = store_beside_stop(*store);
	if (checking)
		store_marker_trust(*store);
	else if ((*store)->access == STORE_OWNER && !atomic_load(&(*store)->doubted) && !(*store)->beside.failed)
		store_marker_remove(*store);
	store_release(*store);
	*store = NULL;
}
