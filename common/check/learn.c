#include "learn.h"

#include "log.h"
#include "schedule.h"
#include "text.h"

#include <string.h>

/* What store_change_entry() applies to the stored entry. */
struct lesson {
	const struct facts *facts;
	const struct found *found; /* NULL: use and due time only */
	int64_t due_at;            /* out */
};

/* Of the entry as it is stored: another process may have learned more of it than this case. */
static int64_t entry_due(const struct entry *entry, const struct facts *facts)
{
	struct facts stored = *facts; /* owns nothing */
	stored.entry = *entry;
	return schedule_due(&stored);
}

static void entry_apply(struct entry *entry, void *arg)
{
	struct lesson *lesson = arg;
	const struct facts *facts = lesson->facts;
	if (lesson->found) {
		const struct found *found = lesson->found;
		if (found->want.kind == WANT_RECORD)
			entry_learn_record(entry, &found->record, facts->now);
		else if (found->want.kind == WANT_POLICY)
			entry_learn_policy(entry, &found->policy, found->record_id, facts->now);
		else if (found->want.kind == WANT_MX)
			entry_learn_mx(entry, &found->mx, facts->now);
	}
	if (facts->entry.last_used_day > entry->last_used_day || facts->entry.last_used_day == schedule_day(facts->now))
		entry_learn_use(entry, facts->now);
	entry->due_at = lesson->due_at = entry_due(entry, facts);
}

static void hop_apply(struct hop_record *record, void *arg)
{
	hop_record_learn(record, arg);
}

/* RFC 8461 3.3, 10.2: a refresh that fails while a policy is in force is for the operator's eyes. */
static void policy_told(const struct facts *facts, const struct found *found)
{
	const struct policy_found *policy = &found->policy;
	const char *domain = found->want.name;
	if (policy->outcome == REASON_NONE)
		log_info("domain=%s policy=%s id=%s max_age=%u fetched", domain, policy_mode_name(policy->policy.mode),
			facts->entry.policy_id, (unsigned)policy->policy.max_age_s);
	else if (found->untried)
		log_info("domain=%s the policy was not asked for: reason=%s %s", domain, reason_name(policy->outcome),
			policy->detail);
	else if (facts_policy(facts) && facts->entry.policy.mode != POLICY_NONE)
		log_warning("domain=%s the stored policy stays in force, a newer one could not be had: reason=%s %s",
			domain, reason_name(policy->outcome), policy->detail);
	else
		log_info("domain=%s no policy: reason=%s %s", domain, reason_name(policy->outcome), policy->detail);
}

static void entry_write(struct store *store, const struct facts *facts, const struct found *found, struct kept *kept)
{
	const char *domain = facts->question.domain;
	struct lesson lesson = {.facts = facts, .found = found};
	struct failure why;
	if (!store_change_entry(store, domain, entry_apply, &lesson, &why)) {
		log_error("domain=%s what was found out is used but not stored: %s", domain, why.text);
		return;
	}
	kept->due_at = lesson.due_at;
	kept->last_used_day = facts->entry.last_used_day;
}

void learn_found(struct store *store, const struct facts *facts, const struct found *found, struct kept *kept)
{
	const struct want *want = &found->want;
	struct failure why;
	if (want->kind != WANT_PROBE) {
		if (want->kind == WANT_POLICY)
			policy_told(facts, found);
		if (!found->untried)
			entry_write(store, facts, found, kept);
		return;
	}
	struct evidence seen = found->evidence;
	if (seen.reason == REASON_PROBE_BUDGET ||
		store_change_hop(store, want->name, want->port, hop_apply, &seen, &why))
		return;
	log_error("mx=%s what was found out is used but not stored: %s", want->name, why.text);
}

void learn_end(struct store *store, const struct facts *facts, struct kept *kept)
{
	if (facts->store != STORE_READ)
		return;
	bool used = facts_policy(facts) && facts->entry.last_used_day != kept->last_used_day;
	if (used || schedule_due(facts) != kept->due_at)
		entry_write(store, facts, NULL, kept);
}
