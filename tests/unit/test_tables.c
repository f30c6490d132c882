/* The tables of what the store keeps: each row can be read back from the bytes and from an export, each name in JSON
 * leads to its own field, and each member of a struct has a row. A new field needs no line here, unless it is of a new
 * kind. */
#include "cm.h"

#include "json_value.h"
#include "look.h"
#include "record_json.h"
#include "revocation.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NOW INT64_C(1760000000)
#define RECORD_BYTES 8192

static const struct {
	const char *name;
	const struct fields *table;
	size_t size;
} tables[] = {
	{"entry", &entry_table, sizeof(struct entry)},
	{"evidence", &evidence_table, sizeof(struct evidence)},
	{"TLSA", &tlsa_table, sizeof(struct tlsa_lookup)},
	{"hop", &hop_table, sizeof(struct hop_record)},
	{"verdict", &verdict_table, sizeof(struct verdict_record)},
	{"override", &override_table, sizeof(struct override)},
	{"decision", &decision_table, sizeof(struct decision_record)},
	{"look", &look_table, sizeof(struct look)},
	{"revocation", &revocation_table, sizeof(struct revocation)},
};

/* A record of any table. */
union any {
	struct entry entry;
	struct hop_record hop;
	char bytes[RECORD_BYTES];
};

static void any_free(const struct fields *table, union any *record)
{
	if (table == &entry_table)
		entry_free(&record->entry);
}

/* --- values: two of each field, valid ones, neither zero -------------------------------------------------------------- */

static void text_set(char *at, size_t size, const char *text, int which)
{
	assert_true(strlen(text) + 1 < size);
	memset(at, 0, size);
	snprintf(at, size, "%s%d", text, which);
}

static void names_set(struct names *names, const char *text, int which)
{
	char name[64];
	names_free(names);
	text_set(name, sizeof name, text, which);
	names_add(names, name, strlen(name));
}

static void record_set(const struct fields *table, void *record, int which);

static void policy_text_set(struct entry *entry, int which)
{
	free(entry->policy_text);
	entry->policy_text = strdup(which ? "no policy" : "none");
	entry->policy_text_len = (uint32_t)strlen(entry->policy_text);
}

/* Returns an MX state that has names, or one that has none. */
static void mx_state_set(struct entry *entry, int which)
{
	entry->mx.state = which ? MX_IMPLICIT : MX_LISTED;
	if (which) {
		names_free(&entry->mx.names);
		entry->mx.preference[0] = 0;
	}
}

static void field_set(const struct field *field, void *record, int which)
{
	const struct field_form *form = field->form;
	char *at = (char *)record + field->offset;
	struct entry *entry = record;
	switch (form->kind) {
	case FIELD_PRESENT:
		field_set_number(field, record, !which);
		return;
	case FIELD_FLAG:
		field_set_number(field, record, !which);
		return;
	case FIELD_NUMBER:
	case FIELD_TTL:
		field_set_number(field, record, 7 + which);
		return;
	case FIELD_TIME:
	case FIELD_DATE:
		field_set_number(field, record, NOW - 1000 + which);
		return;
	case FIELD_DAY:
		field_set_number(field, record, 20000 + which);
		return;
	case FIELD_PROTOCOL:
		field_set_number(field, record, 0x303 + which);
		return;
	case FIELD_WORD:
		if (field->offset == offsetof(struct entry, mx.state) && form->min == MX_LISTED)
			mx_state_set(entry, which);
		else
			field_set_number(field, record, 2 - which);
		return;
	case FIELD_REASON:
		if (form->other == REASON_COUNT)
			field_set_number(field, record, which ? REASON_CERT_EXPIRED : REASON_STARTTLS_MISSING);
		else
			field_set_number(field, record, which ? REASON_NO_RECORD : REASON_RECORD_MANY);
		return;
	case FIELD_NUMBERS:
		memcpy(at, (const uint32_t[]){64500, 64501 + (uint32_t)which}, 8);
		return;
	case FIELD_TEXT:
		text_set(at, field->size, "text", which);
		return;
	case FIELD_HOST:
		text_set(at, field->size, "mx.example", which);
		return;
	case FIELD_ADDRESS:
		text_set(at, field->size, "192.0.2.", which);
		return;
	case FIELD_OCTETS:
	case FIELD_NAME_LIST:
		text_set(at, field->size, which && !form->valid ? "\xff " : "words ", which);
		return;
	case FIELD_PATTERNS:
		names_set(&entry->policy.mx, "*.mx.example", which);
		return;
	case FIELD_POLICY:
		policy_text_set(entry, which);
		return;
	case FIELD_MX:
		names_set(&entry->mx.names, "mx.example", which);
		entry->mx.preference[0] = (uint16_t)(10 + which);
		return;
	case FIELD_RECORD:
		record_set(form->table, at, which);
		return;
	}
}

