#include "session.h"

#include "dns.h"
#include "loop.h"
#include "memory.h"
#include "output.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#define TEMPORARY_BYTES ((uint64_t)16 * 1024 * 1024)
#define HOP_ADDRESSES 2 /* the most addresses of one hop that are probed (design 5.14) */

struct settings *session_settings(const struct options *options, int *status)
{
	struct failure why = {0};
	const char *file = options->file ? options->file : SYSCONFDIR "/stsgate.conf";
	struct settings *settings =
		settings_read(file, options->file != NULL, options->overrides, options->override_count, &why);
	if (!settings)
		*status = complain(&why);
	return settings;
}

struct store *session_store(const struct options *options, int *status)
{
	struct failure why = {0};
	struct settings *settings = session_settings(options, status);
	if (!settings)
		return NULL;
	struct store *store = store_open(settings->store_path, settings->store_max_bytes, STORE_GUEST, &why);
	if (!store)
		*status = complain(&why);
	settings_free(&settings);
	return store;
}

void session_leave_root(const struct settings *settings)
{
	if (geteuid() != 0 || strcmp(settings->user, "root") == 0)
		return;
	const struct passwd *user = getpwnam(settings->user);
	if (!user)
		user = getpwnam("nobody");
	if (user && (setgroups(0, NULL) != 0 || setgid(user->pw_gid) != 0 || setuid(user->pw_uid) != 0))
		fprintf(stderr, "stsgate: note: cannot give up root: %s\n", strerror(errno));
}

/* Opens an empty store whose files have no names. The open store keeps its files by descriptor, so the directory is
 * removed at once and nothing is left behind, however the process ends. */
static struct store *temporary_open(struct failure *why)
{
	const char *base = getenv("TMPDIR");
	size_t size = strlen(base && *base ? base : "/tmp") + sizeof "/stsgate.XXXXXX";
	char *directory = xmalloc(size);
	snprintf(directory, size, "%s/stsgate.XXXXXX", base && *base ? base : "/tmp");
	if (!mkdtemp(directory)) {
		failure_set(why, EX_CANTCREAT, "cannot make a temporary store %s: %s", directory, strerror(errno));
		free(directory);
		return NULL;
	}
	struct store *store = store_open(directory, TEMPORARY_BYTES, STORE_OWNER, why);
	DIR *files = opendir(directory);
	for (const struct dirent *file; files && (file = readdir(files));)
		if (strcmp(file->d_name, ".") != 0 && strcmp(file->d_name, "..") != 0)
			unlinkat(dirfd(files), file->d_name, 0);
	if (files)
		closedir(files);
	rmdir(directory);
	free(directory);
	return store;
}

/* Returns whether the daemon has a store that cannot be read. A verdict without that store could differ from the daemon's
 * verdict. */
static bool is_broken(const struct failure *why)
{
	return why->code == EX_DATAERR || why->code == EX_IOERR || why->code == EX_TEMPFAIL;
}

static bool store_find(
	struct session *session, const struct settings *settings, enum session_needs needs, struct failure *why)
{
	session->changed_at = store_changed_at(settings->store_path);
	session->store = store_open(settings->store_path, settings->store_max_bytes, STORE_GUEST, why);
	bool without = needs == NEEDS_NO_STORE || needs == NEEDS_NO_STORE_IN_BACKGROUND;
	if (session->store || !without || is_broken(why))
		return session->store != NULL;
	fprintf(stderr, "stsgate: note: the daemon's store is not used, and the results are not stored: %s\n",
		why->text);
	session_leave_root(settings);
	session->store = temporary_open(why);
	return session->store != NULL;
}

int session_open(struct session *session, const struct options *options, enum session_needs needs,
	check_observe *observe, void *arg)
{
	int status = EX_SOFTWARE;
	struct failure why = {0};
	*session = (struct session){0};
	signal(SIGPIPE, SIG_IGN); /* a peer may close its connection at any time */
	struct settings *settings = session_settings(options, &status);
	if (!settings)
		return status;
	bool offline = needs == NEEDS_STORE_ONLY, checks = !offline && needs != NEEDS_STORE_AND_LOOPS;
	if (!store_find(session, settings, needs, &why)) {
		settings_free(&settings);
	} else if (!offline && !(session->loops = loops_new(SESSION_LOOPS, &why))) {
		settings_free(&settings);
	} else if ((session->config = config_new(settings, session->loops, &why)) && checks) {
		struct check_options check = {.config = session->config,
			.store = session->store,
			.loops = session->loops,
			.inquiries_max = SESSION_INQUIRIES_MAX,
			.background = needs == NEEDS_STORE_IN_BACKGROUND || needs == NEEDS_NO_STORE_IN_BACKGROUND,
			.observe = observe,
			.observe_arg = arg};
		session->check = check_new(&check, &why);
	}
	if (checks ? !session->check : !session->config) {
		status = complain(&why);
		session_close(session);
		return status;
	}
	if (!checks)
		return 0;
	char warning[CONFIG_WARNING_SIZE];
	if (config_warning(session->config, warning)[0] != '\0')
		fprintf(stderr, "stsgate: note: %s\n", warning);
	check_time_seen(session->check, session->changed_at, "the store's file");
	return 0;
}

void session_close(struct session *session)
{
	check_free(&session->check);
	store_close(&session->store);
	config_unref(&session->config);
	loops_free(&session->loops);
}

int session_inquiry_ms(const struct settings *settings)
{
	int dns_s = DNS_TIMEOUT_MS / 1000;
	int hop_s = 2 * dns_s + HOP_ADDRESSES * (int)settings->probe_timeout;
	return 1000 * (2 * dns_s + 2 * dns_s + (int)settings->fetch_timeout + HOPS_MAX * hop_s);
}
