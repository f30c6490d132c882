/* Addresses of a host that may be dialled, from our own DNS (RFC 8461 10, spec S-123). Internal to obtain. */
#ifndef CHECK_ADDRESSES_H
#define CHECK_ADDRESSES_H

#include "address.h"
#include "fetch.h"
#include "lookups.h"

/* IPv4 first. */
struct addresses {
	struct address at[FETCH_ADDRESSES_MAX];
	size_t count;
	bool refused;             /* there were some that are not globally reachable */
	enum dns_outcome trouble; /* the worst that a lookup ended in: DNS_OK, DNS_FAILED, DNS_TIMEOUT, DNS_BROKEN */
};

/* At most `max`: half of them of each family where there are both, else all of the one. `deadline_ms` is of the
 * monotonic clock. Counts for nothing while the lookups wait. */
void addresses_find(struct addresses *list, struct lookups *lookups, const char *host, size_t max, bool allow_private,
	int64_t deadline_ms);
/* Why there is none, after "host". */
const char *addresses_lack(const struct addresses *list);
/* The lowest, one for all orders in which DNS may hand them out. Of a list that is not empty. */
const struct address *addresses_least(const struct addresses *list);

#endif
