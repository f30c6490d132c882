/* Ages and due times of design 5: each limit is tested just before it and just after it. */
#include "schedule.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define NOW INT64_C(1900000000)
#define AGE_ENDLESS (100 * 365 * (int64_t)DAY_S)

static const struct rules rules = {
	.probe = true,
	.probe_ttl_ok_s = 4 * 3600,
	.probe_ttl_fail_s = 60,
	.probe_ttl_max_s = DAY_S,
	.refresh_interval_s = DAY_S,
	.forget_after_s = 180 * DAY_S,
};

/* Returns an entry with a policy, all of which was learned `age` seconds ago. */
static struct entry entry_of_age(int64_t age)
{
	struct entry e;
	entry_init(&e, "example.com");
	e.record_checked_at = e.policy_fetched_at = e.fetch_tried_at = e.mx.checked_at = NOW - age;
	e.record_outcome = e.fetch_outcome = REASON_OK;
	e.record_ttl_s = 3600;
	memcpy(e.record_id, "1", 2);
	memcpy(e.policy_id, "1", 2);
	e.has_policy = true;
	e.policy.mode = POLICY_ENFORCE;
	e.policy.max_age_s = 30 * DAY_S;
	e.policy_expires_at = e.policy_fetched_at + e.policy.max_age_s;
	e.mx.state = MX_LISTED;
	e.mx.ttl_s = 3600;
	e.first_used_day = e.last_used_day = schedule_day(NOW);
	return e;
}

static void test_age(void **state)
{
	(void)state;
	assert_int_equal(schedule_age(NOW - 10, NOW), 10);
	assert_int_equal(schedule_age(NOW, NOW), 0);
	assert_true(schedule_age(0, NOW) > AGE_ENDLESS);          /* never */
	assert_true(schedule_age(NOW + 3600, NOW) > AGE_ENDLESS); /* the clock was set back (spec S-79) */
	assert_int_equal(schedule_day(0), 0);
	assert_int_equal(schedule_day(DAY_S - 1), 0);
	assert_int_equal(schedule_day(DAY_S), 1);
}

static void test_record_stale(void **state)
{
	(void)state;
	static const struct {
		uint32_t ttl_s;
		int64_t soft_s;
	} rows[] = {{0, 300}, {60, 300}, {300, 300}, {900, 900}, {3600, 3600}, {86400, 3600}, {UINT32_MAX, 3600}};
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct entry e = entry_of_age(rows[i].soft_s - 1);
		e.record_ttl_s = rows[i].ttl_s;
		assert_false(schedule_record_stale(&e, NOW));
		assert_true(schedule_record_stale(&e, NOW + 2));
	}
	struct entry future = entry_of_age(-7200);
	assert_true(schedule_record_stale(&future, NOW));
}

static struct entry negative_of_age(enum reason outcome, int64_t age)
{
	struct entry e;
	entry_init(&e, "example.com");
	e.record_outcome = outcome;
	e.record_checked_at = NOW - age;
	e.record_ttl_s = 300;
	return e;
}

static void test_negative_known(void **state)
{
	(void)state;
	static const struct {
		enum reason outcome;
		bool held;
		int64_t hard_s;
	} rows[] = {
		{REASON_NO_RECORD, false, 86400},
		{REASON_NO_RECORD, true, 86400},
		{REASON_RECORD_INVALID, true, 86400},
		{REASON_RECORD_MANY, true, 86400},
		{REASON_RECORD_LOOKUP, false, 60},
		{REASON_RECORD_LOOKUP, true, 6 * 3600},
		{REASON_RESOLVER, false, 10},
		{REASON_RESOLVER, true, 10},
	};
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct entry e = negative_of_age(rows[i].outcome, rows[i].hard_s - 1);
		assert_true(schedule_negative_known(&e, rows[i].held, NOW));
		assert_false(schedule_negative_known(&e, rows[i].held, NOW + 2));
	}
	struct entry unknown, future = negative_of_age(REASON_NO_RECORD, -7200);
	entry_init(&unknown, "example.com");
	assert_false(schedule_negative_known(&unknown, true, NOW));
	assert_false(schedule_negative_known(&future, true, NOW));
	struct entry valid = negative_of_age(REASON_OK, 10); /* a valid record that did not lead to a fetch yet */
	assert_false(schedule_negative_known(&valid, true, NOW));
}

