#include "memory.h"
#include "store_internal.h"

#include <stdlib.h>
#include <string.h>

#define STALE_MAX 256 /* stale keys that one call removes from the index of due times */

struct due_scan {
	int64_t now;
	size_t max;
	struct names *out;
	size_t stale_count;
	struct due_key {
		int64_t at;
		char domain[DOMAIN_SIZE];
	} stale[STALE_MAX];
};

static bool due_key_read(const MDB_val *key, struct due_key *out)
{
	const uint8_t *bytes = key->mv_data;
	uint64_t at = 0;
	size_t len = key->mv_size - 8;
	if (key->mv_size <= 8 || len > DOMAIN_MAX || memchr(bytes + 8, '\0', len))
		return false;
	for (int i = 0; i < 8; i++)
		at = at << 8 | bytes[i];
	out->at = (int64_t)(at & INT64_MAX);
	memcpy(out->domain, bytes + 8, len);
	out->domain[len] = '\0';
	return true;
}

/* Compares a key of the index with its entry. Returns 0 if the entry is due at that time; MDB_NOTFOUND if the key is
 * stale, for example because its entry can no longer be read; any other result if the entry could not be read now. */
static int due_look(struct store *store, MDB_txn *txn, const struct due_key *due)
{
	MDB_val key = store_entry_key(due->domain), value;
	struct entry entry;
	int result = mdb_get(txn, store->entries, &key, &value);
	if (result != 0)
		return result;
	if (!entry_decode(&entry, value.mv_data, value.mv_size)) {
		store_unreadable(store, &key, &value);
		return MDB_NOTFOUND;
	}
	bool current = entry.due_at == due->at;
	entry_free(&entry);
	return current ? 0 : MDB_NOTFOUND;
}

static int due_walk(struct store *store, MDB_txn *txn, struct due_scan *scan)
{
	struct due_key due;
	MDB_cursor *cursor;
	MDB_val key, value;
	int result = mdb_cursor_open(txn, store->due, &cursor);
	if (result != 0)
		return result;
	result = mdb_cursor_get(cursor, &key, &value, MDB_FIRST);
	while (result == 0 && scan->out->count < scan->max && scan->stale_count < STALE_MAX) {
		if (due_key_read(&key, &due)) {
			if (due.at > scan->now)
				break;
			result = due_look(store, txn, &due);
			if (result == 0)
				names_add(scan->out, due.domain, strlen(due.domain));
			else if (result == MDB_NOTFOUND)
				scan->stale[scan->stale_count++] = due;
			if (result == MDB_NOTFOUND)
				result = 0;
		}
		if (result == 0)
			result = mdb_cursor_get(cursor, &key, &value, MDB_NEXT);
	}
	mdb_cursor_close(cursor);
	return result == MDB_NOTFOUND ? 0 : result;
}

/* Removes the stale keys that a scan has found, if they are still stale. */
static int stale_step(struct store *store, MDB_txn *txn, void *arg)
{
	const struct due_scan *scan = arg;
	uint8_t buffer[DUE_KEY_SIZE];
	for (size_t i = 0; i < scan->stale_count; i++) {
		const struct due_key *due = &scan->stale[i];
		MDB_val key = store_due_key(buffer, due->at, due->domain, strlen(due->domain));
		int result = due_look(store, txn, due);
		if (result == MDB_NOTFOUND)
			result = mdb_del(txn, store->due, &key, NULL);
		if (result != 0 && result != MDB_NOTFOUND)
			return result;
	}
	return 0;
}

bool store_due(struct store *store, int64_t now, size_t max, struct names *out, struct failure *why)
{
	struct due_scan *scan = xcalloc(1, sizeof *scan);
	bool ok = true;
	*out = (struct names){0};
	scan->now = now;
	scan->max = max;
	scan->out = out;
	struct store_view *view = store_view_begin(store, why);
	if (!view) {
		free(scan);
		return false;
	}
	int result = due_walk(store, view->txn, scan);
	store_view_end(&view);
	if (result != 0)
		ok = store_fail(store, result, "cannot be read", why);
	else if (scan->stale_count > 0)
		ok = store_write(store, stale_step, scan, why);
	if (!ok)
		names_free(out);
	free(scan);
	return ok;
}

bool store_page_read(
	struct store *store, MDB_dbi dbi, MDB_val after, store_page_take *take, void *arg, struct failure *why)
{
	struct store_view *view = store_view_begin(store, why);
	if (!view)
		return false;
	MDB_cursor *cursor;
	MDB_val key = after, value;
	int result = mdb_cursor_open(view->txn, dbi, &cursor);
	if (result == 0) {
		result = mdb_cursor_get(cursor, &key, &value, after.mv_size == 0 ? MDB_FIRST : MDB_SET_RANGE);
		if (result == 0 && key.mv_size == after.mv_size &&
			memcmp(key.mv_data, after.mv_data, after.mv_size) == 0)
			result = mdb_cursor_get(cursor, &key, &value, MDB_NEXT);
		while (result == 0 && take(&key, arg))
			result = mdb_cursor_get(cursor, &key, &value, MDB_NEXT);
		mdb_cursor_close(cursor);
	}
	store_view_end(&view);
	return result == 0 || result == MDB_NOTFOUND || store_fail(store, result, "cannot be read", why);
}

struct domain_page {
	struct names *names;
	size_t max;
};

static bool domain_take(const MDB_val *key, void *arg)
{
	const struct domain_page *page = arg;
	if (page->names->count == page->max)
		return false;
	if (key->mv_size <= DOMAIN_MAX && !memchr(key->mv_data, '\0', key->mv_size))
		names_add(page->names, key->mv_data, key->mv_size);
	return true;
}

bool store_page(struct store *store, const char *after, size_t max, struct names *out, struct failure *why)
{
	struct domain_page page = {out, max};
	*out = (struct names){0};
	if (store_page_read(store, store->entries, store_entry_key(after), domain_take, &page, why))
		return true;
	names_free(out);
	return false;
}

struct hop_page {
	struct store_hop *hops;
	size_t count, max;
};

static bool hop_take(const MDB_val *key, void *arg)
{
	struct hop_page *page = arg;
	struct store_hop *hop = &page->hops[page->count];
	const uint8_t *bytes = key->mv_data;
	size_t len = key->mv_size - 3; /* NUL, port */
	if (page->count == page->max)
		return false;
	if (key->mv_size <= 3 || len > DOMAIN_MAX || memchr(bytes, '\0', key->mv_size) != bytes + len)
		return true;
	memcpy(hop->host, bytes, len + 1);
	hop->port = (uint16_t)(bytes[len + 1] << 8 | bytes[len + 2]);
	page->count++;
	return true;
}

bool store_page_hops(struct store *store, const struct store_hop *after, size_t max, struct store_hop *out,
	size_t *count, struct failure *why)
{
	uint8_t buffer[HOP_KEY_SIZE];
	MDB_val key = store_hop_key(buffer, after->host, after->port);
	struct hop_page page = {out, 0, max};
	if (after->host[0] == '\0')
		key.mv_size = 0;
	*count = 0;
	if (!store_page_read(store, store->hops, key, hop_take, &page, why))
		return false;
	*count = page.count;
	return true;
}
