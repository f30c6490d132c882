/* What libunbound found, as a dns_answer. Part of dns_unbound.c. */
#ifndef IO_DNS_ANSWER_H
#define IO_DNS_ANSWER_H

#include "dns.h"

#include <unbound.h>

/* Room for `count` records and their octets of RDATA, which lie behind them. */
struct dns_answer *dns_answer_new(enum dns_outcome outcome, size_t count, size_t bytes);
struct dns_answer *dns_answer_from(const struct ub_result *result);

#endif
