/* Domain names and lists of them. */
#include "cm.h"

#include "corpus.h"
#include "domain.h"
#include "names.h"

#include <stdlib.h>
#include <string.h>

#define L63 "a23456789012345678901234567890123456789012345678901234567890123"

struct row {
	const char *bytes;
	size_t len;
	const char *name; /* NULL: no domain */
};

static const struct row rows[] = {
	{LIT("example.com"), "example.com"},
	{LIT("Example.COM."), "example.com"},
	{LIT("localhost"), "localhost"},
	{LIT("a-b.c--d.example"), "a-b.c--d.example"},
	{LIT("3com.com"), "3com.com"},
	{LIT("1.2.3.4.in-addr.arpa"), "1.2.3.4.in-addr.arpa"},
	{LIT(L63 ".example"), L63 ".example"},
	{LIT(L63 "4.example"), NULL},
	{LIT("XN--BCHER-KVA.test"), "xn--bcher-kva.test"},
	{LIT("xn--9999999999a.org"), "xn--9999999999a.org"}, /* not punycode, but letters, digits and hyphens */
	{LIT("b\xc3\xbc"
	     "cher.test"),
		"xn--bcher-kva.test"},
	{LIT("B\xc3\x9c"
	     "CHER.Test."),
		"xn--bcher-kva.test"},
	{LIT("fa\xc3\x9f.de"), "xn--fa-hia.de"}, /* non-transitional */
	{LIT("b\xc3\xbc"
	     "cher\xe3\x80\x82test"),
		"xn--bcher-kva.test"}, /* ideographic full stop */
	{LIT("b\xc3\xbc"
	     "cher\xef\xbc\x8etest\xef\xbc\x8e"),
		"xn--bcher-kva.test"},                  /* full-width full stop */
	{LIT("\xef\xbd\x85xample.com"), "example.com"}, /* full-width letter */
	{LIT("b\xc2\xad\xc3\xbc"
	     "cher.test"),
		"xn--bcher-kva.test"}, /* soft hyphen */
	{LIT("\xd7\x9e\xd7\x99\xd7\x99\xd7\x9c.example"), "xn--eebajf.example"},
	{LIT("bu\xcc\x88"
	     "cher.test"),
		"xn--bcher-kva.test"},                             /* combining diaeresis */
	{LIT("\xef\xbc\x91\xef\xbc\x92\xef\xbc\x97.0.0.1"), NULL}, /* full-width 127 */
	{LIT("b\xc3\xbc"
	     "cher..test"),
		NULL},
	{LIT("\xe3\x80\x82test"), NULL},
	{LIT("a\xef\xbc\xbf"
	     "b.test"),
		"a_b.test"}, /* full-width underscore */
	{LIT("a_\xc3\xbc.test"), "xn--a_-yka.test"},
	{LIT("a\xef\xbc\xbf\xc3\xbc.test"), "xn--a_-yka.test"},
	{LIT("\xc3\xbc/x.test"), NULL},
	{LIT("\xc3\xbc x.test"), NULL},
	/* Names that UTS 46 accepts and IDNA2008 does not, as ICU converts them. */
	{LIT("\xf0\x9f\x92\xa9.la"), "xn--ls8h.la"},
	{LIT("I\xe2\x9d\xa4.ws"), "xn--i-7iq.ws"},
	{LIT("\xd7\x90"
	     "ab.test"),
		"xn--ab-uld.test"},
	{LIT("fa\xc3\x9f\xf0\x9f\x92\xa9.de"), NULL}, /* transitional processing would make it fass */
	{LIT("x\xef\xbf\xbd.test"), NULL},            /* replacement character */
	{LIT("x\xee\x80\x80.test"), NULL},            /* private use */
	{LIT("x\xe2\x80\xa8.test"), NULL},            /* line separator */
	{LIT("x\xc2\x80.test"), NULL},                /* C1 control */
	{LIT("b\xfc"
	     "cher.test"),
		NULL}, /* Latin-1 */
	{LIT("\xc3.test"), NULL},
	{LIT("xn--9999999999a.b\xc3\xbc"
	     "cher.test"),
		NULL},                               /* IDNA checks all labels of such a name */
	{LIT("A_b._c.example_"), "a_b._c.example_"}, /* MTAs accept it as a host name */
	{LIT("a_-.example"), NULL},
	{LIT("-a.example"), NULL},
	{LIT("a-.example"), NULL},
	{LIT("a.example-"), NULL},
	{LIT("a..example"), NULL},
	{LIT(".example"), NULL},
	{LIT("example.."), NULL},
	{LIT("."), NULL},
	{LIT(""), NULL},
	{LIT("a b.example"), NULL},
	{LIT("*.example"), NULL},
	{LIT("192.0.2.1"), NULL},
	{LIT("192.0.2.1."), NULL},
	{LIT("example.25"), NULL},
	{LIT("25"), NULL},
	{LIT("exa\0mple.com"), NULL},
	{LIT("example.com\0"), NULL},
	{LIT("example.com\n"), NULL},
	{LIT("[192.0.2.1]"), NULL},
};

