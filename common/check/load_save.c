#include "load_save.h"

#include "clock.h"
#include "log.h"
#include "memory.h"
#include "schedule.h"
#include "text.h"

#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

/* --- from the store ---------------------------------------------------------------------------------------------- */

static void load_entry(struct facts *facts, struct conditions *conditions, struct store_view *view)
{
	struct entry entry;
	enum store_found found = view ? store_view_entry(view, facts->question.domain, &entry) : STORE_FAILED;
	if (found == STORE_FAILED)
		condition_begin(conditions, CONDITION_STORE_UNREADABLE, "an entry cannot be read");
	else
		condition_end(conditions, CONDITION_STORE_UNREADABLE);
	switch (found) {
	case STORE_FOUND:
		conditions_note_time(conditions, entry_newest(&entry), facts->question.domain);
		facts_learn_store(facts, &entry);
		entry_free(&entry);
		break;
	case STORE_ABSENT:
		facts_learn_store(facts, NULL);
		break;
	case STORE_FAILED:
		facts_learn_store_broken(facts);
		break;
	}
}

static void load_hop(struct facts *facts, struct store_view *view, const struct want *want)
{
	struct hop_record record;
	bool found = view && store_view_hop(view, want->name, want->port, &record) == STORE_FOUND;
	facts_learn_evidence(facts, want->name, want->port, found ? &record : NULL);
}

void load(struct store *store, struct conditions *conditions, struct store_view **view, struct facts *facts,
	const struct want *want)
{
	struct failure why;
	if (!*view) {
		*view = store_view_begin(store, &why);
		if (!*view)
			condition_begin(conditions, CONDITION_STORE_UNREADABLE, why.text);
		facts->now = clock_wall_s(); /* what is read may be newer than the step before */
	}
	if (want->kind == WANT_EVIDENCE)
		load_hop(facts, *view, want);
	else
		load_entry(facts, conditions, *view);
}

/* --- into the store ---------------------------------------------------------------------------------------------- */

/* Something that was found, on its way into the store. */
struct saving {
	struct found found;
	bool written;             /* it changes the store; else it is only reported */
	enum refresh_alarm alarm; /* out: to be raised now */
	int64_t expires_at;       /* out: of the policy */
	bool silence_lasts;       /* out: the hop has been silent for SILENT_LASTS_S since this probe */
	struct saving *next;
};

/* What store_change_hop() applies to the stored record. */
struct hop_change {
	struct saving *saving;
	int32_t needed_day; /* today, for a live enforce policy; else 0 */
};

/* What is written together. */
struct submission {
	struct store_submission whole; /* first */
	struct save *save;
	const struct facts *facts;
	void (*done)(void *arg);
	void *arg;
	int64_t due_at; /* out */
	size_t hop_count;
	bool entry;             /* change[0] is of the entry */
	struct hop_change *hop; /* of the others, in order */
	struct store_batch_change change[];
};

static bool is_of_hop(const struct found *found)
{
	return found->want.kind == WANT_PROBE || found->want.kind == WANT_TLSA;
}

void save_know(struct save *save, const struct entry *entry)
{
	save->due_at = entry->due_at;
	save->last_used_day = entry->last_used_day;
}

/* --- what the store applies. On its thread, perhaps more than once ------------------------------------------------- */

/* Of the entry as it is stored: another process may have learned more of it than this inquiry. */
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
		return found->record.outcome != REASON_OK && entry->fetch_outcome != REASON_OK;
	return found->want.kind == WANT_POLICY && found->policy.outcome != REASON_OK;
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

