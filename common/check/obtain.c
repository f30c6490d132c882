#include "obtain.h"

#include "addresses.h"
#include "clock.h"
#include "obtain_hop.h"
#include "rdata.h"
#include "text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void found_free(struct found *found)
{
	policy_found_free(&found->policy);
	mx_found_free(&found->mx);
}

bool found_refused(const struct found *found)
{
	return found->want.kind == WANT_PROBE && found->front && found->evidence.reason == REASON_PROBE_BUDGET;
}

void facts_learn_found(struct facts *facts, const struct found *found)
{
	const struct want *want = &found->want;
	switch (want->kind) {
	case WANT_RECORD:
		facts_learn_record(facts, &found->record);
		break;
	case WANT_POLICY:
		facts_learn_policy(facts, &found->policy, found->record_id);
		break;
	case WANT_MX:
		facts_learn_mx(facts, &found->mx);
		break;
	case WANT_TLSA:
		facts_learn_tlsa(facts, want->name, want->port, &found->tlsa);
		break;
	case WANT_PROBE:
		if (found->tlsa.checked_at != 0)
			facts_learn_tlsa(facts, want->name, want->port, &found->tlsa);
		facts_learn_probe(facts, want->name, want->port, want->dane, &found->evidence);
		if (found_refused(found))
			facts_learn_refused(facts, want->name, want->port, found->evidence.at);
		break;
	case WANT_NOTHING:
	case WANT_ENTRY:
	case WANT_EVIDENCE:
		break;
	}
}

static void *need(void *memory)
{
	if (!memory)
		abort();
	return memory;
}

/* --- record ------------------------------------------------------------------------------------------------------- */

/* Spec S-12: what is no TXT data in the first place is no candidate either. */
static enum record_set record_read(const struct dns_answer *answer, struct record *record)
{
	struct span txt[RECORD_SET_MAX];
	size_t count = 0, used = 0, size = 1;
	for (size_t i = 0; i < answer->count; i++)
		size += answer->rr[i].len;
	char *bytes = need(malloc(size));
	for (size_t i = 0; i < answer->count && count < RECORD_SET_MAX; i++) {
		long len = rdata_txt(bytes + used, size - used, answer->rr[i].data, answer->rr[i].len);
		if (len < 0)
			continue;
		txt[count++] = (struct span){bytes + used, (size_t)len};
		used += (size_t)len;
	}
	enum record_set set = record_set_parse(record, txt, count);
	if (answer->truncated || answer->count > RECORD_SET_MAX)
		set = RECORD_SET_MANY;
	free(bytes);
	return set;
}

static enum reason record_reason(enum record_set set)
{
	switch (set) {
	case RECORD_SET_ONE:
		return REASON_NONE;
	case RECORD_SET_NONE:
		return REASON_NO_RECORD;
	case RECORD_SET_INVALID:
		return REASON_RECORD_INVALID;
	case RECORD_SET_MANY:
		return REASON_RECORD_MANY;
	}
	return REASON_RECORD_INVALID;
}

static void obtain_record(
	struct lookups *lookups, const char *domain, struct record_found *found, enum dns_outcome *outcome)
{
	char buffer[DOMAIN_SIZE + sizeof "_mta-sts."];
	struct text name;
	text_init(&name, buffer, sizeof buffer);
	text_add(&name, "_mta-sts.");
	text_add(&name, domain);
	const struct dns_answer *answer = lookups_ask(lookups, buffer, DNS_TXT, lookups->begun_ms + DNS_TIMEOUT_MS);
	found->ttl_s = answer->ttl_s;
	*outcome = answer->outcome;
	switch (answer->outcome) {
	case DNS_OK:
		found->outcome = record_reason(record_read(answer, &found->record));
		break;
	case DNS_NODATA:
	case DNS_NXDOMAIN:
		found->outcome = REASON_NO_RECORD;
		break;
	case DNS_FAILED:
	case DNS_BOGUS:
	case DNS_TIMEOUT:
		found->outcome = REASON_RECORD_LOOKUP;
		break;
	case DNS_BROKEN:
		found->outcome = REASON_RESOLVER;
		break;
	}
}

/* --- policy ------------------------------------------------------------------------------------------------------- */

static void policy_missed(struct policy_found *found, enum reason outcome, const char *words)
{
	struct text detail;
	found->outcome = outcome;
	text_init(&detail, found->detail, sizeof found->detail);
	text_add(&detail, "policy host ");
	text_add(&detail, words);
}

