#include "oracle.h"

#include "schedule.h"

#include <string.h>

bool oracle_allows(const struct policy *policy, const char *host)
{
	const char *rest = strchr(host, '.');
	for (const char *p = names_next(&policy->mx, NULL); p; p = names_next(&policy->mx, p))
		if (strcmp(p, host) == 0 || (rest && p[0] == '*' && strcmp(p + 1, rest) == 0))
			return true;
	return false;
}

const struct policy *oracle_policy(const struct facts *f)
{
	const struct entry *e = &f->entry;
	bool fetched = f->policy_tried && e->fetch_outcome == REASON_OK;
	return e->has_policy && (fetched || e->policy_expires_at > f->now) ? &e->policy : NULL;
}

bool oracle_dane(const struct facts *f)
{
	return f->dane && !f->question.no_dane && (!f->question.mx_lookup || f->entry.mx.secure);
}

const struct hop_fact *oracle_fact(const struct facts *f, const char *host)
{
	for (unsigned i = 0; i < f->hop_count; i++)
		if (strcmp(f->hop[i].host, host) == 0 && f->hop[i].port == f->question.port)
			return &f->hop[i];
	return NULL;
}

bool oracle_by_dane(const struct facts *f, const struct oracle_set *set, unsigned i)
{
	const struct hop_fact *hop = oracle_fact(f, set->host[i]);
	return oracle_dane(f) && hop && hop->record.tlsa.state == TLSA_USABLE &&
	       schedule_age(hop->record.tlsa.checked_at, f->now) <= 5400;
}

bool oracle_pinned(const struct facts *f)
{
	enum purpose purpose = f->question.purpose;
	return f->override.kind == OVERRIDE_PIN && (purpose == PURPOSE_DELIVER || purpose == PURPOSE_MAP);
}

/* Returns whether the map's answer decides which hops get mail. */
static bool oracle_by_map(const struct facts *f)
{
	return f->rules->mta_enforces || f->question.purpose == PURPOSE_MAP;
}

static bool oracle_failed(const struct facts *f, const struct oracle_set *set, unsigned i)
{
	const struct hop_fact *hop = oracle_fact(f, set->host[i]);
	return oracle_dane(f) && i < HOPS_MAX && hop && hop->record.tlsa.state == TLSA_FAILED;
}

/* Design 4.8: if another hop is good, no mail waits for a hop without an address, nor for one that three probes over
 * two minutes could not talk to. */
bool oracle_silent(const struct facts *f, const struct oracle_set *set, unsigned i)
{
	const struct hop_fact *hop = oracle_fact(f, set->host[i]);
	if (!hop)
		return false;
	const struct probe_history *history = oracle_by_dane(f, set, i) ? &hop->record.dane : &hop->record.pkix;
	const struct evidence *newest = &history->newest;
	if (newest->at == 0 || (oracle_by_dane(f, set, i) && newest->tlsa_id != hop->record.tlsa.id))
		return false;
	bool counts = newest->reason == REASON_HOP_UNREACHABLE || newest->reason == REASON_HOP_TIMEOUT ||
		      newest->reason == REASON_HOP_GREETING || newest->reason == REASON_HOP_PROTOCOL ||
		      newest->reason == REASON_HOP_ADDRESS_LOOKUP;
	return newest->reason == REASON_HOP_NO_ADDRESS ||
	       (counts && history->silent_probes >= 3 && f->now - history->silent_since >= 120);
}

/* Returns whether the hop holds no mail if another hop is good: it is silent, it is beyond the eighth, or the map's
 * answer excludes it because its TLSA lookup failed. */
static bool oracle_aside(const struct facts *f, const struct oracle_set *set, unsigned i)
{
	if (oracle_silent(f, set, i) && !oracle_failed(f, set, i))
		return true;
	return i >= HOPS_MAX || (oracle_failed(f, set, i) && oracle_by_map(f));
}

struct evidence oracle_evidence(const struct facts *f, const struct oracle_set *set, unsigned i)
{
	const struct hop_fact *hop = oracle_fact(f, set->host[i]);
	struct evidence none = {.at = 0};
	if (!hop)
		return none;
	if (!oracle_by_dane(f, set, i))
		return hop->record.pkix.conclusive;
	return hop->record.dane.conclusive.tlsa_id == hop->record.tlsa.id ? hop->record.dane.conclusive : none;
}

