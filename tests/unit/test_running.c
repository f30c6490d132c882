/* settings and stats on the snapshots of daemons that run, have stopped, or were killed. */
#include "cm.h"

#include "clock.h"
#include "memory.h"
#include "room.h"
#include "settings.h"
#include "snapshot.h"
#include "tool.h"

#include <fcntl.h>
#include <pty.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/wait.h>
#include <unistd.h>

#define STARTED INT64_C(1796000000) /* 2026-11-30T00:53:20Z */

static struct snapshot_running running;

/* The settings that the daemon uses are the defaults, with these exceptions. */
static void running_make(const char *const *others)
{
	struct settings *settings = settings_read(NULL, false, NULL, 0, NULL);
	assert_non_null(settings);
	memset(&running, 0, sizeof running);
	strcpy(running.version, "0.2.0");
	running.pid = 4711;
	running.started_at = STARTED;
	running.settings_at = STARTED + 60;
	strcpy(running.file, "/etc/stsgate.conf");
	for (size_t i = 0; i < settings_table_count; i++) {
		const struct settings_row *row = &settings_table[i];
		char value[4096];
		settings_format(settings, row, value, sizeof value);
		for (size_t k = 0; others[k]; k += 2)
			if (strcmp(others[k], row->name) == 0)
				snprintf(value, sizeof value, "%s", others[k + 1]);
		snapshot_setting_add(&running, row->name, strcmp(row->name, "store_path") == 0 ? room : value,
			strcmp(row->name, "io_threads") == 0);
	}
	settings_free(&settings);
}

static void running_put(void)
{
	struct store *store = room_open(ROOM_BYTES, STORE_OWNER);
	assert_true(store_put_running(store, &running, NULL));
	store_close(&store);
}

/* Holds the owner's lock, as a running daemon does. The caller closes the descriptor. */
static int owner_lock(void)
{
	int fd = open(room_file("policies.owner"), O_RDWR | O_CLOEXEC);
	assert_true(fd >= 0);
	assert_int_equal(flock(fd, LOCK_EX | LOCK_NB), 0);
	return fd;
}

static struct tool_run tool(const char *command, const char *a, const char *b)
{
	char setting[300];
	snprintf(setting, sizeof setting, "store_path=%s", room);
	return TOOL("-c", "/dev/null", "-o", setting, command, a, b);
}

static void says(const char *command, const char *a, const char *b, const char *out)
{
	struct tool_run run = tool(command, a, b);
	assert_int_equal(run.status, 0);
	assert_string_equal(run.err, "");
	if (!strstr(run.out, out))
		fail_msg("`%s` is not in `%s`", out, run.out);
	tool_run_free(&run);
}

static void settings_tell_who_uses_them(void **state)
{
	(void)state;
	running_make((const char *const[]){NULL});
	running_put();
	says("settings", "mode", NULL,
		"# stsgated is not running: it ended unexpectedly; last seen at 2026-11-30T00:54:20Z\n# default\n");
	int lock = owner_lock();
	says("settings", "mode", NULL,
		"# stsgated 0.2.0 (process 4711) has run since 2026-11-30T00:53:20Z\n"
		"# stsgated has used its settings since 2026-11-30T00:54:20Z; its settings file is /etc/stsgate.conf\n"
		"# default\nmode = enforce\n");
	close(lock);
	running.stopped_at = STARTED + 3600;
	running_put();
	says("settings", "mode", NULL, "# stsgated is not running: it stopped at 2026-11-30T01:53:20Z\n# default\n");
	lock = owner_lock();
	says("settings", "mode", NULL, "# stsgated is starting\n# default\n");
	close(lock);
}

