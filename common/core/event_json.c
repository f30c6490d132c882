#include "event_json.h"

#include <stdio.h>
#include <string.h>

static void key_add(struct text *out, const char *key)
{
	text_add(out, out->bytes[out->len - 1] == '{' ? "\"" : ", \"");
	text_add(out, key);
	text_add(out, "\": ");
}

/* Adds a text. It is printable ASCII already; any other octet would be escaped as the character of that number. */
static void text_member(struct text *out, const char *key, const char *value)
{
	key_add(out, key);
	if (!*value) {
		text_add(out, "null");
		return;
	}
	text_add(out, "\"");
	for (; *value; value++) {
		char escape[8];
		bool plain = *value >= ' ' && *value <= '~';
		snprintf(escape, sizeof escape, "\\u%04x", (unsigned char)*value);
		if (*value == '"' || *value == '\\')
			text_add(out, "\\");
		text_add_bytes(out, plain ? value : escape, plain ? 1 : strlen(escape));
	}
	text_add(out, "\"");
}

/* Adds a number; 0 means that it is not known. */
static void number_member(struct text *out, const char *key, int64_t value)
{
	key_add(out, key);
	if (value == 0)
		text_add(out, "null");
	else
		text_add_number(out, value);
}

static void members_add(struct text *out, const struct event_record *event)
{
	number_member(out, "number", event->number);
	text_member(out, "kind", event_name(event->kind));
	text_member(out, "severity", event_severity_name(event->severity));
	text_member(out, "domain", event->domain);
	text_member(out, "host", event->host);
	number_member(out, "port", event->port);
	number_member(out, "first_at", event->first_at);
	number_member(out, "last_at", event->last_at);
	number_member(out, "over_at", event->over_at);
	number_member(out, "part_of", event->part_of);
	number_member(out, "count", event->count);
	text_member(out, "detail", event->detail);
	text_member(out, "sentence", event_sentence(event->kind));
	text_member(out, "advice", event_advice(event->kind));
}

void event_json(struct text *out, const struct event_record *event)
{
	text_add(out, "{");
	members_add(out, event);
	text_add(out, "}");
}

void event_json_told(struct text *out, const struct event_record *event, const struct event_telling *telling)
{
	text_add(out, "{");
	members_add(out, event);
	text_member(out, "news", telling->news);
	key_add(out, "left_out");
	text_add_number(out, telling->left_out);
	text_member(out, "relay", telling->relay);
	text_member(out, "version", telling->version);
	text_add(out, "}");
}
