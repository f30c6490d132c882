/* DNS lookups with a deadline of our own. Hides libunbound: its context, its background thread and the thread that
 * collects answers. A lookup is begun, and asked for its answer until there is one: nobody need wait for it meanwhile.
 * After its time-out the query goes on into the cache. Any thread may begin one; it belongs to one thread at a time.
 * Replaced by a fake in scenario tests. */
#ifndef IO_DNS_H
#define IO_DNS_H

#include "domain.h"
#include "failure.h"

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
	/* Validated by us, each link of a chain of CNAMEs; of NODATA and NXDOMAIN: the absence is proved. */
	bool secure;
	bool truncated; /* more than DNS_RR_MAX records */
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
/* The strings are not copied: they must last as long as the dns. */
struct dns_options {
	const char *const *servers; /* addr or addr@port; none: resolv.conf */
	size_t server_count;
	enum dns_validation validate;
	const char *trust_anchor; /* NULL: the system's */
};
struct dns;
/* DNS_VALIDATE_AUTO waits 1.5 s at most for the answers that tell, and mostly a few ms. Where there are none, or they
 * say that nothing can be validated, it is tried again in the background when lookups are made. A system trust anchor that is missing is no failure then. */
struct dns *dns_new(const struct dns_options *options, struct failure *why);
void dns_free(struct dns **dns); /* all lookups have been dropped */
/* Whether lookups that begin from now on are validated. Once true, always true. Any thread. */
bool dns_validates(struct dns *dns);
/* CNAMEs are followed. */
struct dns_query;
struct dns_query *dns_query_begin(struct dns *dns, const char *name, enum dns_type type, int timeout_ms);
/* The answer, after a wait of at most `wait_ms`; NULL: not yet. Never NULL past the time-out. Once; the caller frees it
 * with dns_answer_free(). */
struct dns_answer *dns_query_answer(struct dns_query *query, int wait_ms);
void dns_query_drop(struct dns_query **query);
void dns_answer_free(struct dns_answer **answer);

#endif
