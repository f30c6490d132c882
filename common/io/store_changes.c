#include "clock.h"
#include "memory.h"
#include "store_internal.h"

#include <stdlib.h>
#include <string.h>

/* Writes `bytes` under the key of `coming`, within the store's limit. */
static int record_put(struct store *store, MDB_txn *txn, MDB_dbi dbi, struct bytes bytes, struct store_coming coming)
	REQUIRES(store->writer)
{
	MDB_val value = {bytes.len, bytes.at};
	bool has_room;
	coming.size = coming.key.mv_size + bytes.len;
	int result = store_make_room(store, txn, &coming, &has_room);
	if (result != 0)
		return result;
	if (coming.is_new && !has_room)
		return STORE_REFUSED;
	return mdb_put(txn, dbi, &coming.key, &value, 0);
}

static bool value_equals(const MDB_val *value, struct bytes bytes)
{
	return value->mv_size == bytes.len && memcmp(value->mv_data, bytes.at, bytes.len) == 0;
}

/* Moves a domain in the index of due times from time `from` to time `to`. A time of 0 stands for "not in the index".
 * The new key is written even if `from` equals `to`: an earlier version, which could not read the entry, may have
 * removed it. */
static int due_move(struct store *store, MDB_txn *txn, const char *domain, int64_t from, int64_t to)
{
	uint8_t buffer[DUE_KEY_SIZE];
	MDB_val key, nothing = {0, NULL};
	int result;
	if (from > 0 && from != to) {
		key = store_due_key(buffer, from, domain, strlen(domain));
		result = mdb_del(txn, store->due, &key, NULL);
		if (result != 0 && result != MDB_NOTFOUND)
			return result;
	}
	if (to <= 0)
		return 0;
	key = store_due_key(buffer, to, domain, strlen(domain));
	result = mdb_put(txn, store->due, &key, &nothing, MDB_NOOVERWRITE);
	return result == MDB_KEYEXIST ? 0 : result;
}

/* Reads the entry of `domain` into `out`, or makes a new one. `value` is the stored value, if there is one. */
static int entry_get(struct store *store, MDB_txn *txn, const char *domain, struct entry *out, MDB_val *value)
{
	MDB_val key = store_entry_key(domain);
	int result = mdb_get(txn, store->entries, &key, value);
	if (result == 0 && entry_decode(out, value->mv_data, value->mv_size)) {
		if (strcmp(out->domain, domain) == 0)
			return 0;
		entry_free(out);
	}
	entry_init(out, domain);
	return result;
}

static int entry_step(struct store *store, MDB_txn *txn, void *arg) REQUIRES(store->writer)
{
	const struct store_batch_change *change = arg;
	const char *domain = change->domain_or_host;
	struct entry entry;
	MDB_val value;
	int found = entry_get(store, txn, domain, &entry, &value);
	int result;
	if (found != 0 && found != MDB_NOTFOUND)
		return found;
	int64_t due_before = entry.due_at;
	change->entry(&entry, change->arg);
	struct bytes bytes = entry_encode(&entry);
	struct entry back;
	bool reads_back = entry_decode(&back, bytes.at, bytes.len) && strcmp(back.domain, domain) == 0;
	entry_free(&back);
	/* An entry that a later version wrote may hold a policy, so only an entry with a policy replaces it. */
	bool is_kept = found == 0 && !entry.has_policy && entry_is_newer(value.mv_data, value.mv_size);
	if (!reads_back)
		result = STORE_UNREADABLE;
	else if (is_kept || (found == 0 && value_equals(&value, bytes)))
		result = STORE_UNCHANGED;
	else
		result = record_put(store, txn, store->entries, bytes,
			(struct store_coming){.key = store_entry_key(domain),
				.rank = store_entry_rank(&entry, clock_wall_s()),
				.is_new = found != 0});
	if (result == 0)
		result = due_move(store, txn, domain, due_before, entry.due_at);
	free(bytes.at);
	entry_free(&entry);
	return result;
}

