#include "clock.h"
#include "store_internal.h"

#include <string.h>

#define HOP_KEPT_S (7 * 86400)
#define RECORD_OVERHEAD 16 /* node header and index of one record, about */
#define FREED_AT_FULL (256 * 1024)
#define FREED_FOR_ONE 4 /* a change of a store near its bound frees so many times what it adds */

/* In the order in which they go. */
enum rank { RANK_EXPIRED, RANK_NEGATIVE, RANK_MILD, RANK_USED_ONCE, RANK_KEPT };

static enum rank entry_rank(const struct entry *entry, int64_t now)
{
	if (!entry->has_policy)
		return RANK_NEGATIVE;
	if (entry->policy_expires_at <= now)
		return RANK_EXPIRED;
	if (entry->policy.mode != POLICY_ENFORCE)
		return RANK_MILD;
	return entry->last_used_day > entry->first_used_day ? RANK_KEPT : RANK_USED_ONCE;
}

int store_used(struct store *store, MDB_txn *txn, uint64_t *used)
{
	const MDB_dbi dbi[] = {0 /* LMDB's list of free pages */, store->main, store->entries, store->hops, store->due,
		store->meta, store->events};
	size_t count = sizeof(dbi) / sizeof(dbi[0]) - !store->has_events;
	MDB_stat stat = {0};
	uint64_t pages = 2; /* LMDB's meta pages */

	for (size_t i = 0; i < count; i++) {
		int result = mdb_stat(txn, dbi[i], &stat);

		if (result != 0)
			return result;
		pages += stat.ms_branch_pages + stat.ms_leaf_pages + stat.ms_overflow_pages;
	}
	*used = pages * stat.ms_psize;
	return 0;
}

static struct store_candidate *candidate_add(struct store_eviction *eviction, const MDB_val *key, const MDB_val *value)
{
	struct store_candidate *candidate = &eviction->candidate[eviction->count++];

	memset(candidate, 0, sizeof(*candidate));
	candidate->key_len = key->mv_size < HOP_KEY_SIZE ? key->mv_size : HOP_KEY_SIZE;
	memcpy(candidate->key, key->mv_data, candidate->key_len);
	candidate->size = key->mv_size + value->mv_size + RECORD_OVERHEAD;
	return candidate;
}

static void entry_consider(struct store_eviction *eviction, const MDB_val *key, const MDB_val *value, int64_t now)
{
	struct entry entry;
	struct store_candidate *candidate;
	bool readable = entry_decode(&entry, value->mv_data, value->mv_size);
	bool newer = !readable && entry_is_newer(value->mv_data, value->mv_size);
	enum rank rank = readable ? entry_rank(&entry, now) : newer ? RANK_USED_ONCE : RANK_EXPIRED;

	if (rank != RANK_KEPT) {
		candidate = candidate_add(eviction, key, value);
		candidate->rank = (int)rank;
		candidate->at = entry.last_used_day;
		candidate->due_at = entry.due_at;
	}
	entry_free(&entry);
}

static void hop_consider(struct store_eviction *eviction, const MDB_val *key, const MDB_val *value, int64_t now)
{
	struct hop_record record;

	hop_record_decode(&record, value->mv_data, value->mv_size);
	if (now - hop_record_at(&record) > HOP_KEPT_S)
		candidate_add(eviction, key, value)->at = hop_record_at(&record);
}

typedef void consider(struct store_eviction *eviction, const MDB_val *key, const MDB_val *value, int64_t now);

/* One look at a table. */
struct look {
	MDB_cursor *cursor;
	consider *consider;
	MDB_val spare;
	size_t seen;
	bool ended; /* it came by the table's end */
};

static bool is_key(const MDB_val *a, const MDB_val *b)
{
	return a->mv_size == b->mv_size && memcmp(a->mv_data, b->mv_data, b->mv_size) == 0;
}

/* From `op` on to the end, to `stop` or until enough is seen; `next` is where it stopped. */
static int look_on(
	struct look *look, struct store_eviction *eviction, MDB_cursor_op op, const MDB_val *stop, MDB_val *next)
{
	int64_t now = clock_wall_s();
	MDB_txn *txn = mdb_cursor_txn(look->cursor);
	MDB_dbi dbi = mdb_cursor_dbi(look->cursor);
	MDB_val value;
	int result = mdb_cursor_get(look->cursor, next, &value, op);

	while (result == 0 && look->seen < STORE_LOOK_MAX && (stop == NULL || mdb_cmp(txn, dbi, next, stop) < 0)) {
		if (!is_key(next, &look->spare))
			look->consider(eviction, next, &value, now);
		look->seen++;
		result = mdb_cursor_get(look->cursor, next, &value, MDB_NEXT);
	}
	return result;
}

/* Looks at records from `at` on, round the table's end, and remembers where it stopped. */
static int records_look(struct look *look, struct store_eviction *eviction, uint8_t at[HOP_KEY_SIZE], size_t *at_len)
{
	uint8_t start[HOP_KEY_SIZE];
	MDB_val next = {*at_len, start}, stop = next;
	int result;

	memcpy(start, at, *at_len);
	eviction->count = 0;
	result = look_on(look, eviction, *at_len == 0 ? MDB_FIRST : MDB_SET_RANGE, NULL, &next);
	look->ended = result == MDB_NOTFOUND;
	if (look->ended && *at_len > 0)
		result = look_on(look, eviction, MDB_FIRST, &stop, &next);
	*at_len = 0;
	if (result == 0 && next.mv_size <= HOP_KEY_SIZE) {
		*at_len = next.mv_size;
		memcpy(at, next.mv_data, next.mv_size);
	}
	return result == MDB_NOTFOUND ? 0 : result;
}

