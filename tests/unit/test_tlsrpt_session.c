/* Sessions: their datagrams written and read, and the texts that reports consist of. */
#include "cm.h"

#include "memory.h"
#include "tlsrpt_session.h"
#include "utf8.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What libtlsrpt 0.5.0rc1 of Debian 13 sent for a session with two policies (tests/unit/test_tlsrpt_library). */
static const char from_library[] =
	"{\"d\": \"Example.com\",\"pr\": \"v=TLSRPTv1; rua=mailto:a@example.com\",\"policies\":["
	"{\"policy-type\":2,\"policy-domain\": \"example.com\",\"policy-string\":[\"version: STSv1\",\"mode: \\\"\\\\enforce\"],"
	"\"mx-host\":[\"*.example.com\",\"mx.example.net\"],\"failure-details\":["
	"{\"c\":201,\"s\": \"192.0.2.1\",\"n\": \"mx.example.com\",\"h\": \"he/lo\",\"r\": \"192.0.2.2\",\"f\": \"reason\"},"
	"{\"c\":205,\"a\": \"https://example.com/\"}],\"t\":2,\"f\":1},"
	"{\"policy-type\":9,\"policy-domain\": \"x.example\",\"t\":0,\"f\":0}]}";

static void names_fill(struct names *list, const char *first, const char *second)
{
	names_add(list, first, strlen(first));
	names_add(list, second, strlen(second));
}

/* The same session. */
static struct tlsrpt_session session_make(void)
{
	struct tlsrpt_session session = {.domain = "example.com", .record = "v=TLSRPTv1; rua=mailto:a@example.com"};
	struct tlsrpt_policy *policy = tlsrpt_session_add(&session, TLSRPT_STS, "example.com");
	names_fill(&policy->strings, "version: STSv1", "mode: \"\\enforce");
	names_fill(&policy->patterns, "*.example.com", "mx.example.net");
	policy->failed = true;
	tlsrpt_policy_add(policy, &(struct tlsrpt_failure){.result = TLSRPT_STARTTLS_NOT_SUPPORTED,
					  .sender_address = "192.0.2.1",
					  .mx_name = "mx.example.com",
					  .mx_helo = "he/lo",
					  .mx_address = "192.0.2.2",
					  .reason = "reason"});
	tlsrpt_policy_add(policy,
		&(struct tlsrpt_failure){.result = TLSRPT_VALIDATION_FAILURE, .information = "https://example.com/"});
	assert_non_null(tlsrpt_session_add(&session, TLSRPT_NO_POLICY_FOUND, "x.example"));
	return session;
}

static bool read_whole(const char *text, struct tlsrpt_session *session, const char **why)
{
	/* Memory of the exact size, so that AddressSanitizer sees a read beyond the end. */
	size_t len = strlen(text);
	char *exact = xmemdup(text, len);
	bool read = tlsrpt_session_read(exact, len, session, why);
	free(exact);
	return read;
}

static void failures_are_equal(const struct tlsrpt_policy *a, const struct tlsrpt_policy *b)
{
	assert_int_equal(a->failures, b->failures);
	for (size_t i = 0; i < a->failures; i++) {
		char *text_a = tlsrpt_failure_text(&a->failure[i]), *text_b = tlsrpt_failure_text(&b->failure[i]);
		assert_string_equal(text_a, text_b);
		free(text_a);
		free(text_b);
	}
}

static void sessions_are_equal(const struct tlsrpt_session *a, const struct tlsrpt_session *b)
{
	assert_string_equal(a->domain, b->domain);
	assert_string_equal(a->record, b->record);
	assert_int_equal(a->count, b->count);
	for (size_t i = 0; i < a->count; i++) {
		char *text_a = tlsrpt_policy_text(&a->policy[i]), *text_b = tlsrpt_policy_text(&b->policy[i]);
		assert_string_equal(text_a, text_b);
		assert_int_equal(a->policy[i].failed, b->policy[i].failed);
		failures_are_equal(&a->policy[i], &b->policy[i]);
		free(text_a);
		free(text_b);
	}
}

