/* Rings: tables of the store with a fixed number of records and a small part of the store's limit, such as the events.
 * The records with the oldest times leave first. Rings may use the part of the map above the store's limit, so that the
 * event "the store is full" can be written into a full store. */
#include "memory.h"
#include "store_internal.h"

#include <stdlib.h>
#include <string.h>

/* the octets of all records are at most 1/SHARE of the limit; their pages are half empty at worst */
#define SHARE 32
#define RECORD_OVERHEAD 16 /* about what LMDB adds to each record: node header and index */

/* What a walk over the ring finds out about one record. */
struct ring_item {
	int64_t at; /* INT64_MAX for the record that stays */
	size_t size;
};

static int item_compare(const void *a, const void *b)
{
	const struct ring_item *left = a, *right = b;
	return (left->at > right->at) - (left->at < right->at);
}

static struct ring_item item_of(
	const struct store_ring *ring, const MDB_val *key, const MDB_val *value, const MDB_val *spare)
{
	bool spared =
		spare && key->mv_size == spare->mv_size && memcmp(key->mv_data, spare->mv_data, key->mv_size) == 0;
	return (struct ring_item){.at = spared ? INT64_MAX : ring->last_at(value),
		.size = key->mv_size + value->mv_size + RECORD_OVERHEAD};
}

/* Returns how many of the items, which are sorted by time, must leave. */
static size_t items_over(const struct ring_item *item, size_t count, size_t max, size_t bytes_max, int64_t before)
{
	size_t bytes = 0, over = 0;
	for (size_t i = 0; i < count; i++)
		bytes += item[i].size;
	while (over < count && item[over].at != INT64_MAX &&
		(count - over > max || bytes > bytes_max || item[over].at < before))
		bytes -= item[over++].size;
	return over;
}

/* Removes `over` records: all whose time is before `at`, and of those with this time as many as are missing. */
static int items_remove(MDB_cursor *cursor, const struct store_ring *ring, const MDB_val *spare, size_t over,
	const struct ring_item *items)
{
	MDB_val key, value;
	int64_t at = over > 0 ? items[over - 1].at : INT64_MIN;
	size_t same = 0;
	while (same < over && items[over - 1 - same].at == at)
		same++;
	int result = over > 0 ? mdb_cursor_get(cursor, &key, &value, MDB_FIRST) : MDB_NOTFOUND;
	for (; result == 0; result = mdb_cursor_get(cursor, &key, &value, MDB_NEXT)) {
		int64_t one = item_of(ring, &key, &value, spare).at;
		if (one > at || (one == at && same == 0))
			continue;
		same -= one == at;
		result = mdb_cursor_del(cursor, 0);
		if (result != 0)
			return result;
	}
	return result == MDB_NOTFOUND ? 0 : result;
}

int store_ring_shrink(
	struct store *store, MDB_txn *txn, const struct store_ring *ring, const MDB_val *spare, int64_t before)
{
	MDB_cursor *cursor;
	MDB_val key, value;
	MDB_stat stat;
	size_t count = 0;
	int result = mdb_stat(txn, ring->table, &stat);
	if (result == 0)
		result = mdb_cursor_open(txn, ring->table, &cursor);
	if (result != 0)
		return result;
	struct ring_item *items = xcalloc(stat.ms_entries + 1, sizeof *items);
	while (count < stat.ms_entries && (result = mdb_cursor_get(cursor, &key, &value, MDB_NEXT)) == 0)
		items[count++] = item_of(ring, &key, &value, spare);
	if (result == 0 || result == MDB_NOTFOUND) {
		qsort(items, count, sizeof *items, item_compare);
		size_t over = items_over(items, count, ring->records_max, (size_t)(store_bound(store) / SHARE), before);
		result = items_remove(cursor, ring, spare, over, items);
	}
	mdb_cursor_close(cursor);
	free(items);
	return result;
}

int store_ring_floor(struct store *store, MDB_txn *txn, const struct store_ring *ring, size_t size, int64_t *floor)
{
	MDB_cursor *cursor;
	MDB_val key, value;
	size_t count = 0, bytes = size + RECORD_OVERHEAD;
	int64_t first = INT64_MAX;
	int result = mdb_cursor_open(txn, ring->table, &cursor);
	if (result != 0)
		return result;
	while ((result = mdb_cursor_get(cursor, &key, &value, MDB_NEXT)) == 0) {
		struct ring_item item = item_of(ring, &key, &value, NULL);
		bytes += item.size;
		first = item.at < first ? item.at : first;
		count++;
	}
	mdb_cursor_close(cursor);
	*floor = count < ring->records_max && bytes <= store_bound(store) / SHARE ? INT64_MIN : first;
	return result == MDB_NOTFOUND ? 0 : result;
}

void *store_rows_read(struct store *store, const struct store_rows *rows, size_t *count, struct failure *why)
{
	struct store_view *view = store_view_begin(store, why);
	MDB_cursor *cursor = NULL;
	MDB_val key, value;
	*count = 0;
	if (!view)
		return NULL;
	MDB_stat stat = {.ms_entries = 0};
	int result = rows->has_table ? mdb_stat(view->txn, rows->table, &stat) : 0;
	size_t room = stat.ms_entries < rows->max ? stat.ms_entries : rows->max;
	char *out = xcalloc(room + 1, rows->size);
	if (result == 0 && rows->has_table)
		result = mdb_cursor_open(view->txn, rows->table, &cursor);
	while (result == 0 && cursor && *count < room) {
		result = mdb_cursor_get(cursor, &key, &value, MDB_NEXT);
		if (result == 0)
			*count += rows->decode(out + *count * rows->size, &value);
	}
	if (cursor)
		mdb_cursor_close(cursor);
	store_view_end(&view);
	if (result == 0 || result == MDB_NOTFOUND)
		return out;
	free(out);
	store_fail(store, result, "cannot be read", why);
	return NULL;
}
