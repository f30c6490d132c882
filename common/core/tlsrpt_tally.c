#include "tlsrpt_tally.h"

#include "fields.h"
#include "memory.h"
#include "text.h"

#include <stdlib.h>
#include <string.h>

#define TALLY_MAGIC "STST"
#define TALLY_VERSION 1
#define DAY_MAX (1 << 24)

static const struct {
	enum tlsrpt_type type;
	const char *member; /* as tlsrpt_policy_text() writes it */
} types[TLSRPT_TYPES] = {{TLSRPT_TLSA, "\"policy-type\":\"tlsa\""}, {TLSRPT_STS, "\"policy-type\":\"sts\""},
	{TLSRPT_NO_POLICY_FOUND, "\"policy-type\":\"no-policy-found\""}};

void tlsrpt_tally_init(struct tlsrpt_tally *tally, int64_t day, const char *domain)
{
	size_t len = strnlen(domain, DOMAIN_MAX);
	memset(tally, 0, sizeof *tally);
	tally->day = day;
	memcpy(tally->domain, domain, len);
}

static void group_free(struct tally_group *group)
{
	for (size_t i = 0; i < group->count; i++)
		free(group->detail[i].text);
	free(group->detail);
	free(group->record);
	free(group->policy);
}

void tlsrpt_tally_free(struct tlsrpt_tally *tally)
{
	for (size_t i = 0; i < tally->count; i++)
		group_free(&tally->group[i]);
	free(tally->group);
	memset(tally, 0, sizeof *tally);
}

/* --- buckets ------------------------------------------------------------------------------------------------------ */

/* Returns the policy of the bucket for a policy's type: it names nothing but the domain. Both functions look for a member in
 * a compact JSON text; no string in such a text can look like it, because the quotes inside a string are escaped. */
static char *policy_bucket(const struct tlsrpt_tally *tally, const char *text)
{
	struct tlsrpt_policy policy = {.type = TLSRPT_NO_POLICY_FOUND};
	memcpy(policy.domain, tally->domain, sizeof policy.domain);
	for (size_t i = 0; i < TLSRPT_TYPES; i++)
		if (strstr(text, types[i].member))
			policy.type = types[i].type;
	return tlsrpt_policy_text(&policy);
}

/* Returns the detail of the bucket for a detail's result type. */
static char *detail_bucket(const char *text)
{
	struct tlsrpt_failure failure = {.result = TLSRPT_VALIDATION_FAILURE};
	for (int i = 0; i < TLSRPT_RESULTS; i++) {
		char member[64];
		struct text line;
		text_init(&line, member, sizeof member);
		text_add(&line, "\"result-type\":\"");
		text_add(&line, tlsrpt_result_name((enum tlsrpt_result)i));
		text_add(&line, "\"");
		if (strstr(text, member))
			failure.result = (enum tlsrpt_result)i;
	}
	return tlsrpt_failure_text(&failure);
}

/* --- counting ----------------------------------------------------------------------------------------------------- */

/* Adds to a count, which stops at its maximum. */
static void count_add(uint64_t *count, uint64_t more)
{
	*count = more > TALLY_COUNT_MAX - *count ? TALLY_COUNT_MAX : *count + more;
}

static char *text_keep(struct tlsrpt_tally *tally, const char *text)
{
	tally->bytes += strlen(text);
	return xstrdup(text);
}

static struct tally_group *group_find(const struct tlsrpt_tally *tally, const char *record, const char *policy)
{
	for (size_t i = 0; i < tally->count; i++)
		if (strcmp(tally->group[i].policy, policy) == 0 && strcmp(tally->group[i].record, record) == 0)
			return &tally->group[i];
	return NULL;
}

static struct tally_group *group_add(struct tlsrpt_tally *tally, const char *record, const char *policy)
{
	struct tally_group *group = group_find(tally, record, policy);
	if (group)
		return group;
	tally->group = xrealloc(tally->group, (tally->count + 1) * sizeof *tally->group);
	group = &tally->group[tally->count++];
	*group = (struct tally_group){.record = text_keep(tally, record), .policy = text_keep(tally, policy)};
	return group;
}

/* Returns whether the tally has groups of this record; otherwise sets `others` to how many other records it has. */
static bool record_known(const struct tlsrpt_tally *tally, const char *record, size_t *others)
{
	*others = 0;
	for (size_t i = 0; i < tally->count; i++) {
		const char *one = tally->group[i].record;
		if (strcmp(one, record) == 0)
			return true;
		bool first = *one != '\0';
		for (size_t j = 0; j < i && first; j++)
			first = strcmp(tally->group[j].record, one) != 0;
		*others += first;
	}
	return false;
}

