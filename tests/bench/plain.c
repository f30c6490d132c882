#include "plain.h"

#include "question.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define READERS 16

static int tables_open(struct plain *plain)
{
	MDB_txn *txn;
	int result = mdb_txn_begin(plain->env, NULL, MDB_RDONLY, &txn);
	if (result != 0)
		return result;
	result = mdb_dbi_open(txn, "entries", 0, &plain->entries);
	if (result == 0)
		result = mdb_dbi_open(txn, "hops", 0, &plain->hops);
	if (result == 0)
		return mdb_txn_commit(txn);
	mdb_txn_abort(txn);
	return result;
}

bool plain_open(struct plain *plain, const char *file)
{
	int result = mdb_env_create(&plain->env);
	if (result == 0)
		result = mdb_env_set_maxdbs(plain->env, 4);
	if (result == 0)
		result = mdb_env_set_maxreaders(plain->env, READERS);
	if (result == 0)
		result = mdb_env_open(plain->env, file, MDB_NOSUBDIR | MDB_NOTLS, 0600);
	if (result == 0)
		result = tables_open(plain);
	if (result != 0)
		fprintf(stderr, "fresh: %s: %s\n", file, mdb_strerror(result));
	return result == 0;
}

void plain_close(struct plain *plain)
{
	mdb_env_close(plain->env);
}

MDB_txn *plain_reader_new(struct plain *plain)
{
	MDB_txn *txn;
	if (mdb_txn_begin(plain->env, NULL, MDB_RDONLY, &txn) != 0)
		abort();
	mdb_txn_reset(txn);
	return txn;
}

void plain_reader_free(MDB_txn **reader)
{
	mdb_txn_abort(*reader);
	*reader = NULL;
}

static bool get(MDB_txn *reader, MDB_dbi dbi, const char *bytes, size_t len)
{
	MDB_val key = {len, (void *)(uintptr_t)bytes}, value;
	return mdb_get(reader, dbi, &key, &value) == 0;
}

bool plain_read(struct plain *plain, MDB_txn *reader, const struct stock *stock, unsigned hops)
{
	bool found = mdb_txn_renew(reader) == 0 && get(reader, plain->entries, stock->domain, strlen(stock->domain));
	for (unsigned hop = 0; found && hop < hops; hop++) {
		char key[STOCK_NAME_SIZE + 3];
		size_t len = strlen(stock->host[hop]);
		memcpy(key, stock->host[hop], len + 1);
		key[len + 1] = QUESTION_PORT >> 8;
		key[len + 2] = QUESTION_PORT & 0xff;
		found = get(reader, plain->hops, key, len + 3);
	}
	mdb_txn_reset(reader);
	return found;
}
