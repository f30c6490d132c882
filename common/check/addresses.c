#include "addresses.h"

#include "clock.h"
#include "rdata.h"

#include <string.h>

static void addresses_take(struct addresses *list, const struct dns_answer *answer, size_t max, bool allow_private)
{
	for (size_t i = 0; i < answer->count && list->count < max; i++) {
		struct address address;
		if (!rdata_address(&address, answer->rr[i].data, answer->rr[i].len))
			continue;
		if (!allow_private && !address_is_global(&address))
			list->refused = true;
		else
			list->at[list->count++] = address;
	}
	if (answer->outcome > list->trouble && answer->outcome != DNS_NODATA && answer->outcome != DNS_NXDOMAIN)
		list->trouble = answer->outcome;
}

void addresses_find(
	struct addresses *list, struct dns *dns, const char *host, size_t max, bool allow_private, int64_t deadline_ms)
{
	static const enum dns_type types[] = {DNS_A, DNS_AAAA};
	memset(list, 0, sizeof *list);
	list->trouble = DNS_OK;
	for (size_t i = 0; i < 2; i++) {
		int64_t left_ms = deadline_ms - clock_mono_ms();
		if (left_ms <= 0) {
			list->trouble = DNS_TIMEOUT;
			return;
		}
		int timeout_ms = left_ms < DNS_TIMEOUT_MS ? (int)left_ms : DNS_TIMEOUT_MS;
		struct dns_answer *answer = dns_lookup(dns, host, types[i], timeout_ms);
		addresses_take(list, answer, i == 0 ? (max + 1) / 2 : max, allow_private);
		dns_answer_free(&answer);
	}
}

const char *addresses_lack(const struct addresses *list)
{
	if (list->refused)
		return "has no globally reachable address";
	switch (list->trouble) {
	case DNS_OK:
	case DNS_NODATA:
	case DNS_NXDOMAIN:
		return "has no address";
	case DNS_FAILED:
	case DNS_BOGUS:
		return "its address lookup failed";
	case DNS_TIMEOUT:
		return "its address lookup timed out";
	case DNS_BROKEN:
		return "no resolver answers";
	}
	return "has no address";
}

const struct address *addresses_least(const struct addresses *list)
{
	const struct address *least = &list->at[0];
	for (size_t i = 1; i < list->count; i++) {
		const struct address *one = &list->at[i];
		if (one->len < least->len || (one->len == least->len && memcmp(one->bytes, least->bytes, one->len) < 0))
			least = one;
	}
	return least;
}
