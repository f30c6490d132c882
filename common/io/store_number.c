/* Numbers in rows of the table `meta`, four octets each, little endian. */
#include "fields.h"
#include "store_internal.h"

#include <string.h>

#define NUMBER_OCTETS 4

int store_number_read(const struct store *store, MDB_txn *txn, const char *row, uint32_t *number)
{
	MDB_val key = {strlen(row), (void *)(uintptr_t)row}, value;
	uint64_t found = 0;
	int result = mdb_get(txn, store->meta, &key, &value);
	*number = 0;
	if (result != 0)
		return result == MDB_NOTFOUND ? 0 : result;
	struct span in = {value.mv_data, value.mv_size};
	if (fields_take_number(&in, NUMBER_OCTETS, &found))
		*number = (uint32_t)found;
	return 0;
}

int store_number_write(const struct store *store, MDB_txn *txn, const char *row, uint32_t number)
{
	uint8_t bytes[NUMBER_OCTETS];
	MDB_val key = {strlen(row), (void *)(uintptr_t)row}, value = {sizeof bytes, bytes};
	for (size_t i = 0; i < sizeof bytes; i++)
		bytes[i] = (uint8_t)(number >> (8 * i));
	return mdb_put(txn, store->meta, &key, &value, 0);
}

bool store_number(struct store *store, const char *row, uint32_t *number, struct failure *why)
{
	struct store_view *view = store_view_begin(store, why);
	*number = 0;
	if (!view)
		return false;
	int result = store_number_read(store, view->txn, row, number);
	store_view_end(&view);
	return result == 0 || store_fail(store, result, "cannot be read", why);
}
