#include "event_record.h"

#include "fields.h"

#include <stdio.h>
#include <string.h>

#define EVENT_MAGIC "STSV"
#define EVENT_VERSION 1

struct event_row {
	uint8_t number;
	const char *name;
	enum event_severity severity;
	const char *sentence;
	const char *advice;
};

static const struct event_row events[EVENT_KIND_COUNT] = {
#define EVENT(symbol, number, name, severity, sentence, advice)                                                        \
	[EVENT_##symbol] = {number, name, EVENT_##severity, sentence, advice},
#include "event.def"
#undef EVENT
};

#define EVENT(symbol, number, name, severity, sentence, advice)                                                        \
	_Static_assert((number) > 0 && (number) <= EVENT_NUMBER_MAX, "numbers of kinds stand in files");
#include "event.def"
#undef EVENT

const char *event_name(enum event_kind kind)
{
	return events[kind].name;
}

bool event_find(const char *name, enum event_kind *kind)
{
	for (int i = 0; i < EVENT_KIND_COUNT; i++) {
		if (strcmp(events[i].name, name) != 0)
			continue;
		*kind = (enum event_kind)i;
		return true;
	}
	return false;
}

uint8_t event_number(enum event_kind kind)
{
	return events[kind].number;
}

enum event_severity event_severity(enum event_kind kind)
{
	return events[kind].severity;
}

const char *event_severity_name(enum event_severity severity)
{
	switch (severity) {
	case EVENT_INFO:
		return "info";
	case EVENT_WARNING:
		return "warning";
	case EVENT_ERROR:
		return "error";
	}
	return "error";
}

const char *event_sentence(enum event_kind kind)
{
	return events[kind].sentence;
}

const char *event_advice(enum event_kind kind)
{
	return events[kind].advice;
}

void event_record_init(
	struct event_record *event, enum event_kind kind, const char *domain, const char *detail, int64_t now)
{
	memset(event, 0, sizeof(*event));
	event->kind = kind;
	snprintf(event->domain, sizeof(event->domain), "%s", domain);
	snprintf(event->detail, sizeof(event->detail), "%s", detail);
	for (char *at = event->detail; *at != '\0'; at++)
		if (*at < ' ' || *at > '~')
			*at = '?';
	event->first_at = event->last_at = now;
	event->count = 1;
}

void event_merge(struct event_record *event, const struct event_record *later)
{
	event->count = later->count > UINT32_MAX - event->count ? UINT32_MAX : event->count + later->count;
	if (later->first_at < event->first_at)
		event->first_at = later->first_at;
	event->last_at = later->last_at;
	memcpy(event->detail, later->detail, sizeof(event->detail));
}

static void put_kind(struct fields_out *out, uint16_t tag, const void *member, size_t size)
{
	enum event_kind kind;
	uint16_t number;

	memcpy(&kind, member, size);
	number = event_number(kind);
	field_put_u16(out, tag, &number, sizeof(number));
}

static bool take_kind(struct span in, void *member, size_t size)
{
	uint16_t number;

	if (!field_take_u16(in, &number, sizeof(number)))
		return false;
	for (int i = 0; i < EVENT_KIND_COUNT; i++) {
		enum event_kind kind = (enum event_kind)i;

		if (events[i].number != number)
			continue;
		memcpy(member, &kind, size);
		return true;
	}
	return false;
}

static bool take_printable(struct span in, void *member, size_t size)
{
	for (size_t i = 0; i < in.len; i++)
		if (in.at[i] < ' ' || in.at[i] > '~')
			return false;
	return field_take_text(in, member, size);
}

/* As domain_parse() leaves names. */
static bool take_name(struct span in, void *member, size_t size)
{
	for (size_t i = 0; i < in.len; i++) {
		char c = in.at[i];

		if (!(c >= 'a' && c <= 'z') && !(c >= '0' && c <= '9') && c != '-' && c != '.' && c != '_')
			return false;
	}
	return field_take_text(in, member, size);
}

#define MEMBER(name) offsetof(struct event_record, name), sizeof(((struct event_record *)0)->name)

/* Tags are for ever: see entry_codec.c. */
static const struct field event_fields[] = {
	{1, put_kind, take_kind, MEMBER(kind)},
	{2, field_put_text, take_name, MEMBER(domain)},
	{3, field_put_text, take_printable, MEMBER(detail)},
	{4, field_put_i64, field_take_time, MEMBER(first_at)},
	{5, field_put_i64, field_take_time, MEMBER(last_at)},
	{6, field_put_u32, field_take_u32, MEMBER(count)},
};
#define FIELD_COUNT (sizeof(event_fields) / sizeof(event_fields[0]))

struct bytes event_encode(const struct event_record *event)
{
	struct fields_out out;

	fields_frame_begin(&out, EVENT_MAGIC, EVENT_VERSION);
	fields_put(&out, event_fields, FIELD_COUNT, event);
	fields_frame_end(&out);
	return (struct bytes){out.at, out.len};
}

bool event_decode(struct event_record *out, const void *bytes, size_t len)
{
	struct span body;

	memset(out, 0, sizeof(*out));
	out->kind = EVENT_KIND_COUNT; /* a record without one is none */
	return fields_frame_open((struct span){bytes, len}, EVENT_MAGIC, EVENT_VERSION, &body) &&
	       fields_take(body, event_fields, FIELD_COUNT, out) && out->kind != EVENT_KIND_COUNT && out->count > 0 &&
	       out->first_at <= out->last_at;
}
