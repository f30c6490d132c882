#include "html.h"

#include "ascii.h"
#include "span.h"
#include "words.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static const char *reference(char c)
{
	switch (c) {
	case '&':
		return "&amp;";
	case '<':
		return "&lt;";
	case '>':
		return "&gt;";
	case '"':
		return "&quot;";
	case '\'':
		return "&#39;";
	default:
		return NULL;
	}
}

static void octet_add(struct text *out, char c)
{
	static const char hex[] = "0123456789abcdef";
	unsigned char octet = (unsigned char)c;
	if (reference(c))
		text_add(out, reference(c));
	else if (ascii_is_printable(c))
		text_add_bytes(out, &c, 1);
	else
		text_add_bytes(out, (char[]){'\\', 'x', hex[octet >> 4], hex[octet & 15]}, 4);
}

void html_text(struct text *out, const char *text)
{
	for (; *text; text++)
		octet_add(out, *text);
}

void html_prose(struct text *out, const char *text)
{
	bool code = false;
	for (; *text; text++) {
		bool begins = *text == '`' && !code && strchr(text + 1, '`'), ends = *text == '`' && code;
		if (begins || ends)
			text_add(out, begins ? "<code>" : "</code>");
		else
			octet_add(out, *text);
		code = begins || (code && !ends);
	}
}

/* Returns whether text_quote() may have made this text: double quotes at both ends only, and printable ASCII inside. */
static bool is_quoted(const char *bytes, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if ((bytes[i] == '"') != (i == 0 || i + 1 == len) || !ascii_is_printable(bytes[i]))
			return false;
	return len > 1;
}

void html_quote(struct text *out, const char *bytes, size_t len)
{
	if (is_quoted(bytes, len)) {
		html_text(out, bytes);
		return;
	}
	struct quote quote;
	html_text(out, quote_bytes(&quote, bytes, len));
}

void html_add(struct text *out, const char *markup, ...)
{
	va_list list;
	va_start(list, markup);
	for (const char *mark; (mark = strchr(markup, '%')); markup = mark + 2) {
		text_add_bytes(out, markup, (size_t)(mark - markup));
		if (mark[1] == 's')
			html_text(out, va_arg(list, const char *));
		else
			text_add_number(out, va_arg(list, int64_t));
	}
	va_end(list);
	text_add(out, markup);
}

void html_time(struct text *out, int64_t at, int64_t now)
{
	struct when when;
	if (at == 0) {
		text_add(out, "-");
		return;
	}
	when_date(&when, at);
	html_add(out, "<time datetime=\"%s\">%s</time>", when.text, when.text);
	if (now != 0 && at <= now)
		html_add(out, " <span class=\"ago\">(%s ago)</span>", when_span(&when, now - at));
	else if (now != 0)
		html_add(out, " <span class=\"ago\">(in %s)</span>", when_span(&when, at - now));
}

void html_domain(struct text *out, const char *domain)
{
	if (!*domain) {
		text_add(out, "-");
		return;
	}
	text_add(out, "<a href=\"/domain/");
	for (const char *c = domain; *c; c++) {
		char code[8];
		bool plain = ascii_is_alnum(*c) || strchr("-._", *c);
		snprintf(code, sizeof code, plain ? "%c" : "%%%02X", (unsigned char)*c);
		text_add(out, code);
	}
	text_add(out, "\">");
	html_quote(out, domain, strlen(domain));
	text_add(out, "</a>");
}

void html_table(struct text *out, const char *caption, const char *heads)
{
	struct span rest = {heads, strlen(heads)};
	html_add(out, "<table>\n<caption>%s</caption>\n<thead><tr>", caption);
	while (rest.len > 0) {
		struct span head = span_until(&rest, '|');
		bool number = head.len > 0 && head.at[0] == '#';
		text_add(out, number ? "<th scope=\"col\" class=\"n\">" : "<th scope=\"col\">");
		text_add_bytes(out, head.at + number, head.len - number);
		text_add(out, "</th>");
	}
	text_add(out, "</tr></thead>\n");
}

const char *member_text(const json_t *object, const char *key)
{
	const char *text = json_string_value(json_object_get(object, key));
	return text ? text : "";
}

int64_t member_number(const json_t *object, const char *key)
{
	return json_integer_value(json_object_get(object, key));
}
