/* The built stsgate: its options, its output, and its use of a store. Nothing here uses a network. */
#include "cm.h"

#include "entry.h"
#include "store.h"
#include "tool.h"

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <time.h>
#include <unistd.h>

#define POLICY "version: STSv1\nmode: none\nmax_age: 86400\n"
#define NO_RESOLVER "dns_servers=127.0.0.1@9"

static char directory[64], store_path[80];

static const struct {
	const char *words[8];
	int status;
	const char *out, *err; /* parts */
} rows[] = {
	{{"--help"}, 0, "usage: stsgate", ""},
	{{"--help"}, 0, "lint policy FILE|-", ""},
	{{"-V"}, 0, "stsgate ", ""},
	{{NULL}, 64, "", "no command given"},
	{{"-h"}, 0, "usage: stsgate", ""},
	{{"events", "--help"}, 0, "usage: stsgate events [--since DURATION]", ""},
	{{"events", "--help"}, 0, "\nKIND is one of:\n  refresh-failing store-trouble ", ""},
	{{"settings", "--help"}, 0, "\nNAME is one of:\n  mode ", ""},
	{{"list", "all"}, 64, "", "stsgate: list: one word too many: all\nusage: stsgate list [--mode MODE]"},
	{{"-h", "warm"}, 0, "\n  --rate N       start at most N domains", ""},
	{{"lint", "-h", "x"}, 0, "usage: stsgate lint policy FILE|-\nusage: stsgate lint record TEXT\n", ""},
	{{"bogus"}, 64, "", "unknown command bogus; see"},
	{{"\033[2J", "--json"}, 64, "", "unknown command \"\\x1b[2J\"; see"},
	{{"--bogus", "list"}, 64, "", "stsgate: unknown option --bogus; see `stsgate --help`"},
	{{"list", "-x"}, 64, "", "stsgate: unknown option -x; see"},
	{{"list", "-fx"}, 64, "", "stsgate: unknown option -f; see"},
	{{"list", "-c"}, 64, "", "stsgate: -c needs an argument; see"},
	{{"warm", "-", "--rate"}, 64, "", "stsgate: --rate needs an argument; see"},
	{{"query"}, 64, "", "usage: stsgate query"},
	{{"query", "a.example", "b.example"}, 64, "", "usage: stsgate query"},
	{{"list", "a.example"}, 64, "", "usage: stsgate list"},
	{{"show", "[192.0.2.1]"}, 64, "", "[192.0.2.1] is not a domain that can have a policy"},
	{{"forget", "a.example", "b..example"}, 64, "", "b..example is not a domain"},
	{{"refresh", "\033[2J"}, 64, "", "\"\\x1b[2J\" is not a domain"},
	{{"export", "a.example", "b..example"}, 64, "", "b..example is not a domain"},
	{{"import"}, 64, "", "usage: stsgate import FILE|-"},
	{{"warm", "a", "b"}, 64, "", "usage: stsgate warm [--rate N] FILE|-"},
	{{"warm", "--rate", "0", "-"}, 64, "", "--rate: 0 is not a number of domains"},
	{{"list", "--rate", "1"}, 64, "", "--rate is not an option of list"},
	{{"import", "/nonexistent"}, 66, "", "/nonexistent cannot be opened"},
	{{"warm", "/nonexistent"}, 66, "", "/nonexistent cannot be opened"},
	{{"import", "/"}, 74, "", "/ cannot be read"},
	{{"-c", "/nonexistent.conf", "settings"}, 66, "", "/nonexistent.conf"},
	{{"-c", "/dev/null", "settings", "-o", "mode=off"}, 64, "", "mode"},
	{{"-c", "/dev/null", "settings", "no_such"}, 64, "", "no_such"},
	{{"-c", "/dev/null", "-o", "mode=monitor", "settings"}, 0, "# set\nmode = monitor\n# default\n", ""},
	{{"settings", "io_threads", "mode", "-o", "mode=monitor", "-c", "/dev/null"}, 0,
		"# set\nmode = monitor\n# default\nio_threads = 2\n", ""},
	{{"settings", "workers", "-c", "/dev/null"}, 64, "", "stsgate: workers has no effect since 0.2.0"},
	{{"settings", "milter_on_fail_authenticated", "-c", "/dev/null"}, 0,
		"# default\n# milter_on_fail_authenticated is empty; because of other settings, it acts as defer\n"
		"milter_on_fail_authenticated =\n",
		""},
	{{"settings", "milter_on_fail_local", "-c", "/dev/null", "-o", "mta_enforces=yes"}, 0,
		"# milter_on_fail_local is empty; because of other settings, it acts as tag\n", ""},
	{{"settings", "milter_on_fail_authenticated", "--json", "-c", "/dev/null", "-o", "mta_enforces=yes"}, 0,
		"\"acts_as\": \"tag\"", ""},
	{{"settings", "mode", "--json", "-c", "/dev/null"}, 0,
		"{\"mode\": {\"value\": \"enforce\", \"default\": true}}\n", ""},
	{{"settings", "probe_ttl_ok", "--json", "-c", "/dev/null"}, 0,
		"{\"probe_ttl_ok\": {\"value\": \"4h\", \"number\": 14400, \"default\": true}}\n", ""},
	{{"settings", "store_max_bytes", "--json", "-c", "/dev/null"}, 0, "\"number\": 1073741824, ", ""},
	{{"events", "--since", "soon"}, 64, "", "--since: soon is not a duration; write it like"},
	{{"events", "--kind", "\033[2J"}, 64, "", "\"\\x1b[2J\" is not a kind of event; write refresh-failing, store-"},
	{{"override"}, 64, "", "usage: stsgate override set DOMAIN|'*' pass|tag|enforce --for"},
	{{"override", "bogus"}, 64, "", "stsgate: override: unknown word bogus\nusage: stsgate override set DOMAIN"},
	{{"override", "set"}, 64, "", "pass|tag|enforce --for DURATION|--until HH:MM --reason TEXT\n"},
	{{"override", "list", "a.example"}, 64, "", "usage: stsgate override set DOMAIN"},
	{{"override", "set", "a.example"}, 64, "", "usage: stsgate override set DOMAIN"},
	{{"override", "clear"}, 64, "", "usage: stsgate override set DOMAIN"},
	{{"override", "clear", "a..example"}, 64, "", "a..example is not a domain that can have a policy"},
	{{"override", "list", "--for", "1h"}, 64, "", "--for is an option of `override set` only"},
	{{"override", "set", "a..example", "pass", "--for", "1h"}, 64, "", "a..example is not a domain"},
	{{"override", "set", "a.example", "allow", "--for", "1h"}, 64, "",
		"allow is not a kind of override; write pass, tag or enforce"},
	{{"override", "set", "a.example", "pass", "--for", "1h"}, 64, "", "needs --reason TEXT"},
	{{"override", "set", "a.example", "pass", "--reason", "r"}, 64, "", "needs --for DURATION or --until HH:MM"},
	{{"override", "set", "a.example", "pass", "--for", "1h", "--until=12:00"}, 64, "", "and only one of them"},
	{{"override", "set", "a.example", "pass", "--for", "59s"}, 64, "", "lasts between 1m and 90d"},
	{{"override", "set", "a.example", "pass", "--for", "91d"}, 64, "", "lasts between 1m and 90d"},
	{{"override", "set", "a.example", "pass", "--for", "soon"}, 64, "", "--for: soon is not a duration"},
	{{"override", "set", "a.example", "pass", "--until", "24:00"}, 64, "", "24:00 is not a time of day"},
	{{"override", "set", "a.example", "pass", "--until", "noon"}, 64, "", "noon is not a time of day"},
	{{"override", "set", "a.example", "pass", "--until", "12:00x"}, 64, "", "12:00x is not a time of day"},
	{{"override", "set", "a.example", "pass", "--for=1h", "--reason=\033[2J"}, 64, "",
		"without control characters"},
	{{"override", "set", "a.example", "pass", "--for=1h", "--reason="}, 64, "", "--reason: write 1 to 200 octets"},
	{{"list", "--kind", "store-trouble"}, 64, "", "--kind is not an option of list"},
	{{"--since", "1d", "warm", "-"}, 64, "", "--since is not an option of warm"},
	{{"--help"}, 0, "\n  --rate N       for warm: start at most N domains", ""},
	{{"--help"}, 0, "\n  --since DURATION\n                 for events: show only", ""},
	{{"list", "-o", "store_path=/nonexistent", "-c", "/dev/null"}, 66, "", "/nonexistent"},
};