static void library_is_read(void **state)
{
	const char *why = NULL;
	struct tlsrpt_session expected = session_make(), found;
	(void)state;
	assert_true(read_whole(from_library, &found, &why));
	sessions_are_equal(&found, &expected);
	tlsrpt_session_free(&found);
	tlsrpt_session_free(&expected);
	assert_int_equal(found.count, 0);
}

/* The same octets as libtlsrpt's, with the version and the domain in the form in which it is compared. */
static void written_as_library_writes(void **state)
{
	struct tlsrpt_session session = session_make();
	size_t len = 0;
	char expected[sizeof from_library + 32];
	(void)state;
	snprintf(expected, sizeof expected, "{\"dpv\": \"1\",\"d\": \"example.com\"%s",
		from_library + strlen("{\"d\": \"Example.com\""));
	char *written = tlsrpt_session_write(&session, &len);
	assert_non_null(written);
	assert_int_equal(len, strlen(written));
	assert_string_equal(written, expected);
	free(written);
	tlsrpt_session_free(&session);
}

/* --- hostile datagrams ----------------------------------------------------------------------------------------------- */

#define BEGIN "{\"dpv\":\"1\",\"d\":\"example.com\",\"pr\":\"v=TLSRPTv1;\","
#define STS "\"policy-type\":2,\"policy-domain\":\"example.com\","
#define ONE(policy) BEGIN "\"policies\":[{" policy "}]}"
#define FAILED(failure) ONE(STS "\"failure-details\":[" failure "],\"t\":1,\"f\":1")
#define GOOD STS "\"t\":0,\"f\":0"

