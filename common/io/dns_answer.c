#include "dns_answer.h"

#include <stdlib.h>
#include <string.h>

#define NEGATIVE_TTL_S 300 /* of an absence whose answer carries no SOA */

const char *dns_outcome_name(enum dns_outcome outcome)
{
	switch (outcome) {
	case DNS_OK:
		return "ok";
	case DNS_NODATA:
		return "nodata";
	case DNS_NXDOMAIN:
		return "nxdomain";
	case DNS_FAILED:
		return "failed";
	case DNS_BOGUS:
		return "bogus";
	case DNS_TIMEOUT:
		return "timeout";
	case DNS_BROKEN:
		return "broken";
	}
	abort();
}

struct dns_answer *dns_answer_new(enum dns_outcome outcome, size_t count, size_t bytes)
{
	struct dns_answer *answer = calloc(1, sizeof *answer + count * sizeof answer->rr[0] + bytes);

	if (!answer)
		abort();
	answer->outcome = outcome;
	return answer;
}

static struct dns_answer *answer_records(const struct ub_result *result)
{
	size_t count = 0, bytes = 0;

	while (count < DNS_RR_MAX && result->data[count])
		bytes += (size_t)result->len[count++];
	struct dns_answer *answer = dns_answer_new(DNS_OK, count, bytes);
	uint8_t *at = (uint8_t *)&answer->rr[count];
	for (size_t i = 0; i < count; i++) {
		size_t len = (size_t)result->len[i];

		memcpy(at, result->data[i], len);
		answer->rr[i] = (struct dns_rr){.data = at, .len = len};
		at += len;
	}
	answer->count = count;
	answer->truncated = result->data[count] != NULL;
	return answer;
}

/* libunbound has taken the smaller of the SOA's TTL and its minimum already (RFC 2308 5); without an authority section
 * its 0 says nothing. */
static uint32_t answer_ttl(const struct ub_result *result)
{
	const uint8_t *packet = result->answer_packet;
	bool positive = result->rcode == 0 && result->havedata;
	bool authority = packet && result->answer_len >= 12 && (packet[8] || packet[9]);

	if (!positive && !authority)
		return NEGATIVE_TTL_S;
	return result->ttl > 0 ? (uint32_t)result->ttl : 0;
}

/* libunbound has put '?' for octets that no host name has, and a dot at the end. */
static void answer_canonical(struct dns_answer *answer, const char *name)
{
	size_t len = name ? strlen(name) : 0;

	if (len > 1 && name[len - 1] == '.')
		len--;
	if (len >= sizeof answer->canonical)
		return;
	for (size_t i = 0; i < len; i++)
		answer->canonical[i] = (char)(name[i] >= 'A' && name[i] <= 'Z' ? name[i] - 'A' + 'a' : name[i]);
}

struct dns_answer *dns_answer_from(const struct ub_result *result)
{
	struct dns_answer *answer;

	if (result->bogus)
		return dns_answer_new(DNS_BOGUS, 0, 0);
	if (result->nxdomain)
		answer = dns_answer_new(DNS_NXDOMAIN, 0, 0);
	else if (result->rcode != 0)
		return dns_answer_new(DNS_FAILED, 0, 0);
	else
		answer = result->havedata ? answer_records(result) : dns_answer_new(DNS_NODATA, 0, 0);
	answer->secure = result->secure;
	answer_canonical(answer, result->canonname);
	answer->ttl_s = answer_ttl(result);
	return answer;
}

void dns_answer_free(struct dns_answer **answer)
{
	free(*answer);
	*answer = NULL;
}
