/* One thread that looks which domains are due and submits them to check: every REFRESHER_TICK_MS, and as long as
 * more is due than could be handed over, every REFRESHER_SOON_MS. It never waits for the network. What was handed over
 * is not handed over again for REFRESHER_AGAIN_MS: the end of a refresh moves a domain's due time on by that much at
 * least, unless the store takes no changes. */
#ifndef MILTER_REFRESHER_H
#define MILTER_REFRESHER_H

#include "check.h"

#define REFRESHER_TICK_MS 5000
#define REFRESHER_SOON_MS 100
#define REFRESHER_AGAIN_MS 60000
#define REFRESHER_A_SECOND 200 /* handed over, at most; so many in one burst, too */
#define REFRESHER_BATCH 1024   /* domains looked at in one go; more when none of them can be handed over */
#define REFRESHER_BATCH_MAX 16384

struct refresher;
struct refresher *refresher_start(struct check *check, struct store *store, struct failure *why); /* both outlive it */
void refresher_stop(struct refresher **refresher);

#endif
