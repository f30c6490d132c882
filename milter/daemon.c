#include "daemon.h"

#include "activation.h"
#include "clock.h"
#include "event_command.h"
#include "fleet.h"
#include "front_ends.h"
#include "gauges.h"
#include "log.h"
#include "memory.h"
#include "notify.h"
#include "page.h"
#include "recorder.h"
#include "refresher.h"
#include "signals.h"
#include "spare.h"
#include "text.h"
#include "tlsrpt_collector.h"
#include "tlsrpt_reporter.h"
#include "tlsrpt_tallies.h"

#include <limits.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define GRACE_MS 4000              /* how long a stop lets callbacks and clients wait for their answers */
#define EVENTS_KEPT_S (90 * 86400) /* older events are removed from the store at the start */

struct daemon {
	const struct settings *settings;
	struct identity identity;
	/* One for each row of front_ends. */
	struct listener listener[FRONT_ENDS_MAX];
	struct service *service[FRONT_ENDS_MAX][SERVER_THREADS_MAX];
	bool open[FRONT_ENDS_MAX]; /* opened by the row's own `open` */

	struct store *store;
	struct check *check;
	const struct loops *loops;
	struct server *server;
	struct page *page;
	struct gauges gauges;
	struct census_taker *census;
	struct event_command *event_command;
	struct refresher *refresher;
	struct recorder *recorder;
	struct spare spare;                 /* the refresher's thread */
	struct tlsrpt_collector *collector; /* NULL: tlsrpt is off */
	struct tallies *tallies;            /* NULL: tlsrpt is not collect */
	struct reporter *reporter;          /* the same */
	struct fleet *fleet;                /* NULL: nothing is shared */
	bool server_running;
	int64_t store_changed_at; /* the time of the store's file before this process opened it */
	bool check_in_use;        /* a thread has not ended and may use the check: free neither check nor store */
};

static void round_ended(void *arg)
{
	struct daemon *daemon = arg;
	recorder_round(daemon->recorder);
	spare_round(&daemon->spare, daemon->check);
}

/* Opens the sockets of all front ends that are on, except those that the service manager has passed. */
static bool listeners_open(struct daemon *daemon, struct failure *why)
{
	struct listener_access access;
	struct activation_slot slots[FRONT_ENDS_MAX];
	for (size_t i = 0; i < front_ends_count; i++) {
		slots[i] = (struct activation_slot){front_ends[i].fd_name, &daemon->listener[i], front_ends[i].refused};
		if (!listener_init(&daemon->listener[i], front_ends[i].setting,
			    front_end_address(&front_ends[i], daemon->settings), why))
			return false;
	}
	if (!activation_take(slots, front_ends_count, why) ||
		!listener_access_find(
			&access, daemon->settings->socket_owner, daemon->settings->socket_mode, &daemon->identity, why))
		return false;
	for (size_t i = 0; i < front_ends_count; i++) {
		struct listener *listener = &daemon->listener[i];
		bool wanted = listener_on(listener) && listener->fd < 0 && !front_ends[i].open;
		if (wanted && !listener_open(listener, &access, why))
			return false;
	}
	if (daemon->settings->tlsrpt != TLSRPT_OFF)
		daemon->collector = tlsrpt_collector_new(daemon->settings, &access, why);
	if (daemon->settings->tlsrpt != TLSRPT_OFF && !daemon->collector)
		return false;
	/* Front ends with their own `open` come last. So if another stsgated uses the same addresses, the start fails
	 * before libmilter is touched. */
	for (size_t i = 0; i < front_ends_count; i++) {
		if (!listener_on(&daemon->listener[i]) || !front_ends[i].open)
			continue;
		daemon->open[i] = front_ends[i].open(&daemon->listener[i], &access, why);
		if (!daemon->open[i])
			return false;
	}
	return true;
}

struct daemon *daemon_new(const struct settings *settings, const struct identity *identity, struct failure *why)
{
	struct daemon *daemon = xcalloc(1, sizeof *daemon);
	daemon->settings = settings;
	daemon->identity = *identity;
	for (size_t i = 0; i < FRONT_ENDS_MAX; i++)
		daemon->listener[i].fd = -1;
	if (listeners_open(daemon, why))
		return daemon;
	daemon_free(&daemon);
	return NULL;
}

static bool server_build(struct daemon *daemon, struct failure *why)
{
	daemon->server = server_new((unsigned)daemon->settings->answer_threads, why);
	daemon->page = page_start(
		&(struct page_parts){.check = daemon->check, .store = daemon->store, .census = daemon->census}, why);
	if (!daemon->server || !daemon->page)
		return false;
	gauges_init(&daemon->gauges, daemon->check, daemon->store, daemon->server, daemon->service);
	const struct front_end_parts parts = {.check = daemon->check,
		.store = daemon->store,
		.census = daemon->census,
		.collect = gauges_collect,
		.collect_arg = &daemon->gauges,
		.page = daemon->page};
	for (size_t i = 0; i < front_ends_count; i++) {
		if (!front_ends[i].service_new || !listener_on(&daemon->listener[i]))
			continue;
		unsigned services = front_ends[i].on_all_threads ? server_threads(daemon->server) : 1;
		for (unsigned thread = 0; thread < services; thread++)
			daemon->service[i][thread] = front_ends[i].service_new(&parts);
		server_add(daemon->server, &daemon->listener[i], daemon->service[i], services);
	}
	daemon->server_running = server_start(daemon->server, why);
	return daemon->server_running;
}

