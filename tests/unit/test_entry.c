/* How entries and hop records change when something is learned. */
#include "cm.h"

#include "entry.h"
#include "evidence.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NOW INT64_C(1760000000)
#define DAY 86400

static struct policy_found policy_of(enum policy_mode mode, uint32_t max_age_s, const char *pattern, const char *text)
{
	struct policy_found found = {.policy = {.mode = mode, .max_age_s = max_age_s}};

	names_add(&found.policy.mx, pattern, strlen(pattern));
	found.text = strdup(text);
	found.text_len = (uint32_t)strlen(text);
	return found;
}

static void learn_policy(struct entry *entry, enum policy_mode mode, uint32_t max_age_s, const char *id, int64_t now)
{
	struct policy_found found = policy_of(mode, max_age_s, "*.example.com", "version: STSv1\n");

	entry_learn_policy(entry, &found, id, now);
	policy_found_free(&found);
}

static void record_failures_keep_the_id_and_the_policy(void **state)
{
	static const enum reason failed[] = {
		REASON_NO_RECORD, REASON_RECORD_INVALID, REASON_RECORD_MANY, REASON_RECORD_LOOKUP, REASON_RESOLVER};
	struct record_found found = {.outcome = REASON_OK, .ttl_s = 60, .record = {"a1"}};
	struct entry entry;

	(void)state;
	entry_init(&entry, "example.com");
	learn_policy(&entry, POLICY_ENFORCE, 1000, "a1", NOW);
	entry_learn_record(&entry, &found, NOW);
	assert_string_equal(entry.record_id, "a1");
	for (size_t i = 0; i < COUNT(failed); i++) {
		found = (struct record_found){.outcome = failed[i], .ttl_s = 70, .record = {"zz"}};
		entry_learn_record(&entry, &found, NOW + 1 + (int64_t)i);
		assert_int_equal(entry.record_outcome, failed[i]);
		assert_int_equal(entry.record_checked_at, NOW + 1 + (int64_t)i);
		assert_int_equal(entry.record_ttl_s, 70);
		assert_string_equal(entry.record_id, "a1");
		assert_true(entry.has_policy);
		assert_int_equal(entry.policy_expires_at, NOW + 1000);
	}
	entry_free(&entry);
}

static void policy_replaces_the_old_one_completely(void **state)
{
	struct policy_found found = policy_of(POLICY_NONE, 50, "b.example", "new");
	struct entry entry;

	(void)state;
	entry_init(&entry, "example.com");
	learn_policy(&entry, POLICY_ENFORCE, 1000, "a1", NOW);
	assert_false(entry.has_previous);
	assert_int_equal(entry.policy_text_len, strlen("version: STSv1\n"));
	entry.fetch_failures = 7;
	entry.refresh_alarm = 2;
	entry.placed = 1;
	entry_learn_policy(&entry, &found, "b2", NOW + 10);
	assert_int_equal(entry.policy.mode, POLICY_NONE);
	assert_int_equal(entry.policy.mx.count, 1);
	assert_true(names_have(&entry.policy.mx, "b.example"));
	assert_string_equal(entry.policy_id, "b2");
	assert_string_equal(entry.policy_text, "new");
	assert_int_equal(entry.policy_fetched_at, NOW + 10);
	assert_int_equal(entry.policy_expires_at, NOW + 60);
	assert_int_equal(entry.fetch_failures, 0);
	assert_int_equal(entry.refresh_alarm, 0);
	assert_int_equal(entry.placed, 0);
	assert_int_equal(entry.fetch_outcome, REASON_OK);
	assert_true(entry.has_previous);
	assert_int_equal(entry.previous_mode, POLICY_ENFORCE);
	assert_string_equal(entry.previous_id, "a1");
	assert_int_equal(entry.previous_until, NOW + 1000);
	policy_found_free(&found);
	assert_null(found.text);
	entry_free(&entry);
}

static void previous_is_kept_for_another_identity_only(void **state)
{
	static const struct {
		enum policy_mode mode;
		const char *id;
		int64_t after_s;
		bool previous;
	} rows[] = {
		{POLICY_ENFORCE, "a1", 10, false}, /* the same again */
		{POLICY_TESTING, "a1", 10, true}, {POLICY_ENFORCE, "a2", 10, true},
		{POLICY_NONE, "a2", 1000, false}, /* the old one had expired */
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct entry entry;

		entry_init(&entry, "example.com");
		learn_policy(&entry, POLICY_ENFORCE, 1000, "a1", NOW);
		learn_policy(&entry, rows[i].mode, 500, rows[i].id, NOW + rows[i].after_s);
		assert_int_equal(entry.has_previous, rows[i].previous);
		assert_int_equal(entry.policy_expires_at, NOW + rows[i].after_s + 500);
		entry_free(&entry);
	}
}

