/* Overrides: at most OVERRIDES_MAX rows, by policy domain or OVERRIDE_ALL. Like events, they may use the part of the map
 * above the store's limit: a full store must not keep an operator from releasing mail. */
#include "clock.h"
#include "memory.h"
#include "store_internal.h"

#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

/* --- reading ------------------------------------------------------------------------------------------------------ */

/* Returns whether the table is empty in this state of the store, as it nearly always is. A state has a number, and the
 * number of the newest state without overrides is remembered, so that most questions need no look at the table. */
static bool is_empty(struct store_view *view)
{
	struct store *store = view->store;
	uint64_t state = mdb_txn_id(view->txn);
	MDB_stat stat;
	if (atomic_load_explicit(&store->no_overrides, memory_order_relaxed) == state)
		return true;
	if (mdb_stat(view->txn, store->overrides, &stat) != 0 || stat.ms_entries > 0)
		return false;
	atomic_store_explicit(&store->no_overrides, state, memory_order_relaxed);
	return true;
}

static enum store_found row_read(struct store_view *view, const char *domain, struct override *out)
{
	MDB_val key = store_entry_key(domain), value;
	int result = mdb_get(view->txn, view->store->overrides, &key, &value);
	if (result == MDB_NOTFOUND)
		return STORE_ABSENT;
	if (result != 0) {
		store_fail(view->store, result, "cannot be read", NULL);
		return STORE_FAILED;
	}
	if (override_decode(out, value.mv_data, value.mv_size) && strcmp(out->domain, domain) == 0)
		return STORE_FOUND;
	store_unreadable(view->store, &key, &value);
	return STORE_ABSENT;
}

enum store_found store_view_override(struct store_view *view, const char *domain, int64_t now, struct override *out)
{
	const char *const keys[] = {domain, OVERRIDE_ALL};
	enum store_found found = STORE_ABSENT;
	out->kind = OVERRIDE_NONE;
	if (!view->store->has_overrides || is_empty(view))
		return STORE_ABSENT;
	for (size_t i = 0; i < 2 && found == STORE_ABSENT; i++) {
		if (keys[i][0])
			found = row_read(view, keys[i], out);
		if (found == STORE_FOUND && !override_in_force(out, now))
			found = STORE_ABSENT;
	}
	if (found != STORE_FOUND)
		out->kind = OVERRIDE_NONE;
	return found;
}

static bool override_read(void *out, const MDB_val *value)
{
	return override_decode(out, value->mv_data, value->mv_size);
}

struct override *store_overrides(struct store *store, size_t *count, struct failure *why)
{
	const struct store_rows rows = {.table = store->overrides,
		.has_table = store->has_overrides,
		.max = OVERRIDES_MAX,
		.size = sizeof(struct override),
		.decode = override_read};
	return store_rows_read(store, &rows, count, why);
}

/* --- writing ------------------------------------------------------------------------------------------------------ */

/* Reads a row for a change. A row that cannot be decoded counts as absent. */
static int row_get(struct store *store, MDB_txn *txn, const char *domain, struct override *out)
{
	MDB_val key = store_entry_key(domain), value;
	int result = mdb_get(txn, store->overrides, &key, &value);
	if (result != 0 || !override_decode(out, value.mv_data, value.mv_size))
		out->kind = OVERRIDE_NONE;
	return result == MDB_NOTFOUND ? 0 : result;
}

static int row_put(struct store *store, MDB_txn *txn, const struct override *override)
{
	MDB_val key = store_entry_key(override->domain);
	struct bytes bytes = override_encode(override);
	MDB_val value = {bytes.len, bytes.at};
	int result = mdb_put(txn, store->overrides, &key, &value, 0);
	free(bytes.at);
	return result;
}

/* Removes rows that have ended, and rows that cannot be read. */
static int expired_remove(struct store *store, MDB_txn *txn, int64_t now)
{
	MDB_cursor *cursor;
	MDB_val key, value;
	struct override row;
	int result = mdb_cursor_open(txn, store->overrides, &cursor);
	if (result != 0)
		return result;
	while (result == 0 && (result = mdb_cursor_get(cursor, &key, &value, MDB_NEXT)) == 0)
		if (!override_decode(&row, value.mv_data, value.mv_size) || row.ends_at <= now)
			result = mdb_cursor_del(cursor, 0);
	mdb_cursor_close(cursor);
	return result == MDB_NOTFOUND ? 0 : result;
}

/* Sets `has_room` to whether there may be one more row. */
static int room_look(struct store *store, MDB_txn *txn, bool *has_room)
{
	MDB_stat stat = {.ms_entries = 0};
	int result = mdb_stat(txn, store->overrides, &stat);
	*has_room = stat.ms_entries < OVERRIDES_MAX;
	return result;
}

int store_override_put(
	struct store *store, MDB_txn *txn, const struct override *override, struct override *replaced, bool *has_room)
{
	*has_room = true;
	int result = row_get(store, txn, override->domain, replaced);
	if (result == 0 && replaced->kind == OVERRIDE_NONE) {
		result = room_look(store, txn, has_room);
		if (result == 0 && !*has_room)
			result = expired_remove(store, txn, clock_wall_s());
		if (result == 0)
			result = room_look(store, txn, has_room);
	}
	if (result == 0 && !*has_room)
		return STORE_UNCHANGED;
	return result == 0 ? row_put(store, txn, override) : result;
}

