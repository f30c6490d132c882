#include "load_save.h"

#include "clock.h"
#include "log.h"
#include "memory.h"
#include "schedule.h"
#include "text.h"

#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

/* --- from the store ----------------------------------------------------------------------------------------------- */

enum store_found load_view(struct store_view *view, struct facts *facts, const struct want *want)
{
	struct hop_record record;
	struct override override;
	struct entry entry;
	const char *domain = facts->question.domain;
	if (want->kind == WANT_EVIDENCE) {
		enum store_found hop = view ? store_view_hop(view, want->name, want->port, &record) : STORE_FAILED;
		facts_learn_evidence(facts, want->name, want->port, hop == STORE_FOUND ? &record : NULL);
		return hop;
	}
	enum store_found found = view ? store_view_override(view, domain, facts->now, &override) : STORE_FAILED;
	if (found == STORE_FOUND)
		facts_learn_override(facts, &override);
	if (found != STORE_FAILED)
		found = domain[0] ? store_view_entry(view, domain, &entry) : STORE_ABSENT;
	switch (found) {
	case STORE_FOUND:
		facts_take_store(facts, &entry);
		break;
	case STORE_ABSENT:
		facts_learn_store(facts, NULL);
		break;
	case STORE_FAILED:
		facts_learn_store_broken(facts);
		break;
	}
	return found;
}

void load(struct store *store, struct conditions *conditions, struct store_view **view, struct facts *facts,
	const struct want *want)
{
	struct failure why;
	if (!*view) {
		*view = store_view_begin(store, &why);
		if (!*view)
			condition_begin(conditions, CONDITION_STORE_UNREADABLE, why.text);
		facts->now = clock_wall_s(); /* the store may hold facts that are newer than the last step */
	}
	enum store_found found = load_view(*view, facts, want);
	if (want->kind == WANT_EVIDENCE)
		return;
	if (found == STORE_FAILED)
		condition_begin(conditions, CONDITION_STORE_UNREADABLE, "an entry cannot be read");
	else
		condition_end(conditions, CONDITION_STORE_UNREADABLE);
	if (found == STORE_FOUND)
		conditions_note_time(conditions, entry_newest(&facts->entry), facts->question.domain);
}

/* --- into the store ----------------------------------------------------------------------------------------------- */

/* A result on its way into the store. */
struct saving {
	struct found found;
	bool written;             /* the result changes the store; else it is only reported */
	enum refresh_alarm alarm; /* out: to be raised now */
	int64_t expires_at;       /* out: when the policy expires */
	bool silence_lasts;       /* out: with this result the silence reached SILENT_LASTS_S */
	struct saving *next;
};

/* The argument of hop_apply(). */
struct hop_change {
	struct saving *saving;
	int32_t needed_day; /* today, if an enforce policy in force needs the hop; else 0 */
};

