#include "record.h"

#include "ascii.h"
#include "finding.h"

#include <string.h>

#define RECORD_VERSION "v=STSv1"
#define RECORD_VERSION_LEN (sizeof RECORD_VERSION - 1)
#define EXT_NAME_MAX 32

const char *record_error_name(enum record_error error)
{
	switch (error) {
	case RECORD_OK:
		return "ok";
	case RECORD_NO_VERSION:
		return finding_name(FINDING_NO_VERSION);
	case RECORD_BAD_FIELD:
		return finding_name(FINDING_BAD_FIELD);
	case RECORD_NO_ID:
		return finding_name(FINDING_NO_ID);
	}
	return "";
}

static size_t blanks(const char *bytes, size_t len, size_t at)
{
	while (at < len && ascii_is_blank(bytes[at]))
		at++;
	return at;
}

/* RFC 8461 3.1 discards a TXT record that does not begin with `v=STSv1;`. Its ABNF allows blanks before the semicolon
 * (errata 6285). */
static bool record_is_candidate(const char *bytes, size_t len)
{
	if (len < RECORD_VERSION_LEN || memcmp(bytes, RECORD_VERSION, RECORD_VERSION_LEN) != 0)
		return false;
	size_t at = blanks(bytes, len, RECORD_VERSION_LEN);
	return at < len && bytes[at] == ';';
}

struct record_field {
	struct span name;
	struct span value;
};

/* Reads one field at the start of `bytes`. Returns its length, 0 if it violates the grammar. */
static size_t field_read(struct record_field *field, const char *bytes, size_t len)
{
	size_t at = 0;
	while (at < len && at <= EXT_NAME_MAX &&
		(ascii_is_alnum(bytes[at]) || (at && (bytes[at] == '_' || bytes[at] == '-' || bytes[at] == '.'))))
		at++;
	if (!at || at > EXT_NAME_MAX || at == len || bytes[at] != '=')
		return 0;
	field->name = (struct span){bytes, at++};
	size_t from = at;
	while (at < len && ascii_is_printable(bytes[at]) && bytes[at] != ' ' && bytes[at] != ';' && bytes[at] != '=')
		at++;
	field->value = (struct span){bytes + from, at - from};
	return field->value.len ? at : 0;
}

/* Takes the value of the id, if it is valid. The first of duplicate fields counts (RFC 8461 3.2), so a second id does not replace an
 * invalid one. */
static void id_take(struct record *out, const struct record_field *field, bool *id_good)
{
	bool good = field->value.len <= RECORD_ID_MAX;
	for (size_t i = 0; good && i < field->value.len; i++)
		good = ascii_is_alnum(field->value.at[i]);
	if (good) {
		memcpy(out->id, field->value.at, field->value.len);
		out->id[field->value.len] = '\0';
	}
	*id_good = good;
}

/* Returns the octets from `at` to the next semicolon, without blanks at both ends. */
static struct span field_at(const char *bytes, size_t len, size_t at)
{
	const char *end = at < len ? memchr(bytes + at, ';', len - at) : NULL;
	return span_trim((struct span){bytes + at, end ? (size_t)(end - bytes) - at : len - at}, " \t");
}

enum record_error record_parse_where(struct record *out, const char *bytes, size_t len, struct span *where)
{
	size_t at = RECORD_VERSION_LEN;
	struct span id = {.at = NULL};
	bool id_good = false;
	out->id[0] = '\0';
	*where = field_at(bytes, len, 0);
	if (!record_is_candidate(bytes, len))
		return RECORD_NO_VERSION;
	while (at < len) {
		struct record_field field;
		at = blanks(bytes, len, at);
		*where = field_at(bytes, len, at);
		if (at == len || bytes[at] != ';')
			return RECORD_BAD_FIELD;
		at = blanks(bytes, len, at + 1);
		if (at == len)
			break;
		*where = field_at(bytes, len, at);
		size_t field_len = field_read(&field, bytes + at, len - at);
		if (!field_len)
			return RECORD_BAD_FIELD;
		if (!id.at && span_is(field.name, "id")) {
			id = (struct span){bytes + at, field_len};
			id_take(out, &field, &id_good);
		}
		at += field_len;
	}
	*where = id_good ? (struct span){.at = NULL} : id;
	return id_good ? RECORD_OK : RECORD_NO_ID;
}

enum record_error record_parse(struct record *out, const char *bytes, size_t len)
{
	struct span where;
	return record_parse_where(out, bytes, len, &where);
}

/* Counts the MTA-STS records, and returns the last one in `last`. With `plain`, only those without a blank before the
 * semicolon count. */
static size_t candidates_count(const struct span *txt, size_t count, bool plain, struct span *last)
{
	size_t found = 0;
	for (size_t i = 0; i < count; i++) {
		bool counts = record_is_candidate(txt[i].at, txt[i].len);
		if (counts && (!plain || txt[i].at[RECORD_VERSION_LEN] == ';')) {
			*last = txt[i];
			found++;
		}
	}
	return found;
}

enum record_set record_set_parse(struct record *out, const struct span *txt, size_t count)
{
	struct span one;
	out->id[0] = '\0';
	if (count > RECORD_SET_MAX)
		return RECORD_SET_MANY;
	size_t candidates = candidates_count(txt, count, true, &one);
	if (!candidates)
		candidates = candidates_count(txt, count, false, &one);
	if (!candidates)
		return RECORD_SET_NONE;
	if (candidates > 1)
		return RECORD_SET_MANY;
	if (record_parse(out, one.at, one.len) == RECORD_OK)
		return RECORD_SET_ONE;
	out->id[0] = '\0';
	return RECORD_SET_INVALID;
}
