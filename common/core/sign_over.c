#include "sign_over.h"

enum over_by sign_over_by(enum event_kind kind)
{
	if (kind == EVENT_STARTTLS_LOST || kind == EVENT_CERTIFICATE_BROKE || kind == EVENT_HOP_GONE_SILENT ||
		kind == EVENT_SMTP_REWRITTEN)
		return OVER_BY_HOP;
	if (kind == EVENT_RECORD_GONE)
		return OVER_BY_RECORD;
	if (kind == EVENT_POLICY_WEAKENED)
		return OVER_BY_POLICY;
	return kind == EVENT_MX_LEFT_POLICY ? OVER_BY_MX : OVER_BY_TIME;
}

static bool history_is_good(const struct probe_history *history, int64_t since)
{
	const struct evidence *seen = &history->conclusive;
	return seen->at > since && seen->reason == REASON_OK && !*seen->seen_for && !*seen->seen_by;
}

bool sign_over_hop(const struct hop_record *record, int64_t since)
{
	bool dane = record->dane.conclusive.at > record->pkix.conclusive.at;
	return history_is_good(dane ? &record->dane : &record->pkix, since);
}

static bool mx_is_inside(const struct entry *entry)
{
	const struct mx_set *mx = &entry->mx;
	if (!entry->has_policy || (mx->state != MX_LISTED && mx->state != MX_IMPLICIT))
		return false;
	if (mx->state == MX_IMPLICIT)
		return policy_allows(&entry->policy, entry->domain);
	for (const char *name = NULL; (name = names_next(&mx->names, name));)
		if (!policy_allows(&entry->policy, name))
			return false;
	return true;
}

bool sign_over_domain(const struct event_record *sign, const struct entry *entry)
{
	switch (sign_over_by(sign->kind)) {
	case OVER_BY_RECORD:
		return entry->record_checked_at > sign->last_at && entry->record_outcome == REASON_OK;
	case OVER_BY_POLICY:
		return entry->has_policy && entry->policy_fetched_at > sign->last_at && entry->has_previous &&
		       entry->policy.mode > entry->previous_mode;
	case OVER_BY_MX:
		return entry->mx.checked_at > sign->last_at && mx_is_inside(entry);
	case OVER_BY_HOP:
	case OVER_BY_TIME:
		return false;
	}
	return false;
}

unsigned sign_over_days(const struct event_record *sign)
{
	/* A certificate stays revoked, and under `revocation = report` its host stays good. */
	bool lasts = sign_over_by(sign->kind) != OVER_BY_TIME || sign->kind == EVENT_CERTIFICATE_REVOKED;
	return lasts && sign->severity > EVENT_NOTICE ? SIGN_KEPT_DAYS : 1;
}
