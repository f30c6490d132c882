/* settings and stats on the snapshots of daemons that run, have stopped, or were killed. */
#include "cm.h"

#include "memory.h"
#include "room.h"
#include "settings.h"
#include "snapshot.h"
#include "tool.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
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
		"# it has used its settings since 2026-11-30T00:54:20Z; their file is /etc/stsgate.conf\n"
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

#define TEST(name) cmocka_unit_test_setup_teardown(name, room_make, room_remove)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(settings_tell_who_uses_them),
		TEST(settings_tell_what_is_not_in_use),
		TEST(settings_tell_what_is_not_known),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
