/* One thread that looks every REFRESHER_TICK_MS which domains are due and hands them to the workers. It never waits for
 * the network. */
#ifndef MILTER_REFRESHER_H
#define MILTER_REFRESHER_H

#include "check.h"

#define REFRESHER_TICK_MS 5000
#define REFRESHER_BATCH 512 /* domains handed over in one tick, at most */

struct refresher;
struct refresher *refresher_start(struct check *check, struct store *store, struct failure *why); /* both outlive it */
void refresher_stop(struct refresher **refresher);

#endif
