/* Reports that stsgate writes are read back with the same numbers and texts, as JSON and as the mail that is sent. */
#include "cm.h"

#include "corpus.h"
#include "failures.h"
#include "gzip.h"
#include "tlsrpt_mail.h"
#include "tlsrpt_report.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DAY 20786 /* 2026-11-29 */
#define RECORD "v=TLSRPTv1; rua=mailto:tls@example.net"
#define ROUNDS 200

static const struct tlsrpt_reporter reporter = {
	"Example \"Inc.\" \xc3\xa9", "tlsrpt@relay.example.com", "relay1.example.com"};

static uint32_t random_state = 1;

static unsigned draw(unsigned below)
{
	return corpus_random(&random_state) % below;
}

/* --- sessions ----------------------------------------------------------------------------------------------------- */

static void policy_draw(struct tlsrpt_session *session)
{
	static const enum tlsrpt_type types[] = {TLSRPT_TLSA, TLSRPT_STS, TLSRPT_NO_POLICY_FOUND};
	static const char *const lines[] = {"version: STSv1", "mode: testing", "mode: enforce", "mx: *.example.net",
		"x: {}\\ \"", "3 1 1 0123456789abcdef"};
	char domain[64];
	enum tlsrpt_type type = types[draw(3)];
	snprintf(domain, sizeof domain, "d%u.example.net", draw(3));
	struct tlsrpt_policy *policy = tlsrpt_session_add(session, type, domain);
	for (unsigned i = draw(4); type != TLSRPT_NO_POLICY_FOUND && i > 0; i--) {
		const char *line = lines[draw(COUNT(lines))];
		names_add(&policy->strings, line, strlen(line));
	}
	if (type == TLSRPT_STS)
		names_add(&policy->patterns, "*.example.net", strlen("*.example.net"));
	policy->failed = draw(2) == 0;
	for (unsigned i = draw(3); i > 0; i--) {
		struct tlsrpt_failure failure = {.result = (enum tlsrpt_result)draw(TLSRPT_RESULTS)};
		snprintf(failure.mx_name, sizeof failure.mx_name, "mx%u.example.net", draw(3));
		snprintf(failure.mx_helo, sizeof failure.mx_helo, "%s", draw(2) ? "helo.example.net" : "");
		snprintf(failure.mx_address, sizeof failure.mx_address, "%s", draw(2) ? "2001:db8::25" : "");
		snprintf(failure.sender_address, sizeof failure.sender_address, "%s", draw(2) ? "192.0.2.1" : "");
		snprintf(failure.information, sizeof failure.information, "%s",
			draw(2) ? "https://example.net/?a=b" : "");
		snprintf(failure.reason, sizeof failure.reason, "%s", draw(2) ? "\"a\\b\" \xc3\xa9" : "");
		tlsrpt_policy_add(policy, &failure);
	}
}

static void tally_draw(struct tlsrpt_tally *tally)
{
	tlsrpt_tally_init(tally, DAY, "example.net");
	for (unsigned i = draw(40) + 1; i > 0; i--) {
		struct tlsrpt_session session = {.count = 0};
		snprintf(session.domain, sizeof session.domain, "example.net");
		snprintf(session.record, sizeof session.record, RECORD);
		for (unsigned n = draw(2) + 1; n > 0; n--)
			policy_draw(&session);
		tlsrpt_tally_add(tally, &session);
		tlsrpt_session_free(&session);
	}
}

/* --- the comparison ----------------------------------------------------------------------------------------------- */

static void copy(char *to, size_t size, const char *from)
{
	snprintf(to, size, "%s", from ? from : "");
}

/* Returns the text that a tally has for a failure that was read. */
static char *failure_text(const struct read_failure *read)
{
	struct tlsrpt_failure failure = {
		.result = tlsrpt_result_by_name((struct span){read->result, strlen(read->result)})};
	copy(failure.sender_address, sizeof failure.sender_address, read->sender_address);
	copy(failure.mx_name, sizeof failure.mx_name, read->mx_name);
	copy(failure.mx_helo, sizeof failure.mx_helo, read->mx_helo);
	copy(failure.mx_address, sizeof failure.mx_address, read->mx_address);
	copy(failure.information, sizeof failure.information, read->information);
	copy(failure.reason, sizeof failure.reason, read->reason);
	return tlsrpt_failure_text(&failure);
}

