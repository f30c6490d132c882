/* Tallies: what was counted for TLS reports, a row for each domain and UTC day. The keys are sorted by day, and within a day
 * the domains without failures come first: they are the first to leave, and a sender that reports failures only skips them.
 * Tallies have a part of the store's limit of their own, and never evict a policy. */
#include "memory.h"
#include "store_internal.h"

#include <stdlib.h>
#include <string.h>

#define DAY_OCTETS 4
#define HEAD_OCTETS (DAY_OCTETS + 1)
#define KEY_SIZE (HEAD_OCTETS + DOMAIN_SIZE)
#define SHARE 16        /* the table has at most 1/SHARE of the store's limit */
#define EVICT_MAX 256   /* rows that make room for one tally */
#define FORGET_MAX 512  /* rows that one transaction forgets */
#define ROW_OVERHEAD 16 /* about what LMDB adds to each row: node header and index */
#define KEY_CLOSED "tlsrpt_closed"
#define CLOSED_OCTETS 8

/* The key of a row: day (big endian), whether anything failed, domain. */
static MDB_val key_of(uint8_t buffer[KEY_SIZE], int64_t day, bool failed, const char *domain)
{
	size_t len = strnlen(domain, DOMAIN_MAX);
	for (size_t i = 0; i < DAY_OCTETS; i++)
		buffer[i] = (uint8_t)(day >> (8 * (DAY_OCTETS - 1 - i)));
	buffer[DAY_OCTETS] = failed;
	memcpy(buffer + HEAD_OCTETS, domain, len);
	return (MDB_val){HEAD_OCTETS + len, buffer};
}

static bool key_read(const MDB_val *key, struct store_tally_key *out)
{
	const uint8_t *bytes = key->mv_data;
	size_t len = key->mv_size - HEAD_OCTETS;
	if (key->mv_size <= HEAD_OCTETS || len > DOMAIN_MAX || memchr(bytes + HEAD_OCTETS, '\0', len))
		return false;
	out->day = 0;
	for (size_t i = 0; i < DAY_OCTETS; i++)
		out->day = out->day << 8 | bytes[i];
	out->failed = bytes[DAY_OCTETS] != 0;
	memcpy(out->domain, bytes + HEAD_OCTETS, len);
	out->domain[len] = '\0';
	return true;
}

static int64_t key_day(const MDB_val *key)
{
	struct store_tally_key read;
	return key_read(key, &read) ? read.day : 0;
}

/* --- the newest closed day ---------------------------------------------------------------------------------------- */

static int closed_read(struct store *store, MDB_txn *txn, int64_t *day)
{
	MDB_val key = {sizeof KEY_CLOSED - 1, KEY_CLOSED}, value;
	int result = mdb_get(txn, store->meta, &key, &value);
	uint64_t number = 0;
	*day = -1;
	if (result == 0 && value.mv_size == CLOSED_OCTETS) {
		const uint8_t *bytes = value.mv_data;
		for (size_t i = 0; i < CLOSED_OCTETS; i++)
			number |= (uint64_t)bytes[i] << (8 * i);
		*day = (int64_t)(number & INT64_MAX);
	}
	return result == MDB_NOTFOUND ? 0 : result;
}

static int closed_put(struct store *store, MDB_txn *txn, int64_t day)
{
	uint8_t bytes[CLOSED_OCTETS];
	MDB_val key = {sizeof KEY_CLOSED - 1, KEY_CLOSED}, value = {sizeof bytes, bytes};
	for (size_t i = 0; i < sizeof bytes; i++)
		bytes[i] = (uint8_t)((uint64_t)day >> (8 * i));
	return mdb_put(txn, store->meta, &key, &value, 0);
}

struct closing {
	int64_t day, now;
};

static int close_step(struct store *store, MDB_txn *txn, void *arg)
{
	const struct closing *closing = arg;
	int64_t stored;
	int result = closed_read(store, txn, &stored);
	if (result != 0)
		return result;
	int64_t closed = tlsrpt_day_closed(stored, closing->now);
	if (closed < closing->day)
		closed = closing->day;
	return closed == stored ? STORE_UNCHANGED : closed_put(store, txn, closed);
}

