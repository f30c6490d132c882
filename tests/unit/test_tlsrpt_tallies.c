/* Counting sessions in memory and writing them: the interval, threads, the day border, a store that cannot be written, floods, and
 * kill -9. The clock is the test's own. */
#include "cm.h"

#include "clock.h"
#include "metrics.h"
#include "room.h"
#include "tlsrpt_tallies.h"

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#define DAY INT64_C(20700)
#define AT(day, second) ((day)*TALLY_DAY_S + (second))
#define STORE_BYTES (64 * ROOM_BYTES)
#define PATIENCE_MS 60000

/* 0: the real clock */
static _Atomic int64_t set_wall;
int64_t __real_clock_wall_s(void);
int64_t __wrap_clock_wall_s(void);
int64_t __wrap_clock_wall_s(void)
{
	int64_t at = atomic_load(&set_wall);
	return at != 0 ? at : __real_clock_wall_s();
}

static atomic_int fail_at; /* which call of store_add_tallies() fails; 0: none */
bool __real_store_add_tallies(struct store *store, const struct tlsrpt_tally *tally, size_t count, int64_t now,
	uint64_t *refused, struct failure *why);
bool __wrap_store_add_tallies(struct store *store, const struct tlsrpt_tally *tally, size_t count, int64_t now,
	uint64_t *refused, struct failure *why);
bool __wrap_store_add_tallies(struct store *store, const struct tlsrpt_tally *tally, size_t count, int64_t now,
	uint64_t *refused, struct failure *why)
{
	*refused = 0;
	if (atomic_load(&fail_at) > 0 && atomic_fetch_sub(&fail_at, 1) == 1)
		return failure_set(why, 74, "the test says so");
	return __real_store_add_tallies(store, tally, count, now, refused, why);
}

static void rest_ms(int ms)
{
	nanosleep(&(struct timespec){.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000L}, NULL);
}

/* Notes a session with one policy, which fails for a `reason` (NULL: does not fail). */
static void note(struct tallies *tallies, const char *domain, const char *record, const char *reason)
{
	struct tlsrpt_session session = {.count = 0};
	struct tlsrpt_failure failure = {.result = TLSRPT_CERTIFICATE_EXPIRED};
	snprintf(session.domain, sizeof session.domain, "%s", domain);
	snprintf(session.record, sizeof session.record, "v=TLSRPTv1; rua=mailto:%s@example.com", record);
	struct tlsrpt_policy *policy = tlsrpt_session_add(&session, TLSRPT_STS, domain);
	if (reason) {
		policy->failed = true;
		snprintf(failure.reason, sizeof failure.reason, "%s", reason);
		tlsrpt_policy_add(policy, &failure);
	}
	tallies_note(tallies, &session);
	tlsrpt_session_free(&session);
}

static uint64_t total_of(struct store *store, int64_t day, const char *domain)
{
	struct tlsrpt_tally tally;
	assert_int_not_equal(store_tally(store, day, domain, &tally, NULL), STORE_FAILED);
	uint64_t total = tlsrpt_tally_total(&tally);
	tlsrpt_tally_free(&tally);
	return total;
}

/* Returns the sum over all rows of the store. */
static uint64_t total_of_all(struct store *store)
{
	struct store_tally_key key[64], after = {.day = 0};
	size_t count = COUNT(key);
	uint64_t total = 0;
	while (count == COUNT(key)) {
		assert_true(store_page_tallies(store, &after, COUNT(key), key, &count, NULL));
		for (size_t i = 0; i < count; i++)
			total += total_of(store, key[i].day, key[i].domain);
		if (count > 0)
			after = key[count - 1];
	}
	return total;
}

static uint64_t lost(enum tallies_cause cause)
{
	return metrics_read(METRIC_TLSRPT_LOST, cause, 0, 0);
}

