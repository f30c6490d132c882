/* What a running stsgated does about overrides, besides obeying them. It adds their uses to the store, logs when the tool
 * has set or cleared one, and removes those whose time is over. While one for all domains is in force, it logs a reminder
 * every hour. The overrides themselves are in the store (store.h), where every question finds them. */
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
