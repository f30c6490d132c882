/* Failures of an open store: their messages, and the decision that the store can no longer be used. */
#include "fields.h"
#include "log.h"
#include "store_internal.h"

#include <errno.h>
#include <stdio.h>
#include <sysexits.h>

/* If this many different values have a wrong checksum, the store breaks. Values that the check of the file found do not
 * count. */
#define UNREADABLE_MAX 16
#define RESULT_PROBLEM (-30779) /* MDB_PROBLEM, which lmdb.h of LMDB 0.9.24 does not define */

bool store_result_is_damage(int result)
{
	return result == MDB_INVALID || result == MDB_VERSION_MISMATCH || result == MDB_CORRUPTED ||
	       result == MDB_PAGE_NOTFOUND || result == MDB_INCOMPATIBLE || result == MDB_CURSOR_FULL;
}

/* Returns whether LMDB can no longer use the file in this process: it found damage, or the effects of damage or of a
 * lost write. */
static bool is_end(int result)
{
	return store_result_is_damage(result) || result == MDB_PANIC || result == RESULT_PROBLEM ||
	       result == MDB_BAD_TXN;
}

void store_break(struct store *store, const char *what)
{
	if (atomic_exchange(&store->breaking, true))
		return;
	store_marker_doubt(store);
	snprintf(store->cause, sizeof store->cause, "%s", what);
	atomic_store(&store->broken, true);
	if (store->access == STORE_GUEST)
		log_error("store %s cannot be used: %s; restart stsgated, which will check it for damage", store->path,
			what);
}

bool store_is_broken(const struct store *store, struct failure *why)
{
	if (!atomic_load(&store->broken))
		return false;
	failure_set(why, EX_IOERR, "store %s cannot be used any more: %s", store->path, store->cause);
	return true;
}

void store_unreadable(struct store *store, const MDB_val *key, const MDB_val *value)
{
	uint64_t bit = fields_sum(key->mv_data, key->mv_size) % STORE_UNREADABLE_BITS;
	uint64_t mask = UINT64_C(1) << bit % 64;
	char what[64];
	unsigned count;
	/* A value with a good checksum was written by a later version. The tool does not count values, because it ends
	 * soon anyway. */
	if (store->access == STORE_GUEST || fields_whole((struct span){value->mv_data, value->mv_size}))
		return;
	if (atomic_fetch_or(&store->unreadable[bit / 64], mask) & mask)
		return;
	count = atomic_fetch_add(&store->unreadable_count, 1) + 1;
	if (count < atomic_load(&store->unreadable_known) + UNREADABLE_MAX)
		return;
	snprintf(what, sizeof what, "%u records have wrong checksums", count);
	store_break(store, what);
}

bool store_fail(struct store *store, int result, const char *what, struct failure *why)
{
	const char *advice = "";
	if (is_end(result))
		store_break(store, mdb_strerror(result));
	else if (result == EIO)
		store_marker_doubt(store);
	if (is_end(result) && store->access == STORE_GUEST)
		advice = "; restart stsgated, which will check it for damage";
	else if (result == ENOSPC || result == EDQUOT || result == EIO) /* EIO: also a short write on a full disk */
		advice = "; check whether its disk is full or failing";
	else if (result == EROFS)
		advice = "; check whether its disk is failing, and mount it writable";
	return failure_set(why, result == MDB_READERS_FULL ? EX_TEMPFAIL : EX_IOERR, "store %s %s: %s%s", store->path,
		what, mdb_strerror(result), advice);
}
