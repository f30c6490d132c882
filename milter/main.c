/* stsgated: the options, the order of the start, and the loop of the main thread. For threads and locks see design 8. */
#include "activation.h"
#include "background.h"
#include "daemon.h"
#include "event_command.h"
#include "fleet.h"
#include "front_ends.h"
#include "log.h"
#include "loop.h"
#include "memory.h"
#include "notify.h"
#include "privileges.h"
#include "signals.h"
#include "tlsrpt_collector.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <libgen.h>
#include <limits.h>
#ifdef __GLIBC__
#include <malloc.h>
#endif
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <unistd.h>

#define SETTINGS_FILE SYSCONFDIR "/stsgate.conf"
#define OVERRIDES_MAX 256
#define DESCRIPTION_SIZE 2048
#define STORE_LOOK_MS 1000 /* how often the main thread checks whether the store is broken */
#define POSTFIX_QUEUE "/var/spool/postfix"
#define HEAPS 4              /* malloc arenas */
#define HEAP_SPARE (8 << 20) /* free octets that an arena keeps at its end */

struct options {
	bool foreground;
	bool test;
	struct settings_source source;
	char *overrides[OVERRIDES_MAX];
};

/* Logs a failure of the start and returns its exit status. If the log is not stderr, writes to stderr, too, for the
 * command that started the daemon. */
static int fail(const struct options *options, const struct failure *why)
{
	log_error("%s", why->text);
	if (!options->foreground && !options->test)
		fprintf(stderr, "stsgated: %s\n", why->text);
	return why->code;
}

#define USAGE "usage: stsgated [-f] [-c FILE] [-o NAME=VALUE]... [-t] [-h] [-V]\n"

static int usage(void)
{
	fputs(USAGE, stderr);
	return EX_USAGE;
}

static int help(void)
{
	fputs(USAGE "\n  -c FILE        read the settings from FILE (default: " SETTINGS_FILE ")\n"
		    "  -f             stay in the foreground, and log to standard error\n"
		    "  -o NAME=VALUE  override a setting\n"
		    "  -t             check the settings and what they name, and exit\n"
		    "  -h, --help     print this help\n"
		    "  -V, --version  print the version\n"
		    "\nstsgated(8) describes the daemon, stsgate.conf(5) the settings.\n",
		stdout);
	return EX_OK;
}

/* Returns the absolute path of the settings file. A reload reads the file again, when a daemon in the background has
 * already changed its directory. */
static const char *file_absolute(const char *file)
{
	static char path[2 * PATH_MAX];
	char directory[PATH_MAX];
	if (file[0] == '/' || getcwd(directory, sizeof directory) == NULL)
		return file;
	snprintf(path, sizeof path, "%s/%s", directory, file);
	return path;
}

/* Reads the options. Returns -1 to go on, or the exit status if the daemon must end now. */
static int options_read(struct options *options, int argc, char **argv)
{
	static const struct option names[] = {
		{"help", no_argument, NULL, 'h'}, {"version", no_argument, NULL, 'V'}, {NULL, 0, NULL, 0}};
	int flag;
	options->source.file = SETTINGS_FILE;
	options->source.overrides = options->overrides;
	while ((flag = getopt_long(argc, argv, "fc:ho:tV", names, NULL)) != -1) {
		switch (flag) {
		case 'f':
			options->foreground = true;
			break;
		case 'c':
			options->source.file = file_absolute(optarg);
			options->source.must_exist = true;
			break;
		case 'o':
			if (options->source.override_count == OVERRIDES_MAX)
				return usage();
			options->overrides[options->source.override_count++] = optarg;
			break;
		case 't':
			options->test = true;
			break;
		case 'h':
			return help();
		case 'V':
			puts("stsgated " PACKAGE_VERSION);
			return EX_OK;
		default:
			return usage();
		}
	}
	return optind < argc ? usage() : -1;
}

/* Checks that the store's directory can be used, or that store_open() can create it. */
static bool store_usable(const char *path, struct failure *why)
{
	struct stat info;
	if (stat(path, &info) == 0 && !S_ISDIR(info.st_mode))
		return failure_set(why, EX_CANTCREAT, "store_path: `%s` is not a directory: name another path", path);
	if (access(path, R_OK | W_OK | X_OK) == 0)
		return true;
	int err = errno;
	char *copy = xstrdup(path);
	bool can_make = err == ENOENT && access(dirname(copy), W_OK | X_OK) == 0;
	free(copy);
	return can_make || failure_set(why, EX_CANTCREAT, "store_path: `%s`: %s: %s", path, strerror(err),
				   err == EROFS ? "mount the file system writable, or name another path"
						: "create it, and make the daemon's user its owner");
}

