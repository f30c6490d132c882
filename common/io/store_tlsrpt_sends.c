/* Rows of TLS reports and their addresses, and suppressed addresses. */
#include "fields.h"
#include "memory.h"
#include "store_internal.h"

#include <stdlib.h>
#include <string.h>

#define DAY_OCTETS 4
#define HASH_OCTETS 8
#define KEY_SIZE (DAY_OCTETS + DOMAIN_SIZE + HASH_OCTETS)
#define SHARE 32 /* of the store's limit for the rows */

static void big_endian(uint8_t *out, uint64_t number, size_t octets)
{
	for (size_t i = 0; i < octets; i++)
		out[i] = (uint8_t)(number >> (8 * (octets - 1 - i)));
}

static MDB_val address_key(uint8_t buffer[HASH_OCTETS], const char *address)
{
	big_endian(buffer, fields_sum(address, strlen(address)), HASH_OCTETS);
	return (MDB_val){HASH_OCTETS, buffer};
}

/* Days before 1970 do not occur. */
static MDB_val day_key(uint8_t buffer[DAY_OCTETS], int32_t day)
{
	big_endian(buffer, day < 0 ? 0 : (uint64_t)day, DAY_OCTETS);
	return (MDB_val){DAY_OCTETS, buffer};
}

static MDB_val send_key(uint8_t buffer[KEY_SIZE], const struct tlsrpt_send *row)
{
	size_t len = strlen(row->domain) + 1;
	day_key(buffer, row->day);
	memcpy(buffer + DAY_OCTETS, row->domain, len);
	address_key(buffer + DAY_OCTETS + len, row->address);
	return (MDB_val){DAY_OCTETS + len + HASH_OCTETS, buffer};
}

/* Reads a row. Returns MDB_NOTFOUND if there is none that can be read. */
static int send_get(struct store *store, MDB_txn *txn, const struct tlsrpt_send *like, struct tlsrpt_send *out)
{
	uint8_t buffer[KEY_SIZE];
	MDB_val key = send_key(buffer, like), value;
	int result = mdb_get(txn, store->tlsrpt_sends, &key, &value);
	if (result == 0 &&
		(!tlsrpt_send_decode(out, value.mv_data, value.mv_size) || strcmp(out->address, like->address) != 0))
		result = MDB_NOTFOUND;
	return result;
}

static int send_put(struct store *store, MDB_txn *txn, const struct tlsrpt_send *row, unsigned flags)
{
	uint8_t buffer[KEY_SIZE];
	struct bytes bytes = tlsrpt_send_encode(row);
	MDB_val key = send_key(buffer, row), value = {bytes.len, bytes.at};
	int result = mdb_put(txn, store->tlsrpt_sends, &key, &value, flags);
	free(bytes.at);
	return result;
}

/* --- adding and changing ------------------------------------------------------------------------------------------ */

struct adding {
	const struct tlsrpt_send *row;
	size_t count;
	size_t refused;
	size_t added;
};

static int add_step(struct store *store, MDB_txn *txn, void *arg)
{
	struct adding *adding = arg;
	MDB_stat stat;
	int result = 0;
	adding->refused = adding->added = 0;
	for (size_t i = 0; result == 0 && i < adding->count; i++) {
		result = mdb_stat(txn, store->tlsrpt_sends, &stat);
		uint64_t bytes = (uint64_t)(stat.ms_branch_pages + stat.ms_leaf_pages) * stat.ms_psize;
		bool has_room = stat.ms_entries < TLSRPT_SENDS_MAX && bytes < store_bound(store) / SHARE;
		if (result == 0 && has_room)
			result = send_put(store, txn, &adding->row[i], MDB_NOOVERWRITE);
		adding->refused += !has_room;
		adding->added += has_room && result == 0;
		if (result == MDB_KEYEXIST)
			result = 0;
	}
	return result == 0 && adding->added == 0 ? STORE_UNCHANGED : result;
}

bool store_add_tlsrpt_sends(
	struct store *store, const struct tlsrpt_send *row, size_t count, size_t *refused, struct failure *why)
{
	struct adding adding = {.row = row, .count = count, .refused = count};
	bool added = count == 0 || !store->has_tlsrpt_sends || store_write(store, add_step, &adding, why);
	*refused = adding.refused;
	return added;
}

struct changing {
	struct tlsrpt_send *row, was;
	store_tlsrpt_send_change *change;
	void *arg;
	bool changed;
};

