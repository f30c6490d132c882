#include "clock.h"
#include "schedule.h"
#include "store_internal.h"

#include <string.h>

#define HOP_KEPT_S (7 * DAY_S)
#define HOP_NEEDED_DAYS 7  /* a hop counts as needed for so long after an enforce policy in force needed it */
#define RECORD_OVERHEAD 16 /* about what LMDB adds to each record: node header and index */
#define FREED_AT_FULL (256 * 1024)
#define FREED_FOR_ONE 4 /* near the store's limit, each change frees this multiple of the size that it adds */

enum store_rank store_entry_rank(const struct entry *entry, int64_t now)
{
	if (!entry->has_policy)
		return RANK_NEGATIVE;
	if (entry->policy_expires_at <= now)
		return RANK_EXPIRED;
	if (entry->policy.mode != POLICY_ENFORCE)
		return RANK_MILD;
	return entry->placed || entry->last_used_day > entry->first_used_day ? RANK_KEPT : RANK_USED_ONCE;
}

enum store_rank store_hop_rank(const struct hop_record *record, int64_t now)
{
	int32_t day = schedule_day(now), needed = record->needed_day;
	if (needed != 0 && needed <= day + 1 && needed >= day - HOP_NEEDED_DAYS)
		return RANK_HOP_NEEDED;
	return now - hop_record_newest(record) > HOP_KEPT_S ? RANK_EXPIRED : RANK_HOP;
}

/* Returns the highest rank that a record of `rank` may evict. Records of the ranks up to RANK_NEGATIVE may evict each
 * other. A record of a higher rank evicts only ranks up to its own, and never RANK_KEPT. */
static enum store_rank ceiling_of(enum store_rank rank)
{
	if (rank < RANK_NEGATIVE)
		return RANK_NEGATIVE;
	return rank > RANK_USED_ONCE ? RANK_USED_ONCE : rank;
}

int store_used(struct store *store, MDB_txn *txn, uint64_t *used)
{
	const struct {
		MDB_dbi dbi;
		bool there;
	} tables[] = {{0 /* LMDB's list of free pages */, true}, {store->main, true}, {store->entries, true},
		{store->hops, true}, {store->networks, store->has_networks}, {store->due, true}, {store->meta, true},
		{store->events, store->has_events}, {store->verdicts, store->has_verdicts},
		{store->overrides, store->has_overrides}, {store->stories, store->has_stories},
		{store->looks, store->has_looks}, {store->revocations, store->has_revocations},
		{store->tallies, store->has_tallies}, {store->tlsrpt_sends, store->has_tlsrpt_sends},
		{store->tlsrpt_suppressions, store->has_tlsrpt_suppressions}, {store->steps, store->has_steps}};
	MDB_stat stat = {0};
	uint64_t pages = 2; /* LMDB's meta pages */
	for (size_t i = 0; i < sizeof tables / sizeof tables[0]; i++) {
		int result = tables[i].there ? mdb_stat(txn, tables[i].dbi, &stat) : 0;
		if (result != 0)
			return result;
		if (tables[i].there)
			pages += stat.ms_branch_pages + stat.ms_leaf_pages + stat.ms_overflow_pages;
	}
	*used = pages * stat.ms_psize;
	return 0;
}

static void candidate_add(
	struct store_eviction *eviction, const MDB_val *key, const MDB_val *value, const struct store_candidate *about)
{
	struct store_candidate *candidate = &eviction->candidate[eviction->count++];
	*candidate = *about;
	candidate->key_len = key->mv_size < HOP_KEY_SIZE ? key->mv_size : HOP_KEY_SIZE;
	memcpy(candidate->key, key->mv_data, candidate->key_len);
	candidate->size = key->mv_size + value->mv_size + RECORD_OVERHEAD;
}

static void entry_consider(struct store_eviction *eviction, const MDB_val *key, const MDB_val *value, int64_t now)
{
	struct entry entry;
	bool readable = entry_decode(&entry, value->mv_data, value->mv_size);
	bool newer = !readable && entry_is_newer(value->mv_data, value->mv_size);
	struct store_candidate about = {.is_entry = true,
		.rank = readable ? store_entry_rank(&entry, now)
			: newer  ? RANK_USED_ONCE
				 : RANK_EXPIRED,
		.at = (int64_t)entry.last_used_day * DAY_S,
		.due_at = entry.due_at};
	if (about.rank != RANK_KEPT)
		candidate_add(eviction, key, value, &about);
	entry_free(&entry);
}