static void written_in_time_and_at_the_end(void **state)
{
	struct store *store = room_open(STORE_BYTES, STORE_OWNER);
	struct tallies *tallies = tallies_start(store, NULL);
	uint64_t good = metrics_read(METRIC_TLSRPT_SESSIONS, TALLIES_GOOD, 0, 0);
	int64_t began_ms = clock_mono_ms();
	(void)state;
	atomic_store(&set_wall, AT(DAY, 100));
	note(tallies, "a.example", "a", NULL);
	note(tallies, "a.example", "a", "expired");
	note(tallies, "b.example", "a", NULL);
	assert_int_equal(metrics_read(METRIC_TLSRPT_SESSIONS, TALLIES_GOOD, 0, 0) - good, 2);
	assert_int_equal(metrics_read(METRIC_TLSRPT_SESSIONS, TALLIES_FAILED, 0, 0), 1);
	while (total_of(store, DAY, "a.example") == 0 && clock_mono_ms() - began_ms < PATIENCE_MS)
		rest_ms(50);
	assert_int_equal(total_of(store, DAY, "a.example"), 2);
	assert_int_equal(total_of(store, DAY, "b.example"), 1);
	note(tallies, "a.example", "a", NULL);
	tallies_stop(&tallies);
	assert_null(tallies);
	assert_int_equal(total_of(store, DAY, "a.example"), 3);
	tallies_stop(&tallies);
	store_close(&store);
}

/* A session counts for the day on which it was noted, and for the first open day if that one is closed. */
static void the_border_of_a_day(void **state)
{
	struct store *store = room_open(STORE_BYTES, STORE_OWNER);
	struct tallies *tallies = tallies_start(store, NULL);
	(void)state;
	atomic_store(&set_wall, AT(DAY, 86399));
	note(tallies, "a.example", "a", NULL);
	atomic_store(&set_wall, AT(DAY + 1, 1));
	note(tallies, "a.example", "a", NULL);
	note(tallies, "a.example", "a", NULL);
	assert_true(tallies_write(tallies, NULL));
	assert_int_equal(total_of(store, DAY, "a.example"), 1);
	assert_int_equal(total_of(store, DAY + 1, "a.example"), 2);
	/* Sending begins, and the clock is set back. */
	assert_true(store_close_tallies(store, DAY, clock_wall_s(), NULL));
	atomic_store(&set_wall, AT(DAY, 80000));
	note(tallies, "a.example", "a", NULL);
	assert_true(tallies_write(tallies, NULL));
	assert_int_equal(total_of(store, DAY, "a.example"), 1);
	assert_int_equal(total_of(store, DAY + 1, "a.example"), 3);
	tallies_stop(&tallies);
	store_close(&store);
}

/* The thread forgets days that are older than three full days. */
static void old_days_leave(void **state)
{
	struct store *store = room_open(STORE_BYTES, STORE_OWNER);
	(void)state;
	for (int day = 0; day <= 4; day++) {
		atomic_store(&set_wall, AT(DAY + day, 43200));
		struct tallies *tallies = tallies_start(store, NULL);
		note(tallies, "a.example", "a", NULL);
		tallies_stop(&tallies);
	}
	assert_int_equal(total_of(store, DAY, "a.example"), 0);
	for (int day = 1; day <= 4; day++)
		assert_int_equal(total_of(store, DAY + day, "a.example"), 1);
	store_close(&store);
}

/* Many domains need several transactions. If one of them fails, what the others have written is not written again. */
static void half_of_it_written(void **state)
{
	struct store *store = room_open(STORE_BYTES, STORE_OWNER);
	struct tallies *tallies = tallies_start(store, NULL);
	char domain[64];
	(void)state;
	atomic_store(&set_wall, AT(DAY, 43200));
	for (int i = 0; i < 500; i++) {
		snprintf(domain, sizeof domain, "d%d.example", i);
		note(tallies, domain, "a", NULL);
	}
	atomic_store(&fail_at, 3);
	assert_false(tallies_write(tallies, NULL));
	assert_in_range(total_of_all(store), 1, 499);
	assert_true(tallies_write(tallies, NULL));
	assert_int_equal(total_of_all(store), 500);
	tallies_stop(&tallies);
	assert_int_equal(total_of_all(store), 500);
	store_close(&store);
}

