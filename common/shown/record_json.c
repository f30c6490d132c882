#include "record_json.h"

#include "address.h"
#include "json_value.h"
#include "memory.h"
#include "schedule.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#define NAME_SIZE 32
#define TIME_FIRST INT64_C(1514764800) /* 2018-01-01; RFC 8461 was published in 2018 */

/* --- names; `policy.mode` is the member `mode` of the object `policy` --------------------------------------------- */

/* State shared by the functions that write a record of the store as JSON. */
struct walk {
	const struct fields *table;
	const void *record;
	bool shown;       /* true: written for `show --json`; false: written for an export */
	bool policy_text; /* the export has the text of the policy, so its parts are left out */
	record_more *more;
	const void *arg;
};

static const char *name_of(const struct walk *walk, const struct field *field)
{
	return walk->shown ? field->shown : field->exported;
}

/* Returns whether `name` is the name of the object or of one of its members. `object` is the object's name, of `len`
 * octets. */
static bool is_within(const char *name, const char *object, size_t len)
{
	return *name == *object && strncmp(name, object, len) == 0 && (!name[len] || name[len] == '.');
}

/* If the field belongs to an object that is absent, returns the first field of that object; otherwise returns NULL. An
 * object is absent if its first field is zero. */
static const struct field *absent_head(const struct walk *walk, const struct field *field)
{
	const char *name = name_of(walk, field), *dot = strchr(name, '.');
	for (const struct field *head = walk->table->field; dot; head++) {
		if (!name_of(walk, head) || !is_within(name_of(walk, head), name, (size_t)(dot - name)))
			continue;
		return field_is_zero(head, walk->record) ? head : NULL;
	}
	return NULL;
}

/* Copies the part of a name before the first of the stop characters into `out`, and returns `out`. */
static const char *name_cut(char out[NAME_SIZE], const char *name, const char *stops)
{
	size_t len = strcspn(name, stops);
	len = len < NAME_SIZE ? len : NAME_SIZE - 1;
	memcpy(out, name, len);
	out[len] = '\0';
	return out;
}

/* Adds a value under a name. If the name contains a dot, the value goes into an inner object, which is made if
 * necessary. */
static void member_put(json_t *object, const char *name, json_t *value)
{
	char outer[NAME_SIZE];
	const char *dot = strchr(name, '.');
	if (!dot) {
		json_put(object, name, value);
		return;
	}
	name_cut(outer, name, ".");
	json_t *inner = json_object_get(object, outer);
	if (!json_is_object(inner)) {
		inner = json_made(json_object());
		json_put(object, outer, inner);
	}
	json_put(inner, dot + 1, value);
}

/* --- values ------------------------------------------------------------------------------------------------------- */

const char *protocol_name(uint16_t protocol, char out[PROTOCOL_SIZE])
{
	static const char *const names[] = {"SSLv3", "TLSv1", "TLSv1.1", "TLSv1.2", "TLSv1.3"};
	snprintf(out, PROTOCOL_SIZE, "0x%04x", protocol);
	return protocol >= 0x0300 && protocol <= 0x0304 ? names[protocol - 0x0300] : out;
}

static json_t *name_list_json(const char *names)
{
	json_t *array = json_made(json_array());
	while (*(names += strspn(names, " "))) {
		size_t len = strcspn(names, " ");
		json_add(array, json_text_bytes(names, len));
		names += len;
	}
	return array;
}

static json_t *mx_host_json(const struct entry *entry, const char *host, json_t *preference)
{
	bool bound = entry->has_policy && entry->policy.mode != POLICY_NONE;
	char pattern[DOMAIN_SIZE];
	json_t *object = json_made(json_object());
	json_put(object, "host", json_text(host));
	json_put(object, "preference", preference);
	bool allowed = bound && policy_pattern(pattern, &entry->policy, host);
	json_put(object, "allowed", bound ? json_boolean(allowed) : NULL);
	json_put(object, "pattern", allowed ? json_text(pattern) : NULL);
	return object;
}