bool store_change_entry(
	struct store *store, const char *domain, store_entry_change *change, void *arg, struct failure *why)
{
	struct store_batch_change what = {.domain_or_host = domain, .entry = change, .arg = arg};
	return store_write(store, entry_step, &what, why);
}

static int hop_step(struct store *store, MDB_txn *txn, void *arg) REQUIRES(store->writer)
{
	const struct store_batch_change *change = arg;
	uint8_t buffer[HOP_KEY_SIZE];
	MDB_val key = store_hop_key(buffer, change->domain_or_host, change->port), value;
	struct hop_record record, back;
	int found = mdb_get(txn, store->hops, &key, &value);
	int result;
	if (found != 0 && found != MDB_NOTFOUND)
		return found;
	if (found != 0 || !hop_record_decode(&record, value.mv_data, value.mv_size))
		memset(&record, 0, sizeof record);
	change->hop(&record, change->arg);
	struct bytes bytes = hop_record_encode(&record);
	if (!hop_record_decode(&back, bytes.at, bytes.len))
		result = STORE_UNREADABLE;
	else if (found == 0 && value_equals(&value, bytes))
		result = STORE_UNCHANGED;
	else
		result = record_put(store, txn, store->hops, bytes,
			(struct store_coming){
				.key = key, .rank = store_hop_rank(&record, clock_wall_s()), .is_new = found != 0});
	free(bytes.at);
	return result;
}

bool store_change_hop(
	struct store *store, const char *host, uint16_t port, store_hop_change *change, void *arg, struct failure *why)
{
	struct store_batch_change what = {.domain_or_host = host, .port = port, .hop = change, .arg = arg};
	return store_write(store, hop_step, &what, why);
}

void store_submit(struct store *store, struct store_submission *submission)
{
	struct store_job *job = xcalloc(1, sizeof *job);
	job->change = xcalloc(submission->count, sizeof *job->change);
	job->count = submission->count;
	job->submission = submission;
	for (size_t i = 0; i < submission->count; i++) {
		struct store_batch_change *change = &submission->change[i];
		store_step *of_domain = change->networks ? store_networks_step : entry_step;
		job->change[i] = (struct store_change){.step = change->port ? hop_step : of_domain, .arg = change};
	}
	store_submit_job(store, job);
}

int store_entry_remove(struct store *store, MDB_txn *txn, const char *domain, const struct decision_record *forget)
{
	struct entry entry;
	MDB_val key = store_entry_key(domain), value;
	int result = entry_get(store, txn, domain, &entry, &value);
	if (result == MDB_NOTFOUND || (result == 0 && forget && !decision_forgets(forget, &entry)))
		result = STORE_UNCHANGED;
	if (result == 0)
		result = mdb_del(txn, store->entries, &key, NULL);
	if (result == 0)
		result = store_networks_remove(store, txn, &key);
	if (result == 0)
		result = due_move(store, txn, domain, entry.due_at, 0);
	entry_free(&entry);
	return result;
}

struct forgetting {
	const char *domain;
	const struct decision_maker *by;
	bool found;
};

static int forget_step(struct store *store, MDB_txn *txn, void *arg)
{
	struct forgetting *forgetting = arg;
	int result = store_entry_remove(store, txn, forgetting->domain, NULL);
	forgetting->found = result == 0;
	if ((result != 0 && result != STORE_UNCHANGED) || !forgetting->by)
		return result;
	return store_decision_note(store, txn, DECISION_FORGET, forgetting->domain, forgetting->by, NULL);
}

bool store_forget(
	struct store *store, const char *domain, const struct decision_maker *by, bool *found, struct failure *why)
{
	struct forgetting forgetting = {.domain = domain, .by = by};
	bool ok = store_write(store, forget_step, &forgetting, why);
	if (found)
		*found = forgetting.found;
	return ok;
}
