/* The pure parts of the status page: escaping, plots, and which requests get a page. */
#include "html.h"
#include "http_accept.h"
#include "page_request.h"
#include "plot.h"

#include "cm.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#define OUT_SIZE 65536
static char buffer[OUT_SIZE];
static struct text out;

static void begin(void)
{
	text_init(&out, buffer, sizeof buffer);
}

static void test_text_is_escaped(void **state)
{
	(void)state;
	begin();
	html_text(&out, "a b<i>&\"'\x1b\xe2\x80\xae\x7f\n`");
	assert_string_equal(buffer, "a b&lt;i&gt;&amp;&quot;&#39;\\x1b\\xe2\\x80\\xae\\x7f\\x0a`");
	begin();
	html_quote(&out, "mx.example", 10);
	html_quote(&out, "<b>", 3);
	assert_string_equal(buffer, "mx.example&quot;&lt;b&gt;&quot;");
	begin();
	html_quote(&out, "\"\\x1b <\"", 8); /* quoted already */
	html_quote(&out, "\"a\"b\"", 5);
	html_quote(&out, "\"\x1b\"", 3);
	html_quote(&out, "\"", 1);
	assert_string_equal(buffer, "&quot;\\x1b &lt;&quot;&quot;\\x22a\\x22b\\x22&quot;&quot;\\x22\\x1b\\x22&quot;"
				    "&quot;\\x22&quot;");
	begin();
	html_add(&out, "<p title=\"%s\">%d %s</p>", "\"><script>", (int64_t)-5, "x");
	assert_string_equal(buffer, "<p title=\"&quot;&gt;&lt;script&gt;\">-5 x</p>");
}

static void test_prose_has_commands(void **state)
{
	static const struct {
		const char *text, *html;
	} cases[] = {{"Try `dig MX a`, or `x`.", "Try <code>dig MX a</code>, or <code>x</code>."}, {"a ` b", "a ` b"},
		{"`<b>`", "<code>&lt;b&gt;</code>"}, {"`a` ` b", "<code>a</code> ` b"}, {"``", "<code></code>"},
		{"", ""}};
	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		begin();
		html_prose(&out, cases[i].text);
		assert_string_equal(buffer, cases[i].html);
	}
}

static void test_times_and_domains(void **state)
{
	(void)state;
	begin();
	html_time(&out, 0, 5);
	html_time(&out, 1700000000, 1700003660);
	assert_string_equal(buffer, "-<time datetime=\"2023-11-14T22:13:20Z\">2023-11-14T22:13:20Z</time> "
				    "<span class=\"ago\">(1h 1m ago)</span>");
	begin();
	html_domain(&out, "a_b.example");
	assert_string_equal(buffer, "<a href=\"/domain/a_b.example\">a_b.example</a>");
}

static void test_domains_link_to_their_page(void **state)
{
	(void)state;
	begin();
	html_domain(&out, "a/..\"><b>.example");
	assert_string_equal(buffer, "<a href=\"/domain/a%2F..%22%3E%3Cb%3E.example\">"
				    "&quot;a/..\\x22&gt;&lt;b&gt;.example&quot;</a>");
	begin();
	html_domain(&out, "");
	assert_string_equal(buffer, "-");
}

static void test_tables_name_their_columns(void **state)
{
	(void)state;
	begin();
	html_table(&out, "A & B", "Domain|#Times");
	assert_string_equal(buffer, "<table>\n<caption>A &amp; B</caption>\n<thead><tr><th scope=\"col\">Domain</th>"
				    "<th scope=\"col\" class=\"n\">Times</th></tr></thead>\n");
}

/* --- requests ----------------------------------------------------------------------------------------------------- */

static void test_routes(void **state)
{
	static const struct {
		const char *path;
		enum page_route route;
		const char *name;
	} cases[] = {{"/", PAGE_OVERVIEW, ""}, {"/style.css", PAGE_STYLE, ""},
		{"/domain/example.com", PAGE_DOMAIN, "example.com"},
		{"/domain/b%c3%bc.example", PAGE_DOMAIN, "b\xc3\xbc.example"}, {"/domain/%3Cb%3E", PAGE_DOMAIN, "<b>"},
		{"/domain/a/b", PAGE_DOMAIN, "a/b"}, {"/domain/%", PAGE_DOMAIN, "%"}, {"/domain/%4", PAGE_DOMAIN, "%4"},
		{"/domain/%4g", PAGE_DOMAIN, "%4g"}, {"/domain/%+1", PAGE_DOMAIN, "%+1"},
		{"/domain/a%41%zz", PAGE_DOMAIN, "a%41%zz"}, {"/domain/", PAGE_NONE, ""}, {"/domain", PAGE_NONE, ""},
		{"/Domain/a", PAGE_NONE, ""}, {"//", PAGE_NONE, ""}, {"", PAGE_NONE, ""},
		{"http://localhost/", PAGE_NONE, ""}, {"/../", PAGE_NONE, ""}};
	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct page_request request;
		page_request_route(&request, (struct span){cases[i].path, strlen(cases[i].path)});
		assert_int_equal(request.route, cases[i].route);
		assert_string_equal(request.name, cases[i].name);
		assert_int_equal(request.name_len, strlen(cases[i].name));
	}
}