/* Returns the group for a record and a policy, or the bucket that stands for it. */
static struct tally_group *group_of(struct tlsrpt_tally *tally, const char *record, const char *policy)
{
	struct tally_group *group = group_find(tally, record, policy);
	size_t len = strlen(record) + strlen(policy), others;
	if (group)
		return group;
	bool known = record_known(tally, record, &others);
	bool fits = tally->count < TALLY_GROUPS_MAX && tally->bytes + len <= TALLY_BYTES_MAX;
	if (fits && (known || others < TALLY_RECORDS_MAX))
		return group_add(tally, record, policy);
	char *bucket = policy_bucket(tally, policy);
	group = group_add(tally, known ? record : "", bucket);
	free(bucket);
	return group;
}

static struct tally_detail *detail_find(const struct tally_group *group, const char *text)
{
	for (size_t i = 0; i < group->count; i++)
		if (strcmp(group->detail[i].text, text) == 0)
			return &group->detail[i];
	return NULL;
}

static struct tally_detail *detail_add(struct tlsrpt_tally *tally, struct tally_group *group, const char *text)
{
	struct tally_detail *detail = detail_find(group, text);
	if (detail)
		return detail;
	group->detail = xrealloc(group->detail, (group->count + 1) * sizeof *group->detail);
	detail = &group->detail[group->count++];
	*detail = (struct tally_detail){.text = text_keep(tally, text)};
	return detail;
}

/* Returns the detail, or the bucket that stands for it. */
static struct tally_detail *detail_of(struct tlsrpt_tally *tally, struct tally_group *group, const char *text)
{
	struct tally_detail *detail = detail_find(group, text);
	if (detail)
		return detail;
	if (group->count < TALLY_DETAILS_MAX && tally->bytes + strlen(text) <= TALLY_BYTES_MAX)
		return detail_add(tally, group, text);
	char *bucket = detail_bucket(text);
	detail = detail_add(tally, group, bucket);
	free(bucket);
	return detail;
}

static void policy_count(struct tlsrpt_tally *tally, const char *record, const struct tlsrpt_policy *policy)
{
	char *text = tlsrpt_policy_text(policy);
	struct tally_group *group = group_of(tally, record, text);
	free(text);
	count_add(&group->total, 1);
	count_add(&group->failed, policy->failed);
	for (size_t i = 0; i < policy->failures; i++) {
		text = tlsrpt_failure_text(&policy->failure[i]);
		count_add(&detail_of(tally, group, text)->count, 1);
		free(text);
	}
}

void tlsrpt_tally_add(struct tlsrpt_tally *tally, const struct tlsrpt_session *session)
{
	for (size_t i = 0; i < session->count; i++)
		policy_count(tally, session->record, &session->policy[i]);
}

void tlsrpt_tally_merge(struct tlsrpt_tally *tally, const struct tlsrpt_tally *from)
{
	for (size_t i = 0; i < from->count; i++) {
		const struct tally_group *more = &from->group[i];
		struct tally_group *group = group_of(tally, more->record, more->policy);
		count_add(&group->total, more->total);
		count_add(&group->failed, more->failed);
		for (size_t j = 0; j < more->count; j++)
			count_add(&detail_of(tally, group, more->detail[j].text)->count, more->detail[j].count);
	}
}

uint64_t tlsrpt_tally_total(const struct tlsrpt_tally *tally)
{
	uint64_t sum = 0;
	for (size_t i = 0; i < tally->count; i++)
		count_add(&sum, tally->group[i].total);
	return sum;
}

uint64_t tlsrpt_tally_failed(const struct tlsrpt_tally *tally)
{
	uint64_t sum = 0;
	for (size_t i = 0; i < tally->count; i++)
		count_add(&sum, tally->group[i].failed);
	return sum;
}

bool tlsrpt_tally_has_failures(const struct tlsrpt_tally *tally)
{
	for (size_t i = 0; i < tally->count; i++)
		if (tally->group[i].failed > 0 || tally->group[i].count > 0)
			return true;
	return false;
}

/* --- days --------------------------------------------------------------------------------------------------------- */

int64_t tlsrpt_day(int64_t at)
{
	return at < 0 ? 0 : at / TALLY_DAY_S;
}