static const struct {
	const char *text, *why; /* the beginning of the phrase */
} refused[] = {
	{"", "is not a JSON object"},
	{"x", "is not a JSON object"},
	{"[]", "is not a JSON object"},
	{"\"text\"", "is not a JSON object"},
	{ONE(GOOD) "x", "is not a JSON object"},
	{ONE(GOOD) ONE(GOOD), "is not a JSON object"},
	{BEGIN "\"policies\":[{" GOOD "}]", "is not a JSON object"},
	{ONE(GOOD ",\"f\":1"), "is not a JSON object"},
	{"{\"d\":\"a.example\","
	 "\"d\":\"b.example\"}",
		"is not a JSON object"},
	{FAILED("{\"c\":201,\"h\":\"a\\u0000b\"}"), "is not a JSON object"},
	{FAILED("{\"c\":201,\"h\":\"a\nb\"}"), "is not a JSON object"},
	{FAILED("{\"c\":201,\"h\":\"\\ud800\"}"), "is not a JSON object"},
	{FAILED("{\"c\":99999999999999999999}"), "is not a JSON object"},
	{"[[[[[[[[[", "is nested too deeply"},
	{"{\"a\":\"\\\"\",\"b\":[[[[[[[[]]]]]]]]}", "is nested too deeply"},
	{"{}", "has no domain"},
	{"{\"dpv\":\"2\"}", "has another version"},
	{"{\"dpv\":\"10\"}", "has another version"},
	{"{\"dpv\":1}", "has another version"},
	{"{\"dpv\":null}", "has another version"},
	{"{\"d\":\"\"}", "has no domain"},
	{"{\"d\":\"a b\"}", "has no domain"},
	{"{\"d\":\"192.0.2.1\"}", "has no domain"},
	{"{\"d\":[\"example.com\"]}", "has no domain"},
	{"{\"d\":\"example.com\"}", "has no TLSRPT record"},
	{"{\"d\":\"example.com\",\"pr\":\"\"}", "has no TLSRPT record"},
	{"{\"d\":\"example.com\",\"pr\":\"v=\\u0001\"}", "has no TLSRPT record"},
	{"{\"d\":\"example.com\",\"pr\":\"v=\\u007f\"}", "has no TLSRPT record"},
	{"{\"d\":\"example.com\",\"pr\":\"v=\\u0085\"}", "has no TLSRPT record"},
	{"{\"d\":\"example.com\",\"pr\":\"v=\\uffff\"}", "has no TLSRPT record"},
	{"{\"d\":\"example.com\",\"pr\":\"v=\xff\"}", "has no TLSRPT record"},
	{"{\"d\":\"example.com\",\"pr\":\"v=\xc0\xa2\"}", "has no TLSRPT record"},
	{"{\"d\":\"example.com\",\"pr\":{}}", "has no TLSRPT record"},
	{BEGIN "\"policies\":[]}", "has no policies"},
	{BEGIN "\"policies\":{}}", "has no policies"},
	{BEGIN "\"x\":1}", "has no policies"},
	{BEGIN "\"policies\":[1]}", "has a policy without a known policy-type"},
	{ONE("\"policy-type\":\"sts\",\"t\":0,\"f\":0"), "has a policy without a known policy-type"},
	{ONE("\"policy-type\":3,\"t\":0,\"f\":0"), "has a policy without a known policy-type"},
	{ONE("\"policy-type\":2.0,\"t\":0,\"f\":0"), "has a policy without a known policy-type"},
	{ONE("\"policy-type\":4294967298,\"t\":0,\"f\":0"), "has a policy without a known policy-type"},
	{ONE("\"policy-type\":2,\"policy-domain\":\"\",\"t\":0,\"f\":0"), "has a policy-domain"},
	{ONE("\"policy-type\":2,\"policy-domain\":null,\"t\":0,\"f\":0"), "has a policy-domain"},
	{ONE(STS "\"policy-string\":\"a\",\"t\":0,\"f\":0"), "has a policy-string"},
	{ONE(STS "\"policy-string\":null,\"t\":0,\"f\":0"), "has a policy-string"},
	{ONE(STS "\"policy-string\":[1],\"t\":0,\"f\":0"), "has a policy-string"},
	{ONE(STS "\"policy-string\":[\"\"],\"t\":0,\"f\":0"), "has a policy-string"},
	{ONE(STS "\"policy-string\":[\"a\\nb\"],\"t\":0,\"f\":0"), "has a policy-string"},
	{ONE(STS "\"mx-host\":[\"a\xff\"],\"t\":0,\"f\":0"), "has a policy-string"},
	{ONE(STS "\"f\":0"), "does not have as many"},
	{ONE(STS "\"t\":1,\"f\":0"), "does not have as many"},
	{ONE(STS "\"t\":-1,\"f\":0"), "does not have as many"},
	{ONE(STS "\"t\":\"0\",\"f\":0"), "does not have as many"},
	{ONE(STS "\"failure-details\":[{\"c\":201}],\"t\":0,\"f\":0"), "does not have as many"},
	{ONE(STS "\"failure-details\":{},\"t\":0,\"f\":0"), "has failure-details that are not"},
	{ONE(STS "\"t\":0"), "has a policy without a result"},
	{ONE(STS "\"t\":0,\"f\":2"), "has a policy without a result"},
	{ONE(STS "\"t\":0,\"f\":-1"), "has a policy without a result"},
	{ONE(STS "\"t\":0,\"f\":true"), "has a policy without a result"},
	{FAILED("1"), "has a failure without a known result code"},
	{FAILED("{}"), "has a failure without a known result code"},
	{FAILED("{\"c\":200}"), "has a failure without a known result code"},
	{FAILED("{\"c\":307}"), "has a failure without a known result code"},
	{FAILED("{\"c\":\"201\"}"), "has a failure without a known result code"},
	{FAILED("{\"c\":201,\"h\":1}"), "has a failure with a member"},
	{FAILED("{\"c\":201,\"s\":null}"), "has a failure with a member"},
};

static void hostile_is_refused(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(refused); i++) {
		struct tlsrpt_session session;
		const char *why = "";
		if (read_whole(refused[i].text, &session, &why) || session.count != 0 ||
			strncmp(why, refused[i].why, strlen(refused[i].why)) != 0)
			fail_msg("`%s`: %s", refused[i].text, why);
	}
}

/* Members that this version does not know, and those that may be absent. */
static void tolerated_is_read(void **state)
{
	static const char *const texts[] = {ONE(GOOD), ONE("\"policy-type\":9,\"t\":0,\"f\":1"),
		ONE(GOOD ",\"failure-details\":[]"), ONE(GOOD ",\"new\":[{\"a\":null}]"),
		"{\"policies\":[{" GOOD "}],\"pr\":\"v\",\"d\":\"example.com.\"}", " " ONE(GOOD) "\n",
		FAILED("{\"c\":201,\"s\":\"\",\"n\":\"\",\"h\":\"\",\"r\":\"\",\"a\":\"\",\"f\":\"\"}")};
	(void)state;
	for (size_t i = 0; i < COUNT(texts); i++) {
		struct tlsrpt_session session;
		const char *why = "";
		if (!read_whole(texts[i], &session, &why))
			fail_msg("`%s`: %s", texts[i], why);
		assert_string_equal(session.domain, "example.com");
		assert_int_equal(session.count, 1);
		tlsrpt_session_free(&session);
	}
}

