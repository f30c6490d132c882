/* core/health: which outcomes together begin a condition of the machine, and when it ends. */
#include "health.h"

#include "cm.h"

#include <string.h>

#define WALL 1800000000

static struct health health;
static struct health_now now;

static int fresh(void **state)
{
	(void)state;
	memset(&health, 0, sizeof health);
	now = (struct health_now){.wall_s = WALL, .mono_s = 1000};
	return 0;
}

static void pass(int64_t seconds)
{
	now.wall_s += seconds;
	now.mono_s += seconds;
}

/* Notes an outcome at `count` places, numbered from `from`, a minute apart. */
static void seen(enum health_sense sense, enum health_way way, unsigned from, unsigned count)
{
	for (unsigned i = 0; i < count; i++) {
		pass(60);
		health_note(&health, sense, way, from + i, &now);
	}
}

static bool on(enum health_condition condition)
{
	unsigned count[HEALTH_CONDITIONS];
	health_look(&health, &now, count);
	return health.on[condition];
}

static void nothing_is_on(void)
{
	for (int i = 0; i < HEALTH_CONDITIONS; i++)
		if (on((enum health_condition)i))
			fail_msg("condition %d", i);
}

static const struct row {
	enum health_condition condition;
	enum health_sense sense;
	enum health_way way;
} rows[] = {
	{HEALTH_LOOKUPS_FAIL, HEALTH_DNS, HEALTH_UNREACHED},
	{HEALTH_DNS_BOGUS, HEALTH_DNS, HEALTH_UNTRUSTED},
	{HEALTH_FETCHES_FAIL, HEALTH_FETCH, HEALTH_UNREACHED},
	{HEALTH_FETCHES_UNTRUSTED, HEALTH_FETCH, HEALTH_UNTRUSTED},
	{HEALTH_PROBES_FAIL, HEALTH_PROBE, HEALTH_UNREACHED},
	{HEALTH_PROBES_UNTRUSTED, HEALTH_PROBE, HEALTH_UNTRUSTED},
};

static void eight_places_that_fail_alike(void **state)
{
	for (size_t i = 0; i < COUNT(rows); i++) {
		fresh(state);
		seen(rows[i].sense, rows[i].way, 0, HEALTH_FAILING_MIN - 1);
		nothing_is_on();
		seen(rows[i].sense, rows[i].way, 0, HEALTH_FAILING_MIN - 1); /* the same again */
		nothing_is_on();
		seen(rows[i].sense, rows[i].way, 100, 1);
		for (int c = 0; c < HEALTH_CONDITIONS; c++)
			assert_int_equal(on((enum health_condition)c), c == (int)rows[i].condition);
		seen(rows[i].sense, HEALTH_WELL, 200, 1);
		nothing_is_on();
	}
}

static void one_provider_is_one_place(void **state)
{
	(void)state;
	for (int i = 0; i < 100; i++)
		seen(HEALTH_FETCH, HEALTH_UNREACHED, 5, 1);
	nothing_is_on();
}

static void three_that_are_broken_for_real(void **state)
{
	(void)state;
	for (int i = 0; i < 100; i++)
		seen(HEALTH_FETCH, HEALTH_UNREACHED, 1, 3);
	nothing_is_on();
}

/* Places that failed while another succeeded do not count, even if nothing succeeds for hours on a quiet relay. */
static void places_with_a_fault_of_their_own(void **state)
{
	(void)state;
	seen(HEALTH_FETCH, HEALTH_UNREACHED, 0, 7);
	seen(HEALTH_FETCH, HEALTH_WELL, 100, 1);
	seen(HEALTH_FETCH, HEALTH_UNREACHED, 0, 7);
	seen(HEALTH_FETCH, HEALTH_UNREACHED, 7, 7);
	nothing_is_on();
	seen(HEALTH_FETCH, HEALTH_UNREACHED, 14, 1);
	assert_true(on(HEALTH_FETCHES_FAIL));
}