/* --- threads ------------------------------------------------------------------------------------------------------ */

#define THREADS 4
#define EACH 3000
static void *note_many(void *arg)
{
	struct tallies *tallies = arg;
	for (int i = 0; i < EACH; i++) {
		char domain[64];
		snprintf(domain, sizeof domain, "d%d.example", i % 50);
		note(tallies, domain, "a", i % 3 == 0 ? "expired" : NULL);
	}
	return NULL;
}

static void many_threads_lose_nothing(void **state)
{
	struct store *store = room_open(STORE_BYTES, STORE_OWNER);
	struct tallies *tallies = tallies_start(store, NULL);
	pthread_t thread[THREADS];
	(void)state;
	atomic_store(&set_wall, AT(DAY, 43200));
	for (int i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&thread[i], NULL, note_many, tallies), 0);
	for (int i = 0; i < 20; i++) {
		assert_true(tallies_write(tallies, NULL));
		rest_ms(5);
	}
	for (int i = 0; i < THREADS; i++)
		pthread_join(thread[i], NULL);
	tallies_stop(&tallies);
	assert_int_equal(total_of_all(store), THREADS * EACH);
	assert_int_equal(lost(TALLIES_MEMORY) + lost(TALLIES_STORE), 0);
	store_close(&store);
}

/* --- floods ------------------------------------------------------------------------------------------------------- */

/* One domain with texts of a stranger's choice: they end in buckets, and every session is counted. */
static void a_flood_of_texts(void **state)
{
	struct store *store = room_open(STORE_BYTES, STORE_OWNER);
	struct tallies *tallies = tallies_start(store, NULL);
	struct tlsrpt_tally tally;
	(void)state;
	atomic_store(&set_wall, AT(DAY, 43200));
	for (int i = 0; i < 20000; i++) {
		char record[32], reason[64];
		snprintf(record, sizeof record, "r%d", i % 100);
		snprintf(reason, sizeof reason, "reason %d", i);
		note(tallies, "a.example", record, reason);
		if (i % 5000 == 0)
			assert_true(tallies_write(tallies, NULL));
	}
	tallies_stop(&tallies);
	assert_int_equal(store_tally(store, DAY, "a.example", &tally, NULL), STORE_FOUND);
	assert_int_equal(tally.count, TALLY_RECORDS_MAX + 1);
	assert_int_equal(tlsrpt_tally_total(&tally), 20000);
	assert_int_equal(tlsrpt_tally_failed(&tally), 20000);
	assert_in_range(tally.bytes, 1, TALLY_BYTES_MAX + 100 * 1024);
	tlsrpt_tally_free(&tally);
	store_close(&store);
}

/* More domains than fit while the store cannot be written: what fits stays, the rest is counted as lost. */
static void a_flood_while_the_store_is_broken(void **state)
{
	struct store *store = room_open(STORE_BYTES, STORE_OWNER);
	struct tallies *tallies = tallies_start(store, NULL);
	uint64_t before = lost(TALLIES_MEMORY);
	struct failure why;
	struct rlimit whole, none = {0, 0};
	char domain[64];
	(void)state;
	atomic_store(&set_wall, AT(DAY, 43200));
	signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &whole), 0);
	none.rlim_max = whole.rlim_max;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &none), 0); /* as a full disk: each write fails */
	for (int i = 0; i < TALLIES_DOMAINS_MAX + 100; i++) {
		snprintf(domain, sizeof domain, "d%d.example", i);
		note(tallies, domain, "a", NULL);
		if (i == 1000) {
			assert_false(tallies_write(tallies, &why));
			assert_false(tallies_write(tallies, NULL));
		}
	}
	note(tallies, "d7.example", "a", NULL);
	assert_int_equal(lost(TALLIES_MEMORY) - before, 100);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &whole), 0);
	int64_t began_ms = clock_mono_ms();
	while (!tallies_write(tallies, NULL) && clock_mono_ms() - began_ms < PATIENCE_MS)
		rest_ms(50);
	assert_int_equal(total_of_all(store), TALLIES_DOMAINS_MAX + 1);
	assert_int_equal(total_of(store, DAY, "d7.example"), 2);
	tallies_stop(&tallies);
	assert_int_equal(total_of_all(store), TALLIES_DOMAINS_MAX + 1);
	store_close(&store);
}