/* Whoever stands between the relay and the mail host chooses the EHLO name, and must not be able to hide the failure by it. */
static void failures_cannot_be_hidden(void **state)
{
	static const struct {
		const char *given, *found;
	} rows[] = {
		{"mx.example.com", "mx.example.com"},
		{"\xc3\xa4.example", "\xc3\xa4.example"},
		{"a\\u0001b\\u007fc\\u0085d", "a?b?c??d"},
		{"a\xff\xfe"
		 "b",
			"a??b"},
		{"a\xc2", "a?"},
		{"a\xed\xa0\x80", "a???"},
		{"a\\uffff", "a???"},
		{"<script>\\\"\\\\", "<script>\"\\"},
		{"250-mx.example.com\\r\\n250-PIPELINING\\r\\n250 8BITMIME", "mx.example.com"},
		{"250 mx.example.com greets you", "mx.example.com"},
		{"250-a\\u0001b\xff\\r\\n", "a?b?"},
		{"250-", ""},
		{"250 ", ""},
		{"250", "250"},
		{"25.example.com", "25.example.com"},
	};
	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct tlsrpt_session session;
		const char *why = "";
		char text[1024];
		snprintf(text, sizeof text, FAILED("{\"c\":202,\"h\":\"%s\",\"s\":\"%s\"}"), rows[i].given,
			rows[i].given);
		if (!read_whole(text, &session, &why))
			fail_msg("`%s`: %s", text, why);
		assert_int_equal(session.policy[0].failures, 1);
		assert_int_equal(session.policy[0].failure[0].result, TLSRPT_CERTIFICATE_HOST_MISMATCH);
		assert_string_equal(session.policy[0].failure[0].mx_helo, rows[i].found);
		assert_string_equal(session.policy[0].failure[0].sender_address, "");
		tlsrpt_session_free(&session);
	}
}

static void long_particulars_are_cut(void **state)
{
	struct tlsrpt_session session;
	const char *why = "";
	char text[4096], name[1001];
	(void)state;
	memset(name, 'a', sizeof name - 1);
	name[sizeof name - 1] = '\0';
	memcpy(name + DOMAIN_MAX - 1, "\xc3\xa4", 2); /* would be cut in the middle */
	snprintf(text, sizeof text, FAILED("{\"c\":202,\"n\":\"%s\",\"h\":\"%s\",\"f\":\"%s\"}"), name, name, name);
	assert_true(read_whole(text, &session, &why));
	const struct tlsrpt_failure *failure = &session.policy[0].failure[0];
	assert_int_equal(strlen(failure->mx_helo), DOMAIN_MAX - 1);
	assert_int_equal(strlen(failure->mx_name), DOMAIN_MAX - 1);
	assert_int_equal(strlen(failure->reason), TLSRPT_REASON_SIZE - 1);
	tlsrpt_session_free(&session);
}

static void addresses_have_one_form(void **state)
{
	static const struct {
		const char *given, *found;
	} rows[] = {{"192.0.2.1", "192.0.2.1"}, {"2001:DB8:0:0::1", "2001:db8::1"}, {"[2001:db8::1]", ""},
		{"mx.example", ""}};
	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct tlsrpt_session session;
		const char *why = "";
		char text[1024];
		snprintf(text, sizeof text, FAILED("{\"c\":202,\"r\":\"%s\"}"), rows[i].given);
		assert_true(read_whole(text, &session, &why));
		assert_string_equal(session.policy[0].failure[0].mx_address, rows[i].found);
		tlsrpt_session_free(&session);
	}
}

/* --- limits ---------------------------------------------------------------------------------------------------------- */

