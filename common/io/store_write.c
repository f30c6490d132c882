#include "clock.h"
#include "memory.h"
#include "metrics.h"
#include "store_internal.h"
#include "timing.h"

#include <signal.h>
#include <stdlib.h>
#include <sysexits.h>

/* Writes the changes of many callers in one transaction (design 9.2). A caller that finds nobody writing becomes the
 * leader: it writes all waiting jobs, its own included, while the other callers wait. The writer thread leads for
 * submissions, because nobody waits for those. If a batch fails, LMDB undoes all of it. Then each change gets a
 * transaction of its own, so that each has its own result. */

#define BATCH_MAX 256
#define TRIES 3

/* The jobs of one transaction, in the order in which they arrived. */
struct batch {
	struct store_jobs jobs;
	size_t changes;
};

static void jobs_add(struct store_jobs *jobs, struct store_job *job)
{
	job->next = NULL;
	if (jobs->last)
		jobs->last->next = job;
	else
		jobs->first = job;
	jobs->last = job;
}

static struct store_job *jobs_take(struct store_jobs *jobs)
{
	struct store_job *job = jobs->first;
	if (job)
		jobs->first = job->next;
	if (!jobs->first)
		jobs->last = NULL;
	return job;
}

/* Moves the next waiting job into the batch and returns it. Returns NULL if there is none, or if it does not fit and
 * must wait for the next batch. */
static struct store_job *batch_take(struct store *store, struct batch *batch) EXCLUDES(store->queue)
{
	lock_take(&store->queue);
	struct store_job *job = store->queued.first;
	if (job && batch->changes && batch->changes + job->count > BATCH_MAX)
		job = NULL;
	if (job) {
		jobs_take(&store->queued);
		jobs_add(&batch->jobs, job);
		batch->changes += job->count;
	}
	lock_drop(&store->queue);
	return job;
}

static int txn_start(struct store *store, MDB_txn **txn) REQUIRES(store->writer)
{
	store->eviction.removed = 0;
	store->eviction.ceiling = RANK_NEGATIVE; /* until store_make_room() sets the ceiling of a change */
	return atomic_load(&store->broken) ? MDB_PANIC : mdb_txn_begin(store->env, NULL, 0, txn);
}

/* What a transaction has written. */
struct written {
	bool any;
	bool counted; /* some of it counts in the metrics */
};

static void written_note(struct written *written, const struct store_change *change)
{
	written->any = written->any || !change->result;
	written->counted = written->counted || (!change->result && !change->uncounted);
}

/* Commits the transaction, or aborts it if nothing was written. */
static int txn_end(struct store *store, MDB_txn *txn, struct written written) REQUIRES(store->writer)
{
	if (!written.any) {
		mdb_txn_abort(txn);
		return 0;
	}
	int64_t begun_us = clock_mono_us();
	int result = mdb_txn_commit(txn);
	if (written.counted)
		metrics_observe(METRIC_STEP_SECONDS, TIMING_COMMIT, 0, clock_mono_us() - begun_us);
	if (result)
		store_revive(store);
	else
		metrics_add(METRIC_STORE_EVICTED, 0, 0, 0, store->eviction.removed);
	return result;
}

/* Makes one change in a transaction of its own, and sets its result. */
static void write_once(struct store *store, struct store_change *change) REQUIRES(store->writer)
{
	struct written written = {.any = false};
	MDB_txn *txn;
	change->result = txn_start(store, &txn);
	if (change->result)
		return;
	change->result = change->step(store, txn, change->arg);
	written_note(&written, change);
	int result = txn_end(store, txn, written);
	if (result)
		change->result = result;
}

/* Returns whether change_alone() can remove the cause of this result. */
static bool is_helped(int result)
{
	return result == MDB_MAP_RESIZED || result == MDB_MAP_FULL;
}

/* Writes one change in a transaction of its own. If LMDB's map was full or too small, it removes the cause and tries
 * again. */
static void change_alone(struct store *store, struct store_change *change) REQUIRES(store->writer)
{
	for (int i = 0; i < TRIES; i++) {
		int dead = 0;
		write_once(store, change);
		if (!is_helped(change->result))
			return;
		if (change->result == MDB_MAP_RESIZED) {
			int result = store_adopt_size(store);
			if (result) {
				change->result = result;
				return;
			}
			continue;
		}
		/* If a process has died while it read an older state, its view may keep the map full.
		 * mdb_reader_check() has then dropped that view. */
		if (!mdb_reader_check(store->env, &dead) && dead > 0)
			continue;
		/* While a live process reads an older state, removing records would free nothing. */
		change->holder = store_held_by(store);
		if (change->holder) {
			change->result = STORE_HELD;
			return;
		}
		write_once(store, &(struct store_change){.step = store_make_any_room, .uncounted = true});
	}
}

/* Writes the batch, and adds the jobs that arrive meanwhile. If the result is not 0, nothing of the batch is in the
 * store. */
static int batch_try(struct store *store, struct batch *batch) REQUIRES(store->writer)
{
	struct written written = {.any = false};
	MDB_txn *txn;
	int result = txn_start(store, &txn);
	if (result)
		return result;
	for (struct store_job *job = batch->jobs.first; job; job = batch_take(store, batch))
		for (struct store_change *change = job->change; change < job->change + job->count; change++) {
			change->result = change->step(store, txn, change->arg);
			if (change->result && change->result != STORE_UNCHANGED && change->result != STORE_REFUSED) {
				mdb_txn_abort(txn);
				return change->result;
			}
			written_note(&written, change);
		}
	return txn_end(store, txn, written);
}

