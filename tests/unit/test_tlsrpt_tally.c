/* Tallies: what is counted where, the bounds and the buckets behind them, closed days, and the bytes. */
#include "cm.h"

#include "fields.h"
#include "memory.h"
#include "tlsrpt_tally.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define RECORD "v=TLSRPTv1; rua=mailto:a@example.com"
#define DOMAIN "example.com"

/* Counts a session with one policy. `line` is the policy's only line, `reason` the reason code of its failure; NULL: none. */
static void session_count(
	struct tlsrpt_tally *tally, const char *record, const char *line, bool failed, const char *reason)
{
	struct tlsrpt_session session = {.count = 0};
	snprintf(session.domain, sizeof session.domain, "%s", tally->domain);
	snprintf(session.record, sizeof session.record, "%s", record);
	struct tlsrpt_policy *policy = tlsrpt_session_add(&session, TLSRPT_STS, tally->domain);
	names_add(&policy->strings, line, strlen(line));
	policy->failed = failed;
	struct tlsrpt_failure failure = {.result = TLSRPT_CERTIFICATE_EXPIRED};
	if (reason) {
		snprintf(failure.reason, sizeof failure.reason, "%s", reason);
		tlsrpt_policy_add(policy, &failure);
	}
	tlsrpt_tally_add(tally, &session);
	tlsrpt_session_free(&session);
}

static const char *numbered(const char *what, int i)
{
	static char text[64];
	snprintf(text, sizeof text, "%s%d", what, i);
	return text;
}

/* Checks what is true of every tally, and that it is the same after encoding and decoding. */
static void whole(const struct tlsrpt_tally *tally)
{
	struct bytes bytes = tlsrpt_tally_encode(tally), again;
	struct tlsrpt_tally back;
	assert_in_range(bytes.len, 1, FIELDS_BYTES_MAX);
	assert_true(tlsrpt_tally_decode(&back, bytes.at, bytes.len));
	again = tlsrpt_tally_encode(&back);
	assert_int_equal(again.len, bytes.len);
	assert_memory_equal(again.at, bytes.at, bytes.len);
	assert_int_equal(back.bytes, tally->bytes);
	assert_int_equal(back.count, tally->count);
	free(again.at);
	free(bytes.at);
	tlsrpt_tally_free(&back);
}

static uint64_t details_sum(const struct tally_group *group)
{
	uint64_t sum = 0;
	for (size_t i = 0; i < group->count; i++)
		sum += group->detail[i].count;
	return sum;
}

static void equal_things_are_counted_together(void **state)
{
	struct tlsrpt_tally tally;
	(void)state;
	tlsrpt_tally_init(&tally, 20000, DOMAIN);
	session_count(&tally, RECORD, "version: STSv1", false, NULL);
	session_count(&tally, RECORD, "version: STSv1", true, "a");
	session_count(&tally, RECORD, "version: STSv1", true, "b");
	session_count(&tally, RECORD, "version: STSv1", false, "a"); /* not failed, but something was wrong */
	session_count(&tally, RECORD, "another", false, NULL);
	session_count(&tally, "v=TLSRPTv1; rua=mailto:b@example.com", "version: STSv1", false, NULL);
	assert_int_equal(tally.count, 3);
	assert_string_equal(tally.group[0].record, RECORD);
	assert_string_equal(tally.group[0].policy,
		"{\"policy-type\":\"sts\",\"policy-string\":[\"version: STSv1\"],\"policy-domain\":\"example.com\"}");
	assert_int_equal(tally.group[0].total, 4);
	assert_int_equal(tally.group[0].failed, 2);
	assert_int_equal(tally.group[0].count, 2);
	assert_string_equal(tally.group[0].detail[0].text,
		"{\"result-type\":\"certificate-expired\",\"failure-reason-code\":\"a\"}");
	assert_int_equal(tally.group[0].detail[0].count, 2);
	assert_int_equal(tlsrpt_tally_total(&tally), 6);
	assert_int_equal(tlsrpt_tally_failed(&tally), 2);
	whole(&tally);
	tlsrpt_tally_free(&tally);
}

