#include "daemon.h"

#include "activation.h"
#include "clock.h"
#include "delegation_server.h"
#include "gauges.h"
#include "http_server.h"
#include "log.h"
#include "milter.h"
#include "notify.h"
#include "refresher.h"
#include "signals.h"
#include "socketmap_server.h"
#include "text.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <time.h>
#include <unistd.h>

#define GRACE_MS 4000   /* waits in hand, at a stop */
#define LIBRARY_MS 5000 /* libmilter, at a stop */
#define WORKERS 64      /* threads of check */
#define EVENTS_KEPT_S (90 * 86400)

struct daemon {
	const struct settings *settings;
	struct identity identity;
	struct listener milter_place, map_place, delegation_place, http_place;
	struct store *store;
	struct check *check;
	struct server *server;
	struct socketmap_server *map;
	struct delegation_server *delegation;
	struct http_server *http;
	struct gauges gauges;
	struct refresher *refresher;
	pthread_t milter_thread;
	bool milter_open, milter_running, server_running;
	int64_t store_changed_at; /* before this process opened it */
	bool check_in_use;        /* by a callback that did not end: nothing that it uses is freed */
};

static bool place_open(struct listener *place, const struct listener_access *access, struct failure *why)
{
	return !listener_on(place) || place->fd >= 0 || listener_open(place, access, why);
}

/* What the service manager hands over is not opened. libmilter takes no descriptor. */
static bool sockets_open(struct daemon *daemon, struct failure *why)
{
	const struct settings *settings = daemon->settings;
	struct listener_access access;
	const struct activation_place places[] = {
		{"milter", NULL,
			"libmilter opens its own and cannot be handed one: remove it from the socket unit; "
			"milter_socket says where the milter listens"},
		{"socketmap", &daemon->map_place, NULL}, {"delegation", &daemon->delegation_place, NULL},
		{"metrics", &daemon->http_place, NULL}};
	if (!activation_take(places, sizeof places / sizeof places[0], why) ||
		!listener_access_find(&access, settings->socket_owner, settings->socket_mode, &daemon->identity, why))
		return false;
	if (!place_open(&daemon->map_place, &access, why) || !place_open(&daemon->delegation_place, &access, why) ||
		!place_open(&daemon->http_place, &access, why))
		return false;
	if (!listener_on(&daemon->milter_place))
		return true;
	daemon->milter_open = milter_open(&daemon->milter_place, &access, why);
	return daemon->milter_open;
}

struct daemon *daemon_new(const struct settings *settings, const struct identity *identity, struct failure *why)
{
	struct daemon *daemon = calloc(1, sizeof *daemon);
	if (daemon == NULL)
		abort();
	daemon->settings = settings;
	daemon->identity = *identity;
	daemon->milter_place.fd = daemon->map_place.fd = daemon->delegation_place.fd = daemon->http_place.fd = -1;
	if (listener_init(&daemon->milter_place, "milter_socket", settings->milter_socket, why) &&
		listener_init(&daemon->map_place, "socketmap_socket", settings->socketmap_socket, why) &&
		listener_init(&daemon->delegation_place, "delegation_socket", settings->delegation_socket, why) &&
		listener_init(&daemon->http_place, "metrics_socket", settings->metrics_socket, why) &&
		sockets_open(daemon, why))
		return daemon;
	daemon_free(&daemon);
	return NULL;
}

static bool server_build(struct daemon *daemon, struct failure *why)
{
	daemon->server = server_new(why);
	if (daemon->server == NULL)
		return false;
	daemon->map = socketmap_server_new(daemon->server, daemon->check);
	daemon->delegation = delegation_server_new(daemon->server, daemon->check);
	gauges_init(
		&daemon->gauges, daemon->check, daemon->store, daemon->server, socketmap_server_service(daemon->map));
	daemon->http = http_server_new(daemon->store, gauges_collect, &daemon->gauges);
	if (listener_on(&daemon->map_place))
		server_add(daemon->server, &daemon->map_place, socketmap_server_service(daemon->map));
	if (listener_on(&daemon->delegation_place))
		server_add(daemon->server, &daemon->delegation_place, delegation_server_service(daemon->delegation));
	if (listener_on(&daemon->http_place))
		server_add(daemon->server, &daemon->http_place, http_server_service(daemon->http));
	daemon->server_running = server_start(daemon->server, why);
	return daemon->server_running;
}

static void *milter_main(void *arg)
{
	struct daemon *daemon = arg;
	if (!milter_run(daemon->check))
		log_error("milter_socket: libmilter failed; the mail log says more");
	/* After a stop nobody reads it. */
	signals_post(SIGNALS_FAILED);
	return NULL;
}

static bool milter_start(struct daemon *daemon, struct failure *why)
{
	if (!daemon->milter_open)
		return true;
	int err = pthread_create(&daemon->milter_thread, NULL, milter_main, daemon);
	daemon->milter_running = err == 0;
	if (!daemon->milter_running)
		return failure_set(why, EX_OSERR, "cannot start a thread: %s", strerror(err));
	return milter_await(why);
}

