/* A host's TLSA records (RFC 7672 2.2): whether they are asked for, under which names, and what came of it. Internal to
 * obtain. */
#ifndef CHECK_TLSA_FIND_H
#define CHECK_TLSA_FIND_H

#include "evidence.h"
#include "lookups.h"

struct tlsa_found {
	struct tlsa_look look;
	struct tlsa_set set; /* when look.state is TLSA_USABLE; points into the lookups */
	bool broken;         /* the look failed since no resolver answers, which says nothing of the host */
};

/* `deadline_ms` is of the monotonic clock. look.checked_at is the caller's to set. Counts for nothing while the lookups
 * wait. */
void tlsa_find(struct tlsa_found *found, struct lookups *lookups, const char *host, uint16_t port, int64_t deadline_ms);

#endif