static void found_apply(struct entry *entry, struct saving *saving)
{
	const struct found *found = &saving->found;
	if (found->untried || (found->want.kind == WANT_RECORD && !record_is_news(entry, found, found->at)))
		; /* only the alarm is remembered */
	else if (found->want.kind == WANT_RECORD)
		entry_learn_record(entry, &found->record, found->at);
	else if (found->want.kind == WANT_POLICY)
		entry_learn_policy(entry, &found->policy, found->record_id, found->at);
	else if (found->want.kind == WANT_MX)
		entry_learn_mx(entry, &found->mx, found->at);
	saving->alarm = alarm_due(entry, found, found->at);
	if (saving->alarm != REFRESH_ALARM_NONE)
		entry->refresh_alarm = saving->alarm;
	saving->expires_at = entry->policy_expires_at;
}

static void entry_apply(struct entry *entry, void *arg)
{
	struct submission *submission = arg;
	const struct facts *facts = submission->facts;
	for (struct saving *saving = submission->save->first; saving; saving = saving->next)
		if (!is_of_hop(&saving->found) && saving->written)
			found_apply(entry, saving);
	if (facts->entry.last_used_day > entry->last_used_day || facts->entry.last_used_day == schedule_day(facts->now))
		entry_learn_use(entry, facts->now);
	entry->due_at = submission->due_at = entry_due(entry, facts);
}

static int64_t silence_s(const struct probe_history *history)
{
	return history->silent_since == 0 ? 0 : history->newest.at - history->silent_since;
}

static void hop_apply(struct hop_record *record, void *arg)
{
	struct hop_change *change = arg;
	const struct found *found = &change->saving->found;
	const struct probe_history *history = found->evidence.tlsa_id == 0 ? &record->pkix : &record->dane;
	int64_t before_s = silence_s(history);
	if (change->needed_day != 0)
		record->needed_day = change->needed_day;
	hop_record_learn_tlsa(record, &found->tlsa);
	if (found_is_refused_probe(found))
		hop_record_refused(record, found->evidence.at);
	else if (found->evidence.reason != REASON_PROBE_BUDGET)
		hop_record_learn(record, &found->evidence);
	change->saving->silence_lasts = before_s < SILENT_LASTS_S && silence_s(history) >= SILENT_LASTS_S &&
					history_is_silent(history, history->newest.at);
}

/* --- what is reported ------------------------------------------------------------------------------------------------- */

static void span_add(struct text *text, int64_t seconds)
{
	bool days = seconds >= 2 * DAY_S;
	text_add_number(text, days ? seconds / DAY_S : seconds / 3600);
	text_add(text, days ? " days" : " hours");
}

/* `half of max_age is over, the policy expires in 3 days: reason=... and what the fetch says` */
static void alarm_raised(struct conditions *conditions, const struct facts *facts, const struct saving *saving)
{
	const struct found *found = &saving->found;
	char detail[EVENT_DETAIL_SIZE];
	struct text text;
	bool fetch = found->want.kind == WANT_POLICY;
	text_init(&text, detail, sizeof detail);
	text_add(&text, saving->alarm == REFRESH_ALARM_HALF ? "half" : "nine tenths");
	text_add(&text, " of max_age is over, the policy expires in ");
	span_add(&text, saving->expires_at - facts->now);
	text_add(&text, fetch ? ": the fetch failed, reason=" : ": no usable record, reason=");
	text_add(&text, reason_name(fetch ? found->policy.outcome : found->record.outcome));
	text_add(&text, fetch ? " " : "");
	text_add(&text, fetch ? found->policy.detail : "");
	events_note(conditions->events, EVENT_REFRESH_FAILING, facts->question.domain, detail);
}