static void test_words(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct tool_run run = tool_run(NULL, 0, rows[i].words);
		if (run.status != rows[i].status || !strstr(run.out, rows[i].out) || !strstr(run.err, rows[i].err))
			fail_msg("row %zu: %d: %s%s", i, run.status, run.out, run.err);
		if (rows[i].status >= 64 && *run.out)
			fail_msg("row %zu: on stdout: %s", i, run.out);
		tool_run_free(&run);
	}
}

static int run_to_full(void *arg)
{
	const char *program = getenv("STSGATE"), *const *words = arg;
	dup2(open("/dev/full", O_WRONLY), STDOUT_FILENO);
	execl(program ? program : STSGATE_BUILT, "stsgate", words[0], words[1], words[2], (char *)NULL);
	return 127;
}

static void full_is_told(const char *a, const char *b, const char *c)
{
	const char *words[] = {a, b, c};
	struct tool_run run = tool_call(run_to_full, words);
	assert_int_equal(run.status, 74);
	assert_non_null(strstr(run.err, "output"));
	tool_run_free(&run);
}

/* Output that could not be printed is a failure. */
static void test_full(void **state)
{
	(void)state;
	full_is_told("--help", NULL, NULL);
}

/* The settings as the tool prints them are a file with the same settings. */
static void test_settings_round(void **state)
{
	(void)state;
	char file[128];
	snprintf(file, sizeof file, "%s/again.conf", directory);
	struct tool_run first =
		TOOL("settings", "-c", "/dev/null", "-o", "exempt_domains=.a.example b.example", "-o", "mode=monitor");
	FILE *out = fopen(file, "w");
	assert_true(out && fputs(first.out, out) >= 0 && fclose(out) == 0);
	struct tool_run again = TOOL("settings", "-c", file);
	assert_int_equal(again.status, 0);
	assert_string_equal(again.out, first.out);
	tool_run_free(&first);
	tool_run_free(&again);
	unlink(file);
}

static const char *store_setting(void)
{
	static char setting[128];
	snprintf(setting, sizeof setting, "store_path=%s", store_path);
	return setting;
}

static struct tool_run on_store(const char *a, const char *b, const char *c)
{
	return TOOL("-c", "/dev/null", "-o", store_setting(), "-o", NO_RESOLVER, a, b, c);
}

/* A domain whose policy of mode none was just fetched, and a domain without a record. */
static void none_make(struct entry *entry, void *arg)
{
	struct record_found record = {.outcome = REASON_OK, .ttl_s = 3600, .record.id = "20260101"};
	struct policy_found policy = {.outcome = REASON_OK, .text = strdup(POLICY), .text_len = sizeof POLICY - 1};
	int64_t now = *(const int64_t *)arg;
	policy_parse(&policy.policy, policy.text, policy.text_len, NULL);
	entry_learn_record(entry, &record, now);
	entry_learn_policy(entry, &policy, record.record.id, now);
	policy_found_free(&policy);
}

static void bare_make(struct entry *entry, void *arg)
{
	struct record_found record = {.outcome = REASON_NO_RECORD, .ttl_s = 3600};
	entry_learn_record(entry, &record, *(const int64_t *)arg);
}

static int store_make(void **state)
{
	(void)state;
	struct failure why = {0};
	int64_t now = (int64_t)time(NULL);
	struct store *store = mkdir(store_path, 0700) == 0 ? store_open(store_path, 1 << 20, STORE_OWNER, &why) : NULL;
	bool made = store && store_change_entry(store, "none.example", none_make, &now, &why) &&
		    store_change_entry(store, "bare.example", bare_make, &now, &why);
	store_close(&store);
	if (!made)
		print_error("%s\n", why.text);
	return made ? 0 : -1;
}

static void directory_empty(const char *path)
{
	DIR *files = opendir(path);
	for (const struct dirent *file; files && (file = readdir(files));)
		unlinkat(dirfd(files), file->d_name, 0);
	if (files)
		closedir(files);
}

static int store_remove(void **state)
{
	(void)state;
	directory_empty(store_path);
	return rmdir(store_path);
}

static void run_check(struct tool_run run, int status, const char *part)
{
	if (run.status != status || !strstr(run.out, part))
		fail_msg("%d: %s%s", run.status, run.out, run.err);
	tool_run_free(&run);
}

