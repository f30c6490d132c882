#include "dkim_record.h"

#include <string.h>

#define BLANKS " \t\r\n" /* FWS of RFC 6376 2.8 */

/* Reads the next tag, `name=value`, and removes it from the text. Returns false if the text is empty, or if the tag has no `=`; in the
 * second case the name is empty. */
static bool tag_next(struct span *text, struct span *name, struct span *value)
{
	*value = span_trim(span_until(text, ';'), BLANKS);
	if (!memchr(value->at, '=', value->len)) {
		*name = (struct span){"", 0};
		return false;
	}
	*name = span_trim(span_until(value, '='), BLANKS);
	*value = span_trim(*value, BLANKS);
	return true;
}

/* Returns whether a list with colons has this item. */
static bool list_has(struct span list, const char *item)
{
	while (list.len > 0)
		if (span_is(span_trim(span_until(&list, ':'), BLANKS), item))
			return true;
	return false;
}

/* Copies p= without the blanks that may be anywhere in it. Returns false if it is too long. */
static bool key_take(struct dkim_record *record, struct span value)
{
	size_t len = 0;
	for (size_t i = 0; i < value.len; i++) {
		if (value.at[i] == '\0' || strchr(BLANKS, value.at[i]))
			continue;
		if (len + 1 >= sizeof record->key)
			return false;
		record->key[len++] = value.at[i];
	}
	record->key[len] = '\0';
	record->revoked = len == 0;
	return true;
}

bool dkim_record_read(struct dkim_record *record, struct span text)
{
	struct span name, value;
	bool has_key = false;
	*record = (struct dkim_record){.services = {"*", 1}, .sha256 = true};
	for (bool first = true; text.len > 0; first = false) {
		if (!tag_next(&text, &name, &value) && (value.len > 0 || text.len > 0)) /* the last one may be empty */
			return false;
		if (span_is(name, "v") && (!first || !span_is(value, "DKIM1")))
			return false;
		if (span_is(name, "s"))
			record->services = value;
		if (span_is(name, "h"))
			record->sha256 = list_has(value, "sha256");
		if (span_is(name, "t"))
			record->testing = list_has(value, "y");
		if (!span_is(name, "p"))
			continue;
		if (has_key || !key_take(record, value))
			return false;
		has_key = true;
	}
	return has_key;
}

bool dkim_record_names(const struct dkim_record *record, const char *service)
{
	return list_has(record->services, service);
}

bool dkim_record_serves(const struct dkim_record *record, const char *service)
{
	return list_has(record->services, service) || list_has(record->services, "*");
}
