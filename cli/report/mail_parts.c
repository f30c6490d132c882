#include "mail_parts.h"

#include "ascii.h"
#include "memory.h"

#include <stdlib.h>
#include <string.h>

/* --- header ------------------------------------------------------------------------------------------------------- */

/* Takes a line off the front, without its end. */
static struct span line_take(struct span *text)
{
	struct span line = span_until(text, '\n');
	if (line.len > 0 && line.at[line.len - 1] == '\r')
		line.len--;
	return line;
}

static bool line_begins(struct span line, const char *word)
{
	return line.len >= strlen(word) && memcmp(line.at, word, strlen(word)) == 0;
}

/* Splits a mail at its first empty line. A header that is longer than MAIL_HEADER_MAX ends there. */
static struct span header_take(struct span *mail)
{
	struct span rest = *mail;
	struct span line = line_take(&rest);
	while (line.len > 0 && rest.len > 0 && mail->len - rest.len < MAIL_HEADER_MAX)
		line = line_take(&rest);
	struct span header = {mail->at, mail->len - rest.len};
	header.len = header.len < MAIL_HEADER_MAX ? header.len : MAIL_HEADER_MAX;
	*mail = rest;
	return header;
}

/* Appends a part of a field's value, with a blank for a line break. */
static size_t value_add(char value[MAIL_FIELD_SIZE], size_t len, struct span part)
{
	part = span_trim(part, " \t");
	if (len > 0 && len < MAIL_FIELD_SIZE - 1)
		value[len++] = ' ';
	size_t room = MAIL_FIELD_SIZE - 1 - len, take = part.len < room ? part.len : room;
	for (size_t i = 0; i < take; i++)
		value[len + i] = part.at[i] == '\0' ? '?' : part.at[i];
	value[len + take] = '\0';
	return len + take;
}

/* Returns whether a line begins a field of that name, and sets `value` to the rest of the line. */
static bool is_field(struct span line, const char *name, struct span *value)
{
	size_t len = strlen(name);
	if (line.len <= len || !ascii_same(line.at, name, len))
		return false;
	struct span rest = span_trim((struct span){line.at + len, line.len - len}, " \t");
	if (rest.len == 0 || rest.at[0] != ':')
		return false;
	*value = (struct span){rest.at + 1, rest.len - 1};
	return true;
}

static bool field_find(struct span header, const char *name, char value[MAIL_FIELD_SIZE])
{
	struct span part;
	value[0] = '\0';
	while (header.len > 0)
		if (is_field(line_take(&header), name, &part)) {
			size_t len = value_add(value, 0, part);
			while (header.len > 0 && ascii_is_blank(header.at[0]))
				len = value_add(value, len, line_take(&header));
			return true;
		}
	return false;
}

bool mail_field(struct span mail, const char *name, char value[MAIL_FIELD_SIZE])
{
	return field_find(header_take(&mail), name, value);
}

/* --- Content-Type ------------------------------------------------------------------------------------------------- */

/* Takes a parameter's value off the front: a quoted string, or all up to the next semicolon. Writes it in place. */
static char *parameter_take(char **at)
{
	char *from = *at + strspn(*at, " \t");
	if (*from != '"') {
		size_t len = strcspn(from, ";");
		*at = from + len + (from[len] == ';');
		from[len] = '\0';
		return string_trim(from, " \t");
	}
	char *to = from, *value = from;
	for (from++; *from && *from != '"'; from++) {
		if (*from == '\\' && from[1])
			from++;
		*to++ = *from;
	}
	from += *from == '"';
	from += strcspn(from, ";");
	*at = from + (*from == ';');
	*to = '\0';
	return value;
}

/* Splits a value of Content-Type: makes `value` the type alone, in lower case, and returns the boundary or NULL. */
static char *type_split(char value[MAIL_FIELD_SIZE])
{
	size_t len = strcspn(value, ";");
	char *at = value + len + (value[len] == ';'), *boundary = NULL;
	value[len] = '\0';
	for (char *c = value; *c; c++)
		*c = ascii_lower(*c);
	len = strcspn(value, " \t("); /* a comment may follow */
	value[len] = '\0';
	while (*at && !boundary) {
		at += strspn(at, " \t;");
		size_t name = strcspn(at, "=;");
		bool wanted = name >= strlen("boundary") && ascii_same(at, "boundary", strlen("boundary"));
		at += name + (at[name] == '=');
		char *parameter = parameter_take(&at);
		if (wanted && *parameter)
			boundary = parameter;
	}
	return boundary;
}

/* --- encodings ---------------------------------------------------------------------------------------------------- */

static int base64_digit(char c)
{
	static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	const char *found = c ? strchr(digits, c) : NULL;
	return found ? (int)(found - digits) : -1;
}

/* Decodes base64 up to its padding. Octets that are no digits are left out (RFC 2045 6.8). Returns the length of `out`, which has
 * room for `text`. */
static size_t base64_decode(struct span text, char *out)
{
	unsigned bits = 0, have = 0;
	size_t len = 0;
	for (size_t i = 0; i < text.len && text.at[i] != '='; i++) {
		int digit = base64_digit(text.at[i]);
		if (digit < 0)
			continue;
		bits = (bits << 6 | (unsigned)digit) & 0xffff;
		have += 6;
		if (have >= 8) {
			have -= 8;
			out[len++] = (char)(bits >> have & 0xff);
		}
	}
	return len;
}

