/* DNS messages as dns_answers: the packets that libunbound hands over. Part of dns_unbound.c. Pure. */
#ifndef IO_DNS_ANSWER_H
#define IO_DNS_ANSWER_H

#include "dns.h"

/* Without records, and with room for `count` of them and `bytes` of their data. The caller frees it with free(). */
struct dns_answer *dns_answer_new(enum dns_outcome outcome, size_t count, size_t bytes);
/* The answer to a question of `type`, from what libunbound calls an ub_event_callback_type with: `rcode` is 0 if there is
 * a packet, and `security` is 1 if it is bogus, and 2 if it is proved. DNS_FAILED without a packet, and if it cannot be
 * parsed. */
struct dns_answer *dns_answer_parse(int rcode, const void *packet, int len, unsigned type, int security);
/* Whether a server has answered, and the answer is not proved false. */
bool dns_answer_good(const struct dns_answer *answer);
/* Whether DNS can hold the name (RFC 1035 2.3.4). */
bool dns_name_fits(const char *name);

#endif
