#include "learn.h"

#include "log.h"
#include "schedule.h"
#include "text.h"

#include <string.h>
#include <sysexits.h>

/* What store_change_entry() applies to the stored entry. */
struct lesson {
	const struct facts *facts;
	const struct found *found; /* NULL: use and due time only */
	int64_t due_at;            /* out */
	int64_t expires_at;        /* out: of the policy */
	enum refresh_alarm alarm;  /* out: to be raised now */
};

/* Of the entry as it is stored: another process may have learned more of it than this case. */
static int64_t entry_due(const struct entry *entry, const struct facts *facts)
{
	struct facts stored = *facts; /* owns nothing */
	stored.entry = *entry;
	return schedule_due(&stored);
}

/* A record that fails may be followed at once by a fetch that does not. */
static bool is_failed_refresh(const struct entry *entry, const struct found *found)
{
	if (found->want.kind == WANT_RECORD)
		return found->record.outcome != REASON_NONE && entry->fetch_outcome != REASON_NONE;
	return found->want.kind == WANT_POLICY && found->policy.outcome != REASON_NONE;
}

static enum refresh_alarm alarm_due(const struct entry *entry, const struct found *found, int64_t now)
{
	enum refresh_alarm alarm = schedule_refresh_alarm(entry, now);
	bool due = alarm > entry->refresh_alarm && is_failed_refresh(entry, found);
	return due ? alarm : REFRESH_ALARM_NONE;
}

/* A resolver that is dead takes nothing away that is known of a domain without a policy: else its mail would wait for
 * that resolver. */
static bool record_is_news(const struct entry *entry, const struct found *found, int64_t now)
{
	bool known = now >= entry->policy_expires_at && schedule_negative_known(entry, true, now);
	return found->record.outcome != REASON_RESOLVER || !known || entry->record_outcome == REASON_RESOLVER;
}

static void found_apply(struct entry *entry, struct lesson *lesson)
{
	const struct found *found = lesson->found;
	int64_t now = lesson->facts->now;
	if (found->untried || (found->want.kind == WANT_RECORD && !record_is_news(entry, found, now)))
		; /* only the alarm is remembered */
	else if (found->want.kind == WANT_RECORD)
		entry_learn_record(entry, &found->record, now);
	else if (found->want.kind == WANT_POLICY)
		entry_learn_policy(entry, &found->policy, found->record_id, now);
	else if (found->want.kind == WANT_MX)
		entry_learn_mx(entry, &found->mx, now);
	lesson->alarm = alarm_due(entry, found, now);
	if (lesson->alarm != REFRESH_ALARM_NONE)
		entry->refresh_alarm = lesson->alarm;
}

static void entry_apply(struct entry *entry, void *arg)
{
	struct lesson *lesson = arg;
	const struct facts *facts = lesson->facts;
	if (lesson->found)
		found_apply(entry, lesson);
	lesson->expires_at = entry->policy_expires_at;
	if (facts->entry.last_used_day > entry->last_used_day || facts->entry.last_used_day == schedule_day(facts->now))
		entry_learn_use(entry, facts->now);
	entry->due_at = lesson->due_at = entry_due(entry, facts);
}

/* What store_change_hop() applies to the stored record. */
struct hop_lesson {
	const struct found *found;
	int32_t needed_day; /* today, for a live enforce policy; else 0 */
	bool lasts;         /* out: the hop has been silent for SILENT_LASTS_S since this probe */
};

static int64_t silence_s(const struct trials *trials)
{
	return trials->silent_since == 0 ? 0 : trials->newest.at - trials->silent_since;
}

static void hop_apply(struct hop_record *record, void *arg)
{
	struct hop_lesson *lesson = arg;
	const struct found *found = lesson->found;
	const struct trials *trials = found->evidence.tlsa_id == 0 ? &record->pkix : &record->dane;
	int64_t before_s = silence_s(trials);
	if (lesson->needed_day != 0)
		record->needed_day = lesson->needed_day;
	hop_record_learn_tlsa(record, &found->tlsa);
	if (found_refused(found))
		hop_record_refused(record, found->evidence.at);
	else if (found->evidence.reason != REASON_PROBE_BUDGET)
		hop_record_learn(record, &found->evidence);
	lesson->lasts = before_s < SILENT_LASTS_S && silence_s(trials) >= SILENT_LASTS_S &&
			trials_silent(trials, trials->newest.at);
}

