#include "verdict_record.h"

#include <string.h>

_Static_assert(DOOR_MILTER == 0 && DOOR_MAP == 1 && DOOR_DELEGATION == 2, "front ends are stored by number");
_Static_assert(DEED_ACCEPT == 0 && DEED_TAG == 1 && DEED_QUARANTINE == 2 && DEED_DEFER == 3 && DEED_TEMP == 4 &&
		       DEED_REJECT == 5,
	"deeds are stored by number");
_Static_assert(VERDICT_NONE == 0 && VERDICT_PASS == 1 && VERDICT_FAIL_TESTING == 2 && VERDICT_FAIL_ENFORCE == 3 &&
		       VERDICT_DEFER == 4,
	"kinds of verdicts are stored by number");

const char *verdict_door_name(enum verdict_door door)
{
	switch (door) {
	case DOOR_MILTER:
		return "milter";
	case DOOR_MAP:
		return "socketmap";
	case DOOR_DELEGATION:
		return "delegation";
	}
	return "milter";
}

const char *deed_name(enum deed deed)
{
	switch (deed) {
	case DEED_ACCEPT:
		return "accept";
	case DEED_TAG:
		return "tag";
	case DEED_QUARANTINE:
		return "quarantine";
	case DEED_DEFER:
		return "defer";
	case DEED_TEMP:
		return "temp";
	case DEED_REJECT:
		return "reject";
	}
	return "defer";
}

bool verdict_is_recorded(const struct verdict *verdict)
{
	if (verdict->requiretls == TLS_DEMAND_UNMET)
		return true;
	switch (verdict->kind) {
	case VERDICT_NONE:
	case VERDICT_PASS:
		/* An override for all domains would fill the ring with domains whose mail passes. */
		return verdict->override != OVERRIDE_NONE && !verdict->override_all;
	case VERDICT_FAIL_TESTING:
	case VERDICT_FAIL_ENFORCE:
	case VERDICT_DEFER:
		return true;
	}
	return true;
}

void verdict_record_init(
	struct verdict_record *record, enum verdict_door door, const struct verdict *verdict, int64_t now)
{
	memset(record, 0, sizeof *record);
	record->door = door;
	memcpy(record->domain, verdict->domain, sizeof record->domain);
	record->kind = verdict->kind;
	record->reason = verdict->reason;
	record->first_at = record->last_at = now;
	record->count = 1;
	memcpy(record->hop, verdict->hop, sizeof record->hop);
	record->override = verdict->override;
	record->requiretls = verdict->requiretls;
	record->has_policy = verdict->has_policy;
	if (!verdict->has_policy)
		return;
	record->mode = verdict->mode;
	memcpy(record->policy_id, verdict->policy_id, sizeof record->policy_id);
}

/* --- queue ids ---------------------------------------------------------------------------------------------------- */

bool verdict_queue_id_valid(struct span text)
{
	for (size_t i = 0; i < text.len; i++)
		if (text.at[i] < '!' || text.at[i] > '~' || text.at[i] == '.')
			return false;
	return text.len >= 1 && text.len <= VERDICT_QUEUE_ID_MAX;
}

/* Takes one queue id off the front of a list; returns false if none is left. */
static bool id_next(const char **list, struct span *id)
{
	const char *at = *list + strspn(*list, " ");
	*id = (struct span){at, strcspn(at, " ")};
	*list = at + id->len;
	return id->len > 0;
}

static bool list_has(const char *list, struct span id)
{
	struct span one;
	while (id_next(&list, &one))
		if (one.len == id.len && memcmp(one.at, id.at, id.len) == 0)
			return true;
	return false;
}

/* Appends an id to a list of `count` ids, unless the list is full or has the id. */
static void list_add(char list[VERDICT_QUEUE_IDS_SIZE], unsigned *count, struct span id)
{
	size_t len = strlen(list), blank = len > 0 ? 1 : 0;
	if (*count == VERDICT_QUEUE_IDS || !verdict_queue_id_valid(id) || list_has(list, id))
		return;
	list[len] = ' ';
	memcpy(list + len + blank, id.at, id.len);
	list[len + blank + id.len] = '\0';
	++*count;
}

void verdict_record_queue_id(struct verdict_record *record, struct span id)
{
	char list[VERDICT_QUEUE_IDS_SIZE] = "";
	const char *rest = record->queue_ids;
	unsigned count = 0;
	struct span one;
	if (!verdict_queue_id_valid(id) || list_has(record->queue_ids, id))
		return;
	list_add(list, &count, id);
	while (id_next(&rest, &one))
		list_add(list, &count, one);
	memcpy(record->queue_ids, list, sizeof list);
}

bool verdict_record_has_id(const struct verdict_record *record, const char *id)
{
	return list_has(record->queue_ids, (struct span){id, strlen(id)});
}

/* --- merge -------------------------------------------------------------------------------------------------------- */

static bool deed_delays(enum deed deed)
{
	return deed == DEED_DEFER || deed == DEED_TEMP || deed == DEED_QUARANTINE;
}

static bool fails_at_delivery(const struct verdict_record *record)
{
	return record->door == DOOR_MAP && record->kind == VERDICT_FAIL_ENFORCE;
}

static bool is_recent(const struct verdict_record *record, int64_t now)
{
	return record->last_at > now - VERDICT_WAITS_S;
}

bool verdict_record_at_delivery(const struct verdict_record *record)
{
	return fails_at_delivery(record) && !record->monitor;
}

bool verdict_record_delays(const struct verdict_record *record)
{
	return deed_delays(record->deed) || verdict_record_at_delivery(record);
}

bool verdict_record_waits(const struct verdict_record *record, int64_t now)
{
	return verdict_record_delays(record) && is_recent(record, now);
}

bool verdict_record_would_delay(const struct verdict_record *record)
{
	if (verdict_record_delays(record))
		return false;
	return (record->kind == VERDICT_FAIL_TESTING && record->deed != DEED_REJECT) ||
	       (record->monitor && (deed_delays(record->would) || fails_at_delivery(record)));
}

bool verdict_record_would_wait(const struct verdict_record *record, int64_t now)
{
	return verdict_record_would_delay(record) && is_recent(record, now);
}

bool verdict_record_same(const struct verdict_record *a, const struct verdict_record *b)
{
	return a->door == b->door && a->kind == b->kind && a->deed == b->deed && a->reason == b->reason &&
	       a->requiretls == b->requiretls && a->tls_required_no == b->tls_required_no &&
	       strcmp(a->domain, b->domain) == 0;
}

void verdict_record_merge(struct verdict_record *record, const struct verdict_record *later)
{
	struct verdict_record merged = *later;
	unsigned count = 0;
	struct span id;
	merged.queue_ids[0] = '\0';
	const char *lists[] = {later->queue_ids, record->queue_ids};
	for (size_t i = 0; i < sizeof lists / sizeof lists[0]; i++)
		while (id_next(&lists[i], &id))
			list_add(merged.queue_ids, &count, id);
	merged.count = later->count > UINT32_MAX - record->count ? UINT32_MAX : record->count + later->count;
	if (record->first_at < merged.first_at)
		merged.first_at = record->first_at;
	*record = merged;
}
