/* Changes of many callers in one transaction: how many there are, that each has its own result, and that none is lost
 * when another one fails. */
#include "cm.h"

#include "room.h"
#include "store_internal.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#define CALLERS_MAX 150
#define BATCH 256                   /* changes that fit into one transaction */
#define HUGE_VALUE (3 * ROOM_BYTES) /* larger than the map */

enum outcome_of_step { WRITES, FINDS_NOTHING_TO_DO, IS_REFUSED, FAILS, FILLS_THE_MAP };

/* One caller, and what its step does. */
struct caller {
	struct store *store;
	int number;
	enum outcome_of_step deed;
	unsigned waits_for; /* how many others must wait before its step continues */
	atomic_uint steps;  /* how often its step ran */
	bool ok;
	struct failure why;
	pthread_t thread;
};

static struct caller caller[CALLERS_MAX];
static char huge[HUGE_VALUE];

static unsigned waiting(struct store *store)
{
	unsigned count = 0;

	lock_take(&store->queue);
	for (const struct store_job *job = store->queued.first; job; job = job->next)
		count++;
	lock_drop(&store->queue);
	return count;
}

static int step(struct store *store, MDB_txn *txn, void *arg)
{
	struct caller *self = arg;
	MDB_val key = {sizeof(self->number), &self->number};
	MDB_val value = {self->deed == FILLS_THE_MAP ? HUGE_VALUE : 1, huge};

	if (atomic_fetch_add(&self->steps, 1) == 0)
		while (waiting(store) < self->waits_for)
			usleep(1000);
	if (self->deed == FINDS_NOTHING_TO_DO)
		return STORE_UNCHANGED;
	if (self->deed != IS_REFUSED) {
		int result = mdb_put(txn, store->meta, &key, &value, 0);

		if (result != 0)
			return result;
	}
	return self->deed == FAILS ? STORE_UNREADABLE : self->deed == IS_REFUSED ? STORE_REFUSED : 0;
}

static void *call(void *arg)
{
	struct caller *self = arg;

	self->ok = store_write(self->store, step, self, &self->why);
	return NULL;
}

static size_t newest(struct store *store)
{
	MDB_envinfo info;

	assert_int_equal(mdb_env_info(store->env, &info), 0);
	return info.me_last_txnid;
}

static bool is_there(struct store *store, int number)
{
	struct store_view *view = store_view_begin(store, NULL);
	MDB_val key = {sizeof(number), &number}, value;
	int result = mdb_get(view->txn, store->meta, &key, &value);

	store_view_end(&view);
	return result == 0;
}

/* The first caller's step keeps its transaction open until all others wait. The deeds are given to the callers in
 * turn. Returns the number of commits. */
static size_t callers_run(struct store *store, int count, const enum outcome_of_step *deeds, int deed_count)
{
	size_t before = newest(store);

	for (int i = 0; i < count; i++) {
		caller[i] = (struct caller){.store = store, .number = i, .deed = deeds[i % deed_count]};
		if (i == 0)
			caller[i].waits_for = (unsigned)count - 1;
		assert_int_equal(pthread_create(&caller[i].thread, NULL, call, &caller[i]), 0);
		if (i == 0)
			while (atomic_load(&caller[0].steps) == 0)
				usleep(1000);
	}
	for (int i = 0; i < count; i++)
		pthread_join(caller[i].thread, NULL);
	return newest(store) - before;
}

static void those_who_wait_share_a_commit(void **state)
{
	static const enum outcome_of_step deeds[] = {WRITES};
	static const struct {
		int callers;
		size_t commits;
	} rows[] = {{1, 1}, {2, 1}, {64, 1}, {CALLERS_MAX, 1}};
	struct store *store = room_open(ROOM_BYTES, STORE_OWNER);

	(void)state;
	for (size_t row = 0; row < COUNT(rows); row++) {
		assert_int_equal(callers_run(store, rows[row].callers, deeds, 1), rows[row].commits);
		for (int i = 0; i < rows[row].callers; i++) {
			assert_true(caller[i].ok);
			assert_int_equal(atomic_load(&caller[i].steps), 1);
			assert_true(is_there(store, i));
		}
	}
	store_close(&store);
}