static void one_session_with_two_policies(void **state)
{
	struct tlsrpt_session session = {.domain = DOMAIN, .record = RECORD};
	struct tlsrpt_tally tally;
	(void)state;
	tlsrpt_session_add(&session, TLSRPT_TLSA, "mx.example.net")->failed = true;
	tlsrpt_session_add(&session, TLSRPT_STS, DOMAIN);
	tlsrpt_tally_init(&tally, 20000, DOMAIN);
	tlsrpt_tally_add(&tally, &session);
	assert_int_equal(tally.count, 2);
	assert_int_equal(tally.group[0].failed, 1);
	assert_int_equal(tally.group[1].failed, 0);
	assert_int_equal(tally.group[1].total, 1);
	tlsrpt_session_free(&session);
	tlsrpt_tally_free(&tally);
}

/* --- bounds ------------------------------------------------------------------------------------------------------- */

/* What a stranger varies, and how many groups and details there are at most then. */
static void bounds(void **state)
{
	enum { RECORDS, POLICIES, DETAILS, ALL, LONG };
	static const struct {
		const char *what;
		int varied;
		size_t groups, details;
	} rows[] = {
		{"records: eight, and the one without an address", RECORDS, TALLY_RECORDS_MAX + 1, 1},
		{"policies: 32, and a bucket", POLICIES, TALLY_GROUPS_MAX + 1, 1},
		{"details: 64, and a bucket", DETAILS, 1, TALLY_DETAILS_MAX + 1},
		{"all of them", ALL, TALLY_GROUPS_MAX + TALLY_RECORDS_MAX + 1, TALLY_DETAILS_MAX + 1},
		{"long texts of all kinds", LONG, TALLY_GROUPS_MAX + TALLY_RECORDS_MAX + 1, TALLY_DETAILS_MAX + 1},
	};
	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct tlsrpt_tally tally, merged;
		int varied = rows[i].varied;
		char fill[1024] = "";
		if (varied == LONG)
			memset(fill, 'x', sizeof fill - 1);
		tlsrpt_tally_init(&tally, 20000, DOMAIN);
		tlsrpt_tally_init(&merged, 20000, DOMAIN);
		for (int n = 0; n < 2000; n++) {
			struct tlsrpt_tally one;
			char record[1200], line[1200], reason[64];
			bool records = varied == RECORDS || varied >= ALL,
			     policies = varied == POLICIES || varied >= ALL;
			snprintf(record, sizeof record, RECORD "%d%s", records ? n % 50 : 0, fill);
			snprintf(line, sizeof line, "line %d%s", policies ? n / 7 : 0, fill);
			snprintf(reason, sizeof reason, "reason %d", varied >= DETAILS ? n : 0);
			session_count(&tally, record, line, true, reason);
			tlsrpt_tally_init(&one, 20000, DOMAIN);
			session_count(&one, record, line, true, reason);
			tlsrpt_tally_merge(&merged, &one);
			tlsrpt_tally_free(&one);
		}
		const struct tlsrpt_tally *both[] = {&tally, &merged};
		for (size_t j = 0; j < COUNT(both); j++) {
			uint64_t details = 0;
			if (both[j]->count > rows[i].groups || (varied < ALL && both[j]->count != rows[i].groups))
				fail_msg("%s: %zu groups", rows[i].what, both[j]->count);
			for (size_t k = 0; k < both[j]->count; k++) {
				assert_in_range(both[j]->group[k].count, 1, rows[i].details);
				details += details_sum(&both[j]->group[k]);
			}
			assert_int_equal(tlsrpt_tally_total(both[j]), 2000);
			assert_int_equal(tlsrpt_tally_failed(both[j]), 2000);
			assert_int_equal(details, 2000);
			assert_in_range(both[j]->bytes, 1, TALLY_BYTES_MAX + 100 * 1024);
			whole(both[j]);
		}
		tlsrpt_tally_free(&tally);
		tlsrpt_tally_free(&merged);
	}
}

