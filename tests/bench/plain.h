/* The ceiling of fresh: mdb_get() in a renewed reader, of a copy of the store's file (a process may not open one LMDB
 * file twice). A reader belongs to one thread. */
#ifndef BENCH_PLAIN_H
#define BENCH_PLAIN_H

#include "stock.h"

#include <lmdb.h>
#include <stdbool.h>

struct plain {
	MDB_env *env;
	MDB_dbi entries, hops;
};
/* False: LMDB's words stand on stderr. */
bool plain_open(struct plain *plain, const char *file);
void plain_close(struct plain *plain);

MDB_txn *plain_reader_new(struct plain *plain);
void plain_reader_free(MDB_txn **reader);
/* The domain's entry and the records of that many of its hops; false when anything is missing. */
bool plain_read(struct plain *plain, MDB_txn *reader, const struct stock *stock, unsigned hops);

#endif