struct setting {
	const struct override *override;
	struct override replaced;
	bool has_room;
};

static int set_step(struct store *store, MDB_txn *txn, void *arg)
{
	struct setting *setting = arg;
	const struct override *override = setting->override;
	const struct decision_maker by = {override->author, override->node};
	int result = store_override_put(store, txn, override, &setting->replaced, &setting->has_room);
	if (result != 0 || override->node[0] == '\0')
		return result;
	return store_decision_note(store, txn, DECISION_OVERRIDE, override->domain, &by, override);
}

/* Fails for a guest of a store whose owner has not made the table yet. */
static bool table_exists(const struct store *store, struct failure *why)
{
	return store->has_overrides ||
	       failure_set(why, EX_TEMPFAIL,
		       "store %s was made by an earlier version and has no room for overrides yet: restart stsgated",
		       store->path);
}

bool store_set_override(
	struct store *store, const struct override *override, struct override *replaced, struct failure *why)
{
	struct setting setting = {.override = override};
	if (!table_exists(store, why) || !store_write(store, set_step, &setting, why))
		return false;
	if (!setting.has_room)
		return failure_set(why, EX_TEMPFAIL,
			"there are %d overrides already, which is the most that a store keeps: clear one first",
			OVERRIDES_MAX);
	if (replaced)
		*replaced = setting.replaced;
	return true;
}

int store_override_remove(struct store *store, MDB_txn *txn, const char *domain, struct override *removed)
{
	MDB_val key = store_entry_key(domain);
	int result = row_get(store, txn, domain, removed);
	if (result == 0 && removed->kind == OVERRIDE_NONE)
		return STORE_UNCHANGED;
	return result == 0 ? mdb_del(txn, store->overrides, &key, NULL) : result;
}

struct lifting {
	const char *domain;
	const struct decision_maker *by;
	struct override cleared;
};

/* The decision is noted even if there is no override: another relay may have one that has not come here. */
static int lift_step(struct store *store, MDB_txn *txn, void *arg)
{
	struct lifting *lifting = arg;
	int result = store_override_remove(store, txn, lifting->domain, &lifting->cleared);
	if (result != 0 && result != STORE_UNCHANGED)
		return result;
	return store_decision_note(store, txn, DECISION_OVERRIDE, lifting->domain, lifting->by, NULL);
}

bool store_lift_override(struct store *store, const char *domain, const struct decision_maker *by,
	struct override *cleared, struct failure *why)
{
	struct lifting lifting = {.domain = domain, .by = by, .cleared = {.kind = OVERRIDE_NONE}};
	bool ok = !store->has_overrides || store_write(store, lift_step, &lifting, why);
	if (!ok)
		lifting.cleared.kind = OVERRIDE_NONE;
	*cleared = lifting.cleared;
	return ok;
}

struct clearing {
	const char *domain;
	int64_t ends_by;
	struct override cleared;
};

static int clear_step(struct store *store, MDB_txn *txn, void *arg)
{
	struct clearing *clearing = arg;
	int result = row_get(store, txn, clearing->domain, &clearing->cleared);
	if (result == 0 && clearing->cleared.kind != OVERRIDE_NONE && clearing->cleared.ends_at > clearing->ends_by) {
		clearing->cleared.kind = OVERRIDE_NONE;
		return STORE_UNCHANGED;
	}
	return result == 0 ? store_override_remove(store, txn, clearing->domain, &clearing->cleared) : result;
}

bool store_clear_override(
	struct store *store, const char *domain, int64_t ends_by, struct override *cleared, struct failure *why)
{
	struct clearing clearing = {.domain = domain, .ends_by = ends_by, .cleared = {.kind = OVERRIDE_NONE}};
	bool ok = !store->has_overrides || store_write(store, clear_step, &clearing, why);
	if (!ok)
		clearing.cleared.kind = OVERRIDE_NONE;
	*cleared = clearing.cleared;
	return ok;
}

struct counting {
	const struct override_use *use;
	size_t count;
};

static int count_step(struct store *store, MDB_txn *txn, void *arg)
{
	const struct counting *counting = arg;
	bool changed = false;
	for (size_t i = 0; i < counting->count; i++) {
		const struct override_use *use = &counting->use[i];
		struct override row;
		int result = row_get(store, txn, use->domain, &row);
		if (result == 0 && row.kind != OVERRIDE_NONE) {
			row.uses = use->uses > UINT32_MAX - row.uses ? UINT32_MAX : row.uses + use->uses;
			row.used_at = use->used_at;
			result = row_put(store, txn, &row);
			changed = true;
		}
		if (result != 0)
			return result;
	}
	return changed ? 0 : STORE_UNCHANGED;
}

bool store_count_uses(struct store *store, const struct override_use *use, size_t count, struct failure *why)
{
	struct counting counting = {use, count};
	return count == 0 || !store->has_overrides || store_write(store, count_step, &counting, why);
}