static void each_has_its_own_result(void **state)
{
	static const enum outcome_of_step deeds[] = {WRITES, FINDS_NOTHING_TO_DO, IS_REFUSED};
	struct store *store = room_open(ROOM_BYTES, STORE_OWNER);

	(void)state;
	assert_int_equal(callers_run(store, 63, deeds, COUNT(deeds)), 1);
	for (int i = 0; i < 63; i++) {
		assert_int_equal(caller[i].ok, caller[i].deed != IS_REFUSED);
		if (!caller[i].ok)
			assert_int_equal(caller[i].why.code, EX_TEMPFAIL);
		assert_int_equal(is_there(store, i), caller[i].deed == WRITES);
		assert_int_equal(atomic_load(&caller[i].steps), 1);
	}
	store_close(&store);
}

static void nothing_to_write_is_no_commit(void **state)
{
	static const enum outcome_of_step deeds[] = {FINDS_NOTHING_TO_DO};
	struct store *store = room_open(ROOM_BYTES, STORE_OWNER);

	(void)state;
	assert_int_equal(callers_run(store, 5, deeds, COUNT(deeds)), 0);
	for (int i = 0; i < 5; i++)
		assert_true(caller[i].ok);
	store_close(&store);
}

static void what_fails_takes_no_other_with_it(struct store *store, enum outcome_of_step bad, int code)
{
	const enum outcome_of_step deeds[] = {WRITES, WRITES, bad, FINDS_NOTHING_TO_DO};

	callers_run(store, 40, deeds, COUNT(deeds));
	for (int i = 0; i < 40; i++) {
		assert_int_equal(caller[i].ok, caller[i].deed != bad);
		if (!caller[i].ok)
			assert_int_equal(caller[i].why.code, code);
		assert_int_equal(is_there(store, i), caller[i].deed == WRITES);
	}
}

static void a_failed_step_takes_no_other_with_it(void **state)
{
	struct store *store = room_open(ROOM_BYTES, STORE_OWNER);

	(void)state;
	what_fails_takes_no_other_with_it(store, FAILS, EX_SOFTWARE);
	store_close(&store);
}

static void what_fits_no_map_takes_no_other_with_it(void **state)
{
	struct store *store = room_open(ROOM_BYTES, STORE_OWNER);

	(void)state;
	what_fails_takes_no_other_with_it(store, FILLS_THE_MAP, EX_TEMPFAIL);
	store_close(&store);
}

#define CHANGERS 20
#define CHANGES 30

static void entry_count_up(struct entry *entry, void *arg)
{
	(void)arg;
	entry->due_at++;
}

static void *entry_changes(void *arg)
{
	for (int i = 0; i < CHANGES; i++)
		if (!store_change_entry(arg, "counted.example", entry_count_up, NULL, NULL))
			return NULL;
	return arg;
}

/* Many callers change one entry: each change must begin with the result of the one before. Another caller's step
 * delays the first change of each, so that there is a batch even on a fast disk. */
static void no_change_is_lost_between_callers(void **state)
{
	struct store *store = room_open(ROOM_BYTES, STORE_OWNER);
	size_t before = newest(store);
	pthread_t thread[CHANGERS];
	struct entry entry;
	void *whole;

	(void)state;
	caller[0] = (struct caller){.store = store, .deed = FINDS_NOTHING_TO_DO, .waits_for = CHANGERS};
	assert_int_equal(pthread_create(&caller[0].thread, NULL, call, &caller[0]), 0);
	while (atomic_load(&caller[0].steps) == 0)
		usleep(1000);
	for (int i = 0; i < CHANGERS; i++)
		assert_int_equal(pthread_create(&thread[i], NULL, entry_changes, store), 0);
	for (int i = 0; i < CHANGERS; i++) {
		pthread_join(thread[i], &whole);
		assert_non_null(whole);
	}
	pthread_join(caller[0].thread, NULL);
	assert_int_equal(room_get(store, "counted.example", &entry), STORE_FOUND);
	assert_int_equal(entry.due_at, CHANGERS * CHANGES);
	entry_free(&entry);
	assert_true(newest(store) - before < CHANGERS * CHANGES);
	store_close(&store);
	assert_int_equal(room_records("due"), 1);
}

