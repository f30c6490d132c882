/* The daemon's snapshot: a few rows of the table `meta`, and the table `steps`. Like events, they may use the part of the map above the store's
 * limit. They do not count as changes of the store: otherwise each writing of the counters would change a counter. */
#include "memory.h"
#include "store_internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define KEY_RUNNING "running"
#define KEY_COUNTS "counts"
#define KEY_SIZE 16
#define SHARE 16 /* the octets of all hours are at most 1/SHARE of the store's limit, and so are those of all steps */

#define STEP_OVERHEAD 64 /* octets of a step's row beside its lines */

struct row {
	MDB_dbi table;
	char key[KEY_SIZE];
	struct bytes bytes;
};
struct rows {
	struct row row[3];
	size_t count;
};

static int put_step(struct store *store, MDB_txn *txn, void *arg)
{
	const struct rows *rows = arg;
	int result = 0;
	(void)store;
	for (size_t i = 0; result == 0 && i < rows->count; i++) {
		const struct row *row = &rows->row[i];
		MDB_val key = {strlen(row->key), (void *)row->key}, value = {row->bytes.len, row->bytes.at};
		result = mdb_put(txn, row->table, &key, &value, 0);
	}
	return result;
}

static void row_add(struct rows *rows, MDB_dbi table, const char *key, struct bytes bytes)
{
	struct row *row = &rows->row[rows->count++];
	*row = (struct row){.table = table, .bytes = bytes};
	snprintf(row->key, sizeof row->key, "%s", key);
}

/* Writes the rows, and frees their bytes. */
static bool rows_put(struct store *store, struct rows *rows, struct failure *why)
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

static void step_key(char key[KEY_SIZE], int64_t step)
{
	snprintf(key, KEY_SIZE, "%04d", (int)((uint64_t)step % SNAPSHOT_STEPS));
}

bool store_put_running(struct store *store, const struct snapshot_running *running, struct failure *why)
{
	struct rows rows = {.count = 0};
	row_add(&rows, store->meta, KEY_RUNNING, snapshot_running_encode(running));
	return rows_put(store, &rows, why);
}

bool store_put_counts(struct store *store, const struct snapshot_counts *counts, const struct snapshot_counts *hour,
	const struct snapshot_counts *step, struct failure *why)
{
	struct rows rows = {.count = 0};
	char key[KEY_SIZE];
	row_add(&rows, store->meta, KEY_COUNTS, snapshot_counts_encode(counts));
	hour_key(key, hour->at / SNAPSHOT_HOUR_S);
	row_add(&rows, store->meta, key, snapshot_counts_encode(hour));
	if (step && store->has_steps && store_step_room(store) > 0) {
		step_key(key, step->at / SNAPSHOT_STEP_S);
		row_add(&rows, store->steps, key, snapshot_counts_encode(step));
	}
	return rows_put(store, &rows, why);
}

/* Returns the room of one of `count` rows for lines, at most `most`, beside `overhead` octets. */
static size_t room_of(struct store *store, unsigned count, size_t overhead, size_t most)
{
	uint64_t room = store_bound(store) / SHARE / count;
	room = room > overhead ? room - overhead : 0;
	return room < most ? (size_t)room : most;
}

size_t store_hour_room(struct store *store)
{
	return room_of(store, SNAPSHOT_HOURS, 0, SNAPSHOT_LINES_SIZE);
}

size_t store_step_room(struct store *store)
{
	return room_of(store, SNAPSHOT_STEPS, STEP_OVERHEAD, SNAPSHOT_STEP_LINES_MAX);
}

/* Reads a row. `decode` gets its bytes and sets `out`; without a row it gets no bytes. */
static enum store_found row_read(struct store *store, MDB_dbi table, const char *name,
	bool (*decode)(void *out, struct span bytes), void *out, struct failure *why)
{
	struct store_view *view = store_view_begin(store, why);
	MDB_val key = {strlen(name), (void *)name}, value;
	if (!view) {
		decode(out, (struct span){NULL, 0});
		return STORE_FAILED;
	}
	int result = mdb_get(view->txn, table, &key, &value);
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
	return row_read(store, store->meta, KEY_RUNNING, running_read, out, why);
}

enum store_found store_counts(struct store *store, struct snapshot_counts *out, struct failure *why)
{
	return row_read(store, store->meta, KEY_COUNTS, counts_read, out, why);
}

/* Reads the counts of a time of `length_s` seconds. A row that has the counts of an earlier time is absent. */
static enum store_found time_read(struct store *store, MDB_dbi table, const char *key, int64_t number, int64_t length_s,
	struct snapshot_counts *out, struct failure *why)
{
	enum store_found found = row_read(store, table, key, counts_read, out, why);
	if (found != STORE_FOUND || out->at / length_s == number)
		return found;
	memset(out, 0, sizeof *out);
	return STORE_ABSENT;
}

enum store_found store_hour(struct store *store, int64_t hour, struct snapshot_counts *out, struct failure *why)
{
	char key[KEY_SIZE];
	hour_key(key, hour);
	return time_read(store, store->meta, key, hour, SNAPSHOT_HOUR_S, out, why);
}

enum store_found store_step_counts(struct store *store, int64_t step, struct snapshot_counts *out, struct failure *why)
{
	char key[KEY_SIZE];
	step_key(key, step);
	if (store->has_steps)
		return time_read(store, store->steps, key, step, SNAPSHOT_STEP_S, out, why);
	memset(out, 0, sizeof *out);
	return STORE_ABSENT;
}