/* Writes the job that arrived first and the jobs behind it. They may belong to other callers. Drops the lock meanwhile.
 */
static void lead(struct store *store) REQUIRES(store->queue)
{
	struct batch batch = {0};
	store->has_leader = true;
	lock_drop(&store->queue);
	batch_take(store, &batch);
	lock_take(&store->writer);
	int result = batch_try(store, &batch);
	bool is_final = batch.changes == 1 && !is_helped(result);
	for (struct store_job *job = result ? batch.jobs.first : NULL; job; job = job->next)
		for (struct store_change *change = job->change; change < job->change + job->count; change++)
			if (is_final)
				change->result = result;
			else
				change_alone(store, change);
	lock_drop(&store->writer);
	lock_take(&store->queue);
	for (struct store_job *job; (job = jobs_take(&batch.jobs));)
		if (job->submission)
			jobs_add(&store->ended, job);
		else
			job->ended = true;
	store->has_leader = false;
	cond_wake_all(&store->leader);
	cond_wake_one(&store->work);
}

/* Counts a change by its result. Returns false and sets `why` if it was not stored. */
static bool change_report(struct store *store, const struct store_change *change, struct failure *why)
{
	int result = change->result;
	if (!result && !change->uncounted)
		metrics_add(METRIC_STORE_WRITES, 0, 0, 0, 1);
	if (!result || result == STORE_UNCHANGED)
		return true;
	bool full = result == STORE_REFUSED || result == STORE_HELD || result == MDB_MAP_FULL;
	if (full && !change->uncounted)
		metrics_add(METRIC_STORE_REFUSED, 0, 0, 0, 1);
	if (result == STORE_HELD)
		return failure_set(why, EX_TEMPFAIL,
			"store %s is full, because process %ld still reads an older state of it: nothing was stored; let that process continue, or end it",
			store->path, (long)change->holder);
	if (result == STORE_REFUSED || result == MDB_MAP_FULL)
		return failure_set(why, EX_TEMPFAIL,
			"store %s is full and nothing in it may be evicted: nothing was stored; raise store_max_bytes",
			store->path);
	if (result == STORE_UNREADABLE)
		return failure_set(why, EX_SOFTWARE,
			"store %s: a record that could not be decoded again after encoding was not stored",
			store->path);
	return store_fail(store, result, "cannot be written", why);
}

static bool change_write(struct store *store, struct store_change *change, struct failure *why)
{
	struct store_job job = {.change = change, .count = 1};
	lock_take(&store->queue);
	jobs_add(&store->queued, &job);
	while (!job.ended)
		if (store->has_leader)
			cond_wait(&store->leader, &store->queue);
		else
			lead(store);
	lock_drop(&store->queue);
	return change_report(store, change, why);
}

bool store_write(struct store *store, store_step *step, void *arg, struct failure *why)
{
	return change_write(store, &(struct store_change){.step = step, .arg = arg}, why);
}

bool store_write_uncounted(struct store *store, store_step *step, void *arg, struct failure *why)
{
	return change_write(store, &(struct store_change){.step = step, .arg = arg, .uncounted = true}, why);
}

static void *writer_main(void *arg)
{
	struct store *store = arg;
	lock_take(&store->queue);
	for (;;) {
		struct store_job *job = jobs_take(&store->ended);
		if (job) {
			lock_drop(&store->queue);
			struct store_submission *submission = job->submission;
			struct store_batch_change *change = submission->change;
			for (size_t i = 0; i < job->count; i++)
				change[i].stored = change_report(store, &job->change[i], &change[i].why);
			free(job->change);
			free(job);
			submission->done(submission); /* from here on the submission belongs to its caller */
			lock_take(&store->queue);
		} else if (store->queued.first && !store->has_leader) {
			lead(store);
		} else if (store->stopping && !store->queued.first && !store->has_leader) {
			break;
		} else {
			cond_wait(&store->work, &store->queue);
		}
	}
	lock_drop(&store->queue);
	return NULL;
}

bool store_start_writer(struct store *store, struct failure *why)
{
	sigset_t all, before;
	sigfillset(&all);
	lock_take(&store->queue);
	if (!store->has_writer) {
		pthread_sigmask(SIG_SETMASK, &all, &before);
		store->has_writer = !pthread_create(&store->writer_thread, NULL, writer_main, store);
		pthread_sigmask(SIG_SETMASK, &before, NULL);
	}
	bool started = store->has_writer;
	lock_drop(&store->queue);
	return started ||
	       failure_set(why, EX_OSERR,
		       "the thread that writes store %s could not be started: raise the limit on threads", store->path);
}

void store_stop_writer(struct store *store)
{
	lock_take(&store->queue);
	store->stopping = true;
	cond_wake_one(&store->work);
	bool started = store->has_writer;
	lock_drop(&store->queue);
	if (started)
		pthread_join(store->writer_thread, NULL);
}

void store_submit_job(struct store *store, struct store_job *job)
{
	if (!store_start_writer(store, NULL))
		abort();
	lock_take(&store->queue);
	jobs_add(&store->queued, job);
	cond_wake_one(&store->work);
	lock_drop(&store->queue);
}