static int candidate_remove(
	struct store *store, MDB_txn *txn, MDB_dbi dbi, const struct store_candidate *candidate, bool has_due)
{
	uint8_t buffer[DUE_KEY_SIZE];
	MDB_val key = {candidate->key_len, (void *)(uintptr_t)candidate->key};
	int result = mdb_del(txn, dbi, &key, NULL);

	if (result != 0 || !has_due || candidate->due_at <= 0 || candidate->key_len > DOMAIN_MAX)
		return result;
	key = store_due_key(buffer, candidate->due_at, candidate->key, candidate->key_len);
	result = mdb_del(txn, store->due, &key, NULL);
	return result == MDB_NOTFOUND ? 0 : result;
}

static struct store_candidate *candidate_first(struct store_eviction *eviction, int level)
{
	struct store_candidate *first = NULL;

	for (size_t i = 0; i < eviction->count; i++) {
		struct store_candidate *candidate = &eviction->candidate[i];

		if (candidate->size == 0 || candidate->rank > level)
			continue;
		if (first == NULL || candidate->rank < first->rank ||
			(candidate->rank == first->rank && candidate->at < first->at))
			first = candidate;
	}
	return first;
}

/* Removes candidates up to `level` until `goal` octets are freed. */
static int candidates_remove(struct store *store, MDB_txn *txn, MDB_dbi dbi, int level, size_t goal, size_t *freed)
	REQUIRES(store->writer)
{
	struct store_eviction *eviction = &store->eviction;
	struct store_candidate *candidate;

	while (*freed < goal && (candidate = candidate_first(eviction, level)) != NULL) {
		int result = candidate_remove(store, txn, dbi, candidate, dbi == store->entries);

		if (result != 0)
			return result;
		eviction->removed++;
		*freed += candidate->size;
		candidate->size = 0;
	}
	return 0;
}

static int hops_evict(struct store *store, MDB_txn *txn, MDB_val spare, size_t goal, size_t *freed)
	REQUIRES(store->writer)
{
	struct store_eviction *eviction = &store->eviction;
	struct look look = {.consider = hop_consider, .spare = spare};
	int result = mdb_cursor_open(txn, store->hops, &look.cursor);

	if (result != 0)
		return result;
	result = records_look(&look, eviction, eviction->hop_key, &eviction->hop_len);
	mdb_cursor_close(look.cursor);
	return result != 0 ? result : candidates_remove(store, txn, store->hops, 0, goal, freed);
}

/* The store is gone through rank by rank, `goal` octets at a time. What is `needed` at once, since the store is full,
 * comes from any rank that may go, the lowest of those looked at first. */
static int entries_evict(struct store *store, MDB_txn *txn, MDB_val spare, size_t goal, size_t needed, size_t *freed)
	REQUIRES(store->writer)
{
	struct store_eviction *eviction = &store->eviction;
	struct look look = {.consider = entry_consider, .spare = spare};
	size_t before = *freed;
	int result = mdb_cursor_open(txn, store->entries, &look.cursor);

	if (result != 0)
		return result;
	result = records_look(&look, eviction, eviction->entry_key, &eviction->entry_len);
	mdb_cursor_close(look.cursor);
	if (result == 0)
		result = candidates_remove(store, txn, store->entries, eviction->level, goal, freed);
	if (result == 0)
		result = candidates_remove(store, txn, store->entries, RANK_USED_ONCE, needed, freed);
	eviction->round_freed = eviction->round_freed || *freed > before;
	if (!look.ended)
		return result;
	if (!eviction->round_freed && eviction->level < RANK_USED_ONCE)
		eviction->level++;
	eviction->round_freed = false;
	return result;
}

uint64_t store_bound(struct store *store)
{
	MDB_envinfo info;

	if (store->access == STORE_OWNER || mdb_env_info(store->env, &info) != 0)
		return store->max_bytes;
	return info.me_mapsize / 5 * 4;
}

int store_make_room(struct store *store, MDB_txn *txn, MDB_val spare, size_t need, bool *has_room)
{
	size_t goal = FREED_FOR_ONE * (need + RECORD_OVERHEAD), freed = 0;
	uint64_t bound = store_bound(store);
	uint64_t used;
	bool full;
	int result = store_used(store, txn, &used);

	*has_room = true;
	if (result != 0)
		return result;
	if (used + need <= bound / 10 * 9) {
		store->eviction.level = RANK_EXPIRED;
		return 0;
	}
	full = used + need > bound;
	result = hops_evict(store, txn, spare, goal, &freed);
	if (result == 0 && freed < goal)
		result = entries_evict(store, txn, spare, goal, full ? need + RECORD_OVERHEAD : 0, &freed);
	/* Pages empty later than records go; but never so late that what is stored already cannot be renewed. */
	*has_room = !full || (freed >= need + RECORD_OVERHEAD && used + need <= bound / 10 * 11);
	return result;
}

int store_make_any_room(struct store *store, MDB_txn *txn)
{
	MDB_val nothing = {0, NULL};
	size_t freed = 0;
	int result = hops_evict(store, txn, nothing, FREED_AT_FULL, &freed);

	return result != 0 ? result : entries_evict(store, txn, nothing, FREED_AT_FULL, FREED_AT_FULL, &freed);
}
