/* Sharing between the relays of one site (setting fleet_server; design 10). The shared store is a source of hints, a notice board
 * and a lock. Every answer still rests on the relay's own store: whatever the shared store does, it changes no verdict for the
 * worse and delays no mail beyond milter_wait.
 *
 * Runs an event loop of its own. */
#ifndef FLEET_FLEET_H
#define FLEET_FLEET_H

#include "check.h"
#include "failure.h"
#include "store.h"

/* Returns whether the files that the settings of sharing name can be used. Fails with EX_NOINPUT or EX_CONFIG. */
bool fleet_usable(const struct settings *settings, struct failure *why);

struct fleet;
/* Starts sharing if fleet_server is set; otherwise returns true and leaves `*fleet` NULL. Check and store must outlive it. Call it
 * before the first question. Returns false on failure: EX_OSERR, or as fleet_usable(), or EX_CONFIG if
 * this relay has no usable name. */
bool fleet_start(struct fleet **fleet, struct check *check, struct store *store, struct failure *why);
/* Reads fleet_key_file again, for a reload; logs if the keys have changed. Logs an error, and keeps the keys as they are, if that
 * fails. Does nothing if nothing is shared. On the thread that reloads. */
void fleet_reload(struct fleet *fleet);
/* Ends sharing and its thread: what inquiries wait for ends at once, without an answer, and so does what they ask later. Does nothing
 * if nothing is shared. */
void fleet_stop(struct fleet *fleet);
/* Frees it, after fleet_stop() and after the check, and sets the pointer to NULL. */
void fleet_free(struct fleet **fleet);

#endif