/* Checks that a UNIX socket can be made in its directory. A socket that already exists is no error, because it may belong
 * to a running daemon. Logs a note if a chrooted Postfix could not reach a socket that is for the MTA. */
static bool socket_usable(
	struct listener *listener, const struct listener_access *access_wanted, bool for_mta, struct failure *why)
{
	const char *path = listener->place.path;
	if (!listener_check(listener, access_wanted, why))
		return false;
	if (for_mta && listener->place.family == SOCKET_UNIX && access(POSTFIX_QUEUE, F_OK) == 0 &&
		strncmp(path, POSTFIX_QUEUE "/", strlen(POSTFIX_QUEUE "/")) != 0)
		log_info("%s: a chrooted Postfix (Debian's default) cannot reach `%s`: put the socket below %s, and "
			 "leave that prefix out in main.cf; see %s in stsgated(8)",
			listener->setting, path, POSTFIX_QUEUE, listener->datagram ? "TLS REPORTS" : "THE MAP");
	return true;
}

static bool sockets_usable(const struct settings *settings, const struct identity *identity, struct failure *why)
{
	struct listener_access sockets;
	struct listener listener;
	if (!listener_access_find(&sockets, settings->socket_owner, settings->socket_mode, identity, why))
		return false;
	for (size_t i = 0; i < front_ends_count; i++)
		if (!listener_init(
			    &listener, front_ends[i].setting, front_end_address(&front_ends[i], settings), why) ||
			!socket_usable(&listener, &sockets, front_ends[i].for_mta, why))
			return false;
	return tlsrpt_collector_listener(&listener, settings, why) && socket_usable(&listener, &sockets, true, why);
}

static void warn_of_settings(const struct config *config)
{
	char warning[CONFIG_WARNING_SIZE];
	settings_warn(config->settings);
	event_command_warn(config->settings);
	if (config_warning(config, warning)[0] != '\0')
		log_warning("%s", warning);
}

/* Logs the limits of the protection under these settings, and the MTA settings that they need. */
static void warn_of_limits(const struct config *config)
{
	const struct settings *settings = config->settings;
	bool map = settings->socketmap_socket[0] != '\0';
	if (settings->milter_socket[0] != '\0' && settings->mta_enforces && !map)
		log_warning("mta_enforces = yes, but socketmap_socket is empty: the milter lets mail pass that only a "
			    "map can stop at delivery, and this daemon serves no map: set socketmap_socket or "
			    "mta_enforces = no, unless the MTA asks the map of another stsgated");
	if (settings->default_level == DEFAULT_LEVEL_VERIFY && !map)
		log_warning(
			"default_level = verify, but socketmap_socket is empty: only the map demands verified TLS of "
			"domains without a policy: set socketmap_socket, unless the MTA asks the map of another "
			"stsgated");
	if (settings->milter_socket[0] != '\0' && !settings->mta_enforces)
		log_warning("without the map, mail is judged only when a message is accepted: the milter cannot stop a "
			    "first contact that takes longer than milter_wait, an attack that begins after RCPT, "
			    "retries from the queue, or aliases that are expanded later; it relies on MX records up to "
			    "their TTL (an hour at most) and on probes up to probe_ttl_ok (%lld s): attach the map "
			    "(Postfix: smtp_tls_policy_maps = socketmap:inet:127.0.0.1:8461:postfix) and set "
			    "mta_enforces = yes",
			(long long)settings->probe_ttl_ok);
	/* An MTA that cannot do DANE would hold all mail for which the map answers dane-only. */
	if (map && config_dane(config))
		log_info(
			"mta_dane = yes: for domains with TLSA records the map answers dane-only or dane; Postfix needs "
			"smtp_dns_support_level = dnssec and a validating resolver for that; otherwise set mta_dane = no");
}

/* Prints that the settings are good, and that they are the defaults if there is no settings file. */
static void good_print(bool has_file, const char *file)
{
	if (has_file)
		printf("%s: ok\n", file);
	else
		printf("no %s: defaults\n", file);
}

/* The option -t: checks everything that a start needs, as the user that the daemon would run as. Does not listen. Logs the
 * same warnings as a start. */
