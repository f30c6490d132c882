#include "obtain_internal.h"

#include "clock.h"
#include "memory.h"
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

bool found_is_refused_probe(const struct found *found)
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
		if (found_is_refused_probe(found))
			facts_learn_refused(facts, want->name, want->port, found->evidence.at);
		break;
	case WANT_NOTHING:
	case WANT_ENTRY:
	case WANT_EVIDENCE:
		break;
	}
}

/* --- record ------------------------------------------------------------------------------------------------------- */

/* Spec S-12: what is no TXT data in the first place is no candidate either. */
static enum record_set record_read(const struct dns_answer *answer, struct record *record)
{
	struct span txt[RECORD_SET_MAX];
	size_t count = 0, used = 0, size = 1;
	for (size_t i = 0; i < answer->count; i++)
		size += answer->rr[i].len;
	char *bytes = xmalloc(size);
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
		return REASON_OK;
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
	struct rdata_mx *mx = xcalloc(answer->count, sizeof *mx);
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
	found->outcome = REASON_OK;
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
	found->untried = found->mx.outcome != REASON_OK;
	if (found->untried)
		return;
	mx_look(lookups, domain, &found->mx, &found->dns);
	if (lookups_over(lookups) && found->mx.outcome != REASON_OK)
		limits_remember(limits, LIMIT_MX_FAILURES, domain, 0, (uint16_t)found->mx.outcome,
			clock_mono_ms() + LIMITS_MX_FAILURE_MS);
}

/* --- any want ----------------------------------------------------------------------------------------------------- */

enum obtained obtain_wait(struct attempt *attempt)
{
	attempt->again_ms = -1;
	return OBTAIN_LATER;
}

static int64_t patience_ms(const struct means *means, const struct want *want)
{
	const struct settings *settings = means->config->settings;
	return 1000 * (int64_t)(want->kind == WANT_POLICY ? settings->fetch_timeout : settings->probe_timeout);
}

enum obtained obtain_put_off(const struct means *means, struct attempt *attempt)
{
	int64_t now_ms = clock_mono_ms();
	if (attempt->put_off_ms == 0)
		attempt->put_off_ms = now_ms;
	if (now_ms - attempt->put_off_ms >= patience_ms(means, &attempt->want))
		return OBTAIN_REFUSED;
	int most_ms = attempt->want.kind == WANT_POLICY ? OBTAIN_RETRY_MAX_MS : OBTAIN_RETRY_PROBE_MAX_MS;
	attempt->again_ms = OBTAIN_RETRY_MS << attempt->put_offs;
	if (attempt->again_ms < most_ms)
		attempt->put_offs++;
	else
		attempt->again_ms = most_ms;
	return OBTAIN_LATER;
}

bool sockets_take(const struct means *means)
{
	unsigned most = means->bounds->sockets_max;
	return limits_hold(means->bounds->limits, LIMIT_SOCKETS, SOCKETS_KEY, means->asked ? most : most / 2);
}

void sockets_give(const struct bounds *bounds)
{
	limits_release(bounds->limits, LIMIT_SOCKETS, SOCKETS_KEY);
}

static enum obtained lookups_end_or_wait(struct attempt *attempt)
{
	return lookups_over(&attempt->lookups) ? OBTAINED : obtain_wait(attempt);
}

static enum obtained obtain_by_kind(const struct means *means, struct attempt *attempt, struct found *found)
{
	const struct want *want = &attempt->want;
	switch (want->kind) {
	case WANT_RECORD:
		obtain_record(&attempt->lookups, want->name, &found->record, &found->dns);
		return lookups_end_or_wait(attempt);
	case WANT_POLICY:
		return obtain_policy(means, attempt, found);
	case WANT_MX:
		obtain_mx(&attempt->lookups, means->bounds->limits, found);
		return lookups_end_or_wait(attempt);
	case WANT_TLSA:
		return obtain_tlsa(attempt, found);
	case WANT_PROBE:
		return obtain_evidence(means, attempt, found);
	case WANT_NOTHING:
	case WANT_ENTRY:
	case WANT_EVIDENCE:
		break;
	}
	return OBTAINED;
}

enum obtained obtain(const struct means *means, struct attempt *attempt, const struct want *want, struct found *found)
{
	attempt->want = *want;
	memset(found, 0, sizeof *found);
	found->want = *want;
	lookups_begin(&attempt->lookups, means->config->dns, means->loop, means->wake);
	enum obtained obtained = obtain_by_kind(means, attempt, found);
	if (obtained == OBTAIN_LATER)
		found_free(found);
	return obtained;
}

bool attempt_is_between_probes(const struct attempt *attempt)
{
	return attempt->probing && probing_is_between(attempt->probing);
}

void attempt_end(struct attempt *attempt, const struct bounds *bounds, const struct config *config)
{
	fetching_end(&attempt->fetching, bounds);
	probing_end(attempt, bounds, config);
	lookups_end(&attempt->lookups);
	*attempt = (struct attempt){.fetching = NULL};
}

/* --- policies (RFC 8461 3.3) ------------------------------------------------------------------------------------- */

struct fetching {
	struct fetch *fetch;
	struct backoff_try try;
	uint64_t network;
	int64_t left_ms; /* that the fetch was given */
};

static void policy_missed(struct policy_found *found, enum reason outcome, const char *words)
{
	struct text detail;
	policy_found_free(found);
	found->outcome = outcome;
	text_init(&detail, found->detail, sizeof found->detail);
	text_add(&detail, "policy host ");
	text_add(&detail, words);
}

