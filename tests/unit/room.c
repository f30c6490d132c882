#include "cm.h"

#include "room.h"

#include "clock.h"

#include <dirent.h>
#include <lmdb.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

char room[256];

const char *room_file(const char *name)
{
	static char path[600];

	snprintf(path, sizeof(path), "%s/%s", room, name);
	return path;
}

int room_make(void **state)
{
	const char *tmp = getenv("TMPDIR");

	(void)state;
	snprintf(room, sizeof(room), "%s/stsgate-store-XXXXXX", tmp != NULL ? tmp : "/tmp");
	return mkdtemp(room) == NULL ? -1 : 0;
}

int room_remove(void **state)
{
	struct dirent *item;
	DIR *dir;

	(void)state;
	chmod(room, 0700);
	dir = opendir(room);
	while (dir != NULL && (item = readdir(dir)) != NULL)
		unlink(room_file(item->d_name));
	if (dir != NULL)
		closedir(dir);
	return rmdir(room);
}

bool room_has(const char *name)
{
	struct stat file;

	return lstat(room_file(name), &file) == 0;
}

int room_count(const char *prefix, char *last)
{
	DIR *dir = opendir(room);
	struct dirent *item;
	int count = 0;

	assert_non_null(dir);
	while ((item = readdir(dir)) != NULL)
		if (strncmp(item->d_name, prefix, strlen(prefix)) == 0) {
			count++;
			if (last != NULL && strstr(item->d_name, "-lock") == NULL)
				snprintf(last, 256, "%s", item->d_name);
		}
	closedir(dir);
	return count;
}

struct store *room_open(uint64_t max_bytes, enum store_access access)
{
	struct failure why = {0, ""};
	struct store *store = store_open(room, max_bytes, access, &why);

	if (store == NULL)
		fail_msg("store_open: %s", why.text);
	return store;
}

struct making {
	enum kind kind;
	size_t size;
};

static void mx_fill(struct mx_set *set, size_t size)
{
	static const char name[] = "a-rather-long-name-of-some-mail-host.of-a-domain-with-many-of-them.example";

	names_free(&set->names);
	*set = (struct mx_set){.state = MX_LISTED};
	while (set->names.len + sizeof(name) < size && set->names.count < MX_SET_MAX)
		names_add(&set->names, name, sizeof(name) - 1);
}

static void entry_make(struct entry *entry, void *arg)
{
	const struct making *making = arg;
	bool enforce = making->kind == KIND_ONCE || making->kind == KIND_USED || making->kind == KIND_EXPIRED ||
		       making->kind == KIND_PLACED;
	struct policy_found found = {.policy = {.max_age_s = ROOM_DAY}};
	int64_t fetched_at = ROOM_NOW - (making->kind == KIND_EXPIRED ? 3 * ROOM_DAY : 0);

	entry->record_checked_at = fetched_at;
	if (making->kind != KIND_PLACED) {
		entry_learn_use(entry, ROOM_NOW - (making->kind == KIND_USED ? 5 * ROOM_DAY : 0));
		entry_learn_use(entry, ROOM_NOW);
	}
	if (making->kind == KIND_NEGATIVE) {
		entry->record_outcome = REASON_NO_RECORD;
		mx_fill(&entry->mx, making->size);
		return;
	}
	found.policy.mode = enforce ? POLICY_ENFORCE : making->kind == KIND_TESTING ? POLICY_TESTING : POLICY_NONE;
	names_add(&found.policy.mx, "mx.example", 10);
	found.text = calloc(1, making->size + 1);
	found.text_len = (uint32_t)making->size;
	entry_learn_policy(entry, &found, "a1", fetched_at);
	entry->placed = making->kind == KIND_PLACED;
	policy_found_free(&found);
}

bool room_put(struct store *store, const char *domain, enum kind kind, size_t size, struct failure *why)
{
	struct making making = {kind, size};

	return store_change_entry(store, domain, entry_make, &making, why);
}

static void due_set(struct entry *entry, void *arg)
{
	entry->due_at = *(const int64_t *)arg;
}

bool room_put_due(struct store *store, const char *domain, int64_t due_at, struct failure *why)
{
	return store_change_entry(store, domain, due_set, &due_at, why);
}

/* Opens the file of a closed store without store.h. */
static MDB_txn *raw_begin(const char *table, MDB_env **env, MDB_dbi *dbi)
{
	MDB_txn *txn;

	assert_int_equal(mdb_env_create(env), 0);
	assert_int_equal(mdb_env_set_maxdbs(*env, 4), 0);
	assert_int_equal(mdb_env_open(*env, room_file(STORE_FILE), MDB_NOSUBDIR, 0640), 0);
	assert_int_equal(mdb_txn_begin(*env, NULL, 0, &txn), 0);
	assert_int_equal(mdb_dbi_open(txn, table, 0, dbi), 0);
	return txn;
}