/* The changes that are written together. */
struct submission {
	struct store_submission whole; /* first, so that it can be cast to its submission */
	struct save *save;
	const struct facts *facts;
	void (*done)(void *arg);
	void *arg;
	int64_t due_at; /* out */
	size_t hop_count;
	bool entry;             /* change[0] is for the entry */
	struct hop_change *hop; /* for the other changes, in order */
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

/* --- applied by the store: on its thread, perhaps more than once -------------------------------------------------- */

static enum refresh_alarm alarm_due(const struct entry *entry, const struct found *found, int64_t now)
{
	enum refresh_alarm alarm = schedule_refresh_alarm(entry, now);
	bool failed = found->want.kind == WANT_POLICY && found->policy.outcome != REASON_OK;
	/* A failed record lookup counts only if the last fetch failed: the fetch that follows the lookup may
	 * succeed. */
	if (found->want.kind == WANT_RECORD)
		failed = found->record.outcome != REASON_OK && entry->fetch_outcome != REASON_OK;
	return failed && alarm > entry->refresh_alarm ? alarm : REFRESH_ALARM_NONE;
}

/* Returns whether the result of a record lookup is to be stored. A lookup that failed because no resolver answers must
 * not replace the knowledge that a domain has no policy: the domain's mail would then wait for the resolver. */
static bool record_is_news(const struct entry *entry, const struct found *found, int64_t now)
{
	bool known = now >= entry->policy_expires_at && schedule_negative_known(entry, true, now);
	return found->record.outcome != REASON_RESOLVER || !known || entry->record_outcome == REASON_RESOLVER;
}

static void found_apply(struct entry *entry, struct saving *saving)
{
	const struct found *found = &saving->found;
	if (found->untried || (found->want.kind == WANT_RECORD && !record_is_news(entry, found, found->at)))
		; /* only the alarm is stored */
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
	/* The due time follows from the stored entry: another process may have stored more than this inquiry knows. */
	struct facts stored = *facts; /* owns nothing */
	stored.entry = *entry;
	entry->due_at = submission->due_at = schedule_due(&stored);
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

/* --- reports ------------------------------------------------------------------------------------------------------ */

/* Raises an event such as `half of max_age is over, the policy expires in 3 days: the fetch failed, reason=... ...`. */
static void report_alarm(struct conditions *conditions, const struct facts *facts, const struct saving *saving)
{
	const struct found *found = &saving->found;
	char detail[EVENT_DETAIL_SIZE];
	struct text text;
	bool fetch = found->want.kind == WANT_POLICY;
	int64_t left_s = saving->expires_at - facts->now;
	bool days = left_s >= 2 * DAY_S;
	text_init(&text, detail, sizeof detail);
	text_add(&text, saving->alarm == REFRESH_ALARM_HALF ? "half" : "nine tenths");
	text_add(&text, " of max_age is over, the policy expires in ");
	text_add_number(&text, days ? left_s / DAY_S : left_s / 3600);
	text_add(&text, days ? " days" : " hours");
	text_add(&text, fetch ? ": the fetch failed, reason=" : ": no usable record, reason=");
	text_add(&text, reason_name(fetch ? found->policy.outcome : found->record.outcome));
	text_add(&text, fetch ? " " : "");
	text_add(&text, fetch ? found->policy.detail : "");
	events_note(conditions->events, EVENT_REFRESH_FAILING, facts->question.domain, detail);
}

/* Logs a fetch. A failed one is a warning if a policy is in force, since the operator should know (RFC 8461 3.3, 10.2). */
static void report_fetch(const struct facts *facts, const struct found *found)
{
	const struct policy_found *policy = &found->policy;
	const char *domain = found->want.name;
	if (policy->outcome == REASON_OK)
		log_info("domain=%s policy=%s id=%s max_age=%u fetched", domain, policy_mode_name(policy->policy.mode),
			facts->entry.policy_id, (unsigned)policy->policy.max_age_s);
	else if (found->untried)
		log_info("domain=%s the policy was not fetched: reason=%s %s", domain, reason_name(policy->outcome),
			policy->detail);
	else if (facts_policy(facts) && facts->entry.policy.mode != POLICY_NONE)
		log_warning("domain=%s the stored policy stays in force, no newer policy can be used: reason=%s %s",
			domain, reason_name(policy->outcome), policy->detail);
	else
		log_info("domain=%s no policy: reason=%s %s", domain, reason_name(policy->outcome), policy->detail);
}

/* Begins CONDITION_RESOLVER_DEAD if no resolver answered, and ends it if a record or MX lookup got an answer. Other
 * results prove nothing: other fetches, failed lookups, and an MX lookup that was skipped because one had failed a
 * moment ago. */
static void report_resolver(struct conditions *conditions, const struct found *found)
{
	enum reason outcome = found->policy.outcome == REASON_RESOLVER ? REASON_RESOLVER : REASON_RECORD_LOOKUP;
	if (found->want.kind == WANT_RECORD)
		outcome = found->record.outcome;
	else if (found->want.kind == WANT_MX)
		outcome = found->untried ? REASON_MX_LOOKUP : found->mx.outcome;
	if (outcome == REASON_RESOLVER) {
		char detail[DOMAIN_SIZE + 32];
		struct text text;
		text_init(&text, detail, sizeof detail);
		text_add(&text, "the lookup was for ");
		text_add(&text, found->want.name);
		condition_begin(conditions, CONDITION_RESOLVER_DEAD, detail);
	} else if (outcome != REASON_RECORD_LOOKUP && outcome != REASON_MX_LOOKUP) {
		condition_end(conditions, CONDITION_RESOLVER_DEAD);
	}
}

/* Reports a change that was not stored. `what` is `domain=` or `mx=`. A full store only raises an event and begins no
 * condition, because it can still be written: facts that it has already can be renewed. */
static void report_unstored(
	struct conditions *conditions, const char *what, const char *name, const struct failure *why)
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

/* Raises an event if the hop fails a probe's demands but the MTA delivers there all the same:
 * `mx=mx1.example.com presents an expired certificate [certificate-expired] at 192.0.2.1; the MTA delivers at 192.0.2.2` */
static void report_below_standard(struct conditions *conditions, const struct facts *facts, const struct found *found)
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

/* Raises an event if the domain has an enforce policy: `mx1.example.com cannot be reached: Connection refused` */
static void report_silence(struct conditions *conditions, const struct facts *facts, const struct found *found)
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

/* --- adding ------------------------------------------------------------------------------------------------------- */

void save_add(struct save *save, struct conditions *conditions, const struct facts *facts, struct found *found)
{
	struct saving *saving = xcalloc(1, sizeof *saving), **last = &save->first;
	saving->found = *found;
	memset(&found->policy, 0, sizeof found->policy);
	memset(&found->mx, 0, sizeof found->mx);
	memset(&found->tlsa_records, 0, sizeof found->tlsa_records);
	found->look = NULL;
	if (is_of_hop(found)) {
		/* Of several refused probes in a row only the first one is written: its time counts. */
		const struct hop_fact *hop = facts_hop(facts, found->want.name, found->want.port);
		bool refused = found_is_refused_probe(found) && hop && hop->record.refused_since == found->evidence.at;
		saving->written =
			refused || (!found->untried && (found->tlsa.checked_at != 0 ||
							       found->evidence.reason != REASON_PROBE_BUDGET));
	} else {
		saving->written =
			!found->untried || alarm_due(&facts->entry, &saving->found, facts->now) != REFRESH_ALARM_NONE;
		report_resolver(conditions, &saving->found);
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

void save_each(const struct save *save, void (*visit)(void *arg, const struct found *found), void *arg)
{
	for (const struct saving *saving = save->first; saving; saving = saving->next)
		visit(arg, &saving->found);
}

bool save_comes_before(const struct save *save, const struct want *want)
{
	return (want->kind == WANT_PROBE || want->kind == WANT_TLSA) && save->first && !is_of_hop(&save->first->found);
}

/* --- writing ------------------------------------------------------------------------------------------------------ */

static void on_written(struct store_submission *whole)
{
	struct submission *submission = (struct submission *)whole;
	submission->done(submission->arg);
}

bool save_begin(struct save *save, struct store *store, const struct facts *facts, bool ending, void (*done)(void *arg),
	void *arg)
{
	const struct policy *policy = facts_policy(facts);
	bool needed = policy && policy->mode == POLICY_ENFORCE;
	bool used = policy && facts->entry.last_used_day != save->last_used_day;
	bool entry = ending && facts->store == STORE_READ && (used || schedule_due(facts) != save->due_at);
	size_t hops = 0;
	for (struct saving *saving = save->first; saving; saving = saving->next) {
		hops += saving->written && is_of_hop(&saving->found);
		entry = entry || (saving->written && !is_of_hop(&saving->found));
	}
	/* An operator's query leaves no entry of a domain that no mail has asked for. */
	entry = entry && !(facts->question.purpose == PURPOSE_QUERY && facts->absent);
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
	for (struct saving *saving = save->first; saving; saving = saving->next) {
		if (!saving->written || !is_of_hop(&saving->found))
			continue;
		struct hop_change *hop = &submission->hop[submission->hop_count++];
		*hop = (struct hop_change){saving, needed ? schedule_day(facts->now) : 0};
		submission->change[submission->whole.count++] =
			(struct store_batch_change){.domain_or_host = saving->found.want.name,
				.port = saving->found.want.port,
				.hop = hop_apply,
				.arg = hop};
	}
	save->submitted = &submission->whole;
	store_submit(store, save->submitted);
	return true;
}

/* Reports which changes of a submission were stored, and notes in `save` what the store has now. */
static void submission_end(
	struct save *save, struct conditions *conditions, const struct facts *facts, struct submission *submission)
{
	const struct store_batch_change *change = &submission->change[0];
	if (submission->entry && change->stored) {
		condition_end(conditions, CONDITION_STORE_UNWRITABLE);
		save->due_at = submission->due_at;
		save->last_used_day = facts->entry.last_used_day;
	} else if (submission->entry) {
		/* No alarm is raised: the store does not remember it, so it would be raised again at each attempt. */
		for (struct saving *saving = save->first; saving; saving = saving->next)
			saving->alarm = REFRESH_ALARM_NONE;
		report_unstored(conditions, "domain=", facts->question.domain, &change->why);
	}
	for (size_t i = 0; i < submission->hop_count; i++) {
		const struct saving *saving = submission->hop[i].saving;
		change = &submission->change[i + submission->entry];
		if (change->stored)
			condition_end(conditions, CONDITION_STORE_UNWRITABLE);
		else
			report_unstored(conditions, "mx=", saving->found.want.name, &change->why);
		if (saving->silence_lasts)
			report_silence(conditions, facts, &saving->found);
	}
	free(submission->hop);
	free(submission);
}

void save_end(struct save *save, struct conditions *conditions, const struct facts *facts)
{
	if (save->submitted)
		submission_end(save, conditions, facts, (struct submission *)save->submitted);
	save->submitted = NULL;
	while (save->first) {
		struct saving *saving = save->first;
		save->first = saving->next;
		if (saving->alarm != REFRESH_ALARM_NONE)
			report_alarm(conditions, facts, saving);
		else if (saving->found.want.kind == WANT_POLICY)
			report_fetch(facts, &saving->found);
		report_below_standard(conditions, facts, &saving->found);
		found_free(&saving->found);
		free(saving);
	}
}
