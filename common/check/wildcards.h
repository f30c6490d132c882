/* Mail hosts whose certificates are for them by a wildcard alone: Sendmail before 8.18.2 passes them over
 * (core/evidence.h), and nobody else would say why its mail waits. Any thread. */
#ifndef CHECK_WILDCARDS_H
#define CHECK_WILDCARDS_H

#include "events.h"

#define WILDCARDS_SAID_MS (24 * 3600 * 1000) /* between two events of one domain */
#define WILDCARDS_LOOK_MS (60 * 1000)        /* between two looks at a domain's hops where nothing is to be said */
#define WILDCARDS_SLOTS 4096                 /* domains remembered, about */

struct wildcards;
struct wildcards *wildcards_new(void);
void wildcards_free(struct wildcards **wildcards);

/* Sendmail delivers by the entry's policy, in force now: an event when the store knows such a host of its MX set, once
 * a day. Reads the store; never waits for the network. */
void wildcards_look(struct wildcards *wildcards, struct store *store, struct events *events, const struct entry *entry,
	int64_t now_ms);

#endif