/* A place that failed by its own fault counts again after it has succeeded, and after a day. */
static void faults_are_forgiven(void **state)
{
	(void)state;
	seen(HEALTH_FETCH, HEALTH_UNREACHED, 0, 8);
	assert_true(on(HEALTH_FETCHES_FAIL));
	seen(HEALTH_FETCH, HEALTH_WELL, 0, 8);
	nothing_is_on();
	seen(HEALTH_FETCH, HEALTH_UNREACHED, 0, 8);
	assert_true(on(HEALTH_FETCHES_FAIL));
	seen(HEALTH_FETCH, HEALTH_WELL, 100, 1);
	seen(HEALTH_FETCH, HEALTH_UNREACHED, 0, 8);
	nothing_is_on();
	pass(HEALTH_WINDOW_S);
	seen(HEALTH_FETCH, HEALTH_UNREACHED, 0, 8);
	assert_true(on(HEALTH_FETCHES_FAIL));
}

/* Any certificate proves that the network works. A failure after it proves nothing about the authorities. */
static void what_shows_the_opposite(void **state)
{
	static const enum health_way ways[] = {HEALTH_UNTRUSTED, HEALTH_EARLY, HEALTH_EXPIRED, HEALTH_REACHED};
	for (size_t i = 0; i < COUNT(ways); i++) {
		fresh(state);
		seen(HEALTH_PROBE, HEALTH_UNREACHED, 0, 8);
		seen(HEALTH_PROBE, ways[i], 100, 1);
		assert_false(on(HEALTH_PROBES_FAIL));
		fresh(state);
		seen(HEALTH_PROBE, HEALTH_UNTRUSTED, 0, 8);
		seen(HEALTH_PROBE, ways[i], 100, 1);
		assert_int_equal(on(HEALTH_PROBES_UNTRUSTED), ways[i] == HEALTH_UNTRUSTED || ways[i] == HEALTH_REACHED);
	}
	fresh(state);
	seen(HEALTH_PROBE, HEALTH_UNTRUSTED, 0, 8);
	seen(HEALTH_PROBE, HEALTH_UNREACHED, 100, 1);
	assert_true(on(HEALTH_PROBES_UNTRUSTED));
}

static void senses_do_not_mix(void **state)
{
	(void)state;
	seen(HEALTH_FETCH, HEALTH_UNREACHED, 0, 4);
	seen(HEALTH_PROBE, HEALTH_UNREACHED, 10, 4);
	seen(HEALTH_DNS, HEALTH_UNREACHED, 20, 4);
	nothing_is_on();
	seen(HEALTH_FETCH, HEALTH_UNREACHED, 30, 4);
	seen(HEALTH_PROBE, HEALTH_WELL, 40, 1);
	assert_true(on(HEALTH_FETCHES_FAIL));
}

static void nothing_tried_is_not_noted(void **state)
{
	(void)state;
	seen(HEALTH_FETCH, HEALTH_UNREACHED, 0, 8);
	seen(HEALTH_FETCH, HEALTH_NOTHING, 100, 1);
	assert_true(on(HEALTH_FETCHES_FAIL));
}

/* A condition lasts while one place supports it, and no longer than the window. */
static void old_failures_end(void **state)
{
	(void)state;
	seen(HEALTH_FETCH, HEALTH_UNREACHED, 0, 8);
	assert_true(on(HEALTH_FETCHES_FAIL));
	pass(HEALTH_WINDOW_S - 200);
	assert_true(on(HEALTH_FETCHES_FAIL));
	pass(201);
	nothing_is_on();
	seen(HEALTH_FETCH, HEALTH_UNREACHED, 0, 7);
	nothing_is_on();
}

/* More places than the module remembers. */
static void the_table_is_bounded(void **state)
{
	(void)state;
	seen(HEALTH_DNS, HEALTH_WELL, 0, 3 * HEALTH_PLACES);
	nothing_is_on();
	seen(HEALTH_DNS, HEALTH_UNTRUSTED, 1000, 3 * HEALTH_PLACES);
	assert_true(on(HEALTH_DNS_BOGUS));
}

/* --- the clock ---------------------------------------------------------------------------------------------------- */

