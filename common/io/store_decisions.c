/* Decisions: a ring (store_ring.c) of at most DECISIONS_MAX rows, and a number that changes with each of them. */
#include "clock.h"
#include "memory.h"
#include "store_internal.h"

#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#define KEY_SIZE (1 + DOMAIN_SIZE)

static MDB_val key_of(uint8_t buffer[KEY_SIZE], enum decision_about about, const char *domain)
{
	size_t len = strnlen(domain, DOMAIN_MAX);
	buffer[0] = (uint8_t)about;
	memcpy(buffer + 1, domain, len);
	return (MDB_val){1 + len, buffer};
}

static int64_t decision_made_at(const MDB_val *value)
{
	struct decision_record decision;
	return decision_decode(&decision, value->mv_data, value->mv_size) ? decision.made_ms : INT64_MIN;
}

/* In a full table, all forgets leave before the decisions about overrides: a long list of domains that are forgotten must not
 * bring back an override that was cleared. */
static int64_t rank_of(const struct decision_record *decision)
{
	return decision->made_ms + (decision->about == DECISION_OVERRIDE ? DECISION_KEPT_S * INT64_C(1000) : 0);
}

static int64_t decision_rank(const MDB_val *value)
{
	struct decision_record decision;
	return decision_decode(&decision, value->mv_data, value->mv_size) ? rank_of(&decision) : INT64_MIN;
}

static struct store_ring ring_of(const struct store *store)
{
	return (struct store_ring){.table = store->decisions, .records_max = DECISIONS_MAX, .last_at = decision_rank};
}

/* --- the number --------------------------------------------------------------------------------------------------- */

#define NUMBER_ROW "decisions-number" /* of the table `meta` */

static int number_raise(struct store *store, MDB_txn *txn)
{
	uint32_t number;
	int result = store_number_read(store, txn, NUMBER_ROW, &number);
	return result != 0 ? result : store_number_write(store, txn, NUMBER_ROW, number + 1);
}

bool store_decisions_number(struct store *store, uint32_t *number, struct failure *why)
{
	return store_number(store, NUMBER_ROW, number, why);
}

/* --- reading ------------------------------------------------------------------------------------------------------ */

/* Reads a row. Returns MDB_NOTFOUND, and sets `out` to zeros, if there is none that can be read. */
static int row_get(
	struct store *store, MDB_txn *txn, enum decision_about about, const char *domain, struct decision_record *out)
{
	uint8_t buffer[KEY_SIZE];
	MDB_val key = key_of(buffer, about, domain), value;
	int result = store->has_decisions ? mdb_get(txn, store->decisions, &key, &value) : MDB_NOTFOUND;
	if (result == 0 && decision_decode(out, value.mv_data, value.mv_size) && out->about == about &&
		strcmp(out->domain, domain) == 0)
		return 0;
	memset(out, 0, sizeof *out);
	return result == 0 ? MDB_NOTFOUND : result;
}

enum store_found store_view_decision(
	struct store_view *view, enum decision_about about, const char *domain, struct decision_record *out)
{
	int result = row_get(view->store, view->txn, about, domain, out);
	if (result == 0 || result == MDB_NOTFOUND)
		return result == 0 ? STORE_FOUND : STORE_ABSENT;
	store_fail(view->store, result, "cannot be read", NULL);
	return STORE_FAILED;
}

static bool decision_read(void *out, const MDB_val *value)
{
	return decision_decode(out, value->mv_data, value->mv_size);
}

struct decision_record *store_decisions(struct store *store, size_t *count, struct failure *why)
{
	const struct store_rows rows = {.table = store->decisions,
		.has_table = store->has_decisions,
		.max = DECISIONS_MAX,
		.size = sizeof(struct decision_record),
		.decode = decision_read};
	return store_rows_read(store, &rows, count, why);
}

/* --- noting what this relay decides ------------------------------------------------------------------------------- */

static int row_put(struct store *store, MDB_txn *txn, const struct decision_record *decision)
{
	const struct store_ring ring = ring_of(store);
	uint8_t buffer[KEY_SIZE];
	struct bytes bytes = decision_encode(decision);
	MDB_val key = key_of(buffer, decision->about, decision->domain), value = {bytes.len, bytes.at};
	int result = mdb_put(txn, store->decisions, &key, &value, 0);
	free(bytes.at);
	if (result == 0)
		result = number_raise(store, txn);
	return result != 0 ? result : store_ring_shrink(store, txn, &ring, &key, INT64_MIN);
}