/* A submission of a test, and what its `done` saw. */
#define EACH 3
struct submitted {
	struct store_submission submission; /* the first member: `done` gets its address */
	struct store_batch_change change[EACH];
	char name[EACH][32];
	struct store *store;
	unsigned again; /* how often `done` submits it again */
	pthread_t thread;
	unsigned done;
};

static struct submitted submitted[CALLERS_MAX];
static atomic_uint ended, order;
static unsigned sequence[CALLERS_MAX];

static void submitted_end(struct store_submission *submission)
{
	struct submitted *self = (struct submitted *)submission;
	self->thread = pthread_self();
	self->done++;
	sequence[atomic_fetch_add(&order, 1) % CALLERS_MAX] = (unsigned)(self - submitted);
	if (self->again) {
		self->again--;
		store_submit(self->store, submission);
	} else {
		atomic_fetch_add(&ended, 1);
	}
}

static void entry_spoil(struct entry *entry, void *arg)
{
	(void)arg;
	entry->domain[0] = 'X';
}

static void hop_note(struct hop_record *record, void *arg)
{
	(void)arg;
	hop_record_refused(record, 1000);
}

/* Changes an entry of its own, a hop of its own, and an entry that all callers change. */
static void submitted_make(struct store *store, int i)
{
	struct submitted *self = &submitted[i];
	*self = (struct submitted){.store = store};
	snprintf(self->name[0], sizeof self->name[0], "own-%d.example", i);
	snprintf(self->name[1], sizeof self->name[1], "mx-%d.example", i);
	snprintf(self->name[2], sizeof self->name[2], "counted.example");
	self->change[0] = (struct store_batch_change){.domain_or_host = self->name[0], .entry = entry_count_up};
	self->change[1] = (struct store_batch_change){.domain_or_host = self->name[1], .port = 25, .hop = hop_note};
	self->change[2] = (struct store_batch_change){.domain_or_host = self->name[2], .entry = entry_count_up};
	self->submission = (struct store_submission){.change = self->change, .count = EACH, .done = submitted_end};
}

static void until_ended(unsigned count)
{
	while (atomic_load(&ended) < count)
		usleep(1000);
}

/* A step that keeps the transaction open until `count` submissions wait. */
static void submit_behind_a_caller(struct store *store, int count)
{
	atomic_store(&ended, 0);
	atomic_store(&order, 0);
	caller[0] = (struct caller){.store = store, .deed = FINDS_NOTHING_TO_DO, .waits_for = (unsigned)count};
	assert_int_equal(pthread_create(&caller[0].thread, NULL, call, &caller[0]), 0);
	while (!atomic_load(&caller[0].steps))
		usleep(1000);
	for (int i = 0; i < count; i++)
		store_submit(store, &submitted[i].submission);
	pthread_join(caller[0].thread, NULL);
	until_ended((unsigned)count);
}

static void submissions_share_commits(void **state)
{
	static const struct {
		int submissions;
		size_t commits;
	} rows[] = {{1, 1}, {BATCH / EACH, 1}, {BATCH / EACH + 1, 2}, {CALLERS_MAX, 2}};
	struct store *store = room_open(ROOM_BYTES, STORE_OWNER);
	int64_t changes = 0;
	(void)state;
	for (size_t row = 0; row < COUNT(rows); row++) {
		size_t before = newest(store);
		for (int i = 0; i < rows[row].submissions; i++)
			submitted_make(store, i);
		/* A change without effect is not written. */
		for (int i = 0; i < rows[row].submissions; i++)
			snprintf(submitted[i].name[1], sizeof submitted[i].name[1], "mx-%zu-%d.example", row, i);
		submit_behind_a_caller(store, rows[row].submissions);
		assert_int_equal(newest(store) - before, rows[row].commits);
		changes += rows[row].submissions;
		for (int i = 0; i < rows[row].submissions; i++) {
			assert_int_equal(submitted[i].done, 1);
			assert_int_equal(sequence[i], i);
			for (int k = 0; k < EACH; k++)
				assert_true(submitted[i].change[k].stored);
			assert_true(room_knows(store, submitted[i].name[0]));
		}
	}
	struct entry entry;
	assert_int_equal(room_get(store, "counted.example", &entry), STORE_FOUND);
	assert_int_equal(entry.due_at, changes);
	entry_free(&entry);
	store_close(&store);
	assert_int_equal(room_records("hops"), changes);
}

