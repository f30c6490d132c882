#include "addresses.h"

#include "rdata.h"

#include <string.h>

/* What one look-up brings: those that may be dialled, at most FETCH_ADDRESSES_MAX. */
struct family {
	struct address at[FETCH_ADDRESSES_MAX];
	size_t count;
};

static void family_take(
	struct family *family, struct addresses *list, const struct dns_answer *answer, bool allow_private)
{
	for (size_t i = 0; i < answer->count && family->count < FETCH_ADDRESSES_MAX; i++) {
		struct address address;
		if (!rdata_address(&address, answer->rr[i].data, answer->rr[i].len))
			continue;
		if (!allow_private && !address_is_global(&address))
			list->refused = true;
		else
			family->at[family->count++] = address;
	}
	if (answer->outcome > list->trouble && answer->outcome != DNS_NODATA && answer->outcome != DNS_NXDOMAIN)
		list->trouble = answer->outcome;
}

static void addresses_add(struct addresses *list, const struct family *family, size_t most)
{
	for (size_t i = 0; i < family->count && i < most; i++)
		list->at[list->count++] = family->at[i];
}

/* Half of them are of each family, and one family has the other's places that stay empty. */
static void addresses_choose(struct addresses *list, const struct family *four, const struct family *six, size_t max)
{
	size_t half = max / 2, sixes = six->count < half ? six->count : half;
	addresses_add(list, four, max - sixes);
	addresses_add(list, six, max - list->count);
}

void addresses_find(struct addresses *list, struct lookups *lookups, const char *host, size_t max, bool allow_private,
	int64_t deadline_ms)
{
	static const enum dns_type types[] = {DNS_A, DNS_AAAA};
	struct family family[2] = {{.count = 0}, {.count = 0}};
	memset(list, 0, sizeof *list);
	list->trouble = DNS_OK;
	for (size_t i = 0; i < 2; i++) {
		const struct dns_answer *answer = lookups_ask(lookups, host, types[i], deadline_ms);
		family_take(&family[i], list, answer, allow_private);
	}
	addresses_choose(list, &family[0], &family[1], max);
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
