#include "metrics.h"
#include "store_internal.h"

#include <sysexits.h>

/* Changes of many callers in one transaction. Whoever comes while nobody writes leads: it writes its own change and
 * those that came meanwhile; the others wait and are told. A batch that fails is undone as a whole by LMDB, and then
 * made again change by change, so that each has a result of its own. */

#define BATCH_MAX 64
#define TRIES 3

struct batch {
	size_t count;
	struct store_change *change[BATCH_MAX];
};

static void queue_add(struct store *store, struct store_change *change) REQUIRES(store->queue)
{
	change->next = NULL;
	if (store->queue_last != NULL)
		store->queue_last->next = change;
	else
		store->queue_first = change;
	store->queue_last = change;
}

/* In the order in which they came. */
static struct store_change *queue_take(struct store *store) EXCLUDES(store->queue)
{
	struct store_change *change;

	lock_take(&store->queue);
	change = store->queue_first;
	if (change != NULL)
		store->queue_first = change->next;
	if (store->queue_first == NULL)
		store->queue_last = NULL;
	lock_drop(&store->queue);
	return change;
}

/* Whether the step has left the transaction as it may be committed. */
static bool is_result(int outcome)
{
	return outcome == 0 || outcome == STORE_UNCHANGED || outcome == STORE_REFUSED;
}

static int txn_end(struct store *store, MDB_txn *txn, bool written) REQUIRES(store->writer)
{
	int result;

	if (!written) {
		mdb_txn_abort(txn);
		return 0;
	}
	result = mdb_txn_commit(txn);
	if (result != 0)
		store_revive(store);
	else
		metrics_add(METRIC_STORE_EVICTED, 0, 0, 0, store->eviction.removed);
	return result;
}

static int txn_start(struct store *store, MDB_txn **txn) REQUIRES(store->writer)
{
	store->eviction.removed = 0;
	store->eviction.ceiling = RANK_NEGATIVE; /* until a change says what it is worth */
	return atomic_load(&store->broken) ? MDB_PANIC : mdb_txn_begin(store->env, NULL, 0, txn);
}

static int write_once(struct store *store, store_step *step, void *arg) REQUIRES(store->writer)
{
	MDB_txn *txn;
	int outcome, result = txn_start(store, &txn);

	if (result != 0)
		return result;
	outcome = step(store, txn, arg);
	result = txn_end(store, txn, outcome == 0);
	return result != 0 ? result : outcome;
}

static int make_any_room(struct store *store, MDB_txn *txn, void *arg) REQUIRES(store->writer)
{
	(void)arg;
	return store_make_any_room(store, txn);
}

/* What holds the map full may be the view of a process that has died; then the step is tried again first. Or records
 * that may go: to remove these would free nothing while another process looks at an older state. */
static int write_help(struct store *store, struct store_change *change) REQUIRES(store->writer)
{
	int dead = 0;

	if (change->result == MDB_MAP_RESIZED)
		return store_adopt_size(store);
	if (mdb_reader_check(store->env, &dead) == 0 && dead > 0)
		return 0;
	change->holder = store_held_by(store);
	if (change->holder != 0)
		return STORE_HELD;
	write_once(store, make_any_room, NULL);
	return 0;
}

static bool is_helped(int result)
{
	return result == MDB_MAP_RESIZED || result == MDB_MAP_FULL;
}

static void change_alone(struct store *store, struct store_change *change) REQUIRES(store->writer)
{
	for (int i = 0; i < TRIES; i++) {
		int result;

		change->result = write_once(store, change->step, change->arg);
		if (!is_helped(change->result))
			return;
		result = write_help(store, change);
		if (result != 0) {
			change->result = result;
			return;
		}
	}
}

/* All that waits, and what comes while it is written. Not 0: nothing of it is in the store. */
static int batch_try(struct store *store, struct batch *batch) REQUIRES(store->writer)
{
	struct store_change *change = batch->change[0];
	bool written = false;
	MDB_txn *txn;
	int result = txn_start(store, &txn);

	if (result != 0)
		return result;
	while (change != NULL) {
		change->result = change->step(store, txn, change->arg);
		if (!is_result(change->result)) {
			mdb_txn_abort(txn);
			return change->result;
		}
		written = written || change->result == 0;
		change = batch->count < BATCH_MAX ? queue_take(store) : NULL;
		if (change != NULL)
			batch->change[batch->count++] = change;
	}
	return txn_end(store, txn, written);
}

static void batch_write(struct store *store, struct batch *batch) EXCLUDES(store->writer)
{
	int result;

	lock_take(&store->writer);
	result = batch_try(store, batch);
	if (batch->count == 1 && !is_helped(result))
		batch->change[0]->result = result != 0 ? result : batch->change[0]->result;
	else
		for (size_t i = 0; result != 0 && i < batch->count; i++)
			change_alone(store, batch->change[i]);
	lock_drop(&store->writer);
}

/* Writes what came first, which need not be the caller's own. */
static void queue_lead(struct store *store) REQUIRES(store->queue)
{
	struct batch batch = {.count = 1};

	store->has_leader = true;
	lock_drop(&store->queue);
	batch.change[0] = queue_take(store);
	batch_write(store, &batch);
	lock_take(&store->queue);
	for (size_t i = 0; i < batch.count; i++)
		batch.change[i]->told = true;
	store->has_leader = false;
	cond_wake_all(&store->told);
}

static void change_write(struct store *store, struct store_change *change) EXCLUDES(store->queue)
{
	lock_take(&store->queue);
	queue_add(store, change);
	while (!change->told)
		if (store->has_leader)
			cond_wait(&store->told, &store->queue);
		else
			queue_lead(store);
	lock_drop(&store->queue);
}

static void tally(int result)
{
	if (result == 0)
		metrics_add(METRIC_STORE_WRITES, 0, 0, 0, 1);
	else if (result == STORE_REFUSED || result == STORE_HELD || result == MDB_MAP_FULL)
		metrics_add(METRIC_STORE_REFUSED, 0, 0, 0, 1);
}

bool store_write(struct store *store, store_step *step, void *arg, struct failure *why)
{
	struct store_change change = {.step = step, .arg = arg};

	change_write(store, &change);
	tally(change.result);
	if (change.result == 0 || change.result == STORE_UNCHANGED)
		return true;
	if (change.result == STORE_HELD)
		return failure_set(why, EX_TEMPFAIL,
			"store %s is full of what process %ld has been looking at: nothing was stored; let that "
			"process go "
			"on, or end it",
			store->path, (long)change.holder);
	if (change.result == STORE_REFUSED || change.result == MDB_MAP_FULL)
		return failure_set(why, EX_TEMPFAIL,
			"store %s is full and holds nothing that may go: nothing was stored; raise store_max_bytes",
			store->path);
	if (change.result == STORE_UNREADABLE)
		return failure_set(why, EX_SOFTWARE, "store %s: a record that could not be read back was not written",
			store->path);
	return store_fail(store, change.result, "cannot be written", why);
}
