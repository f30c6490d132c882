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

/* A look or a fetch that failed, rather than a domain that has nothing: the answer may come any moment. */
static bool lookup_failed(const struct entry *entry)
{
	return entry->record_outcome == REASON_RECORD_LOOKUP || entry->record_outcome == REASON_RESOLVER;
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
	int64_t hard = lookup_failed(entry) ? NEGATIVE_ERROR_HARD_S : NEGATIVE_HARD_S;
	return schedule_age(negative_at(entry), now) <= hard;
}

bool schedule_negative_stale(const struct entry *entry, int64_t now)
{
	int64_t soft = between(entry->record_ttl_s, NEGATIVE_AGE_MIN_S, NEGATIVE_AGE_MAX_S);
	if (fetch_failed(entry))
		soft = FETCH_SPACING_S;
	else if (lookup_failed(entry))
		soft = NEGATIVE_AGE_MIN_S;
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

static int64_t body_due(const struct entry *entry, const struct rules *rules)
{
	int64_t interval = body_interval(entry, rules);
	int64_t due = entry->policy_fetched_at + interval - jitter(entry->domain, interval);
	if (entry->fetch_failures > 0) {
		unsigned doublings = entry->fetch_failures < 9 ? entry->fetch_failures - 1 : 8;
		int64_t wait = between((int64_t)FETCH_SPACING_S << doublings, FETCH_SPACING_S, DAY_S);
		if (entry->fetch_tried_at + wait > due)
			due = entry->fetch_tried_at + wait;
	}
	return due;
}

/* Good evidence is renewed before its soft age ends; bad evidence is looked at again when somebody asks. */
static void evidence_due(const struct facts *facts, int64_t *due)
{
	const struct rules *rules = facts->rules;
	int64_t soft = facts->entry.policy.mode == POLICY_TESTING ? DAY_S : rules->probe_ttl_ok_s;
	for (unsigned i = 0; i < facts->hop_count; i++) {
		const struct evidence *good = &facts->hop[i].record.good;
		if (good->at != 0 && good->at == facts->hop[i].record.conclusive.at)
			sooner(due, good->at + soft - jitter(facts->hop[i].host, soft));
	}
}

int64_t schedule_due(const struct facts *facts)
{
	const struct entry *entry = &facts->entry;
	const struct rules *rules = facts->rules;
	int64_t due = 0, unused = (int64_t)(schedule_day(facts->now) - entry->last_used_day) * DAY_S;
	if (!entry->has_policy || entry->policy_expires_at <= facts->now || unused > rules->forget_after_s)
		return 0;
	sooner(&due, body_due(entry, rules));
	if (schedule_in_use(entry, facts->now)) {
		int64_t soft = between(entry->record_ttl_s, RECORD_AGE_MIN_S, RECORD_AGE_MAX_S);
		sooner(&due, entry->record_checked_at + soft);
		if (rules->probe && entry->policy.mode != POLICY_NONE)
			evidence_due(facts, &due);
	}
	return due < facts->now + NEGATIVE_AGE_MIN_S ? facts->now + NEGATIVE_AGE_MIN_S : due;
}
