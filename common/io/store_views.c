#include "store_internal.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define TRIES 3 /* between two tries another process may change the map size again */

void store_pool_init(struct store *store)
{
	lock_init(&store->queue);
	cond_init(&store->leader);
	cond_init(&store->work);
	lock_init(&store->writer);
	lock_init(&store->pool);
	cond_init(&store->slot_free);
	cond_init(&store->all_idle);
	lock_take(&store->pool);
	for (size_t i = 0; i < STORE_POOL; i++) {
		store->slot[i] = (struct store_view){.store = store, .next = store->free};
		store->free = &store->slot[i];
	}
	lock_drop(&store->pool);
}

void store_pool_free(struct store *store)
{
	for (size_t i = 0; i < STORE_POOL; i++)
		if (store->slot[i].txn)
			mdb_txn_abort(store->slot[i].txn);
	cond_destroy(&store->all_idle);
	cond_destroy(&store->slot_free);
	lock_destroy(&store->pool);
	lock_destroy(&store->writer);
	cond_destroy(&store->work);
	cond_destroy(&store->leader);
	lock_destroy(&store->queue);
}

static void slot_give(struct store_view *view)
{
	struct store *store = view->store;
	lock_take(&store->pool);
	view->next = store->free;
	store->free = view;
	if (--store->in_use == 0)
		cond_wake_all(&store->all_idle);
	cond_wake_one(&store->slot_free);
	lock_drop(&store->pool);
}

void store_pool_close(struct store *store)
{
	lock_take(&store->pool);
	store->closed_for_mapping = true;
	while (store->in_use > 0)
		cond_wait(&store->all_idle, &store->pool);
	lock_drop(&store->pool);
}

void store_pool_open(struct store *store)
{
	lock_take(&store->pool);
	store->closed_for_mapping = false;
	cond_wake_all(&store->slot_free);
	lock_drop(&store->pool);
}

/* LMDB may map the file again only while no transaction of this process uses the old map. */
int store_adopt_size(struct store *store)
{
	store_pool_close(store);
	int result = mdb_env_set_mapsize(store->env, 0);
	if (result != 0)
		store_break(store, mdb_strerror(result));
	store_pool_open(store);
	return result;
}

struct readers_scan {
	struct store_readers *out;
	unsigned long long newest; /* the number of the store's newest state */
};

/* Takes a line of LMDB's list of readers: process, thread, and the number of the state that it reads, or a dash. The
 * first line is a title. */
static int reader_take(const char *line, void *arg)
{
	struct readers_scan *scan = arg;
	unsigned long long state;
	long pid;
	int fields = sscanf(line, "%ld %*s %llu", &pid, &state);
	scan->out->count += fields >= 1;
	if (fields == 2 && pid != (long)getpid() && state < scan->newest && scan->newest - state > scan->out->behind) {
		scan->out->behind = scan->newest - state;
		scan->out->pid = (pid_t)pid;
	}
	return 0;
}

bool store_readers(struct store *store, struct store_readers *out, struct failure *why)
{
	MDB_envinfo info;
	*out = (struct store_readers){.count = 0};
	int result = mdb_env_info(store->env, &info);
	struct readers_scan scan = {.out = out, .newest = info.me_last_txnid};
	if (result == 0 && (result = mdb_reader_list(store->env, reader_take, &scan)) >= 0)
		return true;
	return store_fail(store, result, "cannot be read", why);
}

void store_drop_dead_views(struct store *store)
{
	int dead;
	lock_take(&store->pool);
	while (store->closed_for_mapping)
		cond_wait(&store->slot_free, &store->pool);
	if (!atomic_load(&store->broken))
		mdb_reader_check(store->env, &dead);
	lock_drop(&store->pool);
}

pid_t store_held_by(struct store *store)
{
	struct store_readers readers;
	store_readers(store, &readers, NULL);
	return readers.pid;
}

static int view_renew(struct store_view *view)
{
	struct store *store = view->store;
	int result;
	if (atomic_load(&store->broken))
		return MDB_PANIC;
	if (view->txn) {
		result = mdb_txn_renew(view->txn);
		if (result == 0)
			return 0;
		mdb_txn_abort(view->txn);
		view->txn = NULL;
		return result;
	}
	result = mdb_txn_begin(store->env, NULL, MDB_RDONLY, &view->txn);
	if (result != 0)
		view->txn = NULL;
	return result;
}

/* Removes the cause of a result, if possible. Returns 0 if the view should be tried again. MDB_PANIC may mean that
 * another thread is between a failed commit and store_revive(); that is no damage. */
