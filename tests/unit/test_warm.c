/* warm: a list of domains, looked up ahead of their first message. */
#include "cm.h"

#include "moving_room.h"
#include "schedule.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static void domain_publishes(const char *domain, const char *mode)
{
	char name[80], text[200], mx[80];
	const char *record = "v=STSv1; id=7;", *exchange = mx;
	snprintf(name, sizeof name, "_mta-sts.%s", domain);
	assert_true(world_dns(name, DNS_TXT, 300, &record, 1));
	snprintf(mx, sizeof mx, "10 mx.%s", domain);
	assert_true(world_dns(domain, DNS_MX, 300, &exchange, 1));
	snprintf(name, sizeof name, "mx.%s", domain);
	world_address(name);
	world_hop(name, REASON_NONE, 0x0304);
	snprintf(text, sizeof text, "version: STSv1\nmode: %s\nmx: mx.%s\nmax_age: 604800\n", mode, domain);
	world_policy(domain, text, strlen(text));
}

static void world_make(void)
{
	domain_publishes("enforce.example", "enforce");
	domain_publishes("testing.example", "testing");
	domain_publishes("none.example", "none");
	domain_publishes("broken.example", "enforce");
	world_policy_fails("broken.example", REASON_POLICY_FETCH, "HTTP status 500");
}

static struct tool_run warmed(const char *list, const char *rate)
{
	file_write(list, strlen(list));
	return call_tool((struct call){.run = warm_run, .words = {file}, .store = one, .rate = rate});
}

static void test_warm(void **state)
{
	(void)state;
	world_make();
	struct tool_run run = warmed("# those we write to\n\nenforce.example\n  user@Testing.Example\t# a friend\r\n"
				     "a#b@none.example\nplain.example\n#enforce2.example\n",
		"1000");
	assert_string_equal(run.out, "enforce 1, testing 1, none 1, without 1, failed 0\n");
	assert_int_equal(run.status, 0);
	assert_string_equal(run.err, "");
	tool_run_free(&run);
	/* Like one in use: the refresher looks at it within the hour, and its hops are known. */
	struct entry entry = entry_at(one, "enforce.example");
	assert_int_equal(entry.last_used_day, schedule_day(NOW));
	assert_int_equal(entry.first_used_day, schedule_day(NOW));
	assert_int_equal(entry.placed, 1); /* it counts as in use until it is fetched again */
	assert_true(entry.due_at > NOW && entry.due_at <= NOW + RECORD_AGE_MAX_S);
	entry_free(&entry);
	run = exported(one, "enforce.example");
	assert_non_null(strstr(run.out, "{\"host\": \"mx.enforce.example\", \"port\": 25, \"newest\": {\"at\": "));
	tool_run_free(&run);
	entry = entry_at(one, "plain.example");
	assert_int_equal(entry.record_outcome, REASON_NO_RECORD);
	entry_free(&entry);
}

static void test_warm_failed(void **state)
{
	(void)state;
	world_make();
	world_dns_outcome("_mta-sts.dark.example", DNS_TXT, DNS_FAILED, 0);
	struct tool_run run =
		warmed("broken.example\nenforce.example\n192.0.2.1\ntwo words.example\n\033[2J\ndark.example\n", "100");
	assert_int_equal(run.status, 2);
	assert_string_equal(run.out, "enforce 1, testing 0, none 0, without 0, failed 5\n");
	assert_non_null(strstr(run.err, "stsgate: broken.example: the policy could not be fetched "
					"[sts-policy-fetch-error]\n"));
	assert_non_null(strstr(run.err, "stsgate: dark.example: the MTA-STS record could not be looked up "));
	assert_non_null(strstr(run.err, "stsgate: 192.0.2.1: line 3 is no domain that could have a policy\n"));
	assert_non_null(strstr(run.err, "stsgate: \"two words.example\": line 4 is no domain"));
	assert_non_null(strstr(run.err, "stsgate: \"\\x1b[2J\": line 5 is no domain"));
	tool_run_free(&run);
	json_t *got = call_for_json((struct call){.run = warm_run, .words = {file}, .store = one}, 2);
	assert_int_equal(json_integer_value(json_at(got, "enforce")), 1);
	assert_int_equal(json_integer_value(json_at(got, "failed")), 5);
	json_decref(got);
}

static int64_t mono_ms(void)
{
	struct timespec at;
	clock_gettime(CLOCK_MONOTONIC, &at);
	return (int64_t)at.tv_sec * 1000 + at.tv_nsec / 1000000;
}

static void test_warm_rate(void **state)
{
	(void)state;
	int64_t begun_ms = mono_ms();
	struct tool_run run = warmed("a.example\nb.example\nc.example\nd.example\n", "5");
	assert_string_equal(run.out, "enforce 0, testing 0, none 0, without 4, failed 0\n");
	assert_true(mono_ms() - begun_ms >= 600);
	tool_run_free(&run);
	static const char *const rates[] = {"0", "1001", "x", "", "5x"};
	for (size_t i = 0; i < COUNT(rates); i++) {
		run = warmed("a.example\n", rates[i]);
		assert_int_equal(run.status, 64);
		tool_run_free(&run);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		ON_STORES(test_warm), ON_STORES(test_warm_failed), ON_STORES(test_warm_rate)};
	return cmocka_run_group_tests(tests, call_directory_make, call_directory_remove);
}
