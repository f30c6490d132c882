/* stsgate report list and show, on a store with tallies. */
#include "cm.h"

#include "clock.h"
#include "output.h"
#include "report_schema.h"
#include "room.h"
#include "tool.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define RECORD "v=TLSRPTv1; rua=mailto:tls@one.example,https://reports.one.example/in"

static int64_t today;

static struct tool_run report_with(const char *setting, const char *const *words)
{
	const char *all[TOOL_WORDS_MAX] = {"-c", NULL, "-o", setting, "report"};
	size_t count = 5;
	all[1] = room_file("stsgate.conf");
	while (*words)
		all[count++] = *words++;
	return tool_run(NULL, 0, all);
}
#define REPORT_WITH(setting, ...) report_with(setting, (const char *const[]){__VA_ARGS__, NULL})
#define REPORT(...) REPORT_WITH("report_when=failures", __VA_ARGS__)

static void session_add(struct tlsrpt_tally *tally, const char *record, bool failed)
{
	struct tlsrpt_session session = {.count = 0};
	struct tlsrpt_failure failure = {.result = TLSRPT_STARTTLS_NOT_SUPPORTED, .mx_name = "mx1.one.example"};
	snprintf(session.domain, sizeof session.domain, "%s", tally->domain);
	snprintf(session.record, sizeof session.record, "%s", record);
	struct tlsrpt_policy *policy = tlsrpt_session_add(&session, TLSRPT_NO_POLICY_FOUND, tally->domain);
	policy->failed = failed;
	if (failed)
		tlsrpt_policy_add(policy, &failure);
	tlsrpt_tally_add(tally, &session);
	tlsrpt_session_free(&session);
}

static void tally_put(
	struct store *store, int64_t day, const char *domain, const char *record, int sessions, int failed)
{
	struct tlsrpt_tally tally;
	uint64_t refused;
	struct failure why = {0};
	tlsrpt_tally_init(&tally, day, domain);
	for (int i = 0; i < sessions; i++)
		session_add(&tally, record, i < failed);
	/* At noon of the day, when it was open. */
	assert_true(store_add_tallies(store, &tally, 1, day * TALLY_DAY_S + TALLY_DAY_S / 2, &refused, &why));
	assert_int_equal(refused, 0);
	tlsrpt_tally_free(&tally);
}

/* Leaves the row of a report that was sent, or that is to be sent again. */
static void row_put(struct store *store, const char *domain, const char *uri, enum tlsrpt_outcome outcome)
{
	struct report_address address;
	struct tlsrpt_send row;
	size_t refused;
	assert_true(report_address_read(&address, uri, strlen(uri)));
	tlsrpt_send_init(&row, (int32_t)today - 1, domain, &address, "aaaaaaaaaaaaaaaaaaaa", today * TALLY_DAY_S);
	tlsrpt_send_begin(&row, today * TALLY_DAY_S + 4000);
	tlsrpt_send_end(&row, outcome, outcome == TLSRPT_DONE ? "" : "connection refused", today * TALLY_DAY_S + 4001);
	assert_true(store_add_tlsrpt_sends(store, &row, 1, &refused, NULL));
}

static void settings_write(void)
{
	FILE *file = fopen(room_file("stsgate.conf"), "w");
	assert_non_null(file);
	fprintf(file,
		"store_path = %s\ntlsrpt = collect\nreport_from = tlsrpt@relay.example.com\n"
		"report_organization = Example Inc.\n",
		room);
	assert_int_equal(fclose(file), 0);
}

static int store_make(void **state)
{
	int status = room_make(state);
	struct store *store = room_open(ROOM_BYTES, STORE_OWNER);
	settings_write();
	today = tlsrpt_day(clock_wall_s());
	row_put(store, "one.example", "mailto:tls@one.example", TLSRPT_DONE);
	row_put(store, "one.example", "https://reports.one.example/in", TLSRPT_LATER);
	tally_put(store, today - 1, "one.example", RECORD, 5, 2);
	tally_put(store, today - 1, "two.example", "v=TLSRPTv1; rua=ftp:nobody", 1, 0);
	tally_put(store, today, "one.example", RECORD, 7, 0);
	store_close(&store);
	return status;
}

/* Checks the status, and that all parts are in the output, in this order. */
static void prints(struct tool_run run, int status, const char *const *parts)
{
	const char *at = run.out;
	for (size_t i = 0; parts[i]; i++) {
		const char *found = strstr(at, parts[i]);
		if (!found)
			fail_msg("`%s` is not where it belongs in\n%s%s", parts[i], run.out, run.err);
		at = found + strlen(parts[i]);
	}
	if (run.status != status)
		fail_msg("%d: %s%s", run.status, run.out, run.err);
	tool_run_free(&run);
}
#define PRINTS(run, status, ...) prints(run, status, (const char *const[]){__VA_ARGS__, NULL})

