/* The daemon's snapshot: a few rows of the table `meta`. Like events, they may use the part of the map above the store's
 * limit. They do not count as changes of the store: otherwise each writing of the counters would change a counter. */
#include "memory.h"
#include "store_internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define KEY_RUNNING "running"
#define KEY_COUNTS "counts"
#define KEY_SIZE 16
#define SHARE 16 /* the octets of all hours are at most 1/SHARE of the store's limit */

struct meta_row {
	char key[KEY_SIZE];
	struct bytes bytes;
};
struct meta_rows {
	struct meta_row row[2];
	size_t count;
};

static int put_step(struct store *store, MDB_txn *txn, void *arg)
{
	const struct meta_rows *rows = arg;
	int result = 0;
	for (size_t i = 0; result == 0 && i < rows->count; i++) {
		const struct meta_row *row = &rows->row[i];
		MDB_val key = {strlen(row->key), (void *)row->key}, value = {row->bytes.len, row->bytes.at};
		result = mdb_put(txn, store->meta, &key, &value, 0);
	}
	return result;
}

static bool rows_put(struct store *store, struct meta_rows *rows, struct failure *why)
{
	bool put = store_write_uncounted(store, put_step, rows, why);
	for (size_t i = 0; i < rows->count; i++)
		free(rows->row[i].bytes.at);
	return put;
}

/* There is one row for each hour of the two days; a row is used again after that. */
static void hour_key(char key[KEY_SIZE], int64_t hour)
{
	snprintf(key, KEY_SIZE, "hour:%02d", (int)((uint64_t)hour % SNAPSHOT_HOURS));
}

bool store_put_running(struct store *store, const struct snapshot_running *running, struct failure *why)
{
	struct meta_rows rows = {{{KEY_RUNNING, snapshot_running_encode(running)}}, 1};
	return rows_put(store, &rows, why);
}

bool store_put_counts(struct store *store, const struct snapshot_counts *counts, const struct snapshot_counts *hour,
	struct failure *why)
{
	struct meta_rows rows = {{{KEY_COUNTS, snapshot_counts_encode(counts)}, {"", snapshot_counts_encode(hour)}}, 2};
	hour_key(rows.row[1].key, hour->at / SNAPSHOT_HOUR_S);
	return rows_put(store, &rows, why);
}

size_t store_hour_room(struct store *store)
{
	uint64_t room = store_bound(store) / SHARE / SNAPSHOT_HOURS;
	return room < SNAPSHOT_LINES_SIZE ? (size_t)room : SNAPSHOT_LINES_SIZE;
}

/* Reads a row. `decode` gets its bytes and sets `out`; without a row it gets no bytes. */
static enum store_found row_read(struct store *store, const char *name, bool (*decode)(void *out, struct span bytes),
	void *out, struct failure *why)
{
	struct store_view *view = store_view_begin(store, why);
	MDB_val key = {strlen(name), (void *)name}, value;
	if (!view) {
		decode(out, (struct span){NULL, 0});
		return STORE_FAILED;
	}
	int result = mdb_get(view->txn, store->meta, &key, &value);
	bool found = result == 0 && decode(out, (struct span){value.mv_data, value.mv_size});
	if (result != 0)
		decode(out, (struct span){NULL, 0});
	store_view_end(&view);
	if (result != 0 && result != MDB_NOTFOUND) {
		store_fail(store, result, "cannot be read", why);
		return STORE_FAILED;
	}
	return found ? STORE_FOUND : STORE_ABSENT;
}

static bool running_read(void *out, struct span bytes)
{
	return snapshot_running_decode(out, bytes.at, bytes.len);
}

static bool counts_read(void *out, struct span bytes)
{
	return snapshot_counts_decode(out, bytes.at, bytes.len);
}

enum store_found store_running(struct store *store, struct snapshot_running *out, struct failure *why)
{
	return row_read(store, KEY_RUNNING, running_read, out, why);
}

enum store_found store_counts(struct store *store, struct snapshot_counts *out, struct failure *why)
{
	return row_read(store, KEY_COUNTS, counts_read, out, why);
}

enum store_found store_hour(struct store *store, int64_t hour, struct snapshot_counts *out, struct failure *why)
{
	char key[KEY_SIZE];
	hour_key(key, hour);
	enum store_found found = row_read(store, key, counts_read, out, why);
	if (found != STORE_FOUND || out->at / SNAPSHOT_HOUR_S == hour)
		return found;
	memset(out, 0, sizeof *out); /* an hour of the days before */
	return STORE_ABSENT;
}