static void hop_consider(struct store_eviction *eviction, const MDB_val *key, const MDB_val *value, int64_t now)
{
	struct hop_record record;
	struct store_candidate about = {0};
	hop_record_decode(&record, value->mv_data, value->mv_size);
	about.rank = store_hop_rank(&record, now);
	about.at = hop_record_newest(&record);
	candidate_add(eviction, key, value, &about);
}

typedef void consider(struct store_eviction *eviction, const MDB_val *key, const MDB_val *value, int64_t now);

/* One glance at a table for candidates. */
struct glance {
	MDB_cursor *cursor;
	consider *consider;
	MDB_val spare; /* the key of a record that is not a candidate */
	size_t seen;
};

/* Examines records from `op` on: to the table's end, to the key `stop` (may be NULL), or until STORE_LOOK_MAX records
 * have been examined. Sets `next` to the key of the next record. */
static int look_on(
	struct glance *look, struct store_eviction *eviction, MDB_cursor_op op, const MDB_val *stop, MDB_val *next)
{
	int64_t now = clock_wall_s();
	MDB_txn *txn = mdb_cursor_txn(look->cursor);
	MDB_dbi dbi = mdb_cursor_dbi(look->cursor);
	MDB_val value;
	int result = mdb_cursor_get(look->cursor, next, &value, op);
	while (result == 0 && look->seen < STORE_LOOK_MAX && (!stop || mdb_cmp(txn, dbi, next, stop) < 0)) {
		if (next->mv_size != look->spare.mv_size ||
			memcmp(next->mv_data, look->spare.mv_data, next->mv_size) != 0)
			look->consider(eviction, next, &value, now);
		look->seen++;
		result = mdb_cursor_get(look->cursor, next, &value, MDB_NEXT);
	}
	return result;
}

/* Chooses candidates up to the rank `level`, lowest rank first, until they free `goal` octets. Removes nothing yet. */
static void candidates_choose(struct store_eviction *eviction, enum store_rank level, size_t goal, size_t *freed)
{
	while (*freed < goal) {
		struct store_candidate *first = NULL;
		for (size_t i = 0; i < eviction->count; i++) {
			struct store_candidate *candidate = &eviction->candidate[i];
			if (candidate->chosen || candidate->rank > level)
				continue;
			if (!first || candidate->rank < first->rank ||
				(candidate->rank == first->rank && candidate->at < first->at))
				first = candidate;
		}
		if (!first)
			return;
		first->chosen = true;
		*freed += first->size;
	}
}

static int chosen_remove(struct store *store, MDB_txn *txn) REQUIRES(store->writer)
{
	struct store_eviction *eviction = &store->eviction;
	for (size_t i = 0; i < eviction->count; i++) {
		const struct store_candidate *candidate = &eviction->candidate[i];
		uint8_t buffer[DUE_KEY_SIZE];
		MDB_val key = {candidate->key_len, (void *)(uintptr_t)candidate->key};
		if (!candidate->chosen)
			continue;
		int result = mdb_del(txn, candidate->is_entry ? store->entries : store->hops, &key, NULL);
		if (result == 0 && !candidate->is_entry)
			result = store_look_remove(store, txn, &key);
		if (result == 0 && candidate->is_entry)
			result = store_networks_remove(store, txn, &key);
		if (result == 0 && candidate->is_entry && candidate->due_at > 0 && candidate->key_len <= DOMAIN_MAX) {
			key = store_due_key(buffer, candidate->due_at, candidate->key, candidate->key_len);
			result = mdb_del(txn, store->due, &key, NULL);
			if (result == MDB_NOTFOUND)
				result = 0;
		}
		if (result != 0)
			return result;
		eviction->removed++;
	}
	return 0;
}

/* Adds some records of a table to the candidates. It begins where the last look stopped, continues at the table's start
 * when it reaches the end, and remembers where it stopped. */