bool oracle_left(const struct facts *f, const struct evidence *seen)
{
	const struct policy *policy = oracle_policy(f);
	return f->rules->mta_enforces && policy && policy->mode == POLICY_ENFORCE && seen->mta_address[0] != '\0' &&
	       seen->reason != REASON_CERT_REVOKED && !oracle_pinned(f);
}

static bool is_inside(uint32_t asn)
{
	return asn == 64500 || asn == 64502;
}

bool oracle_outside(const struct facts *f, const struct oracle_set *set, unsigned i, bool *elsewhere)
{
	struct evidence seen = oracle_evidence(f, set, i);
	uint32_t one = seen.asn, two = seen.asn_other;
	if (!f->rules->probe)
		return true;
	*elsewhere = (one != 0 && !is_inside(one)) || (two != 0 && two != UINT32_MAX && !is_inside(two));
	return *elsewhere || one == 0 || two == UINT32_MAX;
}

/* RFC 7672 3.2.2: in these worlds, a certificate with any name at all is one for the domain. */
static bool oracle_for_domain(
	const struct facts *f, const struct oracle_set *set, unsigned i, const struct evidence *seen)
{
	return oracle_by_dane(f, set, i) && seen->reason == REASON_CERT_HOST_MISMATCH && f->question.mx_lookup &&
	       seen->names[0] != '\0';
}

static enum oracle_hop oracle_seen(const struct facts *f, const struct oracle_set *set, unsigned i)
{
	struct evidence seen = oracle_evidence(f, set, i);
	bool elsewhere = false;
	if (!f->rules->probe)
		return oracle_pinned(f) ? ORACLE_UNKNOWN : ORACLE_GOOD;
	if (seen.at == 0 || schedule_age(seen.at, f->now) > f->rules->probe_ttl_max_s)
		return ORACLE_UNKNOWN;
	if (seen.reason != REASON_OK && !oracle_for_domain(f, set, i, &seen) && !oracle_left(f, &seen))
		return ORACLE_BAD;
	if (oracle_pinned(f) && oracle_outside(f, set, i, &elsewhere))
		return elsewhere ? ORACLE_BAD : ORACLE_UNKNOWN;
	/* Design 4.7: without a map, old evidence counts only after an attempt to renew it, and the budget may have
	 * refused that. */
	bool pinned_map = oracle_pinned(f) && f->question.purpose == PURPOSE_MAP;
	bool fresh = (!pinned_map && (f->rules->mta_enforces || f->question.purpose != PURPOSE_DELIVER)) ||
		     schedule_age(seen.at, f->now) <= (oracle_pinned(f) ? 900 : f->rules->probe_ttl_ok_s);
	return fresh || oracle_fact(f, set->host[i])->refused == REASON_OK ? ORACLE_GOOD : ORACLE_UNKNOWN;
}

/* Returns whether the budget has refused probes of the hop for more than 90 s and at most a day. */
static bool oracle_refused_long(const struct facts *f, const struct oracle_set *set, unsigned i)
{
	const struct hop_fact *hop = oracle_fact(f, set->host[i]);
	int64_t age = hop ? schedule_age(hop->record.refused_since, f->now) : 0;
	return age > 90 && age <= 86400 && !oracle_pinned(f) && !oracle_failed(f, set, i) &&
	       !(oracle_dane(f) && i >= HOPS_MAX);
}

enum oracle_hop oracle_hop(const struct facts *f, const struct policy *policy, const struct oracle_set *set, unsigned i)
{
	bool failed = oracle_failed(f, set, i);
	if (failed && oracle_by_map(f))
		return ORACLE_UNKNOWN;
	if (oracle_by_dane(f, set, i))
		return oracle_seen(f, set, i);
	if (!oracle_allows(policy, set->host[i]))
		return ORACLE_BAD;
	if (oracle_dane(f) && i >= HOPS_MAX)
		return ORACLE_UNKNOWN;
	enum oracle_hop seen = oracle_seen(f, set, i);
	return failed && seen == ORACLE_GOOD ? ORACLE_UNKNOWN : seen;
}