static int64_t whole_ms(const struct means *means)
{
	return (int64_t)means->config->settings->fetch_timeout * 1000;
}

/* Fetches that nobody waits for leave half of the network's places to others. */
static bool network_take(const struct means *means, uint64_t network)
{
	return limits_hold(means->bounds->limits, LIMIT_NETWORK_FETCHES, network,
		means->asked ? NETWORK_FETCHES_MAX : NETWORK_FETCHES_MAX / 2);
}

/* RFC 8461 3.3: a policy that cannot be fetched within the time for a fetch is none. */
static enum obtained fetch_put_off(
	const struct means *means, struct attempt *attempt, struct found *found, const char *words)
{
	if (obtain_put_off(means, attempt) == OBTAIN_LATER)
		return OBTAIN_LATER;
	policy_missed(&found->policy, REASON_POLICY_FETCH, words);
	found->refused = true;
	return OBTAIN_REFUSED;
}

static enum obtained fetch_start(const struct means *means, struct attempt *attempt, const struct addresses *list,
	int64_t left_ms, struct found *found)
{
	const struct bounds *bounds = means->bounds;
	uint64_t network = address_network(&list->at[0]);
	struct backoff_try try;
	switch (limits_fetch_begin(bounds->limits, addresses_least(list), means->asked, clock_mono_ms(), &try)) {
	case BACKOFF_GO:
		break;
	case BACKOFF_WAIT:
		return fetch_put_off(means, attempt, found, "could not be reached a short time ago");
	case BACKOFF_FAIL:
		policy_missed(&found->policy, REASON_POLICY_FETCH, "could not be reached a short time ago");
		found->refused = true;
		return OBTAIN_REFUSED;
	}
	bool room = network_take(means, network);
	if (room && !sockets_take(means)) {
		limits_release(bounds->limits, LIMIT_NETWORK_FETCHES, network);
		room = false;
	}
	if (!room) {
		limits_fetch_end(bounds->limits, &try, BACKOFF_UNPROVED, clock_mono_ms());
		return fetch_put_off(means, attempt, found, "was not asked: too many fetches are under way");
	}
	struct fetching *fetching = xcalloc(1, sizeof *fetching);
	*fetching = (struct fetching){.try = try, .network = network, .left_ms = left_ms};
	fetching->fetch = fetch_begin(means->config->fetcher, means->fetches, attempt->want.name, list->at, list->count,
		(int)left_ms, means->wake);
	attempt->fetching = fetching;
	/* Its lookup goes on beside the fetch. Only where it is used at once: an answer that waits in the cache is not
	 * what DNS says when a message comes. */
	if (means->mx_is_next)
		dns_prefetch(means->config->dns, means->loop, attempt->want.name, DNS_MX);
	return obtain_wait(attempt);
}

/* Too little time proves nothing: slow DNS of one domain must not keep others from the host. */
static enum backoff_end fetch_proof(const struct policy_found *found, int64_t given_ms, int64_t full_ms)
{
	if (!found->unreached)
		return BACKOFF_REACHED;
	return given_ms >= full_ms / 2 ? BACKOFF_UNREACHED : BACKOFF_UNPROVED;
}

static enum obtained fetch_go_on(const struct means *means, struct attempt *attempt, struct found *found)
{
	struct fetching *fetching = attempt->fetching;
	if (!fetch_answer(fetching->fetch, &found->policy))
		return obtain_wait(attempt);
	found->network = fetching->network;
	enum backoff_end proof = fetch_proof(&found->policy, fetching->left_ms, whole_ms(means));
	limits_fetch_end(means->bounds->limits, &fetching->try, proof, clock_mono_ms());
	fetching->try = (struct backoff_try){.alone = false};
	fetching_end(&attempt->fetching, means->bounds);
	return OBTAINED;
}

enum obtained obtain_policy(const struct means *means, struct attempt *attempt, struct found *found)
{
	struct lookups *lookups = &attempt->lookups;
	char buffer[DOMAIN_SIZE + sizeof "mta-sts."];
	struct addresses list;
	struct text host;
	if (attempt->fetching)
		return fetch_go_on(means, attempt, found);
	text_init(&host, buffer, sizeof buffer);
	text_add(&host, "mta-sts.");
	text_add(&host, attempt->want.name);
	addresses_find(&list, lookups, buffer, FETCH_ADDRESSES_MAX, means->config->settings->fetch_private,
		lookups->begun_ms + whole_ms(means));
	if (!lookups_over(lookups))
		return obtain_wait(attempt);
	int64_t left_ms = whole_ms(means) - lookups_took_ms(lookups);
	if (list.count == 0 || left_ms <= 0) {
		found->untried = list.worst == DNS_BROKEN;
		policy_missed(
			&found->policy, found->untried ? REASON_RESOLVER : REASON_POLICY_FETCH, addresses_lack(&list));
		return OBTAINED;
	}
	enum obtained started = fetch_start(means, attempt, &list, left_ms, found);
	return attempt->fetching ? fetch_go_on(means, attempt, found) : started;
}

void fetching_end(struct fetching **slot, const struct bounds *bounds)
{
	struct fetching *fetching = *slot;
	if (!fetching)
		return;
	fetch_drop(&fetching->fetch);
	if (fetching->try.address.len != 0)
		limits_fetch_end(bounds->limits, &fetching->try, BACKOFF_UNPROVED, clock_mono_ms());
	limits_release(bounds->limits, LIMIT_NETWORK_FETCHES, fetching->network);
	sockets_give(bounds);
	free(fetching);
	*slot = NULL;
}