static void test_long_and_binary_names(void **state)
{
	(void)state;
	char path[8 + PAGE_NAME_MAX + 1] = "/domain/";
	struct page_request request;
	memset(path + 8, 'a', sizeof path - 8);
	page_request_route(&request, (struct span){path, sizeof path - 1});
	assert_int_equal(request.route, PAGE_DOMAIN);
	assert_int_equal(request.name_len, PAGE_NAME_MAX);
	page_request_route(&request, (struct span){path, sizeof path});
	assert_int_equal(request.route, PAGE_NONE);
	page_request_route(&request, (struct span){"/domain/a%00b", 13});
	assert_int_equal(request.name_len, 3);
	assert_memory_equal(request.name, "a\0b", 4);
}

static void test_only_local_hosts(void **state)
{
	static const struct {
		bool local;
		const char *fields;
	} cases[] = {{true, ""}, {true, "Host: localhost\r\n"}, {true, "Host: LocalHost:9461\r\n"},
		{true, "hOsT:127.0.0.1\r\n"}, {true, "Host: 127.255.3.4:80\r\n"}, {true, "Host: [::1]\r\n"},
		{true, "Host: [::1]:9461\r\n"}, {false, "Host: example.com\r\n"},
		{false, "Host: localhost.example.com\r\n"}, {false, "Host: 127.0.0.1.example.com\r\n"},
		{false, "Host: localhost@example.com\r\n"}, {false, "Host: 128.0.0.1\r\n"},
		{false, "Host: 127.0.0.256\r\n"}, {false, "Host: 127.0.0\r\n"}, {false, "Host: 127.0.0.1.\r\n"},
		{false, "Host: 127.0.0.01\r\n"}, {false, "Host: 127.0.0.0x1\r\n"}, {false, "Host: 2130706433\r\n"},
		{false, "Host: [::2]\r\n"}, {false, "Host: [::1]x\r\n"}, {false, "Host: ::1\r\n"},
		{false, "Host: localhost:80x\r\n"}, {false, "Host: localhost:123456\r\n"}, {false, "Host:\r\n"},
		{false, "Host: localhost\r\nHost: example.com\r\n"}, {false, "Host : example.com\r\n"},
		{false, "Accept: */*\nHost: example.com\n"}, {true, "X-Host: example.com\r\n"},
		{true, "Accept: a\r\n Host: example.com\r\n"}};
	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		char head[256];
		int len = snprintf(head, sizeof head, "GET / HTTP/1.1\r\n%s\r\n", cases[i].fields);
		if (page_host_is_local((struct span){head, (size_t)len}) != cases[i].local)
			fail_msg("%s", cases[i].fields);
	}
}

static void test_json_by_accept(void **state)
{
	static const struct {
		bool json;
		const char *accept;
	} cases[] = {{true, "application/json"}, {true, "APPLICATION/JSON; q=0.5"},
		{true, "text/html;q=0.5, application/json"}, {false, "application/json, text/html"},
		{false, "text/html,application/xhtml+xml,*/*;q=0.8"}, {false, "*/*"}, {false, "application/json;q=0"},
		{false, "application/jsonx"}, {false, ""}};
	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		char head[256];
		int len = snprintf(head, sizeof head, "GET / HTTP/1.1\r\nAccept: %s\r\n\r\n", cases[i].accept);
		if (http_accepts_json((struct span){head, (size_t)len}) != cases[i].json)
			fail_msg("%s", cases[i].accept);
	}
}

/* --- plots -------------------------------------------------------------------------------------------------------- */