/* The bucket of a record names no address, that of a policy only its type, that of a detail only its result type. */
static void buckets(void **state)
{
	struct tlsrpt_tally tally;
	(void)state;
	tlsrpt_tally_init(&tally, 20000, DOMAIN);
	for (int i = 0; i < TALLY_DETAILS_MAX + 5; i++)
		session_count(&tally, RECORD, "line", true, numbered("reason ", i));
	assert_string_equal(tally.group[0].detail[TALLY_DETAILS_MAX].text, "{\"result-type\":\"certificate-expired\"}");
	assert_int_equal(tally.group[0].detail[TALLY_DETAILS_MAX].count, 5);
	for (int i = 0; i < TALLY_GROUPS_MAX + 5; i++)
		session_count(&tally, RECORD, numbered("line ", i), false, NULL);
	struct tally_group *last = &tally.group[tally.count - 1];
	assert_string_equal(last->policy, "{\"policy-type\":\"sts\",\"policy-domain\":\"example.com\"}");
	assert_string_equal(last->record, RECORD);
	assert_int_equal(last->total, 6);
	session_count(&tally, "v=TLSRPTv1; rua=mailto:other@example.com", "line", false, NULL);
	last = &tally.group[tally.count - 1];
	assert_string_equal(last->record, "");
	assert_string_equal(last->policy, "{\"policy-type\":\"sts\",\"policy-domain\":\"example.com\"}");
	/* What is known is still counted where it belongs. */
	session_count(&tally, RECORD, "line 3", true, NULL);
	assert_int_equal(tally.group[4].failed, 1);
	tlsrpt_tally_free(&tally);
}

/* A policy's text that looks like another type, and a reason that looks like another result, change no bucket. */
static void a_bucket_cannot_be_chosen(void **state)
{
	struct tlsrpt_tally tally;
	(void)state;
	tlsrpt_tally_init(&tally, 20000, DOMAIN);
	for (int i = 0; i <= TALLY_GROUPS_MAX; i++) {
		char line[64];
		snprintf(line, sizeof line, "%d\"policy-type\":\"tlsa\"", i);
		session_count(&tally, RECORD, line, false, NULL);
	}
	assert_string_equal(
		tally.group[tally.count - 1].policy, "{\"policy-type\":\"sts\",\"policy-domain\":\"example.com\"}");
	for (int i = 0; i <= TALLY_DETAILS_MAX; i++) {
		char reason[64];
		snprintf(reason, sizeof reason, "%d\"result-type\":\"tlsa-invalid\"", i);
		session_count(&tally, RECORD, "line", true, reason);
	}
	struct tally_group *group = &tally.group[tally.count - 1];
	assert_string_equal(group->detail[group->count - 1].text, "{\"result-type\":\"certificate-expired\"}");
	tlsrpt_tally_free(&tally);
}

static void counts_stop_at_their_maximum(void **state)
{
	struct tlsrpt_tally tally, more;
	(void)state;
	tlsrpt_tally_init(&tally, 20000, DOMAIN);
	tlsrpt_tally_init(&more, 20000, DOMAIN);
	session_count(&tally, RECORD, "line", true, "a");
	session_count(&more, RECORD, "line", true, "a");
	tally.group[0].total = tally.group[0].failed = tally.group[0].detail[0].count = TALLY_COUNT_MAX;
	tlsrpt_tally_merge(&tally, &more);
	assert_true(tally.group[0].total == TALLY_COUNT_MAX && tally.group[0].failed == TALLY_COUNT_MAX);
	assert_true(tally.group[0].detail[0].count == TALLY_COUNT_MAX);
	whole(&tally);
	tlsrpt_tally_free(&tally);
	tlsrpt_tally_free(&more);
}

/* --- days --------------------------------------------------------------------------------------------------------- */