static int table_look(struct store *store, MDB_txn *txn, MDB_val spare, bool entries, bool *ended)
	REQUIRES(store->writer)
{
	struct store_eviction *eviction = &store->eviction;
	struct glance look = {.consider = entries ? entry_consider : hop_consider, .spare = spare};
	uint8_t *at = entries ? eviction->entry_key : eviction->hop_key, start[HOP_KEY_SIZE];
	size_t *at_len = entries ? &eviction->entry_len : &eviction->hop_len;
	MDB_val next = {*at_len, start}, stop = next;
	int result = mdb_cursor_open(txn, entries ? store->entries : store->hops, &look.cursor);
	if (result != 0)
		return result;
	memcpy(start, at, *at_len);
	result = look_on(&look, eviction, *at_len == 0 ? MDB_FIRST : MDB_SET_RANGE, NULL, &next);
	if (result == MDB_NOTFOUND) {
		*ended = true;
		if (*at_len > 0)
			result = look_on(&look, eviction, MDB_FIRST, &stop, &next);
	}
	*at_len = 0;
	if (result == 0 && next.mv_size <= HOP_KEY_SIZE) {
		*at_len = next.mv_size;
		memcpy(at, next.mv_data, next.mv_size);
	}
	mdb_cursor_close(look.cursor);
	return result == MDB_NOTFOUND ? 0 : result;
}

/* Chooses records to remove for one change: `goal` octets from ranks up to the level that the rounds have reached (see
 * round_note()). If that frees less than `needed`, chooses from any rank up to the ceiling until `needed` octets are
 * freed; it is 0 unless the store is full. Lowest ranks go first. */
static int eviction_plan(struct store *store, MDB_txn *txn, MDB_val spare, size_t goal, size_t needed, size_t *freed)
	REQUIRES(store->writer)
{
	struct store_eviction *eviction = &store->eviction;
	enum store_rank ceiling = eviction->ceiling;
	eviction->count = 0;
	int result = table_look(store, txn, spare, false, &eviction->hops_ended);
	if (result == 0)
		result = table_look(store, txn, spare, true, &eviction->entries_ended);
	if (result != 0)
		return result;
	candidates_choose(eviction, eviction->level < ceiling ? eviction->level : ceiling, goal, freed);
	candidates_choose(eviction, ceiling, needed, freed);
	return 0;
}

/* Call this after each look at both tables. After a whole round that freed nothing, the level rises to the next rank.
 */
static void round_note(struct store_eviction *eviction, bool freed)
{
	eviction->round_freed = eviction->round_freed || freed;
	if (!eviction->hops_ended || !eviction->entries_ended)
		return;
	if (!eviction->round_freed && eviction->level < RANK_USED_ONCE)
		eviction->level++;
	eviction->round_freed = eviction->hops_ended = eviction->entries_ended = false;
}

uint64_t store_bound(struct store *store)
{
	MDB_envinfo info;
	if (store->access == STORE_OWNER || mdb_env_info(store->env, &info) != 0)
		return store->max_bytes;
	return info.me_mapsize / 5 * 4;
}

int store_make_room(struct store *store, MDB_txn *txn, const struct store_coming *coming, bool *has_room)
{
	size_t need = coming->size, goal = FREED_FOR_ONE * (need + RECORD_OVERHEAD), freed = 0;
	uint64_t bound = store_bound(store);
	uint64_t used;
	int result = store_used(store, txn, &used);
	*has_room = true;
	store->eviction.ceiling = ceiling_of(coming->rank);
	if (result != 0)
		return result;
	if (used + need <= bound / 10 * 9) {
		store->eviction.level = RANK_EXPIRED;
		return 0;
	}
	result = eviction_plan(store, txn, coming->key, goal, used + need > bound ? need + RECORD_OVERHEAD : 0, &freed);
	/* The removal of records does not empty whole pages immediately, so for a while more than the limit may be in
	 * use. Up to a tenth above the limit this is accepted. Above that a new record is refused unless evictions
	 * free a multiple of what it adds: the rest of the map is kept for renewals, which are never refused. */
	bool enough = freed >= need + RECORD_OVERHEAD && (used + need <= bound / 10 * 11 || freed >= goal);
	*has_room = used + need <= bound || enough;
	if (result != 0)
		return result;
	round_note(&store->eviction, freed > 0);
	/* If the record is refused, nothing is evicted for it. */
	return *has_room || !coming->is_new ? chosen_remove(store, txn) : 0;
}

int store_make_any_room(struct store *store, MDB_txn *txn, void *arg)
{
	MDB_val nothing = {0, NULL};
	size_t freed = 0;
	(void)arg;
	int result = eviction_plan(store, txn, nothing, FREED_AT_FULL, FREED_AT_FULL, &freed);
	round_note(&store->eviction, freed > 0);
	return result != 0 ? result : chosen_remove(store, txn);
}