/* --- what is told ------------------------------------------------------------------------------------------------- */

static void span_add(struct text *text, int64_t seconds)
{
	bool days = seconds >= 2 * DAY_S;
	text_add_number(text, days ? seconds / DAY_S : seconds / 3600);
	text_add(text, days ? " days" : " hours");
}

/* `half of max_age is over, the policy expires in 3 days: reason=... and what the fetch says` */
static void alarm_raised(struct trouble *trouble, const struct lesson *lesson)
{
	const struct found *found = lesson->found;
	const struct facts *facts = lesson->facts;
	char detail[EVENT_DETAIL_SIZE];
	struct text text;
	bool fetch = found->want.kind == WANT_POLICY;
	text_init(&text, detail, sizeof detail);
	text_add(&text, lesson->alarm == REFRESH_ALARM_HALF ? "half" : "nine tenths");
	text_add(&text, " of max_age is over, the policy expires in ");
	span_add(&text, lesson->expires_at - facts->now);
	text_add(&text, fetch ? ": the fetch failed, reason=" : ": no usable record, reason=");
	text_add(&text, reason_name(fetch ? found->policy.outcome : found->record.outcome));
	text_add(&text, fetch ? " " : "");
	text_add(&text, fetch ? found->policy.detail : "");
	events_note(trouble->events, EVENT_REFRESH_FAILING, facts->question.domain, detail);
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

static void found_told(struct trouble *trouble, const struct lesson *lesson)
{
	if (lesson->alarm != REFRESH_ALARM_NONE)
		alarm_raised(trouble, lesson);
	else if (lesson->found->want.kind == WANT_POLICY)
		policy_told(lesson->facts, lesson->found);
}

/* What it says of the resolver: a look-up that failed, or a fetch, may say nothing; an MX look-up that was not made,
 * since one failed a moment ago, is no news. */
static enum reason resolver_outcome(const struct found *found)
{
	if (found->want.kind == WANT_RECORD)
		return found->record.outcome;
	if (found->want.kind == WANT_MX)
		return found->untried ? REASON_MX_LOOKUP : found->mx.outcome;
	return found->policy.outcome == REASON_RESOLVER ? REASON_RESOLVER : REASON_RECORD_LOOKUP;
}

static void resolver_told(struct trouble *trouble, const struct found *found)
{
	char detail[DOMAIN_SIZE + 32];
	struct text text;
	enum reason outcome = resolver_outcome(found);
	text_init(&text, detail, sizeof detail);
	text_add(&text, "when asked for ");
	text_add(&text, found->want.name);
	if (outcome == REASON_RESOLVER)
		trouble_began(trouble, TROUBLE_RESOLVER, detail);
	else if (outcome != REASON_RECORD_LOOKUP && outcome != REASON_MX_LOOKUP)
		trouble_ended(trouble, TROUBLE_RESOLVER);
}

/* `what` is `domain=` or `mx=`. A store that is full still renews what it has. */
static void unstored_told(struct trouble *trouble, const char *what, const char *name, const struct failure *why)
{
	char detail[EVENT_DETAIL_SIZE];
	struct text text;
	text_init(&text, detail, sizeof detail);
	text_add(&text, what);
	text_add(&text, name);
	text_add(&text, ": ");
	text_add(&text, why->text);
	if (why->code == EX_TEMPFAIL)
		events_note(trouble->events, EVENT_EVICTION_REFUSED, "", detail);
	else
		trouble_began(trouble, TROUBLE_WRITING, detail);
}

/* `mx=mx1.example.com shows an expired certificate [certificate-expired] at 192.0.2.1; the MTA delivers at 192.0.2.2` */
static void hop_told(struct trouble *trouble, const struct facts *facts, const struct found *found)
{
	const struct evidence *seen = &found->evidence;
	char detail[EVENT_DETAIL_SIZE];
	struct text text;
	if (found->want.kind != WANT_PROBE || !facts_left_to_mta(facts, seen))
		return;
	text_init(&text, detail, sizeof detail);
	text_add(&text, "mx=");
	text_add(&text, found->want.name);
	text_add(&text, " ");
	text_add(&text, reason_sentence(seen->reason));
	text_add(&text, " [");
	text_add(&text, reason_name(seen->reason));
	text_add(&text, "] at ");
	text_add(&text, seen->address);
	if (seen->mta_address[0] != '\0') {
		text_add(&text, "; the MTA delivers at ");
		text_add(&text, seen->mta_address);
	}
	events_note(trouble->events, EVENT_HOP_BELOW_STANDARD, facts->question.domain, detail);
}

/* --- writing ------------------------------------------------------------------------------------------------------ */

static void entry_write(struct store *store, struct trouble *trouble, struct lesson *lesson, struct kept *kept)
{
	const struct facts *facts = lesson->facts;
	const char *domain = facts->question.domain;
	struct failure why;
	if (!store_change_entry(store, domain, entry_apply, lesson, &why)) {
		lesson->alarm = REFRESH_ALARM_NONE; /* it is not remembered, so it would be raised at each attempt */
		unstored_told(trouble, "domain=", domain, &why);
		return;
	}
	trouble_ended(trouble, TROUBLE_WRITING);
	kept->due_at = lesson->due_at;
	kept->last_used_day = facts->entry.last_used_day;
}

/* A refusal is written once: the first one counts. */
static bool hop_is_news(const struct facts *facts, const struct found *found)
{
	const struct hop_fact *hop = facts_hop(facts, found->want.name, found->want.port);
	if (found_refused(found) && hop && hop->record.refused_since == found->evidence.at)
		return true;
	return !found->untried && (found->tlsa.checked_at != 0 || found->evidence.reason != REASON_PROBE_BUDGET);
}

/* `mx1.example.com cannot be reached: Connection refused` */
static void silence_told(struct trouble *trouble, const struct facts *facts, const struct found *found)
{
	char detail[EVENT_DETAIL_SIZE];
	struct text text;
	if (!facts_policy(facts) || facts->entry.policy.mode != POLICY_ENFORCE)
		return;
	text_init(&text, detail, sizeof detail);
	text_add(&text, found->want.name);
	text_add(&text, " ");
	text_add(&text, reason_sentence(found->evidence.reason));
	text_add(&text, ": ");
	text_quote(&text, found->evidence.text, strlen(found->evidence.text), EVIDENCE_TEXT_SIZE);
	events_note(trouble->events, EVENT_HOP_SILENT, facts->question.domain, detail);
}

static void hop_write(
	struct store *store, struct trouble *trouble, const struct facts *facts, const struct found *found)
{
	const struct want *want = &found->want;
	const struct policy *policy = facts_policy(facts);
	bool needed = policy && policy->mode == POLICY_ENFORCE;
	struct hop_lesson lesson = {.found = found, .needed_day = needed ? schedule_day(facts->now) : 0};
	struct failure why;
	if (store_change_hop(store, want->name, want->port, hop_apply, &lesson, &why))
		trouble_ended(trouble, TROUBLE_WRITING);
	else
		unstored_told(trouble, "mx=", want->name, &why);
	if (lesson.lasts)
		silence_told(trouble, facts, found);
}

void learn_found(struct store *store, struct trouble *trouble, const struct facts *facts, const struct found *found,
	struct kept *kept)
{
	struct lesson lesson = {.facts = facts, .found = found};
	if (found->want.kind == WANT_PROBE || found->want.kind == WANT_TLSA) {
		if (hop_is_news(facts, found))
			hop_write(store, trouble, facts, found);
		hop_told(trouble, facts, found);
		return;
	}
	if (!found->untried || alarm_due(&facts->entry, found, facts->now) != REFRESH_ALARM_NONE)
		entry_write(store, trouble, &lesson, kept);
	found_told(trouble, &lesson);
	resolver_told(trouble, found);
}

void learn_end(struct store *store, struct trouble *trouble, const struct facts *facts, struct kept *kept)
{
	struct lesson lesson = {.facts = facts};
	if (facts->store != STORE_READ)
		return;
	bool used = facts_policy(facts) && facts->entry.last_used_day != kept->last_used_day;
	if (used || schedule_due(facts) != kept->due_at)
		entry_write(store, trouble, &lesson, kept);
}
