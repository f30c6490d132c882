#include "words.h"

#include "text.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

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

const char *duration_text(struct when *when, int64_t us)
{
	if (us < 1000)
		snprintf(when->text, sizeof when->text, "%" PRId64 " us", us);
	else if (us < 1000000)
		snprintf(when->text, sizeof when->text, "%.1f ms", (double)us / 1e3);
	else
		snprintf(when->text, sizeof when->text, "%.1f s", (double)us / 1e6);
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