static void closed_days(void **state)
{
	const int64_t day = 20000, begin = day * TALLY_DAY_S;
	const struct {
		const char *what;
		int64_t stored, now, closed;
	} rows[] = {
		{"the day before, at midnight", -1, begin, day - 2},
		{"the day before, nine minutes later", -1, begin + 599, day - 2},
		{"the day before, ten minutes later", -1, begin + 600, day - 1},
		{"the end of the day", -1, begin + TALLY_DAY_S - 1, day - 1},
		{"sending has begun at once", day - 1, begin, day - 1},
		{"the clock was set back over midnight", day, begin + 86000, day},
		{"set back by three days", day + 3, begin + 3600, day + 3},
		{"a clock that was wrong by years", day + 4, begin + 3600, day - 1},
		{"a store of long ago", day - 400, begin + 3600, day - 1},
		{"a clock that is wrong now", day, 3600, -1},
		{"before 1970", -1, -5, -1},
	};
	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++)
		if (tlsrpt_day_closed(rows[i].stored, rows[i].now) != rows[i].closed)
			fail_msg("%s: %lld", rows[i].what, (long long)tlsrpt_day_closed(rows[i].stored, rows[i].now));
	assert_int_equal(tlsrpt_day(begin), day);
	assert_int_equal(tlsrpt_day(begin - 1), day - 1);
}

/* --- bytes -------------------------------------------------------------------------------------------------------- */

static void damaged_bytes_are_no_tally(void **state)
{
	struct tlsrpt_tally tally, back;
	(void)state;
	tlsrpt_tally_init(&tally, 20000, DOMAIN);
	session_count(&tally, RECORD, "line", true, "a");
	struct bytes bytes = tlsrpt_tally_encode(&tally);
	for (size_t len = 0; len < bytes.len; len++) {
		uint8_t *cut = xmemdup(bytes.at, len);
		assert_false(tlsrpt_tally_decode(&back, cut, len));
		assert_int_equal(back.count, 0);
		free(cut);
	}
	for (size_t i = 0; i < bytes.len; i++) {
		bytes.at[i] ^= 0x41;
		assert_false(tlsrpt_tally_decode(&back, bytes.at, bytes.len));
		/* The same with a checksum that is right: it must not crash, and be whole if it is read. */
		struct fields_out out = {.len = 0};
		fields_bytes(&out, bytes.at, bytes.len - 8);
		fields_frame_end(&out);
		if (tlsrpt_tally_decode(&back, out.at, out.len))
			whole(&back);
		tlsrpt_tally_free(&back);
		free(out.at);
		bytes.at[i] ^= 0x41;
	}
	free(bytes.at);
	tlsrpt_tally_free(&tally);
}

static void counts_that_cannot_be(void **state)
{
	struct tlsrpt_tally tally, back;
	(void)state;
	tlsrpt_tally_init(&tally, 20000, DOMAIN);
	session_count(&tally, RECORD, "line", true, "a");
	tally.group[0].failed = 2;
	struct bytes bytes = tlsrpt_tally_encode(&tally);
	assert_false(tlsrpt_tally_decode(&back, bytes.at, bytes.len));
	free(bytes.at);
	tally.group[0].failed = tally.group[0].total = TALLY_COUNT_MAX + 1;
	bytes = tlsrpt_tally_encode(&tally);
	assert_false(tlsrpt_tally_decode(&back, bytes.at, bytes.len));
	free(bytes.at);
	tlsrpt_tally_free(&tally);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(equal_things_are_counted_together),
		cmocka_unit_test(one_session_with_two_policies),
		cmocka_unit_test(bounds),
		cmocka_unit_test(buckets),
		cmocka_unit_test(a_bucket_cannot_be_chosen),
		cmocka_unit_test(counts_stop_at_their_maximum),
		cmocka_unit_test(closed_days),
		cmocka_unit_test(damaged_bytes_are_no_tally),
		cmocka_unit_test(counts_that_cannot_be),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
