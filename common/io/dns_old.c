#include "dns_old.h"

#include "dns_answer.h"
#include "dns_internal.h"
#include "dns_wait.h"

#include <stdlib.h>
#include <string.h>

struct dns_old_query *dns_old_begin(struct dns *dns, const char *name, enum dns_type type, int timeout_ms)
{
	return (struct dns_old_query *)dns_wait_begin(dns, dns->resolver[0].loop, name, type, timeout_ms);
}

struct dns_answer *dns_old_answer(struct dns_old_query *query, int wait_ms)
{
	const struct dns_answer *answer = dns_wait_answer((struct dns_wait *)query, wait_ms);
	size_t bytes = 0;
	if (!answer)
		return NULL;
	for (size_t i = 0; i < answer->count; i++)
		bytes += answer->rr[i].len;
	struct dns_answer *copy = dns_answer_new(DNS_OK, answer->count, bytes);
	memcpy(copy, answer, sizeof *answer);
	uint8_t *at = (uint8_t *)&copy->rr[copy->count];
	for (size_t i = 0; i < copy->count; i++) {
		copy->rr[i] = (struct dns_rr){.data = at, .len = answer->rr[i].len};
		memcpy(at, answer->rr[i].data, answer->rr[i].len);
		at += answer->rr[i].len;
	}
	return copy;
}

void dns_old_drop(struct dns_old_query **query)
{
	dns_wait_drop((struct dns_wait **)query);
}

void dns_answer_free(struct dns_answer **answer)
{
	free(*answer);
	*answer = NULL;
}