static void settings_tell_what_is_not_in_use(void **state)
{
	(void)state;
	running_make((const char *const[]){
		"mode", "monitor", "lookups_max", "64", "io_threads", "3", "milter_header", "a b\033", NULL});
	running_put();
	int lock = owner_lock();
	says("settings", NULL, NULL, "# 4 of the settings below are not in use\n");
	says("settings", "mode", NULL,
		"# mode: stsgated uses monitor; for the value below, reload stsgated: systemctl reload stsgated (or "
		"send it SIGUSR1)\nmode = enforce\n");
	says("settings", "lookups_max", NULL,
		"# lookups_max: stsgated uses 64; for the value below, restart stsgated: systemctl restart stsgated\n");
	says("settings", "io_threads", NULL,
		"# io_threads: stsgated uses 3; for the value below, start stsgated without its option -o for this "
		"setting\n");
	says("settings", "milter_header", NULL, "# milter_header: stsgated uses \"a b\\x1b\"; ");
	says("settings", "--json", "mode",
		"{\"mode\": {\"value\": \"enforce\", \"default\": true, \"running\": \"monitor\", \"remedy\": "
		"\"reload\"}}\n");
	says("settings", "--json", "group",
		"{\"group\": {\"value\": \"stsgate\", \"default\": true, \"running\": \"stsgate\", \"remedy\": "
		"null}}\n");
	close(lock);
	says("settings", "--json", "mode", "{\"mode\": {\"value\": \"enforce\", \"default\": true}}\n");
}

/* A daemon of another version may lack a setting, and a value may have had no room. */
static void settings_tell_what_is_not_known(void **state)
{
	(void)state;
	running_make((const char *const[]){NULL});
	strcpy(running.settings, "mode = enforce\nexempt_domains\n");
	running_put();
	int lock = owner_lock();
	says("settings", "exempt_domains", NULL,
		"# exempt_domains: it is not known which value stsgated uses; if the file has changed, reload "
		"stsgated: systemctl reload stsgated\n");
	says("settings", "user", NULL,
		"# user: it is not known which value stsgated uses; restart stsgated: it is of ");
	says("settings", "--json", "user",
		"{\"user\": {\"value\": \"stsgate\", \"default\": true, \"running\": null, \"remedy\": \"upgrade\"}}\n");
	close(lock);
}

/* --- stats -------------------------------------------------------------------------------------------------------- */

static struct snapshot_counts counts, hour;

/* What was counted: since the start, in this hour, 23 hours ago, and 24 hours ago. */
static void counts_put(void)
{
	struct store *store = room_open(ROOM_BYTES, STORE_OWNER);
	int64_t now = clock_wall_s();
	assert_true(store_put_running(store, &running, NULL));
	memset(&counts, 0, sizeof counts);
	memset(&hour, 0, sizeof hour);
	counts.at = now - 4;
	strcpy(counts.lines, "stsgate_verdicts_total deliver defer hop-timeout 7\n"
			     "stsgate_degraded resolver-trouble 1\nstsgate_cases_open 3\n"
			     "stsgate_limit_hits_total client-rate 5\n");
	snprintf(counts.hits, sizeof counts.hits, "client-rate %lld \"192.0.2.0/24 to a.example\"\n",
		(long long)now - 61);
	for (int64_t ago = 24; ago >= 23; ago--) {
		hour.at = now - ago * SNAPSHOT_HOUR_S;
		strcpy(hour.lines, ago == 24 ? "stsgate_verdicts_total deliver defer hop-timeout 100\n"
					     : "stsgate_verdicts_total deliver defer hop-timeout 10\n");
		assert_true(store_put_counts(store, &counts, &hour, NULL, NULL));
	}
	hour.at = now;
	strcpy(hour.lines, "stsgate_verdicts_total deliver defer hop-timeout 2\nstsgate_map_replies_total ok 1\n"
			   "stsgate_answer_seconds socketmap 0.0001 98\nstsgate_answer_seconds socketmap 0.005 1\n"
			   "stsgate_answer_seconds socketmap +Inf 1\nstsgate_answer_seconds socketmap sum 40000000\n"
			   "stsgate_step_seconds probe 5.0 2\n");
	assert_true(store_put_counts(store, &counts, &hour, NULL, NULL));
	store_close(&store);
}

static void expiring_make(struct entry *entry, void *arg)
{
	(void)arg;
	entry->policy_expires_at = clock_wall_s() + 3600;
	entry->fetch_outcome = REASON_POLICY_FETCH;
	entry->due_at = clock_wall_s() + 60;
}

static void hop_make(struct hop_record *record, void *arg)
{
	(void)arg;
	record->pkix.conclusive = (struct evidence){.at = clock_wall_s(), .reason = REASON_STARTTLS_MISSING};
}

