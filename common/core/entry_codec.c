#include "entry.h"

#include "fields.h"

#include <stdlib.h>
#include <string.h>

#define ENTRY_MAGIC "STSE"
#define DAY_MAX (1 << 24)

/* These numbers stand in files. */
_Static_assert(POLICY_NONE == 0 && POLICY_TESTING == 1 && POLICY_ENFORCE == 2, "modes are stored by number");
_Static_assert(
	MX_UNKNOWN == 0 && MX_LISTED == 1 && MX_IMPLICIT == 2 && MX_NULL == 3 && MX_NO_DOMAIN == 4 && MX_TOO_LARGE == 5,
	"MX states are stored by number");

#define MEMBER(type, name) offsetof(type, name), sizeof(((type *)0)->name)

static bool is_lower_alnum(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

static bool is_id(struct span in)
{
	for (size_t i = 0; i < in.len; i++)
		if (!is_lower_alnum(in.at[i]) && !(in.at[i] >= 'A' && in.at[i] <= 'Z'))
			return false;
	return in.len >= 1 && in.len <= RECORD_ID_MAX;
}

/* As domain_parse() leaves names, without its cost: this runs for each message. */
static bool is_domain(struct span in)
{
	size_t label = 0;

	if (in.len == 0 || in.len > DOMAIN_MAX)
		return false;
	for (size_t i = 0; i < in.len; i++) {
		if (in.at[i] == '.') {
			if (label == 0)
				return false;
			label = 0;
		} else if (++label > 63 || (!is_lower_alnum(in.at[i]) && in.at[i] != '-' && in.at[i] != '_')) {
			return false;
		}
	}
	return label > 0;
}

static bool is_pattern(struct span in)
{
	for (size_t i = 0; i < in.len; i++)
		if (in.at[i] < '!' || in.at[i] > '~')
			return false;
	return in.len > 0;
}

/* One NUL-terminated name. */
static bool name_next(struct span *in, struct span *name)
{
	const char *end = in->len == 0 ? NULL : memchr(in->at, '\0', in->len);

	if (end == NULL)
		return false;
	*name = (struct span){in->at, (size_t)(end - in->at)};
	in->len -= name->len + 1;
	in->at = end + 1;
	return true;
}

static bool take_domain(struct span in, void *member, size_t size)
{
	return is_domain(in) && field_take_text(in, member, size);
}

static bool take_id(struct span in, void *member, size_t size)
{
	return is_id(in) && field_take_text(in, member, size);
}

static bool take_day(struct span in, void *member, size_t size)
{
	int32_t day;

	if (!field_take_u32(in, member, size))
		return false;
	memcpy(&day, member, sizeof(day));
	return day >= 0 && day <= DAY_MAX;
}

static bool take_record_outcome(struct span in, void *member, size_t size)
{
	enum reason reason = field_reason(in);

	if (reason == REASON_COUNT || reason_class(reason) != REASON_APART)
		reason = REASON_RECORD_LOOKUP;
	memcpy(member, &reason, size);
	return true;
}

static bool take_fetch_outcome(struct span in, void *member, size_t size)
{
	enum reason reason = field_reason(in);

	if (reason == REASON_COUNT || reason_class(reason) != REASON_APART)
		reason = REASON_POLICY_FETCH;
	memcpy(member, &reason, size);
	return true;
}

static void put_policy(struct fields_out *out, uint16_t tag, const void *member, size_t size)
{
	const struct entry *entry = member;
	size_t begun;

	(void)size;
	if (!entry->has_policy)
		return;
	begun = fields_begin(out, tag);
	fields_number(out, entry->policy.mode, 1);
	fields_number(out, entry->policy.max_age_s, 4);
	fields_bytes(out, entry->policy.mx.bytes, entry->policy.mx.len);
	fields_end(out, begun);
}

static bool take_policy(struct span in, void *member, size_t size)
{
	struct entry *entry = member;
	struct span name;
	uint64_t mode, max_age_s;

	(void)size;
	if (!fields_take_number(&in, 1, &mode) || !fields_take_number(&in, 4, &max_age_s))
		return false;
	if (mode > POLICY_ENFORCE || max_age_s > POLICY_AGE_MAX_S || in.len > POLICY_BYTES_MAX)
		return false;
	entry->has_policy = true;
	entry->policy.mode = (enum policy_mode)mode;
	entry->policy.max_age_s = (uint32_t)max_age_s;
	while (in.len > 0) {
		if (!name_next(&in, &name) || !is_pattern(name) || entry->policy.mx.count == POLICY_MX_MAX)
			return false;
		names_add(&entry->policy.mx, name.at, name.len);
	}
	if (entry->policy.mx.count > POLICY_MX_FEW)
		names_search(&entry->policy.mx);
	return true;
}

static void put_policy_text(struct fields_out *out, uint16_t tag, const void *member, size_t size)
{
	const struct entry *entry = member;
	size_t begun;

	(void)size;
	if (entry->policy_text == NULL)
		return;
	begun = fields_begin(out, tag);
	fields_bytes(out, entry->policy_text, entry->policy_text_len);
	fields_end(out, begun);
}

static bool take_policy_text(struct span in, void *member, size_t size)
{
	struct entry *entry = member;

	(void)size;
	if (in.len > POLICY_TEXT_KEPT)
		return false;
	entry->policy_text = malloc(in.len + 1);
	if (entry->policy_text == NULL)
		abort();
	memcpy(entry->policy_text, in.at, in.len);
	entry->policy_text[in.len] = '\0';
	entry->policy_text_len = (uint32_t)in.len;
	return true;
}

static void put_previous_mode(struct fields_out *out, uint16_t tag, const void *member, size_t size)
{
	const struct entry *entry = member;
	size_t begun;

	(void)size;
	if (!entry->has_previous)
		return;
	begun = fields_begin(out, tag);
	fields_number(out, entry->previous_mode, 1);
	fields_end(out, begun);
}

static bool take_previous_mode(struct span in, void *member, size_t size)
{
	struct entry *entry = member;
	uint64_t mode;

	(void)size;
	if (in.len != 1 || !fields_take_number(&in, 1, &mode) || mode > POLICY_ENFORCE)
		return false;
	entry->has_previous = true;
	entry->previous_mode = (enum policy_mode)mode;
	return true;
}

static void put_mx(struct fields_out *out, uint16_t tag, const void *member, size_t size)
{
	const struct mx_set *set = member;
	const char *name = NULL;
	size_t begun;

	(void)size;
	if (set->state == MX_UNKNOWN)
		return;
	begun = fields_begin(out, tag);
	fields_number(out, set->state, 1);
	fields_number(out, set->secure, 1);
	fields_number(out, set->ttl_s, 4);
	fields_number(out, (uint64_t)set->checked_at, 8);
	for (size_t i = 0; i < MX_SET_MAX && (name = names_next(&set->names, name)) != NULL; i++) {
		fields_number(out, set->preference[i], 2);
		fields_bytes(out, name, strlen(name) + 1);
	}
	fields_end(out, begun);
}

static bool take_mx_names(struct span in, struct mx_set *set)
{
	struct span name;
	uint64_t preference;

	while (in.len > 0) {
		if (set->names.count == MX_SET_MAX)
			return false;
		if (!fields_take_number(&in, 2, &preference) || !name_next(&in, &name))
			return false;
		if (!is_domain(name) && !mx_name_is_received(name.at, name.len))
			return false;
		set->preference[set->names.count] = (uint16_t)preference;
		names_add(&set->names, name.at, name.len);
	}
	return true;
}

static bool take_mx(struct span in, void *member, size_t size)
{
	struct mx_set *set = member;
	uint64_t state, secure, ttl_s;

	(void)size;
	if (!fields_take_number(&in, 1, &state) || !fields_take_number(&in, 1, &secure) ||
		!fields_take_number(&in, 4, &ttl_s) || in.len < 8)
		return false;
	if (state == MX_UNKNOWN || state > MX_TOO_LARGE || secure > 1)
		return false;
	if (!field_take_time((struct span){in.at, 8}, &set->checked_at, sizeof(set->checked_at)))
		return false;
	set->state = (enum mx_state)state;
	set->secure = secure == 1;
	set->ttl_s = (uint32_t)ttl_s;
	in = (struct span){in.at + 8, in.len - 8};
	return (set->state == MX_LISTED || in.len == 0) && take_mx_names(in, set);
}

/* Tags are for ever: a field that goes leaves its number unused, a new one takes the next. */
static const struct field entry_fields[] = {
	{1, field_put_text, take_domain, MEMBER(struct entry, domain)},
	{2, field_put_i64, field_take_time, MEMBER(struct entry, record_checked_at)},
	{3, field_put_reason, take_record_outcome, MEMBER(struct entry, record_outcome)},
	{4, field_put_u32, field_take_u32, MEMBER(struct entry, record_ttl_s)},
	{5, field_put_text, take_id, MEMBER(struct entry, record_id)},
	{6, put_policy, take_policy, 0, sizeof(struct entry)},
	{7, field_put_text, take_id, MEMBER(struct entry, policy_id)},
	{8, field_put_i64, field_take_time, MEMBER(struct entry, policy_fetched_at)},
	{9, field_put_i64, field_take_time, MEMBER(struct entry, policy_expires_at)},
	{10, put_policy_text, take_policy_text, 0, sizeof(struct entry)},
	{11, field_put_i64, field_take_time, MEMBER(struct entry, fetch_tried_at)},
	{12, field_put_reason, take_fetch_outcome, MEMBER(struct entry, fetch_outcome)},
	{13, field_put_text, take_id, MEMBER(struct entry, fetch_tried_id)},
	{14, field_put_u32, field_take_u32, MEMBER(struct entry, fetch_failures)},
	{15, put_previous_mode, take_previous_mode, 0, sizeof(struct entry)},
	{16, field_put_text, take_id, MEMBER(struct entry, previous_id)},
	{17, field_put_i64, field_take_time, MEMBER(struct entry, previous_until)},
	{18, put_mx, take_mx, MEMBER(struct entry, mx)},
	{19, field_put_u32, take_day, MEMBER(struct entry, first_used_day)},
	{20, field_put_u32, take_day, MEMBER(struct entry, last_used_day)},
	{21, field_put_i64, field_take_time, MEMBER(struct entry, due_at)},
	{22, field_put_u16, field_take_u16, MEMBER(struct entry, refresh_alarm)},
	{23, field_put_u16, field_take_u16, MEMBER(struct entry, placed)},
};

struct bytes entry_encode(const struct entry *entry)
{
	struct fields_out out;

	fields_frame_begin(&out, ENTRY_MAGIC, ENTRY_VERSION);
	fields_put(&out, entry_fields, sizeof(entry_fields) / sizeof(entry_fields[0]), entry);
	fields_frame_end(&out);
	return (struct bytes){out.at, out.len};
}

bool entry_decode(struct entry *out, const void *bytes, size_t len)
{
	struct span body;

	entry_init(out, "");
	if (!fields_frame_open((struct span){bytes, len}, ENTRY_MAGIC, ENTRY_VERSION, &body))
		return false;
	if (fields_take(body, entry_fields, sizeof(entry_fields) / sizeof(entry_fields[0]), out) &&
		out->domain[0] != '\0')
		return true;
	entry_free(out);
	return false;
}

bool entry_is_newer(const void *bytes, size_t len)
{
	struct span in = {bytes, len}, body;

	return fields_frame_open(in, ENTRY_MAGIC, UINT16_MAX, &body) &&
	       !fields_frame_open(in, ENTRY_MAGIC, ENTRY_VERSION, &body);
}