#define STEPS 24
static struct plot plot_of(const double *a, const double *b, bool areas)
{
	struct plot plot = {.id = "p",
		.title = "Title <1>",
		.description = "Text",
		.unit = areas ? "" : "s",
		.from = 1700006400, /* 00:00 UTC */
		.step_s = 1800,
		.count = STEPS,
		.areas = areas,
		.series = {{.name = "a<b>", .value = a}, {.name = "b", .value = b, .colour = 1, .thin = true}},
		.series_count = b ? 2 : 1};
	return plot;
}

static bool has(const char *words)
{
	return strstr(buffer, words) != NULL;
}

static void test_areas(void **state)
{
	double a[STEPS] = {0}, b[STEPS] = {0};
	(void)state;
	a[0] = 2;
	a[1] = b[1] = 1;
	b[23] = NAN;
	struct plot plot = plot_of(a, b, true);
	begin();
	plot_write(&out, &plot, "Nothing.");
	assert_false(out.cut);
	assert_true(has("<title id=\"p-title\">Title &lt;1&gt;</title>\n<desc id=\"p-text\">Text</desc>"));
	assert_true(has("aria-labelledby=\"p-title p-text\""));
	assert_false(has("a<b>"));
	/* Both steps reach the top, which is 2; from the third on there is nothing. */
	assert_true(has("<path class=\"area c0\" d=\"M620 2140H620V100H890V1120H1161V2140H7120H7120V2140H620Z\"/>"));
	assert_true(has("<path class=\"area c1\" d=\"M620 100H620V100H890V100H1161V2140H7120") ||
		    has("<path class=\"area c1\" d=\"M620 100H620V100H1161V2140H7120"));
	/* The table: hours of two steps. */
	assert_true(has("<tr><th scope=\"row\">00:00</th><td class=\"n\">3</td><td class=\"n\">1</td></tr>"));
	assert_true(has("<tr><th scope=\"row\">11:00</th><td class=\"n\">0</td><td class=\"n\">0</td></tr>"));
	assert_true(has(">04:00</text>") && has(">08:00</text>") && !has(">12:00</text>"));
}

static void test_lines(void **state)
{
	double a[STEPS];
	(void)state;
	for (size_t i = 0; i < STEPS; i++)
		a[i] = NAN;
	a[2] = a[3] = 0.001;
	a[4] = 0.1;
	a[23] = 0.00001;
	struct plot plot = plot_of(a, NULL, false);
	begin();
	plot_write(&out, &plot, "Nothing.");
	/* From 0.01 ms to 100 ms: 1 ms is half of the height. A value that is not known interrupts the line. */
	assert_true(has("<path class=\"line c0\" d=\"M1161 1120H1703V100H1974M6849 2140H7120\"/>"));
	assert_true(has(">0.01 ms</text>") && has(">100 ms</text>") && !has(">1 s</text>"));
	assert_true(has("<tr><th scope=\"row\">00:00</th><td class=\"n\">-</td></tr>"));
	assert_true(has("<tr><th scope=\"row\">02:00</th><td class=\"n\">100 ms</td></tr>"));
}

static void test_plots_of_nothing(void **state)
{
	double zeros[STEPS] = {0}, unknown[STEPS];
	(void)state;
	for (size_t i = 0; i < STEPS; i++)
		unknown[i] = NAN;
	struct plot plot = plot_of(zeros, unknown, true);
	begin();
	plot_write(&out, &plot, "Nothing & nobody.");
	assert_string_equal(buffer, "<p>Nothing &amp; nobody.</p>\n");
}

static void test_steps_without_counts_are_marked(void **state)
{
	double a[STEPS] = {0};
	(void)state;
	a[0] = 1e300;
	a[1] = a[2] = NAN;
	struct plot plot = plot_of(a, NULL, true);
	begin();
	plot_write(&out, &plot, "Nothing.");
	assert_true(has("<path class=\"gap\" d=\"M890 100H1432V2140H890Z\"/>"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_text_is_escaped),
		cmocka_unit_test(test_prose_has_commands),
		cmocka_unit_test(test_times_and_domains),
		cmocka_unit_test(test_domains_link_to_their_page),
		cmocka_unit_test(test_tables_name_their_columns),
		cmocka_unit_test(test_routes),
		cmocka_unit_test(test_long_and_binary_names),
		cmocka_unit_test(test_only_local_hosts),
		cmocka_unit_test(test_json_by_accept),
		cmocka_unit_test(test_areas),
		cmocka_unit_test(test_lines),
		cmocka_unit_test(test_plots_of_nothing),
		cmocka_unit_test(test_steps_without_counts_are_marked),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