static void put_domains(void)
{
	struct store *store = room_open(ROOM_BYTES, STORE_OWNER);
	int64_t now = clock_wall_s();
	struct failure why;
	assert_true(room_put(store, "kept.example", KIND_USED, 300, &why));
	assert_true(room_put(store, "testing.example", KIND_TESTING, 300, &why));
	assert_true(room_put(store, "negative.example", KIND_NEGATIVE, 300, &why));
	assert_true(room_put_due(store, "due.example", now - 120, &why));
	assert_true(room_put(store, "expired.example", KIND_EXPIRED, 300, &why));
	assert_true(room_put(store, "expiring.example", KIND_USED, 300, &why));
	assert_true(store_change_entry(store, "expiring.example", expiring_make, NULL, &why));
	assert_true(store_change_hop(store, "mx.example", 25, hop_make, NULL, &why));
	struct verdict verdict = {.kind = VERDICT_DEFER, .reason = REASON_HOP_TIMEOUT, .domain = "held.example"};
	struct verdict_record record;
	verdict_record_init(&record, DOOR_MILTER, &verdict, now - 3600);
	record.deed = record.would = DEED_DEFER;
	assert_true(store_note_verdicts(store, &record, 1, NULL));
	record.first_at = record.last_at = now - 60;
	assert_true(store_note_verdicts(store, &record, 1, NULL));
	strcpy(record.domain, "gone.example"); /* deferred three hours ago */
	record.first_at = record.last_at = now - 10800;
	assert_true(store_note_verdicts(store, &record, 1, NULL));
	struct override override = {.kind = OVERRIDE_PASS,
		.domain = "released.example",
		.begins_at = now - 60,
		.ends_at = now + 3600,
		.author = "alice",
		.reason = "their caf\xc3\xa9"};
	assert_true(store_set_override(store, &override, NULL, &why));
	strcpy(override.domain, "over.example");
	override.begins_at -= 7200;
	override.ends_at = now - 10;
	assert_true(store_set_override(store, &override, NULL, &why));
	store_close(&store);
}

/* Mail waits for a daemon that does not run, whatever the verdicts were. */
static void a_stopped_daemon_is_told(void **state)
{
	char setting[300];
	snprintf(setting, sizeof setting, "store_path=%s", room);
	(void)state;
	running_make((const char *const[]){NULL});
	running_put();
	for (int runs = 0; runs < 2; runs++) {
		int lock = runs ? owner_lock() : -1;
		struct tool_run run = tool("why", "nowhere.example", NULL);
		assert_true((strstr(run.out, "daemon    stsgated is not running: ") != NULL) == !runs);
		tool_run_free(&run);
		run = TOOL("-c", "/dev/null", "-o", setting, "override", "set", "a.example", "pass", "--for", "1h",
			"--reason", "r");
		assert_int_equal(run.status, 0);
		assert_true((strstr(run.err, "note: stsgated is not running") != NULL) == !runs);
		tool_run_free(&run);
		if (runs)
			close(lock);
	}
}

static void row_is(const char *words, int day, int total, const char *behind)
{
	char line[200];
	snprintf(line, sizeof line, "\n  %-52s %11d %11d\n%s", words, day, total, behind);
	says("stats", NULL, NULL, line);
}

/* Runs doctor sharing with fleet_server set; the first line must begin like this. */
static void sharing_is(const char *lines, int status, const char *begins)
{
	char place[300];
	static struct snapshot_counts shared;
	struct store *store = room_open(ROOM_BYTES, STORE_OWNER);
	snprintf(shared.lines, sizeof shared.lines, "%s", lines);
	shared.at = clock_wall_s();
	assert_true(store_put_running(store, &running, NULL));
	assert_true(store_put_counts(store, &shared, &shared, NULL, NULL));
	store_close(&store);
	int lock = owner_lock();
	snprintf(place, sizeof place, "store_path=%s", room);
	struct tool_run run = TOOL("-c", "/dev/null", "-o", place, "-o", "fleet_server=unix:/nonexistent", "-o",
		"fleet_key_file=/nonexistent", "doctor", "sharing");
	if (run.status != status || strncmp(run.out, begins, strlen(begins)) != 0)
		fail_msg("status %d: %s%s", run.status, run.out, run.err);
	tool_run_free(&run);
	close(lock);
}

