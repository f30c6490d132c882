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

struct fleet;
/* Starts sharing if fleet_server is set; otherwise returns true and leaves `*fleet` NULL. Check and store must outlive it. Call it
 * before the first question. Returns false on failure: EX_OSERR, or the codes of fleet_keys_read(). */
bool fleet_start(struct fleet **fleet, struct check *check, struct store *store, struct failure *why);
/* Ends sharing and its thread: what inquiries wait for ends at once, without an answer, and so does what they ask later. Does nothing
 * if nothing is shared. */
void fleet_stop(struct fleet *fleet);
/* Frees it, after fleet_stop() and after the check, and sets the pointer to NULL. */
void fleet_free(struct fleet **fleet);

#endif
