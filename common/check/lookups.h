/* The DNS lookups of one want. Each lookup is begun once. Code that needs its answer returns while there is none, and is
 * called again when the lookup wakes the inquiry up. Lookups that are over then give the same answers as before, so code
 * that needs DNS is written as if it waited. Internal to obtain; on one loop's thread. A zeroed struct has no lookups. */
#ifndef CHECK_LOOKUPS_H
#define CHECK_LOOKUPS_H

#include "address.h"
#include "dns.h"
#include "evidence.h"
#include "fetch.h"

struct lookup;
struct lookups {
	struct dns *dns;
	struct loop *loop;
	struct wake wake;
	struct lookup *first;
	int64_t begun_ms; /* 0: not yet */
	int64_t ended_ms; /* when no more were wanted; 0: not yet */
	bool waiting;     /* a lookup has no answer yet: what was made of the answers so far counts for nothing */
};

/* Before each try to obtain the want. */
void lookups_begin(struct lookups *lookups, struct dns *dns, struct loop *loop, struct wake wake);
/* The answer, which belongs to the lookups; while there is none, one like that of a time-out. `deadline_ms` is of the
 * monotonic clock; DNS_TIMEOUT_MS holds, too. */
const struct dns_answer *lookups_ask(
	struct lookups *lookups, const char *name, enum dns_type type, int64_t deadline_ms);
/* True: everything that was asked has been answered. How long that took stays the same from then on. */
bool lookups_over(struct lookups *lookups);
int64_t lookups_took_ms(const struct lookups *lookups); /* after lookups_over() was true */
void lookups_end(struct lookups *lookups);              /* frees all answers */

/* Addresses of a host that may be dialled, from our own DNS (RFC 8461 10, spec S-123). IPv4 first. */
struct addresses {
	struct address at[FETCH_ADDRESSES_MAX];
	size_t count;
	bool refused;           /* there were some that are not globally reachable */
	enum dns_outcome worst; /* the worst that a lookup ended in: DNS_OK, DNS_FAILED, DNS_TIMEOUT, DNS_BROKEN */
};
/* At most `max`: half of them of each family where there are both, else all of the one. Counts for nothing while the
 * lookups wait. */
void addresses_find(struct addresses *list, struct lookups *lookups, const char *host, size_t max, bool allow_private,
	int64_t deadline_ms);
/* Why there is no address, to be read behind the host's name. */
const char *addresses_lack(const struct addresses *list);
/* The lowest address, which is the same in whatever order DNS lists them. Of a list that is not empty. */
const struct address *addresses_least(const struct addresses *list);

/* --- a hop's TLSA records (RFC 7672 2.2) ------------------------------------------------------------------------- */

struct tlsa_found {
	struct tlsa_lookup look;
	struct tlsa_set set; /* when look.state is TLSA_USABLE; points into the lookups */
	bool broken;         /* the look failed since no resolver answers, which says nothing of the host */
};

/* `deadline_ms` is of the monotonic clock. look.checked_at is the caller's to set. Counts for nothing while the lookups
 * wait. */
void tlsa_find(struct tlsa_found *found, struct lookups *lookups, const char *host, uint16_t port, int64_t deadline_ms);

#endif
