#include "merge.h"

#include "memory.h"
#include "schedule.h"
#include "tables.h"

#include <stdlib.h>
#include <string.h>

/* Returns whether `theirs`, the time of the other relay's fact, is newer than `ours`, the time of this relay's. A time
 * in the future counts as never: a clock that has since been set back wrote it. */
static bool is_newer(int64_t theirs, int64_t ours, int64_t now)
{
	int64_t latest = now + CLOCK_SKEW_S;
	return (theirs > latest ? 0 : theirs) > (ours > latest ? 0 : ours);
}

/* Copies the fields whose JSON name is `part` or `part.*`, except those that own memory (a policy's patterns, its text
 * and the MX hosts): the caller copies them. */
static void part_copy(struct entry *into, const struct entry *from, const char *part)
{
	size_t len = strlen(part);
	for (size_t i = 0; i < entry_table.count; i++) {
		const struct field *field = &entry_table.field[i];
		const char *name = field->exported ? field->exported : field->shown;
		enum field_kind kind = field->form->kind;
		bool owner = kind == FIELD_PATTERNS || kind == FIELD_POLICY || kind == FIELD_MX;
		if (!owner && name && strncmp(name, part, len) == 0 && (!name[len] || name[len] == '.'))
			memcpy((char *)into + field->offset, (const char *)from + field->offset, field->size);
	}
}

static bool is_live(const struct entry *entry, int64_t now)
{
	return entry->has_policy && entry->policy_expires_at > now;
}

/* Returns whether the other relay's policy replaces this relay's. */
static bool policy_is_taken(const struct entry *into, const struct entry *from, int64_t now)
{
	if (!from->has_policy || (is_live(into, now) && !is_live(from, now)))
		return false;
	/* This rule holds also while the clock is behind, when a policy fetched later seems to come from the future. */
	if (is_live(into, now) && from->policy_fetched_at <= into->policy_fetched_at)
		return false;
	return !into->has_policy || is_newer(from->policy_fetched_at, into->policy_fetched_at, now);
}

void entry_take_record(struct entry *into, const struct entry *from)
{
	char id[RECORD_ID_MAX + 1];
	memcpy(id, into->record_id, sizeof id);
	part_copy(into, from, "record");
	if (!*from->record_id) /* the other relay knows no valid record: keep the id of the one seen here */
		memcpy(into->record_id, id, sizeof id);
}

void entry_take_policy(struct entry *into, const struct entry *from, int64_t now)
{
	/* A live policy that is replaced becomes the previous policy, so that a weaker one is noticed. Otherwise the
	 * previous policy of the other relay is taken over. */
	bool same = into->policy.mode == from->policy.mode && strcmp(into->policy_id, from->policy_id) == 0;
	if (is_live(into, now) && !same) {
		into->has_previous = true;
		into->previous_mode = into->policy.mode;
		memcpy(into->previous_id, into->policy_id, sizeof into->previous_id);
		into->previous_until = into->policy_expires_at;
	} else if (from->has_previous) {
		part_copy(into, from, "previous");
	}
	policy_free(&into->policy);
	free(into->policy_text);
	policy_copy(&into->policy, &from->policy);
	into->policy_text = from->policy_text ? xstrndup(from->policy_text, from->policy_text_len) : NULL;
	into->policy_text_len = from->policy_text_len;
	part_copy(into, from, "policy");
	into->refresh_alarm = from->refresh_alarm;
}

/* Takes over the other relay's policy if policy_is_taken(). Returns whether it did. */
static bool merge_policy(struct entry *into, const struct entry *from, int64_t now)
{
	if (!policy_is_taken(into, from, now))
		return false;
	entry_take_policy(into, from, now);
	into->placed = 1;
	return true;
}

/* Extends the span of days on which somebody asked for the domain. */
static bool merge_use(struct entry *into, const struct entry *from, int64_t now)
{
	int32_t first = into->first_used_day, last = into->last_used_day;
	if (from->last_used_day == 0 || from->last_used_day > schedule_day(now + CLOCK_SKEW_S))
		return false;
	if (first == 0 || from->first_used_day < first)
		into->first_used_day = from->first_used_day;
	if (from->last_used_day > last)
		into->last_used_day = from->last_used_day;
	return into->first_used_day != first || into->last_used_day != last;
}

bool entry_merge(struct entry *into, const struct entry *from, int64_t now)
{
	bool record = is_newer(from->record_checked_at, into->record_checked_at, now);
	if (record)
		entry_take_record(into, from);
	bool policy = merge_policy(into, from, now);
	/* A successful fetch is taken over only with its policy: without the policy it would mean that nothing needs
	 * to be fetched. */
	bool fetch = is_newer(from->fetch_tried_at, into->fetch_tried_at, now) &&
		     (policy || from->fetch_outcome != REASON_OK);
	if (fetch)
		part_copy(into, from, "fetch");
	bool mx = from->mx.state != MX_UNKNOWN && is_newer(from->mx.checked_at, into->mx.checked_at, now);
	if (mx) {
		names_free(&into->mx.names);
		mx_set_copy(&into->mx, &from->mx);
	}
	bool use = merge_use(into, from, now);
	return record || policy || fetch || mx || use;
}

static bool merge_evidence(struct evidence *into, const struct evidence *from, int64_t now)
{
	if (!is_newer(from->at, into->at, now))
		return false;
	*into = *from;
	return true;
}

bool hop_record_merge(struct hop_record *into, const struct hop_record *from, int64_t now)
{
	bool newest = merge_evidence(&into->pkix.newest, &from->pkix.newest, now);
	bool conclusive = merge_evidence(&into->pkix.conclusive, &from->pkix.conclusive, now);
	bool good = merge_evidence(&into->pkix.good, &from->pkix.good, now);
	if (newest) { /* only silence that this machine itself has seen counts */
		into->pkix.silent_since = 0;
		into->pkix.silent_probes = 0;
	}
	return newest || conclusive || good;
}