static int change_step(struct store *store, MDB_txn *txn, void *arg)
{
	struct changing *changing = arg;
	int result = send_get(store, txn, &changing->was, changing->row);
	changing->changed = result == 0 && changing->change(changing->row, changing->arg);
	if (changing->changed)
		return send_put(store, txn, changing->row, 0);
	if (result == MDB_NOTFOUND)
		*changing->row = changing->was;
	return result == 0 || result == MDB_NOTFOUND ? STORE_UNCHANGED : result;
}

bool store_change_tlsrpt_send(struct store *store, struct tlsrpt_send *row, store_tlsrpt_send_change *change, void *arg,
	bool *changed, struct failure *why)
{
	struct changing changing = {.row = row, .was = *row, .change = change, .arg = arg};
	bool written = !store->has_tlsrpt_sends || store_write(store, change_step, &changing, why);
	*changed = written && changing.changed;
	if (!written)
		*row = changing.was;
	return written;
}

/* --- reading ------------------------------------------------------------------------------------------------------ */

static bool send_read(void *out, const MDB_val *value)
{
	return tlsrpt_send_decode(out, value->mv_data, value->mv_size);
}

struct tlsrpt_send *store_tlsrpt_sends(struct store *store, size_t *count, struct failure *why)
{
	const struct store_rows rows = {.table = store->tlsrpt_sends,
		.has_table = store->has_tlsrpt_sends,
		.max = TLSRPT_SENDS_MAX,
		.size = sizeof(struct tlsrpt_send),
		.decode = send_read};
	return store_rows_read(store, &rows, count, why);
}

/* --- suppressed addresses ----------------------------------------------------------------------------------------- */

static int suppression_get(struct store *store, MDB_txn *txn, const char *address, struct tlsrpt_suppression *out)
{
	uint8_t buffer[HASH_OCTETS];
	MDB_val key = address_key(buffer, address), value;
	int result = mdb_get(txn, store->tlsrpt_suppressions, &key, &value);
	if (result == 0 && tlsrpt_suppression_decode(out, value.mv_data, value.mv_size) &&
		strcmp(out->address, address) == 0)
		return 0;
	memset(out, 0, sizeof *out);
	return result == 0 ? MDB_NOTFOUND : result;
}

static int64_t suppression_last_at(const MDB_val *value)
{
	struct tlsrpt_suppression row;
	return tlsrpt_suppression_decode(&row, value->mv_data, value->mv_size) ? tlsrpt_suppression_ends(&row)
									       : INT64_MIN;
}

static struct store_ring suppressions_of(const struct store *store)
{
	return (struct store_ring){.table = store->tlsrpt_suppressions,
		.records_max = TLSRPT_SUPPRESSIONS_MAX,
		.last_at = suppression_last_at};
}

static int suppression_put(struct store *store, MDB_txn *txn, const struct tlsrpt_suppression *row)
{
	const struct store_ring ring = suppressions_of(store);
	uint8_t buffer[HASH_OCTETS];
	struct bytes bytes = tlsrpt_suppression_encode(row);
	MDB_val key = address_key(buffer, row->address), value = {bytes.len, bytes.at};
	int result = mdb_put(txn, store->tlsrpt_suppressions, &key, &value, 0);
	free(bytes.at);
	return result != 0 ? result : store_ring_shrink(store, txn, &ring, &key, INT64_MIN);
}

struct bouncing {
	const char *token;
	int64_t now;
	struct tlsrpt_send *row;
	struct tlsrpt_suppression *suppression;
};

/* Finds the row with this token. Rows are few, and bounces are rare. */
static int token_find(struct store *store, MDB_txn *txn, const char *token, struct tlsrpt_send *out)
{
	MDB_cursor *cursor;
	MDB_val key, value;
	int result = mdb_cursor_open(txn, store->tlsrpt_sends, &cursor);
	if (result != 0)
		return result;
	bool found = false;
	while (!found && (result = mdb_cursor_get(cursor, &key, &value, MDB_NEXT)) == 0)
		found = tlsrpt_send_decode(out, value.mv_data, value.mv_size) && out->attempts > 0 &&
			strcmp(out->token, token) == 0;
	mdb_cursor_close(cursor);
	if (!found)
		memset(out, 0, sizeof *out);
	return found ? 0 : result;
}

