/* Received TLS reports: what is read from the forms that senders use, and what is refused. */
#include "cm.h"

#include "tlsrpt_read.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Writes what was read in one line: `organization|contact|id|begins|ends`, then for each policy
 * `|type,domain,strings,patterns,successes,failures`, then `;` and the members of each failure. Unknown is `-`. */
static void shown_text(char *out, size_t size, size_t *len, const char *before, const char *text)
{
	*len += (size_t)snprintf(out + *len, size - *len, "%s%s", before, text ? text : "-");
	assert_true(*len < size);
}

static void shown_number(char *out, size_t size, size_t *len, const char *before, long long number)
{
	char digits[32];
	snprintf(digits, sizeof digits, "%lld", number);
	shown_text(out, size, len, before, digits);
}

static void shown_names(char *out, size_t size, size_t *len, const struct names *names)
{
	shown_text(out, size, len, ",", names->count > 0 ? "" : "-");
	for (const char *name = NULL; (name = names_next(names, name));)
		shown_text(out, size, len, "/", name);
}

static void shown(char *out, size_t size, const struct read_report *report)
{
	size_t len = 0;
	shown_text(out, size, &len, "", report->organization);
	shown_text(out, size, &len, "|", report->contact);
	shown_text(out, size, &len, "|", report->id);
	shown_number(out, size, &len, "|", report->begins_at);
	shown_number(out, size, &len, "|", report->ends_at);
	for (size_t i = 0; i < report->count; i++) {
		const struct read_policy *policy = &report->policy[i];
		shown_text(out, size, &len, "|", policy->type);
		shown_text(out, size, &len, ",", policy->domain);
		shown_names(out, size, &len, &policy->strings);
		shown_names(out, size, &len, &policy->patterns);
		shown_number(out, size, &len, ",", (long long)policy->successes);
		shown_number(out, size, &len, ",", (long long)policy->failures);
		for (size_t f = 0; f < policy->count; f++) {
			const struct read_failure *failure = &policy->failure[f];
			const char *const texts[] = {failure->result, failure->sender_address, failure->mx_name,
				failure->mx_helo, failure->mx_address, failure->information, failure->reason};
			shown_number(out, size, &len, ";", (long long)failure->sessions);
			for (size_t t = 0; t < COUNT(texts); t++)
				shown_text(out, size, &len, ",", texts[t]);
		}
	}
}

#define RANGE(begin, end) "\"date-range\":{\"start-datetime\":\"" begin "\",\"end-datetime\":\"" end "\"}"
#define DAY RANGE("2024-09-15T00:00:00Z", "2024-09-15T23:59:59Z")
#define READ_DAY "-|-|-|1726358400|1726444799"
#define POLICY(members) "{" DAY ",\"policies\":[{" members "}]}"
#define STS "\"policy\":{\"policy-type\":\"sts\",\"policy-domain\":\"example.com\"}"
#define READ_STS READ_DAY "|sts,example.com,-,-"