/* What happened long ago helps nobody. */
static void old_events_forget(struct daemon *daemon)
{
	struct failure why;
	if (!store_forget_events(daemon->store, clock_wall_s() - EVENTS_KEPT_S, &why))
		log_warning("old events stay in the store: %s", why.text);
}

/* The service manager has patience as long as it hears of it; a stop that it asks for meanwhile is not put off. */
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
	if (daemon->store == NULL)
		return failure_prefix(why, "store_path");
	old_events_forget(daemon);
	return true;
}

/* Both files were written at a time that is past, so a clock that says otherwise is behind. */
static void clock_compare(struct daemon *daemon)
{
	struct stat program;
	check_time_seen(daemon->check, daemon->store_changed_at, "the store's file");
	if (stat("/proc/self/exe", &program) == 0)
		check_time_seen(daemon->check, (int64_t)program.st_mtime, "the program's file");
}

bool daemon_start(struct daemon *daemon, struct config *config, struct failure *why)
{
	struct check_options options = {.config = config, .store = daemon->store, .workers = WORKERS};
	daemon->check = check_new(&options, why);
	if (daemon->check == NULL)
		return false;
	clock_compare(daemon);
	if (!server_build(daemon, why))
		return false;
	daemon->refresher = refresher_start(daemon->check, daemon->store, why);
	return daemon->refresher != NULL && milter_start(daemon, why);
}

static void describe_place(struct text *text, const char *name, const struct listener *place)
{
	if (!listener_on(place))
		return;
	text_add(text, ", ");
	text_add(text, name);
	text_add(text, " ");
	if (place->handed[0] == '\0') {
		text_add(text, place->text);
		return;
	}
	text_add(text, place->handed);
	text_add(text, " (of the service manager)");
}

void daemon_describe(const struct daemon *daemon, char *out, size_t size)
{
	struct text text;
	text_init(&text, out, size);
	text_add(&text, "ready: version " PACKAGE_VERSION);
	describe_place(&text, "milter", &daemon->milter_place);
	describe_place(&text, "socketmap", &daemon->map_place);
	describe_place(&text, "delegation", &daemon->delegation_place);
	describe_place(&text, "http", &daemon->http_place);
	text_add(&text, ", store ");
	text_add(&text, daemon->settings->store_path);
	text_add(&text, daemon->settings->mode == MODE_MONITOR ? ", mode monitor" : ", mode enforce");
}

void daemon_reload(struct daemon *daemon, const struct settings_source *source)
{
	notify_reloading();
	bool done = reload_run(daemon->check, source, daemon->settings);
	notify_ready(done ? "settings reloaded" : "reload failed, the settings from before stay");
}

bool daemon_store_is_broken(const struct daemon *daemon, struct failure *why)
{
	return store_is_broken(daemon->store, why);
}

/* A watch over the stop: a thread that nobody joins. */
static void *stop_watch(void *arg)
{
	const int *status = arg;
	struct timespec limit = {.tv_sec = DAEMON_STOP_MS / 1000, .tv_nsec = (DAEMON_STOP_MS % 1000) * 1000000L};
	nanosleep(&limit, NULL);
	log_warning("did not stop within %d s: ending all the same; what the store acknowledged is on disk",
		DAEMON_STOP_MS / 1000);
	_exit(*status);
}

static void milter_end(struct daemon *daemon)
{
	if (!daemon->milter_running)
		return;
	milter_stop(GRACE_MS);
	struct timespec until;
	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += LIBRARY_MS / 1000;
	if (pthread_timedjoin_np(daemon->milter_thread, NULL, &until) != 0)
		log_warning("libmilter did not stop within %d s", LIBRARY_MS / 1000);
	daemon->milter_running = false;
	daemon->check_in_use = !milter_quiesce(1000);
}

void daemon_stop(struct daemon *daemon, int status)
{
	static int status_kept; /* the watch may outlive this call */
	pthread_t watch;
	status_kept = status;
	if (pthread_create(&watch, NULL, stop_watch, &status_kept) == 0)
		pthread_detach(watch);
	if (daemon->server_running)
		server_stop(daemon->server, GRACE_MS);
	refresher_stop(&daemon->refresher);
	milter_end(daemon);
	if (daemon->server_running)
		server_join(daemon->server);
	daemon->server_running = false;
}

void daemon_free(struct daemon **slot)
{
	struct daemon *daemon = *slot;
	if (daemon->milter_open)
		milter_close();
	if (!daemon->check_in_use) {
		check_free(&daemon->check);
		store_close(&daemon->store);
	}
	server_free(&daemon->server);
	if (daemon->map != NULL)
		socketmap_server_free(&daemon->map);
	if (daemon->delegation != NULL)
		delegation_server_free(&daemon->delegation);
	if (daemon->http != NULL)
		http_server_free(&daemon->http);
	listener_close(&daemon->map_place);
	listener_close(&daemon->delegation_place);
	listener_close(&daemon->http_place);
	free(daemon);
	*slot = NULL;
}
