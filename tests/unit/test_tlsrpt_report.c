/* Reports: what each address gets, the JSON against a schema that is written down apart from the writer, names, and the text. */
#include "cm.h"

#include "corpus.h"
#include "report_schema.h"
#include "tlsrpt_read.h"
#include "tlsrpt_report.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DAY 20786 /* 2026-11-29 */
#define ONE "v=TLSRPTv1; rua=mailto:tls@example.net"
#define TWO "v=TLSRPTv1;rua=mailto:tls@example.net,https://reports.example.net/in"

static const struct tlsrpt_reporter reporter = {"Example Inc.", "tlsrpt@relay.example.com", "relay1.example.com"};

/* Counts one session with a policy and, if `failure` is not NULL, one detail. */
static void count_one(struct tlsrpt_tally *tally, const char *record, struct tlsrpt_policy *made,
	const struct tlsrpt_failure *failure, bool failed)
{
	struct tlsrpt_session session = {.count = 0};
	snprintf(session.domain, sizeof session.domain, "%s", tally->domain);
	snprintf(session.record, sizeof session.record, "%s", record);
	struct tlsrpt_policy *policy = tlsrpt_session_add(&session, made->type, made->domain);
	policy->failed = failed;
	names_copy(&policy->strings, &made->strings);
	names_copy(&policy->patterns, &made->patterns);
	if (failure)
		tlsrpt_policy_add(policy, failure);
	tlsrpt_tally_add(tally, &session);
	tlsrpt_session_free(&session);
}

static struct tlsrpt_policy testing_policy(void)
{
	static const char *const lines[] = {"version: STSv1", "mode: testing", "max_age: 86400", "mx: *.example.net"};
	struct tlsrpt_policy policy = {.type = TLSRPT_STS, .domain = "example.net"};
	for (size_t i = 0; i < COUNT(lines); i++)
		names_add(&policy.strings, lines[i], strlen(lines[i]));
	names_add(&policy.patterns, "*.example.net", strlen("*.example.net"));
	return policy;
}

static void lists_free(struct tlsrpt_policy *policy)
{
	names_free(&policy->strings);
	names_free(&policy->patterns);
}

static const struct tlsrpt_failure mismatch = {.result = TLSRPT_CERTIFICATE_HOST_MISMATCH,
	.sender_address = "192.0.2.1",
	.mx_name = "mx1.example.net",
	.mx_helo = "mx1.example.net",
	.mx_address = "2001:db8::25",
	.reason = "X509_V_ERR_HOSTNAME_MISMATCH"};

/* Three sessions under a policy of mode testing, of which one failed, under two records; and one without policy. */
static void tally_make(struct tlsrpt_tally *tally)
{
	struct tlsrpt_policy policy = testing_policy(), none = {.type = TLSRPT_NO_POLICY_FOUND};
	tlsrpt_tally_init(tally, DAY, "example.net");
	count_one(tally, ONE, &policy, NULL, false);
	count_one(tally, TWO, &policy, NULL, false);
	count_one(tally, TWO, &policy, &mismatch, true);
	count_one(tally, TWO, &none, NULL, false);
	lists_free(&policy);
}

static void list_is(const struct names *list, const json_t *array)
{
	const char *name = NULL, *first = json_string_value(json_array_get(array, 0));
	if (first && *first == '[')
		return; /* Microsoft's array in a string, which the reader takes apart */
	assert_int_equal(list->count, json_array_size(array));
	for (size_t i = 0; (name = names_next(list, name)); i++)
		assert_string_equal(name, json_string_value(json_array_get(array, i)));
}

/* `report read` finds in the JSON what was counted. */
static void reader_agrees(const struct tlsrpt_report *report, const char *text)
{
	struct read_report back;
	char why[TLSRPT_READ_WHY];
	assert_true(tlsrpt_read(&back, text, strlen(text), why));
	assert_string_equal(back.organization, report->reporter.organization);
	assert_string_equal(back.contact, report->reporter.from);
	assert_string_equal(back.id, report->id);
	assert_int_equal(back.begins_at, report->begins_at);
	assert_int_equal(back.ends_at, report->ends_at);
	assert_int_equal(back.count, report->tally.count);
	for (size_t i = 0; i < back.count; i++) {
		const struct tally_group *group = &report->tally.group[i];
		const struct read_policy *policy = &back.policy[i];
		json_t *counted = json_loads(group->policy, 0, NULL);
		assert_int_equal(policy->failures, group->failed);
		assert_int_equal(policy->successes, group->total - group->failed);
		assert_string_equal(policy->type, json_string_value(json_object_get(counted, "policy-type")));
		list_is(&policy->strings, json_object_get(counted, "policy-string"));
		list_is(&policy->patterns, json_object_get(counted, "mx-host"));
		json_decref(counted);
		assert_int_equal(policy->count, group->count);
		for (size_t k = 0; k < policy->count; k++)
			assert_int_equal(policy->failure[k].sessions, group->detail[k].count);
	}
	tlsrpt_read_free(&back);
}

