/* The DNS lookups of one want, and two results that need several lookups: a host's addresses and a hop's TLSA records.
 *
 * Each lookup is begun once. Code that needs an answer which is not there yet gets a dummy answer and returns; when the
 * lookup has ended, the inquiry is woken and the code is called again from its beginning. The answers that are there
 * already stay the same, so such code reads as if it waited (design 7.3). While `waiting` is true, everything that was
 * computed from answers must be ignored. Internal to obtain; on one loop's thread. */
#ifndef CHECK_LOOKUPS_H
#define CHECK_LOOKUPS_H

#include "address.h"
#include "dns.h"
#include "evidence.h"
#include "fetch.h"
#include "text.h"

struct lookup;
/* Zeroed: no lookups. */
struct lookups {
	struct dns *dns;
	struct loop *loop;
	struct wake wake;
	struct lookup *first;
	int64_t begun_ms; /* monotonic clock; 0: not yet */
	int64_t ended_ms; /* when the last lookup had its answer; 0: not yet */
	bool waiting;     /* some lookup has no answer yet */
};

/* Call this in each call of obtain(), before the first lookups_ask(). */
void lookups_begin(struct lookups *lookups, struct dns *dns, struct loop *loop, struct wake wake);
/* Returns the answer, which belongs to the lookups, and begins the lookup if necessary. While there is no answer,
 * returns a dummy answer with the outcome DNS_TIMEOUT. `deadline_ms` is of the monotonic clock; DNS_TIMEOUT_MS applies,
 * too. */
const struct dns_answer *lookups_ask(
	struct lookups *lookups, const char *name, enum dns_type type, int64_t deadline_ms);
/* Returns whether every lookup has its answer. From then on lookups_took_ms() stays the same. */
bool lookups_over(struct lookups *lookups);
/* Returns how long the lookups took. Only after lookups_over() has returned true. */
int64_t lookups_took_ms(const struct lookups *lookups);
/* Describes the answers in the order of the lookups: `mx.example.com A 192.0.2.1 (TTL 300, not validated); mx.example.com
 * AAAA nodata (TTL 60, validated)`. Printable. Only after lookups_over() has returned true. */
void lookups_describe(const struct lookups *lookups, struct text *text);
/* Cancels all lookups and frees all answers. */
void lookups_end(struct lookups *lookups);

/* --- addresses of a host (RFC 8461 10, spec S-123) ---------------------------------------------------------------- */

/* Addresses that may be connected to, IPv4 first. */
struct addresses {
	struct address at[FETCH_ADDRESSES_MAX];
	size_t count;
	bool refused;           /* DNS returned some that are not globally reachable */
	enum dns_outcome worst; /* worse of the two lookups: DNS_OK, DNS_FAILED, DNS_BOGUS, DNS_TIMEOUT or DNS_BROKEN */
};
/* Finds at most `max` addresses: half of each family if there are enough of both. */
void addresses_find(struct addresses *list, struct lookups *lookups, const char *host, size_t max, bool allow_private,
	int64_t deadline_ms);
/* Returns why there is no address, as words to follow the host's name: "has no address". */
const char *addresses_lack(const struct addresses *list);
/* Returns the lowest address, which does not depend on the order in the DNS answer. The list must not be empty. */
const struct address *addresses_least(const struct addresses *list);

/* --- TLSA records of a hop (RFC 7672 2.2) ------------------------------------------------------------------------- */

struct tlsa_found {
	struct tlsa_lookup look; /* without checked_at, which the caller sets */
	struct tlsa_set set;     /* if look.state is TLSA_USABLE; points into the lookups */
	bool broken; /* the search failed because no resolver answers, which proves nothing about the host */
};

/* Finds out whether the hop may have TLSA records, and looks them up under the names of RFC 7672 2.2.3. `deadline_ms` is
 * of the monotonic clock. */
void tlsa_find(struct tlsa_found *found, struct lookups *lookups, const char *host, uint16_t port, int64_t deadline_ms);

#endif