bool store_close_tallies(struct store *store, int64_t day, int64_t now, struct failure *why)
{
	struct closing closing = {day, now};
	return store_write(store, close_step, &closing, why);
}

bool store_tallies_closed(struct store *store, int64_t now, int64_t *day, struct failure *why)
{
	struct store_view *view = store_view_begin(store, why);
	if (!view)
		return false;
	int result = closed_read(store, view->txn, day);
	store_view_end(&view);
	*day = tlsrpt_day_closed(*day, now);
	return result == 0 || store_fail(store, result, "cannot be read", why);
}

/* --- room --------------------------------------------------------------------------------------------------------- */

/* A tally that is to be written. */
struct coming {
	MDB_val key;
	size_t size; /* by which the table grows; 0: the row is always written */
	bool failed;
	int64_t day, today;
};

/* Computes how much room the table lacks for a tally; 0: none. */
static int room_lacking(struct store *store, MDB_txn *txn, const struct coming *coming, size_t *lacking)
{
	MDB_stat stat;
	int result = mdb_stat(txn, store->tallies, &stat);
	if (result != 0)
		return result;
	size_t pages = stat.ms_branch_pages + stat.ms_leaf_pages + stat.ms_overflow_pages;
	size_t used = pages * stat.ms_psize + coming->size, bound = (size_t)(store_bound(store) / SHARE);
	*lacking = used > bound ? used - bound : 0;
	return 0;
}

/* Moves the cursor to the row that leaves first for `coming`. Returns MDB_NOTFOUND if there is none. */
static int leaving_find(MDB_cursor *cursor, const struct coming *coming, MDB_val *key)
{
	uint8_t buffer[KEY_SIZE];
	MDB_val value;
	/* A day that is far ahead is the work of a clock that was wrong. */
	int result = mdb_cursor_get(cursor, key, &value, MDB_LAST);
	if (result != 0 || key_day(key) > coming->today + TALLY_AHEAD_DAYS)
		return result;
	result = mdb_cursor_get(cursor, key, &value, MDB_FIRST);
	while (result == 0) {
		struct store_tally_key row;
		/* The oldest day that the store keeps has been reported, or given up, by now. */
		if (!key_read(key, &row) || row.day <= coming->today - TALLY_DAYS_KEPT)
			return 0;
		/* Without failures, a new row takes the place of older days only: otherwise today's rows would take turns. */
		if (row.day > coming->day || (row.day == coming->day && !coming->failed))
			return MDB_NOTFOUND;
		bool same = key->mv_size == coming->key.mv_size &&
			    memcmp(key->mv_data, coming->key.mv_data, key->mv_size) == 0;
		if (!row.failed && !same)
			return 0;
		if (row.failed) {
			*key = key_of(buffer, row.day + 1, false, "");
			result = mdb_cursor_get(cursor, key, &value, MDB_SET_RANGE);
		} else {
			result = mdb_cursor_get(cursor, key, &value, MDB_NEXT);
		}
	}
	return result;
}

/* Removes rows until the table has room for `coming`, or none may leave any more. */
static int room_make(struct store *store, MDB_txn *txn, const struct coming *coming, bool *has_room)
{
	MDB_cursor *cursor;
	MDB_val key;
	size_t lacking = 0;
	int result = mdb_cursor_open(txn, store->tallies, &cursor);
	if (result != 0)
		return result;
	result = room_lacking(store, txn, coming, &lacking);
	for (unsigned i = 0; result == 0 && lacking > 0 && i < EVICT_MAX; i++) {
		result = leaving_find(cursor, coming, &key);
		if (result == 0)
			result = mdb_cursor_del(cursor, 0);
		if (result == 0)
			result = room_lacking(store, txn, coming, &lacking);
	}
	mdb_cursor_close(cursor);
	*has_room = lacking == 0;
	return result == MDB_NOTFOUND ? 0 : result;
}