static char *policy_text(const struct read_policy *read)
{
	struct tlsrpt_policy policy = {
		.type = TLSRPT_NO_POLICY_FOUND, .strings = read->strings, .patterns = read->patterns};
	if (strcmp(read->type, "sts") == 0)
		policy.type = TLSRPT_STS;
	else if (strcmp(read->type, "tlsa") == 0)
		policy.type = TLSRPT_TLSA;
	copy(policy.domain, sizeof policy.domain, read->domain);
	return tlsrpt_policy_text(&policy);
}

static void group_check(const struct read_policy *read, const struct tally_group *group)
{
	char *text = policy_text(read);
	assert_string_equal(text, group->policy);
	free(text);
	assert_int_equal(read->successes, group->total - group->failed);
	assert_int_equal(read->failures, group->failed);
	assert_int_equal(read->count, group->count);
	for (size_t i = 0; i < group->count; i++) {
		text = failure_text(&read->failure[i]);
		assert_string_equal(text, group->detail[i].text);
		free(text);
		assert_int_equal(read->failure[i].sessions, group->detail[i].count);
	}
}

static void report_check(const struct read_report *read, const struct tlsrpt_report *report)
{
	assert_string_equal(read->organization, reporter.organization);
	assert_string_equal(read->contact, reporter.from);
	assert_string_equal(read->id, report->id);
	assert_int_equal(read->begins_at, report->begins_at);
	assert_int_equal(read->ends_at, report->ends_at);
	assert_int_equal(read->count, report->tally.count);
	for (size_t i = 0; i < read->count; i++)
		group_check(&read->policy[i], &report->tally.group[i]);
}

/* --- reading ------------------------------------------------------------------------------------------------------ */

static void complain(void *arg, const char *file, const char *what)
{
	(void)arg;
	fail_msg("%s: %s", file, what);
}

static char *mail_of(const struct tlsrpt_report *report, const char *json, size_t *len)
{
	char file[TLSRPT_FILE_SIZE], *text = tlsrpt_report_text(report);
	struct tlsrpt_mail mail = {.from = reporter.from,
		.to = "tls@example.net",
		.domain = report->tally.domain,
		.submitter = report->submitter,
		.id = report->id,
		.unique = report->unique,
		.at = report->ends_at,
		.text = text,
		.file = tlsrpt_report_file(report, file)};
	unsigned char *packed = gzip_pack(json, strlen(json), &mail.gzip_len);
	mail.gzip = packed;
	char *bytes = tlsrpt_mail(&mail, len);
	assert_non_null(bytes);
	free(text);
	free(packed);
	return bytes;
}

/* The same report as JSON and as mail: it is read twice and counts once. */
static void round_trip(const struct tlsrpt_report *report)
{
	struct received_list list = {.complain = complain};
	struct failure_groups groups;
	char *json = tlsrpt_report_json(report);
	size_t len;
	char *mail = mail_of(report, json, &len);
	assert_true(received_add(&list, "json", (struct span){json, strlen(json)}));
	assert_true(received_add(&list, "mail", (struct span){mail, len}));
	assert_int_equal(list.count, 2);
	for (size_t i = 0; i < list.count; i++)
		report_check(&list.row[i]->report, report);
	assert_string_equal(list.row[1]->from, "relay.example.com");
	assert_string_equal(list.row[1]->submitter, "relay.example.com");
	assert_string_equal(list.row[1]->about, "example.net");
	assert_false(received_disagrees(list.row[1]));
	received_sort(&list);
	assert_int_equal(list.count, 1);
	failures_merge(&groups, &list);
	assert_int_equal(groups.sessions, tlsrpt_tally_total(&report->tally));
	assert_int_equal(groups.failed, tlsrpt_tally_failed(&report->tally));
	failures_free(&groups);
	received_free(&list);
	free(json);
	free(mail);
}

static void reports_are_read_back(void **state)
{
	(void)state;
	for (unsigned i = 0; i < ROUNDS; i++) {
		struct tlsrpt_tally tally;
		struct tlsrpt_report report;
		tally_draw(&tally);
		tlsrpt_report_init(&report, &reporter, &tally, "mailto:tls@example.net");
		assert_true(report.tally.count > 0);
		round_trip(&report);
		tlsrpt_report_free(&report);
		tlsrpt_tally_free(&tally);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(reports_are_read_back)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
