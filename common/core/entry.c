#include "entry.h"

#include "age.h"
#include "ascii.h"
#include "memory.h"

#include <stdlib.h>
#include <string.h>

/* Copies a record id, cut to its maximum length. */
static void id_set(char to[RECORD_ID_MAX + 1], const char *id)
{
	size_t len = strnlen(id, RECORD_ID_MAX);
	memmove(to, id, len);
	to[len] = '\0';
}

const char *mx_state_name(enum mx_state state)
{
	switch (state) {
	case MX_UNKNOWN:
		return "unknown";
	case MX_LISTED:
		return "listed";
	case MX_IMPLICIT:
		return "implicit";
	case MX_NULL:
		return "null";
	case MX_NO_DOMAIN:
		return "no-domain";
	case MX_TOO_LARGE:
		return "too-large";
	}
	return "unknown";
}

void entry_init(struct entry *entry, const char *domain)
{
	memset(entry, 0, sizeof *entry);
	memcpy(entry->domain, domain, strnlen(domain, sizeof entry->domain - 1));
}

void entry_copy(struct entry *to, const struct entry *from)
{
	*to = *from;
	memset(&to->policy, 0, sizeof to->policy);
	policy_copy(&to->policy, &from->policy);
	if (from->policy_text)
		to->policy_text = xstrndup(from->policy_text, from->policy_text_len);
	mx_set_copy(&to->mx, &from->mx);
}

void entry_free(struct entry *entry)
{
	if (!entry)
		return;
	policy_free(&entry->policy);
	free(entry->policy_text);
	names_free(&entry->mx.names);
	memset(entry, 0, sizeof *entry);
}

void policy_found_free(struct policy_found *found)
{
	if (!found)
		return;
	policy_free(&found->policy);
	free(found->text);
	found->text = NULL;
	found->text_len = 0;
}

void mx_found_free(struct mx_found *found)
{
	if (found)
		names_free(&found->set.names);
}

bool mx_name_is_not_host(const char *name, size_t len)
{
	if (!len || (len == strlen(MX_ROOT) && !memcmp(name, MX_ROOT, len)))
		return true;
	if (len < 3 || len > DOMAIN_MAX || name[0] != '"' || name[len - 1] != '"')
		return false;
	for (size_t i = 1; i + 1 < len; i++)
		if (!ascii_is_printable(name[i]) || name[i] == '"')
			return false;
	return true;
}

void mx_set_copy(struct mx_set *to, const struct mx_set *from)
{
	*to = *from;
	memset(&to->names, 0, sizeof to->names);
	names_copy(&to->names, &from->names);
}

void entry_learn_record(struct entry *entry, const struct record_found *found, int64_t now)
{
	entry->record_checked_at = now;
	entry->record_outcome = found->outcome;
	entry->record_secure = found->secure;
	entry->record_ttl_s = found->ttl_s;
	if (found->outcome == REASON_OK)
		id_set(entry->record_id, found->record.id);
}

/* Copies what failed in a fetch, cut to fit. Any octet that is not printable becomes `?`, although the fetcher sends
 * none. */
static void detail_set(char to[FETCH_DETAIL_MAX + 1], const char *detail)
{
	size_t len = strnlen(detail, FETCH_DETAIL_MAX);
	for (size_t i = 0; i < len; i++)
		to[i] = ascii_is_printable(detail[i]) ? detail[i] : '?';
	memset(to + len, 0, FETCH_DETAIL_MAX + 1 - len);
}

/* Replaces the policy, and keeps a live one with another id or mode as the previous policy. max_age runs from this
 * fetch (RFC 8461 3.2, 5.1). */
static void policy_replace(struct entry *entry, const struct policy_found *found, const char *id, int64_t now)
{
	bool same = entry->policy.mode == found->policy.mode && strcmp(entry->policy_id, id) == 0;
	if (entry->has_policy && entry->policy_expires_at > now && !same) {
		entry->has_previous = true;
		entry->previous_mode = entry->policy.mode;
		id_set(entry->previous_id, entry->policy_id);
		entry->previous_until = entry->policy_expires_at;
	}
	policy_free(&entry->policy);
	free(entry->policy_text);
	entry->policy_text = NULL;
	entry->policy_text_len = 0;

	entry->has_policy = true;
	memset(&entry->policy, 0, sizeof entry->policy);
	policy_copy(&entry->policy, &found->policy);
	id_set(entry->policy_id, id);
	entry->policy_fetched_at = now;
	entry->refresh_alarm = 0;
	entry->placed = 0;
	entry->policy_from[0] = '\0';
	entry->policy_refetch_at = 0;
	entry->policy_expires_at = now + found->policy.max_age_s;
	if (found->text && found->text_len <= POLICY_TEXT_KEPT) {
		entry->policy_text = xstrndup(found->text, found->text_len);
		entry->policy_text_len = found->text_len;
	}
}

void entry_learn_policy(struct entry *entry, const struct policy_found *found, const char *id, int64_t now)
{
	entry->fetch_tried_at = now;
	entry->fetch_outcome = found->outcome;
	entry->fetch_staple = found->staple.state;
	entry->fetch_revoked_at = found->staple.revoked_at;
	id_set(entry->fetch_tried_id, id);
	detail_set(entry->fetch_detail, found->outcome == REASON_OK ? "" : found->detail);
	if (found->outcome != REASON_OK) {
		/* A policy that cannot be fetched or parsed leaves the stored one in force until it expires (RFC 8461
		 * 3.3). */
		if (entry->fetch_failures < UINT32_MAX)
			entry->fetch_failures++;
		return;
	}
	policy_replace(entry, found, id, now);
	entry->fetch_failures = 0;
}

void entry_learn_mx(struct entry *entry, const struct mx_found *found, int64_t now)
{
	if (found->outcome != REASON_OK)
		return;
	names_free(&entry->mx.names);
	mx_set_copy(&entry->mx, &found->set);
	entry->mx.checked_at = now;
}

/* A day in the future comes from a clock that has since been set back. Today replaces it, since otherwise the entry
 * would count as in use until that day. */
void entry_learn_use(struct entry *entry, int64_t now)
{
	int32_t day = schedule_day(now);
	if (entry->first_used_day == 0 || entry->first_used_day > day)
		entry->first_used_day = day;
	entry->last_used_day = day;
}

int64_t entry_newest(const struct entry *entry)
{
	const int64_t learned[] = {
		entry->record_checked_at, entry->policy_fetched_at, entry->fetch_tried_at, entry->mx.checked_at};
	int64_t newest = 0;
	for (size_t i = 0; i < sizeof learned / sizeof *learned; i++)
		if (learned[i] > newest)
			newest = learned[i];
	return newest;
}

enum reason entry_failure(const struct entry *entry)
{
	if (entry->record_outcome == REASON_NO_RECORD)
		return REASON_OK;
	return entry->record_outcome != REASON_OK ? entry->record_outcome : entry->fetch_outcome;
}
