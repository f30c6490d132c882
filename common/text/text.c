#include "text.h"

#include "ascii.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define ESCAPE_LEN 4 /* \xNN */
#define FRAME_LEN 5  /* two quotes and three dots */

void text_init(struct text *t, char *buffer, size_t size)
{
	*t = (struct text){.bytes = buffer, .size = size};
	buffer[0] = '\0';
}

void text_add(struct text *t, const char *string)
{
	text_add_bytes(t, string, strlen(string));
}

void text_add_bytes(struct text *t, const char *bytes, size_t len)
{
	size_t room = t->size - 1 - t->len;
	if (len > room) {
		len = room;
		t->cut = true;
	}
	if (len)
		memcpy(t->bytes + t->len, bytes, len);
	t->len += len;
	t->bytes[t->len] = '\0';
}

void text_add_number(struct text *t, int64_t number)
{
	char digits[24];
	int len = snprintf(digits, sizeof digits, "%" PRId64, number);
	text_add_bytes(t, digits, (size_t)len);
}

#define DAY_S 86400
#define DAYS_MAX 2932896 /* 9999-12-31 */

/* The calendar repeats itself every 400 years (146097 days). Years are counted from March here, so that a leap day is the
 * last day of its year. */
void text_add_time(struct text *t, int64_t at)
{
	char date[sizeof "2026-01-31T12:00:00Z" + 64];
	if (at < 0 || at / DAY_S > DAYS_MAX) {
		text_add_number(t, at);
		return;
	}
	unsigned second = (unsigned)(at % DAY_S);
	unsigned days = (unsigned)(at / DAY_S) + 719468; /* since 0000-03-01 */
	unsigned day = days % 146097;
	unsigned year = (day - day / 1460 + day / 36524 - day / 146096) / 365; /* 0 to 399 */
	day -= 365 * year + year / 4 - year / 100;                             /* of the year */
	unsigned month = (5 * day + 2) / 153;                                  /* 0: March */
	day -= (153 * month + 2) / 5;
	year += days / 146097 * 400 + (month >= 10);
	snprintf(date, sizeof date, "%04u-%02u-%02uT%02u:%02u:%02uZ", year, month < 10 ? month + 3 : month - 9, day + 1,
		second / 3600, second / 60 % 60, second % 60);
	text_add(t, date);
}

void text_add_span(struct text *t, int64_t seconds)
{
	static const struct {
		int64_t seconds;
		const char *name;
	} units[] = {{DAY_S, " day"}, {3600, " hour"}, {60, " minute"}, {1, " second"}};
	size_t i = 0;
	while (units[i].seconds > 1 && seconds < 2 * units[i].seconds)
		i++;
	text_add_number(t, seconds / units[i].seconds);
	text_add(t, units[i].name);
	text_add(t, seconds == 1 ? "" : "s");
}

/* Returns how many characters a byte takes between quotes. */
static size_t quote_width(char c)
{
	return ascii_is_printable(c) && c != '"' && c != '\\' ? 1 : ESCAPE_LEN;
}

static bool quote_all_plain(const char *bytes, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (!ascii_is_alnum(bytes[i]) && (!bytes[i] || !strchr(".-_@:+/[]*", bytes[i])))
			return false;
	return len > 0;
}

/* Returns how many of the bytes fit into `cap` characters if escapes are not split. */
static size_t quote_fitting(const char *bytes, size_t len, size_t cap)
{
	size_t taken = 0;
	for (size_t used = 0; taken < len; taken++) {
		used += quote_width(bytes[taken]);
		if (used > cap)
			break;
	}
	return taken;
}

/* Appends bytes as they appear between quotes. */
static void quote_add(struct text *t, const char *bytes, size_t len)
{
	static const char hex[] = "0123456789abcdef";
	for (size_t i = 0; i < len; i++) {
		unsigned char c = (unsigned char)bytes[i];
		if (quote_width(bytes[i]) == 1)
			text_add_bytes(t, &bytes[i], 1);
		else
			text_add_bytes(t, (char[]){'\\', 'x', hex[c >> 4], hex[c & 15]}, ESCAPE_LEN);
	}
}

/* Returns whether all bytes fit into `cap` characters, with quotes if they need them. */
static bool quote_fits(const char *bytes, size_t len, size_t cap)
{
	if (len <= cap && quote_all_plain(bytes, len))
		return true;
	return cap >= 2 && quote_fitting(bytes, len, cap - 2) == len;
}

void text_quote(struct text *t, const void *octets, size_t len, size_t cap)
{
	const char *bytes = octets;
	size_t room = t->size - 1 - t->len;
	/* A small buffer lowers the cap instead of cutting the result, so that the quotes are always closed. */
	if (room < cap) {
		t->cut |= !quote_fits(bytes, len, room);
		cap = room;
	}
	if (len <= cap && quote_all_plain(bytes, len)) {
		text_add_bytes(t, bytes, len);
	} else if (quote_fits(bytes, len, cap)) {
		text_add(t, "\"");
		quote_add(t, bytes, len);
		text_add(t, "\"");
	} else if (cap >= FRAME_LEN) {
		text_add(t, "\"");
		quote_add(t, bytes, quote_fitting(bytes, len, cap - FRAME_LEN));
		text_add(t, "...\"");
	} else {
		text_add_bytes(t, "...", cap < 3 ? cap : 3);
	}
}
