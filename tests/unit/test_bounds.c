/* What bounds the shell beside the probe budget: back-off from policy hosts, lookups that failed a moment ago, rates.
 */
#include "backoff.h"
#include "missed.h"
#include "rate.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define START_MS INT64_C(50000)

static struct address address_of(unsigned number)
{
	struct address address = {.len = 4};
	memcpy(address.bytes, &number, 4);
	return address;
}

static enum backoff_way way(struct backoff *backoff, unsigned host, bool asked, int64_t now_ms, struct backoff_try *try)
{
	struct address address = address_of(host);
	return backoff_begin(backoff, &address, asked, now_ms, try);
}

static bool begin(struct backoff *backoff, unsigned host, bool asked, int64_t now_ms, struct backoff_try *try)
{
	return way(backoff, host, asked, now_ms, try) == BACKOFF_GO;
}

static bool goes(struct backoff *backoff, unsigned host, bool asked, int64_t now_ms)
{
	struct backoff_try try;
	bool go = begin(backoff, host, asked, now_ms, &try);
	if (go)
		backoff_end(backoff, &try, BACKOFF_UNTOLD, now_ms);
	return go;
}

static void host_fails(struct backoff *backoff, unsigned host, int64_t now_ms)
{
	struct backoff_try try;
	assert_true(begin(backoff, host, true, now_ms, &try));
	backoff_end(backoff, &try, BACKOFF_UNREACHED, now_ms);
}

/* Any number at a time while all is well; one at a time after a failure; any number again after a success. */
static void test_one_at_a_time(void **state)
{
	(void)state;
	struct backoff *backoff = backoff_new();
	struct backoff_try first, second, third;
	assert_true(begin(backoff, 1, false, START_MS, &first));
	assert_true(begin(backoff, 1, false, START_MS, &second));
	backoff_end(backoff, &first, BACKOFF_UNREACHED, START_MS);
	assert_true(begin(backoff, 1, false, START_MS, &first));
	assert_true(first.alone);
	assert_int_equal(way(backoff, 1, false, START_MS + 3600000, &third), BACKOFF_FAIL);
	assert_int_equal(way(backoff, 1, true, START_MS + 3600000, &third), BACKOFF_WAIT); /* what is asked for */
	assert_true(goes(backoff, 2, false, START_MS));                                    /* another host */
	backoff_end(backoff, &second, BACKOFF_UNREACHED, START_MS); /* was under way before: counts as one */
	assert_false(begin(backoff, 1, false, START_MS, &third));
	backoff_end(backoff, &first, BACKOFF_REACHED, START_MS);
	assert_true(begin(backoff, 1, false, START_MS, &first));
	assert_true(begin(backoff, 1, false, START_MS, &second));
	backoff_free(&backoff);
	assert_null(backoff);
}

/* In back-off nothing waits, whoever asks; one try at a time is let through. */
static void test_fails_at_once(void **state)
{
	(void)state;
	struct backoff *backoff = backoff_new();
	struct backoff_try first, second;
	host_fails(backoff, 1, START_MS);
	host_fails(backoff, 1, START_MS);
	assert_int_equal(way(backoff, 1, true, START_MS, &first), BACKOFF_FAIL);
	assert_int_equal(way(backoff, 1, true, START_MS + BACKOFF_ASKED_MS, &first), BACKOFF_GO);
	assert_int_equal(way(backoff, 1, true, START_MS + BACKOFF_ASKED_MS, &second), BACKOFF_FAIL);
	backoff_end(backoff, &first, BACKOFF_REACHED, START_MS + BACKOFF_ASKED_MS);
	assert_int_equal(way(backoff, 1, false, START_MS + BACKOFF_ASKED_MS, &second), BACKOFF_GO);
	backoff_free(&backoff);
}