static void list_has_days_and_addresses(void **state)
{
	char sent[64], due[64];
	struct when when;
	(void)state;
	snprintf(sent, sizeof sent, "  sent        %s  mailto:tls@one.example\n",
		when_date(&when, today * TALLY_DAY_S + 4000));
	snprintf(due, sizeof due, "  no-failures -                     mailto:tls@one.example\n");
	PRINTS(REPORT("list"), 0, "DAY ", "two.example", " 1       0  no address\n", "one.example", " 5       2", sent,
		"  retry       ", "  https://reports.one.example/in (connection refused)\n", "one.example",
		" 7       0", due);
	struct tool_run run = REPORT("list", "--json");
	json_t *value = tool_json(&run), *reports = json_object_get(value, "reports");
	assert_int_equal(json_array_size(reports), 3);
	const json_t *one = json_array_get(reports, 1);
	assert_string_equal(json_string_value(json_object_get(one, "domain")), "one.example");
	assert_int_equal(json_integer_value(json_object_get(one, "sessions")), 5);
	assert_int_equal(json_integer_value(json_object_get(one, "failed")), 2);
	const json_t *addresses = json_object_get(one, "addresses"), *first = json_array_get(addresses, 0);
	assert_int_equal(json_array_size(addresses), 2);
	assert_string_equal(json_string_value(json_object_get(first, "state")), "sent");
	assert_int_equal(json_integer_value(json_object_get(first, "attempts")), 1);
	assert_true(json_is_null(json_object_get(first, "next_at")));
	json_decref(value);
	tool_run_free(&run);
}

/* What becomes of a report that has no row depends on the settings. */
static void settings_decide(void **state)
{
	static const struct {
		const char *setting, *shown;
	} rows[] = {
		{"report_when=always", "  waiting     "},
		{"report_when=failures", "  no-failures -"},
		{"report_exclude=one.example", "  excluded    -"},
		{"report_domains=.two.example", "  excluded    -"},
		{"tlsrpt=off", "  off         -"},
		{"report_from=", "  off         -"},
		{"report_organization=", "  off         -"},
	};
	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++)
		PRINTS(REPORT_WITH(rows[i].setting, "list"), 0, " 7       0", rows[i].shown);
}

/* With report_when = failures an address gets a report only about failures under a record that names it. */
static void each_address_has_its_own_failures(void **state)
{
	struct store *store = room_open(ROOM_BYTES, STORE_OWNER);
	(void)state;
	tally_put(store, today, "three.example", "v=TLSRPTv1; rua=mailto:old@three.example", 1, 1);
	tally_put(store, today, "three.example", "v=TLSRPTv1; rua=mailto:new@three.example", 1, 0);
	store_close(&store);
	PRINTS(REPORT("list"), 0, "three.example", " 2       1  waiting     ", "mailto:old@three.example\n",
		"  no-failures -                     mailto:new@three.example\n");
}

static void show_explains(void **state)
{
	(void)state;
	PRINTS(REPORT("show", "One.Example", "--day", "yesterday"), 0, "to        mailto:tls@one.example\n",
		"state     sent at ", "\nfile      relay.example.com!one.example!",
		"\nSessions: 5, of which failed: 2\n", "2 sessions: mx1.one.example offers no STARTTLS",
		"\nto        https://reports.one.example/in\n");
	PRINTS(REPORT("show", "one.example"), 0, "\nSessions: 7, all successful\n");
}

/* Each line is a report by itself, and they differ in their ids. */
static void show_prints_what_is_sent(void **state)
{
	(void)state;
	struct tool_run run = REPORT("show", "one.example", "--day", "yesterday", "--json");
	assert_int_equal(run.status, 0);
	char *end = strchr(run.out, '\n');
	assert_non_null(end);
	*end = '\0';
	assert_report(run.out);
	char *second = end + 1;
	second[strcspn(second, "\n")] = '\0';
	assert_report(second);
	assert_string_not_equal(run.out, second);
	tool_run_free(&run);
}

static void says(struct tool_run run, int status, const char *part)
{
	if (run.status != status || !strstr(run.err, part))
		fail_msg("%d: %s%s", run.status, run.out, run.err);
	tool_run_free(&run);
}

static void what_is_wrong_is_said(void **state)
{
	(void)state;
	says(REPORT("show", "absent.example"), 1, "absent.example: no TLS session was counted; a domain without");
	says(REPORT("show", "two.example", "--day", "today"), 1,
		"no TLS session was counted on that day; a domain without");
	says(REPORT("show", "two.example"), 0, "no usable address, so nobody gets this report");
	says(REPORT("show", "one.example"), 0, "the day is not over");
	says(REPORT_WITH("tlsrpt=off", "show", "one.example"), 0, "no reports are sent: tlsrpt is not `collect`");
	says(REPORT("show", "one.example", "--day", "2026-02-30"), 64, "2026-02-30 is not a day");
	says(REPORT("show", "one.example", "--day", "1969-12-31"), 64, "1969-12-31 is not a day");
	says(REPORT("show"), 64, "usage: ");
	says(REPORT("shout"), 64, "unknown word shout");
	says(REPORT("list", "--day", "today"), 64, "--day is an option of `report show` only");
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(list_has_days_and_addresses),
		cmocka_unit_test(settings_decide), cmocka_unit_test(show_explains),
		cmocka_unit_test(show_prints_what_is_sent), cmocka_unit_test(what_is_wrong_is_said),
		cmocka_unit_test(each_address_has_its_own_failures)};
	return cmocka_run_group_tests(tests, store_make, room_remove);
}
