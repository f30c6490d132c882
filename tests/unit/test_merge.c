/* Merging what another relay knows into what this relay knows. */
#include "cm.h"

#include "merge.h"
#include "schedule.h"

#include <stdlib.h>
#include <string.h>

#define NOW INT64_C(1760000000)
#define HOUR 3600

static void record_set(struct entry *entry, int64_t at, enum reason outcome, const char *id)
{
	struct record_found found = {.outcome = outcome, .ttl_s = 300};
	strncpy(found.record.id, id, RECORD_ID_MAX);
	entry_learn_record(entry, &found, at);
}

static void policy_set(struct entry *entry, int64_t at, enum policy_mode mode, const char *id, uint32_t max_age_s)
{
	struct policy_found found = {.outcome = REASON_OK, .text = strdup("as received"), .text_len = 11};
	found.policy.mode = mode;
	found.policy.max_age_s = max_age_s;
	names_add(&found.policy.mx, id, strlen(id));
	entry_learn_policy(entry, &found, id, at);
	policy_found_free(&found);
}

static void failure_set_at(struct entry *entry, int64_t at)
{
	struct policy_found found = {.outcome = REASON_POLICY_FETCH};
	entry_learn_policy(entry, &found, "9", at);
}

/* A row has the age and the max_age of both policies, and which of them is kept. */
static const struct {
	int64_t ours, theirs; /* ages in hours; -1: none */
	uint32_t our_hours, their_hours;
	bool taken;
} policies[] = {
	{-1, 5, 0, 24, true},
	{-1, 25, 0, 24, true},    /* expired: kept for a while, because clocks jump */
	{5, 4, 24, 24, true},     /* newer */
	{4, 5, 24, 24, false},    /* older */
	{5, 5, 24, 24, false},    /* the same fetch */
	{30, 3, 240, 2, false},   /* newer, but expired: it does not replace a live one */
	{30, 3, 24, 2, true},     /* both have expired */
	{30, 31, 24, 240, false}, /* older, although still live: the newer policy has replaced it */
	{5, -1, 24, 0, false},
};

static void test_policies(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(policies); i++) {
		struct entry ours, theirs;
		entry_init(&ours, "d.example");
		entry_init(&theirs, "d.example");
		if (policies[i].ours >= 0)
			policy_set(&ours, NOW - policies[i].ours * HOUR, POLICY_ENFORCE, "1",
				policies[i].our_hours * HOUR);
		if (policies[i].theirs >= 0)
			policy_set(&theirs, NOW - policies[i].theirs * HOUR, POLICY_TESTING, "2",
				policies[i].their_hours * HOUR);
		bool changed = entry_merge(&ours, &theirs, NOW);
		if (changed != policies[i].taken || strcmp(ours.policy_id, policies[i].taken ? "2" : "1") != 0)
			fail_msg("row %zu: id %s", i, ours.policy_id);
		assert_int_equal(ours.placed, policies[i].taken); /* counts as in use until it is fetched again */
		const struct entry *source = policies[i].taken ? &theirs : NULL;
		if (source) {
			assert_int_equal(ours.policy.mode, POLICY_TESTING);
			assert_true(names_have(&ours.policy.mx, "2"));
			assert_int_equal(ours.policy_fetched_at, source->policy_fetched_at);
			assert_int_equal(ours.policy_expires_at, source->policy_expires_at);
			assert_string_equal(ours.policy_text, "as received");
			assert_int_equal(ours.fetch_tried_at, source->fetch_tried_at);
		}
		entry_free(&ours);
		entry_free(&theirs);
	}
}

/* While the clock is behind, a policy that was fetched before it was set back is still the newer one, and in force. */
static void test_policy_of_times_to_come(void **state)
{
	(void)state;
	for (int theirs_at = 0; theirs_at <= 1; theirs_at++) {
		struct entry ours, theirs;
		entry_init(&ours, "d.example");
		entry_init(&theirs, "d.example");
		policy_set(&ours, NOW + 4 * DAY_S, POLICY_ENFORCE, "2", 10 * DAY_S);
		policy_set(&theirs, NOW - theirs_at * HOUR, POLICY_NONE, "1", 10 * DAY_S);
		entry_merge(&ours, &theirs, NOW);
		assert_int_equal(ours.policy.mode, POLICY_ENFORCE);
		assert_string_equal(ours.policy_id, "2");
		entry_free(&ours);
		entry_free(&theirs);
	}
}

/* A live policy that is replaced becomes the previous one; otherwise the other relay's previous policy is taken
 * over. */
static void test_previous(void **state)
{
	(void)state;
	struct entry ours, theirs;
	entry_init(&ours, "d.example");
	entry_init(&theirs, "d.example");
	policy_set(&theirs, NOW - 9 * HOUR, POLICY_ENFORCE, "0", 24 * HOUR);
	policy_set(&theirs, NOW - HOUR, POLICY_TESTING, "2", 24 * HOUR);
	policy_set(&ours, NOW - 5 * HOUR, POLICY_ENFORCE, "1", 24 * HOUR);
	assert_true(entry_merge(&ours, &theirs, NOW));
	assert_true(ours.has_previous);
	assert_int_equal(ours.previous_mode, POLICY_ENFORCE);
	assert_string_equal(ours.previous_id, "1");
	assert_int_equal(ours.previous_until, NOW + 19 * HOUR);
	entry_free(&ours);
	entry_init(&ours, "d.example");
	assert_true(entry_merge(&ours, &theirs, NOW));
	assert_string_equal(ours.previous_id, "0");
	entry_free(&ours);
	entry_free(&theirs);
}

