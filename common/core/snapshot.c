#include "snapshot.h"

#include "ascii.h"
#include "fields.h"

#include <string.h>

#define RUNNING_MAGIC "STSU"
#define COUNTS_MAGIC "STSC"
#define SNAPSHOT_FORM 1
#define WHO_MAX 160   /* characters that are shown of who has hit a limit */
#define DIGITS_MAX 14 /* of a time up to FIELDS_TIME_MAX */

/* --- bytes -------------------------------------------------------------------------------------------------------- */

static bool is_lines(struct span in)
{
	for (size_t i = 0; i < in.len; i++)
		if (!ascii_is_printable(in.at[i]) && in.at[i] != '\n')
			return false;
	return true;
}

static bool is_line(struct span in)
{
	return is_lines(in) && (in.len == 0 || !memchr(in.at, '\n', in.len));
}

static const struct field_form form_line = {.kind = FIELD_TEXT, .valid = is_line};
static const struct field_form form_lines = {.kind = FIELD_TEXT, .valid = is_lines};
/* Values of settings may hold any text without control characters; it is quoted where it is shown. */
static const struct field_form form_text = {.kind = FIELD_TEXT};

/* Tags are permanent: see tables.c. */
#define ROW(tag, form, type, member) FIELD(tag, form_##form, struct type, member, NULL, NULL)
static const struct field running_rows[] = {
	ROW(1, line, snapshot_running, version),
	ROW(2, u32, snapshot_running, pid),
	ROW(3, time, snapshot_running, started_at),
	ROW(4, time, snapshot_running, settings_at),
	ROW(5, time, snapshot_running, stopped_at),
	ROW(6, text, snapshot_running, file),
	ROW(7, text, snapshot_running, settings),
	ROW(8, line, snapshot_running, overridden),
};
static const struct field counts_rows[] = {
	ROW(1, time, snapshot_counts, at),
	ROW(2, lines, snapshot_counts, lines),
	ROW(3, lines, snapshot_counts, hits),
};
static const struct fields running_table = FIELDS(running_rows, "", "");
static const struct fields counts_table = FIELDS(counts_rows, "", "");

static struct bytes encode(const char *magic, const struct fields *table, const void *record)
{
	struct fields_out out;
	fields_frame_begin(&out, magic, SNAPSHOT_FORM);
	fields_put(&out, table, record);
	fields_frame_end(&out);
	return (struct bytes){out.at, out.len};
}

static bool decode(const char *magic, const struct fields *table, struct span in, void *out, size_t size)
{
	struct span body;
	memset(out, 0, size);
	if (fields_frame_open(in, magic, SNAPSHOT_FORM, &body) && fields_take(body, table, out))
		return true;
	memset(out, 0, size);
	return false;
}

struct bytes snapshot_running_encode(const struct snapshot_running *running)
{
	return encode(RUNNING_MAGIC, &running_table, running);
}

bool snapshot_running_decode(struct snapshot_running *out, const void *bytes, size_t len)
{
	return decode(RUNNING_MAGIC, &running_table, (struct span){bytes, len}, out, sizeof *out);
}

struct bytes snapshot_counts_encode(const struct snapshot_counts *counts)
{
	return encode(COUNTS_MAGIC, &counts_table, counts);
}

bool snapshot_counts_decode(struct snapshot_counts *out, const void *bytes, size_t len)
{
	return decode(COUNTS_MAGIC, &counts_table, (struct span){bytes, len}, out, sizeof *out);
}

/* --- lines -------------------------------------------------------------------------------------------------------- */

/* Starts a text behind what `buffer` holds already. */
static struct text text_behind(char *buffer, size_t size)
{
	return (struct text){.bytes = buffer, .size = size, .len = strlen(buffer)};
}

/* Undoes what was appended behind `len`. */
static void text_back(struct text *text, size_t len)
{
	text->len = len;
	text->bytes[len] = '\0';
	text->cut = false;
}

void snapshot_setting_add(struct snapshot_running *running, const char *name, const char *value, bool overridden)
{
	struct text text = text_behind(running->settings, sizeof running->settings);
	size_t len = text.len;
	/* Every name must find room: what is left for the values is what the names of all settings do not need. */
	bool fits = strlen(value) + len < sizeof running->settings - SNAPSHOT_NAMES_SIZE;
	text_add(&text, name);
	if (fits) {
		text_add(&text, " = ");
		text_add(&text, value);
	}
	text_add(&text, "\n");
	if (text.cut)
		text_back(&text, len);
	text = text_behind(running->overridden, sizeof running->overridden);
	len = text.len;
	if (!overridden)
		return;
	text_add(&text, len > 0 ? " " : "");
	text_add(&text, name);
	if (text.cut)
		text_back(&text, len);
}

enum snapshot_found snapshot_setting(const struct snapshot_running *running, const char *name, struct span *value)
{
	struct span lines = {running->settings, strlen(running->settings)};
	size_t len = strlen(name);
	*value = (struct span){"", 0};
	while (lines.len > 0) {
		struct span line = span_until(&lines, '\n');
		if (span_is(line, name))
			return SNAPSHOT_TOO_LONG;
		if (line.len < len + 3 || memcmp(line.at, name, len) != 0 || memcmp(line.at + len, " = ", 3) != 0)
			continue;
		*value = (struct span){line.at + len + 3, line.len - len - 3};
		return SNAPSHOT_VALUE;
	}
	return SNAPSHOT_UNKNOWN;
}

bool snapshot_is_overridden(const struct snapshot_running *running, const char *name)
{
	struct span names = {running->overridden, strlen(running->overridden)};
	while (names.len > 0)
		if (span_is(span_until(&names, ' '), name))
			return true;
	return false;
}

void snapshot_hit_add(struct text *hits, const char *limit, int64_t at, const char *who)
{
	size_t len = hits->len;
	text_add(hits, limit);
	text_add(hits, " ");
	text_add_number(hits, at);
	text_add(hits, " ");
	text_quote(hits, who, strlen(who), WHO_MAX);
	text_add(hits, "\n");
	if (hits->cut)
		text_back(hits, len);
}

static bool time_read(struct span word, int64_t *out)
{
	*out = 0;
	for (size_t i = 0; i < word.len && word.len <= DIGITS_MAX; i++) {
		if (!ascii_is_digit(word.at[i]))
			return false;
		*out = *out * 10 + (word.at[i] - '0');
	}
	return word.len > 0 && word.len <= DIGITS_MAX;
}

bool snapshot_hit_next(struct span *hits, struct snapshot_hit *out)
{
	while (hits->len > 0) {
		struct span line = span_until(hits, '\n');
		out->limit = span_until(&line, ' ');
		bool read = time_read(span_until(&line, ' '), &out->at);
		out->who = line;
		if (read && out->limit.len > 0 && out->who.len > 0)
			return true;
	}
	return false;
}
