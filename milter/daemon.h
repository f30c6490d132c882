/* Starts and stops the parts of the daemon. A part is started after the parts that it uses. A part is freed only when the
 * parts that use it have stopped.
 *
 * The order of calls is daemon_new(), daemon_open_store(), daemon_start(), then any number of daemon_reload() and
 * daemon_store_is_broken(), then daemon_stop() and daemon_free(). Call all functions on the main thread. */
#ifndef MILTER_DAEMON_H
#define MILTER_DAEMON_H

#include "privileges.h"
#include "reload.h"

struct daemon;
/* Opens the sockets, or takes those that the service manager opened. The process may still be root; `identity` is the
 * user that it will become. The settings must outlive the daemon. Returns NULL on failure. */
struct daemon *daemon_new(const struct settings *settings, const struct identity *identity, struct failure *why);
/* Opens the store. If the store's file must be checked for damage, the check forks. So call this function before any
 * thread is started and before config_new(), but after privileges_drop() and background_enter(). */
bool daemon_open_store(struct daemon *daemon, struct failure *why);
/* Starts the threads. The loops must outlive the daemon. */
bool daemon_start(struct daemon *daemon, struct config *config, struct loops *loops,
	const struct settings_source *source, struct failure *why);
/* Writes to `out` the line "ready: ..." that names version, sockets, store and mode. */
void daemon_describe(const struct daemon *daemon, char *out, size_t size);
/* Reads the settings again (reload.h) and reports to the service manager. */
void daemon_reload(struct daemon *daemon, const struct settings_source *source);
/* Returns whether the daemon's store is broken (store_is_broken()). If it is, `why` gives the cause. */
bool daemon_store_is_broken(const struct daemon *daemon, struct failure *why);
/* Stops everything that was started. If that takes longer than DAEMON_STOP_MS milliseconds, the process exits with
 * `status`. */
#define DAEMON_STOP_MS 10000
void daemon_stop(struct daemon *daemon, int status);
/* Closes the sockets, frees the daemon, and sets the pointer to NULL. Returns true if a callback has not ended and may
 * still use the check, the store and the loops. The check and the store are then not freed, and the caller must not free
 * the loops. */
bool daemon_free(struct daemon **daemon);

#endif