/* Returns an array of the MX hosts: as objects for `show --json`, as pairs of preference and name for an export. */
static json_t *mx_json(const struct entry *entry, bool shown)
{
	const struct mx_set *mx = &entry->mx;
	json_t *hosts = json_made(json_array());
	size_t i = 0;
	for (const char *name = NULL; i < MX_SET_MAX && (name = names_next(&mx->names, name)); i++) {
		json_t *preference = json_made(json_integer(mx->preference[i]));
		json_add(hosts, shown ? mx_host_json(entry, name, preference) : json_made(json_array()));
		if (shown)
			continue;
		json_add(json_array_get(hosts, i), preference);
		json_add(json_array_get(hosts, i), json_text_bytes(name, strlen(name)));
	}
	if (shown && mx->state == MX_IMPLICIT)
		json_add(hosts, mx_host_json(entry, entry->domain, NULL));
	return hosts;
}

/* Returns an array of the numbers up to the first 0. */
static json_t *numbers_json(const uint32_t *number, size_t size)
{
	json_t *array = json_made(json_array());
	for (size_t i = 0; i < size / sizeof *number && number[i] != 0; i++)
		json_add(array, json_made(json_integer(number[i])));
	return array;
}

static json_t *record_write(json_t *object, const struct walk *walk);

/* Returns the JSON value of a field, or NULL if it has none. For NULL, `show --json` prints null. An export leaves the
 * member out, or writes it in hexadecimal digits if it is a text that is not valid UTF-8. */
static json_t *value_json(const struct walk *walk, const struct field *field)
{
	const struct field_form *form = field->form;
	const struct entry *entry = walk->record;
	const void *member = (const char *)walk->record + field->offset;
	bool zero = field_is_zero(field, walk->record), shown = walk->shown;
	int64_t number = form->octets > 0 || form->kind == FIELD_REASON ? field_number(field, walk->record) : 0;
	switch (form->kind) {
	case FIELD_PRESENT:
		return NULL;
	case FIELD_FLAG:
		return json_boolean(!zero);
	case FIELD_NUMBER:
	case FIELD_TTL:
		return json_integer(number);
	case FIELD_NUMBERS:
		return numbers_json(member, field->size);
	case FIELD_TIME:
	case FIELD_DATE:
		return zero && shown ? NULL : json_integer(number);
	case FIELD_DAY:
		return zero ? NULL : json_integer(shown ? number * 86400 : number);
	case FIELD_PROTOCOL:
		if (!shown)
			return json_integer(number);
		return zero ? NULL : json_text(protocol_name((uint16_t)number, (char[PROTOCOL_SIZE]){0}));
	case FIELD_WORD:
		return json_text(form->word(number));
	case FIELD_REASON:
		return json_text(zero && shown && form->good ? form->good : reason_name((enum reason)number));
	case FIELD_TEXT:
	case FIELD_HOST:
	case FIELD_ADDRESS:
		return zero ? NULL : json_text(member);
	case FIELD_OCTETS:
		return zero ? NULL : shown ? json_text(member) : json_string(member);
	case FIELD_NAME_LIST:
		return shown ? name_list_json(member) : zero ? NULL : json_string(member);
	case FIELD_PATTERNS:
		return json_names(&entry->policy.mx);
	case FIELD_POLICY:
		return zero || !(shown || walk->policy_text)
			       ? NULL
			       : json_text_bytes(entry->policy_text, entry->policy_text_len);
	case FIELD_MX:
		return mx_json(entry, shown);
	case FIELD_RECORD:
		break;
	}
	struct walk inner = *walk;
	inner.table = form->table;
	inner.record = member;
	return zero ? NULL : record_write(json_made(json_object()), &inner);
}

/* --- write -------------------------------------------------------------------------------------------------------- */

static void field_export(json_t *object, const struct walk *walk, const struct field *field)
{
	bool octets = field->form->kind == FIELD_OCTETS || field->form->kind == FIELD_NAME_LIST;
	if (absent_head(walk, field) || (field->form->by_text && walk->policy_text))
		return;
	json_t *value = value_json(walk, field);
	if (value) {
		member_put(object, field->exported, value);
	} else if (octets && !field_is_zero(field, walk->record)) {
		const char *at = (const char *)walk->record + field->offset;
		char hex_name[NAME_SIZE + sizeof "_hex"], *digits = xmalloc(2 * strlen(at) + 1);
		for (size_t i = 0; at[i]; i++)
			snprintf(digits + 2 * i, 3, "%02x", (unsigned char)at[i]);
		snprintf(hex_name, sizeof hex_name, "%s_hex", field->exported);
		member_put(object, hex_name, json_text(digits));
		free(digits);
	}
}

