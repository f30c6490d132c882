#include "schedule.h"

#include <string.h>

static int64_t clamp(int64_t value, int64_t min, int64_t max)
{
	return value < min ? min : value > max ? max : value;
}

bool schedule_record_stale(const struct entry *entry, int64_t now)
{
	int64_t soft = clamp(entry->record_ttl_s, RECORD_AGE_MIN_S, RECORD_AGE_MAX_S);
	return schedule_age(entry->record_checked_at, now) > soft;
}

/* "No policy" as an entry knows it: a lookup that found no valid record or failed, or a fetch that failed. */
struct negative {
	bool failed;            /* the lookup or the fetch failed; false: DNS answered that there is no valid record */
	int64_t at;             /* when it ended */
	int64_t soft_s, hard_s; /* its soft and hard age */
};

/* Returns the entry's negative result. `held`: mail waits for the answer, so a failed record lookup counts for longer
 * (design 5.6). */
static struct negative negative_of(const struct entry *entry, bool held)
{
	struct negative n = {.at = entry->record_checked_at, .hard_s = NEGATIVE_HARD_S};
	n.soft_s = clamp(entry->record_ttl_s, NEGATIVE_AGE_MIN_S, NEGATIVE_AGE_MAX_S);
	if (entry->record_outcome == REASON_RECORD_LOOKUP || entry->record_outcome == REASON_RESOLVER) {
		n.failed = true;
		n.soft_s = NEGATIVE_AGE_MIN_S;
		n.hard_s = held ? NEGATIVE_HELD_HARD_S : NEGATIVE_ERROR_HARD_S;
		if (entry->record_outcome == REASON_RESOLVER)
			n.hard_s = NEGATIVE_BROKEN_HARD_S;
	} else if (entry->record_outcome == REASON_OK && entry->fetch_tried_at != 0 &&
		   entry->fetch_outcome != REASON_OK) {
		n.failed = true;
		n.at = entry->fetch_tried_at;
		n.soft_s = FETCH_SPACING_S;
	}
	return n;
}

bool schedule_negative_known(const struct entry *entry, bool held, int64_t now)
{
	struct negative n = negative_of(entry, held);
	if (entry->record_checked_at == 0 || (entry->record_outcome == REASON_OK && !n.failed))
		return false;
	/* A failure from before the end of a policy does not mean "no policy" after its end (design 5.6). */
	if (n.failed && entry->has_policy && n.at < entry->policy_expires_at)
		return false;
	return schedule_age(n.at, now) <= n.hard_s;
}

bool schedule_negative_stale(const struct entry *entry, int64_t now)
{
	struct negative n = negative_of(entry, false);
	return schedule_age(n.at, now) > n.soft_s;
}

bool schedule_mx_stale(const struct entry *entry, int64_t now)
{
	return schedule_age(entry->mx.checked_at, now) > clamp(entry->mx.ttl_s, MX_AGE_MIN_S, MX_AGE_MAX_S);
}

bool schedule_mx_known(const struct entry *entry, int64_t now)
{
	return entry->mx.state != MX_UNKNOWN && schedule_age(entry->mx.checked_at, now) <= MX_HARD_S;
}

bool schedule_mx_recent(const struct entry *entry, int64_t now)
{
	return entry->mx.state != MX_UNKNOWN && schedule_age(entry->mx.checked_at, now) <= DANE_HARD_S;
}

bool schedule_tlsa_stale(const struct tlsa_lookup *look, int64_t now)
{
	int64_t soft = clamp(look->ttl_s, TLSA_AGE_MIN_S, TLSA_AGE_MAX_S);
	return schedule_age(look->checked_at, now) > (look->state == TLSA_FAILED ? TLSA_FAILED_S : soft);
}

bool schedule_refused_long(const struct hop_record *record, int64_t now)
{
	int64_t age = schedule_age(record->refused_since, now);
	return age > REFUSED_WAIT_S && age <= REFUSED_KNOWN_S;
}

/* Returns a number from 0 to limit - 1 that depends on the name only. It spreads due times that would otherwise be
 * equal, and a domain's due time does not change between two calls. */