/* Too little time to tell is no proof: slow DNS of one domain must not keep others from the host. */
static enum backoff_end fetch_end(const struct policy_found *found, int64_t given_ms, int64_t full_ms)
{
	if (!found->unreached)
		return BACKOFF_REACHED;
	return given_ms >= full_ms / 2 ? BACKOFF_UNREACHED : BACKOFF_UNTOLD;
}

/* False: the network's share is used up at this moment. */
static bool policy_fetch(const struct config *config, const struct bounds *bounds, const struct addresses *list,
	int64_t left_ms, struct found *found, enum backoff_end *end)
{
	uint64_t network = address_network(&list->at[0]);
	*end = BACKOFF_UNTOLD;
	if (!limits_hold(bounds->limits, LIMIT_NETWORK_FETCHES, network, bounds->quota)) {
		policy_missed(
			&found->policy, REASON_POLICY_FETCH, "shares its network with too many fetches under way");
		return false;
	}
	found->network = network;
	fetch_policy(config->fetcher, found->want.name, list->at, list->count, (int)left_ms, &found->policy);
	*end = fetch_end(&found->policy, left_ms, (int64_t)config->settings->fetch_timeout * 1000);
	limits_release(bounds->limits, LIMIT_NETWORK_FETCHES, network);
	return true;
}

static bool policy_host_asked(const struct config *config, const struct bounds *bounds, const struct addresses *list,
	bool asked, int64_t left_ms, struct found *found)
{
	struct backoff_try try;
	enum backoff_end end;
	enum backoff_way way = limits_fetch_begin(bounds->limits, addresses_least(list), asked, clock_mono_ms(), &try);
	if (way != BACKOFF_GO) {
		policy_missed(&found->policy, REASON_POLICY_FETCH, "could not be reached a short time ago");
		found->unmade = way == BACKOFF_FAIL;
		return found->unmade;
	}
	bool fetched = policy_fetch(config, bounds, list, left_ms, found, &end);
	limits_fetch_end(bounds->limits, &try, end, clock_mono_ms());
	return fetched;
}

static bool obtain_policy(const struct config *config, const struct bounds *bounds, struct lookups *lookups, bool asked,
	struct found *found)
{
	const struct settings *settings = config->settings;
	int64_t whole_ms = (int64_t)settings->fetch_timeout * 1000;
	char buffer[DOMAIN_SIZE + sizeof "mta-sts."];
	struct addresses list;
	struct text host;

	text_init(&host, buffer, sizeof buffer);
	text_add(&host, "mta-sts.");
	text_add(&host, found->want.name);
	addresses_find(
		&list, lookups, buffer, FETCH_ADDRESSES_MAX, settings->fetch_private, lookups->begun_ms + whole_ms);
	if (!lookups_over(lookups))
		return false;
	int64_t left_ms = whole_ms - lookups_took_ms(lookups);
	if (list.count > 0 && left_ms > 0)
		return policy_host_asked(config, bounds, &list, asked, left_ms, found);
	found->untried = list.trouble == DNS_BROKEN;
	policy_missed(&found->policy, found->untried ? REASON_RESOLVER : REASON_POLICY_FETCH, addresses_lack(&list));
	return true;
}

/* --- MX set ------------------------------------------------------------------------------------------------------- */

static int mx_compare(const void *a, const void *b)
{
	const struct rdata_mx *left = a, *right = b;
	if (left->preference != right->preference)
		return left->preference < right->preference ? -1 : 1;
	return strcmp(left->exchange.name, right->exchange.name);
}

/* No policy allows a name that is no host's, or "", which stands for data that does not parse: an MX that cannot be
 * judged is not a good one. */
static void mx_list(const struct dns_answer *answer, struct mx_set *set)
{
	struct rdata_mx *mx = need(calloc(answer->count, sizeof *mx));
	for (size_t i = 0; i < answer->count; i++) {
		if (!rdata_mx(&mx[i], answer->rr[i].data, answer->rr[i].len))
			mx[i] = (struct rdata_mx){.preference = 0};
		if (mx[i].root)
			snprintf(mx[i].exchange.name, sizeof mx[i].exchange.name, "%s", MX_ROOT);
	}
	set->state = answer->count == 1 && mx[0].root ? MX_NULL : MX_LISTED;
	qsort(mx, answer->count, sizeof *mx, mx_compare);
	for (size_t i = 0; set->state == MX_LISTED && i < answer->count; i++) {
		names_add(&set->names, mx[i].exchange.name, strlen(mx[i].exchange.name));
		set->preference[i] = mx[i].preference;
	}
	free(mx);
}