/* Writes a field for `show --json`. An absent object is written as null if one of its fields marks its presence. Any
 * other absent object is a lookup that was never made: it is written, and its outcome and TTL are null. */
static void field_show(json_t *object, const struct walk *walk, const struct field *field)
{
	enum field_kind kind = field->form->kind;
	const struct field *head = absent_head(walk, field);
	if (head && (head->form->kind == FIELD_PRESENT || head->form->kind == FIELD_RECORD)) {
		char outer[NAME_SIZE];
		json_put(object, name_cut(outer, field->shown, "."), NULL);
	} else if (kind != FIELD_PRESENT) {
		bool unknown = head && (kind == FIELD_REASON || kind == FIELD_TTL);
		member_put(object, field->shown, unknown ? NULL : value_json(walk, field));
	}
}

/* Writes all fields that have a name. First come the names in the table's list, in the order of the list; then the other
 * fields, in the order of the table's rows. */
static json_t *record_write(json_t *object, const struct walk *walk)
{
	const struct fields *table = walk->table;
	const char *order = walk->shown ? table->shown : table->exported;
	uint64_t written = 0;
	for (size_t len = 1; len > 0; order += len) {
		order += strspn(order, " ");
		len = strcspn(order, " ");
		bool found = false;
		for (size_t i = 0; i < table->count; i++) {
			const char *name = name_of(walk, &table->field[i]);
			if (!name || (len > 0 && !is_within(name, order, len)))
				continue;
			found = true;
			if (!(written >> i & 1))
				(walk->shown ? field_show : field_export)(object, walk, &table->field[i]);
			written |= UINT64_C(1) << i;
		}
		if (!found && len > 0 && walk->shown) {
			char name[NAME_SIZE];
			name_cut(name, order, " ");
			member_put(object, name, NULL);
		}
	}
	if (walk->more)
		walk->more(object, table, walk->record, walk->arg);
	return object;
}

/* Returns whether the text of the policy was kept and parses to the stored policy. The result may differ from the stored
 * policy if another version of stsgate has parsed the text. */
static bool text_is_policy(const struct entry *entry)
{
	struct policy policy;
	if (!entry->policy_text || !policy_parse(&policy, entry->policy_text, entry->policy_text_len, NULL))
		return false;
	bool same = policy.mode == entry->policy.mode && policy.max_age_s == entry->policy.max_age_s &&
		    policy.mx.len == entry->policy.mx.len &&
		    (policy.mx.len == 0 || memcmp(policy.mx.bytes, entry->policy.mx.bytes, policy.mx.len) == 0);
	policy_free(&policy);
	return same;
}

void record_export(json_t *object, const struct fields *table, const void *record)
{
	bool text = table == &entry_table && text_is_policy(record);
	record_write(object, &(struct walk){.table = table, .record = record, .policy_text = text});
}

json_t *record_show(const struct fields *table, const void *record, record_more *more, const void *arg)
{
	const struct walk walk = {.table = table, .record = record, .shown = true, .more = more, .arg = arg};
	return record_write(json_made(json_object()), &walk);
}

/* --- read --------------------------------------------------------------------------------------------------------- */

bool input_error(const struct input *in, const char *key, const char *what)
{
	return failure_set(in->why, EX_DATAERR, "%s%s%s %s", in->name, *in->name ? ": " : "", key, what);
}

bool input_number(const struct input *in, const char *key, int64_t min, int64_t max, int64_t *out)
{
	char what[96];
	const json_t *value = json_object_get(in->object, key);
	*out = json_is_integer(value) ? json_integer_value(value) : 0;
	if (json_is_integer(value) && *out >= min && *out <= max)
		return true;
	snprintf(what, sizeof what, "is not a whole number from %lld to %lld", (long long)min, (long long)max);
	return input_error(in, key, what);
}

bool input_text(const struct input *in, const char *key, size_t min, size_t max, const char **out)
{
	char what[64];
	const json_t *value = json_object_get(in->object, key);
	*out = "";
	if (!value && min == 0)
		return true;
	if (json_is_string(value) && json_string_length(value) >= min && json_string_length(value) <= max) {
		*out = json_string_value(value);
		return true;
	}
	snprintf(what, sizeof what, "is not a text of %zu to %zu octets", min, max);
	return input_error(in, key, what);
}