static void rows_agree(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct domain domain;
		bool ok = domain_parse(&domain, rows[i].bytes, rows[i].len);

		if (ok != (rows[i].name != NULL))
			fail_msg("row %zu `%s`: %d", i, rows[i].bytes, ok);
		if (strcmp(domain.name, ok ? rows[i].name : "") != 0)
			fail_msg("row %zu `%s`: %s", i, rows[i].bytes, domain.name);
		bool same = ok && strlen(domain.name) == rows[i].len &&
			    memcmp(domain.name, rows[i].bytes, rows[i].len) == 0;
		if (domain_is_parsed(rows[i].bytes, rows[i].len) != same)
			fail_msg("row %zu `%s`: parsed: %d", i, rows[i].bytes, !same);
	}
}

/* Makes a name of four labels of 63, 63, 63 and `last` octets. */
static size_t long_name(char out[512], size_t last)
{
	memset(out, 'a', 512);
	out[63] = out[127] = out[191] = '.';
	return 192 + last;
}

static void length_is_bounded(void **state)
{
	struct domain domain;
	char bytes[2048];
	size_t len = long_name(bytes, DOMAIN_MAX - 192);

	(void)state;
	assert_true(domain_parse(&domain, bytes, len));
	assert_int_equal(strlen(domain.name), DOMAIN_MAX);
	bytes[len] = '.';
	assert_true(domain_parse(&domain, bytes, len + 1));
	bytes[len] = 'a';
	assert_false(domain_parse(&domain, bytes, len + 1));
	for (size_t i = 0; i + 1 < sizeof bytes; i += 2)
		memcpy(bytes + i, "\xc3\xbc", 2);
	assert_false(domain_parse(&domain, bytes, 1024));
	assert_false(domain_parse(&domain, bytes, sizeof bytes));
}

static void parsing_again_changes_nothing(void **state)
{
	static const char *const parts[] = {
		"a", "Z", "9", "-", ".", "xn--", "\xc3\xbc", "\xe3\x80\x82", "\xff", "_", "\xe2\x80\x8d", "\xd7\x90"};
	uint32_t random = 3490;
	unsigned parsed = 0;

	(void)state;
	for (int round = 0; round < 20000; round++) {
		char bytes[64] = "";
		struct domain domain, again;

		for (uint32_t n = corpus_random(&random) % 10; n; n--)
			strncat(bytes, parts[corpus_random(&random) % COUNT(parts)], 8);
		bool ok = domain_parse(&domain, bytes, strlen(bytes));
		assert_int_equal(domain_is_parsed(bytes, strlen(bytes)), ok && strcmp(domain.name, bytes) == 0);
		if (!ok)
			continue;
		parsed++;
		assert_true(domain_is_host(domain.name, strlen(domain.name)));
		assert_true(domain_parse(&again, domain.name, strlen(domain.name)));
		assert_string_equal(again.name, domain.name);
	}
	assert_true(parsed > 100);
}

