/* Revocations: a ring (store_ring.c) of at most REVOCATIONS_MAX certificates. */
#include "memory.h"
#include "store_internal.h"

#include <stdlib.h>

#define KEY_SIZE 8
#define REVOKED_STAYS_S (30 * 86400)

static MDB_val key_of(uint8_t buffer[KEY_SIZE], uint64_t leaf)
{
	for (size_t i = 0; i < KEY_SIZE; i++)
		buffer[i] = (uint8_t)(leaf >> (8 * (KEY_SIZE - 1 - i)));
	return (MDB_val){KEY_SIZE, buffer};
}

/* A revoked certificate stays for long after its list was last asked: a flood of other certificates must not make the gate
 * forget it. But it does not stay until it expires: a domain with an authority of its own could fill the table for
 * ever with revoked certificates. */
static int64_t revocation_last_at(const MDB_val *value)
{
	struct revocation revocation;
	if (!revocation_decode(&revocation, value->mv_data, value->mv_size))
		return INT64_MIN;
	if (revocation.state != REVOCATION_REVOKED)
		return revocation.checked_at;
	int64_t stays_until = revocation.checked_at + REVOKED_STAYS_S;
	return revocation.not_after < stays_until ? revocation.not_after : stays_until;
}

struct putting {
	const struct revocation *revocation;
	size_t count;
};

static int put_step(struct store *store, MDB_txn *txn, void *arg)
{
	const struct putting *putting = arg;
	const struct store_ring ring = {
		.table = store->revocations, .records_max = REVOCATIONS_MAX, .last_at = revocation_last_at};
	uint8_t buffer[KEY_SIZE];
	int result = 0;
	for (size_t i = 0; result == 0 && i < putting->count; i++) {
		MDB_val key = key_of(buffer, putting->revocation[i].leaf);
		struct bytes bytes = revocation_encode(&putting->revocation[i]);
		MDB_val value = {bytes.len, bytes.at};
		result = mdb_put(txn, store->revocations, &key, &value, 0);
		free(bytes.at);
	}
	return result != 0 ? result : store_ring_shrink(store, txn, &ring, NULL, INT64_MIN);
}

bool store_put_revocations(struct store *store, const struct revocation *revocation, size_t count, struct failure *why)
{
	struct putting putting = {revocation, count};
	return count == 0 || !store->has_revocations || store_write(store, put_step, &putting, why);
}

enum store_found store_view_revocation(struct store_view *view, uint64_t leaf, struct revocation *out)
{
	struct store *store = view->store;
	uint8_t buffer[KEY_SIZE];
	MDB_val key = key_of(buffer, leaf), value;
	int result = store->has_revocations ? mdb_get(view->txn, store->revocations, &key, &value) : MDB_NOTFOUND;
	*out = (struct revocation){.leaf = 0};
	if (result == MDB_NOTFOUND)
		return STORE_ABSENT;
	if (result != 0) {
		store_fail(store, result, "cannot be read", NULL);
		return STORE_FAILED;
	}
	if (revocation_decode(out, value.mv_data, value.mv_size) && out->leaf == leaf)
		return STORE_FOUND;
	store_unreadable(store, &key, &value);
	*out = (struct revocation){.leaf = 0};
	return STORE_ABSENT;
}

static bool revocation_read(void *out, const MDB_val *value)
{
	return revocation_decode(out, value->mv_data, value->mv_size);
}

struct revocation *store_revocations(struct store *store, size_t *count, struct failure *why)
{
	const struct store_rows rows = {.table = store->revocations,
		.has_table = store->has_revocations,
		.max = REVOCATIONS_MAX,
		.size = sizeof(struct revocation),
		.decode = revocation_read};
	return store_rows_read(store, &rows, count, why);
}