/* A failure while a policy was in force does not count after its end; an answer does (design 5.6). */
static void test_negative_after_policy(void **state)
{
	(void)state;
	static const struct {
		enum reason record, fetch;
		int64_t age_s, over_s; /* of the lookup, and since the policy expired */
		bool known;
	} rows[] = {
		{REASON_RECORD_LOOKUP, REASON_OK, 100, 200, true},
		{REASON_RECORD_LOOKUP, REASON_OK, 200, 100, false},
		{REASON_OK, REASON_POLICY_FETCH, 100, 200, true},
		{REASON_OK, REASON_POLICY_FETCH, 200, 100, false},
		{REASON_NO_RECORD, REASON_OK, 200, 100, true},
	};
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct entry e = negative_of_age(rows[i].record, rows[i].age_s);
		e.fetch_outcome = rows[i].fetch;
		e.fetch_tried_at = e.record_checked_at;
		e.has_policy = true;
		e.policy_expires_at = NOW - rows[i].over_s;
		assert_int_equal(schedule_negative_known(&e, true, NOW), rows[i].known);
	}
}

/* Soft age: the SOA minimum within 1 to 60 minutes (spec S-20). */
static void test_negative_stale(void **state)
{
	(void)state;
	static const struct {
		uint32_t ttl_s;
		int64_t soft_s;
	} rows[] = {{0, 60}, {300, 300}, {3600, 3600}, {86400, 3600}};
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct entry e = negative_of_age(REASON_NO_RECORD, rows[i].soft_s - 1);
		e.record_ttl_s = rows[i].ttl_s;
		assert_false(schedule_negative_stale(&e, NOW));
		assert_true(schedule_negative_stale(&e, NOW + 2));
	}
}

static void test_mx(void **state)
{
	(void)state;
	static const struct {
		uint32_t ttl_s;
		int64_t soft_s;
	} rows[] = {{0, 60}, {300, 300}, {3600, 3600}, {86400, 3600}};
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct entry e = entry_of_age(rows[i].soft_s - 1);
		e.mx.ttl_s = rows[i].ttl_s;
		assert_false(schedule_mx_stale(&e, NOW));
		assert_true(schedule_mx_stale(&e, NOW + 2));
		assert_true(schedule_mx_known(&e, NOW + 2));
	}
	struct entry old = entry_of_age(MX_HARD_S - 1);
	assert_true(schedule_mx_known(&old, NOW));
	assert_false(schedule_mx_known(&old, NOW + 2));
	struct entry never = entry_of_age(0);
	never.mx = (struct mx_set){.state = MX_UNKNOWN};
	assert_false(schedule_mx_known(&never, NOW));
}

static void test_body_stale(void **state)
{
	(void)state;
	struct entry e = entry_of_age(0);
	int64_t first = NOW, second;
	while (!schedule_policy_stale(&e, &rules, first))
		first++;
	assert_in_range(first, NOW + 1, NOW + DAY_S);
	e.policy_fetched_at = e.fetch_tried_at = first;
	for (second = first; !schedule_policy_stale(&e, &rules, second);)
		second++;
	assert_int_equal(second, first + DAY_S); /* the same moment in each interval */
	e = entry_of_age(-7200);
	assert_true(schedule_policy_stale(&e, &rules, NOW)); /* fetched in the future: renew it now (spec S-79) */
	/* A short policy is fetched again well before it expires (RFC 8461 3.3). */
	e = entry_of_age(3500);
	e.policy.max_age_s = 3600;
	e.policy_expires_at = e.policy_fetched_at + 3600;
	assert_true(schedule_policy_stale(&e, &rules, NOW));
}