/* Sets `has_room` to whether a tally may be written: the table has room for it, or gets it, and so has the whole store. */
static int room_find(struct store *store, MDB_txn *txn, const struct coming *coming, bool *has_room)
	REQUIRES(store->writer)
{
	const struct store_coming record = {
		.key = coming->key, .size = coming->size, .rank = RANK_NEGATIVE, .is_new = true};
	*has_room = true;
	if (coming->size == 0)
		return 0;
	int result = room_make(store, txn, coming, has_room);
	return result == 0 && *has_room ? store_make_room(store, txn, &record, has_room) : result;
}

/* --- adding ------------------------------------------------------------------------------------------------------- */

/* Reads the row of a domain on a day. `old` becomes its key, or of length 0 without a row. A row that cannot be decoded is
 * empty. */
static int row_get(struct store *store, MDB_txn *txn, uint8_t buffer[KEY_SIZE], MDB_val *old, size_t *size,
	struct tlsrpt_tally *tally)
{
	MDB_val value;
	int result = MDB_NOTFOUND;
	for (int failed = 1; failed >= 0 && result == MDB_NOTFOUND; failed--) {
		*old = key_of(buffer, tally->day, failed, tally->domain);
		result = mdb_get(txn, store->tallies, old, &value);
	}
	*size = 0;
	if (result == 0) {
		struct tlsrpt_tally read;
		*size = value.mv_size;
		if (tlsrpt_tally_decode(&read, value.mv_data, value.mv_size) && read.day == tally->day &&
			strcmp(read.domain, tally->domain) == 0) {
			tlsrpt_tally_free(tally);
			*tally = read;
		} else {
			store_unreadable(store, old, &value);
			tlsrpt_tally_free(&read);
		}
	} else {
		old->mv_size = 0;
	}
	return result == MDB_NOTFOUND ? 0 : result;
}

/* Writes a row, under its new key if its first failure has come. */
static int row_put(struct store *store, MDB_txn *txn, const struct tlsrpt_tally *tally, MDB_val *old, size_t old_size,
	int64_t today, bool *has_room) REQUIRES(store->writer)
{
	uint8_t buffer[KEY_SIZE];
	struct bytes bytes = tlsrpt_tally_encode(tally);
	MDB_val value = {bytes.len, bytes.at};
	bool failed = tlsrpt_tally_has_failures(tally);
	size_t head = old->mv_size > 0 ? 0 : HEAD_OCTETS + strlen(tally->domain) + ROW_OVERHEAD;
	struct coming coming = {.key = key_of(buffer, tally->day, failed, tally->domain),
		.size = bytes.len > old_size ? bytes.len - old_size + head : 0,
		.failed = failed,
		.day = tally->day,
		.today = today};
	bool moves = old->mv_size > 0 && memcmp(old->mv_data, coming.key.mv_data, HEAD_OCTETS) != 0;
	int result = room_find(store, txn, &coming, has_room);
	if (result == 0 && *has_room && moves) {
		result = mdb_del(txn, store->tallies, old, NULL);
		if (result == MDB_NOTFOUND) /* it has made room */
			result = 0;
	}
	if (result == 0 && *has_room)
		result = mdb_put(txn, store->tallies, &coming.key, &value, 0);
	free(bytes.at);
	return result;
}

struct adding {
	const struct tlsrpt_tally *tally;
	size_t count;
	int64_t now;
	uint64_t refused;
};

static int tally_add(struct store *store, MDB_txn *txn, const struct tlsrpt_tally *more, int64_t closed,
	struct adding *adding) REQUIRES(store->writer)
{
	uint8_t buffer[KEY_SIZE];
	struct tlsrpt_tally row;
	MDB_val old;
	size_t old_size;
	bool has_room = true;
	tlsrpt_tally_init(&row, more->day <= closed ? closed + 1 : more->day, more->domain);
	int result = row_get(store, txn, buffer, &old, &old_size, &row);
	if (result == 0) {
		tlsrpt_tally_merge(&row, more);
		result = row_put(store, txn, &row, &old, old_size, tlsrpt_day(adding->now), &has_room);
	}
	if (!has_room)
		adding->refused += tlsrpt_tally_total(more);
	tlsrpt_tally_free(&row);
	return result;
}