/* Called repeatedly while the store's file is checked before it is used. Reports progress, so that the service manager extends its timeout.
 * Returns false, which ends the check early, if a stop was requested. */
static bool look_goes_on(unsigned percent)
{
	notify_looking(percent);
	return !signals_stopping();
}

bool daemon_open_store(struct daemon *daemon, struct failure *why)
{
	const struct settings *settings = daemon->settings;
	daemon->store_changed_at = store_changed_at(settings->store_path);
	daemon->store = store_open_watched(settings->store_path, settings->store_max_bytes, look_goes_on, why);
	if (!daemon->store)
		return failure_prefix(why, "store_path");
	struct failure ignored;
	if (!store_forget_events(daemon->store, clock_wall_s() - EVENTS_KEPT_S, &ignored))
		log_warning("cannot remove old events from the store: %s", ignored.text);
	if (settings->tlsrpt != TLSRPT_COLLECT &&
		!(store_forget_tallies(daemon->store, INT64_MAX, &ignored) &&
			store_forget_tlsrpt_sends(daemon->store, INT32_MAX, clock_wall_s(), &ignored)))
		log_warning("cannot remove counts for TLS reports from the store: %s", ignored.text);
	return true;
}

static void session_note(void *tallies, const struct tlsrpt_session *session)
{
	tallies_note(tallies, session);
}

/* Starts what counts TLS sessions. */
static bool sessions_begin(struct daemon *daemon, struct failure *why)
{
	if (daemon->settings->tlsrpt != TLSRPT_COLLECT)
		return true;
	daemon->tallies = tallies_start(daemon->store, why);
	return daemon->tallies && tlsrpt_collector_start(daemon->collector, session_note, daemon->tallies, why);
}

/* The sessions that this relay observes itself are counted here, or go to the other collector. */
static void sessions_observe(struct daemon *daemon)
{
	if (daemon->settings->tlsrpt == TLSRPT_COLLECT)
		check_on_session(daemon->check, session_note, daemon->tallies);
	else if (daemon->settings->tlsrpt == TLSRPT_FEED)
		check_on_session(daemon->check, tlsrpt_collector_feed, daemon->collector);
}

bool daemon_start(struct daemon *daemon, struct config *config, struct loops *loops,
	const struct settings_source *source, struct failure *why)
{
	const struct settings *settings = daemon->settings;
	struct rlimit limit;
	bool limited = getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur <= UINT_MAX;
	/* Half of the descriptors are for outgoing connections; clients, store, log and resolvers need the others. */
	struct check_options options = {.config = config,
		.store = daemon->store,
		.loops = loops,
		.inquiries_max = (unsigned)settings->lookups_max,
		.sockets_max = (limited ? (unsigned)limit.rlim_cur : UINT_MAX) / 2};
	daemon->loops = loops;
	if (!sessions_begin(daemon, why))
		return false;
	daemon->check = check_new(&options, why);
	if (!daemon->check)
		return false;
	sessions_observe(daemon);
	/* The store's file and the program's file were written in the past. If one of their times is later than now, the
	 * clock is behind. */
	struct stat program;
	check_time_seen(daemon->check, daemon->store_changed_at, "the store's file");
	if (stat("/proc/self/exe", &program) == 0)
		check_time_seen(daemon->check, (int64_t)program.st_mtime, "the program's file");
	daemon->census = census_taker_new(daemon->check, daemon->store);
	if (!server_build(daemon, why))
		return false;
	daemon->recorder = recorder_new(daemon->store, &daemon->gauges);
	daemon->event_command = event_command_start(daemon->check, daemon->store, why);
	if (!daemon->event_command)
		return false;
	check_listen(daemon->check, event_command_hear, daemon->event_command);
	/* From here on other threads note events, so all listeners must be there. */
	if (!fleet_start(&daemon->fleet, daemon->check, daemon->store, why))
		return false;
	if (!check_look_up_revocations(daemon->check, why))
		return false;
	daemon->refresher = refresher_start(daemon->check, daemon->store, round_ended, daemon, why);
	if (!daemon->refresher || !census_taker_start(daemon->census, why))
		return false;
	if (daemon->tallies) {
		daemon->reporter = reporter_start(daemon->check, daemon->store, loops->at[0], why);
		if (!daemon->reporter)
			return false;
	}
	for (size_t i = 0; i < front_ends_count; i++)
		if (daemon->open[i] && !front_ends[i].start(daemon->check, why))
			return false;
	recorder_settings(daemon->recorder, settings, settings, source->file);
	return true;
}