static void test_record(void **state)
{
	(void)state;
	struct entry ours = {.domain = "d.example"}, theirs = {.domain = "d.example"};
	record_set(&ours, NOW - 100, REASON_OK, "1");
	record_set(&theirs, NOW - 200, REASON_OK, "2");
	assert_false(entry_merge(&ours, &theirs, NOW));
	assert_string_equal(ours.record_id, "1");
	record_set(&theirs, NOW - 50, REASON_OK, "2");
	assert_true(entry_merge(&ours, &theirs, NOW));
	assert_string_equal(ours.record_id, "2");
	assert_int_equal(ours.record_checked_at, NOW - 50);
	/* The other relay found no record and knows no valid one, so the newest valid record is still ours. */
	struct entry absent = {.domain = "d.example"};
	record_set(&absent, NOW - 10, REASON_NO_RECORD, "");
	assert_true(entry_merge(&ours, &absent, NOW));
	assert_int_equal(ours.record_outcome, REASON_NO_RECORD);
	assert_string_equal(ours.record_id, "2");
	/* A time in the future, from a wrong clock here, does not keep newer knowledge out. */
	record_set(&ours, NOW + DAY_S, REASON_NO_RECORD, "");
	assert_true(entry_merge(&ours, &theirs, NOW));
	assert_int_equal(ours.record_checked_at, NOW - 50);
}

static void test_fetch(void **state)
{
	(void)state;
	struct entry ours, theirs;
	entry_init(&ours, "d.example");
	entry_init(&theirs, "d.example");
	policy_set(&ours, NOW - 10 * HOUR, POLICY_ENFORCE, "1", 100 * HOUR);
	policy_set(&theirs, NOW - 3 * HOUR, POLICY_ENFORCE, "2", 2 * HOUR); /* newer, and expired */
	assert_false(entry_merge(&ours, &theirs, NOW));
	assert_int_equal(ours.fetch_tried_at, NOW - 10 * HOUR);
	failure_set_at(&theirs, NOW - HOUR);
	assert_true(entry_merge(&ours, &theirs, NOW));
	assert_int_equal(ours.fetch_outcome, REASON_POLICY_FETCH);
	assert_int_equal(ours.fetch_failures, 1);
	assert_string_equal(ours.policy_id, "1");
	entry_free(&ours);
	entry_free(&theirs);
}

static void test_mx_and_use(void **state)
{
	(void)state;
	struct entry ours, theirs;
	entry_init(&ours, "d.example");
	entry_init(&theirs, "d.example");
	struct mx_found found = {.outcome = REASON_OK, .set.state = MX_LISTED};
	names_add(&found.set.names, "mx.d.example", 12);
	entry_learn_mx(&theirs, &found, NOW - 60);
	entry_learn_use(&theirs, NOW - 9 * DAY_S);
	theirs.last_used_day = schedule_day(NOW) - 3;
	entry_learn_use(&ours, NOW - 5 * DAY_S);
	assert_true(entry_merge(&ours, &theirs, NOW));
	assert_true(names_have(&ours.mx.names, "mx.d.example"));
	assert_int_equal(ours.first_used_day, schedule_day(NOW) - 9);
	assert_int_equal(ours.last_used_day, schedule_day(NOW) - 3);
	assert_false(entry_merge(&ours, &theirs, NOW));
	theirs.last_used_day = schedule_day(NOW) + 2; /* a day in the future */
	assert_false(entry_merge(&ours, &theirs, NOW));
	mx_found_free(&found);
	entry_free(&ours);
	entry_free(&theirs);
}

/* The order of merging makes no difference. */
static void test_hops(void **state)
{
	(void)state;
	struct hop_record a = {0}, b = {0}, ab, ba;
	hop_record_learn(&a, &(struct evidence){.at = NOW - 300, .reason = REASON_OK});
	hop_record_learn(&a, &(struct evidence){.at = NOW - 100, .reason = REASON_HOP_TIMEOUT});
	hop_record_learn(&b, &(struct evidence){.at = NOW - 200, .reason = REASON_STARTTLS_MISSING});
	ab = a;
	ba = b;
	assert_true(hop_record_merge(&ab, &b, NOW));
	assert_true(hop_record_merge(&ba, &a, NOW));
	/* Only one of them has seen the hop silent. */
	assert_int_equal(ab.pkix.silent_since, NOW - 100);
	assert_int_equal(ba.pkix.silent_since, 0);
	ab.pkix.silent_since = 0;
	ab.pkix.silent_probes = 0;
	struct bytes one = hop_record_encode(&ab),
		     other = hop_record_encode(&ba); /* without the padding between members */
	assert_int_equal(one.len, other.len);
	assert_memory_equal(one.at, other.at, one.len);
	free(one.at);
	free(other.at);
	assert_int_equal(ab.pkix.newest.at, NOW - 100);
	assert_int_equal(ab.pkix.conclusive.at, NOW - 200);
	assert_int_equal(ab.pkix.good.at, NOW - 300);
	assert_false(hop_record_merge(&ab, &a, NOW));
	assert_false(hop_record_merge(&ab, &b, NOW));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_policies),
		cmocka_unit_test(test_policy_of_times_to_come),
		cmocka_unit_test(test_previous),
		cmocka_unit_test(test_record),
		cmocka_unit_test(test_fetch),
		cmocka_unit_test(test_mx_and_use),
		cmocka_unit_test(test_hops),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