static void failed_fetch_changes_nothing_but_the_attempt(void **state)
{
	static const enum reason failed[] = {
		REASON_POLICY_FETCH, REASON_POLICY_INVALID, REASON_POLICY_WEBPKI, REASON_RESOLVER};
	struct entry entry;

	(void)state;
	entry_init(&entry, "example.com");
	learn_policy(&entry, POLICY_ENFORCE, 1000, "a1", NOW);
	for (size_t i = 0; i < COUNT(failed); i++) {
		struct policy_found found = {.outcome = failed[i]};

		entry_learn_policy(&entry, &found, "c3", NOW + 100 + (int64_t)i);
		assert_int_equal(entry.fetch_failures, i + 1);
		assert_int_equal(entry.fetch_outcome, failed[i]);
		assert_int_equal(entry.fetch_tried_at, NOW + 100 + (int64_t)i);
		assert_string_equal(entry.fetch_tried_id, "c3");
		assert_int_equal(entry.policy.mode, POLICY_ENFORCE);
		assert_string_equal(entry.policy_id, "a1");
		assert_int_equal(entry.policy_fetched_at, NOW);
		assert_int_equal(entry.policy_expires_at, NOW + 1000);
		assert_non_null(entry.policy_text);
		assert_false(entry.has_previous);
	}
	entry_free(&entry);
}

static void long_text_is_not_kept(void **state)
{
	static const struct {
		uint32_t len;
		bool kept;
	} rows[] = {{0, true}, {POLICY_TEXT_KEPT, true}, {POLICY_TEXT_KEPT + 1, false}};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct policy_found found = {.policy = {.mode = POLICY_NONE}, .text = calloc(1, rows[i].len + 1)};
		struct entry entry;

		found.text_len = rows[i].len;
		entry_init(&entry, "example.com");
		entry_learn_policy(&entry, &found, "", NOW);
		assert_int_equal(entry.policy_text != NULL, rows[i].kept);
		assert_int_equal(entry.policy_text_len, rows[i].kept ? rows[i].len : 0);
		policy_found_free(&found);
		entry_free(&entry);
	}
}

static void mx_set_is_learned_from_answers_only(void **state)
{
	struct mx_found found = {.set = {.state = MX_LISTED, .secure = true, .ttl_s = 300, .preference = {10, 20}}};
	struct mx_found failed = {.outcome = REASON_MX_LOOKUP};
	struct entry entry;

	(void)state;
	names_add(&found.set.names, "mx1.example.com", 15);
	names_add(&found.set.names, "", 0);
	entry_init(&entry, "example.com");
	entry_learn_mx(&entry, &found, NOW);
	mx_found_free(&found);
	entry_learn_mx(&entry, &failed, NOW + 5);
	assert_int_equal(entry.mx.state, MX_LISTED);
	assert_int_equal(entry.mx.checked_at, NOW);
	assert_int_equal(entry.mx.names.count, 2);
	assert_string_equal(names_next(&entry.mx.names, NULL), "mx1.example.com");
	assert_int_equal(entry.mx.preference[1], 20);
	assert_true(entry.mx.secure);
	found = (struct mx_found){.set = {.state = MX_NULL}};
	entry_learn_mx(&entry, &found, NOW + 9);
	assert_int_equal(entry.mx.state, MX_NULL);
	assert_int_equal(entry.mx.names.count, 0);
	assert_int_equal(entry.mx.checked_at, NOW + 9);
	entry_free(&entry);
}

static void use_is_counted_in_days(void **state)
{
	struct entry entry;

	(void)state;
	entry_init(&entry, "example.com");
	entry_learn_use(&entry, 20000 * DAY);
	entry_learn_use(&entry, 20000 * DAY + DAY - 1);
	assert_int_equal(entry.first_used_day, 20000);
	assert_int_equal(entry.last_used_day, 20000);
	entry_learn_use(&entry, 20003 * DAY);
	assert_int_equal(entry.first_used_day, 20000);
	assert_int_equal(entry.last_used_day, 20003);
	entry_learn_use(&entry, 19000 * DAY); /* the clock was set back */
	assert_int_equal(entry.first_used_day, 19000);
	assert_int_equal(entry.last_used_day, 19000);
	entry_free(&entry);
}

