/* DNS as the world tells it, in place of dns_unbound.c. */
#include "clock.h"
#include "dns_old.h"
#include "world.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

struct dns {
	enum dns_validation validate;
};

const char *dns_outcome_name(enum dns_outcome outcome)
{
	static const char *const names[] = {"ok", "no-data", "nxdomain", "failed", "bogus", "timeout", "broken"};
	return names[outcome];
}

struct dns *dns_new(const struct dns_options *options, const struct loops *loops, struct failure *why)
{
	(void)loops;
	(void)why;
	struct dns *dns = calloc(1, sizeof *dns);
	assert(dns);
	dns->validate = options->validate;
	return dns;
}

bool dns_validates(struct dns *dns)
{
	switch (dns->validate) {
	case DNS_VALIDATE_OFF:
		return false;
	case DNS_VALIDATE_ON:
		return true;
	case DNS_VALIDATE_AUTO:
		break;
	}
	return world_validates();
}

void dns_free(struct dns **dns)
{
	free(*dns);
	*dns = NULL;
}

struct dns_old_query {
	struct dns *dns;
	struct world_call *call;
	int64_t deadline_ms;
	enum dns_type type;
	char name[DOMAIN_SIZE + 16];
};

struct dns_old_query *dns_old_begin(struct dns *dns, const char *name, enum dns_type type, int timeout_ms)
{
	struct dns_old_query *query = calloc(1, sizeof *query);
	assert(query && timeout_ms > 0);
	query->dns = dns;
	query->type = type;
	query->deadline_ms = clock_mono_ms() + timeout_ms;
	snprintf(query->name, sizeof query->name, "%s", name);
	query->call = world_call_start("dns %s %s", world_dns_type_name(type), name);
	return query;
}

static struct dns_answer *answer_timeout(void)
{
	struct dns_answer *answer = calloc(1, sizeof *answer);
	assert(answer);
	answer->outcome = DNS_TIMEOUT;
	return answer;
}

struct dns_answer *dns_old_answer(struct dns_old_query *query, int wait_ms)
{
	if (!world_call_passes(query->call, wait_ms))
		return clock_mono_ms() >= query->deadline_ms ? answer_timeout() : NULL;
	struct dns_answer *answer = world_dns_answer(query->name, query->type);
	answer->secure = answer->secure && dns_validates(query->dns);
	return answer;
}

void dns_old_drop(struct dns_old_query **query)
{
	if (!*query)
		return;
	world_call_drop(&(*query)->call);
	free(*query);
	*query = NULL;
}

void dns_answer_free(struct dns_answer **answer)
{
	free(*answer);
	*answer = NULL;
}
