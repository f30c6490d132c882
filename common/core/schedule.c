#include "schedule.h"

#include <string.h>

int32_t schedule_day(int64_t now)
{
	return (int32_t)(now / DAY_S);
}

int64_t schedule_age(int64_t then, int64_t now)
{
	if (then == 0 || then > now + CLOCK_SKEW_S)
		return INT64_MAX;
	return then > now ? 0 : now - then;
}

static int64_t between(int64_t value, int64_t min, int64_t max)
{
	return value < min ? min : value > max ? max : value;
}

bool schedule_record_stale(const struct entry *entry, int64_t now)
{
	int64_t soft = between(entry->record_ttl_s, RECORD_AGE_MIN_S, RECORD_AGE_MAX_S);
	return schedule_age(entry->record_checked_at, now) > soft;
}

static bool fetch_failed(const struct entry *entry)
{
	return entry->record_outcome == REASON_NONE && entry->fetch_tried_at != 0 &&
	       entry->fetch_outcome != REASON_NONE;
}

static int64_t negative_at(const struct entry *entry)
{
	return fetch_failed(entry) ? entry->fetch_tried_at : entry->record_checked_at;
}

bool schedule_negative_known(const struct entry *entry, int64_t now)
{
	if (entry->record_checked_at == 0 || (entry->record_outcome == REASON_NONE && !fetch_failed(entry)))
		return false;
	int64_t hard = NEGATIVE_HARD_S;
	if (entry->record_outcome == REASON_RECORD_LOOKUP)
		hard = NEGATIVE_ERROR_HARD_S;
	else if (entry->record_outcome == REASON_RESOLVER)
		hard = NEGATIVE_BROKEN_HARD_S;
	return schedule_age(negative_at(entry), now) <= hard;
}

bool schedule_negative_stale(const struct entry *entry, int64_t now)
{
	int64_t soft = between(entry->record_ttl_s, NEGATIVE_AGE_MIN_S, NEGATIVE_AGE_MAX_S);
	if (fetch_failed(entry))
		soft = FETCH_SPACING_S;
	return schedule_age(negative_at(entry), now) > soft;
}

bool schedule_mx_stale(const struct entry *entry, int64_t now)
{
	return schedule_age(entry->mx.checked_at, now) > between(entry->mx.ttl_s, MX_AGE_MIN_S, MX_AGE_MAX_S);
}

bool schedule_mx_known(const struct entry *entry, int64_t now)
{
	return entry->mx.state != MX_UNKNOWN && schedule_age(entry->mx.checked_at, now) <= MX_HARD_S;
}

/* RFC 8461 3.3: well before the policy expires, suggested daily. */
static int64_t body_interval(const struct entry *entry, const struct rules *rules)
{
	int64_t half = entry->policy.max_age_s / 2;
	return half < rules->refresh_interval_s ? half : rules->refresh_interval_s;
}

bool schedule_body_stale(const struct entry *entry, const struct rules *rules, int64_t now)
{
	return entry->has_policy && schedule_age(entry->policy_fetched_at, now) > body_interval(entry, rules);
}

bool schedule_fetch_allowed(const struct entry *entry, int64_t now)
{
	/* RFC 8461 3.3 spaces out attempts after a failure. A success whose policy is over already (a short max_age)
	 * leaves the domain without protection until the next one, so that one may come at once. */
	bool succeeded = entry->fetch_outcome == REASON_NONE;
	if (succeeded && entry->has_policy && entry->policy_expires_at <= now)
		return true;
	return schedule_age(entry->fetch_tried_at, now) >= FETCH_SPACING_S;
}

bool schedule_in_use(const struct entry *entry, int64_t now)
{
	return entry->last_used_day != 0 && entry->last_used_day >= schedule_day(now) - 1;
}

/* A tenth of the interval at most, the same for a name each time: entries that came at once spread out (FNV-1a). */
static int64_t jitter(const char *name, int64_t interval)
{
	uint32_t hash = 2166136261u;
	for (const char *c = name; *c; c++)
		hash = (hash ^ (unsigned char)*c) * 16777619u;
	return interval / 10 * (hash % 1000) / 1000;
}

static void sooner(int64_t *due, int64_t candidate)
{
	if (*due == 0 || candidate < *due)
		*due = candidate;
}

/* A look before something is stale would find nothing to do, and the next one would come a minute later: what spreads
 * the entries comes on top of the age. */
static int64_t past(int64_t at, int64_t age)
{
	return at + age + 1;
}

static int64_t fetch_wait(const struct entry *entry)
{
	unsigned failures = entry->fetch_failures < 9 ? entry->fetch_failures : 9;
	return failures < 2 ? FETCH_SPACING_S
			    : between((int64_t)FETCH_SPACING_S << (failures - 1), FETCH_SPACING_S, DAY_S);
}

static void body_due(const struct entry *entry, const struct rules *rules, int64_t *due)
{
	int64_t interval = body_interval(entry, rules);
	int64_t body = past(entry->policy_fetched_at, interval + jitter(entry->domain, interval));
	int64_t possible = past(entry->fetch_tried_at, fetch_wait(entry));
	if (possible > body)
		body = possible;
	/* A policy too short to be renewed in time is fetched when somebody asks. */
	if (body < entry->policy_expires_at || entry->fetch_failures > 0)
		sooner(due, body);
}

/* Good evidence is renewed when its soft age has ended, an inconclusive probe in between permitting; bad evidence is
 * looked at again when somebody asks. */
static void evidence_due(const struct facts *facts, int64_t *due)
{
	const struct rules *rules = facts->rules;
	int64_t soft = facts->entry.policy.mode == POLICY_TESTING ? DAY_S : rules->probe_ttl_ok_s;
	for (unsigned i = 0; i < facts->hop_count; i++) {
		const struct hop_record *record = &facts->hop[i].record;
		if (record->good.at == 0 || record->good.at != record->conclusive.at)
			continue;
		int64_t renewal = past(record->good.at, soft + jitter(facts->hop[i].host, soft));
		if (record->newest.at != record->good.at && past(record->newest.at, PROBE_SPACING_S) > renewal)
			renewal = past(record->newest.at, PROBE_SPACING_S);
		sooner(due, renewal);
	}
}

int64_t schedule_due(const struct facts *facts)
{
	const struct entry *entry = &facts->entry;
	const struct rules *rules = facts->rules;
	int64_t due = 0, unused = (int64_t)(schedule_day(facts->now) - entry->last_used_day) * DAY_S;
	if (!entry->has_policy || entry->policy_expires_at <= facts->now || unused > rules->forget_after_s ||
		names_cover(&rules->exempt_domains, entry->domain))
		return 0;
	body_due(entry, rules, &due);
	if (schedule_in_use(entry, facts->now)) {
		int64_t soft = between(entry->record_ttl_s, RECORD_AGE_MIN_S, RECORD_AGE_MAX_S);
		sooner(&due, past(entry->record_checked_at, soft));
		if (rules->probe && entry->policy.mode != POLICY_NONE)
			evidence_due(facts, &due);
	}
	return due != 0 && due < facts->now + NEGATIVE_AGE_MIN_S ? facts->now + NEGATIVE_AGE_MIN_S : due;
}
