#include "obtain_internal.h"

#include "clock.h"
#include "memory.h"
#include "metrics.h"
#include "rdata.h"
#include "text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* --- results ------------------------------------------------------------------------------------------------------ */

void found_free(struct found *found)
{
	policy_found_free(&found->policy);
	mx_found_free(&found->mx);
	names_free(&found->tlsa_records);
	free(found->look);
	found->look = NULL;
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

/* --- durations ---------------------------------------------------------------------------------------------------- */

void obtain_time(enum timing timing, int64_t begun_us)
{
	metrics_observe(METRIC_STEP_SECONDS, timing, 0, clock_mono_us() - begun_us);
}

static enum timing lookups_timing(enum want_kind kind)
{
	switch (kind) {
	case WANT_RECORD:
		return TIMING_RECORD;
	case WANT_MX:
		return TIMING_MX;
	case WANT_TLSA:
		return TIMING_TLSA;
	case WANT_POLICY:
	case WANT_PROBE:
	case WANT_NOTHING:
	case WANT_ENTRY:
	case WANT_EVIDENCE:
		break;
	}
	return TIMING_ADDRESS;
}

/* Counts once how long the lookups of an attempt took, when each of them has its answer. */
static void lookups_count(struct attempt *attempt)
{
	if (attempt->timed || attempt->lookups.waiting || !attempt->lookups.first)
		return;
	attempt->timed = true;
	obtain_time(lookups_timing(attempt->want.kind), attempt->begun_us);
}

/* --- limits ------------------------------------------------------------------------------------------------------- */

enum obtained obtain_wait(struct attempt *attempt)
{
	attempt->again_ms = -1;
	return OBTAIN_LATER;
}

enum obtained obtain_requeue(const struct means *means, struct attempt *attempt, enum limit_hit limit)
{
	const struct settings *settings = means->config->settings;
	bool policy = attempt->want.kind == WANT_POLICY;
	int64_t patience_ms = 1000 * (int64_t)(policy ? settings->fetch_timeout : settings->probe_timeout);
	int64_t now_ms = clock_mono_ms();
	if (attempt->requeued_ms == 0) {
		attempt->requeued_ms = now_ms;
		if (limit != LIMIT_HITS)
			limit_hit(limit, attempt->want.name);
	}
	if (now_ms - attempt->requeued_ms >= patience_ms)
		return OBTAIN_REFUSED;
	int most_ms = policy ? OBTAIN_RETRY_MAX_MS : OBTAIN_RETRY_PROBE_MAX_MS;
	attempt->again_ms = OBTAIN_RETRY_MS << attempt->requeues;
	if (attempt->again_ms < most_ms)
		attempt->requeues++;
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

/* --- record ------------------------------------------------------------------------------------------------------- */

/* Parses an answer. Data that is not valid TXT data does not count as a candidate (spec S-12). */
static enum reason record_read(const struct dns_answer *answer, struct record *record)
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
	free(bytes);
	if (answer->truncated || answer->count > RECORD_SET_MAX)
		set = RECORD_SET_MANY;
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

static void obtain_record(struct lookups *lookups, struct found *found)
{
	struct record_found *record = &found->record;
	char buffer[DOMAIN_SIZE + sizeof "_mta-sts."];
	struct text name;
	text_init(&name, buffer, sizeof buffer);
	text_add(&name, "_mta-sts.");
	text_add(&name, found->want.name);
	const struct dns_answer *answer = lookups_ask(lookups, buffer, DNS_TXT, lookups->begun_ms + DNS_TIMEOUT_MS);
	record->ttl_s = answer->ttl_s;
	record->secure = answer->secure;
	found->dns = answer->outcome;
	switch (answer->outcome) {
	case DNS_OK:
		record->outcome = record_read(answer, &record->record);
		break;
	case DNS_NODATA:
	case DNS_NXDOMAIN:
		record->outcome = REASON_NO_RECORD;
		break;
	case DNS_FAILED:
	case DNS_BOGUS:
	case DNS_TIMEOUT:
		record->outcome = REASON_RECORD_LOOKUP;
		break;
	case DNS_BROKEN:
		record->outcome = REASON_RESOLVER;
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

/* Data that cannot be parsed becomes the name "", and the root name becomes MX_ROOT. No policy allows either of them, so
 * an MX record that cannot be judged is never a good hop. */
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

static void obtain_mx(struct lookups *lookups, struct limits *limits, struct found *found)
{
	const char *domain = found->want.name;
	struct mx_set *set = &found->mx.set;
	found->mx.outcome = limits_remembered(limits, LIMIT_MX_FAILURES, domain, 0, clock_mono_ms());
	found->untried = found->mx.outcome != REASON_OK;
	if (found->untried)
		return;
	const struct dns_answer *answer = lookups_ask(lookups, domain, DNS_MX, lookups->begun_ms + DNS_TIMEOUT_MS);
	set->ttl_s = answer->ttl_s;
	set->secure = answer->secure;
	found->dns = answer->outcome;
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
		found->mx.outcome = REASON_MX_LOOKUP;
		break;
	case DNS_BROKEN:
		found->mx.outcome = REASON_RESOLVER;
		break;
	}
	if (lookups_over(lookups) && found->mx.outcome != REASON_OK)
		limits_remember(limits, LIMIT_MX_FAILURES, domain, 0, (uint16_t)found->mx.outcome,
			clock_mono_ms() + LIMITS_MX_FAILURE_MS);
}

/* --- policy (RFC 8461 3.3) ---------------------------------------------------------------------------------------- */

/* A fetch under way. */
struct fetching {
	struct fetch *fetch;
	struct backoff_try try;
	uint64_t network;
	int64_t left_ms; /* the time that the fetch was given */
	int64_t begun_us;
};

static int64_t fetch_timeout_ms(const struct means *means)
{
	return (int64_t)means->config->settings->fetch_timeout * 1000;
}

/* Notes that there is no policy. `words` follow "policy host". */
static void policy_missed(struct policy_found *found, enum reason outcome, const char *words)
{
	struct text detail;
	policy_found_free(found);
	found->outcome = outcome;
	text_init(&detail, found->detail, sizeof found->detail);
	text_add(&detail, "policy host ");
	text_add(&detail, words);
}

/* Call it if a limit allows no fetch now. Requeues the attempt; if the limits allow no fetch for fetch_timeout, the fetch
 * has failed. */
static enum obtained fetch_requeue(const struct means *means, struct attempt *attempt, struct found *found,
	enum limit_hit limit, const char *words)
{
	if (obtain_requeue(means, attempt, limit) == OBTAIN_LATER)
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
		return fetch_requeue(means, attempt, found, HIT_POLICY_HOST, "could not be reached a short time ago");
	case BACKOFF_FAIL:
		limit_hit(HIT_POLICY_HOST, attempt->want.name);
		policy_missed(&found->policy, REASON_POLICY_FETCH, "could not be reached a short time ago");
		found->refused = true;
		return OBTAIN_REFUSED;
	}
	/* Fetches that nobody waits for leave half of the network's places to others. */
	bool room = limits_hold(bounds->limits, LIMIT_NETWORK_FETCHES, network,
		means->asked ? NETWORK_FETCHES_MAX : NETWORK_FETCHES_MAX / 2);
	enum limit_hit limit = room ? HIT_CONNECTIONS : HIT_POLICY_NETWORK;
	if (room && !sockets_take(means)) {
		limits_release(bounds->limits, LIMIT_NETWORK_FETCHES, network);
		room = false;
	}
	if (!room) {
		limits_fetch_end(bounds->limits, &try, BACKOFF_UNPROVED, clock_mono_ms());
		return fetch_requeue(means, attempt, found, limit, "was not contacted: too many fetches are under way");
	}
	struct fetching *fetching = xcalloc(1, sizeof *fetching);
	*fetching = (struct fetching){.try = try, .network = network, .left_ms = left_ms, .begun_us = clock_mono_us()};
	fetching->fetch = fetch_begin(means->config->fetcher, means->fetches, attempt->want.name, list->at, list->count,
		(int)left_ms, means->wake);
	attempt->fetching = fetching;
	/* The MX lookup runs beside the fetch, but only if its answer is used immediately afterwards: an answer that
	 * waits in the cache may differ from DNS when a message comes. */
	if (means->mx_is_next)
		dns_prefetch(means->config->dns, means->loop, attempt->want.name, DNS_MX);
	return obtain_wait(attempt);
}

static void fetching_end(struct fetching **slot, const struct bounds *bounds)
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

static enum obtained fetch_go_on(const struct means *means, struct attempt *attempt, struct found *found)
{
	struct fetching *fetching = attempt->fetching;
	if (!fetch_answer(fetching->fetch, &found->policy))
		return obtain_wait(attempt);
	obtain_time(TIMING_POLICY, fetching->begun_us);
	found->network = fetching->network;
	revocations_judge_policy(means->revocations, means->config->settings, attempt->want.name, &found->policy);
	/* A fetch that had little time proves nothing: one domain's slow DNS must not keep other domains from the
	 * host. */
	enum backoff_end proof =
		fetching->left_ms >= fetch_timeout_ms(means) / 2 ? BACKOFF_UNREACHED : BACKOFF_UNPROVED;
	if (!found->policy.unreached)
		proof = BACKOFF_REACHED;
	limits_fetch_end(means->bounds->limits, &fetching->try, proof, clock_mono_ms());
	fetching->try = (struct backoff_try){.alone = false};
	fetching_end(&attempt->fetching, means->bounds);
	return OBTAINED;
}

static enum obtained obtain_policy(const struct means *means, struct attempt *attempt, struct found *found)
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
		lookups->begun_ms + fetch_timeout_ms(means));
	if (!lookups_over(lookups))
		return obtain_wait(attempt);
	int64_t left_ms = fetch_timeout_ms(means) - lookups_took_ms(lookups);
	if (list.count == 0 || left_ms <= 0) {
		found->untried = list.worst == DNS_BROKEN;
		policy_missed(
			&found->policy, found->untried ? REASON_RESOLVER : REASON_POLICY_FETCH, addresses_lack(&list));
		return OBTAINED;
	}
	enum obtained started = fetch_start(means, attempt, &list, left_ms, found);
	return attempt->fetching ? fetch_go_on(means, attempt, found) : started;
}

