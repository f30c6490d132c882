/* Verdicts in words (design 6): SMTP reply, header, log line. */
#include "answer.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static char buffer[ANSWER_LOG_SIZE];

static struct verdict verdict_made(enum verdict_kind kind, enum reason reason, const char *hop)
{
	struct verdict v = {.kind = kind, .reason = reason, .has_policy = true, .mode = POLICY_ENFORCE};
	snprintf(v.domain, sizeof v.domain, "example.com");
	snprintf(v.hop, sizeof v.hop, "%s", hop);
	snprintf(v.policy_id, sizeof v.policy_id, "20260101T000000");
	v.policy_expires_at = 1900000000;
	return v;
}

static void test_reply(void **state)
{
	(void)state;
	struct text t;
	struct verdict v = verdict_made(VERDICT_FAIL_ENFORCE, REASON_STARTTLS_MISSING, "mx1.example.com");
	text_init(&t, buffer, ANSWER_REPLY_SIZE);
	answer_reply(&t, &v);
	assert_string_equal(buffer, "<example.com> MTA-STS policy (enforce): mx1.example.com offers no STARTTLS "
				    "[starttls-not-supported]; will be retried");
	assert_false(t.cut);
}

/* A reason that is not about a hop is a clause of its own. */
static void test_reply_without_hop(void **state)
{
	(void)state;
	struct text t;
	struct verdict v = verdict_made(VERDICT_DEFER, REASON_NO_SUCH_DOMAIN, "");
	text_init(&t, buffer, ANSWER_REPLY_SIZE);
	answer_reply(&t, &v);
	assert_string_equal(buffer, "<example.com> MTA-STS policy (enforce): the domain does not exist in DNS now "
				    "[no-such-domain]; will be retried");
}

/* Deferred without a known policy (first contact, broken store): the reply mentions no policy. */
static void test_reply_without_policy(void **state)
{
	(void)state;
	struct text t;
	struct verdict v = verdict_made(VERDICT_DEFER, REASON_FIRST_CONTACT, "");
	v.has_policy = false;
	v.policy_id[0] = '\0';
	text_init(&t, buffer, ANSWER_REPLY_SIZE);
	answer_reply(&t, &v);
	assert_null(strstr(buffer, "enforce"));
	assert_non_null(strstr(buffer, "<example.com>"));
	assert_non_null(strstr(buffer, "[first-contact]"));
	assert_non_null(strstr(buffer, "will be retried"));
}

/* One line of printable text for a 4xx reply, whatever the reason is; `%` is an escape there (spec L-11). */
static void test_reply_every_reason(void **state)
{
	(void)state;
	static const enum verdict_kind kinds[] = {
		VERDICT_NONE, VERDICT_PASS, VERDICT_FAIL_TESTING, VERDICT_FAIL_ENFORCE, VERDICT_DEFER};
	for (size_t k = 0; k < sizeof kinds / sizeof kinds[0]; k++) {
		for (int r = 0; r < REASON_COUNT; r++) {
			struct text t;
			struct verdict v = verdict_made(kinds[k], (enum reason)r, "mx1.example.com");
			memset(v.domain, 'a', DOMAIN_MAX);
			memset(v.hop, 'b', DOMAIN_MAX);
			v.domain[DOMAIN_MAX] = v.hop[DOMAIN_MAX] = '\0';
			text_init(&t, buffer, ANSWER_REPLY_SIZE);
			answer_reply(&t, &v);
			assert_false(t.cut);
			assert_int_equal(strlen(buffer), t.len);
			assert_in_range(t.len, 1, ANSWER_LINE_MAX);
			assert_null(strchr(buffer, '%'));
			for (size_t i = 0; i < t.len; i++)
				assert_true(buffer[i] >= ' ' && buffer[i] <= '~');
		}
	}
}