static int view_retry(struct store *store, int result)
{
	int dead;
	if (atomic_load(&store->broken) ||
		(result != MDB_READERS_FULL && result != MDB_MAP_RESIZED && result != MDB_PANIC))
		return result;
	lock_take(&store->writer);
	if (atomic_load(&store->broken)) {
		/* another thread has broken the store meanwhile */
	} else if (result == MDB_MAP_RESIZED) {
		result = store_adopt_size(store);
	} else if (result == MDB_READERS_FULL) {
		result = mdb_reader_check(store->env, &dead);
	} else {
		store_revive(store);
		result = 0;
	}
	lock_drop(&store->writer);
	return result;
}

struct store_view *store_view_begin(struct store *store, struct failure *why)
{
	int result = 0;
	for (int i = 0; i < TRIES; i++) {
		lock_take(&store->pool);
		while (store->closed_for_mapping || !store->free)
			cond_wait(&store->slot_free, &store->pool);
		struct store_view *view = store->free;
		store->free = view->next;
		store->in_use++;
		lock_drop(&store->pool);
		result = view_renew(view);
		view->whole = false;
		if (result == 0)
			return view;
		slot_give(view);
		if (view_retry(store, result) != 0)
			break;
	}
	store_fail(store, result, "cannot be read", why);
	return NULL;
}

void store_view_whole(struct store_view *view)
{
	view->whole = true;
}

uint64_t store_view_state(const struct store_view *view)
{
	return mdb_txn_id(view->txn);
}

/* LMDB writes the newest state's number to the file before it lets views begin with that state. So it is never lower than
 * the number that such a view would have. */
bool store_state(struct store *store, uint64_t *state)
{
	MDB_envinfo info;
	lock_take(&store->pool);
	bool known = !store->closed_for_mapping && !atomic_load(&store->broken) && mdb_env_info(store->env, &info) == 0;
	lock_drop(&store->pool);
	if (known)
		*state = info.me_last_txnid;
	return known;
}

/* Counts a record that cannot be read. */
static void view_unreadable(const struct store_view *view, const MDB_val *key, const MDB_val *value)
{
	if (!view->whole)
		store_unreadable(view->store, key, value);
}

void store_view_end(struct store_view **view)
{
	if (!view || !*view)
		return;
	mdb_txn_reset((*view)->txn);
	slot_give(*view);
	*view = NULL;
}

MDB_val store_entry_key(const char *domain)
{
	return (MDB_val){strlen(domain), (void *)(uintptr_t)domain};
}

MDB_val store_hop_key(uint8_t buffer[HOP_KEY_SIZE], const char *host, uint16_t port)
{
	size_t len = strnlen(host, DOMAIN_MAX);
	memcpy(buffer, host, len);
	buffer[len] = 0;
	buffer[len + 1] = (uint8_t)(port >> 8);
	buffer[len + 2] = (uint8_t)port;
	return (MDB_val){len + 3, buffer};
}

MDB_val store_due_key(uint8_t buffer[DUE_KEY_SIZE], int64_t due_at, const void *domain, size_t len)
{
	for (int i = 0; i < 8; i++)
		buffer[i] = (uint8_t)((uint64_t)due_at >> (56 - 8 * i));
	memcpy(buffer + 8, domain, len);
	return (MDB_val){8 + len, buffer};
}

enum store_found store_view_entry(struct store_view *view, const char *domain, struct entry *out)
{
	MDB_val key = store_entry_key(domain), value;
	int result = mdb_get(view->txn, view->store->entries, &key, &value);
	bool read = result == 0 && entry_decode(out, value.mv_data, value.mv_size);
	if (read && strcmp(out->domain, domain) == 0)
		return STORE_FOUND;
	if (read)
		entry_free(out);
	entry_init(out, domain);
	if (result == MDB_NOTFOUND)
		return STORE_ABSENT;
	if (result == 0) {
		view_unreadable(view, &key, &value);
		return STORE_ABSENT;
	}
	store_fail(view->store, result, "cannot be read", NULL);
	return STORE_FAILED;
}

enum store_found store_view_hop(struct store_view *view, const char *host, uint16_t port, struct hop_record *out)
{
	uint8_t buffer[HOP_KEY_SIZE];
	MDB_val key = store_hop_key(buffer, host, port), value;
	int result = mdb_get(view->txn, view->store->hops, &key, &value);
	memset(out, 0, sizeof *out);
	if (result == MDB_NOTFOUND)
		return STORE_ABSENT;
	if (result != 0) {
		store_fail(view->store, result, "cannot be read", NULL);
		return STORE_FAILED;
	}
	if (hop_record_decode(out, value.mv_data, value.mv_size))
		return STORE_FOUND;
	view_unreadable(view, &key, &value);
	return STORE_ABSENT;
}
