#include "verdict_shown.h"

#include "json_value.h"
#include "letter.h"

#include <stdlib.h>
#include <string.h>

/* --- the age of the evidence -------------------------------------------------------------------------------------- */

/* When the oldest and the newest good evidence was seen of the hops that the inquiry knows; 0: none. */
struct good {
	int64_t oldest_at, newest_at;
};

static struct good good_seen(const struct facts *facts)
{
	struct good good = {0, 0};
	for (unsigned i = 0; i < facts->hop_count; i++) {
		const struct evidence *seen = &facts_history(facts, &facts->hop[i])->conclusive;
		if (seen->at == 0 || !facts_evidence_good(facts, seen))
			continue;
		if (good.oldest_at == 0 || seen->at < good.oldest_at)
			good.oldest_at = seen->at;
		if (seen->at > good.newest_at)
			good.newest_at = seen->at;
	}
	return good;
}

#define REASONS_MAX 8
/* Which fact gives a verdict its reason. */
struct basis {
	int64_t at;                       /* when the fact was learned */
	enum reason reasons[REASONS_MAX]; /* those that the fact can give; REASON_OK ends the list */
};

/* Returns when the fact was learned that gave the verdict its reason, or 0. */
static int64_t reason_at(const struct facts *facts, const struct verdict *verdict)
{
	const struct entry *entry = &facts->entry;
	const struct hop_fact *hop = facts_hop(facts, verdict->hop, facts->question.port);
	const struct probe_history *history = hop ? facts_history(facts, hop) : NULL;
	const struct basis bases[] = {
		{entry->mx.checked_at, {REASON_MX_NOT_IN_POLICY, REASON_NULL_MX, REASON_NO_SUCH_DOMAIN,
					       REASON_MX_SET_TOO_LARGE, REASON_OWN_HOST}},
		{entry->record_checked_at,
			{REASON_NO_RECORD, REASON_RECORD_INVALID, REASON_RECORD_MANY, REASON_RECORD_LOOKUP}},
		{entry->fetch_tried_at, {REASON_POLICY_FETCH, REASON_POLICY_INVALID, REASON_POLICY_WEBPKI}},
		{entry->policy_fetched_at, {REASON_POLICY_MODE_NONE, REASON_POLICY_MODE_TESTING}},
		{hop ? hop->record.tlsa.checked_at : 0, {REASON_TLSA_LOOKUP}},
	};
	if (verdict->reason == REASON_OK) {
		struct good good = good_seen(facts);
		return good.oldest_at != 0 ? good.oldest_at : entry->mx.checked_at;
	}
	for (size_t i = 0; i < sizeof bases / sizeof *bases; i++)
		for (const enum reason *reason = bases[i].reasons; *reason != REASON_OK; reason++)
			if (*reason == verdict->reason)
				return bases[i].at;
	if (!history)
		return 0;
	return reason_class(verdict->reason) == REASON_BAD ? history->conclusive.at : history->newest.at;
}

/* --- the letter --------------------------------------------------------------------------------------------------- */

/* Writes about the verdict's reason, or about the first bad mail host if the verdict has no fault. */
static char *letter_of(
	const struct verdict *verdict, int64_t at, const struct facts *facts, const char *relay, enum reason *reason)
{
	struct letter letter = {.reason = verdict->reason,
		.domain = facts->question.domain,
		.host = verdict->hop,
		.port = facts->question.port,
		.relay = relay,
		.at = at,
		.detail = ""};
	const struct hop_fact *hop = facts_hop(facts, verdict->hop, letter.port);
	for (unsigned i = 0; !hop && i < facts->hop_count; i++) {
		const struct evidence *seen = &facts_history(facts, &facts->hop[i])->newest;
		if (reason_class(seen->reason) != REASON_BAD || *reason_there(verdict->reason))
			continue;
		hop = &facts->hop[i];
		letter.reason = seen->reason;
		letter.host = hop->host;
		letter.at = seen->at;
	}
	const struct probe_history *history = hop ? facts_history(facts, hop) : NULL;
	if (history && history->newest.at != 0 && history->newest.reason == letter.reason)
		letter.seen = &history->newest;
	else if (history && history->conclusive.at != 0 && history->conclusive.reason == letter.reason)
		letter.seen = &history->conclusive;
	if (letter.reason == facts->entry.fetch_outcome)
		letter.detail = facts->entry.fetch_detail;
	*reason = letter.reason;
	return letter_made(&letter);
}

/* --- the verdict -------------------------------------------------------------------------------------------------- */

void verdict_shown_init(struct verdict_shown *shown, const struct verdict *verdict, bool final,
	const struct preview *preview, const struct facts *facts, int64_t began, const struct config *config)
{
	struct good good = good_seen(facts);
	*shown = (struct verdict_shown){.verdict = *verdict, .front = &preview->front, .final = final};
	shown->held = (config->settings->mta_enforces || preview->has_level) && preview_holds(preview);
	shown->left_to_mta = final && verdict->kind == VERDICT_PASS && verdict->reason != REASON_OK &&
			     verdict->reason != REASON_PROBE_BUDGET;
	shown->unconfirmed = final && began != 0 && verdict->kind == VERDICT_PASS && verdict->reason == REASON_OK &&
			     good.newest_at != 0 && good.newest_at < began;
	shown->evidence_at = facts->question.has_domain ? reason_at(facts, verdict) : 0;
	if (facts->question.has_domain)
		shown->letter = letter_of(verdict, shown->evidence_at, facts, config->host, &shown->letter_reason);
	if (!shown->letter)
		shown->letter_reason = REASON_OK;
}

void verdict_shown_free(struct verdict_shown *shown)
{
	free(shown->letter);
	shown->letter = NULL;
}

void verdict_shown_put(json_t *object, const struct verdict_shown *shown)
{
	const struct verdict *verdict = &shown->verdict;
	json_put(object, "verdict", json_text(verdict_name(verdict->kind)));
	json_put(object, "reason", json_text(reason_name(verdict->reason)));
	json_put(object, "sentence", json_text(reason_sentence(verdict->reason)));
	json_put(object, "advice", json_text(reason_here(verdict->reason)));
	json_put(object, "tell_postmaster", json_text(reason_there(verdict->reason)));
	json_put(object, "hop", json_text(verdict->hop));
	json_put(object, "final", json_boolean(shown->final));
	json_put(object, "left_to_mta", json_boolean(shown->left_to_mta));
	json_put(object, "confirmed", json_boolean(!shown->unconfirmed));
	json_put(object, "evidence_at", json_when(shown->evidence_at));
	json_put(object, "letter", json_text(shown->letter));
}