static void a_change_that_fails_takes_no_other_of_its_submission_with_it(void **state)
{
	struct store *store = room_open(ROOM_BYTES, STORE_OWNER);
	(void)state;
	for (int i = 0; i < 20; i++)
		submitted_make(store, i);
	submitted[7].change[0].entry = entry_spoil;
	submitted[9].change[2].entry = entry_spoil;
	submit_behind_a_caller(store, 20);
	for (int i = 0; i < 20; i++)
		for (int k = 0; k < EACH; k++) {
			bool bad = (i == 7 && k == 0) || (i == 9 && k == 2);
			assert_int_equal(submitted[i].change[k].stored, !bad);
			if (bad)
				assert_int_equal(submitted[i].change[k].why.code, EX_SOFTWARE);
		}
	assert_true(room_knows(store, "own-9.example"));
	assert_false(room_knows(store, "own-7.example"));
	store_close(&store);
	assert_int_equal(room_records("hops"), 20);
}

/* `done` runs on the store's own thread. What it submits is written, too, even while the store is being closed. */
static void close_waits_for_all_submissions(void **state)
{
	struct store *store = room_open(ROOM_BYTES, STORE_OWNER);
	struct entry entry;
	(void)state;
	assert_true(store_start_writer(store, NULL));
	for (int i = 0; i < CALLERS_MAX; i++) {
		submitted_make(store, i);
		submitted[i].again = 2;
		store_submit(store, &submitted[i].submission);
	}
	store_close(&store);
	for (int i = 0; i < CALLERS_MAX; i++) {
		assert_int_equal(submitted[i].done, 3);
		assert_false(pthread_equal(submitted[i].thread, pthread_self()));
		assert_true(pthread_equal(submitted[i].thread, submitted[0].thread));
	}
	store = room_open(ROOM_BYTES, STORE_OWNER);
	assert_int_equal(room_get(store, "counted.example", &entry), STORE_FOUND);
	assert_int_equal(entry.due_at, 3 * CALLERS_MAX);
	entry_free(&entry);
	store_close(&store);
	assert_int_equal(room_records("hops"), CALLERS_MAX);
}

static void *submits(void *arg)
{
	struct submitted *self = arg;
	store_submit(self->store, &self->submission);
	return entry_changes(self->store);
}

/* Many threads submit, while others wait for changes of the same entry. */
static void no_change_is_lost_beside_submissions(void **state)
{
	struct store *store = room_open(ROOM_BYTES, STORE_OWNER);
	pthread_t thread[CHANGERS];
	struct entry entry;
	void *whole;
	(void)state;
	atomic_store(&ended, 0);
	for (int i = 0; i < CHANGERS; i++) {
		submitted_make(store, i);
		submitted[i].again = CHANGES - 1;
		assert_int_equal(pthread_create(&thread[i], NULL, submits, &submitted[i]), 0);
	}
	for (int i = 0; i < CHANGERS; i++) {
		pthread_join(thread[i], &whole);
		assert_non_null(whole);
	}
	until_ended(CHANGERS);
	assert_int_equal(room_get(store, "counted.example", &entry), STORE_FOUND);
	assert_int_equal(entry.due_at, 2 * CHANGERS * CHANGES);
	entry_free(&entry);
	store_close(&store);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, room_make, room_remove)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(those_who_wait_share_a_commit),
		TEST(each_has_its_own_result),
		TEST(nothing_to_write_is_no_commit),
		TEST(a_failed_step_takes_no_other_with_it),
		TEST(what_fits_no_map_takes_no_other_with_it),
		TEST(no_change_is_lost_between_callers),
		TEST(submissions_share_commits),
		TEST(a_change_that_fails_takes_no_other_of_its_submission_with_it),
		TEST(close_waits_for_all_submissions),
		TEST(no_change_is_lost_beside_submissions),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
