/* Changes of many callers in one transaction: how many, each with its own result, none lost by another's failure. */
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
#define BATCH 64
#define HUGE_VALUE (3 * ROOM_BYTES) /* more than the map has room for */

enum deed { WRITES, FINDS_NOTHING_TO_DO, IS_REFUSED, FAILS, FILLS_THE_MAP };

/* One caller, and what its step does. */
struct caller {
	struct store *store;
	int number;
	enum deed deed;
	unsigned waits_for; /* how many others must wait before its step goes on */
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
	for (const struct store_change *change = store->queue_first; change != NULL; change = change->next)
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

/* The first caller's step holds its transaction until all others wait; deeds go round. Returns how many commits there
 * were. */
static size_t callers_run(struct store *store, int count, const enum deed *deeds, int deed_count)
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
	static const enum deed deeds[] = {WRITES};
	static const struct {
		int callers;
		size_t commits;
	} rows[] = {{1, 1}, {2, 1}, {BATCH, 1}, {BATCH + 1, 2}, {CALLERS_MAX, 3}};
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
	static const enum deed deeds[] = {WRITES, FINDS_NOTHING_TO_DO, IS_REFUSED};
	struct store *store = room_open(ROOM_BYTES, STORE_OWNER);

	(void)state;
	assert_int_equal(callers_run(store, BATCH - 1, deeds, COUNT(deeds)), 1);
	for (int i = 0; i < BATCH - 1; i++) {
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
	static const enum deed deeds[] = {FINDS_NOTHING_TO_DO};
	struct store *store = room_open(ROOM_BYTES, STORE_OWNER);

	(void)state;
	assert_int_equal(callers_run(store, 5, deeds, COUNT(deeds)), 0);
	for (int i = 0; i < 5; i++)
		assert_true(caller[i].ok);
	store_close(&store);
}

static void what_fails_takes_no_other_with_it(struct store *store, enum deed bad, int code)
{
	const enum deed deeds[] = {WRITES, WRITES, bad, FINDS_NOTHING_TO_DO};

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

/* Many callers change one entry: each change begins from what the one before left. Another one's step holds up the
 * first change of each, so that there is a batch however fast the disk is. */
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
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
