#include "http_fields.h"

#include "ascii.h"

struct span http_part_take(struct span *rest, char separator)
{
	return span_trim(span_until(rest, separator), HTTP_BLANKS);
}

bool http_is_word(struct span span, const char *word)
{
	return span.len == strlen(word) && ascii_same(span.at, word, span.len);
}

bool http_field_next(struct http_fields *fields, struct span *head)
{
	if (!fields->begun)
		http_part_take(head, '\n'); /* the request line */
	fields->begun = true;
	while (head->len > 0) {
		bool folded = ascii_is_blank(head->at[0]); /* the rest of an earlier field (RFC 9112 5.2) */
		fields->value = http_part_take(head, '\n');
		if (folded || fields->value.len == 0)
			continue;
		fields->name = http_part_take(&fields->value, ':');
		fields->value = span_trim(fields->value, HTTP_BLANKS);
		return true;
	}
	return false;
}