/* The table in the store is full: the sessions that find no room are counted as lost. */
static void a_flood_of_domains(void **state)
{
	struct store *store = room_open(4 * ROOM_BYTES, STORE_OWNER); /* 256 KiB for tallies */
	struct tallies *tallies = tallies_start(store, NULL);
	uint64_t before = lost(TALLIES_STORE) + lost(TALLIES_MEMORY);
	char domain[64];
	(void)state;
	atomic_store(&set_wall, AT(DAY, 43200));
	for (int i = 0; i < 5000; i++) {
		snprintf(domain, sizeof domain, "d%d.example", i);
		note(tallies, domain, "a", "expired");
		if (i % 1000 == 0)
			assert_true(tallies_write(tallies, NULL));
	}
	tallies_stop(&tallies);
	uint64_t missing = lost(TALLIES_STORE) + lost(TALLIES_MEMORY) - before;
	assert_in_range(missing, 3000, 4990);
	assert_int_equal(total_of_all(store) + missing, 5000);
	store_close(&store);
}

/* --- kill -9 ------------------------------------------------------------------------------------------------------ */

#define ROUND 10 /* sessions before each writing */

/* Notes sessions for two domains, and says which rounds are begun and written. */
static void note_for_ever(int fd)
{
	struct store *store = store_open(room, STORE_BYTES, STORE_OWNER, NULL);
	struct tallies *tallies = store ? tallies_start(store, NULL) : NULL;
	if (!tallies)
		_exit(1);
	for (;;) {
		for (int i = 0; i < ROUND; i++) {
			note(tallies, "a.example", "a", "expired");
			note(tallies, "b.example", "a", NULL);
		}
		if (!tallies_write(tallies, NULL) || write(fd, "w", 1) != 1)
			_exit(1);
	}
}

/* What was written once is there once, however often the process is killed; only what was not written is lost. */
static void killed_between_two_writings(void **state)
{
	uint64_t written = 0;
	(void)state;
	atomic_store(&set_wall, AT(DAY, 43200));
	srand((unsigned)getpid());
	for (int round = 0; round < 8; round++) {
		int fd;
		char bytes[256];
		uint64_t more = 0;
		pid_t pid = room_spawn(note_for_ever, &fd);
		ssize_t got = read(fd, bytes, 1);
		assert_int_equal(got, 1);
		rest_ms(rand() % 20);
		room_kill(pid);
		for (; got > 0; got = read(fd, bytes, sizeof bytes))
			more += (uint64_t)got;
		close(fd);
		struct store *store = room_open(STORE_BYTES, STORE_OWNER);
		uint64_t a = total_of(store, DAY, "a.example"), b = total_of(store, DAY, "b.example");
		store_close(&store);
		/* The last round may be on disk although the child could not say so. */
		assert_int_equal(a, b);
		assert_in_range(a, written + more * ROUND, written + (more + 1) * ROUND);
		written = a;
	}
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, room_make, room_remove)
int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(killed_between_two_writings), /* first: it forks */
		TEST(written_in_time_and_at_the_end),
		TEST(the_border_of_a_day),
		TEST(old_days_leave),
		TEST(half_of_it_written),
		TEST(many_threads_lose_nothing),
		TEST(a_flood_of_texts),
		TEST(a_flood_while_the_store_is_broken),
		TEST(a_flood_of_domains),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
