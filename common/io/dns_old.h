/* DNS lookups that are asked for their answer from time to time: for common/check, until it runs on loops. */
#ifndef IO_DNS_OLD_H
#define IO_DNS_OLD_H

#include "dns.h"

struct dns_old_query;
struct dns_old_query *dns_old_begin(struct dns *dns, const char *name, enum dns_type type, int timeout_ms);
/* The answer, after a wait of at most `wait_ms`; NULL: not yet. Once; the caller frees it with dns_answer_free(). */
struct dns_answer *dns_old_answer(struct dns_old_query *query, int wait_ms);
void dns_old_drop(struct dns_old_query **query);
void dns_answer_free(struct dns_answer **answer);

#endif
