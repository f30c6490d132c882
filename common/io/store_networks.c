/* The networks in which mail hosts of a domain were seen. A table of its own, which no question of a front end reads. A row
 * is written only beside an entry, and leaves with it, so the bounds of the entries hold here, too. */
#include "store_internal.h"

#include <stdlib.h>
#include <string.h>

static void empty_make(struct domain_networks *out, const char *domain)
{
	size_t len = strlen(domain);
	memset(out, 0, sizeof *out);
	if (len < sizeof out->domain)
		memcpy(out->domain, domain, len);
}

enum store_found store_view_networks(struct store_view *view, const char *domain, struct domain_networks *out)
{
	MDB_val key = store_entry_key(domain), value;
	int result = view->store->has_networks ? mdb_get(view->txn, view->store->networks, &key, &value) : MDB_NOTFOUND;
	if (result == 0 && domain_networks_decode(out, value.mv_data, value.mv_size) &&
		strcmp(out->domain, domain) == 0)
		return STORE_FOUND;
	empty_make(out, domain);
	if (result == 0)
		store_unreadable(view->store, &key, &value);
	else if (result != MDB_NOTFOUND)
		store_fail(view->store, result, "cannot be read", NULL);
	return result == 0 || result == MDB_NOTFOUND ? STORE_ABSENT : STORE_FAILED;
}

static int row_put(struct store *store, MDB_txn *txn, MDB_val key, const struct domain_networks *networks, bool is_new)
	REQUIRES(store->writer)
{
	struct bytes bytes = domain_networks_encode(networks);
	MDB_val value = {bytes.len, bytes.at};
	struct store_coming coming = {
		.key = key, .size = key.mv_size + bytes.len, .rank = RANK_NEGATIVE, .is_new = is_new};
	bool has_room;
	int result = store_make_room(store, txn, &coming, &has_room);
	if (result == 0 && is_new && !has_room)
		result = STORE_REFUSED;
	if (result == 0)
		result = mdb_put(txn, store->networks, &key, &value, 0);
	free(bytes.at);
	return result;
}

int store_networks_step(struct store *store, MDB_txn *txn, void *arg)
{
	const struct store_batch_change *change = arg;
	MDB_val key = store_entry_key(change->domain_or_host), value;
	struct domain_networks networks;
	int result = store->has_networks ? mdb_get(txn, store->entries, &key, &value) : MDB_NOTFOUND;
	if (result != 0)
		return result == MDB_NOTFOUND ? STORE_UNCHANGED : result;
	int found = mdb_get(txn, store->networks, &key, &value);
	if (found != 0 && found != MDB_NOTFOUND)
		return found;
	if (found != 0 || !domain_networks_decode(&networks, value.mv_data, value.mv_size))
		empty_make(&networks, change->domain_or_host);
	change->networks(&networks, change->arg);
	return row_put(store, txn, key, &networks, found != 0);
}

int store_networks_remove(struct store *store, MDB_txn *txn, const MDB_val *key)
{
	MDB_val copy = *key;
	int result = store->has_networks ? mdb_del(txn, store->networks, &copy, NULL) : 0;
	return result == MDB_NOTFOUND ? 0 : result;
}
