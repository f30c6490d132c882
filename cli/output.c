#include "output.h"

#include "memory.h"
#include "text.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

const char *quote_bytes(struct quote *quote, const char *bytes, size_t len)
{
	struct text text;
	text_init(&text, quote->text, sizeof quote->text);
	text_quote(&text, bytes, len, sizeof quote->text - 1);
	return quote->text;
}

const char *quote_string(struct quote *quote, const char *string)
{
	return quote_bytes(quote, string, strlen(string));
}

const char *when_date(struct when *when, int64_t at)
{
	time_t time = (time_t)at;
	struct tm parts;
	if (at == 0 || !gmtime_r(&time, &parts) ||
		strftime(when->text, sizeof when->text, "%Y-%m-%dT%H:%M:%SZ", &parts) == 0)
		snprintf(when->text, sizeof when->text, at == 0 ? "never" : "out of range");
	return when->text;
}

const char *when_span(struct when *when, int64_t seconds)
{
	static const struct {
		int64_t s;
		char letter;
	} unit[] = {{86400, 'd'}, {3600, 'h'}, {60, 'm'}, {1, 's'}};
	size_t i = 0;
	if (seconds < 0)
		seconds = 0;
	while (i < 3 && seconds < unit[i].s)
		i++;
	int len = snprintf(when->text, sizeof when->text, "%lld%c", (long long)(seconds / unit[i].s), unit[i].letter);
	int64_t rest = i < 3 ? seconds % unit[i].s / unit[i + 1].s : 0;
	if (rest > 0)
		snprintf(when->text + len, sizeof when->text - (size_t)len, " %lld%c", (long long)rest,
			unit[i + 1].letter);
	return when->text;
}

const char *bytes_text(struct when *when, uint64_t bytes)
{
	static const char units[] = " kMGT";
	int unit = 0;
	while (bytes >= 10240 && unit < 4) {
		bytes /= 1024;
		unit++;
	}
	snprintf(when->text, sizeof when->text, "%" PRIu64 "%.*s", bytes, unit > 0, units + unit);
	return when->text;
}

void line_print(const char *label, const char *format, ...)
{
	va_list list;
	va_start(list, format);
	printf("%-9s ", label);
	vprintf(format, list);
	putchar('\n');
	va_end(list);
}

void nothing_print(const char *what)
{
	if (isatty(STDOUT_FILENO))
		fprintf(stderr, "stsgate: %s\n", what);
}

int complain(const struct failure *why)
{
	fprintf(stderr, "stsgate: %s\n", why->text);
	return why->code;
}

json_t *json_made(json_t *value)
{
	return xneed(value);
}

void json_put(json_t *object, const char *key, json_t *value)
{
	if (json_object_set_new(object, key, value ? value : json_null()) < 0)
		abort();
}

void json_add(json_t *array, json_t *value)
{
	if (json_array_append_new(array, value) < 0)
		abort();
}

json_t *json_text_bytes(const char *bytes, size_t len)
{
	json_t *value = memchr(bytes, '\0', len) ? NULL : json_stringn(bytes, len);
	if (value)
		return value;
	struct quote quote;
	return json_made(json_string(quote_bytes(&quote, bytes, len)));
}

json_t *json_text(const char *string)
{
	return string && *string ? json_text_bytes(string, strlen(string)) : json_null();
}

json_t *json_when(int64_t at)
{
	return at == 0 ? json_null() : json_made(json_integer(at));
}

json_t *json_names(const struct names *names)
{
	json_t *array = json_made(json_array());
	for (const char *name = NULL; (name = names_next(names, name));)
		json_add(array, json_text_bytes(name, strlen(name)));
	return array;
}

void json_print(json_t *value)
{
	/* Text from the network may hold control characters of Unicode, so everything outside ASCII is escaped. */
	char *text = xneed(json_dumps(value, JSON_ENSURE_ASCII | JSON_ENCODE_ANY));
	const char *rest = text;
	for (size_t len = strcspn(rest, "\x7f"); rest[len]; len = strcspn(rest, "\x7f")) {
		printf("%.*s\\u007f", (int)len, rest); /* DEL, the only control character that jansson leaves */
		rest += len + 1;
	}
	puts(rest);
	free(text);
	json_decref(value);
}

void json_print_list(const char *name, json_t *array, bool wanted)
{
	json_t *object = json_made(json_object());
	json_put(object, name, array);
	if (wanted)
		json_print(object);
	else
		json_decref(object);
}
