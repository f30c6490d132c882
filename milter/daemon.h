/* The daemon's parts: built in the order in which they need each other, ended in the reverse. The main thread only. */
#ifndef MILTER_DAEMON_H
#define MILTER_DAEMON_H

#include "privileges.h"
#include "reload.h"

struct daemon;
/* Opens the sockets, as whoever runs it, for the user that the daemon will be, or takes those that the service manager
 * opened. The settings outlive it. */
struct daemon *daemon_new(const struct settings *settings, const struct identity *identity, struct failure *why);
/* After privileges were dropped and the daemon is in the background; before any thread is started, the DNS of
 * config_new() included: it forks. */
bool daemon_open_store(struct daemon *daemon, struct failure *why);
/* Starts the threads. The loops outlive the daemon. */
bool daemon_start(struct daemon *daemon, struct config *config, struct loops *loops, struct failure *why);
/* The line that tells that all of it listens. */
void daemon_describe(const struct daemon *daemon, char *out, size_t size);
void daemon_reload(struct daemon *daemon, const struct settings_source *source);
/* store_is_broken() of its store. */
bool daemon_store_is_broken(const struct daemon *daemon, struct failure *why);
/* Stops what was started, within DAEMON_STOP_MS: beyond it the process ends all the same, with `status`. */
#define DAEMON_STOP_MS 10000
void daemon_stop(struct daemon *daemon, int status);
/* True: a callback that libmilter has abandoned still uses the check, the store and the loops, which stay as they are. */
bool daemon_free(struct daemon **daemon);

#endif