static void test_list_show(void **state)
{
	(void)state;
	struct tool_run run = on_store("list", NULL, NULL);
	assert_int_equal(run.status, 0);
	const char *bare = strstr(run.out, "\nbare.example"), *none = strstr(run.out, "\nnone.example");
	assert_true(bare && none && bare < none);
	assert_non_null(strstr(bare, " -          -        -\n")); /* a domain without a record is no failure */
	assert_non_null(strstr(none, "none     20260101 "));
	tool_run_free(&run);
	run_check(on_store("show", "NONE.example", NULL), 0, "policy    mode none, id 20260101, max_age 86400 s\n");
	run_check(on_store("show", "none.example", NULL), 0, "          \"version: STSv1\"\n");
	run_check(on_store("show", "bare.example", NULL), 0, "the domain publishes no MTA-STS record [no-record]\n");
	run_check(on_store("show", "other.example", NULL), 1, "");
	run_check(on_store("--json", "show", "none.example"), 0, "\"policy_text\": \"version: STSv1\\nmode: none");
}

static void used_make(struct entry *entry, void *arg)
{
	static const char text[] = "version: STSv1\nmode: enforce\nmx: a.example\nmax_age: 3600\n";
	struct record_found record = {.outcome = REASON_OK, .ttl_s = 3600, .record.id = "1"};
	struct policy_found policy = {.outcome = REASON_OK};
	int64_t now = *(const int64_t *)arg;
	policy_parse(&policy.policy, text, strlen(text), NULL);
	entry_learn_record(entry, &record, now);
	entry_learn_policy(entry, &policy, "1", now);
	entry_learn_policy(entry, &(struct policy_found){.outcome = REASON_POLICY_WEBPKI}, "2", now);
	entry_learn_use(entry, now);
	policy_found_free(&policy);
}

/* Adds an enforce policy in use, whose newest fetch failed, and verdicts: the mail of used.example waits, that of
 * bare.example waited long ago. */
static void list_make(void)
{
	struct failure why = {0};
	int64_t now = (int64_t)time(NULL);
	struct store *store = store_open(store_path, 1 << 20, STORE_OWNER, &why);
	assert_non_null(store);
	assert_true(store_change_entry(store, "used.example", used_make, &now, &why));
	struct verdict_record records[3] = {{.door = DOOR_MAP}};
	static const char *const names[] = {"bare.example", "none.example", "used.example"};
	for (size_t i = 0; i < COUNT(names); i++) {
		struct verdict verdict = {.kind = VERDICT_DEFER, .reason = REASON_CERT_UNTRUSTED};
		snprintf(verdict.domain, sizeof verdict.domain, "%s", names[i]);
		verdict_record_init(&records[i], DOOR_MAP, &verdict, i == 0 ? now - 90000 : now - 60);
		records[i].deed = records[i].would = i == 1 ? DEED_TAG : DEED_TEMP;
	}
	assert_true(store_note_verdicts(store, records, COUNT(records), &why));
	store_close(&store);
}

/* Runs `list` with two options, and checks which domains it prints, in their order: b(are), n(one), u(sed). */
static void list_check(const char *a, const char *b, const char *want)
{
	struct tool_run run = on_store("list", a, b);
	char got[8] = "";
	for (const char *line = strchr(run.out, '\n'); line && line[1]; line = strchr(line + 1, '\n'))
		strncat(got, line + 1, 1);
	if (run.status != 0 || strcmp(got, want) != 0)
		fail_msg("%s %s: %s, %d: %s%s", a, b ? b : "", want, run.status, run.out, run.err);
	tool_run_free(&run);
}

static void test_list_choice(void **state)
{
	(void)state;
	list_make();
	list_check("--sort=domain", NULL, "bnu");
	list_check("--sort=expires", NULL, "unb");
	list_check("--sort=used", NULL, "ubn");
	list_check("--mode=none", NULL, "n");
	list_check("--mode=enforce", NULL, "u");
	list_check("--mode=testing", NULL, "");
	list_check("--failing", NULL, "u");
	list_check("--held", NULL, "u");
	list_check("--held", "--mode=none", "");
	list_check("--expiring=2h", NULL, "u");
	list_check("--expiring=30d", "--sort=used", "un");
	list_check("--expiring=5m", NULL, "");
	run_check(on_store("list", "--count", NULL), 0, "3\n");
	run_check(on_store("list", "--count", "--held"), 0, "1\n");
	run_check(on_store("list", "--count", "--json"), 0, "{\"count\": 3}\n");
	run_check(on_store("list", "--sort=used", "--json"), 0,
		"{\"domains\":[\n{\"domain\": \"used.example\", \"mode\": ");
	run_check(on_store("list", "--sort=name", NULL), 64, "");
	run_check(on_store("list", "--mode=off", NULL), 64, "");
	run_check(on_store("list", "--expiring=soon", NULL), 64, "");
}

/* Runs a command on the store with a terminal as its standard output. */
static int terminal_exec(void *arg)
{
	char setting[128], *argv[] = {"stsgate", "-c", "/dev/null", "-o", setting, arg, NULL, NULL};
	const char *program = getenv("STSGATE");
	if (strcmp(arg, "list") == 0)
		argv[6] = "--mode=testing";
	snprintf(setting, sizeof setting, "store_path=%s", store_path);
	int terminal = posix_openpt(O_RDWR | O_NOCTTY);
	if (grantpt(terminal) == 0 && unlockpt(terminal) == 0)
		dup2(open(ptsname(terminal), O_RDWR | O_NOCTTY), STDOUT_FILENO);
	execv(program ? program : STSGATE_BUILT, argv);
	return 127;
}

/* Who sees nothing on a terminal does not know whether there is nothing. */
static void test_nothing(void **state)
{
	(void)state;
	static const char *const commands[][2] = {
		{"list", "stsgate: the store has no domains, or none that match the options\n"},
		{"events", "stsgate: there are no events, or none that match the options\n"},
	};
	for (size_t i = 0; i < COUNT(commands); i++) {
		struct tool_run run = tool_call(terminal_exec, (void *)commands[i][0]);
		assert_int_equal(run.status, 0);
		assert_string_equal(run.err, commands[i][1]);
		tool_run_free(&run);
		run = on_store(commands[i][0], i == 0 ? "--mode=testing" : NULL, NULL);
		assert_string_equal(run.err, "");
		assert_string_equal(run.out, "");
		tool_run_free(&run);
	}
}

static void test_forget(void **state)
{
	(void)state;
	run_check(on_store("forget", "none.example", "other.example"), 1,
		"none.example: forgotten\nother.example: not in the store\n");
	run_check(on_store("show", "none.example", NULL), 1, "");
	run_check(on_store("forget", "--json", "bare.example"), 0,
		"{\"domains\": [{\"domain\": \"bare.example\", \"found\": true}]}\n");
	run_check(on_store("list", "--json", NULL), 0, "{\"domains\":[\n]}\n");
}