static int bounce_step(struct store *store, MDB_txn *txn, void *arg)
{
	struct bouncing *bouncing = arg;
	struct tlsrpt_send *row = bouncing->row;
	struct tlsrpt_suppression *suppression = bouncing->suppression;
	memset(suppression, 0, sizeof *suppression);
	int result = token_find(store, txn, bouncing->token, row);
	if (result != 0)
		return result == MDB_NOTFOUND ? STORE_UNCHANGED : result;
	result = suppression_get(store, txn, row->address, suppression);
	if (result != 0 && result != MDB_NOTFOUND)
		return result;
	tlsrpt_suppression_bounce(suppression, row->address, bouncing->now);
	tlsrpt_send_bounced(row);
	result = send_put(store, txn, row, 0);
	return result != 0 ? result : suppression_put(store, txn, suppression);
}

bool store_bounce_tlsrpt(struct store *store, const char *token, int64_t now, struct tlsrpt_send *row,
	struct tlsrpt_suppression *suppression, struct failure *why)
{
	struct bouncing bouncing = {token, now, row, suppression};
	memset(row, 0, sizeof *row);
	memset(suppression, 0, sizeof *suppression);
	bool has = store->has_tlsrpt_sends && store->has_tlsrpt_suppressions && token[0] != '\0';
	return !has || store_write(store, bounce_step, &bouncing, why);
}

enum store_found store_tlsrpt_suppression(
	struct store *store, const char *address, struct tlsrpt_suppression *out, struct failure *why)
{
	struct store_view *view = store_view_begin(store, why);
	memset(out, 0, sizeof *out);
	if (!view)
		return STORE_FAILED;
	int result = store->has_tlsrpt_suppressions ? suppression_get(store, view->txn, address, out) : MDB_NOTFOUND;
	store_view_end(&view);
	if (result != 0 && result != MDB_NOTFOUND) {
		store_fail(store, result, "cannot be read", why);
		return STORE_FAILED;
	}
	return result == 0 ? STORE_FOUND : STORE_ABSENT;
}

static bool suppression_read(void *out, const MDB_val *value)
{
	return tlsrpt_suppression_decode(out, value->mv_data, value->mv_size);
}

struct tlsrpt_suppression *store_tlsrpt_suppressions(struct store *store, size_t *count, struct failure *why)
{
	const struct store_rows rows = {.table = store->tlsrpt_suppressions,
		.has_table = store->has_tlsrpt_suppressions,
		.max = TLSRPT_SUPPRESSIONS_MAX,
		.size = sizeof(struct tlsrpt_suppression),
		.decode = suppression_read};
	return store_rows_read(store, &rows, count, why);
}

/* --- forgetting --------------------------------------------------------------------------------------------------- */

struct forgetting {
	int32_t day;
	int64_t now;
};

/* Keys begin with the day, so the oldest rows come first. */
static int sends_remove(struct store *store, MDB_txn *txn, int32_t before)
{
	uint8_t buffer[DAY_OCTETS];
	MDB_val bound = day_key(buffer, before), key, value;
	MDB_cursor *cursor;
	int result = mdb_cursor_open(txn, store->tlsrpt_sends, &cursor);
	if (result != 0)
		return result;
	result = mdb_cursor_get(cursor, &key, &value, MDB_FIRST);
	while (result == 0 && key.mv_size >= DAY_OCTETS && memcmp(key.mv_data, bound.mv_data, DAY_OCTETS) < 0) {
		result = mdb_cursor_del(cursor, 0);
		if (result == 0)
			result = mdb_cursor_get(cursor, &key, &value, MDB_FIRST);
	}
	mdb_cursor_close(cursor);
	return result == MDB_NOTFOUND ? 0 : result;
}

static int forget_step(struct store *store, MDB_txn *txn, void *arg)
{
	const struct forgetting *forgetting = arg;
	const struct store_ring ring = suppressions_of(store);
	int result = sends_remove(store, txn, forgetting->day);
	return result != 0 ? result : store_ring_shrink(store, txn, &ring, NULL, forgetting->now);
}

bool store_forget_tlsrpt_sends(struct store *store, int32_t day, int64_t now, struct failure *why)
{
	struct forgetting forgetting = {day, now};
	bool has = store->has_tlsrpt_sends && store->has_tlsrpt_suppressions;
	return !has || store_write(store, forget_step, &forgetting, why);
}