void daemon_describe(const struct daemon *daemon, char *out, size_t size)
{
	struct text text;
	text_init(&text, out, size);
	text_add(&text, "ready: version " PACKAGE_VERSION);
	for (size_t i = 0; i < front_ends_count; i++) {
		const struct listener *listener = &daemon->listener[i];
		if (!listener_on(listener))
			continue;
		bool passed = listener->passed[0] != '\0';
		text_add(&text, ", ");
		text_add(&text, front_ends[i].name);
		text_add(&text, " ");
		text_add(&text, passed ? listener->passed : listener->text);
		text_add(&text, passed ? " (from the service manager)" : "");
	}
	const struct settings *settings = daemon->settings;
	if (settings->tlsrpt != TLSRPT_OFF) {
		text_add(&text, settings->tlsrpt == TLSRPT_FEED ? ", tlsrpt feed" : ", tlsrpt collect");
		text_add(&text, settings->tlsrpt_socket[0] != '\0' ? " " : "");
		text_add(&text, settings->tlsrpt_socket);
	}
	text_add(&text, ", store ");
	text_add(&text, settings->store_path);
	text_add(&text, settings->mode == MODE_MONITOR ? ", mode monitor" : ", mode enforce");
}

void daemon_reload(struct daemon *daemon, const struct settings_source *source)
{
	notify_reloading();
	bool done = reload_run(daemon->check, daemon->loops, source, daemon->settings);
	if (done) {
		struct config *config = check_config(daemon->check);
		recorder_settings(daemon->recorder, daemon->settings, config->settings, source->file);
		fleet_reload(daemon->fleet);
		event_command_warn(config->settings);
		config_unref(&config);
	}
	notify_ready(done ? "settings reloaded" : "reload failed; the previous settings stay in effect");
}

bool daemon_store_is_broken(const struct daemon *daemon, struct failure *why)
{
	store_check_continue(daemon->store);
	return store_is_broken(daemon->store, why);
}

/* The thread that ends the process if a stop takes too long. Nobody joins it. */
static void *stop_watch(void *arg)
{
	const int *status = arg;
	struct timespec limit = {.tv_sec = DAEMON_STOP_MS / 1000, .tv_nsec = (DAEMON_STOP_MS % 1000) * 1000000L};
	nanosleep(&limit, NULL);
	log_warning("did not stop within %d s: exiting now; all changes that the store acknowledged are on disk",
		DAEMON_STOP_MS / 1000);
	_exit(*status);
}

void daemon_stop(struct daemon *daemon, int status)
{
	static int status_kept; /* static, because the thread may outlive this call */
	pthread_t watch;
	status_kept = status;
	if (pthread_create(&watch, NULL, stop_watch, &status_kept) == 0)
		pthread_detach(watch);
	event_command_stop(daemon->event_command);
	if (daemon->server_running)
		server_stop(daemon->server, GRACE_MS);
	refresher_stop(&daemon->refresher);
	reporter_stop(&daemon->reporter);
	census_taker_stop(daemon->census);
	for (size_t i = 0; i < front_ends_count; i++)
		if (daemon->open[i] && !front_ends[i].stop(GRACE_MS))
			daemon->check_in_use = true;
	if (daemon->server_running)
		server_join(daemon->server);
	daemon->server_running = false;
	page_stop(&daemon->page);
	fleet_stop(daemon->fleet);
	tlsrpt_collector_stop(daemon->collector);
	event_command_join(daemon->event_command);
	recorder_free(&daemon->recorder);
}

bool daemon_free(struct daemon **slot)
{
	struct daemon *daemon = *slot;
	bool in_use = daemon->check_in_use;
	for (size_t i = 0; i < front_ends_count; i++)
		if (daemon->open[i])
			front_ends[i].close();
	if (!daemon->check_in_use) {
		check_free(&daemon->check);
		fleet_free(&daemon->fleet);
		tlsrpt_collector_free(&daemon->collector);
		tallies_stop(&daemon->tallies);
		store_close(&daemon->store);
		event_command_free(&daemon->event_command);
	} else if (daemon->tallies) { /* only tlsrpt = collect, where check does not use the collector */
		tlsrpt_collector_free(&daemon->collector);
		tallies_write(daemon->tallies, NULL);
	}
	server_free(&daemon->server);
	census_taker_free(&daemon->census);
	for (size_t i = 0; i < front_ends_count; i++) {
		for (unsigned thread = 0; thread < SERVER_THREADS_MAX; thread++)
			free(daemon->service[i][thread]);
		listener_close(&daemon->listener[i]);
	}
	free(daemon);
	*slot = NULL;
	return in_use;
}