static void events_make(void)
{
	struct failure why = {0};
	struct event_record event;
	int64_t now = (int64_t)time(NULL);
	struct store *store = store_open(store_path, 1 << 20, STORE_OWNER, &why);
	assert_non_null(store);
	event_record_init(&event, EVENT_STORE_TROUBLE, "", "the disk is full", now - 10);
	assert_true(store_note_event(store, &event, &why));
	event_record_init(&event, EVENT_REFRESH_FAILING, "none.example", "half of it", now - 3600);
	assert_true(store_note_event(store, &event, &why));
	event.last_at = now - 1800;
	assert_true(store_note_event(store, &event, &why));
	event_record_init(&event, EVENT_STARTTLS_LOST, "sign.example", "mx offers STARTTLS no more", now - 600);
	snprintf(event.host, sizeof event.host, "mx.sign.example");
	event.port = 25;
	struct story *story = story_new(&event);
	story->before = (struct evidence){.at = now - 86400, .protocol = 0x304, .address = "192.0.2.1"};
	story->now = (struct evidence){.at = now - 600, .reason = REASON_STARTTLS_MISSING, .address = "192.0.2.1"};
	story->before_look.at = now - 86400;
	story->now_look.at = now - 600;
	snprintf(story->before_look.ehlo, sizeof story->before_look.ehlo, "250-mx.sign.example\n250 STARTTLS");
	snprintf(story->now_look.ehlo, sizeof story->now_look.ehlo, "250-mx.sign.example\n250 \033[2JXXXXXXXA");
	story->mail[FATE_DELAYED] = 17;
	assert_true(store_note_sign(store, &event, story, &why));
	free(story);
	event_record_init(&event, EVENT_STARTTLS_LOST, "part.example", "the same", now - 500);
	event.part_of = 1;
	assert_true(store_note_event(store, &event, &why));
	store_close(&store);
}

/* Other relays have looked at the host of the sign. */
static void others_fill(struct hop_record *record, void *arg)
{
	record->others_at = *(int64_t *)arg;
	record->others_looked = 50;
	record->others_bad = 12;
}

/* One event, for a person. */
static void test_event_shown(void **state)
{
	(void)state;
	events_make();
	run_check(on_store("events", "show", NULL), 64, "");
	run_check(on_store("events", "show", "0"), 64, "");
	run_check(on_store("events", "show", "3x"), 64, "");
	run_check(on_store("events", "show", "99"), 1, "");
	struct tool_run run = on_store("events", "show", "3");
	static const char *const parts[] = {"  error  starttls-lost  sign.example\nevent     3, not over\nhost      "
					    "mx.sign.example port 25\n",
		"story     20", "Z  mx offers STARTTLS no more\n", "mail      17 delayed, 0 bound to verified TLS",
		"address   same     192.0.2.1\n",
		"EHLO      before   250-mx.sign.example\n                   \"250 STARTTLS\"\n"
		"          now      250-mx.sign.example\n                   \"250 \\x1b[2JXXXXXXXA\"\n",
		"TLS       before   TLSv1.3", "          now      (none)\n",
		"means     a mail host that offered STARTTLS"};
	for (size_t i = 0; i < COUNT(parts); i++)
		if (run.status != 0 || !strstr(run.out, parts[i]))
			fail_msg("%d: no %s in %s%s", run.status, parts[i], run.out, run.err);
	tool_run_free(&run);
	run_check(on_store("events", "show", "1"), 0, "event     1\n");
	run = TOOL("-c", "/dev/null", "-o", store_setting(), "--json", "events", "show", "3");
	json_t *got = tool_json(&run), *story = json_object_get(got, "story");
	assert_int_equal(json_integer_value(json_object_get(json_object_get(story, "mail"), "delayed")), 17);
	assert_int_equal(json_integer_value(json_object_get(json_object_get(got, "event"), "number")), 3);
	json_decref(got);
	tool_run_free(&run);
	run_check(on_store("why", "sign.example", NULL), 1, "signs     starttls-lost since 20");
	run_check(on_store("why", "sign.example", NULL), 1, "(stsgate events show 3): mx offers STARTTLS no more\n");
	struct failure why;
	int64_t now = time(NULL);
	struct store *store = store_open(store_path, 1 << 20, STORE_OWNER, &why);
	assert_true(store_change_hop(store, "mx.sign.example", 25, others_fill, &now, &why));
	store_close(&store);
	run_check(on_store("why", "sign.example", NULL), 1, "12 of 50 other relays see this host bad\n");
}

/* Follows the events of a store that changes, until it is told to end. */
static void test_events_followed(void **state)
{
	struct failure why = {0};
	struct event_record event;
	char line[4096];
	int ends[2];
	(void)state;
	events_make();
	assert_int_equal(pipe(ends), 0);
	pid_t child = fork();
	if (child == 0) {
		const char *tool = getenv("STSGATE") ? getenv("STSGATE") : "./stsgate";
		dup2(ends[1], STDOUT_FILENO);
		close(ends[0]);
		close(ends[1]);
		execl(tool, tool, "-c", "/dev/null", "-o", store_setting(), "events", "--follow", "--json",
			"--since=1d", "--severity=error", "--domain=sign.example", NULL);
		_exit(127);
	}
	close(ends[1]);
	FILE *out = fdopen(ends[0], "r");
	assert_non_null(fgets(line, sizeof line, out));
	assert_non_null(strstr(line, "{\"number\": 3, \"kind\": \"starttls-lost\""));
	struct store *store = store_open(store_path, 1 << 20, STORE_GUEST, &why);
	event_record_init(&event, EVENT_CERTIFICATE_BROKE, "other.example", "not asked for", (int64_t)time(NULL));
	assert_true(store_note_event(store, &event, &why));
	event_record_init(&event, EVENT_STARTTLS_LOST, "sign.example", "again", (int64_t)time(NULL));
	assert_true(store_note_event(store, &event, &why));
	store_close(&store);
	assert_non_null(fgets(line, sizeof line, out));
	assert_non_null(strstr(line, "\"count\": 2, \"detail\": \"again\""));
	int status;
	kill(child, SIGTERM);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	fclose(out);
}

/* An event that is in the future, because the clock was set back since, did not happen millions of years ago. */
static void test_doctor_future_event(void **state)
{
	(void)state;
	struct failure why = {0};
	struct event_record event;
	struct store *store = store_open(store_path, 1 << 20, STORE_OWNER, &why);
	assert_non_null(store);
	event_record_init(&event, EVENT_STORE_TROUBLE, "", "the disk is full", (int64_t)time(NULL) + 86400);
	assert_true(store_note_event(store, &event, &why));
	store_close(&store);
	run_check(on_store("doctor", "events", NULL), 1, "store-trouble, 0s ago: the disk is full");
}

