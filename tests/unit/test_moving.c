/* export and import: the facts of one relay are moved to another one. */
#include "cm.h"

#include "moving_room.h"
#include "schedule.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char *behind_header(const struct tool_run *run)
{
	const char *end = strchr(run->out, '\n');
	assert_non_null(end);
	return end + 1;
}

static void exports_are_equal(void)
{
	struct tool_run a = exported(one, NULL), b = exported(two, NULL);
	assert_string_equal(behind_header(&a), behind_header(&b));
	tool_run_free(&a);
	tool_run_free(&b);
}

/* A new store has all facts of the old one, including derived facts. */
static void test_round_trip(void **state)
{
	(void)state;
	store_fill(one);
	struct tool_run run = exported(one, NULL);
	assert_non_null(strstr(run.out, "{\"stsgate\": 1, \"exported_at\": 1900000000}\n"));
	assert_null(strstr(run.out, "expires_at"));
	imported_is(two, run.out, 0, "imported 7, kept 0, refused 0\n");
	exports_are_equal();
	imported_is(two, run.out, 0, "imported 0, kept 7, refused 0\n");
	exports_are_equal();
	tool_run_free(&run);
	struct entry entry = entry_at(two, "used.example");
	assert_int_equal(entry.policy_expires_at, NOW - 7200 + 604800);
	assert_true(policy_allows(&entry.policy, "mx1.used.example"));
	assert_true(entry.due_at >= NOW && entry.due_at <= NOW + RECORD_AGE_MAX_S);
	assert_string_equal(entry.previous_id, "0");
	entry_free(&entry);
	entry = entry_at(two, "long.example");
	assert_true(entry.policy.mx.count > 100 && entry.policy.mode == POLICY_TESTING);
	entry_free(&entry);
}

/* The order of the lines does not matter, and duplicate lines do no harm. */
static void test_shuffled(void **state)
{
	(void)state;
	store_fill(one);
	struct tool_run run = exported(one, NULL);
	char *text = calloc(1, 2 * strlen(run.out) + 1);
	strcat(text, HEADER);
	for (char *end = strrchr(run.out, '\n'), *start; end > strchr(run.out, '\n'); end = start) {
		for (start = end - 1; *start != '\n';)
			start--;
		strncat(text, start + 1, (size_t)(end - start));
	}
	strcat(text, HEADER);
	strcat(text, strstr(run.out, "{\"domain\": \"bare.example\""));
	struct tool_run got = imported(two, text, strlen(text));
	assert_int_equal(got.status, 0);
	exports_are_equal();
	free(text);
	tool_run_free(&got);
	tool_run_free(&run);
}

static void test_some(void **state)
{
	(void)state;
	store_fill(one);
	struct tool_run run = exported(one, "USED.example");
	assert_int_equal(run.status, 0);
	assert_non_null(strstr(run.out, "\n{\"domain\": \"used.example\""));
	assert_non_null(strstr(run.out, "\n{\"host\": \"mx2.used.example\", \"port\": 25"));
	assert_null(strstr(run.out, "bare.example"));
	assert_null(strstr(run.out, "587"));
	tool_run_free(&run);
	run = exported(one, "other.example");
	assert_int_equal(run.status, 1);
	assert_string_equal(run.err, "stsgate: other.example is not in the store\n");
	tool_run_free(&run);
}

/* A fact that the store knows better is kept. */
static void test_kept(void **state)
{
	(void)state;
	store_fill(one);
	store_fill(two);
	struct entry entry;
	struct store *store = store_at(two);
	entry_init(&entry, "used.example");
	policy_set(&entry, POLICY("enforce", "newer.example"), "2", NOW - 60);
	put(store, &entry);
	store_close(&store);
	struct tool_run run = exported(one, "used.example");
	imported_is(two, run.out, 0, "imported 1, kept 2, refused 0\n"); /* the older MX set was not known */
	entry = entry_at(two, "used.example");
	assert_string_equal(entry.policy_id, "2");
	assert_string_equal(entry.record_id, "2");
	assert_int_equal(entry.mx.names.count, 2);
	entry_free(&entry);
	tool_run_free(&run);
}

