/* Bounded text, the quoting function, spans, memory, and the table of reasons. */
#include "cm.h"

#include "corpus.h"
#include "memory.h"
#include "reason.h"
#include "span.h"
#include "text.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

struct row {
	const char *bytes;
	size_t len;
	size_t cap;
	const char *quoted;
};

static const struct row rows[] = {
	{LIT("mx1.example.com"), 100, "mx1.example.com"},
	{LIT("a_b-C:+/[]*@9"), 100, "a_b-C:+/[]*@9"},
	{LIT(""), 100, "\"\""},
	{LIT("a b"), 100, "\"a b\""},
	{LIT("a\"b"), 100, "\"a\\x22b\""},
	{LIT("a\\b"), 100, "\"a\\x5cb\""},
	{LIT("a=b;"), 100, "\"a=b;\""},
	{LIT("%s"), 100, "\"%s\""},
	{LIT("\r\n\t"), 100, "\"\\x0d\\x0a\\x09\""},
	{LIT("a\0b"), 100, "\"a\\x00b\""},
	{LIT("\x1b[31m"), 100, "\"\\x1b[31m\""},
	{LIT("\x7f~ "), 100, "\"\\x7f~ \""},
	{LIT("h\xc3\xa4\xff"), 100, "\"h\\xc3\\xa4\\xff\""},
	{LIT("abcdef"), 6, "abcdef"},
	{LIT("abcdefg"), 6, "\"a...\""},
	{LIT("abcdefg"), 5, "\"...\""},
	{LIT("abcdefg"), 4, "..."},
	{LIT("abcdefg"), 2, ".."},
	{LIT("abcdefg"), 0, ""},
	{LIT("abcd f"), 8, "\"abcd f\""},
	{LIT("abcd f"), 7, "\"ab...\""},
	{LIT("a b"), 5, "\"a b\""},
	{LIT("\n"), 6, "\"\\x0a\""},
	{LIT("\n"), 5, "\"...\""},
	{LIT("\n\n"), 9, "\"\\x0a...\""}, /* an escape is never split */
	{LIT("\n\n"), 8, "\"...\""},
	{LIT("\n\n"), 10, "\"\\x0a\\x0a\""},
	{LIT(""), 1, "."},
	{LIT(""), 2, "\"\""},
};

static void rows_agree(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		char buffer[256];
		struct text t;

		text_init(&t, buffer, sizeof buffer);
		text_quote(&t, rows[i].bytes, rows[i].len, rows[i].cap);
		if (strcmp(buffer, rows[i].quoted) != 0)
			fail_msg("row %zu: %s", i, buffer);
		assert_false(t.cut);
	}
}

static void assert_quoted(const char *text, size_t len, size_t cap)
{
	assert_int_equal(strlen(text), len);
	assert_true(len <= cap);
	for (size_t i = 0; i < len; i++) {
		assert_true(text[i] >= 0x20 && text[i] <= 0x7e);
		if (i && i < len - 1)
			assert_int_not_equal(text[i], '"');
		if (text[i] == '\\')
			assert_int_equal(strspn(text + i + 2, "0123456789abcdef") >= 2, true);
	}
	if (text[0] == '"')
		assert_int_equal(text[len - 1], '"');
	else
		assert_null(strpbrk(text, " =;\\\"%,'()<>{}"));
}

static void any_bytes_come_out_clean(void **state)
{
	uint32_t random = 5321;

	(void)state;
	for (int round = 0; round < 50000; round++) {
		char bytes[40], buffer[64];
		size_t len = corpus_random(&random) % sizeof bytes;
		size_t cap = corpus_random(&random) % 80;
		size_t size = 1 + corpus_random(&random) % sizeof buffer;
		struct text t;

		for (size_t i = 0; i < len; i++)
			bytes[i] = (char)(corpus_random(&random) >> 5);
		text_init(&t, buffer, size);
		text_quote(&t, bytes, len, cap);
		assert_quoted(buffer, t.len, cap < size ? cap : size - 1);
	}
}

static void buffer_shortens_as_the_cap_does(void **state)
{
	char buffer[9];
	struct text t;

	(void)state;
	text_init(&t, buffer, sizeof buffer);
	text_add(&t, "a=");
	text_quote(&t, "bcd efg", 7, 100);
	assert_string_equal(buffer, "a=\"b...\"");
	assert_true(t.cut);
	text_quote(&t, "x", 1, 100);
	assert_string_equal(buffer, "a=\"b...\"");
}

static void text_is_cut_and_terminated(void **state)
{
	char buffer[8];
	struct text t;

	(void)state;
	text_init(&t, buffer, sizeof buffer);
	assert_string_equal(buffer, "");
	text_add(&t, "abc");
	text_add_number(&t, -42);
	assert_false(t.cut);
	text_add_bytes(&t, "xyz", 1);
	assert_string_equal(buffer, "abc-42x");
	assert_false(t.cut);
	text_add(&t, "y");
	assert_true(t.cut);
	assert_string_equal(buffer, "abc-42x");
	assert_int_equal(t.len, 7);
	text_init(&t, buffer, 1);
	text_add(&t, "a");
	assert_string_equal(buffer, "");
	assert_true(t.cut);
}

static void numbers_are_whole(void **state)
{
	char buffer[64];
	struct text t;

	(void)state;
	text_init(&t, buffer, sizeof buffer);
	text_add_number(&t, INT64_MIN);
	text_add(&t, " ");
	text_add_number(&t, INT64_MAX);
	assert_string_equal(buffer, "-9223372036854775808 9223372036854775807");
}