/* A datagram with so many of something, or NULL if the octets do not suffice. */
static char *repeated(const char *begin, const char *item, size_t count, const char *end)
{
	size_t len = strlen(item) + 1;
	char *text = xmalloc(strlen(begin) + count * len + strlen(end) + 1), *at = text;
	at += sprintf(at, "%s", begin);
	for (size_t i = 0; i < count; i++)
		at += sprintf(at, "%s%s", i > 0 ? "," : "", item);
	sprintf(at, "%s", end);
	return text;
}

static void limits_are_exact(void **state)
{
	static const struct {
		const char *begin, *item;
		size_t max;
		const char *end, *more; /* %zu: the count */
		const char *why;
	} rows[] = {
		{BEGIN "\"policies\":[", "{" GOOD "}", TLSRPT_POLICIES_MAX, "]}", "]}", "has no policies, or too many"},
		{BEGIN "\"policies\":[{" STS "\"f\":1,\"failure-details\":[", "{\"c\":201}", TLSRPT_FAILURES_MAX,
			"],\"t\":16}]}", "],\"t\":17}]}", "has too many"},
		{BEGIN "\"policies\":[{" GOOD ",\"policy-string\":[", "\"a\"", TLSRPT_STRINGS_MAX, "]}]}", "]}]}",
			"has a policy-string"},
		{"{\"d\":\"example.com\",\"policies\":[{" GOOD "}],\"pr\":\"a", ",", (TLSRPT_RECORD_SIZE - 1) / 2,
			"\"}", "\"}", "has no TLSRPT record (pr)"},
	};
	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct tlsrpt_session session;
		const char *why = "";
		char *text = repeated(rows[i].begin, rows[i].item, rows[i].max, rows[i].end);
		if (!read_whole(text, &session, &why))
			fail_msg("row %zu: %s", i, why);
		tlsrpt_session_free(&session);
		free(text);
		text = repeated(rows[i].begin, rows[i].item, rows[i].max + 1, rows[i].more);
		if (read_whole(text, &session, &why) || strncmp(why, rows[i].why, strlen(rows[i].why)) != 0)
			fail_msg("row %zu: %s", i, why);
		free(text);
	}
}

static void large_is_neither_read_nor_written(void **state)
{
	struct tlsrpt_session session, back;
	const char *why = "";
	size_t len;
	char *text = xmalloc(TLSRPT_DATAGRAM_MAX + 1), *line = xmalloc(TLSRPT_DATAGRAM_MAX);
	(void)state;
	memset(text, ' ', TLSRPT_DATAGRAM_MAX + 1);
	memcpy(text, ONE(GOOD), strlen(ONE(GOOD)));
	assert_true(tlsrpt_session_read(text, TLSRPT_DATAGRAM_MAX, &session, &why));
	assert_false(tlsrpt_session_read(text, TLSRPT_DATAGRAM_MAX + 1, &back, &why));
	assert_string_equal(why, "is larger than 64 KiB");
	memset(line, 'a', TLSRPT_DATAGRAM_MAX);
	names_add(&session.policy[0].strings, line, 60000);
	char *written = tlsrpt_session_write(&session, &len);
	assert_non_null(written);
	assert_true(tlsrpt_session_read(written, len, &back, &why));
	sessions_are_equal(&session, &back);
	tlsrpt_session_free(&back);
	free(written);
	names_add(&session.policy[0].strings, line, 10000);
	assert_null(tlsrpt_session_write(&session, &len));
	/* The text of a report's policy has no such limit. */
	char *policy = tlsrpt_policy_text(&session.policy[0]);
	assert_true(strlen(policy) > 70000);
	free(policy);
	tlsrpt_session_free(&session);
	free(text);
	free(line);
}

static void lists_of_a_session_are_bounded(void **state)
{
	struct tlsrpt_session session = {.domain = "example.com"};
	const struct tlsrpt_failure failure = {.result = TLSRPT_TLSA_INVALID};
	(void)state;
	for (size_t i = 0; i < TLSRPT_POLICIES_MAX; i++)
		assert_non_null(tlsrpt_session_add(&session, TLSRPT_TLSA, "example.com"));
	assert_null(tlsrpt_session_add(&session, TLSRPT_TLSA, "example.com"));
	for (size_t i = 0; i < TLSRPT_FAILURES_MAX + 1; i++)
		tlsrpt_policy_add(&session.policy[0], &failure);
	assert_int_equal(session.policy[0].failures, TLSRPT_FAILURES_MAX);
	tlsrpt_session_free(&session);
}