/* Fetches for one domain are five minutes apart, even if the id changes (RFC 8461 3.3; design 5.8). */
static void test_fetch_allowed(void **state)
{
	(void)state;
	struct entry e = entry_of_age(FETCH_SPACING_S - 1);
	e.fetch_outcome = REASON_POLICY_FETCH;
	assert_false(schedule_fetch_allowed(&e, NOW));
	memcpy(e.record_id, "2", 2);
	assert_false(schedule_fetch_allowed(&e, NOW));
	assert_true(schedule_fetch_allowed(&e, NOW + 2));
	e.fetch_outcome = REASON_OK; /* after a success, too */
	assert_false(schedule_fetch_allowed(&e, NOW));
	assert_true(schedule_fetch_allowed(&e, NOW + 2));
	struct entry never, future = entry_of_age(-7200);
	entry_init(&never, "example.com");
	assert_true(schedule_fetch_allowed(&never, NOW));
	assert_true(schedule_fetch_allowed(&future, NOW));
}

static void test_in_use(void **state)
{
	(void)state;
	struct entry e = entry_of_age(0);
	assert_true(schedule_in_use(&e, NOW));
	assert_true(schedule_in_use(&e, NOW + DAY_S)); /* yesterday */
	assert_false(schedule_in_use(&e, NOW + 2 * DAY_S));
	e.last_used_day = 0;
	assert_false(schedule_in_use(&e, NOW));
}

static int64_t due_of(const struct entry *entry, int64_t now)
{
	struct facts facts = {.rules = &rules, .now = now, .store = STORE_READ, .entry = *entry};
	facts.question.has_domain = facts.question.mx_lookup = true;
	facts.question.purpose = PURPOSE_REFRESH;
	memcpy(facts.question.domain, entry->domain, DOMAIN_SIZE);
	return schedule_due(&facts);
}

static void test_due_in_use(void **state)
{
	(void)state;
	struct entry e = entry_of_age(0);
	int64_t due = due_of(&e, NOW);
	assert_true(due > NOW &&
		    due <= NOW + RECORD_AGE_MAX_S + 1); /* in use: due after the TTL of the record, within its limits */
	e.record_ttl_s = 0;
	due = due_of(&e, NOW);
	assert_true(due > NOW && due <= NOW + RECORD_AGE_MIN_S + 1);
	struct entry overdue = entry_of_age(3 * DAY_S); /* never due in the past, which would be a busy loop */
	assert_true(due_of(&overdue, NOW) > NOW);
}

static void test_due_unused(void **state)
{
	(void)state;
	struct entry e = entry_of_age(0);
	e.first_used_day = e.last_used_day =
		schedule_day(NOW) - 10; /* not in use: a daily fetch, and no lookup of the record */
	int64_t due = due_of(&e, NOW);
	assert_true(due > NOW + RECORD_AGE_MAX_S && due <= NOW + DAY_S);
	e.last_used_day = schedule_day(NOW) - 179;
	assert_true(due_of(&e, NOW) != 0);
	e.last_used_day = schedule_day(NOW) - 182; /* past forget_after */
	assert_int_equal(due_of(&e, NOW), 0);
}

static void test_due_before_expiry(void **state)
{
	(void)state;
	struct entry e = entry_of_age(0);
	e.last_used_day -= 10;
	e.policy.max_age_s = 7200;
	e.policy_expires_at = NOW + 7200;
	int64_t due = due_of(&e, NOW);
	assert_true(due > NOW && due < NOW + 7200 - 600);
}

#define SPREAD_DOMAINS 100000
#define SPREAD_HOURS 24

/* A hundred thousand domains that were imported together fall due evenly over the interval, none of them later. Each
 * refresh finds something to do, and the next one is later. */