static void run_lacks(struct tool_run run, const char *part)
{
	if (run.status != 0 || strstr(run.out, part))
		fail_msg("%d: %s%s", run.status, run.out, run.err);
	tool_run_free(&run);
}

/* What happened in the same second is shown in the order in which it was noted. */
static void test_events_of_one_second(void **state)
{
	(void)state;
	struct failure why = {0};
	struct event_record event;
	int64_t now = (int64_t)time(NULL);
	struct store *store = store_open(store_path, 1 << 20, STORE_OWNER, &why);
	assert_non_null(store);
	event_record_init(&event, EVENT_RECORD_GONE, "z.example", "it is gone", now - 10);
	assert_true(store_note_event(store, &event, &why));
	event_record_init(&event, EVENT_RECORD_GONE, "a.example", "it is gone", now - 10);
	assert_true(store_note_event(store, &event, &why));
	store_close(&store);
	struct tool_run run = on_store("events", NULL, NULL);
	const char *first = strstr(run.out, "z.example"), *second = strstr(run.out, "a.example");
	assert_true(run.status == 0 && first && second && first < second);
	tool_run_free(&run);
	run_lacks(on_store("events", "show", "1"), "\n\n\n");
}

static void test_events(void **state)
{
	(void)state;
	run_check(on_store("events", NULL, NULL), 0, "");
	run_check(on_store("events", "--json", NULL), 0, "{\"events\": []}\n");
	events_make();
	struct tool_run run = on_store("events", NULL, NULL);
	const char *older = strstr(run.out, "  warning  refresh-failing  none.example\n"),
		   *newer = strstr(run.out, "  error  store-trouble  -\n");
	assert_true(run.status == 0 && older && newer && older < newer);
	assert_non_null(strstr(older, " 2 times since "));
	assert_non_null(strstr(older, " half of it\nmeans     a policy in force"));
	assert_non_null(strstr(newer, "to do     look at the disk"));
	tool_run_free(&run);
	run_check(on_store("events", "--json", NULL), 0,
		"{\"number\": 1, \"kind\": \"store-trouble\", \"severity\": \"error\", \"domain\": null");
	run_check(on_store("events", "--kind=refresh-failing", NULL), 0, "none.example");
	run_lacks(on_store("events", "--kind=refresh-failing", NULL), "store-trouble");
	run_check(on_store("events", "--since=5m", NULL), 0, "store-trouble");
	run_lacks(on_store("events", "--since=5m", NULL), "refresh-failing");
	run_check(on_store("events", "NONE.example", NULL), 0, "refresh-failing");
	run_lacks(on_store("events", "NONE.example", NULL), "store-trouble");
	run_lacks(on_store("events", "bare.example", NULL), "e");
	run_check(on_store("events", "--domain=None.Example.", NULL), 0, "refresh-failing");
	run_lacks(on_store("events", "--domain=none.example", NULL), "store-trouble");
	run_check(on_store("events", "--severity=error", NULL), 0, "store-trouble");
	run_lacks(on_store("events", "--severity=error", NULL), "refresh-failing");
	run_check(on_store("events", "--severity=bad", NULL), 64, "");
	run_lacks(on_store("events", NULL, NULL), "part.example");
	run_check(on_store("events", "--all", NULL), 0, "part of event 1, not over");
	run_check(on_store("events", "part.example", NULL), 0, "part of event 1, not over");
	run_check(on_store("why", "part.example", NULL), 1,
		"(stsgate events show 4; part of event 1, whose cause is near this relay): the same\n");
	run_check(on_store("events", NULL, NULL), 0, "story     stsgate events show 3\n");
}

/* Runs `override` on the store of the test. */
#define OVERRIDE(...) TOOL("-c", "/dev/null", "-o", store_setting(), "override", __VA_ARGS__)

static void test_override(void **state)
{
	int64_t now = (int64_t)time(NULL);
	(void)state;
	setenv("SUDO_USER", "alice", 1);
	run_check(OVERRIDE("list"), 0, "");
	run_check(OVERRIDE("list", "--json"), 0, "{\"overrides\": []}\n");
	struct tool_run run =
		OVERRIDE("set", "Bare.Example.", "pass", "--for", "4h", "--reason", "agreed on the phone");
	assert_int_equal(run.status, 0);
	assert_non_null(strstr(run.out, "bare.example: pass until 20"));
	assert_non_null(strstr(run.out, ", for 4h\nset by    alice: \"agreed on the phone\"\n"));
	assert_non_null(strstr(run.out, "postqueue -i QUEUE_ID"));
	assert_non_null(strstr(run.out, "sendmail -qRbare.example"));
	tool_run_free(&run);
	run = OVERRIDE("set", "bare.example", "tag", "--for", "2h", "--reason", "x", "--json");
	json_t *got = tool_json(&run);
	json_t *set = json_object_get(got, "override"), *replaced = json_object_get(got, "replaced");
	assert_string_equal(json_string_value(json_object_get(set, "kind")), "tag");
	assert_string_equal(json_string_value(json_object_get(replaced, "kind")), "pass");
	assert_string_equal(json_string_value(json_object_get(replaced, "author")), "alice");
	int64_t ends_at = json_integer_value(json_object_get(set, "ends_at"));
	assert_true(ends_at >= now + 7200 && ends_at < now + 7300);
	json_decref(got);
	tool_run_free(&run);
	unsetenv("SUDO_USER");
	run_check(OVERRIDE("set", "*", "pass", "--for", "1d", "--reason",
			  "Gr\xc3\xbc\xc3\x9f"
			  "e"),
		0, "all domains: pass until 20");
	run = OVERRIDE("list");
	const char *all = strstr(run.out, "\n*     "), *own = strstr(run.out, "\nbare.example   ");
	assert_true(all && own && all < own);
	assert_non_null(strstr(all, "\"Gr\\xc3\\xbc\\xc3\\x9fe\"\n"));
	tool_run_free(&run);
	run_check(on_store("events", "--kind", "override-set"), 0, "pass for all domains until 20");
	run_check(OVERRIDE("clear", "bare.example"), 0, "bare.example: cleared: tag until 20");
	run_check(on_store("events", "--kind", "override-cleared"), 0, "cleared by ");
	run_check(OVERRIDE("clear", "bare.example"), 1, "bare.example: there is no override\n");
	run_check(OVERRIDE("clear", "bare.example", "--json"), 1, "{\"cleared\": null}\n");
	run_check(OVERRIDE("clear", "*"), 0, "all domains: cleared: pass until 20");
}

