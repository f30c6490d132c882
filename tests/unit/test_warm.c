/* warm: a list of domains that are looked up before their first message. */
#include "cm.h"

#include "lines.h"
#include "moving_room.h"
#include "schedule.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

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
	world_hop(name, REASON_OK, 0x0304);
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
	assert_string_equal(run.out, "enforce 1, testing 1, none 1, without 1, failed 0, not probed 0\n");
	assert_int_equal(run.status, 0);
	assert_string_equal(run.err, "");
	tool_run_free(&run);
	/* Like a domain in use: the refresher renews it within the hour, and its hops are known. */
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
	assert_string_equal(run.out, "enforce 1, testing 0, none 0, without 0, failed 5, not probed 0\n");
	assert_non_null(strstr(run.err, "stsgate: broken.example: the policy could not be fetched "
					"[sts-policy-fetch-error]\n"));
	assert_non_null(strstr(run.err, "stsgate: dark.example: the MTA-STS record could not be looked up "));
	assert_non_null(strstr(run.err, "stsgate: line 3: 192.0.2.1 is not a domain that can have a policy\n"));
	assert_non_null(strstr(run.err, "stsgate: line 4: \"two words.example\" is not a domain"));
	assert_non_null(strstr(run.err, "stsgate: line 5: \"\\x1b[2J\" is not a domain"));
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
	assert_string_equal(run.out, "enforce 0, testing 0, none 0, without 4, failed 0, not probed 0\n");
	assert_true(mono_ms() - begun_ms >= 600);
	tool_run_free(&run);
	static const char *const rates[] = {"0", "1001", "x", "", "5x"};
	for (size_t i = 0; i < COUNT(rates); i++) {
		run = warmed("a.example\n", rates[i]);
		assert_int_equal(run.status, 64);
		tool_run_free(&run);
	}
}

/* --- slow and failing input ---------------------------------------------------------------------------------------- */

#define STORED_WAIT_MS (WORLD_GATE_WAIT_MS / 2)

/* A process of its own: writes two names into the pipe and keeps it open until the result for the second one is in the
 * store. Ends with 0 if it came there in time. */
static void slow_write(void)
{
	bool stored = false;
	FILE *pipe = fopen(file, "we");
	if (!pipe)
		_exit(2);
	fputs("a.example\nb.example\n", pipe);
	fflush(pipe);
	int64_t deadline_ms = mono_ms() + STORED_WAIT_MS;
	while (!stored && mono_ms() < deadline_ms) {
		nanosleep(&(struct timespec){.tv_nsec = 20000000}, NULL);
		struct entry entry = {0};
		struct store *store = store_at(one);
		struct store_view *view = store_view_begin(store, NULL);
		stored = view && store_view_entry(view, "b.example", &entry) == STORE_FOUND;
		store_view_end(&view);
		store_close(&store);
		entry_free(&entry);
	}
	_exit(stored ? 0 : 1);
}

/* A name that has been read does not wait for the next line of a slow pipe. */
static void test_warm_slow_pipe(void **state)
{
	(void)state;
	int status = -1;
	unlink(file);
	assert_int_equal(mkfifo(file, 0600), 0);
	pid_t writer = fork();
	assert_true(writer >= 0);
	if (writer == 0)
		slow_write();
	struct tool_run run = call_tool((struct call){.run = warm_run, .words = {file}, .store = one, .rate = "5"});
	assert_int_equal(waitpid(writer, &status, 0), writer);
	unlink(file);
	assert_int_equal(status, 0);
	assert_string_equal(run.out, "enforce 0, testing 0, none 0, without 2, failed 0, not probed 0\n");
	tool_run_free(&run);
}

/* One line, then one failed read, then the end of the file. */
static ssize_t failing_read(void *cookie, char *bytes, size_t size)
{
	int *reads = cookie;
	assert_true(size >= 10);
	switch ((*reads)++) {
	case 0:
		memcpy(bytes, "a.example\n", 10);
		return 10;
	case 1:
		errno = EIO;
		return -1;
	default:
		return 0;
	}
}

/* Several threads read one list: after a failed read none of them reads on, and the failure is reported. */
static void test_lines_failed(void **state)
{
	(void)state;
	int reads = 0;
	struct lines lines = {.line = malloc(LINE_BYTES_MAX)};
	lines.file = fopencookie(&reads, "r", (cookie_io_functions_t){.read = failing_read});
	assert_non_null(lines.file);
	assert_true(lines_next(&lines));
	for (int i = 0; i < 4; i++) {
		errno = 0;
		assert_false(lines_next(&lines));
	}
	assert_int_equal(reads, 2);
	assert_int_equal(lines.error, EIO);
	assert_false(lines_close(&lines, "list"));
}

/* --- the probe budget ---------------------------------------------------------------------------------------------- */

#define TENANTS 12
#define GATE_OPENS_S 4000 /* long after the rounds have ended */

static int64_t tick_s;

