/* Looks up DNS records on event loops. Each lookup has its own deadline. Hides libunbound, which runs as a stub
 * resolver with a cache, one for each loop.
 *
 * How to use: dns_new() once; then on the thread of a loop dns_query_begin(), wait for the `wake`, dns_query_answer(),
 * dns_query_drop(); dns_free() when all queries have been dropped. Only dns_new() waits; no other call blocks its
 * thread.
 *
 * Threads: call the functions of a query on the thread of the loop for which the query was begun. Other functions state
 * their threads. Scenario tests replace this module by a fake. */
#ifndef IO_DNS_H
#define IO_DNS_H

#include "domain.h"
#include "failure.h"
#include "loop.h"

#include <stddef.h>
#include <stdint.h>

#define DNS_RR_MAX 512       /* records of one answer that are kept */
#define DNS_TIMEOUT_MS 15000 /* the usual deadline of a lookup */
#define DNS_CNAME_MAX 12     /* longest CNAME chain that libunbound follows; the limit is fixed in libunbound */

enum dns_type { DNS_A = 1, DNS_CNAME = 5, DNS_MX = 15, DNS_TXT = 16, DNS_AAAA = 28, DNS_TLSA = 52 };

enum dns_outcome {
	DNS_OK,
	DNS_NODATA,   /* the name exists, but has no records of this type */
	DNS_NXDOMAIN, /* the name does not exist */
	DNS_FAILED,   /* SERVFAIL, REFUSED, or malformed: the domain's failure */
	DNS_BOGUS,    /* signatures are missing, expired or wrong; callers treat it as DNS_FAILED */
	DNS_TIMEOUT,  /* no answer before the deadline */
	DNS_BROKEN    /* a local failure, or no resolver answers any query */
};
/* Returns the name of an outcome for logs and metrics ("ok", "nodata", ...). */
const char *dns_outcome_name(enum dns_outcome outcome);

struct dns_rr {
	const uint8_t *data; /* RDATA; names in it are not compressed */
	size_t len;
};
struct dns_answer {
	enum dns_outcome outcome;
	/* This process has validated the answer, including each link of a CNAME chain. With NODATA and NXDOMAIN it has
	 * validated the proof that there are no records. */
	bool secure;
	bool truncated; /* the answer had more records than are kept */
	uint32_t ttl_s; /* TTL of the records, or of the negative answer (RFC 2308 5) */
	/* The last name of the CNAME chain, in lower case and without a final dot. '?' replaces each octet of a label
	 * except letters, digits, '-', '_' and '*'. "": the answer has no CNAME. */
	char canonical[DOMAIN_SIZE];
	size_t count;
	struct dns_rr rr[];
};

enum dns_validation {
	DNS_VALIDATE_OFF,
	DNS_VALIDATE_ON,
	DNS_VALIDATE_AUTO /* validation begins when a test shows that the servers pass DNSSEC signatures on */
};
/* The strings are not copied: they must last until dns_free(). */
struct dns_options {
	const char *const *servers; /* "addr" or "addr@port" */
	size_t server_count;        /* 0: the servers in resolv.conf */
	enum dns_validation validate;
	bool at_once;             /* dns_new() does not wait */
	const char *trust_anchor; /* a file; NULL: the system's root key */
};
/* Writes the zone whose key the trust anchor holds, such as `.`; also `.` if the file cannot be read. Any thread. */
#define DNS_ZONE_SIZE 256
void dns_anchor_zone(const struct dns_options *options, char zone[DNS_ZONE_SIZE]);

struct dns;
/* Creates a resolver for each loop in `loops`. The loops must be running, and must not be freed before dns_free() has
 * been called. Must not be called on the thread of one of these loops. Returns NULL on failure (EX_CONFIG, EX_NOINPUT,
 * EX_OSFILE, EX_OSERR, EX_SOFTWARE).
 *
 * With DNS_VALIDATE_AUTO it tests whether the servers pass DNSSEC signatures on, and waits for the result: usually a
 * few ms, at most 1.5 s. With `at_once` it does not wait, and dns_is_deciding() is true until then. If the servers do not pass signatures on, or do not answer, later lookups repeat the test in the background (design
 * 7.11). With DNS_VALIDATE_AUTO it is no failure if the system has no root key. */
struct dns *dns_new(const struct dns_options *options, const struct loops *loops, struct failure *why);
/* Frees the dns; each loop frees its own part later. All queries must have been dropped. Sets the pointer to NULL. Any
 * thread; does not wait. */
void dns_free(struct dns **dns);
/* Returns whether it is not known yet whether lookups will be validated. Lookups that begin now are not; callers to whom
 * that matters must begin them later. Any thread. */
bool dns_is_deciding(struct dns *dns);
/* Returns whether lookups that begin from now on are validated. Also true while dns_is_deciding(), because what was
 * validated before must count meanwhile. Otherwise, once true, it stays true. Any thread. */
bool dns_validates(struct dns *dns);

struct dns_query;
/* Begins a lookup that follows CNAMEs. There is an answer after `timeout_ms` at the latest. Copies `name`. Never
 * returns NULL.
 *
 * Calls `wake` once when there is an answer. If the answer is there before this function returns (it is in the cache,
 * or no server can be asked), the next dns_query_answer() returns it, and `wake` is not called. */
struct dns_query *dns_query_begin(
	struct dns *dns, struct loop *loop, const char *name, enum dns_type type, int timeout_ms, struct wake wake);
/* Returns the answer, which belongs to the query; NULL if there is none yet. After the deadline there is always one. */
const struct dns_answer *dns_query_answer(struct dns_query *query);
/* Ends and frees a query, answered or not, and sets the pointer to NULL. `wake` is not called any more. */
void dns_query_drop(struct dns_query **query);
/* Begins a lookup only to fill the cache of this loop, for a query that will follow soon. There is no callback. */
void dns_prefetch(struct dns *dns, struct loop *loop, const char *name, enum dns_type type);

#endif