static void oracle_listed(const struct facts *f, const struct policy *policy, struct oracle_set *set)
{
	const struct mx_set *mx = &f->entry.mx;
	uint32_t i = 0;
	unsigned own = UINT16_MAX + 1;
	for (const char *n = names_next(&mx->names, NULL); n; n = names_next(&mx->names, n), i++)
		if (strcmp(n, "relay.example.net") == 0 && mx->preference[i] < own &&
			(!policy || oracle_allows(policy, n)))
			own = mx->preference[i];
	i = 0;
	for (const char *n = names_next(&mx->names, NULL); n; n = names_next(&mx->names, n), i++) {
		if (mx->preference[i] >= own)
			continue;
		set->host[set->count] = n;
		set->preference[set->count++] = mx->preference[i];
	}
	if (set->count == 0) /* no policy of these worlds allows the relay by a wildcard only */
		set->nothing = true;
}

struct oracle_set oracle_set(const struct facts *f, const struct policy *policy)
{
	struct oracle_set set = {.known = true};
	const struct mx_set *mx = &f->entry.mx;
	if (!f->question.mx_lookup) {
		set.host[set.count++] = f->question.host;
		return set;
	}
	if (schedule_age(mx->checked_at, f->now) > MX_HARD_S)
		set.known = false;
	else if (mx->state == MX_NULL) /* design 4.6: a signed one is believed for 90 minutes */
		set.known = set.nothing = mx->secure && schedule_age(mx->checked_at, f->now) <= 5400;
	else if (mx->state == MX_IMPLICIT)
		set.host[set.count++] = f->question.domain;
	else if (mx->state == MX_LISTED)
		oracle_listed(f, policy, &set);
	else
		set.known = false;
	return set;
}

/* Returns whether the hop has good evidence, but nobody knows its network: then it holds a pinned domain's mail in any
 * position. */
static bool oracle_nowhere(const struct facts *f, const struct oracle_set *set, unsigned i)
{
	struct evidence seen = oracle_evidence(f, set, i);
	bool elsewhere = false, examined = !oracle_dane(f) || i < HOPS_MAX;
	if (!oracle_pinned(f) || !examined || (oracle_failed(f, set, i) && oracle_by_map(f)))
		return false;
	bool good = seen.at != 0 && schedule_age(seen.at, f->now) <= f->rules->probe_ttl_max_s &&
		    (seen.reason == REASON_OK || oracle_for_domain(f, set, i, &seen));
	return !f->rules->probe || (good && oracle_outside(f, set, i, &elsewhere) && !elsewhere);
}

/* Rule 6 with mta_enforces = no. At most HOPS_MAX hops that the policy allows are examined. */
static enum verdict_kind oracle_strict(const struct facts *f, const struct policy *policy, const struct oracle_set *set)
{
	bool good = false, refused_long = false, unknown_before = false;
	unsigned good_preference = 0, looked_at = 0;
	for (unsigned i = 0; i < set->count; i++)
		if (oracle_hop(f, policy, set, i) == ORACLE_BAD)
			return VERDICT_FAIL_ENFORCE;
	for (unsigned i = 0; i < set->count; i++) {
		if (looked_at++ >= HOPS_MAX)
			continue;
		if (oracle_hop(f, policy, set, i) == ORACLE_GOOD && !good) {
			good = true;
			good_preference = set->preference[i];
		}
	}
	for (unsigned i = 0; i < set->count; i++) {
		bool behind = good && (oracle_aside(f, set, i) || set->preference[i] > good_preference) &&
			      !oracle_nowhere(f, set, i);
		if (oracle_hop(f, policy, set, i) != ORACLE_UNKNOWN || behind)
			continue;
		bool refused = oracle_refused_long(f, set, i);
		refused_long = refused_long || refused;
		unknown_before = unknown_before || !refused;
	}
	return (good || refused_long) && !unknown_before ? VERDICT_PASS : VERDICT_DEFER;
}

bool oracle_bound(const struct facts *f, const struct oracle_set *set)
{
	for (unsigned i = 0; i < set->count; i++)
		if (oracle_by_dane(f, set, i))
			return oracle_by_map(f);
	return false;
}

/* Design 4.18: nothing keeps the MTA from a hop whose certificate is revoked. */
static bool oracle_revoked(const struct facts *f, const struct policy *policy, const struct oracle_set *set, unsigned i)
{
	bool taken = oracle_by_dane(f, set, i) || oracle_allows(policy, set->host[i]);
	return taken && oracle_hop(f, policy, set, i) == ORACLE_BAD &&
	       oracle_evidence(f, set, i).reason == REASON_CERT_REVOKED;
}