static json_t *json_of(const struct tlsrpt_report *report)
{
	char *text = tlsrpt_report_json(report);
	assert_report(text);
	reader_agrees(report, text);
	json_t *value = json_loads(text, 0, NULL);
	assert_non_null(value);
	free(text);
	return value;
}

static json_int_t count_in(const json_t *policies, size_t i, const char *key)
{
	return json_integer_value(json_object_get(json_object_get(json_array_get(policies, i), "summary"), key));
}

static void each_address_has_its_groups(void **state)
{
	struct tlsrpt_tally tally;
	struct tlsrpt_report report;
	size_t count;
	(void)state;
	tally_make(&tally);
	struct report_address *address = tlsrpt_report_addresses(&tally, &count);
	assert_int_equal(count, 2);
	assert_string_equal(address[0].text, "mailto:tls@example.net");
	assert_string_equal(address[1].text, "https://reports.example.net/in");

	tlsrpt_report_init(&report, &reporter, &tally, address[0].text);
	json_t *json = json_of(&report), *policies = json_object_get(json, "policies");
	assert_int_equal(json_array_size(policies), 2); /* the groups of both records are one */
	assert_int_equal(count_in(policies, 0, "total-successful-session-count"), 2);
	assert_int_equal(count_in(policies, 0, "total-failure-session-count"), 1);
	json_decref(json);
	tlsrpt_report_free(&report);

	tlsrpt_report_init(&report, &reporter, &tally, address[1].text);
	json = json_of(&report);
	policies = json_object_get(json, "policies");
	assert_int_equal(count_in(policies, 0, "total-successful-session-count"), 1);
	assert_int_equal(count_in(policies, 0, "total-failure-session-count"), 1);
	json_decref(json);
	tlsrpt_report_free(&report);

	tlsrpt_report_init(&report, &reporter, &tally, "mailto:other@example.net");
	assert_int_equal(report.tally.count, 0);
	tlsrpt_report_free(&report);
	free(address);
	tlsrpt_tally_free(&tally);
}

/* The whole JSON, in the shape of RFC 8460 appendix B, but mx-host is an array (erratum 6241). */
static void shape_is_exact(void **state)
{
	struct tlsrpt_tally tally;
	struct tlsrpt_report report;
	(void)state;
	tally_make(&tally);
	tlsrpt_report_init(&report, &reporter, &tally, "mailto:tls@example.net");
	char *text = tlsrpt_report_json(&report), expected[2048];
	snprintf(expected, sizeof expected,
		"{\"organization-name\": \"Example Inc.\", \"date-range\": {\"start-datetime\": \"2026-11-29T00:00:00Z\", "
		"\"end-datetime\": \"2026-11-29T23:59:59Z\"}, \"contact-info\": \"tlsrpt@relay.example.com\", "
		"\"report-id\": \"2026-11-29.%s@relay.example.com\", \"policies\": [{\"policy\": {\"policy-type\": \"sts\", "
		"\"policy-string\": [\"version: STSv1\", \"mode: testing\", \"max_age: 86400\", \"mx: *.example.net\"], "
		"\"policy-domain\": \"example.net\", \"mx-host\": [\"*.example.net\"]}, "
		"\"summary\": {\"total-successful-session-count\": 2, \"total-failure-session-count\": 1}, "
		"\"failure-details\": [{\"result-type\": \"certificate-host-mismatch\", \"sending-mta-ip\": \"192.0.2.1\", "
		"\"receiving-mx-hostname\": \"mx1.example.net\", \"receiving-mx-helo\": \"mx1.example.net\", "
		"\"receiving-ip\": \"2001:db8::25\", \"failure-reason-code\": \"X509_V_ERR_HOSTNAME_MISMATCH\", "
		"\"failed-session-count\": 1}]}, {\"policy\": {\"policy-type\": \"no-policy-found\", "
		"\"policy-domain\": \"example.net\"}, \"summary\": {\"total-successful-session-count\": 1, "
		"\"total-failure-session-count\": 0}}]}",
		report.unique);
	assert_string_equal(text, expected);
	free(text);
	tlsrpt_report_free(&report);
	tlsrpt_tally_free(&tally);
}

