/* What a running stsgated does about overrides beside obeying them: counts their uses into the store, tells the log when
 * the tool has set or cleared one, ends those whose time is over, and reminds of one for all domains every hour. The
 * overrides themselves are in the store (store.h), where every question finds them. */
#ifndef CHECK_OVERRIDES_H
#define CHECK_OVERRIDES_H

#include "events.h"
#include "verdict.h"

#define OVERRIDES_REMIND_S 3600

struct overrides;
/* Store and events must outlive the result. */
struct overrides *overrides_new(struct store *store, struct events *events);
/* Writes the uses first, as far as the store accepts them. */
void overrides_free(struct overrides **overrides);

/* Counts a use by this verdict, if it used an override. Any thread; never waits for the store. */
void overrides_used(struct overrides *overrides, const struct verdict *verdict);
/* One round: call it every few seconds, on one thread. Waits for the store. */
void overrides_round(struct overrides *overrides);

#endif
