#include "running.h"

#include "memory.h"
#include "output.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static enum running_state state_find(const struct running *running, const char *directory)
{
	bool stopped = running->self.stopped_at != 0;
	if (running->self.settings_at == 0)
		return RUNNING_UNKNOWN;
	if (store_owner(directory, NULL) == STORE_OWNED)
		return stopped ? RUNNING_STARTING : RUNNING_NOW;
	return stopped ? RUNNING_STOPPED : RUNNING_ENDED;
}

static int64_t later_of(int64_t a, int64_t b)
{
	return a > b ? a : b;
}

struct running *running_read(struct store *store, const char *directory, struct failure *why)
{
	struct running *running = xcalloc(1, sizeof *running);
	struct snapshot_counts *counts = xcalloc(1, sizeof *counts);
	bool read = store_running(store, &running->self, why) != STORE_FAILED &&
		    store_counts(store, counts, why) != STORE_FAILED;
	running->state = state_find(running, directory);
	running->seen_at = later_of(later_of(running->self.settings_at, running->self.stopped_at), counts->at);
	free(counts);
	if (read)
		return running;
	free(running);
	return NULL;
}

void running_describe(const struct running *running, char out[RUNNING_TEXT_SIZE])
{
	struct when when;
	switch (running->state) {
	case RUNNING_UNKNOWN:
		snprintf(out, RUNNING_TEXT_SIZE, "no stsgated of version 0.2.0 or later has run with this store");
		break;
	case RUNNING_NOW:
		snprintf(out, RUNNING_TEXT_SIZE, "stsgated %s (process %u) has run since %s", running->self.version,
			(unsigned)running->self.pid, when_date(&when, running->self.started_at));
		break;
	case RUNNING_STARTING:
		snprintf(out, RUNNING_TEXT_SIZE, "stsgated is starting");
		break;
	case RUNNING_STOPPED:
		snprintf(out, RUNNING_TEXT_SIZE, "stsgated is not running: it stopped at %s",
			when_date(&when, running->self.stopped_at));
		break;
	case RUNNING_ENDED:
		snprintf(out, RUNNING_TEXT_SIZE, "stsgated is not running: it ended unexpectedly; last seen at %s",
			when_date(&when, running->seen_at));
		break;
	}
}

enum running_difference running_compare(const struct running *running, const struct settings *settings,
	const struct settings_row *row, struct span *value)
{
	enum snapshot_found found = snapshot_setting(&running->self, row->name, value);
	if (found == SNAPSHOT_UNKNOWN)
		return RUNNING_OTHER;
	if (found == SNAPSHOT_TOO_LONG)
		return RUNNING_TOO_LONG;
	char *text = xmalloc(SETTINGS_FILE_MAX + 1);
	settings_format(settings, row, text, SETTINGS_FILE_MAX + 1);
	bool same = span_is(*value, text);
	free(text);
	if (same)
		return RUNNING_SAME;
	if (snapshot_is_overridden(&running->self, row->name))
		return RUNNING_OPTION;
	return row->when == SETTINGS_RESTART ? RUNNING_RESTART : RUNNING_RELOAD;
}

unsigned running_differences(const struct running *running, const struct settings *settings)
{
	struct span value;
	unsigned count = 0;
	for (size_t i = 0; i < settings_table_count; i++)
		count += running_compare(running, settings, &settings_table[i], &value) != RUNNING_SAME;
	return count;
}

const char *running_remedy(enum running_difference difference)
{
	static const char *const words[] = {[RUNNING_SAME] = "",
		[RUNNING_RELOAD] = "reload",
		[RUNNING_RESTART] = "restart",
		[RUNNING_OPTION] = "option",
		[RUNNING_TOO_LONG] = "unknown",
		[RUNNING_OTHER] = "upgrade"};
	return words[difference];
}

const char *running_advice(enum running_difference difference)
{
	static const char *const words[] = {[RUNNING_SAME] = "",
		[RUNNING_RELOAD] = "reload stsgated: systemctl reload stsgated (or send it SIGUSR1)",
		[RUNNING_RESTART] = "restart stsgated: systemctl restart stsgated",
		[RUNNING_OPTION] = "start stsgated without its option -o for this setting",
		[RUNNING_TOO_LONG] = "if the file has changed, reload stsgated: systemctl reload stsgated",
		[RUNNING_OTHER] = "restart stsgated: it is of another version"};
	return words[difference];
}