/* Rule 6 with mta_enforces = yes: one good hop is enough, and unknown hops are left to the MTA. If a hop has usable
 * TLSA records, the map binds the MTA to such hops: another hop counts only while nothing is known about it. */
static enum verdict_kind oracle_lenient(
	const struct facts *f, const struct policy *policy, const struct oracle_set *set)
{
	bool bound = oracle_bound(f, set);
	for (unsigned i = 0; i < set->count; i++)
		if ((!bound || oracle_by_dane(f, set, i)) && oracle_revoked(f, policy, set, i))
			return VERDICT_FAIL_ENFORCE;
	for (unsigned i = 0; i < set->count; i++) {
		bool unknown = oracle_aside(f, set, i) && oracle_hop(f, policy, set, i) == ORACLE_UNKNOWN;
		if (bound && !oracle_by_dane(f, set, i) && !unknown)
			continue;
		if (oracle_hop(f, policy, set, i) != ORACLE_BAD)
			return VERDICT_PASS;
	}
	return VERDICT_FAIL_ENFORCE;
}

static bool has_name(const char *names, const char *host)
{
	size_t len = strlen(host);
	for (const char *at = names; (at = strstr(at, host)); at += len)
		if ((at == names || at[-1] == ' ') && (at[len] == ' ' || at[len] == '\0'))
			return true;
	return false;
}

/* Returns whether an answer that leads the MTA to hop `k` would also let it use hop `i`, which may be outside the pin. */
static bool oracle_shadows(
	const struct facts *f, const struct policy *policy, const struct oracle_set *set, unsigned i, unsigned k)
{
	struct evidence seen = oracle_evidence(f, set, i);
	bool dane = oracle_by_dane(f, set, i);
	enum oracle_hop state = oracle_hop(f, policy, set, i);
	if (dane && state == ORACLE_UNKNOWN && !oracle_aside(f, set, i))
		return true;
	if (!dane && (oracle_bound(f, set) || !oracle_allows(policy, set->host[i])))
		return false;
	bool outside = state == ORACLE_BAD ? seen.reason == REASON_OK || oracle_for_domain(f, set, i, &seen)
					   : oracle_nowhere(f, set, i);
	return outside && (dane || has_name(seen.names, set->host[k]));
}

bool oracle_led_to(const struct facts *f, const struct policy *policy, const struct oracle_set *set, unsigned i)
{
	if (oracle_hop(f, policy, set, i) != ORACLE_GOOD || (oracle_bound(f, set) && !oracle_by_dane(f, set, i)))
		return false;
	for (unsigned k = 0; k < set->count; k++)
		if (oracle_shadows(f, policy, set, k, i))
			return false;
	return true;
}

/* Rule 1: the map leads the MTA only to hops inside the pin, and the MTA finds no others by itself. */
static enum verdict_kind oracle_led(const struct facts *f, const struct policy *policy, const struct oracle_set *set)
{
	bool bound = oracle_bound(f, set), seen_bad = false, unknown = false;
	for (unsigned i = 0; i < set->count; i++) {
		if (oracle_led_to(f, policy, set, i))
			return VERDICT_PASS;
		enum oracle_hop state = oracle_hop(f, policy, set, i);
		bool aside = state == ORACLE_UNKNOWN && oracle_aside(f, set, i);
		bool required = bound && !oracle_by_dane(f, set, i) && !aside;
		bool named = oracle_by_dane(f, set, i) || oracle_allows(policy, set->host[i]);
		seen_bad = seen_bad || required || (state == ORACLE_BAD && named);
		unknown = unknown || (state == ORACLE_UNKNOWN && !required);
	}
	return unknown && !seen_bad ? VERDICT_DEFER : VERDICT_FAIL_ENFORCE;
}

enum verdict_kind oracle_kind(const struct facts *f, const struct policy *policy)
{
	struct oracle_set set = oracle_set(f, policy);
	if (set.nothing)
		return VERDICT_NONE;
	if (!set.known)
		return VERDICT_DEFER;
	if (!oracle_by_map(f))
		return oracle_strict(f, policy, &set);
	return oracle_pinned(f) ? oracle_led(f, policy, &set) : oracle_lenient(f, policy, &set);
}