static void sharing_is_shown(void **state)
{
	(void)state;
	running_make((const char *const[]){NULL});
	sharing_is("", 1, "warn  sharing             the running stsgated shares nothing\n      restart stsgated");
	sharing_is("stsgate_fleet_changed_time_seconds 1796000000\n", 1,
		"warn  sharing             the shared store has not been reached since 2026-11-30T00:53:20Z\n      ");
	int lock = owner_lock();
	says("stats", NULL, NULL, "\n  sharing: the shared store has not been reached since 2026-11-30T00:53:20Z: see");
	close(lock);
	sharing_is("stsgate_fleet_changed_time_seconds 1796000000\nstsgate_fleet_up 1\nstsgate_fleet_nodes current 49\n"
		   "stsgate_fleet_nodes silent 1\n",
		0, "ok    sharing             the shared store has been reached since 2026-11-30T00:53:20Z\n");
	lock = owner_lock();
	says("stats", NULL, NULL, "\n  sharing: connected since 2026-11-30T00:53:20Z; relays seen: 49, silent: 1\n");
	close(lock);
	says("doctor", "sharing", NULL, "skip  sharing             fleet_server is empty: nothing is shared\n");
}

static void stats_show_the_day(void **state)
{
	(void)state;
	running_make((const char *const[]){"mode", "monitor", NULL});
	counts_put();
	put_domains();
	int lock = owner_lock();
	says("stats", NULL, NULL,
		"stsgated 0.2.0 (process 4711) has run since 2026-11-30T00:53:20Z\n"
		"  mode monitor; settings in use since 2026-11-30T00:54:20Z, from /etc/stsgate.conf\n"
		"  1 setting of the file is not in use: see `stsgate settings`\n"
		"  degraded: resolver-trouble\n");
	row_is("verdict deliver defer hop-timeout", 12, 7, "");
	row_is("map ok", 1, 0, "");
	says("stats", NULL, NULL,
		"  held.example                     hop-timeout                milter     2 times in 59m, last 1m ");
	says("stats", NULL, NULL, "\n  released.example                 pass until ");
	says("stats", NULL, NULL, "\"their caf\\xc3\\xa9\"");
	row_is("limit client-rate", 0, 5, "    because one client, ");
	says("stats", NULL, NULL, " ago: \"192.0.2.0/24 to a.example\"\n");
	says("stats", NULL, NULL, "  1 due for a refresh; the longest: due.example, for 2m");
	says("stats", NULL, NULL,
		"  domains whose last lookup or fetch failed: 1\n  of these, with a policy that expires within a day: 1\n");
	says("stats", NULL, NULL,
		"  policies: 3 enforce, 1 testing, 0 none; domains without a policy: 2\n"
		"  of these policies, 1 has expired\n  mail hosts: 0 good, 1 bad, 0 unknown\n");
	says("stats", NULL, NULL,
		"  answer of socketmap                                          100       51 us      5.0 ms\n");
	says("stats", NULL, NULL,
		"  operation probe                                                2       3.0 s       5.0 s\n");
	says("stats", NULL, NULL, "k of ");
	struct tool_run run = tool("stats", NULL, NULL);
	assert_null(strstr(run.out, "gone.example"));
	assert_null(strstr(run.out, "over.example"));
	tool_run_free(&run);
	close(lock);
	says("stats", NULL, NULL, "stsgated is not running: it ended unexpectedly; last seen at ");
}

static json_int_t number_at(const json_t *value, const char *list, size_t i, const char *member)
{
	return json_integer_value(json_object_get(json_array_get(json_object_get(value, list), i), member));
}

static const char *text_at(const json_t *value, const char *list, size_t i, const char *member)
{
	const char *text = json_string_value(json_object_get(json_array_get(json_object_get(value, list), i), member));
	return text ? text : "";
}