/* Reads the member `key`, or the hexadecimal digits of the member `key`_hex. If both are missing, `out` is "". */
static bool octets_read(const struct input *in, const char *key, char *out, size_t size)
{
	static const char hex[] = "0123456789abcdef";
	char name[NAME_SIZE + sizeof "_hex"];
	const char *text, *digits;
	snprintf(name, sizeof name, "%s_hex", key);
	if (!input_text(in, key, 0, size - 1, &text) || !input_text(in, name, 0, 2 * (size - 1), &digits))
		return false;
	snprintf(out, size, "%s", text);
	if (!*digits)
		return true;
	for (; *digits; digits += 2) {
		const char *high = strchr(hex, digits[0]), *low = digits[1] ? strchr(hex, digits[1]) : NULL;
		if (!high || !low || (high == hex && low == hex))
			return input_error(in, name, "is not a run of octets in hexadecimal digits");
		*out++ = (char)((high - hex) << 4 | (low - hex));
	}
	*out = '\0';
	return true;
}

/* Reads a text, which may be missing. A host name is normalized (domain_parse()). */
static bool text_read(const struct input *in, const char *key, const struct field *field, char *out)
{
	const struct field_form *form = field->form;
	const char *text;
	struct domain name = {""};
	struct address address;
	if (!input_text(in, key, 0, field->size - 1, &text))
		return false;
	bool host = form->kind == FIELD_HOST, valid = true;
	if (host)
		valid = domain_parse(&name, text, strlen(text));
	else if (form->kind == FIELD_ADDRESS)
		valid = address_parse(&address, text);
	else if (form->valid)
		valid = form->valid((struct span){text, strlen(text)});
	if (*text && !valid)
		return input_error(in, key, form->wrong);
	snprintf(out, field->size, "%s", host && *text ? name.name : text);
	return true;
}

static bool patterns_read(const struct input *in, const char *key, const struct field_form *form, struct names *out)
{
	const json_t *patterns = json_object_get(in->object, key);
	bool valid = json_is_array(patterns);
	for (size_t i = 0; valid && i < json_array_size(patterns); i++) {
		const json_t *pattern = json_array_get(patterns, i);
		const char *text = json_string_value(pattern);
		valid = text && mx_is_pattern(text, json_string_length(pattern));
		if (valid)
			names_add(out, text, strlen(text));
	}
	return valid || input_error(in, key, form->wrong);
}

static bool policy_read(const struct input *in, const char *key, struct entry *entry)
{
	const char *text;
	if (!json_object_get(in->object, key))
		return true;
	if (!input_text(in, key, 1, POLICY_TEXT_KEPT, &text))
		return false;
	entry->policy_text = xstrdup(text);
	entry->policy_text_len = (uint32_t)strlen(text);
	return true;
}

/* Reads the MX hosts: pairs [preference, host], best preference first, because that order decides which hops are used. A
 * name that was not a host name is in the export as quoted text, or as "". */
static bool mx_read(const struct input *in, const char *key, struct mx_set *set)
{
	const json_t *hosts = json_object_get(in->object, key);
	size_t count = json_array_size(hosts);
	if (count > MX_SET_MAX || (count > 0) != (set->state == MX_LISTED))
		return input_error(in, key, "are too many, or contradict the state");
	for (size_t i = 0; i < count; i++) {
		const json_t *pair = json_array_get(hosts, i), *number = json_array_get(pair, 0),
			     *host = json_array_get(pair, 1);
		const char *text = json_is_string(host) ? json_string_value(host) : "";
		struct domain name = {""};
		bool received = mx_name_is_not_host(text, strlen(text));
		if (!json_is_integer(number) || json_integer_value(number) < 0 ||
			json_integer_value(number) > UINT16_MAX || !json_is_string(host) ||
			(!received && !domain_parse(&name, text, json_string_length(host))))
			return input_error(in, key, "are not pairs of preference and host name");
		set->preference[i] = (uint16_t)json_integer_value(number);
		names_add(&set->names, received ? text : name.name, strlen(received ? text : name.name));
		if (i > 0 && set->preference[i] < set->preference[i - 1])
			return input_error(in, key, "are not ordered by preference");
	}
	return true;
}

/* Reads an array of numbers that are not 0. It may be missing. */
static bool numbers_read(const struct input *in, const char *key, uint32_t *out, size_t max)
{
	const json_t *numbers = json_object_get(in->object, key), *number;
	bool valid = !numbers || (json_is_array(numbers) && json_array_size(numbers) <= max);
	for (size_t i = 0; valid && i < json_array_size(numbers); i++) {
		number = json_array_get(numbers, i);
		valid = json_is_integer(number) && json_integer_value(number) > 0 &&
			json_integer_value(number) <= UINT32_MAX;
		out[i] = valid ? (uint32_t)json_integer_value(number) : 0;
	}
	return valid || input_error(in, key, "is not a list of numbers");
}