/* RFC 8461 3.3, 10.2: a refresh that fails while a policy is in force is for the operator's eyes. */
static void policy_told(const struct facts *facts, const struct found *found)
{
	const struct policy_found *policy = &found->policy;
	const char *domain = found->want.name;
	if (policy->outcome == REASON_OK)
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

static void resolver_told(struct conditions *conditions, const struct found *found)
{
	char detail[DOMAIN_SIZE + 32];
	struct text text;
	enum reason outcome = resolver_outcome(found);
	text_init(&text, detail, sizeof detail);
	text_add(&text, "when asked for ");
	text_add(&text, found->want.name);
	if (outcome == REASON_RESOLVER)
		condition_begin(conditions, CONDITION_RESOLVER_DEAD, detail);
	else if (outcome != REASON_RECORD_LOOKUP && outcome != REASON_MX_LOOKUP)
		condition_end(conditions, CONDITION_RESOLVER_DEAD);
}

/* `what` is `domain=` or `mx=`. A store that is full still renews what it has. */
static void unstored_told(struct conditions *conditions, const char *what, const char *name, const struct failure *why)
{
	char detail[EVENT_DETAIL_SIZE];
	struct text text;
	text_init(&text, detail, sizeof detail);
	text_add(&text, what);
	text_add(&text, name);
	text_add(&text, ": ");
	text_add(&text, why->text);
	if (why->code == EX_TEMPFAIL)
		events_note(conditions->events, EVENT_EVICTION_REFUSED, "", detail);
	else
		condition_begin(conditions, CONDITION_STORE_UNWRITABLE, detail);
}

/* `mx=mx1.example.com presents an expired certificate [certificate-expired] at 192.0.2.1; the MTA delivers at 192.0.2.2` */
static void hop_told(struct conditions *conditions, const struct facts *facts, const struct found *found)
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
	events_note(conditions->events, EVENT_HOP_BELOW_STANDARD, facts->question.domain, detail);
}

/* `mx1.example.com cannot be reached: Connection refused` */
static void silence_told(struct conditions *conditions, const struct facts *facts, const struct found *found)
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
	events_note(conditions->events, EVENT_HOP_SILENT, facts->question.domain, detail);
}

/* --- what is kept ------------------------------------------------------------------------------------------------- */

/* A refusal is written once: the first one counts. */
static bool hop_is_news(const struct facts *facts, const struct found *found)
{
	const struct hop_fact *hop = facts_hop(facts, found->want.name, found->want.port);
	if (found_is_refused_probe(found) && hop && hop->record.refused_since == found->evidence.at)
		return true;
	return !found->untried && (found->tlsa.checked_at != 0 || found->evidence.reason != REASON_PROBE_BUDGET);
}

/* Whether the entry is to be changed by it. */
static bool entry_is_news(const struct facts *facts, const struct found *found)
{
	return !found->untried || alarm_due(&facts->entry, found, facts->now) != REFRESH_ALARM_NONE;
}

void save_add(struct save *save, struct conditions *conditions, const struct facts *facts, struct found *found)
{
	struct saving *saving = xcalloc(1, sizeof *saving), **last = &save->first;
	saving->found = *found;
	memset(&found->policy, 0, sizeof found->policy);
	memset(&found->mx, 0, sizeof found->mx);
	if (is_of_hop(&saving->found)) {
		saving->written = hop_is_news(facts, &saving->found);
	} else {
		saving->written = entry_is_news(facts, &saving->found);
		resolver_told(conditions, &saving->found);
	}
	while (*last)
		last = &(*last)->next;
	*last = saving;
}

const struct found *save_newest(const struct save *save)
{
	const struct saving *saving = save->first;
	while (saving && saving->next)
		saving = saving->next;
	return saving ? &saving->found : NULL;
}

bool save_comes_before(const struct save *save, const struct want *want)
{
	return (want->kind == WANT_PROBE || want->kind == WANT_TLSA) && save->first && !is_of_hop(&save->first->found);
}

/* --- writing ------------------------------------------------------------------------------------------------------ */

static bool housekeeping_is_due(const struct save *save, const struct facts *facts)
{
	if (facts->store != STORE_READ)
		return false;
	bool used = facts_policy(facts) && facts->entry.last_used_day != save->last_used_day;
	return used || schedule_due(facts) != save->due_at;
}

static void on_written(struct store_submission *whole)
{
	struct submission *submission = (struct submission *)whole;
	submission->done(submission->arg);
}