static size_t decisions_noted(void)
{
	struct store *store = store_open(store_path, 1 << 20, STORE_GUEST, NULL);
	size_t count = 0;
	assert_non_null(store);
	free(store_decisions(store, &count, NULL));
	store_close(&store);
	return count;
}

/* Overrides and forgets name the relay on which they were decided, and are noted for the other relays. */
static void test_override_node(void **state)
{
	(void)state;
	setenv("SUDO_USER", "alice", 1);
	run_check(OVERRIDE("clear", "node.example"), 1, "there is no override\n");
	size_t noted = decisions_noted(); /* a clear is noted, too */
	run_check(OVERRIDE("set", "node.example", "pass", "--for", "1h", "--reason", "r", "-o", "fleet_node=relay7"), 0,
		"node.example: pass until 20");
	assert_int_equal(decisions_noted(), noted);
	run_check(OVERRIDE("list"), 0, "  alice@relay7 r\n");
	run_check(OVERRIDE("list", "--json"), 0, "\"author\": \"alice\", \"node\": \"relay7\", ");
	run_check(on_store("why", "node.example", NULL), 1, ", set by alice on relay7: r\n");
	run_check(OVERRIDE("set", "node.example", "tag", "--for", "1h", "--reason", "r", "-o", "fleet_node=relay8"), 0,
		"replaces  pass, set by alice on relay7, with ");
	run_check(OVERRIDE("clear", "node.example"), 0, ", set by alice on relay8\n");
	run_check(on_store("forget", "node.example", NULL), 1, "node.example: not in the store\n");
	assert_int_equal(decisions_noted(), noted + 1);
	unsetenv("SUDO_USER");
}

/* --until is the next time at which a clock on the wall shows that time of day. */
static void test_override_until(void **state)
{
	(void)state;
	setenv("TZ", "UTC", 1);
	for (int shift = -1; shift <= 1; shift += 2) {
		char until[16];
		time_t now = time(NULL), at = now + shift * 3600;
		strftime(until, sizeof until, "%H:%M", gmtime(&at));
		struct tool_run run =
			OVERRIDE("set", "bare.example", "pass", "--until", until, "--reason", "r", "--json");
		json_t *got = tool_json(&run);
		int64_t ends_at = json_integer_value(json_object_get(json_object_get(got, "override"), "ends_at"));
		int64_t wanted = (int64_t)(at / 60 * 60) + (shift < 0 ? 86400 : 0);
		assert_true(ends_at == wanted);
		json_decref(got);
		tool_run_free(&run);
	}
	/* An end within a minute would make an override that no reader accepts. */
	char until[16];
	if (time(NULL) % 60 > 50 || time(NULL) % 60 == 0)
		sleep(10);
	time_t soon = time(NULL) + 60;
	strftime(until, sizeof until, "%H:%M", gmtime(&soon));
	struct tool_run run = OVERRIDE("set", "bare.example", "pass", "--until", until, "--reason", "r");
	assert_int_equal(run.status, EX_USAGE);
	assert_non_null(strstr(run.err, "is less than a minute away"));
	tool_run_free(&run);
	unsetenv("TZ");
}

static void override_refused(const char *domain, const char *more, const char *part)
{
	struct tool_run run = TOOL("-c", "/dev/null", "-o", store_setting(), "-o", more, "override", "set", domain,
		"enforce", "--for", "1h", "--reason", "r");
	if (run.status != 1 || !strstr(run.err, part))
		fail_msg("%d: %s%s", run.status, run.out, run.err);
	tool_run_free(&run);
}

static void testing_make(struct entry *entry, void *arg)
{
	static const char text[] = "version: STSv1\nmode: testing\nmx: mx.testing.example\nmax_age: 86400\n";
	struct policy_found found = {.outcome = REASON_OK};
	(void)arg;
	assert_true(policy_parse(&found.policy, text, strlen(text), NULL));
	entry_learn_policy(entry, &found, "1", (int64_t)time(NULL));
	policy_free(&found.policy);
}

/* `enforce` does nothing without a policy, so it is refused. */
static void test_override_enforce(void **state)
{
	struct failure why = {0};
	(void)state;
	override_refused("*", "mode=enforce", "all domains: no override was set: `enforce` needs a policy");
	override_refused("absent.example", "mode=enforce", "the store has no policy of this domain");
	override_refused("bare.example", "mode=enforce", "no policy of this domain is in force");
	override_refused("none.example", "mode=enforce", "the domain's policy has mode none");
	override_refused("none.example", "exempt_domains=.example", "the domain is in exempt_domains");
	run_check(OVERRIDE("list", "--json"), 0, "{\"overrides\": []}\n");
	struct store *store = store_open(store_path, 1 << 20, STORE_OWNER, &why);
	assert_true(store_change_entry(store, "testing.example", testing_make, NULL, &why));
	store_close(&store);
	struct tool_run run = OVERRIDE("set", "testing.example", "enforce", "--for", "1h", "--reason", "r");
	assert_int_equal(run.status, 0);
	assert_null(strstr(run.out, "postqueue")); /* it releases nothing */
	tool_run_free(&run);
	run_check(TOOL("-c", "/dev/null", "-o", store_setting(), "-o", "exempt_domains=a.example", "override", "set",
			  "a.example", "pass", "--for", "1h", "--reason", "r"),
		0, "a.example: pass until");
}

static void pinned_make(struct entry *entry, void *arg)
{
	struct mx_found mx = {.set = {.state = MX_LISTED, .ttl_s = 300}};
	testing_make(entry, arg);
	names_add(&mx.set.names, "mx.testing.example", strlen("mx.testing.example"));
	entry_learn_mx(entry, &mx, (int64_t)time(NULL));
	mx_found_free(&mx);
}

static void seen_elsewhere(struct hop_record *record, void *arg)
{
	(void)arg;
	hop_record_learn(record, &(struct evidence){.at = (int64_t)time(NULL), .asn = 64502});
}