static void stats_are_json(void **state)
{
	(void)state;
	running_make((const char *const[]){NULL});
	counts_put();
	put_domains();
	struct tool_run run = tool("stats", "--json", NULL);
	assert_int_equal(run.status, 0);
	json_t *got = tool_json(&run);
	assert_string_equal(json_string_value(json_object_get(json_object_get(got, "daemon"), "state")), "ended");
	assert_true(json_is_null(json_object_get(json_object_get(got, "daemon"), "pid")));
	assert_int_equal(json_array_size(json_object_get(got, "verdicts")), 1);
	assert_int_equal(number_at(got, "verdicts", 0, "day"), 12);
	assert_int_equal(number_at(got, "verdicts", 0, "total"), 7);
	assert_string_equal(text_at(got, "verdicts", 0, "reason"), "hop-timeout");
	assert_int_equal(json_array_size(json_object_get(got, "waiting")), 1);
	assert_string_equal(text_at(got, "waiting", 0, "domain"), "held.example");
	assert_int_equal(number_at(got, "waiting", 0, "count"), 2);
	assert_int_equal(json_array_size(json_object_get(got, "overrides")), 1);
	assert_string_equal(text_at(got, "overrides", 0, "author"), "alice");
	assert_string_equal(text_at(got, "limits", 0, "limit"), "client-rate");
	assert_string_equal(text_at(got, "limits", 0, "last"), "\"192.0.2.0/24 to a.example\"");
	assert_string_equal(text_at(got, "counters", 0, "name"), "stsgate_map_replies_total");
	assert_int_equal(json_array_size(json_object_get(got, "durations")), 2);
	assert_string_equal(text_at(got, "durations", 1, "name"), "stsgate_step_seconds");
	assert_int_equal(number_at(got, "durations", 0, "day"), 100);
	assert_int_equal(number_at(got, "durations", 0, "total"), 0);
	assert_int_equal(number_at(got, "durations", 0, "p50_us"), 51);
	assert_int_equal(number_at(got, "durations", 0, "p99_us"), 5000);
	const json_t *held = json_object_get(got, "store");
	assert_int_equal(json_integer_value(json_object_get(held, "domains_read")), 6);
	assert_int_equal(json_integer_value(json_object_get(held, "enforce")), 3);
	assert_int_equal(json_integer_value(json_object_get(held, "expired")), 1);
	assert_int_equal(json_integer_value(json_object_get(json_object_get(held, "refresh"), "expiring")), 1);
	assert_int_equal(json_integer_value(json_object_get(json_object_get(held, "hops"), "bad")), 1);
	json_decref(got);
	tool_run_free(&run);
}

/* --watch is for a terminal, and for people. */
static void watching_needs_a_terminal(void **state)
{
	(void)state;
	static const char *const words[] = {"--watch", "--watch=1"};
	for (size_t i = 0; i < COUNT(words); i++) {
		struct tool_run run = tool("stats", words[i], NULL);
		assert_int_equal(run.status, 64);
		assert_string_equal(run.out, "");
		assert_non_null(strstr(run.err, "--watch needs a terminal"));
		tool_run_free(&run);
	}
	struct tool_run wrong = tool("stats", "--watch=soon", NULL);
	assert_int_equal(wrong.status, 64);
	assert_non_null(strstr(wrong.err, "--watch needs a number of seconds"));
	tool_run_free(&wrong);
}

/* A program that types Ctrl-C into the tool's terminal after the second screen. */
static void watching_ends_with_ctrl_c(void **state)
{
	(void)state;
	running_make((const char *const[]){NULL});
	counts_put();
	char setting[300], seen[65536] = "";
	snprintf(setting, sizeof setting, "store_path=%s", room);
	int terminal = -1, status = -1;
	const char *program = getenv("STSGATE");
	pid_t child = forkpty(&terminal, NULL, NULL, NULL);
	assert_true(child >= 0);
	if (child == 0) {
		execl(program ? program : STSGATE_BUILT, "stsgate", "-c", "/dev/null", "-o", setting, "stats",
			"--watch=1", (char *)NULL);
		_exit(127);
	}
	size_t len = 0;
	unsigned screens = 0;
	for (ssize_t got; (got = read(terminal, seen + len, sizeof seen - 1 - len)) > 0;) {
		seen[len + (size_t)got] = '\0';
		for (const char *at = seen + len; (at = strstr(at, "Ctrl-C ends")); at++)
			screens++;
		len += (size_t)got;
		if (screens == 2)
			assert_int_equal(write(terminal, "\003", 1), 1);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	assert_in_range(screens, 2, 3);
	close(terminal);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, room_make, room_remove)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_stopped_daemon_is_told),
		TEST(settings_tell_who_uses_them),
		TEST(settings_tell_what_is_not_in_use),
		TEST(settings_tell_what_is_not_known),
		TEST(sharing_is_shown),
		TEST(stats_show_the_day),
		TEST(stats_are_json),
		TEST(watching_needs_a_terminal),
		TEST(watching_ends_with_ctrl_c),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