static void test_due_even(void **state)
{
	(void)state;
	unsigned hour[SPREAD_HOURS] = {0};
	for (int i = 0; i < SPREAD_DOMAINS; i++) {
		struct entry e = entry_of_age(0);
		snprintf(e.domain, sizeof e.domain, "d%d.example.net", i);
		e.last_used_day -= 10;
		int64_t due = due_of(&e, NOW);
		assert_in_range(due, NOW + 1, NOW + DAY_S);
		hour[(due - NOW - 1) / 3600]++;
		assert_true(schedule_policy_stale(&e, &rules, due) && schedule_fetch_allowed(&e, due));
		e.policy_fetched_at = e.fetch_tried_at = due;
		e.policy_expires_at = due + e.policy.max_age_s;
		int64_t next = due_of(&e, due);
		assert_in_range(next, due + NEGATIVE_AGE_MIN_S, due + DAY_S);
		e.policy_fetched_at = e.fetch_tried_at = next;
		assert_int_equal(due_of(&e, next), next + DAY_S); /* one early fetch at most */
	}
	for (int i = 0; i < SPREAD_HOURS; i++)
		assert_in_range(
			hour[i], SPREAD_DOMAINS / SPREAD_HOURS * 9 / 10, SPREAD_DOMAINS / SPREAD_HOURS * 11 / 10);
}

/* For any max_age: a due policy is stale and may be fetched, and no policy expires that can be renewed in time. */
static void test_due_short(void **state)
{
	(void)state;
	for (uint32_t max_age = 0; max_age < 7200; max_age += 7) {
		struct entry e = entry_of_age(0);
		e.last_used_day -= 10;
		e.policy.max_age_s = max_age;
		e.policy_expires_at = NOW + max_age;
		int64_t due = due_of(&e, NOW);
		assert_true(due != 0 || max_age <= FETCH_SPACING_S);
		assert_true(due == 0 || (due >= NOW + FETCH_SPACING_S && due < e.policy_expires_at));
		assert_true(due == 0 || (schedule_policy_stale(&e, &rules, due) && schedule_fetch_allowed(&e, due)));
	}
}

/* Evidence falls due before its soft age ends, with jitter by host; under a testing policy once a day. */
static void test_evidence_age(void **state)
{
	(void)state;
	int64_t soft = rules.probe_ttl_ok_s, least = soft, most = 0;
	for (int i = 0; i < 1000; i++) {
		char host[64];
		snprintf(host, sizeof host, "mx%d.example.net", i);
		int64_t age = schedule_evidence_age(host, POLICY_ENFORCE, &rules, true);
		least = age < least ? age : least;
		most = age > most ? age : most;
		assert_int_equal(schedule_evidence_age(host, POLICY_ENFORCE, &rules, false), soft);
		assert_int_equal(schedule_evidence_age(host, POLICY_TESTING, &rules, true), DAY_S);
	}
	assert_in_range(least, soft * 3 / 4, soft * 77 / 100);
	assert_in_range(most, soft * 88 / 100, soft * 9 / 10);
}

/* The age is always the same for a name, and differs between names. */
static void test_due_spread(void **state)
{
	(void)state;
	struct entry e = entry_of_age(0);
	e.last_used_day -= 10;
	int64_t first = due_of(&e, NOW), least = first, most = first;
	assert_int_equal(first, due_of(&e, NOW));
	for (int i = 0; i < 100; i++) {
		memcpy(e.domain, "d00.example.net", sizeof "d00.example.net");
		e.domain[1] = (char)('0' + i / 10);
		e.domain[2] = (char)('0' + i % 10);
		int64_t due = due_of(&e, NOW);
		least = due < least ? due : least;
		most = due > most ? due : most;
	}
	assert_true(most - least >= 1800);
}

