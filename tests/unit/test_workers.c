/* The pool: every job is run once, refreshing takes half of the threads at most, stopping runs what is queued. */
#include "workers.h"

#include "lock.h"

#include "cm.h"

#include <stdatomic.h>
#include <time.h>

static atomic_int ran, refreshing, most_refreshing;

static void nap(int ms)
{
	struct timespec t = {.tv_nsec = (long)ms * 1000000};
	nanosleep(&t, NULL);
}

static void count(struct job *job)
{
	(void)job;
	atomic_fetch_add(&ran, 1);
}

static void refresh(struct job *job)
{
	(void)job;
	int now = atomic_fetch_add(&refreshing, 1) + 1;
	int most = atomic_load(&most_refreshing);
	while (now > most && !atomic_compare_exchange_weak(&most_refreshing, &most, now))
		;
	nap(5);
	atomic_fetch_sub(&refreshing, 1);
	atomic_fetch_add(&ran, 1);
}

static void every_job_runs_once(void **state)
{
	(void)state;
	static struct job job[1000];
	struct workers *workers = workers_new(4, NULL);
	assert_non_null(workers);
	atomic_store(&ran, 0);
	for (int i = 0; i < 1000; i++) {
		job[i] = (struct job){.class = i % 2 ? WORK_REFRESH : WORK_ASKED, .run = count};
		if (i % 3)
			workers_push(workers, &job[i]);
		else
			workers_push_later(workers, &job[i], i % 20);
	}
	workers_free(&workers);
	assert_null(workers);
	assert_int_equal(atomic_load(&ran), 1000);
}

static void half_refresh(void **state)
{
	(void)state;
	static struct job job[40];
	struct job asked = {.class = WORK_ASKED, .run = count};
	struct workers *workers = workers_new(4, NULL);
	atomic_store(&ran, 0);
	for (int i = 0; i < 40; i++) {
		job[i] = (struct job){.class = WORK_REFRESH, .run = refresh};
		workers_push(workers, &job[i]);
	}
	workers_push(workers, &asked); /* finds a thread although forty refreshes came first */
	for (int i = 0; i < 2000 && atomic_load(&ran) < 41; i++)
		nap(1);
	assert_int_equal(atomic_load(&ran), 41);
	assert_int_equal(atomic_load(&most_refreshing), 2);
	workers_free(&workers);
}

struct again {
	struct job job;
	struct workers *workers;
	int left;
};

static void push_again(struct job *job)
{
	struct again *again = (struct again *)job;
	atomic_fetch_add(&ran, 1);
	if (again->left-- > 0)
		workers_push_later(again->workers, &again->job, 1);
}

/* A job may push itself while the pool stops: it is run to its end. */
static void stopping_runs_what_is_pushed(void **state)
{
	(void)state;
	struct workers *workers = workers_new(2, NULL);
	struct again again = {.job = {.class = WORK_REFRESH, .run = push_again}, .workers = workers, .left = 9};
	atomic_store(&ran, 0);
	workers_push(workers, &again.job);
	workers_free(&workers);
	assert_int_equal(atomic_load(&ran), 10);
}

static struct job *order[5];

static void in_order(struct job *job)
{
	order[atomic_load(&ran)] = job; /* one thread */
	atomic_fetch_add(&ran, 1);
}

static void count_long(struct job *job)
{
	(void)job;
	atomic_fetch_add(&ran, 1);
	nap(300);
}

static void doze(struct job *job)
{
	(void)job;
	nap(300);
}

/* A job that was put off is run in time while threads are idle, whatever the one that watched the clock is busy with;
 * and when several fall due at once, several threads run them. */
static void put_off_is_in_time(void **state)
{
	(void)state;
	for (int round = 0; round < 10; round++) {
		struct workers *workers = workers_new(4, NULL);
		struct job busy[2], later[2];
		nap(5);
		atomic_store(&ran, 0);
		for (int i = 0; i < 2; i++) {
			later[i] = (struct job){.class = WORK_ASKED, .run = i == 0 ? count_long : count};
			workers_push_later(workers, &later[i], 60);
			nap(5);
		}
		for (int i = 0; i < 2; i++) {
			busy[i] = (struct job){.class = WORK_ASKED, .run = doze};
			workers_push(workers, &busy[i]);
			nap(5);
		}
		nap(140);
		assert_int_equal(atomic_load(&ran), 2);
		workers_free(&workers);
	}
}

/* The one that comes first is run first, in whatever order they were put off. */
static void put_off_in_order(void **state)
{
	(void)state;
	static const int delay_ms[] = {90, 30, 60, 120, 1};
	struct workers *workers = workers_new(1, NULL);
	struct job late[5];
	atomic_store(&ran, 0);
	for (int i = 0; i < 5; i++) {
		late[i] = (struct job){.class = WORK_ASKED, .run = in_order};
		workers_push_later(workers, &late[i], delay_ms[i]);
	}
	for (int i = 0; i < 2000 && atomic_load(&ran) < 5; i++)
		nap(1);
	assert_ptr_equal(order[0], &late[4]);
	assert_ptr_equal(order[1], &late[1]);
	assert_ptr_equal(order[2], &late[2]);
	assert_ptr_equal(order[3], &late[0]);
	assert_ptr_equal(order[4], &late[3]);
	workers_free(&workers);
}

/* Whoever queues many keeps nobody else waiting; a client's own jobs keep their order. */
static void clients_take_turns(void **state)
{
	(void)state;
	struct workers *workers = workers_new(1, NULL);
	struct job busy = {.class = WORK_ASKED, .run = doze}, job[5];
	atomic_store(&ran, 0);
	workers_push(workers, &busy);
	nap(50);
	for (int i = 0; i < 5; i++) {
		job[i] = (struct job){.class = WORK_ASKED, .run = in_order, .client = i < 4 ? 1 : 2};
		workers_push(workers, &job[i]);
	}
	workers_free(&workers);
	assert_int_equal(atomic_load(&ran), 5);
	assert_true(order[0] == &job[4] || order[1] == &job[4]);
	unsigned at = 0;
	for (int i = 0; i < 5; i++)
		if (order[i] != &job[4])
			assert_ptr_equal(order[i], &job[at++]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_job_runs_once),
		cmocka_unit_test(half_refresh),
		cmocka_unit_test(stopping_runs_what_is_pushed),
		cmocka_unit_test(put_off_is_in_time),
		cmocka_unit_test(put_off_in_order),
		cmocka_unit_test(clients_take_turns),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
