/* Looks: for some hops, what the newest good probe saw. A look is kept only beside the record of its hop, and leaves with
 * it. Looks serve signs only, so no record ever leaves to make room for a look. */
#include "memory.h"
#include "store_internal.h"

#include <stdlib.h>
#include <string.h>

/* A store that is fuller than this takes no look of another hop. The eviction of records begins later. */
#define LOOKS_ROOM(bound) ((bound) / 4 * 3)

enum store_found store_look_of(struct store *store, const char *host, uint16_t port, struct look *out)
{
	uint8_t buffer[HOP_KEY_SIZE];
	MDB_val key = store_hop_key(buffer, host, port), value;
	struct store_view *view = store->has_looks ? store_view_begin(store, NULL) : NULL;
	memset(out, 0, sizeof *out);
	if (!view)
		return store->has_looks ? STORE_FAILED : STORE_ABSENT;
	enum store_found found = STORE_ABSENT;
	int result = mdb_get(view->txn, store->looks, &key, &value);
	if (result == 0 && look_decode(out, value.mv_data, value.mv_size))
		found = STORE_FOUND;
	else if (result == 0)
		store_unreadable(store, &key, &value);
	store_view_end(&view);
	if (result == 0 || result == MDB_NOTFOUND)
		return found;
	store_fail(store, result, "cannot be read", NULL);
	return STORE_FAILED;
}

struct putting {
	const struct store_hop_look *look;
	size_t count;
};

/* Writes the bytes of a look. Returns STORE_UNCHANGED if they are there already, or if there is no room. */
static int bytes_put(struct store *store, MDB_txn *txn, MDB_val *key, struct bytes bytes)
{
	MDB_val value;
	uint64_t used = 0;
	int found = mdb_get(txn, store->looks, key, &value);
	if (found != 0 && found != MDB_NOTFOUND)
		return found;
	if (found == 0 && value.mv_size == bytes.len && memcmp(value.mv_data, bytes.at, bytes.len) == 0)
		return STORE_UNCHANGED;
	int result = found == 0 ? 0 : store_used(store, txn, &used);
	if (result != 0)
		return result;
	if (used + key->mv_size + bytes.len > LOOKS_ROOM(store_bound(store)))
		return STORE_UNCHANGED;
	value = (MDB_val){bytes.len, bytes.at};
	return mdb_put(txn, store->looks, key, &value, 0);
}

static int look_put(struct store *store, MDB_txn *txn, const struct store_hop_look *look)
{
	uint8_t buffer[HOP_KEY_SIZE];
	MDB_val key = store_hop_key(buffer, look->host, look->port), value;
	int result = mdb_get(txn, store->hops, &key, &value);
	if (result != 0)
		return result == MDB_NOTFOUND ? STORE_UNCHANGED : result;
	struct bytes bytes = look_encode(&look->look);
	result = bytes_put(store, txn, &key, bytes);
	free(bytes.at);
	return result;
}

static int put_step(struct store *store, MDB_txn *txn, void *arg)
{
	const struct putting *putting = arg;
	bool changed = false;
	for (size_t i = 0; i < putting->count; i++) {
		int result = look_put(store, txn, &putting->look[i]);
		if (result != 0 && result != STORE_UNCHANGED)
			return result;
		changed = changed || result == 0;
	}
	return changed ? 0 : STORE_UNCHANGED;
}

bool store_put_looks(struct store *store, const struct store_hop_look *look, size_t count, struct failure *why)
{
	struct putting putting = {look, count};
	return count == 0 || !store->has_looks || store_write(store, put_step, &putting, why);
}

int store_look_remove(struct store *store, MDB_txn *txn, MDB_val *key)
{
	int result = store->has_looks ? mdb_del(txn, store->looks, key, NULL) : 0;
	return result == MDB_NOTFOUND ? 0 : result;
}