static int64_t jitter(const char *name, int64_t limit)
{
	uint32_t hash = domain_hash(name, 0);
	hash = (hash ^ hash >> 16) * 0x85ebca6bu; /* a name's last letters hardly change the upper bits */
	hash ^= hash >> 13;
	return limit < 1 ? 0 : hash % limit;
}

/* Returns when the policy is to be fetched again. Times in the future do not count: a clock that has since been set
 * back wrote them. */
static int64_t policy_due_at(const struct entry *entry, const struct rules *rules, int64_t now)
{
	int64_t at = now, possible = now;
	if (schedule_age(entry->policy_fetched_at, now) != INT64_MAX) {
		/* Each domain has its own moment in every interval, whenever its policy was fetched: no policy becomes
		 * older than the interval, and policies that came together are spread evenly over it (design 5.7). RFC
		 * 8461 3.3 asks for a renewal well before the policy expires, and suggests a daily one. */
		int64_t interval = clamp(entry->policy.max_age_s / 2, 1, rules->refresh_interval_s);
		int64_t phase = jitter(entry->domain, interval), since = (entry->policy_fetched_at - phase) % interval;
		at = entry->policy_fetched_at + interval - (since < 0 ? since + interval : since);
	}
	if (entry->policy_refetch_at != 0 && entry->policy_refetch_at < at)
		at = entry->policy_refetch_at;
	if (schedule_age(entry->fetch_tried_at, now) != INT64_MAX) {
		/* The wait doubles with each failure in a row, up to a day, but takes no more than a quarter of the
		 * time that the policy has left, so that several attempts remain. */
		unsigned failures = entry->fetch_failures < 9 ? entry->fetch_failures : 9;
		int64_t left = entry->policy_expires_at - entry->fetch_tried_at, wait = FETCH_SPACING_S;
		if (failures >= 2)
			wait = clamp((int64_t)FETCH_SPACING_S << (failures - 1), 0, DAY_S);
		possible = entry->fetch_tried_at +
			   clamp(wait, FETCH_SPACING_S, left / 4 > FETCH_SPACING_S ? left / 4 : FETCH_SPACING_S);
	}
	return at > possible ? at : possible;
}

bool schedule_policy_stale(const struct entry *entry, const struct rules *rules, int64_t now)
{
	return entry->has_policy && now >= policy_due_at(entry, rules, now);
}

bool schedule_fetch_allowed(const struct entry *entry, int64_t now)
{
	/* RFC 8461 3.3 asks for a pause after a failed fetch. If a policy was fetched successfully and has already
	 * expired (a short max_age), the domain is unprotected until the next fetch, so that fetch needs no pause
	 * (design 5.8). */
	bool succeeded = entry->fetch_outcome == REASON_OK;
	if (succeeded && entry->has_policy && entry->policy_expires_at <= now)
		return true;
	return schedule_age(entry->fetch_tried_at, now) >= FETCH_SPACING_S;
}

bool schedule_in_use(const struct entry *entry, int64_t now)
{
	return entry->last_used_day != 0 && entry->last_used_day >= schedule_day(now) - 1;
}

int64_t schedule_evidence_age(const char *host, enum policy_mode mode, const struct rules *rules, bool ahead)
{
	int64_t soft = rules->probe_ttl_ok_s;
	if (mode == POLICY_TESTING)
		return DAY_S;
	return ahead ? soft * 3 / 4 + jitter(host, soft * 3 / 20) : soft;
}

int64_t schedule_silent_age(const struct probe_history *history)
{
	return history_may_be_silent(history) ? SILENT_RETRY_S : PROBE_SPACING_S;
}

