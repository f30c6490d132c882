/* A lookup that is waited for, for tests of the real dns. */
#ifndef UNIT_DNS_AWAIT_H
#define UNIT_DNS_AWAIT_H

#include "dns.h"

static inline struct dns_answer *dns_await(struct dns *dns, const char *name, enum dns_type type, int timeout_ms)
{
	struct dns_query *query = dns_query_begin(dns, name, type, timeout_ms);
	struct dns_answer *answer = NULL;
	while (!answer)
		answer = dns_query_answer(query, timeout_ms);
	dns_query_drop(&query);
	return answer;
}

#endif
