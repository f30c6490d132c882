/* The keeper: a thread by which decisions of operators apply on all relays of a farm within two seconds.
 *
 * It notices what the tool has decided on this relay, writes it into the shared store and tells the others by a channel. It takes
 * in what the others have decided: by the channel for speed, and by a look at the whole hash every KEEPER_POLL_MS, which also
 * finds what the shared store has lost. This relay's own store is the truth: what is written there applies, whatever
 * becomes of the shared store. All decisions of a farm are in each relay's store, and the later one wins everywhere
 * (core/decision.h).
 *
 * How to use: keeper_new() before the loop starts; keeper_start() when it runs; keeper_stop() while it still runs; keeper_free(). */
#ifndef FLEET_FLEET_KEEPER_H
#define FLEET_FLEET_KEEPER_H

#include "fleet_parts.h"

#define KEEPER_LOOK_MS 200      /* between two looks for decisions of this relay */
#define KEEPER_POLL_MS 30000    /* between two looks at the whole hash */
#define KEEPER_AGAIN_MS 1000    /* after such a look has failed */
#define KEEPER_DEADLINE_MS 1000 /* of a command; a stop waits for one at most */
#define KEEPER_HEARD_MAX 256 /* messages that wait; further ones are dropped, and found by the next look at the hash */

/* How far this relay is with decisions. */
struct keeper_state {
	size_t decisions;  /* in this relay's store */
	int64_t newest_ms; /* made_ms of the newest of them; 0: none */
	size_t waiting;    /* of them not known to be in the shared store */
	int64_t level_at;  /* when the whole hash was last read, wall-clock seconds; 0: never */
};
/* Called whenever the state has changed, on the keeper's thread. Must be quick. */
typedef void keeper_changed(void *arg, const struct keeper_state *state);

struct fleet_keeper;
/* The base must outlive the keeper. */
struct fleet_keeper *keeper_new(const struct fleet_base *base, keeper_changed *changed, void *arg);
/* Starts the thread. Returns false on failure (EX_OSERR). */
bool keeper_start(struct fleet_keeper *keeper, struct failure *why);
/* Ends the thread and waits for it: for KEEPER_DEADLINE_MS and a second at most. NULL is allowed. */
void keeper_stop(struct fleet_keeper *keeper);
/* Frees it, after keeper_stop() and after the loop has ended, and sets the pointer to NULL. */
void keeper_free(struct fleet_keeper **keeper);

#endif