static int test(const struct options *options)
{
	struct failure why;
	const char *file = options->source.file;
	bool has_file = access(file, F_OK) == 0; /* later the daemon's user may have no right to see it */
	struct identity identity;
	struct settings *settings = settings_source_read(&options->source, &why);
	if (settings == NULL)
		return fail(options, &why);
	bool good = privileges_find(&identity, settings, &why) && sockets_usable(settings, &identity, &why) &&
		    privileges_drop(&identity, &why) && store_usable(settings->store_path, &why) &&
		    fleet_usable(settings, &why);
	if (!good) {
		settings_locate(settings, &why);
		settings_free(&settings);
		return fail(options, &why);
	}
	struct loops *loops = loops_new(1, &why);
	struct config *config = loops != NULL ? config_new(settings, loops, &why) : NULL;
	int status = config != NULL ? EX_OK : fail(options, &why);
	if (config != NULL) {
		warn_of_settings(config);
		warn_of_limits(config);
		good_print(has_file, file);
	}
	config_unref(&config);
	loops_free(&loops);
	return status;
}

/* Handles signals until the daemon must stop. Returns the exit status. */
static int serve(struct daemon *daemon, const struct settings_source *source)
{
	struct failure why;
	while (!daemon_store_is_broken(daemon, &why)) {
		switch (signals_next(STORE_LOOK_MS)) {
		case SIGNALS_NONE:
			break;
		case SIGNALS_RELOAD:
			daemon_reload(daemon, source);
			break;
		case SIGNALS_HANGUP:
			log_info("SIGHUP is ignored: send SIGUSR1 to reload the settings");
			break;
		case SIGNALS_FAILED:
			return EX_UNAVAILABLE;
		case SIGNALS_STOP:
			return EX_OK;
		}
	}
	/* The next start checks the store's file, and moves it aside if it is damaged. */
	log_error("%s; exiting with status %d, so that the next start checks the store; mail that needs the map waits "
		  "until then",
		why.text, EX_IOERR);
	return EX_IOERR;
}

/* Starts the threads, serves until a stop, and stops the threads. Returns the exit status. */
static int run(const struct options *options, struct daemon *daemon, struct config *config, struct loops *loops)
{
	struct failure why;
	int status = EX_OK;
	if (daemon_start(daemon, config, loops, &options->source, &why)) {
		char line[DESCRIPTION_SIZE];
		signals_take();
		daemon_describe(daemon, line, sizeof line);
		warn_of_settings(config);
		warn_of_limits(config);
		log_info("%s", line);
		notify_ready(line);
		background_ready();
		status = serve(daemon, &options->source);
		log_info("stopping");
		notify_stopping();
	} else {
		settings_locate(config->settings, &why);
		status = fail(options, &why);
	}
	daemon_stop(daemon, status);
	return status;
}

/* Does the part of the start that needs root or that forks: finds the user, opens the sockets, gives up root, moves to
 * the background, and opens the store. Returns NULL on failure. */
static struct daemon *prepare(const struct options *options, const struct settings *settings, struct failure *why)
{
	struct identity identity;
	if (!privileges_find(&identity, settings, why))
		return NULL;
	struct daemon *daemon = daemon_new(settings, &identity, why);
	if (daemon == NULL)
		return NULL;
	if (privileges_drop(&identity, why) && (options->foreground || background_enter(why)) && signals_open(why) &&
		daemon_open_store(daemon, why))
		return daemon;
	daemon_free(&daemon);
	return NULL;
}

static int start(const struct options *options)
{
	struct failure why;
	struct settings *settings = settings_source_read(&options->source, &why);
	if (settings == NULL)
		return fail(options, &why);
	privileges_limits();
	struct daemon *daemon = prepare(options, settings, &why);
	if (daemon == NULL) {
		settings_locate(settings, &why);
		settings_free(&settings);
		return fail(options, &why);
	}
	struct loops *loops = loops_new((unsigned)settings->io_threads, &why);
	struct config *config = loops != NULL ? config_new_at_once(settings, loops, &why) : NULL;
	int status = config != NULL ? run(options, daemon, config, loops) : fail(options, &why);
	/* A callback that did not end may still use the check, and with it the loops. */
	bool in_use = daemon_free(&daemon);
	config_unref(&config);
	if (!in_use)
		loops_free(&loops);
	return status;
}

int main(int argc, char **argv)
{
	struct options options = {.foreground = false};
#ifdef __GLIBC__
	/* glibc makes up to eight arenas per CPU for libmilter's many short-lived threads, and each arena keeps the
	 * memory of its busiest moment. So the number of arenas is limited. If the free memory at the end of an arena
	 * exceeds a threshold, the arena returns it to the system. The default threshold is so low that each TLS
	 * handshake would have to get its pages again. */
	mallopt(M_ARENA_MAX, HEAPS);
	mallopt(M_TRIM_THRESHOLD, HEAP_SPARE);
#endif
	int status = options_read(&options, argc, argv);
	if (status >= 0)
		return status;
	if (!options.test)
		background_descriptors(activation_count());
	log_open("stsgated", options.foreground || options.test);
	return options.test ? test(&options) : start(&options);
}