static void unknown_settings_are_left_out(void **state)
{
	struct tlsrpt_reporter nobody = {"", "", "relay1.example.com"};
	struct tlsrpt_tally tally;
	struct tlsrpt_report report;
	(void)state;
	tally_make(&tally);
	tlsrpt_report_init(&report, &nobody, &tally, NULL);
	char *text = tlsrpt_report_json(&report);
	assert_null(strstr(text, "organization-name"));
	assert_null(strstr(text, "contact-info"));
	assert_non_null(strstr(text, "@localhost\""));
	free(text);
	tlsrpt_report_free(&report);
	tlsrpt_tally_free(&tally);
}

/* A report about the same thing has the same octets and names, whatever else was made between; another relay, day, domain or
 * address makes others. */
static void ids_are_unique_and_stable(void **state)
{
	static const struct {
		const char *relay, *domain, *address;
		int64_t day;
	} rows[] = {
		{"relay1.example.com", "example.net", "mailto:tls@example.net", DAY},
		{"relay2.example.com", "example.net", "mailto:tls@example.net", DAY},
		{"relay1.example.com", "example.org", "mailto:tls@example.net", DAY},
		{"relay1.example.com", "example.net", "mailto:tls@example.org", DAY},
		{"relay1.example.com", "example.net", "mailto:tls@example.net", DAY + 1},
	};
	char seen[COUNT(rows)][TLSRPT_ID_SIZE];
	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct tlsrpt_reporter who = {"Example Inc.", "tlsrpt@relay.example.com", rows[i].relay};
		struct tlsrpt_tally tally;
		struct tlsrpt_report report, again;
		tlsrpt_tally_init(&tally, rows[i].day, rows[i].domain);
		tlsrpt_report_init(&report, &who, &tally, rows[i].address);
		tlsrpt_report_init(&again, &who, &tally, rows[i].address);
		assert_string_equal(report.id, again.id);
		memcpy(seen[i], report.id, sizeof seen[i]);
		for (size_t k = 0; k < i; k++)
			assert_string_not_equal(seen[k], seen[i]);
		tlsrpt_report_free(&report);
		tlsrpt_report_free(&again);
		tlsrpt_tally_free(&tally);
	}
}

static void file_has_its_name(void **state)
{
	struct tlsrpt_tally tally;
	struct tlsrpt_report report;
	char file[TLSRPT_FILE_SIZE], expected[TLSRPT_FILE_SIZE];
	(void)state;
	tlsrpt_tally_init(&tally, DAY, "example.net");
	tlsrpt_report_init(&report, &reporter, &tally, NULL);
	snprintf(expected, sizeof expected, "relay.example.com!example.net!1795910400!1795996799!%s.json.gz",
		report.unique);
	assert_string_equal(tlsrpt_report_file(&report, file), expected);
	assert_int_equal(strspn(report.unique, "0123456789abcdef"), 16);
	tlsrpt_report_free(&report);
	tlsrpt_tally_free(&tally);
}

/* The report does not depend on the order in which sessions came. */
static void order_does_not_matter(void **state)
{
	char *text[2];
	(void)state;
	for (int turn = 0; turn < 2; turn++) {
		struct tlsrpt_policy policy = testing_policy(), none = {.type = TLSRPT_NO_POLICY_FOUND};
		struct tlsrpt_failure other = mismatch;
		struct tlsrpt_tally tally;
		struct tlsrpt_report report;
		other.result = TLSRPT_CERTIFICATE_EXPIRED;
		tlsrpt_tally_init(&tally, DAY, "example.net");
		if (turn == 1)
			count_one(&tally, ONE, &none, NULL, true);
		count_one(&tally, ONE, &policy, turn == 0 ? &mismatch : &other, true);
		count_one(&tally, ONE, &policy, turn == 1 ? &mismatch : &other, true);
		if (turn == 0)
			count_one(&tally, ONE, &none, NULL, true);
		tlsrpt_report_init(&report, &reporter, &tally, NULL);
		text[turn] = tlsrpt_report_json(&report);
		assert_report(text[turn]);
		tlsrpt_report_free(&report);
		tlsrpt_tally_free(&tally);
		lists_free(&policy);
	}
	assert_string_equal(text[0], text[1]);
	free(text[0]);
	free(text[1]);
}

