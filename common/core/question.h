/* What a front end asks. Made from whatever an MTA hands over: a recipient as typed (angle brackets, quoted local part,
 * source route, bare name) or a next hop as written (any case, U-labels, trailing dot, `[host]`, `[host]:port`,
 * `host:port`, `unix:path`, an error text). RFC 8461 3.4; spec S-1 to S-6, K-3. Pure; any thread. */
#ifndef CORE_QUESTION_H
#define CORE_QUESTION_H

#include "domain.h"
#include "span.h"

#include <stdint.h>

#define QUESTION_PORT 25
#define QUESTION_BYTES_MAX 2048 /* a longer recipient or next hop has no policy domain */

enum purpose { PURPOSE_DELIVER, PURPOSE_MAP, PURPOSE_REFRESH, PURPOSE_QUERY };

struct question {
	enum purpose purpose;
	bool has_domain; /* false: there is no policy domain, so no policy and no lookup; the rest is empty */
	bool mx_lookup;  /* false: the one hop is (host, port) */
	bool no_dane;    /* who asks does DANE by himself and cannot be told of it: map dialect sts (spec D-70) */
	uint16_t port;
	char domain[DOMAIN_SIZE]; /* the policy domain */
	char host[DOMAIN_SIZE];   /* equals domain */
	uint64_t client; /* who asks, for a fair share of the workers; 0: nobody in particular. Not part of what is
			    asked */
};

/* All always fill `out`; what has no policy domain (address literals, names beginning with ".", paths, single labels,
 * names over DOMAIN_POLICY_MAX, garbage) gets has_domain = false. */
void question_from_next_hop(struct question *out, const char *bytes, size_t len, enum purpose purpose);
/* Takes the next one off a list of next hops; false: there is none. Postfix has commas or blanks between them
 * (`[a.example]:587, b.example`), Sendmail's mailertable colons (`a.example:[b.example]`); most lists have one. */
bool question_next_hop(struct span *list, struct span *hop);
void question_from_recipient(struct question *out, const char *bytes, size_t len, enum purpose purpose);
/* The same by a mail domain: what stands behind an address's last `@`. */
void question_from_domain(struct question *out, const char *bytes, size_t len, enum purpose purpose);

#endif