static void record_set(const struct fields *table, void *record, int which)
{
	for (size_t i = 0; i < table->count; i++)
		field_set(&table->field[i], record, which);
}

/* --- comparison --------------------------------------------------------------------------------------------------- */

static bool names_equal(const struct names *a, const struct names *b)
{
	return a->count == b->count && a->len == b->len && (a->len == 0 || memcmp(a->bytes, b->bytes, a->len) == 0);
}

static bool fields_equal(const struct field *field, const void *x, const void *y)
{
	const void *a = (const char *)x + field->offset, *b = (const char *)y + field->offset;
	const struct entry *one = x, *two = y;
	enum field_kind kind = field->form->kind;
	if (kind == FIELD_POLICY)
		return one->policy_text_len == two->policy_text_len && !one->policy_text == !two->policy_text &&
		       (!one->policy_text || memcmp(one->policy_text, two->policy_text, one->policy_text_len) == 0);
	if (kind == FIELD_PATTERNS || kind == FIELD_MX)
		return names_equal(a, b) && (kind == FIELD_PATTERNS || one->mx.preference[0] == two->mx.preference[0]);
	return memcmp(a, b, field->size) == 0;
}

/* --- tests -------------------------------------------------------------------------------------------------------- */

/* Members that need no row, because other rows cover them. */
static bool goes_without(const struct fields *table, size_t offset)
{
	return table == &entry_table &&
	       (offset == offsetof(struct entry, policy.text) || offset == offsetof(struct entry, policy_text_len) ||
		       offset == offsetof(struct entry, mx.preference));
}

/* Returns whether there is only padding between `end` and the member: it begins at `end`, or where its own alignment
 * or that of a struct requires. */
static bool is_next(const struct field *field, size_t end)
{
	enum field_kind kind = field->form->kind;
	bool text = kind >= FIELD_TEXT && kind <= FIELD_NAME_LIST;
	size_t own = text ? 1 : field->size < 8 ? field->size : 8;
	return field->offset == (end + own - 1) / own * own || (!text && field->offset == (end + 7) / 8 * 8);
}

/* Returns the row whose member begins next, at or after `offset`. */
static const struct field *row_at(const struct fields *table, size_t offset)
{
	const struct field *next = NULL;
	for (size_t i = 0; i < table->count; i++)
		if (table->field[i].offset >= offset && (!next || table->field[i].offset < next->offset))
			next = &table->field[i];
	return next;
}

static void test_no_member_without_row(void **state)
{
	(void)state;
	for (size_t t = 0; t < COUNT(tables); t++) {
		const struct field *row;
		size_t end = 0;
		while ((row = row_at(tables[t].table, end)) && row->offset < tables[t].size) {
			if (!is_next(row, end) && !goes_without(tables[t].table, end))
				fail_msg("%s: what is at %zu, before the member of tag %u, has no row", tables[t].name,
					end, row->tag);
			end = row->offset + row->size;
		}
		if (tables[t].size - end >= 8)
			fail_msg("%s: what is at %zu has no row", tables[t].name, end);
	}
}

static void test_tags_ascend(void **state)
{
	(void)state;
	for (size_t t = 0; t < COUNT(tables); t++)
		for (size_t i = 1; i < tables[t].table->count; i++)
			assert_true(tables[t].table->field[i].tag >= tables[t].table->field[i - 1].tag);
}

static void bytes_come_back(const char *name, const struct fields *table, const struct field *field, union any *record)
{
	union any back = {.bytes = ""};
	struct fields_out out = {.at = NULL}, again = {.at = NULL};
	fields_put(&out, table, record);
	if (!fields_take((struct span){(const char *)out.at, out.len}, table, &back))
		fail_msg("%s: bytes with another value of tag %u are not read", name, field->tag);
	for (size_t i = 0; i < table->count; i++)
		if (!fields_equal(&table->field[i], record, &back))
			fail_msg("%s: row %zu (tag %u) is not in the bytes", name, i, table->field[i].tag);
	fields_put(&again, table, &back);
	assert_int_equal(out.len, again.len);
	assert_memory_equal(out.at, again.at, out.len);
	any_free(table, &back);
	free(out.at);
	free(again.at);
}