static struct evidence seen_at(int64_t at, enum reason reason)
{
	return (struct evidence){.at = at, .reason = reason, .protocol = 0x0304};
}

static void hop_record_keeps_what_is_conclusive(void **state)
{
	static const struct {
		int64_t at;
		enum reason reason;
		int64_t newest, conclusive, good;
	} rows[] = {
		{100, REASON_HOP_TIMEOUT, 100, 0, 0},
		{200, REASON_OK, 200, 200, 200},
		{300, REASON_CERT_EXPIRED, 300, 300, 200},
		{400, REASON_HOP_UNREACHABLE, 400, 300, 200},
		{350, REASON_OK, 400, 300, 200}, /* late: older than the newest */
		{0, REASON_OK, 400, 300, 200},
		{500, REASON_OK, 500, 500, 500},
		{100000, REASON_STARTTLS_MISSING, 100000, 100000, 500},
		{600, REASON_HOP_TIMEOUT, 600, 0, 500}, /* the clock set back */
		{700, REASON_OK, 700, 700, 700},
	};
	struct hop_record record = {0};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct evidence seen = seen_at(rows[i].at, rows[i].reason);

		hop_record_learn(&record, &seen);
		assert_int_equal(record.pkix.newest.at, rows[i].newest);
		assert_int_equal(record.pkix.conclusive.at, rows[i].conclusive);
		assert_int_equal(record.pkix.good.at, rows[i].good);
	}
}

/* Evidence from a probe of another host changes nothing if it is older than the newest, or if this host's own evidence
 * is bad. It never counts as a sign that the clock was set back. */
static void what_was_seen_for_others(void **state)
{
	static const struct {
		int64_t at;
		enum reason reason;
		bool other;
		int64_t newest, conclusive, good;
	} rows[] = {
		{100, REASON_OK, true, 100, 100, 100},
		{5000, REASON_HOP_TIMEOUT, false, 5000, 100, 100},
		{200, REASON_OK, true, 5000, 100, 100},
		{4990, REASON_OK, true, 5000, 100, 100},
		{5001, REASON_OK, true, 5001, 5001, 5001},
		{6000, REASON_CERT_HOST_MISMATCH, false, 6000, 6000, 5001},
		{7000, REASON_OK, true, 6000, 6000, 5001},
		{8000, REASON_HOP_TIMEOUT, false, 8000, 6000, 5001},
		{9000, REASON_OK, true, 8000, 6000, 5001},
		{9001, REASON_OK, false, 9001, 9001, 9001},
		{9002, REASON_OK, true, 9002, 9002, 9002},
	};
	struct hop_record record = {0};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct evidence seen = seen_at(rows[i].at, rows[i].reason);

		if (rows[i].other)
			memcpy(seen.seen_for, "mx.other.example", 17);
		hop_record_learn(&record, &seen);
		assert_int_equal(record.pkix.newest.at, rows[i].newest);
		assert_int_equal(record.pkix.conclusive.at, rows[i].conclusive);
		assert_int_equal(record.pkix.good.at, rows[i].good);
	}
}

/* Evidence by TLSA records is kept beside evidence by the trust store, and is dropped with the TLSA set. */
static void evidence_by_records_goes_with_them(void **state)
{
	struct hop_record record = {0};
	struct evidence seen = seen_at(100, REASON_OK);

	(void)state;
	hop_record_learn(&record, &seen);
	seen = (struct evidence){.at = 200, .reason = REASON_OK, .tlsa_id = 7};
	hop_record_learn(&record, &seen);
	assert_int_equal(record.pkix.newest.at, 100);
	assert_int_equal(record.dane.good.at, 200);
	seen = (struct evidence){.at = 300, .reason = REASON_HOP_TIMEOUT, .tlsa_id = 7};
	hop_record_learn(&record, &seen);
	assert_int_equal(record.dane.good.at, 200);
	seen = (struct evidence){.at = 400, .reason = REASON_HOP_TIMEOUT, .tlsa_id = 8};
	hop_record_learn(&record, &seen);
	assert_int_equal(record.dane.newest.at, 400);
	assert_int_equal(record.dane.conclusive.at, 0);
	assert_int_equal(record.dane.good.at, 0);
	assert_int_equal(record.pkix.newest.at, 100);
	assert_int_equal(hop_record_newest(&record), 400);
}