static const struct {
	const char *json, *want;
} good[] = {
	{"{\"organization-name\":\"Example\",\"contact-info\":\"tls@example.net\",\"report-id\":\"1@example.net\"," DAY
	 ",\"policies\":[]}",
		"Example|tls@example.net|1@example.net|1726358400|1726444799"},
	/* absent, null and "" are unknown */
	{"{\"organization-name\":\"\",\"contact-info\":null,\"report-id\":\" \"," DAY ",\"policies\":null}", READ_DAY},
	{"{\"contact-info\":\"mailto:tls@example.net\"," DAY "}", "-|tls@example.net|-|1726358400|1726444799"},
	{"\xef\xbb\xbf\r\n{\"policies\":[]}\r\n", "-|-|-|0|0"},
	{"{\"organization-name\":[1],\"date-range\":7,\"policies\":[]}", "-|-|-|0|0"},
	/* dates */
	{"{" RANGE("2023-01-25T00:00:00Z", "2023-01-26T00:00:00Z") "}", "-|-|-|1674604800|1674691199"},
	{"{" RANGE("2019-07-10T00:00:00", "2019-07-10T23:59:59") "}", "-|-|-|1562716800|1562803199"},
	{"{" RANGE("2019-07-10 02:00:00.123+02:00", "2019-07-10t19:59:59-0400") "}", "-|-|-|1562716800|1562803199"},
	{"{" RANGE("2019-07-10", "2019-07-10") "}", "-|-|-|1562716800|1562803199"},
	{"{" RANGE("2000-02-29T00:00:00Z", "2000-02-29T23:59:60Z") "}", "-|-|-|951782400|951868799"},
	{"{" RANGE("2019-13-10T00:00:00Z", "2019-07-10T00:00Z") "}", "-|-|-|0|1562716799"},
	{"{" RANGE("yesterday", "2019-07-10T25:00:00Z") "}", "-|-|-|0|0"},
	{"{" RANGE("99999-07-10T00:00:00Z", "1969-07-10T00:00:00Z") "}", "-|-|-|0|0"},
	{"{" RANGE("2019-07-10T00:00:00Zulu", "2019-07-10T00:00:00+9") "}", "-|-|-|0|0"},
	/* policies */
	{POLICY(STS), READ_STS ",0,0"},
	{POLICY("\"summary\":{}"), READ_DAY "|-,-,-,-,0,0"},
	{POLICY(STS ",\"summary\":{\"total-successful-session-count\":5,\"total-failure-session-count\":\"3\"}"),
		READ_STS ",5,3"},
	{POLICY(STS ",\"summary\":{\"total-successful-session-count\":9007199254740991,"
		    "\"total-failure-session-count\":null}"),
		READ_STS ",9007199254740991,0"},
	{POLICY("\"policy\":{\"policy-type\":\"sts\",\"policy-string\":[\"version: STSv1\",\" mode: testing\\r\\n\"],"
		"\"mx-host\":[\"*.example.com\",\"mx: mail.example.com\"]}"),
		READ_DAY "|sts,-,/version: STSv1/mode: testing,/*.example.com/mail.example.com,0,0"},
	{POLICY("\"policy\":{\"policy-string\":\"version: STSv1\\nmode: none\",\"mx-host\":\"mail.example.com\"}"),
		READ_DAY "|-,-,/version: STSv1/mode: none,/mail.example.com,0,0"},
	{POLICY("\"policy\":{\"policy-string\":[\"[\\\"3 1 1 AA\\\",\\\"2 1 1 BB\\\"]\"],\"mx-host\":null}"),
		READ_DAY "|-,-,/3 1 1 AA/2 1 1 BB,-,0,0"},
	{POLICY("\"policy\":{\"policy-string\":[\"[no json\",null,3,\"\"],\"mx-host\":[]}"),
		READ_DAY "|-,-,/[no json,-,0,0"},
	{"{\"policies\":{" STS "}}", "-|-|-|0|0|sts,example.com,-,-,0,0"},
	/* failures */
	{POLICY(STS ",\"failure-details\":[]"), READ_STS ",0,0"},
	{POLICY(STS ",\"failure-details\":null"), READ_STS ",0,0"},
	{POLICY(STS ",\"failure-details\":[{}]"), READ_STS ",0,1;1,-,-,-,-,-,-,-"},
	{POLICY(STS
		 ",\"failure-details\":[{\"result-type\":\"a-new-type\",\"sending-mta-ip\":\"\","
		 "\"receiving-mx-hostname\":\"mx1.example.com\",\"receiving-mx-helo\":\"mx1\",\"receiving-ip\":\"192.0.2.1\","
		 "\"failed-session-count\":4,\"additional-information\":\"https://a.example/\","
		 "\"failure-reason-code\":\"x\\ny\"}]"),
		READ_STS ",0,4;4,a-new-type,-,mx1.example.com,mx1,192.0.2.1,https://a.example/,x\ny"},
	{POLICY(STS ",\"summary\":{\"total-failure-session-count\":0},\"failure-details\":[{},{}]"),
		READ_STS ",0,0;1,-,-,-,-,-,-,-;1,-,-,-,-,-,-,-"},
	{POLICY(STS ",\"failure-details\":[{\"failed-session-count\":9007199254740991},{}]"),
		READ_STS ",0,9007199254740991;9007199254740991,-,-,-,-,-,-,-;1,-,-,-,-,-,-,-"},
	{POLICY(STS ",\"failure-details\":{\"failed-session-count\":0}"), READ_STS ",0,0;0,-,-,-,-,-,-,-"},
};

static void test_good(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(good); i++) {
		struct read_report report;
		char why[TLSRPT_READ_WHY] = "", got[2000];
		if (!tlsrpt_read(&report, good[i].json, strlen(good[i].json), why))
			fail_msg("%s: %s", good[i].json, why);
		shown(got, sizeof got, &report);
		if (strcmp(got, good[i].want) != 0)
			fail_msg("%s:\n%s, not\n%s", good[i].json, got, good[i].want);
		tlsrpt_read_free(&report);
	}
}