static void mx_look(struct lookups *lookups, const char *domain, struct mx_found *found, enum dns_outcome *outcome)
{
	const struct dns_answer *answer = lookups_ask(lookups, domain, DNS_MX, lookups->begun_ms + DNS_TIMEOUT_MS);
	struct mx_set *set = &found->set;
	set->ttl_s = answer->ttl_s;
	set->secure = answer->secure;
	found->outcome = REASON_NONE;
	*outcome = answer->outcome;
	switch (answer->outcome) {
	case DNS_OK:
		if (answer->truncated || answer->count > MX_SET_MAX)
			set->state = MX_TOO_LARGE;
		else
			mx_list(answer, set);
		break;
	case DNS_NODATA:
		set->state = MX_IMPLICIT;
		break;
	case DNS_NXDOMAIN:
		set->state = MX_NO_DOMAIN;
		break;
	case DNS_FAILED:
	case DNS_BOGUS:
	case DNS_TIMEOUT:
		found->outcome = REASON_MX_LOOKUP;
		break;
	case DNS_BROKEN:
		found->outcome = REASON_RESOLVER;
		break;
	}
}

static void obtain_mx(struct lookups *lookups, struct limits *limits, struct found *found)
{
	const char *domain = found->want.name;
	found->mx.outcome = limits_remembered(limits, LIMIT_MX_FAILURES, domain, 0, clock_mono_ms());
	found->untried = found->mx.outcome != REASON_NONE;
	if (found->untried)
		return;
	mx_look(lookups, domain, &found->mx, &found->dns);
	if (lookups_over(lookups) && found->mx.outcome != REASON_NONE)
		limits_remember(limits, LIMIT_MX_FAILURES, domain, 0, (uint16_t)found->mx.outcome,
			clock_mono_ms() + LIMITS_MX_FAILURE_MS);
}

bool obtain_holds(const struct want *want)
{
	return want->kind == WANT_POLICY || want->kind == WANT_PROBE;
}

static enum budget_claim probe_claim(const struct bounds *bounds, const struct want *want, bool asked)
{
	static const enum budget_claim claims[] = {
		[STANDING_GOOD] = BUDGET_FOR_GOOD, [STANDING_NEW] = BUDGET_FOR_NEW, [STANDING_BAD] = BUDGET_FOR_BAD};
	return asked && !bounds->background ? claims[want->standing] : BUDGET_FOR_BACKGROUND;
}

bool obtain(const struct config *config, const struct bounds *bounds, struct lookups *lookups, const struct want *want,
	bool asked, struct second_look *look, struct found *found)
{
	memset(found, 0, sizeof *found);
	found->want = *want;
	lookups_begin(lookups, config->dns);
	switch (want->kind) {
	case WANT_RECORD:
		obtain_record(lookups, want->name, &found->record, &found->dns);
		break;
	case WANT_POLICY:
		return obtain_policy(config, bounds, lookups, asked, found);
	case WANT_MX:
		obtain_mx(lookups, bounds->limits, found);
		break;
	case WANT_TLSA:
		obtain_tlsa(lookups, found);
		break;
	case WANT_PROBE:
		return obtain_evidence(config,
			&(struct probing){bounds->limits, probe_claim(bounds, want, asked), lookups, look}, found);
	case WANT_NOTHING:
	case WANT_ENTRY:
	case WANT_EVIDENCE:
		break;
	}
	return lookups_over(lookups);
}

int64_t obtain_patience_ms(const struct config *config, const struct want *want)
{
	const struct settings *settings = config->settings;
	return 1000 * (int64_t)(want->kind == WANT_POLICY ? settings->fetch_timeout : settings->probe_timeout);
}

/* RFC 8461 3.3: a policy that cannot be fetched within the time for a fetch is none. */
void obtain_in_vain(const struct want *want, struct found *found)
{
	found->want = *want;
	if (want->kind == WANT_POLICY) {
		if (found->policy.outcome == REASON_NONE)
			policy_missed(&found->policy, REASON_POLICY_FETCH, "was not asked: too much else is under way");
		found->unmade = true;
		return;
	}
	found->untried = true;
	found->evidence.reason = REASON_PROBE_BUDGET;
	found->evidence.at = clock_wall_s();
}