/* Whatever strangers put into sessions, the report stays below its bound and fits the schema. */
static void flood_makes_no_large_report(void **state)
{
	struct tlsrpt_tally tally;
	struct tlsrpt_report report;
	uint32_t random = 1;
	(void)state;
	tlsrpt_tally_init(&tally, DAY, "example.net");
	for (int i = 0; i < 20000; i++) {
		struct tlsrpt_policy policy = {.type = TLSRPT_STS, .domain = "example.net"};
		struct tlsrpt_failure failure = mismatch;
		char line[64];
		failure.result = (enum tlsrpt_result)(corpus_random(&random) % TLSRPT_RESULTS);
		for (size_t k = 0; k + 3 < sizeof failure.reason; k += 2)
			memcpy(failure.reason + k, "\xc2\xa1", 3); /* two octets, six in JSON */
		snprintf(failure.mx_helo, sizeof failure.mx_helo, "h%u.example.net", corpus_random(&random));
		snprintf(line, sizeof line, "x: %u", corpus_random(&random) % 100);
		names_add(&policy.strings, line, strlen(line));
		snprintf(
			line, sizeof line, "v=TLSRPTv1; rua=mailto:tls@example.net; x=%u", corpus_random(&random) % 10);
		count_one(&tally, line, &policy, &failure, true);
		lists_free(&policy);
	}
	tlsrpt_report_init(&report, &reporter, &tally, NULL);
	char *text = tlsrpt_report_json(&report), *words = tlsrpt_report_text(&report);
	assert_report(text);
	reader_agrees(&report, text);
	assert_in_range(strlen(text), 1, TLSRPT_REPORT_MAX);
	assert_non_null(strstr(words, "\nFurther policies, which are in the JSON: "));
	assert_non_null(strstr(words, "_smtp._tls.example.net"));
	free(text);
	free(words);
	tlsrpt_report_free(&report);
	tlsrpt_tally_free(&tally);
}

/* --- the corpus --------------------------------------------------------------------------------------------------- */

/* Puts the policies of a report into a tally, as if their sessions had been counted. */
static void tally_from(struct tlsrpt_tally *tally, const json_t *policies)
{
	size_t i, k;
	const json_t *entry;
	const json_t *detail;
	tlsrpt_tally_init(tally, DAY, "recipient1.example");
	tally->group = calloc(json_array_size(policies), sizeof *tally->group);
	json_array_foreach(policies, i, entry)
	{
		struct tally_group *group = &tally->group[tally->count++];
		const json_t *details = json_object_get(entry, "failure-details");
		group->record = strdup(ONE);
		group->policy = json_dumps(json_object_get(entry, "policy"), JSON_COMPACT);
		group->failed = (uint64_t)count_in(policies, i, "total-failure-session-count");
		group->total = group->failed + (uint64_t)count_in(policies, i, "total-successful-session-count");
		group->detail = calloc(json_array_size(details) + 1, sizeof *group->detail);
		json_array_foreach(details, k, detail)
		{
			json_t *copy = json_copy((json_t *)(uintptr_t)detail);
			group->detail[k].count =
				(uint64_t)json_integer_value(json_object_get(copy, "failed-session-count"));
			json_object_del(copy, "failed-session-count");
			group->detail[k].text = json_dumps(copy, JSON_COMPACT);
			group->count++;
			json_decref(copy);
		}
	}
}

static void corpus_fits(void **state)
{
	static const struct {
		const char *file, *wrong; /* what the schema says; NULL: nothing */
	} rows[] = {
		{"tlsrpt/google-1.json", NULL},
		{"tlsrpt/microsoft-1.json", NULL},
		{"tlsrpt/mail-ru-1.json", NULL},
		{"tlsrpt/no-policy.json", NULL},
		{"tlsrpt/no-contact.json", "contact-info: is no string"},
	};
	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		char why[SCHEMA_WHY_SIZE];
		size_t len;
		char *bytes = corpus_read(rows[i].file, &len);
		bool fits = report_schema_fits(bytes, len, NULL, why);
		if (rows[i].wrong ? fits || !strstr(why, rows[i].wrong) : !fits)
			fail_msg("%s: %s", rows[i].file, why);
		free(bytes);
	}
}

