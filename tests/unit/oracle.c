#include "oracle.h"

#include "schedule.h"

#include <string.h>

static bool allowed(const struct policy *policy, const char *host)
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
	bool fetched = f->policy_tried && e->fetch_outcome == REASON_NONE;
	return e->has_policy && (fetched || e->policy_expires_at > f->now) ? &e->policy : NULL;
}

enum oracle_hop oracle_hop(const struct facts *f, const struct policy *policy, const char *host)
{
	if (!allowed(policy, host))
		return ORACLE_BAD;
	if (!f->rules->probe)
		return ORACLE_GOOD;
	for (unsigned i = 0; i < f->hop_count; i++) {
		const struct evidence *seen = &f->hop[i].record.pkix.conclusive;
		if (strcmp(f->hop[i].host, host) != 0 || f->hop[i].port != f->question.port)
			continue;
		if (seen->at == 0 || schedule_age(seen->at, f->now) > f->rules->probe_ttl_max_s)
			return ORACLE_UNKNOWN;
		return seen->reason == REASON_NONE ? ORACLE_GOOD : ORACLE_BAD;
	}
	return ORACLE_UNKNOWN;
}

static void oracle_listed(const struct facts *f, const struct policy *policy, struct oracle_set *set)
{
	const struct mx_set *mx = &f->entry.mx;
	uint32_t i = 0;
	unsigned own = UINT16_MAX + 1;
	for (const char *n = names_next(&mx->names, NULL); n; n = names_next(&mx->names, n), i++)
		if (strcmp(n, "relay.example.net") == 0 && mx->preference[i] < own && policy_allows(policy, n))
			own = mx->preference[i];
	i = 0;
	for (const char *n = names_next(&mx->names, NULL); n; n = names_next(&mx->names, n), i++) {
		if (mx->preference[i] >= own)
			continue;
		set->host[set->count] = n;
		set->preference[set->count++] = mx->preference[i];
	}
	set->nothing = set->count == 0;
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
	else if (mx->state == MX_NULL)
		set.nothing = true;
	else if (mx->state == MX_IMPLICIT)
		set.host[set.count++] = f->question.domain;
	else if (mx->state == MX_LISTED)
		oracle_listed(f, policy, &set);
	else
		set.known = false;
	return set;
}

/* Rule 6 with mta_enforces = no. At most HOPS_MAX hops that the policy allows are looked at. */
static enum verdict_kind oracle_strict(const struct facts *f, const struct policy *policy, const struct oracle_set *set)
{
	bool good = false, unknown_before = false;
	unsigned good_preference = 0, looked_at = 0;
	for (unsigned i = 0; i < set->count; i++)
		if (oracle_hop(f, policy, set->host[i]) == ORACLE_BAD)
			return VERDICT_FAIL_ENFORCE;
	for (unsigned i = 0; i < set->count; i++) {
		if (looked_at++ >= HOPS_MAX)
			continue;
		if (oracle_hop(f, policy, set->host[i]) == ORACLE_GOOD && !good) {
			good = true;
			good_preference = set->preference[i];
		}
	}
	for (unsigned i = 0; i < set->count && i < HOPS_MAX; i++)
		unknown_before = unknown_before || (oracle_hop(f, policy, set->host[i]) == ORACLE_UNKNOWN && good &&
							   set->preference[i] <= good_preference);
	return good && !unknown_before ? VERDICT_PASS : VERDICT_DEFER;
}

/* Rule 6 with mta_enforces = yes: any good hop will do, what is unknown is the MTA's business. */
static enum verdict_kind oracle_lenient(
	const struct facts *f, const struct policy *policy, const struct oracle_set *set)
{
	for (unsigned i = 0; i < set->count; i++)
		if (oracle_hop(f, policy, set->host[i]) != ORACLE_BAD)
			return VERDICT_PASS;
	return VERDICT_FAIL_ENFORCE;
}

enum verdict_kind oracle_kind(const struct facts *f, const struct policy *policy)
{
	struct oracle_set set = oracle_set(f, policy);
	if (set.nothing)
		return VERDICT_NONE;
	if (!set.known)
		return VERDICT_DEFER;
	return f->rules->mta_enforces ? oracle_lenient(f, policy, &set) : oracle_strict(f, policy, &set);
}
