#include "tlsa_find.h"

#include "text.h"

#include <stdlib.h>
#include <string.h>

/* One search: what all its lookups share. */
struct search {
	struct lookups *lookups;
	int64_t deadline_ms;
	struct tlsa_found *found;
};

static const struct dns_answer *search_ask(struct search *search, const char *name, enum dns_type type)
{
	return lookups_ask(search->lookups, name, type, search->deadline_ms);
}

/* What it rests on is good for no longer than the shortest of all TTLs (spec D-52). */
static void search_rest_on(struct search *search, const struct dns_answer *answer)
{
	struct tlsa_look *look = &search->found->look;
	if (answer->ttl_s < look->ttl_s)
		look->ttl_s = answer->ttl_s;
}

/* RFC 7672 2.1.2: a lookup that fails is never a "no". */
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

/* --- the host's addresses (RFC 7672 2.2.2): TLSA records are not asked of a zone that is not signed ----------------
 */

struct host {
	bool has_address;
	bool secure;
	char canonical[DOMAIN_SIZE]; /* "" when it is no alias */
};

static void host_learn(struct host *host, const struct dns_answer *answer)
{
	if (!host->has_address)
		memcpy(host->canonical, answer->canonical, sizeof host->canonical);
	host->secure = answer->secure && (host->secure || !host->has_address);
	host->has_address = true;
}

/* False: the search is over. One of the two may fail: the MTA dials what the other has. */
static bool host_find(struct search *search, const char *name, struct host *host)
{
	static const enum dns_type types[] = {DNS_A, DNS_AAAA};
	bool failed = false;
	memset(host, 0, sizeof *host);
	for (size_t i = 0; i < 2; i++) {
		const struct dns_answer *answer = search_ask(search, name, types[i]);
		search_rest_on(search, answer);
		if (answer->outcome == DNS_OK && answer->count > 0)
			host_learn(host, answer);
		else
			failed = search_failed(search, answer) || failed;
	}
	search->found->look.state = failed && !host->has_address ? TLSA_FAILED : TLSA_NONE;
	return host->has_address;
}

/* RFC 7672 2.2.2: an alias whose own link is signed, though what it leads to is not. */
static bool alias_is_secure(struct search *search, const char *name)
{
	const struct dns_answer *answer = search_ask(search, name, DNS_CNAME);
	bool secure = !search_failed(search, answer) && answer->outcome == DNS_OK && answer->secure;
	search_rest_on(search, answer);
	return secure;
}

/* --- the records (RFC 7672 2.2.3) ----------------------------------------------------------------------------------
 */

static void records_take(struct tlsa_found *found, const struct dns_answer *answer, const char *base)
{
	struct span rdata[DNS_RR_MAX];
	struct text text;
	for (size_t i = 0; i < answer->count; i++)
		rdata[i] = (struct span){(const char *)answer->rr[i].data, answer->rr[i].len};
	found->look.state = tlsa_set_take(&found->set, rdata, answer->count);
	found->look.id = found->look.state == TLSA_USABLE ? found->set.id : 0;
	found->look.count = (uint16_t)found->set.seen;
	found->look.usable = (uint16_t)found->set.count;
	text_init(&text, found->look.base, sizeof found->look.base);
	text_add(&text, base);
}

/* True: this name ends the search, by its records or by a failure. */
static bool records_find(struct search *search, const char *base, uint16_t port)
{
	char name[DOMAIN_SIZE + sizeof "_65535._tcp."];
	struct text text;
	text_init(&text, name, sizeof name);
	text_add(&text, "_");
	text_add_number(&text, port);
	text_add(&text, "._tcp.");
	text_add(&text, base);
	if (text.len > DOMAIN_MAX) /* a name that nothing can have */
		return false;
	const struct dns_answer *answer = search_ask(search, name, DNS_TLSA);
	search_rest_on(search, answer);
	if (search_failed(search, answer) || answer->outcome != DNS_OK || !answer->secure || answer->count == 0) {
		search->found->look.signed_denial = answer->secure;
		return search->found->look.state == TLSA_FAILED;
	}
	records_take(search->found, answer, base);
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
	/* Intermediate names of a chain are never tried. */
	if (seen.secure && alias && records_find(&search, seen.canonical, port))
		return;
	records_find(&search, host, port);
}