/* A pin names autonomous systems, lasts as long as an override may, and says what makes mail wait. */
static void test_override_pin(void **state)
{
	static const struct {
		const char *words[8];
		int status;
		const char *part;
	} refused[] = {
		{{"pin"}, 64, "override pin DOMAIN --asn N... [--for DURATION|--until HH:MM] --reason TEXT\n"},
		{{"pin", "a.example", "--reason", "r"}, 64, "override pin needs --asn N, once for each"},
		{{"pin", "a.example", "--asn", "0", "--reason", "r"}, 64,
			"--asn: 0 is not the number of an autonomous"},
		{{"pin", "a.example", "--asn", "4294967295", "--reason", "r"}, 64, "--asn: 4294967295 is not"},
		{{"pin", "a.example", "--asn", "12x", "--reason", "r"}, 64, "--asn: 12x is not"},
		{{"pin", "a.example", "--asn", "AS", "--reason", "r"}, 64, "--asn: AS is not"},
		{{"pin", "a.example", "--asn", "1"}, 64, "override pin needs --reason TEXT"},
		{{"pin", "a.example", "--asn", "1", "--for", "91d", "--reason", "r"}, 64, "between 1m and 90d"},
		{{"pin", "a.example", "--asn", "1", "--for=1h", "--until=12:00", "--reason=r"}, 64, "but not both"},
		{{"pin", "*", "--asn", "1", "--reason", "r"}, 1, "a pin is for the mail hosts of one domain"},
		{{"pin", "absent.example", "--asn", "1", "--reason", "r"}, 1, "the store has no policy of this domain"},
		{{"pin", "bare.example", "--asn", "1", "--reason", "r"}, 1, "no policy of this domain is in force"},
		{{"set", "a.example", "pass", "--asn", "1", "--for=1h", "--reason=r"}, 64,
			"is an option of `override pin` only"},
		{{"list", "--asn", "1"}, 64, "--asn is an option of `override pin` only"},
	};
	struct failure why = {0};
	(void)state;
	for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
		const char *const *w = refused[i].words;
		struct tool_run run = OVERRIDE(w[0], w[1], w[2], w[3], w[4], w[5], w[6], w[7]);
		if (run.status != refused[i].status || !strstr(run.err, refused[i].part))
			fail_msg("row %zu: %d: %s", i, run.status, run.err);
		tool_run_free(&run);
	}
	struct store *store = store_open(store_path, 1 << 20, STORE_OWNER, &why);
	assert_true(store_change_entry(store, "testing.example", pinned_make, NULL, &why));
	store_close(&store);
	struct tool_run run = OVERRIDE("pin", "testing.example", "--asn", "64500", "--asn=AS64501", "--asn", "64500",
		"--reason", "no move is announced");
	assert_int_equal(run.status, 0);
	assert_non_null(strstr(run.out, "testing.example: pin to AS64500, AS64501 until 20"));
	assert_non_null(strstr(run.out, ", for 90d\n"));
	assert_null(strstr(run.out, "postqueue"));
	assert_non_null(strstr(run.err, "note: the store does not know the network of any mail host"));
	assert_non_null(strstr(run.err, "note: the policy has mode testing"));
	tool_run_free(&run);
	store = store_open(store_path, 1 << 20, STORE_OWNER, &why);
	assert_true(store_change_hop(store, "mx.testing.example", 25, seen_elsewhere, NULL, &why));
	store_close(&store);
	run = OVERRIDE("pin", "testing.example", "--asn", "64500", "--for", "2h", "--reason", "r", "--json");
	json_t *got = tool_json(&run), *set = json_object_get(got, "override");
	assert_int_equal(json_integer_value(json_array_get(json_object_get(set, "asn"), 0)), 64500);
	assert_int_equal(json_array_size(json_object_get(set, "asn")), 1);
	assert_int_equal(json_array_size(json_object_get(json_object_get(got, "replaced"), "asn")), 2);
	assert_non_null(
		strstr(run.err, "note: mx.testing.example was last seen in AS64502, which is outside the pin\n"));
	json_decref(got);
	tool_run_free(&run);
	run_check(OVERRIDE("list"), 0, "to AS64500: r\n");
	run_check(on_store("events", "--kind", "override-set"), 0, "pin to AS64500 until 20");
	run_check(on_store("why", "testing.example", NULL), 1, "pin to AS64500 until 20");
	run_check(TOOL("-c", "/dev/null", "-o", store_setting(), "-o", "probe=no", "override", "pin", "testing.example",
			  "--asn", "64502", "--reason", "r"),
		0, "pin to AS64502 until 20");
	run_check(OVERRIDE("clear", "testing.example"), 0, "testing.example: cleared: pin to AS64502 until 20");
}

static void moved_make(struct hop_record *record, void *arg)
{
	const struct evidence *seen = arg;
	hop_record_learn(record, seen);
}

static void networks_make(struct domain_networks *networks, void *arg)
{
	(void)arg;
	networks->network[0] =
		(struct domain_network){.first_at = 1900000000, .last_at = 1900086400, .asn = 64500, .country = "DE"};
	networks->network[1] = (struct domain_network){
		.first_at = 1900000000, .last_at = 1900086400, .prefix = UINT64_C(1) << 63 | 0xc00002};
}

static void on_networks(struct store_submission *submission)
{
	(void)submission;
}

static void test_networks(void **state)
{
	static struct store_batch_change change = {.domain_or_host = "moved.example", .networks = networks_make};
	static struct store_submission submission = {.change = &change, .count = 1, .done = on_networks};
	struct evidence seen[] = {{.address = "192.0.2.1", .asn = 64500, .country = "DE"},
		{.address = "192.0.2.2", .asn = 64500, .country = "FR"}, {.address = "198.51.100.1"}};
	struct failure why = {0};
	int64_t now = time(NULL);
	char host[32];
	(void)state;
	struct store *store = store_open(store_path, 1 << 20, STORE_OWNER, &why);
	assert_true(store_change_entry(store, "moved.example", none_make, &now, &why));
	for (size_t i = 0; i < COUNT(seen); i++) {
		seen[i].at = now;
		snprintf(host, sizeof host, "n%zu.moved.example", i);
		assert_true(store_change_hop(store, host, 25, moved_make, &seen[i], &why));
	}
	store_submit(store, &submission);
	store_close(&store);
	run_check(on_store("query", "--stored", "moved.example"), 0,
		"networks  AS64500 DE, since 2030-03-17T17:46:40Z, last seen 2030-03-18T17:46:40Z\n"
		"          192.0.2.0/24, since ");
	run_check(on_store("stats", "--networks", NULL), 0, "\n  AS64500 ");
	run_check(on_store("stats", "--networks", NULL), 0, "\n  198.51.100.0/24 ");
	run_check(on_store("stats", "--networks", "--watch"), 64, "");
	struct tool_run run = on_store("stats", "--networks", "--json");
	json_t *got = tool_json(&run), *most = json_array_get(json_object_get(got, "networks"), 0);
	assert_int_equal(json_integer_value(json_object_get(most, "asn")), 64500);
	assert_int_equal(json_integer_value(json_object_get(most, "hops")), 2);
	assert_true(json_is_null(json_object_get(most, "prefix")));
	json_decref(got);
	tool_run_free(&run);
}