/* More refused lines than are printed; a store that accepts no changes. */
static void test_trouble(void **state)
{
	(void)state;
	store_fill(one);
	store_fill(two);
	char text[4096] = HEADER;
	for (int i = 0; i < 50; i++)
		strcat(text, "{}\n");
	struct tool_run run = imported(two, text, strlen(text));
	assert_string_equal(run.out, "imported 0, kept 0, refused 50\n");
	assert_non_null(strstr(run.err, "line 21 is refused"));
	assert_null(strstr(run.err, "line 22 is refused"));
	assert_non_null(strstr(run.err, "further refused lines are only counted\n"));
	tool_run_free(&run);
	world_store(WORLD_STORE_FULL);
	run = imported(two, LIT(HEADER FETCHED("1899990000", GOOD_TEXT)));
	assert_int_equal(run.status, 1);
	assert_string_equal(run.out, "imported 0, kept 0, refused 1\n");
	assert_non_null(strstr(run.err, "line 2 is refused: store: is full"));
	tool_run_free(&run);
	world_store(WORLD_STORE_WHOLE);
	json_t *got = call_for_json((struct call){.run = import_run, .words = {file}, .store = two}, 0);
	assert_int_equal(json_integer_value(json_at(got, "imported")), 1);
	assert_int_equal(json_integer_value(json_at(got, "refused")), 0);
	json_decref(got);
}

/* Domains that were due long ago do not become due at one moment, neither in the next hour nor on the next day. */
static void test_spread(void **state)
{
	(void)state;
	enum { DOMAINS = 900 };
	struct failure why;
	struct names due = {0};
	store_fill(one);
	struct store *store = store_at(two);
	store_close(&store);
	char *text = malloc(DOMAINS * 400), *at = text;
	at += sprintf(at, HEADER);
	for (int i = 0; i < DOMAINS; i++)
		at += sprintf(at,
			"{\"domain\": \"d%d.example\", \"policy\": {\"fetched_at\": 1899900000, \"id\": \"1\", "
			"\"text\": \"version: STSv1\\nmode: enforce\\nmx: a.example\\nmax_age: 604800\\n\"}, "
			"\"first_used_day\": 21990, \"last_used_day\": 21990}\n",
			i);
	imported_is(two, text, 0, "imported 900, kept 0, refused 0\n");
	free(text);
	store = store_at(two);
	for (int minutes = 1; minutes <= 15; minutes++) {
		assert_true(store_due(store, NOW + minutes * 60, DOMAINS, &due, &why));
		if (due.count > (unsigned)minutes * 60 + 61)
			fail_msg("%u are due after %d minutes", due.count, minutes);
		names_free(&due);
	}
	assert_true(store_due(store, NOW + RECORD_AGE_MAX_S, DOMAINS, &due, &why));
	assert_int_equal(due.count, DOMAINS);
	names_free(&due);
	store_close(&store);
}

/* --- on a terminal ------------------------------------------------------------------------------------------------ */

/* Its standard error is a terminal, and the terminal's output goes to standard output. */
static int on_terminal(void *arg)
{
	int terminal = posix_openpt(O_RDWR | O_NOCTTY | O_NONBLOCK);
	char shown[4096];
	if (terminal < 0 || grantpt(terminal) != 0 || unlockpt(terminal) != 0)
		return 99;
	int slave = open(ptsname(terminal), O_RDWR | O_NOCTTY);
	if (slave < 0 || dup2(slave, STDERR_FILENO) < 0)
		return 99;
	int status = call_run(arg);
	for (ssize_t len; (len = read(terminal, shown, sizeof shown)) > 0;)
		fwrite(shown, 1, (size_t)len, stdout);
	return status;
}

static void test_progress(void **state)
{
	(void)state;
	store_fill(one);
	file_write(LIT(HEADER "{}\n"));
	struct call call = {.run = import_run, .words = {file}, .store = one};
	struct tool_run run = tool_call(on_terminal, &call);
	assert_int_equal(run.status, 1);
	assert_non_null(strstr(run.out, "\r[##############################] 100%  imported 0, kept 0, refused 1"));
	assert_non_null(strstr(run.out, "imported 0, kept 0, refused 1\n"));
	tool_run_free(&run);
	run = call_tool(call);
	assert_null(strchr(run.err, '\r'));
	tool_run_free(&run);
}

int main(void)
{
	const struct CMUnitTest tests[] = {ON_STORES(test_round_trip), ON_STORES(test_shuffled), ON_STORES(test_some),
		ON_STORES(test_kept), ON_STORES(test_trouble), ON_STORES(test_spread), ON_STORES(test_progress)};
	return cmocka_run_group_tests(tests, call_directory_make, call_directory_remove);
}