/* What others report is what we would report if we had counted the same sessions. */
static void corpus_comes_back(void **state)
{
	static const char *const files[] = {"google-1", "microsoft-1", "mail-ru-1", "no-policy"};
	(void)state;
	for (size_t i = 0; i < COUNT(files); i++) {
		char name[64];
		size_t len;
		snprintf(name, sizeof name, "tlsrpt/%s.json", files[i]);
		char *bytes = corpus_read(name, &len);
		json_t *theirs = json_loadb(bytes, len, 0, NULL), *policies = json_object_get(theirs, "policies");
		struct tlsrpt_tally tally;
		struct tlsrpt_report report;
		tally_from(&tally, policies);
		tlsrpt_report_init(&report, &reporter, &tally, "mailto:tls@example.net");
		json_t *ours = json_of(&report);
		assert_true(json_equal(json_object_get(ours, "policies"), policies));
		json_decref(ours);
		json_decref(theirs);
		free(bytes);
		tlsrpt_report_free(&report);
		tlsrpt_tally_free(&tally);
	}
}

/* --- the text ----------------------------------------------------------------------------------------------------- */

static void text_explains(void **state)
{
	struct tlsrpt_tally tally;
	struct tlsrpt_report report;
	(void)state;
	tally_make(&tally);
	tlsrpt_report_init(&report, &reporter, &tally, "mailto:tls@example.net");
	char *text = tlsrpt_report_text(&report);
	assert_string_equal(text, "This is a TLS report (RFC 8460) for the postmaster of example.net. It says\n"
				  "whether the connections of one sender to the domain's mail hosts were\n"
				  "encrypted as the domain's policy demands.\n"
				  "\n"
				  "Sender:   Example Inc., tlsrpt@relay.example.com\n"
				  "Day:      2026-11-29, from 00:00 to 24:00 UTC\n"
				  "Sessions: 4, of which failed: 1\n"
				  "\n"
				  "MTA-STS policy of example.net, mode testing: mail is delivered in spite of\n"
				  "failures.\n"
				  "  2 sessions succeeded, 1 failed:\n"
				  "  - 1 session: mx1.example.net [2001:db8::25] presents a certificate for\n"
				  "    another name (certificate-host-mismatch, reason code\n"
				  "    X509_V_ERR_HOSTNAME_MISMATCH).\n"
				  "    What to do: The certificate must contain the name of the mail host in\n"
				  "    the MX records as a DNS name (subjectAltName).\n"
				  "\n"
				  "No policy was found for example.net: the mail server is not told of a policy\n"
				  "in testing mode.\n"
				  "  1 session succeeded, 0 failed.\n"
				  "\n"
				  "A session is a connection, not a message. Some sessions may be probes:\n"
				  "connections that only test TLS and send no mail. One session can fail in\n"
				  "several ways.\n"
				  "\n"
				  "The attached file has the whole report as JSON, for programs. You get this\n"
				  "report because the TXT record _smtp._tls.example.net asks for reports to\n"
				  "this address; remove the address there if you do not want them.\n");
	free(text);
	tlsrpt_report_free(&report);
	tlsrpt_tally_free(&tally);
}

/* A remedy names the domain, and mode enforce says what failures mean for mail. */
static void text_names_the_domain(void **state)
{
	struct tlsrpt_policy policy = {.type = TLSRPT_STS, .domain = "example.net"};
	struct tlsrpt_failure failure = {.result = TLSRPT_STS_WEBPKI_INVALID};
	struct tlsrpt_tally tally;
	struct tlsrpt_report report;
	(void)state;
	names_add(&policy.strings, "mode:enforce", strlen("mode:enforce"));
	tlsrpt_tally_init(&tally, DAY, "example.net");
	count_one(&tally, ONE, &policy, &failure, false);
	tlsrpt_report_init(&report, &reporter, &tally, NULL);
	char *text = tlsrpt_report_text(&report);
	assert_non_null(strstr(text, "mode enforce: mail is not delivered"));
	assert_non_null(strstr(text, "  1 session succeeded, 0 failed, but something was wrong:\n"));
	assert_non_null(strstr(text, "mta-sts.example.net"));
	assert_null(strstr(text, "DOMAIN"));
	free(text);
	tlsrpt_report_free(&report);
	tlsrpt_tally_free(&tally);
	lists_free(&policy);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(each_address_has_its_groups),
		cmocka_unit_test(shape_is_exact), cmocka_unit_test(unknown_settings_are_left_out),
		cmocka_unit_test(ids_are_unique_and_stable), cmocka_unit_test(file_has_its_name),
		cmocka_unit_test(order_does_not_matter), cmocka_unit_test(flood_makes_no_large_report),
		cmocka_unit_test(corpus_fits), cmocka_unit_test(corpus_comes_back), cmocka_unit_test(text_explains),
		cmocka_unit_test(text_names_the_domain)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