static void numeric_is_about_the_last_label(void **state)
{
	(void)state;
	assert_true(domain_is_numeric("192.0.2.1", 9));
	assert_true(domain_is_numeric("a.1", 3));
	assert_true(domain_is_numeric("1", 1));
	assert_false(domain_is_numeric("a1", 2));
	assert_false(domain_is_numeric("1.a", 3));
	assert_false(domain_is_numeric("", 0));
	assert_false(domain_is_numeric("1.", 2));
}

static void list_keeps_order(void **state)
{
	struct names list = {0}, copy;
	const char *item = NULL;

	(void)state;
	assert_null(names_next(&list, NULL));
	for (int i = 0; i < 300; i++) {
		char name[3] = {(char)('a' + i % 26), (char)('a' + i / 26), 'x'};

		names_add(&list, name, i % 2 ? 3 : 2);
	}
	names_add(&list, "", 0);
	names_copy(&copy, &list);
	names_free(&list);
	assert_int_equal(list.count, 0);
	assert_int_equal(copy.count, 301);
	for (int i = 0; i < 300; i++) {
		item = names_next(&copy, item);
		assert_int_equal(item[0], 'a' + i % 26);
		assert_int_equal(item[1], 'a' + i / 26);
		assert_int_equal(strlen(item), i % 2 ? 3 : 2);
	}
	item = names_next(&copy, item);
	assert_string_equal(item, "");
	assert_null(names_next(&copy, item));
	assert_true(names_have(&copy, "aa"));
	assert_false(names_have(&copy, "a"));
	names_add(&copy, "later", 5);
	assert_true(names_have(&copy, "later"));
	names_free(&copy);
	names_copy(&copy, &list);
	assert_null(copy.bytes);
}

static void sorted_lists_are_searched(void **state)
{
	struct names list = {0}, copy;

	(void)state;
	names_sort(&list);
	names_index(&list);
	assert_null(list.at);
	for (int i = 0; i < 2000; i++) {
		char name[3] = {(char)('a' + i * 7 % 26), (char)('a' + i / 26 % 26), 'x'};

		names_add(&list, name, 2 + i % 2);
	}
	names_index(&list);
	assert_null(list.at); /* not sorted */
	names_sort(&list);
	names_index(&list);
	assert_non_null(list.at);
	names_copy(&copy, &list);
	names_free(&list);
	assert_in_range(copy.count, 500, 1999); /* each once */
	for (const char *before = NULL, *name = names_next(&copy, NULL); name; name = names_next(&copy, name)) {
		assert_true(!before || strcmp(before, name) < 0);
		assert_true(names_have(&copy, name));
		before = name;
	}
	assert_false(names_have(&copy, ""));
	assert_false(names_have(&copy, "a"));
	assert_false(names_have(&copy, "zzz"));
	names_add(&copy, "a", 1);
	assert_null(copy.at);
	assert_true(names_have(&copy, "a"));
	names_free(&copy);
}

static void list_covers(void **state)
{
	struct names list = {0};

	(void)state;
	names_add(&list, ".example.com", 12);
	names_add(&list, "example.net", 11);
	names_add(&list, ".", 1);
	assert_true(names_cover(&list, "a.example.com"));
	assert_true(names_cover(&list, "a.b.example.com"));
	assert_false(names_cover(&list, "example.com"));
	assert_false(names_cover(&list, "notexample.com"));
	assert_true(names_cover(&list, "example.net"));
	assert_false(names_cover(&list, "a.example.net"));
	assert_false(names_cover(&list, "a.example"));
	assert_false(names_cover(&list, ""));
	names_free(&list);
	assert_false(names_cover(&list, "example.net"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rows_agree),
		cmocka_unit_test(length_is_bounded),
		cmocka_unit_test(parsing_again_changes_nothing),
		cmocka_unit_test(numeric_is_about_the_last_label),
		cmocka_unit_test(list_keeps_order),
		cmocka_unit_test(sorted_lists_are_searched),
		cmocka_unit_test(list_covers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