size_t room_records(const char *table)
{
	MDB_env *env;
	MDB_dbi dbi;
	MDB_txn *txn = raw_begin(table, &env, &dbi);
	MDB_stat stat;

	assert_int_equal(mdb_stat(txn, dbi, &stat), 0);
	mdb_txn_abort(txn);
	mdb_env_close(env);
	return stat.ms_entries;
}

void room_table_drop(const char *table)
{
	MDB_env *env;
	MDB_dbi dbi;
	MDB_txn *txn = raw_begin(table, &env, &dbi);

	assert_int_equal(mdb_drop(txn, dbi, 1), 0);
	assert_int_equal(mdb_txn_commit(txn), 0);
	mdb_env_close(env);
}

/* For each table LMDB keeps a struct as a value of the main table. It ends in the number of the table's first page. */
void room_table_zero(const char *table)
{
	static const char zeros[4096];
	MDB_env *env;
	MDB_dbi dbi;
	MDB_txn *txn = raw_begin(table, &env, &dbi);
	MDB_dbi all;
	MDB_val key = {strlen(table), (void *)(uintptr_t)table}, value;
	size_t page;
	FILE *file;

	assert_int_equal(mdb_dbi_open(txn, NULL, 0, &all), 0);
	assert_int_equal(mdb_get(txn, all, &key, &value), 0);
	memcpy(&page, (const char *)value.mv_data + value.mv_size - sizeof(page), sizeof(page));
	mdb_txn_abort(txn);
	mdb_env_close(env);
	file = fopen(room_file(STORE_FILE), "r+");
	assert_non_null(file);
	assert_int_equal(fseek(file, (long)page * (long)sizeof(zeros), SEEK_SET), 0);
	assert_int_equal(fwrite(zeros, 1, sizeof(zeros), file), sizeof(zeros));
	fclose(file);
}

struct bytes room_read(const char *table, const char *key)
{
	MDB_env *env;
	MDB_dbi dbi;
	MDB_txn *txn = raw_begin(table, &env, &dbi);
	MDB_val k = {strlen(key), (void *)(uintptr_t)key}, v;
	struct bytes bytes;

	assert_int_equal(mdb_get(txn, dbi, &k, &v), 0);
	bytes = (struct bytes){malloc(v.mv_size), v.mv_size};
	assert_non_null(bytes.at);
	memcpy(bytes.at, v.mv_data, v.mv_size);
	mdb_txn_abort(txn);
	mdb_env_close(env);
	return bytes;
}

void room_write(const char *table, const char *key, size_t key_len, const char *value)
{
	room_write_bytes(table, key, key_len, value, strlen(value));
}

void room_write_bytes(const char *table, const char *key, size_t key_len, const void *bytes, size_t len)
{
	MDB_env *env;
	MDB_dbi dbi;
	MDB_txn *txn = raw_begin(table, &env, &dbi);
	MDB_val k = {key_len, (void *)(uintptr_t)key}, v = {len, (void *)(uintptr_t)bytes};

	assert_int_equal(mdb_put(txn, dbi, &k, &v, 0), 0);
	assert_int_equal(mdb_txn_commit(txn), 0);
	mdb_env_close(env);
}

enum store_found room_get(struct store *store, const char *domain, struct entry *out)
{
	struct store_view *view = store_view_begin(store, NULL);
	enum store_found found = STORE_FAILED;

	if (view != NULL)
		found = store_view_entry(view, domain, out);
	store_view_end(&view);
	return found;
}

bool room_knows(struct store *store, const char *domain)
{
	struct entry entry;
	enum store_found found = room_get(store, domain, &entry);

	if (found != STORE_FAILED)
		entry_free(&entry);
	return found == STORE_FOUND;
}

bool room_child(bool (*body)(void))
{
	int status;
	pid_t pid;

	fflush(NULL);
	pid = fork();
	if (pid == 0)
		_exit(body() ? 0 : 1);
	assert_true(pid > 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

pid_t room_spawn(void (*body)(int fd), int *fd)
{
	int ends[2];
	pid_t pid;

	assert_int_equal(pipe(ends), 0);
	fflush(NULL);
	pid = fork();
	if (pid == 0) {
		close(ends[0]);
		body(ends[1]);
		_exit(0);
	}
	assert_true(pid > 0);
	close(ends[1]);
	*fd = ends[0];
	return pid;
}

void room_kill(pid_t pid)
{
	int status;

	kill(pid, SIGKILL);
	assert_int_equal(waitpid(pid, &status, 0), pid);
}
