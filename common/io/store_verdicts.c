/* Verdict records: a ring (store_ring.c) of at most VERDICTS_MAX records. */
#include "memory.h"
#include "store_internal.h"

#include <stdlib.h>
#include <string.h>

#define REASON_MAX 64 /* octets of a reason's name; the longest has 25 */
#define KEY_SIZE (3 + DOMAIN_SIZE + REASON_MAX)

struct notes {
	const struct verdict_record *record;
	size_t count;
};

static int64_t verdict_last_at(const MDB_val *value)
{
	struct verdict_record record;
	return verdict_record_decode(&record, value->mv_data, value->mv_size) ? record.last_at : INT64_MIN;
}

static struct store_ring ring_of(const struct store *store)
{
	return (struct store_ring){.table = store->verdicts, .records_max = VERDICTS_MAX, .last_at = verdict_last_at};
}

/* The key has what identifies a record: front end, kind, deed (an octet each), domain, NUL, reason. */
static MDB_val key_of(uint8_t buffer[KEY_SIZE], const struct verdict_record *record)
{
	const char *reason = reason_name(record->reason);
	size_t domain_len = strnlen(record->domain, DOMAIN_MAX), reason_len = strnlen(reason, REASON_MAX);
	buffer[0] = (uint8_t)record->door;
	buffer[1] = (uint8_t)record->kind;
	buffer[2] = (uint8_t)record->deed;
	memcpy(buffer + 3, record->domain, domain_len);
	buffer[3 + domain_len] = 0;
	memcpy(buffer + 4 + domain_len, reason, reason_len);
	return (MDB_val){4 + domain_len + reason_len, buffer};
}

static int record_put(struct store *store, MDB_txn *txn, const struct verdict_record *record)
{
	struct verdict_record merged;
	uint8_t buffer[KEY_SIZE];
	MDB_val key = key_of(buffer, record), value;
	int result = mdb_get(txn, store->verdicts, &key, &value);
	if (result != 0 && result != MDB_NOTFOUND)
		return result;
	if (result == 0 && verdict_record_decode(&merged, value.mv_data, value.mv_size))
		verdict_record_merge(&merged, record);
	else
		merged = *record;
	struct bytes bytes = verdict_record_encode(&merged);
	value = (MDB_val){bytes.len, bytes.at};
	result = mdb_put(txn, store->verdicts, &key, &value, 0);
	free(bytes.at);
	return result;
}

static int note_step(struct store *store, MDB_txn *txn, void *arg)
{
	const struct notes *notes = arg;
	const struct store_ring ring = ring_of(store);
	for (size_t i = 0; i < notes->count; i++) {
		int result = record_put(store, txn, &notes->record[i]);
		if (result != 0)
			return result;
	}
	return store_ring_shrink(store, txn, &ring, NULL, INT64_MIN);
}

bool store_note_verdicts(struct store *store, const struct verdict_record *record, size_t count, struct failure *why)
{
	struct notes notes = {.record = record, .count = count};
	return count == 0 || !store->has_verdicts || store_write(store, note_step, &notes, why);
}

static bool record_read(void *out, const MDB_val *value)
{
	return verdict_record_decode(out, value->mv_data, value->mv_size);
}

static int record_compare(const void *a, const void *b)
{
	const struct verdict_record *left = a, *right = b;
	return (left->last_at < right->last_at) - (left->last_at > right->last_at);
}

struct verdict_record *store_verdicts(struct store *store, size_t *count, struct failure *why)
{
	const struct store_rows rows = {.table = store->verdicts,
		.has_table = store->has_verdicts,
		.max = VERDICTS_MAX,
		.size = sizeof(struct verdict_record),
		.decode = record_read};
	struct verdict_record *records = store_rows_read(store, &rows, count, why);
	if (records)
		qsort(records, *count, sizeof *records, record_compare);
	return records;
}