static void hop_submit(struct submission *submission, struct saving *saving)
{
	const struct policy *policy = facts_policy(submission->facts);
	bool needed = policy && policy->mode == POLICY_ENFORCE;
	struct hop_change *hop = &submission->hop[submission->hop_count++];
	*hop = (struct hop_change){saving, needed ? schedule_day(submission->facts->now) : 0};
	submission->change[submission->whole.count++] =
		(struct store_batch_change){.domain_or_host = saving->found.want.name,
			.port = saving->found.want.port,
			.hop = hop_apply,
			.arg = hop};
}

bool save_begin(struct save *save, struct store *store, const struct facts *facts, bool ending, void (*done)(void *arg),
	void *arg)
{
	bool entry = ending && housekeeping_is_due(save, facts);
	size_t hops = 0;
	for (struct saving *saving = save->first; saving; saving = saving->next) {
		hops += saving->written && is_of_hop(&saving->found);
		entry = entry || (saving->written && !is_of_hop(&saving->found));
	}
	if (!entry && hops == 0)
		return false;
	struct submission *submission = xcalloc(1, sizeof *submission + (hops + 1) * sizeof submission->change[0]);
	submission->hop = xcalloc(hops + 1, sizeof *submission->hop);
	submission->whole = (struct store_submission){.change = submission->change, .done = on_written};
	submission->save = save;
	submission->facts = facts;
	submission->done = done;
	submission->arg = arg;
	submission->entry = entry;
	if (entry)
		submission->change[submission->whole.count++] = (struct store_batch_change){
			.domain_or_host = facts->question.domain, .entry = entry_apply, .arg = submission};
	for (struct saving *saving = save->first; saving; saving = saving->next)
		if (saving->written && is_of_hop(&saving->found))
			hop_submit(submission, saving);
	save->submitted = &submission->whole;
	store_submit(store, save->submitted);
	return true;
}

static void entry_written(
	struct save *save, struct conditions *conditions, const struct facts *facts, struct submission *submission)
{
	const struct store_batch_change *change = &submission->change[0];
	if (change->stored) {
		condition_end(conditions, CONDITION_STORE_UNWRITABLE);
		save->due_at = submission->due_at;
		save->last_used_day = facts->entry.last_used_day;
		return;
	}
	/* The alarms are not remembered, so they would be raised at each attempt. */
	for (struct saving *saving = save->first; saving; saving = saving->next)
		saving->alarm = REFRESH_ALARM_NONE;
	unstored_told(conditions, "domain=", facts->question.domain, &change->why);
}

static void hops_written(struct conditions *conditions, const struct facts *facts, struct submission *submission)
{
	for (size_t i = 0; i < submission->hop_count; i++) {
		const struct store_batch_change *change = &submission->change[i + submission->entry];
		const struct saving *saving = submission->hop[i].saving;
		if (change->stored)
			condition_end(conditions, CONDITION_STORE_UNWRITABLE);
		else
			unstored_told(conditions, "mx=", saving->found.want.name, &change->why);
		if (saving->silence_lasts)
			silence_told(conditions, facts, &saving->found);
	}
}

void save_end(struct save *save, struct conditions *conditions, const struct facts *facts)
{
	struct submission *submission = (struct submission *)save->submitted;
	if (submission && submission->entry)
		entry_written(save, conditions, facts, submission);
	if (submission)
		hops_written(conditions, facts, submission);
	while (save->first) {
		struct saving *saving = save->first;
		save->first = saving->next;
		if (saving->alarm != REFRESH_ALARM_NONE)
			alarm_raised(conditions, facts, saving);
		else if (saving->found.want.kind == WANT_POLICY)
			policy_told(facts, &saving->found);
		hop_told(conditions, facts, &saving->found);
		found_free(&saving->found);
		free(saving);
	}
	if (submission)
		free(submission->hop);
	free(submission);
	save->submitted = NULL;
}