int64_t tlsrpt_day_closed(int64_t stored, int64_t now)
{
	int64_t due = tlsrpt_day(now - TALLY_CLOSES_S) - 1;
	bool believed = stored <= tlsrpt_day(now) + TALLY_AHEAD_DAYS;
	return believed && stored > due ? stored : due;
}

/* --- bytes -------------------------------------------------------------------------------------------------------- */

static void text_put(struct fields_out *out, const char *text)
{
	fields_number(out, strlen(text), 4);
	fields_bytes(out, text, strlen(text));
}

static bool text_take(struct span *in, struct tlsrpt_tally *tally, char **text)
{
	uint64_t len;
	if (!fields_take_number(in, 4, &len) || len > in->len || memchr(in->at, '\0', len))
		return false;
	*text = xstrndup(in->at, len);
	tally->bytes += len;
	in->at += len;
	in->len -= len;
	return true;
}

static void groups_put(struct fields_out *out, const void *record)
{
	const struct tlsrpt_tally *tally = record;
	for (size_t i = 0; i < tally->count; i++) {
		const struct tally_group *group = &tally->group[i];
		text_put(out, group->record);
		text_put(out, group->policy);
		fields_number(out, group->total, 8);
		fields_number(out, group->failed, 8);
		fields_number(out, group->count, 2);
		for (size_t j = 0; j < group->count; j++) {
			text_put(out, group->detail[j].text);
			fields_number(out, group->detail[j].count, 8);
		}
	}
}

static bool group_take(struct span *in, struct tlsrpt_tally *tally, struct tally_group *group)
{
	uint64_t count;
	if (!text_take(in, tally, &group->record) || !text_take(in, tally, &group->policy) ||
		!fields_take_number(in, 8, &group->total) || !fields_take_number(in, 8, &group->failed) ||
		!fields_take_number(in, 2, &count) || count > TALLY_DETAILS_ALL)
		return false;
	group->detail = xcalloc(count + 1, sizeof *group->detail);
	while (group->count < count) {
		struct tally_detail *detail = &group->detail[group->count++];
		if (!text_take(in, tally, &detail->text) || !fields_take_number(in, 8, &detail->count) ||
			detail->count > TALLY_COUNT_MAX)
			return false;
	}
	return group->total <= TALLY_COUNT_MAX && group->failed <= group->total &&
	       strlen(group->record) < TLSRPT_RECORD_SIZE;
}

static bool groups_take(struct span in, void *record)
{
	struct tlsrpt_tally *tally = record;
	tally->group = xcalloc(TALLY_GROUPS_ALL, sizeof *tally->group);
	while (in.len > 0)
		if (tally->count == TALLY_GROUPS_ALL || !group_take(&in, tally, &tally->group[tally->count++]))
			return false;
	return true;
}

static bool is_name(struct span in)
{
	return domain_is_host(in.at, in.len);
}

static const struct field_form form_day_number = {.kind = FIELD_NUMBER, .octets = 8, .max = DAY_MAX};
static const struct field_form form_name = {.kind = FIELD_TEXT, .valid = is_name};
static const struct field_form form_groups = {.kind = FIELD_OCTETS, .put = groups_put, .take = groups_take};

/* Tags are permanent: see tables.c. */
#define ROW(tag, form, member) FIELD(tag, form_##form, struct tlsrpt_tally, member, NULL, NULL)
static const struct field tally_rows[] = {
	ROW(1, day_number, day),
	ROW(2, name, domain),
	ROW(3, groups, group),
};
#undef ROW
static const struct fields tally_table = FIELDS(tally_rows, "", "");

struct bytes tlsrpt_tally_encode(const struct tlsrpt_tally *tally)
{
	struct fields_out out;
	fields_frame_begin(&out, TALLY_MAGIC, TALLY_VERSION);
	fields_put(&out, &tally_table, tally);
	fields_frame_end(&out);
	return (struct bytes){out.at, out.len};
}

bool tlsrpt_tally_decode(struct tlsrpt_tally *tally, const void *bytes, size_t len)
{
	struct span body;
	memset(tally, 0, sizeof *tally);
	if (fields_frame_open((struct span){bytes, len}, TALLY_MAGIC, TALLY_VERSION, &body) &&
		fields_take(body, &tally_table, tally) && tally->domain[0] != '\0')
		return true;
	tlsrpt_tally_free(tally);
	return false;
}