bool schedule_known(const struct facts *facts, const struct want *want)
{
	const struct entry *entry = &facts->entry;
	const struct hop_fact *hop = facts_hop(facts, want->name, want->port);
	switch (want->kind) {
	case WANT_RECORD:
		return facts_policy(facts) || schedule_negative_known(entry, true, facts->now);
	case WANT_POLICY:
		return facts_policy(facts) || (entry->fetch_tried_at != 0 && entry->fetch_outcome != REASON_OK);
	case WANT_MX:
		return schedule_mx_known(entry, facts->now);
	case WANT_TLSA:
		return hop && tlsa_lookup_known(&hop->record.tlsa, facts->now);
	case WANT_PROBE:
		return hop &&
		       evidence_age(&facts_history(facts, hop)->newest, facts->now) <= facts->rules->probe_ttl_max_s;
	case WANT_NOTHING:
	case WANT_ENTRY:
	case WANT_EVIDENCE:
		break;
	}
	return true;
}

/* Sets *due to the candidate if the candidate is earlier or *due is 0, which means that no time is set yet. */
static void set_earlier(int64_t *due, int64_t candidate)
{
	if (*due == 0 || candidate < *due)
		*due = candidate;
}

/* Returns the first second at which something learned at `at` is older than `age`. A refresh before that would find
 * nothing to do. */
static int64_t stale_from(int64_t at, int64_t age)
{
	return at + age + 1;
}

/* Lowers *due to the time of the next probe. Good evidence is renewed before its soft age ends, under a testing policy
 * once a day, and not within PROBE_SPACING_S of an inconclusive probe. Bad evidence is not renewed until somebody
 * asks. */
static void evidence_due(const struct facts *facts, int64_t *due)
{
	enum policy_mode mode = facts->entry.policy.mode;
	int64_t late = mode == POLICY_TESTING ? DAY_S / 10 : 0;
	for (unsigned i = 0; i < facts->hop_count; i++) {
		const char *host = facts->hop[i].host;
		const struct probe_history *history = facts_history(facts, &facts->hop[i]);
		bool unknown = evidence_age(&history->conclusive, facts->now) > facts->rules->probe_ttl_max_s;
		/* The hop may be silent, and nothing else is known about it. The next probes, a minute apart, decide
		 * whether mail must wait for it (design 4.8). */
		if (mode == POLICY_ENFORCE && !facts->rules->mta_enforces && unknown && history_may_be_silent(history))
			set_earlier(due, stale_from(history->newest.at, SILENT_RETRY_S));
		if (history->good.at == 0 || history->good.at != history->conclusive.at)
			continue;
		int64_t age = schedule_evidence_age(host, mode, facts->rules, true) + jitter(host, late);
		if (history->good.seen_by[0] != '\0') /* see evidence_age() */
			age /= 2;
		int64_t renewal = stale_from(history->good.at, age);
		if (history->newest.at != history->good.at && stale_from(history->newest.at, PROBE_SPACING_S) > renewal)
			renewal = stale_from(history->newest.at, PROBE_SPACING_S);
		set_earlier(due, renewal);
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
	int64_t body = policy_due_at(entry, rules, facts->now);
	/* A policy that expires before its renewal is fetched when somebody asks for it. */
	if (body < entry->policy_expires_at || entry->fetch_failures > 0)
		set_earlier(&due, body);
	if (schedule_in_use(entry, facts->now)) {
		int64_t soft = clamp(entry->record_ttl_s, RECORD_AGE_MIN_S, RECORD_AGE_MAX_S);
		set_earlier(&due, stale_from(entry->record_checked_at, soft));
		if (rules->probe && entry->policy.mode != POLICY_NONE)
			evidence_due(facts, &due);
	}
	return due != 0 && due < facts->now + NEGATIVE_AGE_MIN_S ? facts->now + NEGATIVE_AGE_MIN_S : due;
}

/* Computes with the time that the policy has left, not with its age: otherwise a clock that was set back could make a
 * policy look old. */
enum refresh_alarm schedule_refresh_alarm(const struct entry *entry, int64_t now)
{
	int64_t left = entry->policy_expires_at - now, max_age = entry->policy.max_age_s;
	if (!entry->has_policy || entry->policy.mode == POLICY_NONE || left <= 0)
		return REFRESH_ALARM_NONE;
	if (left * 10 <= max_age)
		return REFRESH_ALARM_NINE_TENTHS;
	return left * 2 <= max_age ? REFRESH_ALARM_HALF : REFRESH_ALARM_NONE;
}
