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

/* --- mail hosts --------------------------------------------------------------------------------------------------- */

/* Returns whether the evidence is of a probe by the trust store, conclusive, and by another node. */
static bool is_of_other(const struct fleet_seen *seen, const char *self, int64_t now)
{
	return strcmp(seen->node, self) != 0 && seen->seen.tlsa_id == 0 && evidence_is_conclusive(&seen->seen) &&
	       schedule_age(seen->seen.at, now) != INT64_MAX;
}

/* Returns the good evidence to be taken over, or NULL. */
static const struct fleet_seen *best_of(
	const struct fleet_seen *seen, size_t count, const char *self, int64_t hard_s, int64_t now)
{
	const struct fleet_seen *newest = NULL;
	for (size_t i = 0; i < count; i++) {
		int64_t ahead = newest ? seen[i].seen.at - newest->seen.at : 1;
		bool bad =
			reason_class(seen[i].seen.reason) == REASON_BAD; /* counts as the newer one within a second */
		if (is_of_other(&seen[i], self, now) && (ahead > 0 || (ahead == 0 && bad)))
			newest = &seen[i];
	}
	if (!newest || reason_class(newest->seen.reason) != REASON_GOOD)
		return NULL;
	return 2 * schedule_age(newest->seen.at, now) <= hard_s ? newest : NULL;
}

static bool has_own(const struct probe_history *history, int64_t hard_s, int64_t now)
{
	return evidence_age(&history->newest, now) <= hard_s || evidence_age(&history->conclusive, now) <= hard_s;
}

static void evidence_take(struct probe_history *history, const struct fleet_seen *from, int64_t now)
{
	struct evidence seen = from->seen;
	memcpy(seen.seen_by, from->node, sizeof seen.seen_by);
	if (seen.at > now) /* the other clock is ahead */
		seen.at = now;
	*history = (struct probe_history){.newest = seen, .conclusive = seen, .good = seen};
}

bool fleet_trust_hop(struct hop_record *into, const struct fleet_seen *seen, size_t count, const char *self,
	int64_t hard_s, int64_t now)
{
	uint16_t looked = 0, bad = 0;
	for (size_t i = 0; i < count && looked < UINT16_MAX; i++) {
		bool lately = is_of_other(&seen[i], self, now) && schedule_age(seen[i].seen.at, now) <= FLEET_LATELY_S;
		looked += lately;
		bad += lately && reason_class(seen[i].seen.reason) == REASON_BAD;
	}
	bool counted = looked != 0 || into->others_looked != 0;
	if (counted) {
		into->others_at = now;
		into->others_looked = looked;
		into->others_bad = bad;
	}
	const struct fleet_seen *best =
		has_own(&into->pkix, hard_s, now) ? NULL : best_of(seen, count, self, hard_s, now);
	if (best)
		evidence_take(&into->pkix, best, now);
	return counted || best;
}