/* Back-off: longer with each failure, up to a limit, and shorter again as the policy nears its end. */
static void test_due_backs_off(void **state)
{
	(void)state;
	struct entry e = entry_of_age(2 * DAY_S);
	e.last_used_day -= 10;
	e.policy.max_age_s = 300 * DAY_S;
	e.policy_expires_at = NOW + 298 * DAY_S;
	e.fetch_tried_at = NOW;
	e.fetch_outcome = REASON_POLICY_FETCH;
	int64_t before = 0;
	for (e.fetch_failures = 1; e.fetch_failures < 8; e.fetch_failures++) {
		int64_t due = due_of(&e, NOW);
		assert_true(due >= NOW + FETCH_SPACING_S);
		assert_true(due > before);
		before = due;
	}
	e.fetch_failures = UINT32_MAX;
	assert_in_range(due_of(&e, NOW), NOW + 12 * 3600, NOW + DAY_S);
	assert_false(schedule_policy_stale(&e, &rules, due_of(&e, NOW) - 1));
	assert_true(schedule_policy_stale(&e, &rules, due_of(&e, NOW)));
	e.policy_expires_at = NOW + DAY_S;
	assert_int_equal(due_of(&e, NOW), NOW + DAY_S / 4);
	e.policy_expires_at = NOW + 600;
	assert_int_equal(due_of(&e, NOW), NOW + FETCH_SPACING_S);
}

static void test_due_nothing(void **state)
{
	(void)state;
	struct entry e = entry_of_age(0);
	e.has_policy = false;
	e.record_outcome = REASON_NO_RECORD;
	e.last_used_day -= 10;
	assert_int_equal(due_of(&e, NOW), 0); /* a domain without a policy is not refreshed */
}

static void test_refresh_alarm(void **state)
{
	static const struct {
		int64_t age;
		enum policy_mode mode;
		enum refresh_alarm alarm;
	} rows[] = {
		{15 * DAY_S - 1, POLICY_ENFORCE, REFRESH_ALARM_NONE}, {15 * DAY_S, POLICY_ENFORCE, REFRESH_ALARM_HALF},
		{15 * DAY_S, POLICY_TESTING, REFRESH_ALARM_HALF}, {15 * DAY_S, POLICY_NONE, REFRESH_ALARM_NONE},
		{27 * DAY_S - 1, POLICY_ENFORCE, REFRESH_ALARM_HALF},
		{27 * DAY_S, POLICY_ENFORCE, REFRESH_ALARM_NINE_TENTHS},
		{30 * DAY_S - 1, POLICY_ENFORCE, REFRESH_ALARM_NINE_TENTHS},
		{30 * DAY_S, POLICY_ENFORCE, REFRESH_ALARM_NONE}, /* it has expired */
		{-DAY_S, POLICY_ENFORCE, REFRESH_ALARM_NONE},     /* the clock was set back */
	};
	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct entry e = entry_of_age(rows[i].age);
		e.policy.mode = rows[i].mode;
		if (schedule_refresh_alarm(&e, NOW) != rows[i].alarm)
			fail_msg("row %zu", i);
		e.has_policy = false;
		assert_int_equal(schedule_refresh_alarm(&e, NOW), REFRESH_ALARM_NONE);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_age),
		cmocka_unit_test(test_record_stale),
		cmocka_unit_test(test_negative_known),
		cmocka_unit_test(test_negative_after_policy),
		cmocka_unit_test(test_negative_stale),
		cmocka_unit_test(test_mx),
		cmocka_unit_test(test_body_stale),
		cmocka_unit_test(test_fetch_allowed),
		cmocka_unit_test(test_in_use),
		cmocka_unit_test(test_due_in_use),
		cmocka_unit_test(test_due_unused),
		cmocka_unit_test(test_due_before_expiry),
		cmocka_unit_test(test_due_even),
		cmocka_unit_test(test_due_short),
		cmocka_unit_test(test_evidence_age),
		cmocka_unit_test(test_due_spread),
		cmocka_unit_test(test_due_backs_off),
		cmocka_unit_test(test_due_nothing),
		cmocka_unit_test(test_refresh_alarm),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
