/* The refresher's thread with a list of due domains and a check that only counts. */
#include "clock.h"
#include "lock.h"
#include "refresher.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <time.h>

#include <cmocka.h>

#define DOMAINS_MAX 4000

/* The due domains, and what has happened to them. With `stuck`, a domain whose refresh was begun stays due. */
static atomic_uint due_count, begun_count, twice_count, stuck_count, asked_count;
static atomic_uint begun[DOMAINS_MAX];
static atomic_bool no_room, unread;

bool store_due(struct store *store, int64_t now, size_t max, struct names *out, struct failure *why)
{
	(void)store;
	(void)now;
	if (unread)
		return failure_set(why, EX_IOERR, "a test says so");
	for (unsigned i = 0, found = 0; i < due_count && found < max; i++) {
		char name[32];
		if (begun[i] > 0 && i >= stuck_count)
			continue;
		snprintf(name, sizeof name, "d%u.example", i);
		names_add(out, name, strlen(name));
		found++;
	}
	return true;
}

void check_round_ended(struct check *check, bool store_read, const struct failure *why)
{
	(void)check;
	(void)store_read;
	(void)why;
}

static atomic_uint wrote_count;

void check_write_verdicts(struct check *check)
{
	(void)check;
	wrote_count++;
}

enum check_refreshed check_refresh(struct check *check, const char *domain, bool forced)
{
	(void)check;
	assert_false(forced);
	asked_count++;
	unsigned i = (unsigned)strtoul(domain + 1, NULL, 10);
	if (no_room)
		return CHECK_REFRESH_NO_ROOM;
	if (begun[i]++ > 0)
		twice_count++;
	begun_count++;
	return CHECK_REFRESH_BEGUN;
}

static int fresh(void **state)
{
	(void)state;
	due_count = begun_count = twice_count = stuck_count = asked_count = 0;
	no_room = unread = false;
	for (unsigned i = 0; i < DOMAINS_MAX; i++)
		begun[i] = 0;
	return 0;
}

static void rest(int ms)
{
	nanosleep(&(struct timespec){ms / 1000, (long)(ms % 1000) * 1000000}, NULL);
}

static struct refresher *started(void)
{
	struct failure why;
	struct refresher *refresher = refresher_start(NULL, NULL, NULL, NULL, &why);
	assert_non_null(refresher);
	return refresher;
}

/* More domains are due than it may submit: it goes on at the maximum rate, not once per tick. */
static void test_feeds_on(void **state)
{
	(void)state;
	due_count = 2000;
	int64_t from_ms = clock_mono_ms();
	struct refresher *refresher = started();
	rest(2000);
	refresher_stop(&refresher);
	int64_t most = REFRESHER_A_SECOND * (clock_mono_ms() - from_ms) / 1000 + 1;
	assert_in_range(begun_count, REFRESHER_A_SECOND, most);
	assert_int_equal(twice_count, 0);
}

/* No room: the other domains follow as soon as there is room. */
static void test_room_comes(void **state)
{
	(void)state;
	due_count = 50;
	no_room = true;
	struct refresher *refresher = started();
	rest(500);
	assert_int_equal(begun_count, 0);
	assert_in_range(asked_count, 1, 6); /* one each time */
	no_room = false;
	rest(900);
	assert_int_equal(begun_count, 50);
	refresher_stop(&refresher);
}

/* Domains whose due time does not move, because the store accepts no changes: each is submitted once, and they do not
 * hide the due domains after them. */
static void test_stuck_ahead(void **state)
{
	(void)state;
	due_count = stuck_count = REFRESHER_BATCH + 100;
	struct refresher *refresher = started();
	int64_t until_ms = clock_mono_ms() + 30000;
	while (begun_count < stuck_count && clock_mono_ms() < until_ms)
		rest(50);
	assert_int_equal(begun_count, REFRESHER_BATCH + 100);
	due_count = due_count + 20;
	until_ms = clock_mono_ms() + REFRESHER_TICK_MS + 5000;
	while (begun_count < due_count && clock_mono_ms() < until_ms)
		rest(50);
	refresher_stop(&refresher);
	assert_int_equal(begun_count, due_count);
	assert_int_equal(twice_count, 0);
}

/* Nothing is due, or the store cannot be read: it checks once per tick. */
static void test_rests(void **state)
{
	(void)state;
	unread = true;
	struct refresher *refresher = started();
	rest(300);
	unread = false;
	due_count = 1;
	rest(500);
	assert_int_equal(asked_count, 0);
	refresher_stop(&refresher);
}

/* Verdicts are written every second, although the next round is 5 s away. */
static void test_writes_verdicts(void **state)
{
	(void)state;
	wrote_count = 0;
	struct refresher *refresher = started();
	rest(2300);
	refresher_stop(&refresher);
	assert_in_range(wrote_count, 2, 4);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_feeds_on, fresh),
		cmocka_unit_test_setup(test_room_comes, fresh),
		cmocka_unit_test_setup(test_stuck_ahead, fresh),
		cmocka_unit_test_setup(test_rests, fresh),
		cmocka_unit_test_setup(test_writes_verdicts, fresh),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