/* --- the texts of reports -------------------------------------------------------------------------------------------- */

static void texts_are_those_of_a_report(void **state)
{
	struct tlsrpt_session session = session_make();
	(void)state;
	char *policy = tlsrpt_policy_text(&session.policy[0]);
	assert_string_equal(policy,
		"{\"policy-type\":\"sts\",\"policy-string\":[\"version: STSv1\",\"mode: \\\"\\\\enforce\"],"
		"\"policy-domain\":\"example.com\",\"mx-host\":[\"*.example.com\",\"mx.example.net\"]}");
	free(policy);
	policy = tlsrpt_policy_text(&session.policy[1]);
	assert_string_equal(policy, "{\"policy-type\":\"no-policy-found\",\"policy-domain\":\"x.example\"}");
	free(policy);
	char *failure = tlsrpt_failure_text(&session.policy[0].failure[0]);
	assert_string_equal(failure, "{\"result-type\":\"starttls-not-supported\",\"sending-mta-ip\":\"192.0.2.1\","
				     "\"receiving-mx-hostname\":\"mx.example.com\",\"receiving-mx-helo\":\"he/lo\","
				     "\"receiving-ip\":\"192.0.2.2\",\"failure-reason-code\":\"reason\"}");
	free(failure);
	failure = tlsrpt_failure_text(&session.policy[0].failure[1]);
	assert_string_equal(failure,
		"{\"result-type\":\"validation-failure\",\"additional-information\":\"https://example.com/\"}");
	free(failure);
	tlsrpt_session_free(&session);
}

/* Only MTA-STS has patterns, and what is unknown is left out. */
static void absent_is_left_out(void **state)
{
	struct tlsrpt_policy policy = {.type = TLSRPT_TLSA};
	(void)state;
	names_fill(&policy.patterns, "a", "b");
	char *text = tlsrpt_policy_text(&policy);
	assert_string_equal(text, "{\"policy-type\":\"tlsa\"}");
	names_free(&policy.patterns);
	free(text);
}

/* The texts have room for the longest members, and only text comes out, whatever was put in. */
static void texts_hold_anything(void **state)
{
	struct tlsrpt_failure failure = {.result = TLSRPT_CERTIFICATE_HOST_MISMATCH};
	struct tlsrpt_policy policy = {.type = TLSRPT_NO_POLICY_FOUND};
	(void)state;
	memset(failure.sender_address, '"', sizeof failure.sender_address - 1);
	memset(failure.mx_name, '"', sizeof failure.mx_name - 1);
	memset(failure.mx_helo, '\\', sizeof failure.mx_helo - 1);
	memset(failure.mx_address, '"', sizeof failure.mx_address - 1);
	memset(failure.information, '"', sizeof failure.information - 1);
	memset(failure.reason, '\x01', sizeof failure.reason - 1);
	char *text = tlsrpt_failure_text(&failure);
	assert_int_equal(text[strlen(text) - 1], '}');
	assert_non_null(strstr(text, "\"failure-reason-code\":\"????"));
	free(text);
	memset(policy.domain, '"', sizeof policy.domain - 1);
	for (size_t i = 0; i < TLSRPT_STRINGS_MAX; i++)
		names_fill(&policy.strings, "\"\"\"", "");
	text = tlsrpt_policy_text(&policy);
	assert_true(utf8_is_text(text, strlen(text)));
	assert_int_equal(text[strlen(text) - 1], '}');
	free(text);
	names_free(&policy.strings);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(library_is_read),
		cmocka_unit_test(written_as_library_writes),
		cmocka_unit_test(hostile_is_refused),
		cmocka_unit_test(tolerated_is_read),
		cmocka_unit_test(failures_cannot_be_hidden),
		cmocka_unit_test(long_particulars_are_cut),
		cmocka_unit_test(addresses_have_one_form),
		cmocka_unit_test(limits_are_exact),
		cmocka_unit_test(large_is_neither_read_nor_written),
		cmocka_unit_test(lists_of_a_session_are_bounded),
		cmocka_unit_test(texts_are_those_of_a_report),
		cmocka_unit_test(absent_is_left_out),
		cmocka_unit_test(texts_hold_anything),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
