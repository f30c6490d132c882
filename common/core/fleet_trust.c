#include "fleet_trust.h"

#include "age.h"
#include "merge.h"

#include <string.h>

const char *fleet_trust_name(enum fleet_trust trust)
{
	static const char *const names[FLEET_TRUST_COUNT] = {
		"taken", "no-policy", "over", "known", "held", "unconfirmed"};
	return trust < FLEET_TRUST_COUNT ? names[trust] : "";
}

static bool is_live(const struct entry *entry, int64_t now)
{
	return entry->has_policy && entry->policy_expires_at > now;
}

/* Returns whether a lookup of this relay's own has just found the record with this id. */
static bool is_confirmed(const struct entry *into, const char *id, int64_t now)
{
	return into->record_outcome == REASON_OK && schedule_age(into->record_checked_at, now) <= FLEET_RECORD_S &&
	       strcmp(into->record_id, id) == 0;
}

static enum fleet_trust judge(const struct entry *into, const struct entry *from, int64_t now)
{
	if (!from->has_policy || strcmp(into->domain, from->domain) != 0)
		return FLEET_TRUST_NO_POLICY;
	if (schedule_age(from->policy_fetched_at, now) >= from->policy.max_age_s)
		return FLEET_TRUST_OVER;
	if (into->has_policy && into->policy_fetched_at >= from->policy_fetched_at)
		return FLEET_TRUST_KNOWN;
	bool enforces = from->policy.mode == POLICY_ENFORCE;
	if (is_live(into, now) && (into->policy.mode == POLICY_ENFORCE || !enforces))
		return FLEET_TRUST_HELD;
	return enforces || is_confirmed(into, from->policy_id, now) ? FLEET_TRUST_TAKEN : FLEET_TRUST_UNCONFIRMED;
}

/* Returns the second at which this relay fetches the policy itself. */
static int64_t refetch_at(const char *domain, const char *self, int64_t now)
{
	uint32_t hash = domain_hash(domain, 0) ^ domain_hash(self, 0) * 0x85ebca6bu;
	hash = (hash ^ hash >> 16) * 0xc2b2ae35u; /* the last letters of a name hardly change the upper bits */
	hash ^= hash >> 13;
	return now + FLEET_REFETCH_MIN_S + hash % (FLEET_REFETCH_MAX_S - FLEET_REFETCH_MIN_S + 1);
}

enum fleet_trust fleet_trust_entry(
	struct entry *into, const struct entry *from, const char *writer, const char *self, int64_t now)
{
	enum fleet_trust trust = judge(into, from, now);
	if (trust != FLEET_TRUST_TAKEN)
		return trust;
	bool record = from->record_outcome == REASON_OK && strcmp(from->record_id, from->policy_id) == 0 &&
		      schedule_age(from->record_checked_at, now) < schedule_age(into->record_checked_at, now);
	if (record)
		entry_take_record(into, from);
	entry_take_policy(into, from, now);
	/* A writer's clock may be ahead by CLOCK_SKEW_S: that does not extend the age. */
	if (into->policy_fetched_at > now)
		into->policy_fetched_at = now;
	into->policy_expires_at = into->policy_fetched_at + into->policy.max_age_s;
	into->refresh_alarm = 0;
	memset(into->policy_from, 0, sizeof into->policy_from);
	memcpy(into->policy_from, writer, strnlen(writer, sizeof into->policy_from - 1));
	into->policy_refetch_at = refetch_at(into->domain, self, now);
	return FLEET_TRUST_TAKEN;
}
