#include "lock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <time.h>

#include <cmocka.h>

#define THREADS 4
#define ROUNDS 2000

struct shared {
	struct lock lock;
	struct signal_cond changed;
	int count GUARDED_BY(lock);
	int go GUARDED_BY(lock);
};

static int64_t now_ms(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void shared_init(struct shared *shared)
{
	lock_init(&shared->lock);
	cond_init(&shared->changed);
	lock_take(&shared->lock);
	shared->count = 0;
	shared->go = 0;
	lock_drop(&shared->lock);
}

static void shared_destroy(struct shared *shared)
{
	cond_destroy(&shared->changed);
	lock_destroy(&shared->lock);
}

static void *count_up(void *arg)
{
	struct shared *shared = arg;
	for (int i = 0; i < ROUNDS; i++) {
		lock_take(&shared->lock);
		shared->count++;
		lock_drop(&shared->lock);
	}
	return NULL;
}

static void test_exclusion(void **state)
{
	(void)state;
	struct shared shared;
	pthread_t threads[THREADS];
	shared_init(&shared);
	for (int i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, count_up, &shared), 0);
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	lock_take(&shared.lock);
	int count = shared.count;
	lock_drop(&shared.lock);
	assert_int_equal(count, THREADS * ROUNDS);
	shared_destroy(&shared);
}

static void *wait_for_go(void *arg)
{
	struct shared *shared = arg;
	lock_take(&shared->lock);
	while (!shared->go)
		cond_wait(&shared->changed, &shared->lock);
	shared->count++;
	cond_wake_one(&shared->changed);
	lock_drop(&shared->lock);
	return NULL;
}

static void test_wake(void **state)
{
	(void)state;
	struct shared shared;
	pthread_t threads[THREADS];
	shared_init(&shared);
	for (int i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, wait_for_go, &shared), 0);
	lock_take(&shared.lock);
	shared.go = 1;
	cond_wake_all(&shared.changed);
	int64_t deadline_ms = now_ms() + 10000;
	bool in_time = true;
	while (shared.count < THREADS && in_time)
		in_time = cond_wait_until(&shared.changed, &shared.lock, deadline_ms);
	lock_drop(&shared.lock);
	assert_true(in_time);
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	shared_destroy(&shared);
}

static void test_deadline(void **state)
{
	(void)state;
	struct shared shared;
	shared_init(&shared);
	int64_t deadline_ms = now_ms() + 50;
	bool in_time = true;
	lock_take(&shared.lock);
	while (in_time)
		in_time = cond_wait_until(&shared.changed, &shared.lock, deadline_ms);
	bool passed = cond_wait_until(&shared.changed, &shared.lock, -1);
	lock_drop(&shared.lock);
	assert_true(now_ms() >= deadline_ms);
	assert_false(passed);
	shared_destroy(&shared);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_exclusion),
		cmocka_unit_test(test_wake),
		cmocka_unit_test(test_deadline),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