/* --- any want ----------------------------------------------------------------------------------------------------- */

enum obtained obtain(const struct means *means, struct attempt *attempt, const struct want *want, struct found *found)
{
	struct lookups *lookups = &attempt->lookups;
	enum obtained obtained = OBTAINED;
	attempt->want = *want;
	memset(found, 0, sizeof *found);
	found->want = *want;
	if (attempt->begun_us == 0)
		attempt->begun_us = clock_mono_us();
	lookups_begin(lookups, means->config->dns, means->loop, means->wake);
	switch (want->kind) {
	case WANT_RECORD:
		obtain_record(lookups, found);
		if (!lookups_over(lookups))
			obtained = obtain_wait(attempt);
		break;
	case WANT_POLICY:
		obtained = obtain_policy(means, attempt, found);
		break;
	case WANT_MX:
		obtain_mx(lookups, means->bounds->limits, found);
		if (!lookups_over(lookups))
			obtained = obtain_wait(attempt);
		break;
	case WANT_TLSA:
		obtained = obtain_tlsa(attempt, found);
		break;
	case WANT_PROBE:
		obtained = obtain_evidence(means, attempt, found);
		break;
	case WANT_NOTHING:
	case WANT_ENTRY:
	case WANT_EVIDENCE:
		break;
	}
	lookups_count(attempt);
	if (obtained == OBTAIN_LATER)
		found_free(found);
	return obtained;
}

void attempt_end(struct attempt *attempt, const struct bounds *bounds, const struct config *config)
{
	fetching_end(&attempt->fetching, bounds);
	probing_end(attempt, bounds, config);
	lookups_end(&attempt->lookups);
	*attempt = (struct attempt){.fetching = NULL};
}
