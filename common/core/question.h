/* A question: what a front end asks about one recipient or next hop.
 *
 * The question_from_ functions make a question from the text that an MTA passes. That text is a recipient as typed
 * (angle brackets, quoted local part, source route, bare name), or a next hop as configured (any case, U-labels,
 * trailing dot, `[host]`, `[host]:port`, `host:port`, `unix:path`, an error text). RFC 8461 3.4; spec S-1 to S-6, K-3.
 * Pure; any thread.
 *
 * A name that an MTA may deliver to is never treated as "no policy" just because stsgate cannot read it: the question
 * is then marked `unreadable`, and the verdict defers. */
#ifndef CORE_QUESTION_H
#define CORE_QUESTION_H

#include "domain.h"
#include "span.h"

#include <stdint.h>

#define QUESTION_PORT 25
#define QUESTION_BYTES_MAX 16384 /* octets; a longer recipient or next hop is unreadable */
#define QUESTION_HOPS_MAX 32     /* next hops of one list that are judged */
#define QUESTION_SERVICE_SIZE 32 /* octets of a service name with its NUL; a longer text is no service name */

enum purpose {
	PURPOSE_DELIVER, /* the milter and policy delegation: may the MTA accept this recipient? */
	PURPOSE_MAP,     /* the socketmap: what must bind the delivery? */
	PURPOSE_REFRESH, /* the refresher and `stsgate refresh`: renew what is due */
	PURPOSE_QUERY    /* `stsgate query`: check everything and show it */
};

struct question {
	enum purpose purpose;
	bool has_domain; /* false: there is no policy domain, so no policy and no lookup; the other members are empty */
	/* With a domain: its port, brackets or list make no sense here, so nobody knows which hosts get the mail.
	 * Without one: the name is too long, or an eight-bit name without an A-label, so nobody knows whose policy
	 * applies. */
	bool unreadable;
	bool mx_lookup;   /* false: the only hop is (host, port) */
	bool no_override; /* judge as without an override: a command looks ahead, and overrides end */
	bool requiretls;  /* the message's sender demands verified TLS (RFC 8689): see verdict.requiretls */
	bool no_dane;     /* the client does DANE itself and accepts no DANE answer: map dialect `sts` (spec D-70) */
	uint16_t port;
	char domain[DOMAIN_SIZE]; /* the policy domain */
	char host[DOMAIN_SIZE];   /* equals `domain` */
	uint64_t client;          /* the client whose quota the inquiry uses; 0: unknown. Not part of what is asked */
	/* The name of a service that was given in place of a port number and that this module does not know. The
	 * question is unreadable until question_set_port() sets the port. "": there is no such name. */
	char service[QUESTION_SERVICE_SIZE];
};

/* All question_from_ functions fill `out` completely. has_domain is false for text without a policy domain: address
 * literals, names that begin with a dot, paths, single labels, names over DOMAIN_POLICY_MAX, and ASCII that no MTA
 * takes for a name. */
void question_from_next_hop(struct question *out, const char *bytes, size_t len, enum purpose purpose);
/* From a recipient's address. */
void question_from_recipient(struct question *out, const char *bytes, size_t len, enum purpose purpose);
/* From a mail domain: the caller passes only what follows the last `@` of an address. */
void question_from_domain(struct question *out, const char *bytes, size_t len, enum purpose purpose);

/* Takes the next hop off the front of a list of next hops; returns false if none is left. Postfix separates next hops
 * by commas or blanks (`[a.example]:587, b.example`), Sendmail's mailertable by colons (`a.example:[b.example]`). A
 * word without a dot after a colon is a service name: `a.example:mail` is one next hop. */
bool question_next_hop(struct span *list, struct span *hop);
/* Sets the port of the service out->service. Only the caller has access to the system's table of services. */
void question_set_port(struct question *out, uint16_t port);
/* Sets the client to a number for the network of an IP address, so that all clients of one network share a quota. If
 * `address` is not an IP address, the client becomes unknown. */
void question_set_client(struct question *question, struct span address);
/* Returns a number to use in place of the client where the client is unknown (the map): a hash of the domain that was
 * probably registered (domain_registered()). Never 0. */
uint64_t question_destination(const struct question *question);

#endif