static const struct {
	const char *json, *want; /* the beginning of `why`; columns differ by the version of jansson */
} bad[] = {
	{"", "is not JSON: line 1,"},
	{"{", "is not JSON: line 1,"},
	{"{}\nx", "is not JSON: line 2,"},
	{"{\"report-id\":\"\xff\"}", "is not JSON: line 1,"},
	{"{\"report-id\":\"a\\u0000b\"}", "is not JSON: line 1,"},
	{"{\"report-id\":\"a\",\"report-id\":\"b\",\"policies\":[]}", "is not unambiguous JSON: line 1,"},
	{"[]", "is JSON, but no TLS report: it has neither policies nor a date-range"},
	{"{\"feedback\":{}}", "is JSON, but no TLS report: it has neither policies nor a date-range"},
	{"{\"policies\":[7]}", "has a policy that is no object"},
	{POLICY("\"summary\":{\"total-successful-session-count\":-1}"),
		"has a summary whose counts are no numbers of sessions"},
	{POLICY("\"summary\":{\"total-failure-session-count\":9007199254740992}"),
		"has a summary whose counts are no numbers of sessions"},
	{POLICY("\"summary\":{\"total-failure-session-count\":\"18446744073709551617\"}"),
		"has a summary whose counts are no numbers of sessions"},
	{POLICY("\"summary\":{\"total-failure-session-count\":1.5}"),
		"has a summary whose counts are no numbers of sessions"},
	{POLICY("\"failure-details\":[\"none\"]"),
		"has failure-details that are no object, or whose count is no number of sessions"},
	{POLICY("\"failure-details\":[{\"failed-session-count\":true}]"),
		"has failure-details that are no object, or whose count is no number of sessions"},
};

static void test_bad(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(bad); i++) {
		struct read_report report;
		char why[TLSRPT_READ_WHY] = "";
		if (tlsrpt_read(&report, bad[i].json, strlen(bad[i].json), why))
			fail_msg("%s is read", bad[i].json);
		if (strncmp(why, bad[i].want, strlen(bad[i].want)) != 0)
			fail_msg("%s: %s, not %s", bad[i].json, why, bad[i].want);
		assert_null(report.policy);
	}
}

/* A text of `count` times the same piece between two others. The caller frees it. */
static char *repeated(const char *before, const char *piece, size_t count, const char *after)
{
	size_t len = strlen(piece);
	char *text = malloc(strlen(before) + count * len + strlen(after) + 1), *at = text;
	assert_non_null(text);
	at += sprintf(at, "%s", before);
	for (size_t i = 0; i < count; i++, at += len)
		memcpy(at, piece, len);
	strcpy(at, after);
	return text;
}

static void limit_check(char *text, bool want)
{
	static const char wanted[] = "is too large or too deeply nested for a TLS report";
	struct read_report report;
	char why[TLSRPT_READ_WHY] = "";
	bool got = tlsrpt_read(&report, text, strlen(text), why);
	if (got != want || (!want && strcmp(why, wanted) != 0))
		fail_msg("%.60s... of %zu octets: %s", text, strlen(text), got ? "is read" : why);
	tlsrpt_read_free(&report);
	free(text);
}

/* Size, depth and number of values are limited before the parser starts; what is in strings counts for the size only. */
static void test_limits(void **state)
{
	(void)state;
	limit_check(repeated("{\"policies\":[],\"x\":", "[", TLSRPT_READ_DEPTH + 1, ""), false);
	limit_check(repeated("{\"policies\":[],\"x\":\"", "[", 1000, "\"}"), true);
	limit_check(repeated("{\"policies\":[],\"x\":\"", "\\\"[{", 1000, "\"}"), true);
	limit_check(repeated("{\"policies\":[],\"x\":[0", ",0", TLSRPT_READ_VALUES, "]}"), false);
	limit_check(repeated("{\"policies\":[],\"x\":[0", ",0", TLSRPT_READ_VALUES - 10, "]}"), true);
	limit_check(repeated("{\"policies\":[],\"x\":\"", ",0", TLSRPT_READ_VALUES, "\"}"), true);
	limit_check(repeated("{\"policies\":[],\"x\":\"", "0123456789abcdef", TLSRPT_READ_MAX / 16, "\"}"), false);
}

/* A long text is cut between two characters. */
static void test_long_texts(void **state)
{
	struct read_report report;
	char why[TLSRPT_READ_WHY];
	(void)state;
	char *json = repeated(
		"{\"policies\":[],\"report-id\":\"x\",\"organization-name\":\"a", "\xc3\xa9", TLSRPT_READ_TEXT, "\"}");
	assert_true(tlsrpt_read(&report, json, strlen(json), why));
	assert_int_equal(strlen(report.organization), TLSRPT_READ_TEXT - 1);
	assert_string_equal(report.organization + TLSRPT_READ_TEXT - 3, "\xc3\xa9");
	tlsrpt_read_free(&report);
	free(json);
}

