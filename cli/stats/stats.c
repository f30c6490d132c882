/* stats: what stsgated does, what waits, and what the store holds. */
#include "stats.h"

#include "clock.h"
#include "commands.h"
#include "session.h"
#include "values.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>
#include <time.h>
#include <unistd.h>

#define WATCH_S 5 /* the daemon writes its counts so often */
#define WATCH_MAX_S 3600
#define CLEAR "\033[H\033[2J" /* cursor to the top left; erase the screen */

static volatile sig_atomic_t interrupted;

static void on_interrupt(int signal)
{
	(void)signal;
	interrupted = 1;
}

/* Reads --watch. Returns false after a message if it is invalid. `seconds` becomes 0 without the option. */
static bool watch_read(const struct options *options, uint64_t *seconds)
{
	const char *text = option_value(options, "watch");
	*seconds = 0;
	if (!text)
		return true;
	*seconds = WATCH_S;
	if (*text && (!settings_read_duration(text, seconds) || *seconds < 1 || *seconds > WATCH_MAX_S)) {
		fprintf(stderr, "stsgate: --watch needs a number of seconds, 1 to %d\n", WATCH_MAX_S);
		return false;
	}
	if (option_given(options, "networks")) {
		fputs("stsgate: --watch and --networks cannot be used together\n", stderr);
		return false;
	}
	if (options->json || isatty(STDOUT_FILENO) != 1) {
		fputs("stsgate: --watch needs a terminal, and is not for --json\n", stderr);
		return false;
	}
	return true;
}

static int stats_once(struct store *store, const struct settings *settings, bool json)
{
	struct failure why = {0};
	struct stats *stats = stats_read(store, settings, NULL, &why);
	if (!stats)
		return complain(&why);
	if (json)
		json_print(stats_json(stats));
	else
		stats_print(stats, NULL);
	stats_free(&stats);
	return STATUS_YES;
}

/* Prints again and again until Ctrl-C. The growth of the counters is that since the last change of the counts, because the
 * daemon may write them less often than they are read here. */
static int stats_watch(struct store *store, const struct settings *settings, unsigned seconds)
{
	struct failure why = {0};
	/* SA_RESTART: a signal ends the pause, but not a write to the terminal. */
	struct sigaction action = {.sa_handler = on_interrupt, .sa_flags = SA_RESTART};
	struct stats *before = NULL, *stats = stats_read(store, settings, NULL, &why);
	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
	while (stats && !interrupted) {
		struct when when;
		fputs(CLEAR, stdout);
		printf("%s, every %u s; Ctrl-C ends\n\n", when_date(&when, stats->now), seconds);
		stats_print(stats, before);
		fflush(stdout);
		nanosleep(&(struct timespec){.tv_sec = (time_t)seconds}, NULL);
		struct stats *next = stats_read(store, settings, stats, &why);
		bool counted = next && next->counts->at > stats->counts->at;
		stats_free(counted || !next ? &before : &stats);
		if (counted)
			before = stats;
		stats = next;
	}
	int status = stats ? STATUS_YES : complain(&why);
	stats_free(&before);
	stats_free(&stats);
	return status;
}

int stats_run(const struct options *options, size_t count, char **words)
{
	(void)count;
	(void)words;
	int status = EX_USAGE;
	uint64_t seconds;
	struct failure why = {0};
	struct settings *settings = watch_read(options, &seconds) ? session_settings(options, &status) : NULL;
	if (!settings)
		return status;
	struct store *store = store_open(settings->store_path, settings->store_max_bytes, STORE_GUEST, &why);
	if (!store)
		status = complain(&why);
	else if (option_given(options, "networks"))
		status = stats_networks(store, settings, options->json, &why) ? STATUS_YES : complain(&why);
	else if (seconds > 0)
		status = stats_watch(store, settings, (unsigned)seconds);
	else
		status = stats_once(store, settings, options->json);
	store_close(&store);
	settings_free(&settings);
	return status;
}