int store_decision_note(struct store *store, MDB_txn *txn, enum decision_about about, const char *domain,
	const struct decision_maker *by, const struct override *override)
{
	struct decision_record decision, known;
	if (!by || !store->has_decisions)
		return 0;
	int result = row_get(store, txn, about, domain, &known);
	if (result != 0 && result != MDB_NOTFOUND)
		return result;
	decision_init(&decision, about, domain, by, override);
	decision_date(&decision, result == 0 ? &known : NULL, clock_wall_s());
	return decision_is_valid(&decision) ? row_put(store, txn, &decision) : 0;
}

/* --- taking in what another relay has decided --------------------------------------------------------------------- */

struct taking {
	const struct decision_record *decision;
	struct store_decided *out;
};

/* A full table has room only for a decision before which another one leaves: otherwise it would leave at once. */
static int room_look(struct store *store, MDB_txn *txn, const struct decision_record *decision, bool *has_room)
{
	const struct store_ring ring = ring_of(store);
	struct bytes bytes = decision_encode(decision);
	int64_t floor;
	int result = store_ring_floor(store, txn, &ring, 1 + strlen(decision->domain) + bytes.len, &floor);
	*has_room = result == 0 && rank_of(decision) > floor;
	free(bytes.at);
	return result;
}

/* Does what the decision says. An override that has ended is not set any more. Returns 0 also if nothing is to do. */
static int decision_do(
	struct store *store, MDB_txn *txn, const struct decision_record *decision, struct store_decided *out)
{
	bool has_room = true;
	int result;
	if (decision->about == DECISION_FORGET) {
		result = store_entry_remove(store, txn, decision->domain, decision);
		out->forgotten = result == 0;
	} else if (decision->override.kind != OVERRIDE_NONE && decision->override.ends_at > clock_wall_s()) {
		result = store_override_put(store, txn, &decision->override, &out->replaced, &has_room);
	} else {
		result = store_override_remove(store, txn, decision->domain, &out->replaced);
	}
	out->taken = has_room ? STORE_TAKEN : STORE_NO_ROOM;
	return result == STORE_UNCHANGED ? 0 : result;
}

static int take_step(struct store *store, MDB_txn *txn, void *arg)
{
	const struct taking *taking = arg;
	const struct decision_record *decision = taking->decision;
	struct store_decided *out = taking->out;
	bool has_room = true;
	memset(out, 0, sizeof *out);
	int result = row_get(store, txn, decision->about, decision->domain, &out->known);
	bool known = result == 0 && !decision_is_ahead(&out->known, clock_wall_s());
	if (result == MDB_NOTFOUND)
		result = room_look(store, txn, decision, &has_room);
	if (result != 0)
		return result;
	out->taken = !has_room ? STORE_NO_ROOM : STORE_TAKEN;
	if (known && decision_is_same(decision, &out->known))
		out->taken = STORE_KNOWN;
	else if (known && !decision_is_later(decision, &out->known))
		out->taken = STORE_EARLIER;
	if (out->taken == STORE_TAKEN)
		result = decision_do(store, txn, decision, out);
	if (result != 0 || out->taken != STORE_TAKEN)
		return result != 0 ? result : STORE_UNCHANGED;
	return row_put(store, txn, decision);
}

bool store_take_decision(
	struct store *store, const struct decision_record *decision, struct store_decided *out, struct failure *why)
{
	struct taking taking = {decision, out};
	memset(out, 0, sizeof *out);
	if (!store->has_decisions || !store->has_overrides)
		return failure_set(why, EX_TEMPFAIL,
			"store %s was made by an earlier version and has no room for decisions yet: restart stsgated",
			store->path);
	return store_write(store, take_step, &taking, why);
}

/* --- forgetting --------------------------------------------------------------------------------------------------- */

static int forget_step(struct store *store, MDB_txn *txn, void *arg)
{
	const int64_t *now = arg;
	const struct store_ring ring = {
		.table = store->decisions, .records_max = DECISIONS_MAX, .last_at = decision_made_at};
	return store_ring_shrink(store, txn, &ring, NULL, (*now - DECISION_KEPT_S) * 1000);
}

bool store_forget_decisions(struct store *store, int64_t now, struct failure *why)
{
	return !store->has_decisions || store_write(store, forget_step, &now, why);
}
