#include "dump_parts.h"

#include "schedule.h"

#include <stdio.h>
#include <string.h>
#include <sysexits.h>

#define TIME_FIRST INT64_C(1514764800) /* 2018: RFC 8461 is of that year */

bool take_fail(const struct take *in, const char *key, const char *what)
{
	return failure_set(in->why, EX_DATAERR, "%s%s%s %s", in->name, *in->name ? ": " : "", key, what);
}

bool take_number(const struct take *in, const char *key, int64_t min, int64_t max, int64_t *out)
{
	char what[96];
	const json_t *value = json_object_get(in->object, key);
	*out = json_is_integer(value) ? json_integer_value(value) : 0;
	if (json_is_integer(value) && *out >= min && *out <= max)
		return true;
	snprintf(what, sizeof what, "is no whole number from %lld to %lld", (long long)min, (long long)max);
	return take_fail(in, key, what);
}

bool take_time(const struct take *in, const char *key, int64_t *out)
{
	return take_number(in, key, TIME_FIRST, in->now + CLOCK_SKEW_S, out);
}

bool take_text(const struct take *in, const char *key, size_t min, size_t max, const char **out)
{
	char what[64];
	const json_t *value = json_object_get(in->object, key);
	*out = "";
	if (!value && min == 0)
		return true;
	if (json_is_string(value) && json_string_length(value) >= min && json_string_length(value) <= max) {
		*out = json_string_value(value);
		return true;
	}
	snprintf(what, sizeof what, "is no text of %zu to %zu octets", min, max);
	return take_fail(in, key, what);
}

static int digit_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool hex_read(const char *digits, char *out)
{
	for (; *digits; digits += 2) {
		int high = digit_value(digits[0]), low = high < 0 ? -1 : digit_value(digits[1]);
		if (low < 0 || high + low == 0)
			return false;
		*out++ = (char)(high << 4 | low);
	}
	*out = '\0';
	return true;
}

bool take_bytes(const struct take *in, const char *key, char *out, size_t size)
{
	char name[32];
	const char *text, *digits;
	snprintf(name, sizeof name, "%s_hex", key);
	if (!take_text(in, key, 0, size - 1, &text) || !take_text(in, name, 0, 2 * (size - 1), &digits))
		return false;
	snprintf(out, size, "%s", text);
	return !*digits || hex_read(digits, out) || take_fail(in, name, "is no run of octets in hexadecimal digits");
}