/* With the longest sentence about a hop and longer names than any in use, the reply still names the hop. */
static void test_reply_with_long_names(void **state)
{
	(void)state;
	struct text t;
	struct verdict v = verdict_made(VERDICT_FAIL_ENFORCE, REASON_CERT_UNTRUSTED, "");
	memset(v.domain, 'a', 170);
	v.domain[170] = '\0';
	memset(v.hop, 'b', 170);
	text_init(&t, buffer, ANSWER_REPLY_SIZE);
	answer_reply(&t, &v);
	assert_non_null(strstr(buffer, v.hop));
	assert_true(t.len <= ANSWER_LINE_MAX);
	v.hop[170] = 'b';
	text_init(&t, buffer, ANSWER_REPLY_SIZE);
	answer_reply(&t, &v);
	assert_non_null(strstr(buffer, ": its mail host "));
}

static void test_header(void **state)
{
	(void)state;
	struct text t;
	struct verdict v = verdict_made(VERDICT_FAIL_ENFORCE, REASON_STARTTLS_MISSING, "mx1.example.com");
	text_init(&t, buffer, ANSWER_HEADER_SIZE);
	answer_header(&t, &v, true);
	assert_string_equal(buffer, "domain=example.com; policy=enforce; verdict=fail-enforce; "
				    "reason=starttls-not-supported; mx=mx1.example.com");
	text_init(&t, buffer, ANSWER_HEADER_SIZE);
	answer_header(&t, &v, false);
	assert_string_equal(buffer, "policy=enforce; verdict=fail-enforce; reason=starttls-not-supported");
}

static void test_header_testing(void **state)
{
	(void)state;
	struct text t;
	struct verdict v = verdict_made(VERDICT_FAIL_TESTING, REASON_MX_NOT_IN_POLICY, "evil.example.net");
	v.mode = POLICY_TESTING;
	text_init(&t, buffer, ANSWER_HEADER_SIZE);
	answer_header(&t, &v, true);
	assert_string_equal(buffer, "domain=example.com; policy=testing; verdict=fail-testing; "
				    "reason=mx-not-in-policy; mx=evil.example.net");
}

/* Without a policy the header mentions none. */
static void test_header_none(void **state)
{
	(void)state;
	struct text t;
	struct verdict v = verdict_made(VERDICT_NONE, REASON_NO_RECORD, "");
	v.has_policy = false;
	text_init(&t, buffer, ANSWER_HEADER_SIZE);
	answer_header(&t, &v, true);
	assert_non_null(strstr(buffer, "verdict=none"));
	assert_non_null(strstr(buffer, "domain=example.com"));
	assert_non_null(strstr(buffer, "reason=no-record"));
	assert_null(strstr(buffer, "enforce"));
	assert_null(strstr(buffer, "mx="));
}

static void test_log(void **state)
{
	(void)state;
	struct text t;
	struct verdict v = verdict_made(VERDICT_FAIL_ENFORCE, REASON_CERT_EXPIRED, "mx1.example.com");
	text_init(&t, buffer, ANSWER_LOG_SIZE);
	answer_log(&t, &v);
	assert_string_equal(buffer, "domain=example.com policy=enforce id=20260101T000000 verdict=fail-enforce "
				    "reason=certificate-expired mx=mx1.example.com");
	v = verdict_made(VERDICT_DEFER, REASON_MX_LOOKUP, "");
	text_init(&t, buffer, ANSWER_LOG_SIZE);
	answer_log(&t, &v);
	assert_string_equal(buffer, "domain=example.com policy=enforce id=20260101T000000 verdict=defer "
				    "reason=mx-lookup-failed");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_reply),
		cmocka_unit_test(test_reply_without_hop),
		cmocka_unit_test(test_reply_without_policy),
		cmocka_unit_test(test_reply_every_reason),
		cmocka_unit_test(test_reply_with_long_names),
		cmocka_unit_test(test_header),
		cmocka_unit_test(test_header_testing),
		cmocka_unit_test(test_header_none),
		cmocka_unit_test(test_log),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