/* Each thing that a report says makes it another report; what identifies it comes first. */
static void test_compare(void **state)
{
	static const char *const rows[] = {
		"{\"report-id\":\"1\",\"policies\":[]}",
		"{\"report-id\":\"1\",\"date-range\":{\"end-datetime\":\"2026-01-01\"},\"policies\":[]}",
		"{\"report-id\":\"1\",\"policies\":[{}]}",
		"{\"report-id\":\"1\",\"policies\":[{},{}]}",
		"{\"report-id\":\"1\",\"policies\":[{\"summary\":{\"total-successful-session-count\":1}}]}",
		"{\"report-id\":\"1\",\"policies\":[{\"summary\":{\"total-failure-session-count\":1}}]}",
		"{\"report-id\":\"1\",\"policies\":[{\"policy\":{\"policy-type\":\"sts\"}}]}",
		"{\"report-id\":\"1\",\"policies\":[{\"policy\":{\"policy-domain\":\"sts\"}}]}",
		"{\"report-id\":\"1\",\"policies\":[{\"policy\":{\"policy-string\":[\"a\",\"b\"]}}]}",
		"{\"report-id\":\"1\",\"policies\":[{\"policy\":{\"policy-string\":[\"a\",\"c\"]}}]}",
		"{\"report-id\":\"1\",\"policies\":[{\"policy\":{\"mx-host\":[\"a\"]}}]}",
		"{\"report-id\":\"1\",\"policies\":[{\"failure-details\":[{\"failed-session-count\":0}]}]}",
		"{\"report-id\":\"1\",\"policies\":[{\"failure-details\":[{\"failed-session-count\":0,\"result-type\":\"x\"}]}]}",
		"{\"report-id\":\"1\",\"policies\":[{\"failure-details\":[{\"failed-session-count\":0,\"sending-mta-ip\":\"x\"}]}]}",
		"{\"report-id\":\"1\",\"policies\":[{\"failure-details\":[{\"failed-session-count\":0,\"receiving-mx-hostname\":\"x\"}]}]}",
		"{\"report-id\":\"1\",\"policies\":[{\"failure-details\":[{\"failed-session-count\":0,\"receiving-mx-helo\":\"x\"}]}]}",
		"{\"report-id\":\"1\",\"policies\":[{\"failure-details\":[{\"failed-session-count\":0,\"receiving-ip\":\"x\"}]}]}",
		"{\"report-id\":\"1\",\"policies\":[{\"failure-details\":[{\"failed-session-count\":0,\"additional-information\":\"x\"}]}]}",
		"{\"report-id\":\"1\",\"policies\":[{\"failure-details\":[{\"failed-session-count\":0,\"failure-reason-code\":\"x\"}]}]}",
		"{\"report-id\":\"2\",\"policies\":[]}",
		"{\"report-id\":\"1\",\"organization-name\":\"a\",\"policies\":[]}",
		"{\"report-id\":\"1\",\"contact-info\":\"a\",\"policies\":[]}",
		"{\"report-id\":\"1\",\"date-range\":{\"start-datetime\":\"2026-01-01\"},\"policies\":[]}",
	};
	enum { SAME_ID = COUNT(rows) - 4 };
	struct read_report reports[COUNT(rows)];
	char why[TLSRPT_READ_WHY];
	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++)
		assert_true(tlsrpt_read(&reports[i], rows[i], strlen(rows[i]), why));
	for (size_t i = 0; i < COUNT(rows); i++)
		for (size_t k = 0; k < COUNT(rows); k++) {
			int order = tlsrpt_read_compare(&reports[i], &reports[k]);
			int back = tlsrpt_read_compare(&reports[k], &reports[i]);
			bool same = tlsrpt_read_compare_id(&reports[i], &reports[k]) == 0;
			if ((order == 0) != (i == k) || (order < 0) != (back > 0) ||
				same != (i == k || (i < SAME_ID && k < SAME_ID)))
				fail_msg("%s and %s: %d, %d", rows[i], rows[k], order, back);
		}
	for (size_t i = 0; i < COUNT(rows); i++)
		tlsrpt_read_free(&reports[i]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_good),
		cmocka_unit_test(test_bad),
		cmocka_unit_test(test_limits),
		cmocka_unit_test(test_long_texts),
		cmocka_unit_test(test_compare),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
