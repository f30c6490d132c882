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
	_Static_assert((number) > 0 && (number) <= EVENT_NUMBER_MAX, "the store keeps kinds by number");
#include "event.def"
#undef EVENT

const char *event_name(enum event_kind kind)
{
	return events[kind].name;
}

uint8_t event_number(enum event_kind kind)
{
	return events[kind].number;
}

enum event_severity event_severity(enum event_kind kind)
{
	return events[kind].severity;
}

bool event_is_sign(enum event_kind kind)
{
	return kind >= EVENT_RECORD_GONE && kind <= EVENT_CERTIFICATE_REVOKED;
}

bool event_is_open_sign(const struct event_record *event)
{
	return event_is_sign(event->kind) && event->number != 0 && event->over_at == 0;
}

const char *event_severity_name(enum event_severity severity)
{
	switch (severity) {
	case EVENT_INFO:
		return "info";
	case EVENT_NOTICE:
		return "notice";
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
	memset(event, 0, sizeof *event);
	event->kind = kind;
	snprintf(event->domain, sizeof event->domain, "%s", domain);
	snprintf(event->detail, sizeof event->detail, "%s", detail);
	for (char *at = event->detail; *at != '\0'; at++)
		if (*at < ' ' || *at > '~')
			*at = '?';
	event->first_at = event->last_at = now;
	event->count = 1;
	event->severity = event_severity(kind);
}

void event_merge(struct event_record *event, const struct event_record *later)
{
	event->count = later->count > UINT32_MAX - event->count ? UINT32_MAX : event->count + later->count;
	if (later->first_at < event->first_at)
		event->first_at = later->first_at;
	event->last_at = later->last_at;
	if (later->severity > event->severity)
		event->severity = later->severity;
	if (event->number == 0)
		event->number = later->number;
	memcpy(event->host, later->host, sizeof event->host);
	event->port = later->port;
	event->over_at = later->over_at;
	event->part_of = later->part_of;
	event->part_of_kind = later->part_of_kind;
	memcpy(event->detail, later->detail, sizeof event->detail);
}

/* Returns whether the name has the form that domain_parse() produces; "" does. */
static bool is_name(struct span in)
{
	for (size_t i = 0; i < in.len; i++) {
		char c = in.at[i];
		if (!(c >= 'a' && c <= 'z') && !(c >= '0' && c <= '9') && c != '-' && c != '.' && c != '_')
			return false;
	}
	return true;
}

/* An event as it is stored: the kind as its number, which never changes, and the severity above zero, since a field with
 * value zero is left out. */
struct stored {
	struct event_record event;
	uint16_t number;
	uint16_t severity; /* 0: an earlier version wrote the event, and it has the usual severity of its kind */
};

static const struct field_form form_name = {.kind = FIELD_TEXT, .valid = is_name};

static const struct field_form form_severity = {.kind = FIELD_NUMBER, .octets = 2, .max = EVENT_ERROR + 1};

/* Tags are permanent: see tables.c. */
#define ROW(tag, form, member) FIELD(tag, form_##form, struct stored, member, NULL, NULL)
static const struct field event_rows[] = {
	ROW(1, u16, number),
	ROW(2, name, event.domain),
	ROW(3, printable, event.detail),
	ROW(4, time, event.first_at),
	ROW(5, time, event.last_at),
	ROW(6, u32, event.count),
	ROW(7, u32, event.number),
	ROW(8, severity, severity),
	ROW(9, name, event.host),
	ROW(10, u16, event.port),
	ROW(11, time, event.over_at),
	ROW(12, u32, event.part_of),
};
static const struct fields event_table = FIELDS(event_rows, "", "");

struct bytes event_encode(const struct event_record *event)
{
	struct stored stored = {
		.event = *event, .number = event_number(event->kind), .severity = (uint16_t)(event->severity + 1)};
	struct fields_out out;
	fields_frame_begin(&out, EVENT_MAGIC, EVENT_VERSION);
	fields_put(&out, &event_table, &stored);
	fields_frame_end(&out);
	return (struct bytes){out.at, out.len};
}

bool event_decode(struct event_record *out, const void *bytes, size_t len)
{
	struct stored stored = {.number = 0};
	struct span body;
	int kind = 0;
	bool read = fields_frame_open((struct span){bytes, len}, EVENT_MAGIC, EVENT_VERSION, &body) &&
		    fields_take(body, &event_table, &stored);
	while (kind < EVENT_KIND_COUNT && events[kind].number != stored.number)
		kind++;
	*out = stored.event;
	out->kind = (enum event_kind)kind; /* EVENT_KIND_COUNT: no number, or the number of a later version */
	if (kind < EVENT_KIND_COUNT)
		out->severity =
			stored.severity > 0 ? (enum event_severity)(stored.severity - 1) : events[kind].severity;
	return read && kind < EVENT_KIND_COUNT && out->count > 0 && out->first_at <= out->last_at;
}