/* Moves the clock while nothing happens, and opens the gate of a hop that hangs long after the last wait for it. */
static void *time_pass(void *arg)
{
	const atomic_bool *ended = arg;
	int64_t passed_s = 0;
	unsigned calls = 0, quiet = 0;
	while (!atomic_load(ended)) {
		nanosleep(&(struct timespec){.tv_nsec = 20 * 1000000L}, NULL);
		quiet = world_calls() == calls ? quiet + 1 : 0;
		calls = world_calls();
		if (quiet < 10)
			continue;
		quiet = 0;
		world_advance(tick_s);
		passed_s += tick_s;
		if (passed_s >= GATE_OPENS_S)
			world_gate_open("");
	}
	return NULL;
}

/* In the process of the call. */
static int warm_in_time(const struct options *options, size_t count, char **words)
{
	atomic_bool ended = false;
	pthread_t thread;
	assert_int_equal(pthread_create(&thread, NULL, time_pass, &ended), 0);
	int status = warm_run(options, count, words);
	atomic_store(&ended, true);
	pthread_join(thread, NULL);
	return status;
}

/* Domains whose mail hosts are in one /24, each with its own certificate. */
static void tenants_make(char *list, size_t size)
{
	size_t len = 0;
	for (int i = 1; i <= TENANTS; i++) {
		char domain[40], mx[48], address[24];
		const char *record = address;
		snprintf(domain, sizeof domain, "tenant%d.example", i);
		domain_publishes(domain, "enforce");
		snprintf(mx, sizeof mx, "mx.%s", domain);
		snprintf(address, sizeof address, "8.8.8.%d", i);
		assert_true(world_dns(mx, DNS_A, 300, &record, 1));
		len += (size_t)snprintf(list + len, size - len, "%s\n", domain);
	}
	file_write(list, len);
}

/* warm waits for the budget: in the end all hosts are probed. */
static void test_warm_waits(void **state)
{
	(void)state;
	char list[TENANTS * 32];
	tenants_make(list, sizeof list);
	tick_s = 10;
	struct tool_run run =
		call_tool((struct call){.run = warm_in_time, .words = {file}, .store = one, .rate = "1000"});
	assert_string_equal(run.out, "enforce 12, testing 0, none 0, without 0, failed 0, not probed 0\n");
	assert_int_equal(run.status, 0);
	assert_non_null(strstr(run.err, "stsgate: note: the probe budget delays "));
	tool_run_free(&run);
	run = exported(one, NULL);
	for (int i = 1; i <= TENANTS; i++) {
		char line[120];
		snprintf(line, sizeof line,
			"{\"host\": \"mx.tenant%d.example\", \"port\": 25, \"newest\": {\"at\": ", i);
		assert_non_null(strstr(run.out, line));
	}
	tool_run_free(&run);
}

/* But not for ever: if no further probe is allowed, it prints what is left. */
static void test_warm_gives_up(void **state)
{
	(void)state;
	char list[TENANTS * 32];
	tenants_make(list, sizeof list);
	tick_s = 200;
	world_gate_shut("probe mx.tenant1.example:25");
	struct tool_run run =
		call_tool((struct call){.run = warm_in_time, .words = {file}, .store = one, .rate = "1000"});
	world_gate_open("");
	assert_int_equal(run.status, 2);
	assert_non_null(strstr(run.out, "enforce 12, testing 0, none 0, without 0, failed 0, not probed "));
	assert_null(strstr(run.out, "not probed 0\n"));
	assert_non_null(
		strstr(run.err, "stsgate: tenant1.example: not all of its mail hosts were probed [probe-budget]\n"));
	tool_run_free(&run);
	json_t *got =
		call_for_json((struct call){.run = warm_run, .words = {file}, .store = one, .override = "probe=no"}, 0);
	assert_int_equal(json_integer_value(json_at(got, "not_probed")), 0);
	json_decref(got);
}

/* Warm looks everything up although an override would let the mail pass without a lookup. */
static void test_warm_override(void **state)
{
	(void)state;
	world_make();
	struct tool_run run = call_tool((struct call){.run = override_run,
		.words = {"set", "*", "pass"},
		.store = one,
		.own = {{"for", "4h"}, {"reason", "a test"}}});
	assert_int_equal(run.status, 0);
	tool_run_free(&run);
	run = warmed("enforce.example\ntesting.example\nplain.example\n", "1000");
	assert_string_equal(run.out, "enforce 1, testing 1, none 0, without 1, failed 0, not probed 0\n");
	assert_int_equal(run.status, 0);
	tool_run_free(&run);
}

int main(void)
{
	const struct CMUnitTest tests[] = {ON_STORES(test_warm), ON_STORES(test_warm_override),
		ON_STORES(test_warm_failed), ON_STORES(test_warm_rate), ON_STORES(test_warm_slow_pipe),
		cmocka_unit_test(test_lines_failed), ON_STORES(test_warm_waits), ON_STORES(test_warm_gives_up)};
	return cmocka_run_group_tests(tests, call_directory_make, call_directory_remove);
}
