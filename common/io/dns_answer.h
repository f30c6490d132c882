/* Parses DNS messages, as libunbound returns them, into a struct dns_answer. Part of dns_unbound.c. Pure. */
#ifndef IO_DNS_ANSWER_H
#define IO_DNS_ANSWER_H

#include "dns.h"

/* Allocates an answer without records, with room for `count` records and `bytes` octets of their data. The caller
 * frees it with free(). */
struct dns_answer *dns_answer_new(enum dns_outcome outcome, size_t count, size_t bytes);
/* Parses the answer to a lookup of `type` from the arguments of an ub_event_callback_type: `rcode` is 0 if there is a
 * packet; `security` is 1 for a bogus answer and 2 for a secure one. Returns an answer with DNS_FAILED if there is no
 * packet, or if it cannot be parsed. The caller frees it with free(). */
struct dns_answer *dns_answer_parse(int rcode, const void *packet, int len, unsigned type, int security);
/* Returns whether the lookup found records, or found that there are none (no data, NXDOMAIN). Returns false for SERVFAIL,
 * REFUSED, a bogus or malformed answer, and no answer. */
bool dns_answer_good(const struct dns_answer *answer);
/* Returns whether a name and its labels are within the length limits of DNS (RFC 1035 2.3.4). */
bool dns_name_fits(const char *name);

#endif