static int add_step(struct store *store, MDB_txn *txn, void *arg) REQUIRES(store->writer)
{
	struct adding *adding = arg;
	int64_t stored;
	int result = closed_read(store, txn, &stored);
	int64_t closed = tlsrpt_day_closed(stored, adding->now);
	/* So the day stays closed when the clock is set back, and a day that a wrong clock has closed is forgotten before it comes
	 * so near that it is believed. */
	if (result == 0 && closed != stored)
		result = closed_put(store, txn, closed);
	adding->refused = 0;
	for (size_t i = 0; result == 0 && i < adding->count; i++)
		result = tally_add(store, txn, &adding->tally[i], closed, adding);
	return result;
}

bool store_add_tallies(struct store *store, const struct tlsrpt_tally *tally, size_t count, int64_t now,
	uint64_t *refused, struct failure *why)
{
	struct adding adding = {.tally = tally, .count = count, .now = now};
	bool added = count == 0 || !store->has_tallies || store_write(store, add_step, &adding, why);
	*refused = adding.refused;
	return added;
}

/* --- reading and forgetting --------------------------------------------------------------------------------------- */

enum store_found store_tally(
	struct store *store, int64_t day, const char *domain, struct tlsrpt_tally *out, struct failure *why)
{
	uint8_t buffer[KEY_SIZE];
	MDB_val key;
	size_t size;
	tlsrpt_tally_init(out, day, domain);
	struct store_view *view = store_view_begin(store, why);
	if (!view)
		return STORE_FAILED;
	int result = store->has_tallies ? row_get(store, view->txn, buffer, &key, &size, out) : 0;
	store_view_end(&view);
	if (result != 0) {
		store_fail(store, result, "cannot be read", why);
		return STORE_FAILED;
	}
	return out->count > 0 ? STORE_FOUND : STORE_ABSENT;
}

struct page {
	struct store_tally_key *key;
	size_t count, max;
};

static bool key_take(const MDB_val *key, void *arg)
{
	struct page *page = arg;
	if (page->count == page->max)
		return false;
	page->count += key_read(key, &page->key[page->count]);
	return true;
}

bool store_page_tallies(struct store *store, const struct store_tally_key *after, size_t max,
	struct store_tally_key *out, size_t *count, struct failure *why)
{
	uint8_t buffer[KEY_SIZE];
	MDB_val key = key_of(buffer, after->day, after->failed, after->domain);
	struct page page = {out, 0, max};
	*count = 0;
	if (store->has_tallies && !store_page_read(store, store->tallies, key, key_take, &page, why))
		return false;
	*count = page.count;
	return true;
}

struct forgetting {
	int64_t before;
	bool more;
};

static int forget_step(struct store *store, MDB_txn *txn, void *arg)
{
	struct forgetting *forgetting = arg;
	MDB_cursor *cursor;
	MDB_val key, value;
	unsigned removed = 0;
	int result = mdb_cursor_open(txn, store->tallies, &cursor);
	if (result != 0)
		return result;
	result = mdb_cursor_get(cursor, &key, &value, MDB_FIRST);
	while (result == 0 && removed < FORGET_MAX && key_day(&key) < forgetting->before) {
		result = mdb_cursor_del(cursor, 0);
		removed++;
		if (result == 0)
			result = mdb_cursor_get(cursor, &key, &value, MDB_FIRST);
	}
	mdb_cursor_close(cursor);
	forgetting->more = removed == FORGET_MAX;
	if (result != 0 && result != MDB_NOTFOUND)
		return result;
	return removed > 0 ? 0 : STORE_UNCHANGED;
}

bool store_forget_tallies(struct store *store, int64_t before, struct failure *why)
{
	struct forgetting forgetting = {.before = before, .more = store->has_tallies};
	while (forgetting.more)
		if (!store_write(store, forget_step, &forgetting, why))
			return false;
	return true;
}
