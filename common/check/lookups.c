#include "lookups.h"

#include "clock.h"
#include "memory.h"
#include "rdata.h"
#include "text.h"
#include "tlsa.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NAME_SIZE (DOMAIN_SIZE + 16) /* a domain behind `_mta-sts.` or `_65535._tcp.` */

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

const struct dns_answer *lookups_ask(struct lookups *lookups, const char *name, enum dns_type type, int64_t deadline_ms)
{
	static const struct dns_answer none = {.outcome = DNS_TIMEOUT};
	struct lookup **slot = &lookups->first;
	while (*slot && ((*slot)->type != type || strcmp((*slot)->name, name) != 0))
		slot = &(*slot)->next;
	struct lookup *lookup = *slot;
	if (!lookup) {
		int64_t left_ms = deadline_ms - clock_mono_ms();
		if (left_ms < 1) /* the cache may have the answer */
			left_ms = 1;
		lookup = xcalloc(1, sizeof *lookup);
		snprintf(lookup->name, sizeof lookup->name, "%s", name);
		lookup->type = type;
		lookup->query = dns_query_begin(lookups->dns, lookups->loop, name, type,
			left_ms < DNS_TIMEOUT_MS ? (int)left_ms : DNS_TIMEOUT_MS, lookups->wake);
		*slot = lookup;
	}
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

/* --- in words ----------------------------------------------------------------------------------------------------- */

#define TLSA_OCTETS_SHOWN 8

static const char *type_name(enum dns_type type)
{
	switch (type) {
	case DNS_A:
		return "A";
	case DNS_CNAME:
		return "CNAME";
	case DNS_MX:
		return "MX";
	case DNS_TXT:
		return "TXT";
	case DNS_AAAA:
		return "AAAA";
	case DNS_TLSA:
		return "TLSA";
	}
	return "";
}

/* Adds an address or a TLSA record; of other data, and of data that cannot be read, only the length. */
static void data_describe(struct text *text, enum dns_type type, const struct dns_rr *rr)
{
	struct address address;
	char shown[ADDRESS_TEXT_SIZE];
	struct tlsa_set set;
	struct span data = {(const char *)rr->data, rr->len};
	text_add(text, " ");
	if ((type == DNS_A || type == DNS_AAAA) && rdata_address(&address, rr->data, rr->len)) {
		text_add(text, address_format(&address, shown));
	} else if (type == DNS_TLSA && tlsa_set_take(&set, &data, 1) == TLSA_USABLE) {
		text_add(text, "[");
		tlsa_record_text(text, &set.record[0], TLSA_OCTETS_SHOWN);
		text_add(text, "]");
	} else {
		text_add(text, "[");
		text_add_number(text, (int64_t)rr->len);
		text_add(text, " octets]");
	}
}

static void answer_describe(struct text *text, enum dns_type type, const struct dns_answer *answer)
{
	if (answer->canonical[0] != '\0') {
		text_add(text, " alias of ");
		text_add(text, answer->canonical);
	}
	for (size_t i = 0; i < answer->count && !text->cut; i++)
		data_describe(text, type, &answer->rr[i]);
	if (answer->outcome != DNS_OK) {
		text_add(text, " ");
		text_add(text, dns_outcome_name(answer->outcome));
	}
	text_add(text, " (TTL ");
	text_add_number(text, answer->ttl_s);
	text_add(text, answer->secure ? ", validated)" : ", not validated)");
}

void lookups_describe(const struct lookups *lookups, struct text *text)
{
	for (const struct lookup *lookup = lookups->first; lookup && !text->cut; lookup = lookup->next) {
		const struct dns_answer *answer = dns_query_answer(lookup->query);
		if (!answer)
			continue;
		text_add(text, text->len > 0 ? "; " : "");
		text_add(text, lookup->name);
		text_add(text, " ");
		text_add(text, type_name(lookup->type));
		answer_describe(text, lookup->type, answer);
	}
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

/* The addresses in one answer that may be connected to. */
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
	if (answer->outcome > list->worst && answer->outcome != DNS_NODATA && answer->outcome != DNS_NXDOMAIN)
		list->worst = answer->outcome;
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
	list->worst = DNS_OK;
	family_take(&four, list, lookups_ask(lookups, host, DNS_A, deadline_ms), allow_private);
	family_take(&six, list, lookups_ask(lookups, host, DNS_AAAA, deadline_ms), allow_private);
	/* Each family has half of the places, and may use the places that the other one leaves empty. */
	size_t half = max / 2, sixes = six.count < half ? six.count : half;
	addresses_add(list, &four, max - sixes);
	addresses_add(list, &six, max - list->count);
}

const char *addresses_lack(const struct addresses *list)
{
	if (list->refused)
		return "has no globally reachable address";
	switch (list->worst) {
	case DNS_OK:
	case DNS_NODATA:
	case DNS_NXDOMAIN:
		return "has no address";
	case DNS_FAILED:
	case DNS_BOGUS:
		return "has no known address: the lookup failed";
	case DNS_TIMEOUT:
		return "has no known address: the lookup timed out";
	case DNS_BROKEN:
		return "has no known address: no resolver answers";
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

/* --- TLSA records ------------------------------------------------------------------------------------------------- */

/* What all lookups of one search share. */
struct search {
	struct lookups *lookups;
	int64_t deadline_ms;
	struct tlsa_found *found;
};

/* Looks up a name for the search. The search's result is valid for no longer than the shortest TTL of all answers (spec
 * D-52). */
static const struct dns_answer *search_ask(struct search *search, const char *name, enum dns_type type)
{
	struct tlsa_lookup *look = &search->found->look;
	const struct dns_answer *answer = lookups_ask(search->lookups, name, type, search->deadline_ms);
	if (answer->ttl_s < look->ttl_s)
		look->ttl_s = answer->ttl_s;
	return answer;
}

/* Returns whether the lookup failed, and notes the failure: it never counts as "no records" (RFC 7672 2.1.2). */
static bool search_failed(struct search *search, const struct dns_answer *answer)
{
	switch (answer->outcome) {
	case DNS_OK:
	case DNS_NODATA:
	case DNS_NXDOMAIN:
		return false;
	case DNS_BROKEN:
		search->found->broken = true;
		break;
	case DNS_FAILED:
	case DNS_BOGUS:
	case DNS_TIMEOUT:
		break;
	}
	search->found->look.state = TLSA_FAILED;
	return true;
}

struct host {
	bool has_address;
	bool secure;
	char canonical[DOMAIN_SIZE]; /* "" if the name is no alias */
};

/* Looks up the host's addresses (RFC 7672 2.2.2), since a zone that is not signed must not be asked for TLSA records.
 * Returns false if the search is over. One of the two lookups may fail: the MTA then uses the addresses of the other
 * lookup. */
static bool host_find(struct search *search, const char *name, struct host *host)
{
	static const enum dns_type types[] = {DNS_A, DNS_AAAA};
	bool failed = false;
	memset(host, 0, sizeof *host);
	for (size_t i = 0; i < 2; i++) {
		const struct dns_answer *answer = search_ask(search, name, types[i]);
		if (answer->outcome != DNS_OK || answer->count == 0) {
			failed = search_failed(search, answer) || failed;
			continue;
		}
		if (!host->has_address)
			memcpy(host->canonical, answer->canonical, sizeof host->canonical);
		host->secure = answer->secure && (host->secure || !host->has_address);
		host->has_address = true;
	}
	search->found->look.state = failed && !host->has_address ? TLSA_FAILED : TLSA_NONE;
	return host->has_address;
}

/* Returns whether the alias itself is signed, although the name that it points to is not (RFC 7672 2.2.2). */
static bool alias_is_secure(struct search *search, const char *name)
{
	const struct dns_answer *answer = search_ask(search, name, DNS_CNAME);
	return !search_failed(search, answer) && answer->outcome == DNS_OK && answer->secure;
}

/* Looks up the records for one base name (RFC 7672 2.2.3). Returns true if the search ends here, with records or with a
 * failure. */
static bool records_find(struct search *search, const char *base, uint16_t port)
{
	struct tlsa_found *found = search->found;
	char name[DOMAIN_SIZE + sizeof "_65535._tcp."];
	struct span rdata[DNS_RR_MAX];
	struct text text;
	text_init(&text, name, sizeof name);
	text_add(&text, "_");
	text_add_number(&text, port);
	text_add(&text, "._tcp.");
	text_add(&text, base);
	if (text.len > DOMAIN_MAX) /* no such name can exist */
		return false;
	const struct dns_answer *answer = search_ask(search, name, DNS_TLSA);
	if (search_failed(search, answer) || answer->outcome != DNS_OK || !answer->secure || answer->count == 0) {
		found->look.signed_denial = answer->secure;
		return found->look.state == TLSA_FAILED;
	}
	for (size_t i = 0; i < answer->count; i++)
		rdata[i] = (struct span){(const char *)answer->rr[i].data, answer->rr[i].len};
	found->look.state = tlsa_set_take(&found->set, rdata, answer->count);
	found->look.id = found->look.state == TLSA_USABLE ? found->set.id : 0;
	found->look.count = (uint16_t)found->set.seen;
	found->look.usable = (uint16_t)found->set.count;
	text_init(&text, found->look.base, sizeof found->look.base);
	text_add(&text, base);
	return true;
}

void tlsa_find(struct tlsa_found *found, struct lookups *lookups, const char *host, uint16_t port, int64_t deadline_ms)
{
	struct search search = {.lookups = lookups, .deadline_ms = deadline_ms, .found = found};
	struct host seen;
	memset(found, 0, sizeof *found);
	found->look.state = TLSA_NONE;
	found->look.ttl_s = UINT32_MAX;
	if (!host_find(&search, host, &seen) || lookups->waiting)
		return;
	bool alias = seen.canonical[0] != '\0' && strcmp(seen.canonical, host) != 0;
	if (!seen.secure && (!alias || !alias_is_secure(&search, host)))
		return;
	/* The end of a chain of aliases is tried first, then the host's own name, and never a name in between. */
	if (seen.secure && alias && records_find(&search, seen.canonical, port))
		return;
	records_find(&search, host, port);
}