/* Names are put into headers, logs and metric labels unchanged, sentences into an SMTP reply. */
/* The C library knows the calendar, too. */
static void times_are_dates(void **state)
{
	char seen[64], expected[64];
	struct text text;
	(void)state;
	for (int64_t at = 0; at < 253402300800; at += 86400 * 13 + 3661) {
		time_t time = (time_t)at;
		struct tm parts;
		assert_non_null(gmtime_r(&time, &parts));
		strftime(expected, sizeof expected, "%Y-%m-%dT%H:%M:%SZ", &parts);
		text_init(&text, seen, sizeof seen);
		text_add_time(&text, at);
		assert_string_equal(seen, expected);
	}
	text_init(&text, seen, sizeof seen);
	text_add_time(&text, 951782400);
	text_add(&text, " ");
	text_add_time(&text, 253402300799);
	text_add(&text, " ");
	text_add_time(&text, 253402300800);
	assert_string_equal(seen, "2000-02-29T00:00:00Z 9999-12-31T23:59:59Z 253402300800");
	text_init(&text, seen, sizeof seen);
	text_add_time(&text, -1);
	assert_string_equal(seen, "-1");
}

static void reasons_are_fit_to_print(void **state)
{
	(void)state;
	for (int i = 0; i < REASON_COUNT; i++) {
		const char *name = reason_name((enum reason)i);

		assert_true(*name);
		assert_int_equal(strspn(name, "abcdefghijklmnopqrstuvwxyz-"), strlen(name));
		assert_in_range(strlen(reason_sentence((enum reason)i)), 1, 110);
		const char *const texts[] = {reason_here((enum reason)i), reason_there((enum reason)i)};
		for (size_t text = 0; text < COUNT(texts); text++)
			assert_true(!*texts[text] || texts[text][strlen(texts[text]) - 1] == '.');
		assert_true(reason_class((enum reason)i) != REASON_BAD || *texts[1]);
		for (const char *c = reason_sentence((enum reason)i); *c; c++)
			assert_true(*c >= 0x20 && *c <= 0x7e && *c != '%');
		for (int other = 0; other < i; other++)
			assert_string_not_equal(name, reason_name((enum reason)other));
	}
}

static void reasons_have_their_class(void **state)
{
	(void)state;
	assert_int_equal(reason_class(REASON_OK), REASON_GOOD);
	assert_int_equal(reason_class(REASON_STARTTLS_MISSING), REASON_BAD);
	assert_int_equal(reason_class(REASON_HOP_TIMEOUT), REASON_INCONCLUSIVE);
	assert_int_equal(reason_class(REASON_NO_RECORD), REASON_GENERAL);
	assert_string_equal(reason_name(REASON_STARTTLS_MISSING), "starttls-not-supported");
	assert_string_equal(reason_sentence(REASON_STARTTLS_MISSING), "offers no STARTTLS");
	for (int i = 1; i < REASON_COUNT; i++)
		assert_int_not_equal(reason_class((enum reason)i), REASON_GOOD);
}

static void spans_are_trimmed_at_both_ends(void **state)
{
	static const struct {
		const char *bytes;
		size_t len;
		const char *what;
		const char *trimmed;
	} of[] = {
		{LIT(""), " ", ""},
		{LIT("  "), " ", ""},
		{LIT(" \ta b\t "), " \t", "a b"},
		{LIT(" \ta\r"), " \t", "a\r"},
		{LIT("a"), "", "a"},
	};
	(void)state;
	for (size_t i = 0; i < COUNT(of); i++) {
		struct span trimmed = span_trim((struct span){of[i].bytes, of[i].len}, of[i].what);
		assert_true(span_is(trimmed, of[i].trimmed));
	}
	/* The NUL at the end of `what` is not one of its characters. */
	assert_int_equal(span_trim((struct span){LIT("\0a\0")}, " ").len, 3);
	assert_false(span_is((struct span){LIT("ab")}, "a"));
	assert_false(span_is((struct span){LIT("a\0")}, "a"));
	assert_true(span_is((struct span){NULL, 0}, ""));
}

static void copies_are_whole(void **state)
{
	(void)state;
	char *bytes = xmemdup(LIT("a\0b"));
	assert_memory_equal(bytes, "a\0b", 3);
	free(bytes);
	char *string = xstrdup("abc");
	assert_string_equal(string, "abc");
	string = xrealloc(string, 100);
	assert_string_equal(string, "abc");
	free(string);
	string = xstrndup("abc", 2);
	assert_string_equal(string, "ab");
	free(string);
	/* An allocation of size 0 can be freed, too. */
	bytes = xmemdup(NULL, 0);
	assert_non_null(bytes);
	free(bytes);
	bytes = xcalloc(0, SIZE_MAX);
	assert_non_null(bytes);
	free(bytes);
	bytes = xcalloc(1000, 1);
	for (int i = 0; i < 1000; i++)
		assert_int_equal(bytes[i], 0);
	free(bytes);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rows_agree),
		cmocka_unit_test(any_bytes_come_out_clean),
		cmocka_unit_test(buffer_shortens_as_the_cap_does),
		cmocka_unit_test(text_is_cut_and_terminated),
		cmocka_unit_test(numbers_are_whole),
		cmocka_unit_test(times_are_dates),
		cmocka_unit_test(spans_are_trimmed_at_both_ends),
		cmocka_unit_test(copies_are_whole),
		cmocka_unit_test(reasons_are_fit_to_print),
		cmocka_unit_test(reasons_have_their_class),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
