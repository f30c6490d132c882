/* The refresher: a thread that finds the domains whose facts are due for renewal and submits them to the check (design
 * 5.12).
 *
 * It runs every REFRESHER_TICK_MS, or every REFRESHER_SOON_MS while more domains are due than it could submit. It never
 * waits for the network.
 *
 * It does not submit a domain again within REFRESHER_AGAIN_MS. Normally a refresh moves the domain's due time by at least
 * that much. This limit is for a store that accepts no changes, where the due time stays the same. */
#ifndef MILTER_REFRESHER_H
#define MILTER_REFRESHER_H

#include "check.h"

#define REFRESHER_TICK_MS 5000
#define REFRESHER_SOON_MS 100
#define REFRESHER_AGAIN_MS 60000
#define REFRESHER_A_SECOND 200 /* domains submitted per second, and in one burst */
#define REFRESHER_BATCH 1024   /* domains read from the store at a time; doubled if none of them can be submitted */
#define REFRESHER_BATCH_MAX 16384

struct refresher;
/* Starts the thread. `check` and `store` must outlive it. It calls `round_ended` (may be NULL) at the end of each round.
 * Returns NULL on failure (EX_OSERR). */
struct refresher *refresher_start(
	struct check *check, struct store *store, void (*round_ended)(void *arg), void *arg, struct failure *why);
/* Stops and joins the thread, and sets the pointer to NULL. Does nothing if the pointer is NULL. */
void refresher_stop(struct refresher **refresher);

#endif