static void test_export_full(void **state)
{
	(void)state;
	char setting[128];
	snprintf(setting, sizeof setting, "-ostore_path=%s", store_path);
	full_is_told("-c/dev/null", setting, "export");
}

/* An export on standard output is imported from standard input. */
static void test_export_import(void **state)
{
	(void)state;
	char setting[128];
	struct tool_run out = on_store("export", NULL, NULL);
	assert_int_equal(out.status, 0);
	run_check(on_store("forget", "none.example", "bare.example"), 0, "");
	snprintf(setting, sizeof setting, "store_path=%s", store_path);
	const char *const words[] = {"-c", "/dev/null", "-o", setting, "-o", NO_RESOLVER, "import", "-", NULL};
	struct tool_run in = tool_run(out.out, strlen(out.out), words);
	assert_string_equal(in.err, ""); /* an import looks nothing up, so nothing is said about DNS and EHLO */
	run_check(in, 0, "imported 2, kept 0, refused 0\n");
	struct tool_run again = on_store("export", NULL, NULL);
	assert_string_equal(strchr(again.out, '\n'), strchr(out.out, '\n'));
	tool_run_free(&again);
	tool_run_free(&out);
}

/* --stored needs no resolver, and looks nothing up; without it, nothing can be found out here. */
static void test_query(void **state)
{
	(void)state;
	run_check(on_store("query", "--stored", "user@none.example"), 0, "[policy-mode-none]");
	run_check(on_store("query", "bare.example", "--stored"), 0, "[no-record]");
	run_check(on_store("query", "other.example", "--stored"), 2, "verdict   none so far: ");
	run_check(on_store("query", "[192.0.2.1]", NULL), 0, "[no-policy-domain]");
	run_check(on_store("query", "other.example", NULL), 2, "verdict   none: ");
}

/* A refresh without a resolver fails, and deletes nothing. */
static void test_refresh(void **state)
{
	(void)state;
	run_check(on_store("refresh", "other.example", NULL), 1, "other.example: not in the store");
	run_check(on_store("refresh", "none.example", NULL), 2, "policy    mode none, id 20260101");
	run_check(on_store("show", "none.example", NULL), 0, "policy    mode none, id 20260101");
}

/* As with dd: LMDB's two head pages are kept. */
static void store_zero(void)
{
	static const char zeros[4096];
	char path[128];
	struct stat info;
	snprintf(path, sizeof path, "%s/" STORE_FILE, store_path);
	int fd = open(path, O_WRONLY);
	assert_int_equal(fstat(fd, &info), 0);
	for (off_t at = 2 * (off_t)sizeof zeros; at < info.st_size; at += (off_t)sizeof zeros)
		assert_int_equal(pwrite(fd, zeros, sizeof zeros, at), sizeof zeros);
	close(fd);
}

/* No command treats an unreadable store as one without policies. */
static void test_broken_store(void **state)
{
	(void)state;
	static const char *const commands[][2] = {{"list", NULL}, {"show", "none.example"}, {"query", "none.example"},
		{"refresh", "none.example"}, {"export", NULL}, {"forget", "none.example"}, {"events", NULL}};
	store_zero();
	for (size_t i = 0; i < COUNT(commands); i++) {
		struct tool_run run = on_store(commands[i][0], commands[i][1], NULL);
		if (run.status != EX_IOERR || !strstr(run.err, "restart stsgated, which will check it for damage"))
			fail_msg("%s: %d: %s%s", commands[i][0], run.status, run.out, run.err);
		tool_run_free(&run);
	}
}

/* Without a store: a note, a temporary store, and no trace of it afterwards. */
static void test_no_store(void **state)
{
	(void)state;
	struct tool_run run = TOOL("-c", "/dev/null", "-o", "store_path=/nonexistent", "query", "[192.0.2.1]");
	assert_int_equal(run.status, 0);
	assert_non_null(strstr(run.err, "stsgate: note: "));
	tool_run_free(&run);
	assert_int_equal(rmdir(directory), 0); /* the directory for temporary directories is empty */
	assert_int_equal(mkdir(directory, 0777), 0);
	assert_int_equal(chmod(directory, 0777), 0);
}

static int directory_make(void **state)
{
	(void)state;
	const char *base = getenv("TMPDIR");
	snprintf(directory, sizeof directory, "%.40s/stsgate-test.XXXXXX", base ? base : "/tmp");
	bool made = mkdtemp(directory) && chmod(directory, 0777) == 0 && setenv("TMPDIR", directory, 1) == 0;
	snprintf(store_path, sizeof store_path, "%s/store", directory);
	return made ? 0 : -1;
}

static int directory_remove(void **state)
{
	(void)state;
	return rmdir(directory);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_words),
		cmocka_unit_test(test_full),
		cmocka_unit_test(test_settings_round),
		cmocka_unit_test(test_no_store),
		cmocka_unit_test_setup_teardown(test_list_show, store_make, store_remove),
		cmocka_unit_test_setup_teardown(test_list_choice, store_make, store_remove),
		cmocka_unit_test_setup_teardown(test_nothing, store_make, store_remove),
		cmocka_unit_test_setup_teardown(test_forget, store_make, store_remove),
		cmocka_unit_test_setup_teardown(test_events, store_make, store_remove),
		cmocka_unit_test_setup_teardown(test_event_shown, store_make, store_remove),
		cmocka_unit_test_setup_teardown(test_doctor_future_event, store_make, store_remove),
		cmocka_unit_test_setup_teardown(test_events_of_one_second, store_make, store_remove),
		cmocka_unit_test_setup_teardown(test_networks, store_make, store_remove),
		cmocka_unit_test_setup_teardown(test_events_followed, store_make, store_remove),
		cmocka_unit_test_setup_teardown(test_override, store_make, store_remove),
		cmocka_unit_test_setup_teardown(test_override_node, store_make, store_remove),
		cmocka_unit_test_setup_teardown(test_override_until, store_make, store_remove),
		cmocka_unit_test_setup_teardown(test_override_enforce, store_make, store_remove),
		cmocka_unit_test_setup_teardown(test_override_pin, store_make, store_remove),
		cmocka_unit_test_setup_teardown(test_export_full, store_make, store_remove),
		cmocka_unit_test_setup_teardown(test_export_import, store_make, store_remove),
		cmocka_unit_test_setup_teardown(test_query, store_make, store_remove),
		cmocka_unit_test_setup_teardown(test_refresh, store_make, store_remove),
		cmocka_unit_test_setup_teardown(test_broken_store, store_make, store_remove),
	};
	return cmocka_run_group_tests(tests, directory_make, directory_remove);
}
