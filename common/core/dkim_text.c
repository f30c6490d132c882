#include "dkim_text.h"

#include "ascii.h"
#include "memory.h"

#include <string.h>

#define LINE_MAX 72 /* characters of a line of the signature */

const char *const dkim_covered[DKIM_COVERED] = {"From", "To", "Subject", "Date", "Message-ID", "MIME-Version",
	"Content-Type", "TLS-Report-Domain", "TLS-Report-Submitter"};

/* Takes a field off the front of the head: a line and those that continue it, which begin with a blank. */
static bool field_next(struct span *head, struct span *field)
{
	*field = (struct span){head->at, 0};
	while (head->len > 0 && (field->len == 0 || ascii_is_blank(head->at[0]))) {
		span_until(head, '\n');
		field->len = (size_t)(head->at - field->at);
	}
	return field->len > 0;
}

static bool field_is(struct span field, const char *name)
{
	struct span found = span_trim(span_until(&field, ':'), " \t");
	return found.len == strlen(name) && ascii_same(found.at, name, found.len);
}

/* Finds a field, counted from the end of the head: 0 is the last one of this name. */
static bool field_find(struct span head, const char *name, size_t from_end, struct span *found)
{
	struct span rest = head, field;
	size_t count = 0;
	while (field_next(&rest, &field))
		count += field_is(field, name);
	if (count <= from_end)
		return false;
	for (size_t skip = count - from_end; skip > 0 && field_next(&head, found);)
		skip -= field_is(*found, name);
	return true;
}

static bool lines_are_plain(struct span message)
{
	for (size_t i = 0; i < message.len; i++) {
		bool ends = message.at[i] == '\r' && i + 1 < message.len && message.at[i + 1] == '\n';
		if (!ends && (message.at[i] == '\r' || message.at[i] == '\n'))
			return false;
		i += ends;
	}
	return message.len >= 2 && message.at[message.len - 1] == '\n';
}

bool dkim_split(struct span message, struct span *head, struct span *body)
{
	struct span rest = message, line, from;
	if (!lines_are_plain(message) || ascii_is_blank(message.at[0]))
		return false;
	do {
		if (rest.len == 0)
			return false;
		line = span_until(&rest, '\n');
	} while (line.len > 1); /* the empty line is a CR */
	*head = (struct span){message.at, (size_t)(line.at - message.at)};
	*body = rest;
	return field_find(*head, "From", 0, &from);
}

/* Writes text without line ends and blanks at its end; other blanks become one space. Returns its length, which is not
 * more than that of the text. */
static size_t relax(char *out, struct span text)
{
	size_t len = 0;
	bool blank = false;
	for (size_t i = 0; i < text.len; i++) {
		char c = text.at[i];
		if (c == '\r' || c == '\n')
			continue;
		if (!ascii_is_blank(c)) {
			if (blank)
				out[len++] = ' ';
			out[len++] = c;
		}
		blank = ascii_is_blank(c);
	}
	return len;
}

static size_t line_end(char *out)
{
	memcpy(out, "\r\n", 2);
	return 2;
}

char *dkim_body(struct span body, size_t *len)
{
	char *out = xmalloc(2 * body.len + 2); /* for lines without a CR, too */
	size_t at = 0;
	*len = 0;
	while (body.len > 0) {
		size_t written = relax(out + at, span_until(&body, '\n'));
		at += written;
		at += line_end(out + at);
		if (written > 0) /* empty lines at the end do not count */
			*len = at;
	}
	return out;
}

void dkim_field_begin(struct text *field, const char *algorithm, const char *domain, const char *selector, int64_t at,
	const char *body_hash)
{
	const char *const parts[] = {
		"DKIM-Signature: v=1; a=", algorithm, "; c=relaxed/relaxed; d=", domain, ";\r\n\ts=", selector, "; t="};
	for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
		text_add(field, parts[i]);
	text_add_number(field, at);
	for (size_t i = 0; i < DKIM_COVERED; i++) {
		text_add(field, i == 0 ? ";\r\n\th=" : i == DKIM_COVERED / 2 ? ":\r\n\t" : ":");
		text_add(field, dkim_covered[i]);
	}
	text_add(field, ";\r\n\tbh=");
	text_add(field, body_hash);
	text_add(field, ";\r\n\tb=");
}

/* Writes a field in its canonical form (3.4.2), without the line end. Returns its length. */
static size_t field_relax(char *out, struct span field)
{
	size_t len = relax(out, span_until(&field, ':'));
	for (size_t i = 0; i < len; i++)
		out[i] = ascii_lower(out[i]);
	out[len++] = ':';
	return len + relax(out + len, span_trim(field, " \t\r\n"));
}

static size_t listed_before(const char *const *covered, size_t at)
{
	size_t count = 0;
	for (size_t i = 0; i < at; i++)
		count += strlen(covered[i]) == strlen(covered[at]) &&
			 ascii_same(covered[i], covered[at], strlen(covered[at]));
	return count;
}

char *dkim_signed(struct span head, const char *const *covered, size_t count, const char *field, size_t *len)
{
	/* each field of the head is written once at most, and none grows */
	char *out = xmalloc(head.len + strlen(field) + 2);
	*len = 0;
	for (size_t i = 0; i < count; i++) {
		struct span found;
		if (!field_find(head, covered[i], listed_before(covered, i), &found))
			continue;
		*len += field_relax(out + *len, found);
		*len += line_end(out + *len);
	}
	*len += field_relax(out + *len, (struct span){field, strlen(field)});
	return out;
}

void dkim_field_end(struct text *field, const char *signature)
{
	for (size_t left = strlen(signature), part; left > 0; left -= part) {
		part = left < LINE_MAX ? left : LINE_MAX;
		text_add_bytes(field, signature, part);
		text_add(field, left > part ? "\r\n\t" : "\r\n");
		signature += part;
	}
}
