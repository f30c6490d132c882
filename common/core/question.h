/* What a front end asks. Made from whatever an MTA hands over: a recipient as typed (angle brackets, quoted local part,
 * source route, bare name) or a next hop as written (any case, U-labels, trailing dot, `[host]`, `[host]:port`,
 * `host:port`, `unix:path`, an error text). RFC 8461 3.4; spec S-1 to S-6, K-3. Pure; any thread.
 *
 * What an MTA may deliver to has a policy domain, or is at least not free of one: `unreadable` is never "no policy". */
#ifndef CORE_QUESTION_H
#define CORE_QUESTION_H

#include "domain.h"
#include "span.h"

#include <stdint.h>

#define QUESTION_PORT 25
#define QUESTION_BYTES_MAX 16384 /* a longer recipient or next hop is unreadable */
#define QUESTION_HOPS_MAX 32     /* next hops of one list that are looked at */
#define QUESTION_SERVICE_SIZE 32 /* of a service's name with its NUL; a longer one is none */

enum purpose { PURPOSE_DELIVER, PURPOSE_MAP, PURPOSE_REFRESH, PURPOSE_QUERY };

struct question {
	enum purpose purpose;
	bool has_domain; /* false: there is no policy domain, so no policy and no lookup; the rest is empty */
	/* With a domain: its port, its brackets or a list make no sense here, so nobody knows which hosts get the mail.
	 * Without: an eight-bit name whose A-label cannot be told, so nobody knows whose policy applies. */
	bool unreadable;
	bool mx_lookup; /* false: the one hop is (host, port) */
	bool no_dane;   /* who asks does DANE by himself and cannot be told of it: map dialect sts (spec D-70) */
	uint16_t port;
	char domain[DOMAIN_SIZE]; /* the policy domain */
	char host[DOMAIN_SIZE];   /* equals domain */
	uint64_t client;          /* who asks, for a fair part of the room; 0: nobody in particular. Not part of what is
			    asked */
	char service[QUESTION_SERVICE_SIZE]; /* a name in the port's place that the rules do not know: the question is
						unreadable until question_set_port() */
};

/* The client that asks: its network, by which clients share the work. Anything but an address is nobody in particular. */
void question_set_client(struct question *question, struct span address);
/* In place of a client where nobody tells who asks (the map): the domain that the policy domain is likely to be bought
 * under, its last two labels, or three where the second is as short as in co.uk. Never 0. */
uint64_t question_destination(const struct question *question);

/* All always fill `out`; what has no policy domain (address literals, names beginning with ".", paths, single labels,
 * names over DOMAIN_POLICY_MAX, ASCII that no MTA takes for a name) gets has_domain = false. */
void question_from_next_hop(struct question *out, const char *bytes, size_t len, enum purpose purpose);
/* The port of `out->service`, from whom has a table of them. */
void question_set_port(struct question *out, uint16_t port);
/* Takes the next one off a list of next hops; false: there is none. Postfix has commas or blanks between them
 * (`[a.example]:587, b.example`), Sendmail's mailertable colons (`a.example:[b.example]`); most lists have one. A word
 * without a dot behind a colon is a service's name: `a.example:mail` is one next hop. */
bool question_next_hop(struct span *list, struct span *hop);
void question_from_recipient(struct question *out, const char *bytes, size_t len, enum purpose purpose);
/* The same by a mail domain: what stands behind an address's last `@`. */
void question_from_domain(struct question *out, const char *bytes, size_t len, enum purpose purpose);

#endif