static void few_certificates_are_early(void **state)
{
	(void)state;
	seen(HEALTH_PROBE, HEALTH_WELL, 0, 40);
	seen(HEALTH_PROBE, HEALTH_EARLY, 100, 2);
	seen(HEALTH_FETCH, HEALTH_EARLY, 200, 1);
	nothing_is_on();
	seen(HEALTH_PROBE, HEALTH_WELL, 300, 20);
	seen(HEALTH_FETCH, HEALTH_EARLY, 200, 1);
	nothing_is_on();
	seen(HEALTH_FETCH, HEALTH_EARLY, 201, 1);
	assert_true(on(HEALTH_CLOCK_BEHIND));
	assert_false(on(HEALTH_CLOCK_AHEAD));
}

static void many_certificates_have_expired(void **state)
{
	(void)state;
	seen(HEALTH_PROBE, HEALTH_WELL, 0, 25);
	seen(HEALTH_PROBE, HEALTH_EXPIRED, 100, 8); /* 8 of 33 */
	nothing_is_on();
	seen(HEALTH_FETCH, HEALTH_EXPIRED, 200, 1); /* 9 of 34 */
	assert_true(on(HEALTH_CLOCK_AHEAD));
	assert_false(on(HEALTH_CLOCK_BEHIND));
	seen(HEALTH_PROBE, HEALTH_WELL, 300, 10);
	nothing_is_on();
	fresh(state);
	seen(HEALTH_PROBE, HEALTH_EXPIRED, 100, 7);
	nothing_is_on();
}

/* Outcomes from before the clock was set do not count. */
static void a_clock_that_was_set(void **state)
{
	(void)state;
	seen(HEALTH_PROBE, HEALTH_EARLY, 0, 4);
	seen(HEALTH_DNS, HEALTH_UNTRUSTED, 0, 8);
	health_note_time(&health, now.wall_s + 7200, &now);
	assert_true(on(HEALTH_CLOCK_BEHIND));
	assert_true(on(HEALTH_DNS_BOGUS));
	now.wall_s += HEALTH_CLOCK_STEP_S;
	assert_true(on(HEALTH_CLOCK_BEHIND));
	now.wall_s += 4 * 86400;
	nothing_is_on();
	fresh(state);
	seen(HEALTH_PROBE, HEALTH_EXPIRED, 0, 8);
	assert_true(on(HEALTH_CLOCK_AHEAD));
	now.wall_s -= 40 * 86400;
	nothing_is_on();
}

static void times_of_the_store(void **state)
{
	(void)state;
	static const struct {
		int64_t ahead_s;
		bool on;
	} times[] = {{-5, false}, {0, false}, {60, false}, {3599, false}, {3600, true}, {4 * 86400, true},
		{INT64_MAX - WALL, true}, {-WALL, false}};
	for (size_t i = 0; i < COUNT(times); i++) {
		fresh(state);
		assert_int_equal(health_time_is_ahead(WALL + times[i].ahead_s, WALL), times[i].on);
		health_note_time(&health, WALL + times[i].ahead_s, &now);
		assert_int_equal(on(HEALTH_CLOCK_BEHIND), times[i].on);
	}
}

/* The condition lasts until the clock reaches the stored time, or for a day after such a time was last seen. */
static void times_of_the_store_are_reached(void **state)
{
	(void)state;
	health_note_time(&health, now.wall_s + 7200, &now);
	pass(3600);
	assert_true(on(HEALTH_CLOCK_BEHIND));
	pass(1);
	nothing_is_on();
	health_note_time(&health, now.wall_s + 365 * 86400, &now);
	pass(HEALTH_WINDOW_S);
	assert_true(on(HEALTH_CLOCK_BEHIND));
	pass(1);
	nothing_is_on();
}

int main(void)
{
#define FRESH(test) cmocka_unit_test_setup(test, fresh)
	const struct CMUnitTest tests[] = {
		FRESH(eight_places_that_fail_alike),
		FRESH(one_provider_is_one_place),
		FRESH(three_that_are_broken_for_real),
		FRESH(places_with_a_fault_of_their_own),
		FRESH(faults_are_forgiven),
		FRESH(what_shows_the_opposite),
		FRESH(senses_do_not_mix),
		FRESH(nothing_tried_is_not_noted),
		FRESH(old_failures_end),
		FRESH(the_table_is_bounded),
		FRESH(few_certificates_are_early),
		FRESH(many_certificates_have_expired),
		FRESH(a_clock_that_was_set),
		FRESH(times_of_the_store),
		FRESH(times_of_the_store_are_reached),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
