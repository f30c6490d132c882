/* The ceiling of fresh: mdb_get() with a renewed reader, in a copy of the store's file (a process must not open an LMDB
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
/* Prints LMDB's message on stderr and returns false if it fails. */
bool plain_open(struct plain *plain, const char *file);
void plain_close(struct plain *plain);

MDB_txn *plain_reader_new(struct plain *plain);
void plain_reader_free(MDB_txn **reader);
/* Reads the domain's entry and the records of that many hops; false if anything is missing. */
bool plain_read(struct plain *plain, MDB_txn *reader, const struct stock *stock, unsigned hops);

#endif
