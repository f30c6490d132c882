/* DNS lookups on event loops, each with a deadline of its own. Hides libunbound, which works as a stub resolver with a
 * cache, one for each loop: no thread waits, and no lock is taken. Replaced by a fake in scenario tests.
 *
 * All calls about a query are made on the thread of the loop that it was begun for. */
#ifndef IO_DNS_H
#define IO_DNS_H

#include "domain.h"
#include "failure.h"
#include "loop.h"

#include <stddef.h>
#include <stdint.h>

#define DNS_RR_MAX 512       /* records kept of one answer */
#define DNS_TIMEOUT_MS 15000 /* of one lookup */
#define DNS_CNAME_MAX 12     /* what libunbound follows at most: documented there, not set here */

enum dns_type { DNS_A = 1, DNS_CNAME = 5, DNS_MX = 15, DNS_TXT = 16, DNS_AAAA = 28, DNS_TLSA = 52 };

enum dns_outcome {
	DNS_OK,
	DNS_NODATA,
	DNS_NXDOMAIN,
	DNS_FAILED,  /* SERVFAIL, REFUSED, malformed: the domain's trouble */
	DNS_BOGUS,   /* proved false: signatures are missing, expired or wrong. Handled as DNS_FAILED */
	DNS_TIMEOUT, /* no answer within the deadline */
	DNS_BROKEN   /* no resolver answers at all, or trouble on this machine */
};
const char *dns_outcome_name(enum dns_outcome outcome);

struct dns_rr {
	const uint8_t *data; /* RDATA, names uncompressed */
	size_t len;
};
struct dns_answer {
	enum dns_outcome outcome;
	/* Validated here, each link of a chain of CNAMEs; for NODATA and NXDOMAIN: the absence is proved. */
	bool secure;
	bool truncated; /* there were more records, which are left out */
	uint32_t ttl_s; /* of the answer, or of its absence (SOA minimum) */
	/* Where a chain of CNAMEs ends: lower case, no dot at the end, '?' for what no host name has. "": no CNAME. */
	char canonical[DOMAIN_SIZE];
	size_t count;
	struct dns_rr rr[];
};

enum dns_validation {
	DNS_VALIDATE_OFF,
	DNS_VALIDATE_ON,
	DNS_VALIDATE_AUTO /* where the servers hand signatures on */
};
/* The strings are not copied: they must last until dns_free(). */
struct dns_options {
	const char *const *servers; /* addr or addr@port; none: resolv.conf */
	size_t server_count;
	enum dns_validation validate;
	const char *trust_anchor; /* NULL: the system's */
};
struct dns;
/* The loops are running, and outlive the dns: they may be freed once dns_free() was called. Not called on the thread of
 * one of them. With DNS_VALIDATE_AUTO it waits at most 1.5 s, and mostly a few ms, to learn whether the servers hand
 * signatures on. If they do not, or do not answer, this is tried again in the background when lookups are made. A
 * system trust anchor that is missing is no failure then. NULL on failure (EX_CONFIG, EX_NOINPUT, EX_OSFILE, EX_OSERR). */
struct dns *dns_new(const struct dns_options *options, const struct loops *loops, struct failure *why);
/* Any thread. All queries have been dropped. Does not wait: what belongs to a loop is freed there. */
void dns_free(struct dns **dns);
/* Whether lookups that begin from now on are validated. Once true, always true. Any thread. */
bool dns_validates(struct dns *dns);

struct dns_query;
/* Begins a lookup, which follows CNAMEs. An answer that is at hand (from the cache, or because nothing can be asked) can
 * be had from dns_query_answer() at once; then `wake` is not called. */
struct dns_query *dns_query_begin(
	struct dns *dns, struct loop *loop, const char *name, enum dns_type type, int timeout_ms, struct wake wake);
/* The answer, which belongs to the query. NULL: there is none yet. Never NULL after the time-out. */
const struct dns_answer *dns_query_answer(struct dns_query *query);
/* Ends the query, answered or not. What libunbound still learns about the name goes into its cache. */
void dns_query_drop(struct dns_query **query);
/* Begins a lookup whose answer goes only into the cache, for a query on the same loop a moment later. */
void dns_prefetch(struct dns *dns, struct loop *loop, const char *name, enum dns_type type);

#endif
