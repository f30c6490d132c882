#include "lookups.h"

#include "clock.h"
#include "memory.h"
#include "rdata.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NAME_SIZE (DOMAIN_SIZE + 16) /* `_mta-sts.`, `_65535._tcp.` before a domain */

struct lookup {
	struct lookup *next;
	enum dns_type type;
	struct dns_query *query;
	char name[NAME_SIZE];
};

void lookups_begin(struct lookups *lookups, struct dns *dns, struct loop *loop, struct wake wake)
{
	lookups->dns = dns;
	lookups->loop = loop;
	lookups->wake = wake;
	lookups->waiting = false;
	if (lookups->begun_ms == 0)
		lookups->begun_ms = clock_mono_ms();
}

static struct lookup *lookup_made(struct lookups *lookups, const char *name, enum dns_type type, int64_t left_ms)
{
	for (struct lookup *known = lookups->first; known; known = known->next)
		if (known->type == type && strcmp(known->name, name) == 0)
			return known;
	struct lookup *lookup = xcalloc(1, sizeof *lookup);
	snprintf(lookup->name, sizeof lookup->name, "%s", name);
	lookup->type = type;
	if (left_ms < 1) /* the answer may be at hand */
		left_ms = 1;
	lookup->query = dns_query_begin(lookups->dns, lookups->loop, name, type,
		left_ms < DNS_TIMEOUT_MS ? (int)left_ms : DNS_TIMEOUT_MS, lookups->wake);
	lookup->next = lookups->first;
	lookups->first = lookup;
	return lookup;
}

const struct dns_answer *lookups_ask(struct lookups *lookups, const char *name, enum dns_type type, int64_t deadline_ms)
{
	static const struct dns_answer none = {.outcome = DNS_TIMEOUT};
	const struct lookup *lookup = lookup_made(lookups, name, type, deadline_ms - clock_mono_ms());
	const struct dns_answer *answer = dns_query_answer(lookup->query);
	lookups->waiting = lookups->waiting || !answer;
	return answer ? answer : &none;
}

bool lookups_over(struct lookups *lookups)
{
	if (!lookups->waiting && lookups->ended_ms == 0)
		lookups->ended_ms = clock_mono_ms();
	return !lookups->waiting;
}

int64_t lookups_took_ms(const struct lookups *lookups)
{
	return lookups->ended_ms - lookups->begun_ms;
}

void lookups_end(struct lookups *lookups)
{
	while (lookups->first) {
		struct lookup *lookup = lookups->first;
		lookups->first = lookup->next;
		dns_query_drop(&lookup->query);
		free(lookup);
	}
	*lookups = (struct lookups){.dns = NULL};
}

/* --- addresses ---------------------------------------------------------------------------------------------------- */

/* What one lookup brings: addresses that may be dialled, at most FETCH_ADDRESSES_MAX. */
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

void addresses_find(struct addresses *list, struct lookups *lookups, const char *host, size_t max, bool allow_private,
	int64_t deadline_ms)
{
	struct family four = {.count = 0}, six = {.count = 0};
	memset(list, 0, sizeof *list);
	list->trouble = DNS_OK;
	family_take(&four, list, lookups_ask(lookups, host, DNS_A, deadline_ms), allow_private);
	family_take(&six, list, lookups_ask(lookups, host, DNS_AAAA, deadline_ms), allow_private);
	/* Half of them are of each family, and one family has the other's places that stay empty. */
	size_t half = max / 2, sixes = six.count < half ? six.count : half;
	addresses_add(list, &four, max - sixes);
	addresses_add(list, &six, max - list->count);
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