/* Returns the JSON member at a path with at most one dot; also the one that holds its octets in hexadecimal digits. */
static json_t *json_under(json_t *object, const char *path)
{
	char outer[64];
	const char *dot = strchr(path, '.');
	snprintf(outer, sizeof outer, "%.*s", dot ? (int)(dot - path) : 0, path);
	json_t *inner = dot ? json_object_get(object, outer) : object;
	snprintf(outer, sizeof outer, "%s_hex", dot ? dot + 1 : path);
	json_t *hex = json_object_get(inner, outer);
	return hex ? hex : json_object_get(inner, dot ? dot + 1 : path);
}

static void export_comes_back(
	const char *name, const struct fields *table, const struct field *field, union any *record)
{
	union any back = {.bytes = ""};
	struct failure why = {0};
	json_t *object = json_made(json_object());
	record_export(object, table, record);
	const struct input in = {object, "", NOW, &why};
	if (!record_read(&in, table, &back))
		fail_msg("%s: the export with another %s is not read: %s", name, field->exported, why.text);
	if (field->form->kind != FIELD_POLICY && !fields_equal(field, record, &back))
		fail_msg("%s: %s does not come back from an export", name, field->exported);
	any_free(table, &back);
	json_decref(object);
}

static void is_shown(const char *name, const struct fields *table, const struct field *field, const union any *one,
	const union any *other)
{
	json_t *a = record_show(table, one, NULL, NULL), *b = record_show(table, other, NULL, NULL);
	const json_t *old = json_under(a, field->shown), *new = json_under(b, field->shown);
	if (!old || (new &&json_equal(old, new)))
		fail_msg("%s: %s is not in show --json", name, field->shown);
	json_decref(a);
	json_decref(b);
}

/* Tests a record with all its fields, and the same record with another value in one field. */
static void test_each_row(void **state)
{
	(void)state;
	for (size_t t = 0; t < COUNT(tables); t++) {
		const struct fields *table = tables[t].table;
		for (size_t i = 0; i < table->count; i++) {
			const struct field *field = &table->field[i];
			union any one = {.bytes = ""}, other = {.bytes = ""};
			assert_true(field->offset + field->size <= sizeof one);
			record_set(table, &one, 0);
			record_set(table, &other, 0);
			if (field->form->kind == FIELD_RECORD)
				memset(other.bytes + field->offset, 0, field->size);
			else
				field_set(field, &other, 1);
			if (field->form->kind != FIELD_PRESENT && field->form->table != &tlsa_table)
				bytes_come_back(tables[t].name, table, field, &other);
			if (field->exported && field->form->kind != FIELD_PRESENT)
				export_comes_back(tables[t].name, table, field, &other);
			if (field->shown)
				is_shown(tables[t].name, table, field, &one, &other);
			any_free(table, &one);
			any_free(table, &other);
		}
	}
}

/* An absent field takes no bytes, and is null or missing in JSON. */
static void test_absent(void **state)
{
	(void)state;
	for (size_t t = 0; t < COUNT(tables); t++) {
		union any none = {.bytes = ""};
		struct fields_out out = {.at = NULL};
		fields_put(&out, tables[t].table, &none);
		assert_int_equal(out.len, 0);
		json_t *object = json_made(json_object());
		bool has_words = tables[t].table == &evidence_table || tables[t].table == &override_table ||
				 tables[t].table == &decision_table; /* absent only as a member of another record */
		if (!has_words)
			record_export(object, tables[t].table, &none);
		assert_int_equal(json_object_size(object), 0);
		json_decref(object);
	}
	struct entry entry;
	entry_init(&entry, "a.example");
	json_t *shown = record_show(&entry_table, &entry, NULL, NULL);
	assert_true(json_is_null(json_object_get(shown, "policy")));
	assert_true(json_is_null(json_object_get(shown, "previous")));
	assert_true(json_is_null(json_under(shown, "record.outcome")));
	assert_true(json_is_null(json_under(shown, "record.ttl")));
	json_decref(shown);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_no_member_without_row),
		cmocka_unit_test(test_tags_ascend), cmocka_unit_test(test_each_row), cmocka_unit_test(test_absent)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
