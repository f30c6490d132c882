/* A host's TLSA records (RFC 7672 2.2): whether they are asked for, under which names, and what came of it. Waits;
 * internal to obtain. */
#ifndef CHECK_TLSA_FIND_H
#define CHECK_TLSA_FIND_H

#include "dns.h"
#include "evidence.h"

struct tlsa_found {
	struct tlsa_look look;
	struct tlsa_set set;       /* when look.state is TLSA_USABLE; points into `answer` */
	struct dns_answer *answer; /* owned; NULL: there were no records */
	bool broken;               /* the look failed since no resolver answers, which says nothing of the host */
};

/* `deadline_ms` is of the monotonic clock. look.checked_at is the caller's to set. */
void tlsa_find(struct tlsa_found *found, struct dns *dns, const char *host, uint16_t port, int64_t deadline_ms);
void tlsa_found_free(struct tlsa_found *found);

#endif