/* 5 s, 10 s, ... ten minutes; what is asked for waits 5 s at most. */
static void test_longer_each_time(void **state)
{
	(void)state;
	static const int64_t waits_ms[] = {0, 5000, 10000, 20000, 40000, 80000, 160000, 320000, 600000, 600000, 600000};
	struct backoff *backoff = backoff_new();
	int64_t now_ms = START_MS;
	for (size_t i = 0; i < sizeof waits_ms / sizeof waits_ms[0]; i++) {
		host_fails(backoff, 1, now_ms);
		int64_t asked_ms = waits_ms[i] < BACKOFF_ASKED_MS ? waits_ms[i] : BACKOFF_ASKED_MS;
		assert_true(i == 0 || !goes(backoff, 1, false, now_ms + waits_ms[i] - 1));
		assert_true(i == 0 || !goes(backoff, 1, true, now_ms + asked_ms - 1));
		assert_true(goes(backoff, 1, true, now_ms + asked_ms));
		assert_true(goes(backoff, 1, false, now_ms + waits_ms[i]));
		now_ms += waits_ms[i];
	}
	backoff_free(&backoff);
}

/* More hosts that fail than there is room for: some are forgotten, none that works is held up, nothing else happens. */
static void test_table_full(void **state)
{
	(void)state;
	struct backoff *backoff = backoff_new();
	unsigned held = 0;
	for (unsigned i = 0; i < 3 * BACKOFF_SLOTS; i++) {
		host_fails(backoff, i, START_MS + i);
		host_fails(backoff, i, START_MS + i);
	}
	for (unsigned i = 0; i < 3 * BACKOFF_SLOTS; i++)
		held += !goes(backoff, i, false, START_MS + 1);
	assert_in_range(held, BACKOFF_SLOTS * 9 / 10, BACKOFF_SLOTS);
	for (unsigned i = 3 * BACKOFF_SLOTS; i < 4 * BACKOFF_SLOTS; i++)
		assert_true(goes(backoff, i, false, START_MS + 1));
	backoff_free(&backoff);
}

static void test_missed(void **state)
{
	(void)state;
	struct missed *missed = missed_new();
	assert_int_equal(missed_lately(missed, "example.com", START_MS), REASON_NONE);
	missed_note(missed, "example.com", REASON_MX_LOOKUP, START_MS);
	assert_int_equal(missed_lately(missed, "example.com", START_MS + MISSED_MS - 1), REASON_MX_LOOKUP);
	assert_int_equal(missed_lately(missed, "example.com", START_MS + MISSED_MS), REASON_NONE);
	for (unsigned i = 0; i < 4 * MISSED_SLOTS; i++) { /* never for another name, whatever falls on one slot */
		char name[32];
		snprintf(name, sizeof name, "d%u.example", i);
		assert_int_equal(missed_lately(missed, name, START_MS), REASON_NONE);
		missed_note(missed, name, REASON_RESOLVER, START_MS);
		assert_int_equal(missed_lately(missed, name, START_MS), REASON_RESOLVER);
	}
	missed_free(&missed);
	assert_null(missed);
}

static unsigned taken(struct rate *rate, uint64_t key, unsigned tries, int64_t now_ms)
{
	unsigned count = 0;
	while (tries-- > 0)
		count += rate_take(rate, key, now_ms);
	return count;
}

static void test_rate(void **state)
{
	(void)state;
	struct rate *rate = rate_new(100, 1000);
	assert_int_equal(taken(rate, 7, 5000, START_MS), 1000);
	assert_int_equal(taken(rate, 8, 500, START_MS), 500); /* another's */
	assert_int_equal(taken(rate, 0, 5000, START_MS), 5000);
	assert_int_equal(taken(rate, 7, 5000, START_MS + 9), 0);
	assert_int_equal(taken(rate, 7, 5000, START_MS + 10), 1);
	assert_int_equal(taken(rate, 7, 5000, START_MS + 1010), 100);
	assert_int_equal(taken(rate, 7, 5000, START_MS + 500), 0); /* two threads' clocks out of order */
	assert_int_equal(taken(rate, 7, 5000, START_MS + 86400000), 1000);
	unsigned slowly = 0;
	for (int64_t ms = 0; ms < 10000; ms++)
		slowly += taken(rate, 7, 1, START_MS + 86400000 + ms);
	assert_in_range(slowly, 998, 1000);
	rate_free(&rate);
	assert_null(rate);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_one_at_a_time),
		cmocka_unit_test(test_fails_at_once),
		cmocka_unit_test(test_longer_each_time),
		cmocka_unit_test(test_table_full),
		cmocka_unit_test(test_missed),
		cmocka_unit_test(test_rate),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