static void the_newest_look_for_records_counts(void **state)
{
	static const int64_t rows[][2] = {
		{0, 0}, {100, 100}, {90, 100}, {101, 101}, {500, 500}, {440, 500}, {439, 439}};
	struct hop_record record = {0};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct tlsa_lookup look = {.checked_at = rows[i][0], .state = TLSA_NONE};

		hop_record_learn_tlsa(&record, &look);
		assert_int_equal(record.tlsa.checked_at, rows[i][1]);
		assert_int_equal(hop_record_newest(&record), rows[i][1]);
	}
}

static void a_wildcard_alone(void **state)
{
	static const struct {
		const char *names, *host;
		bool alone;
	} rows[] = {
		{"*.example.net", "mx.example.net", true},
		{"*.EXAMPLE.net", "mx.example.net", true},
		{"example.net *.example.net www.example.org", "mx.example.net", true},
		{"*.example.net mx.example.net", "mx.example.net", false},
		{"MX.example.net *.example.net", "mx.example.net", false},
		{"mx.example.net", "mx.example.net", false},
		{"*.example.net", "a.mx.example.net", false}, /* one label only */
		{"*.example.net", "example.net", false},
		{"*.net", "mx.example.net", false},
		{"m*.example.net", "mx.example.net", false},
		{"other.example.net", "mx.example.net", false},
		{"*", "mx", false},
		{"", "mx.example.net", false},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct evidence seen = {.at = 1};

		snprintf(seen.names, sizeof seen.names, "%s", rows[i].names);
		if (evidence_by_wildcard_only(&seen, rows[i].host) != rows[i].alone)
			fail_msg("%s for %s", rows[i].names, rows[i].host);
	}
}

/* Names without room in the evidence are cut off; the exact name of the host may be among them. */
static void a_wildcard_among_many_names(void **state)
{
	static const char host[] = "mx.example.net";
	struct evidence seen = {.at = 1, .names = "*.example.net "};
	size_t len = strlen(seen.names), room = sizeof seen.names - (sizeof host - 1) - 2;

	(void)state;
	memset(seen.names + len, 'x', room - len);
	assert_true(evidence_by_wildcard_only(&seen, host));
	seen.names[room] = 'x';
	assert_false(evidence_by_wildcard_only(&seen, host));
}

/* A hop offers REQUIRETLS only if each of its addresses that has answered offers it. */
static void requiretls_of_all_addresses(void **state)
{
	static const struct {
		enum requiretls_offer one, other, both;
	} rows[] = {
		{REQUIRETLS_UNKNOWN, REQUIRETLS_UNKNOWN, REQUIRETLS_UNKNOWN},
		{REQUIRETLS_UNKNOWN, REQUIRETLS_ABSENT, REQUIRETLS_ABSENT},
		{REQUIRETLS_UNKNOWN, REQUIRETLS_OFFERED, REQUIRETLS_OFFERED},
		{REQUIRETLS_ABSENT, REQUIRETLS_OFFERED, REQUIRETLS_ABSENT},
		{REQUIRETLS_ABSENT, REQUIRETLS_ABSENT, REQUIRETLS_ABSENT},
		{REQUIRETLS_OFFERED, REQUIRETLS_OFFERED, REQUIRETLS_OFFERED},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct evidence one = {.requiretls = rows[i].one}, other = {.requiretls = rows[i].other};
		evidence_join_requiretls(&one, rows[i].other);
		evidence_join_requiretls(&other, rows[i].one);
		assert_int_equal(one.requiretls, rows[i].both);
		assert_int_equal(other.requiretls, rows[i].both);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_wildcard_alone),
		cmocka_unit_test(a_wildcard_among_many_names),
		cmocka_unit_test(record_failures_keep_the_id_and_the_policy),
		cmocka_unit_test(evidence_by_records_goes_with_them),
		cmocka_unit_test(the_newest_look_for_records_counts),
		cmocka_unit_test(policy_replaces_the_old_one_completely),
		cmocka_unit_test(previous_is_kept_for_another_identity_only),
		cmocka_unit_test(failed_fetch_changes_nothing_but_the_attempt),
		cmocka_unit_test(long_text_is_not_kept),
		cmocka_unit_test(mx_set_is_learned_from_answers_only),
		cmocka_unit_test(use_is_counted_in_days),
		cmocka_unit_test(hop_record_keeps_what_is_conclusive),
		cmocka_unit_test(what_was_seen_for_others),
		cmocka_unit_test(requiretls_of_all_addresses),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