static bool inner_read(const struct input *in, const char *key, const struct field_form *form, void *member)
{
	const struct input inner = {json_object_get(in->object, key), key, in->now, in->why};
	if (!inner.object)
		return true;
	if (!json_is_object(inner.object))
		return input_error(in, key, "is not an object");
	return record_read(&inner, form->table, member) &&
	       (!form->settle || form->settle(member) || input_error(in, key, "contradicts itself"));
}

/* Reads a number, a word or a reason. Fails if the member is missing. */
static bool number_read(const struct input *in, const char *key, const struct field *field, void *record)
{
	const struct field_form *form = field->form;
	int64_t number = 0, min = form->min, max = form->max;
	const char *name;
	if (form->kind == FIELD_REASON) {
		if (!input_text(in, key, 1, 64, &name))
			return false;
		number = field_reason(form, (struct span){name, strlen(name)});
	} else if (form->kind == FIELD_WORD) {
		if (!input_text(in, key, 1, 16, &name))
			return false;
		for (number = min; number <= max && strcmp(name, form->word(number)) != 0;)
			number++;
		if (number > max)
			return input_error(in, key, form->wrong);
	} else {
		if (form->kind == FIELD_TIME) {
			min = TIME_FIRST;
			max = in->now + CLOCK_SKEW_S + form->ahead_s;
		} else if (form->kind == FIELD_DAY) {
			min = 1;
			max = schedule_day(in->now + CLOCK_SKEW_S);
		}
		if (!input_number(in, key, min, max, &number))
			return false;
	}
	field_set_number(field, record, number);
	return true;
}

static bool field_read(const struct input *in, const char *key, const struct field *field, void *record)
{
	const struct field_form *form = field->form;
	char *member = (char *)record + field->offset;
	struct entry *entry = record;
	switch (form->kind) {
	case FIELD_PRESENT:
		break;
	case FIELD_NUMBERS:
		return numbers_read(in, key, (uint32_t *)(void *)member, field->size / sizeof(uint32_t));
	case FIELD_FLAG:
		field_set_number(field, record, json_is_true(json_object_get(in->object, key)));
		return true;
	case FIELD_DAY:
	case FIELD_NUMBER:
	case FIELD_TTL:
	case FIELD_DATE:
	case FIELD_PROTOCOL:
		/* A number that is 0 may be missing, except where it says what the policy is. */
		return (!json_object_get(in->object, key) && !form->by_text) || number_read(in, key, field, record);
	case FIELD_TIME:
	case FIELD_WORD:
	case FIELD_REASON:
		return number_read(in, key, field, record);
	case FIELD_TEXT:
	case FIELD_HOST:
	case FIELD_ADDRESS:
		return text_read(in, key, field, member);
	case FIELD_OCTETS:
	case FIELD_NAME_LIST:
		return octets_read(in, key, member, field->size);
	case FIELD_PATTERNS:
		return patterns_read(in, key, form, &entry->policy.mx);
	case FIELD_POLICY:
		return policy_read(in, key, entry);
	case FIELD_MX:
		return mx_read(in, key, &entry->mx);
	case FIELD_RECORD:
		return inner_read(in, key, form, member);
	}
	field_set_number(field, record, json_object_get(in->object, key) != NULL);
	return true;
}

bool record_read(const struct input *in, const struct fields *table, void *record)
{
	for (size_t i = 0; i < table->count; i++) {
		const struct field *field = &table->field[i];
		const char *dot = field->exported ? strchr(field->exported, '.') : NULL;
		struct input part = *in;
		char outer[NAME_SIZE];
		if (!field->exported)
			continue;
		if (dot) {
			part.name = name_cut(outer, field->exported, ".");
			part.object = json_object_get(in->object, outer);
		}
		if (!part.object || (field->form->by_text && json_object_get(part.object, "text")))
			continue;
		if (!json_is_object(part.object))
			return input_error(in, outer, "is not an object");
		if (!field_read(&part, dot ? dot + 1 : field->exported, field, record))
			return false;
	}
	return true;
}