static int hex_digit(char c)
{
	if (ascii_is_digit(c))
		return c - '0';
	c = ascii_lower(c);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Decodes quoted-printable (RFC 2045 6.7). Returns the length of `out`, which has room for `text`. */
static size_t quoted_decode(struct span text, char *out)
{
	size_t len = 0;
	while (text.len > 0) {
		bool has_end = memchr(text.at, '\n', text.len) != NULL;
		struct span line = line_take(&text);
		while (line.len > 0 && ascii_is_blank(line.at[line.len - 1]))
			line.len--; /* blanks at the end of a line were added on the way */
		bool soft = line.len > 0 && line.at[line.len - 1] == '=';
		for (size_t i = 0; i < line.len - soft; i++) {
			int high = line.at[i] == '=' && i + 2 < line.len ? hex_digit(line.at[i + 1]) : -1;
			int low = high >= 0 ? hex_digit(line.at[i + 2]) : -1;
			out[len++] = low >= 0 ? (char)(high << 4 | low) : line.at[i];
			i += low >= 0 ? 2 : 0;
		}
		if (has_end && !soft)
			out[len++] = '\n';
	}
	return len;
}

/* Replaces an encoded body by the decoded one, which is in memory that is returned for the caller to free. Otherwise returns NULL. */
static char *body_decode(struct span header, struct span *body)
{
	char encoding[MAIL_FIELD_SIZE], *out = NULL;
	field_find(header, "Content-Transfer-Encoding", encoding);
	struct span word = span_trim((struct span){encoding, strcspn(encoding, ";(")}, " \t");
	bool base64 = word.len == strlen("base64") && ascii_same(word.at, "base64", word.len);
	bool quoted = word.len == strlen("quoted-printable") && ascii_same(word.at, "quoted-printable", word.len);
	if (base64 || quoted) {
		out = xmalloc(body->len + 1);
		*body = (struct span){out, base64 ? base64_decode(*body, out) : quoted_decode(*body, out)};
	}
	return out;
}

/* --- parts -------------------------------------------------------------------------------------------------------- */

struct walk {
	mail_take *take;
	void *arg;
	struct span mail; /* that the part at hand belongs to */
	unsigned parts;
	bool done;
};

static void part_walk(struct walk *walk, struct span part, unsigned depth);

/* Returns whether a line is the boundary; sets `last` if no part follows. */
static bool is_boundary(struct span line, const char *boundary, bool *last)
{
	size_t len = strlen(boundary);
	if (!line_begins(line, "--") || line.len < 2 + len || memcmp(line.at + 2, boundary, len) != 0)
		return false;
	struct span rest = span_trim((struct span){line.at + 2 + len, line.len - 2 - len}, " \t");
	*last = span_is(rest, "--");
	return rest.len == 0 || *last;
}

static void multipart_walk(struct walk *walk, struct span body, const char *boundary, unsigned depth)
{
	const char *begin = NULL; /* of the part that is not complete yet */
	bool last = false;
	while (body.len > 0 && !last && !walk->done) {
		const char *line_at = body.at;
		if (!is_boundary(line_take(&body), boundary, &last))
			continue;
		if (begin)
			part_walk(walk, (struct span){begin, (size_t)(line_at - begin)}, depth + 1);
		begin = body.at;
	}
	if (begin && !last && !walk->done)
		part_walk(walk, (struct span){begin, (size_t)(body.at - begin)}, depth + 1);
}

static void part_walk(struct walk *walk, struct span part, unsigned depth)
{
	char type[MAIL_FIELD_SIZE];
	struct span header = header_take(&part);
	if (depth > MAIL_DEPTH_MAX || walk->parts == MAIL_PARTS_MAX)
		return;
	walk->parts++;
	field_find(header, "Content-Type", type);
	char *boundary = type_split(type);
	if (strncmp(type, "multipart/", strlen("multipart/")) == 0 && boundary) {
		multipart_walk(walk, part, boundary, depth);
		return;
	}
	char *decoded = body_decode(header, &part);
	struct mail_part leaf = {*type ? type : "text/plain", part, walk->mail};
	if (strcmp(type, "message/rfc822") == 0) {
		walk->mail = leaf.body;
		part_walk(walk, leaf.body, depth + 1);
		walk->mail = leaf.mail;
	} else {
		walk->done = !walk->take(walk->arg, &leaf);
	}
	free(decoded);
}

void mail_parts(struct span mail, mail_take *take, void *arg)
{
	struct walk walk = {.take = take, .arg = arg, .mail = mail};
	part_walk(&walk, mail, 0);
}

/* --- mbox --------------------------------------------------------------------------------------------------------- */

struct span mbox_next(struct span *mbox)
{
	if (line_begins(*mbox, "From "))
		line_take(mbox);
	const char *begin = mbox->at;
	bool after_empty = true;
	while (mbox->len > 0 && !(after_empty && line_begins(*mbox, "From ")))
		after_empty = line_take(mbox).len == 0;
	return (struct span){begin, (size_t)(mbox->at - begin)};
}
