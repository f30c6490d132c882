/* The lines that import reads may be hostile: bad lines are refused, and the others are imported. */
#include "cm.h"

#include "moving_room.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DOMAIN(rest) "{\"domain\": \"d.example\", " rest "}"
#define RECORD(rest) DOMAIN("\"record\": {" rest "}")
#define BEFORE_MX                                                                                                      \
	"{\"domain\": \"d.example\", \"policy\": {\"fetched_at\": 1899990000, \"id\": \"1\", \"mode\": "               \
	"\"enforce\", \"max_age\": 600, \"mx\": "
#define PARSED(mx) BEFORE_MX mx "}}"
#define MX(hosts)                                                                                                      \
	DOMAIN("\"mx\": {\"checked_at\": 1899990000, \"state\": \"listed\", \"ttl\": 60, \"secure\": false, "          \
	       "\"hosts\": " hosts "}")
#define HOP(rest) "{\"host\": \"mx.example\", \"port\": 25, " rest "}"
#define SEEN(at, reason, rest)                                                                                         \
	"{\"at\": " at ", \"reason\": \"" reason "\", \"protocol\": 772, \"chain_error\": 0, \"not_after\": 0" rest "}"

static const struct {
	const char *line, *why;
} bad[] = {
	{"", "not JSON"},
	{"{\"domain\": \"d.exam", "not JSON"},
	{"{\"domain\": \"d.example\"} x", "not JSON"},
	{"{\"domain\": \"d.example\", \"domain\": \"e.example\"}", "not JSON: \"duplicate"},
	{"\xff\x1b[2J", "not JSON"},
	{"[]", "the line is not an object"},
	{"{}", "the line is not a header"},
	{"{\"domain\": \"d.example\"}", "the line contains no data"},
	{"{\"domain\": \"example\", \"last_used_day\": 21990, \"first_used_day\": 21990}", "is not a domain that can"},
	{"{\"domain\": \"192.0.2.1\"}", "is not a domain that can"},
	{"{\"domain\": \"a b.example\"}", "is not a domain that can"},
	{"{\"domain\": 5}", "domain is not a text"},
	{DOMAIN("\"record\": 5"), "record is not an object"},
	{RECORD("\"checked_at\": 1900000061, \"outcome\": \"ok\", \"ttl\": 60, \"id\": \"1\""), "record: checked_at"},
	{RECORD("\"checked_at\": 1500000000, \"outcome\": \"ok\", \"ttl\": 60, \"id\": \"1\""), "record: checked_at"},
	{RECORD("\"checked_at\": 1e9, \"outcome\": \"ok\", \"ttl\": 60, \"id\": \"1\""), "record: checked_at"},
	{RECORD("\"checked_at\": 1899990000, \"outcome\": \"ok\", \"ttl\": -1, \"id\": \"1\""), "record: ttl"},
	{RECORD("\"checked_at\": 1899990000, \"outcome\": \"ok\", \"ttl\": 60, \"id\": \"a;b\""), "record: id"},
	{RECORD("\"checked_at\": 1899990000, \"outcome\": \"ok\", \"ttl\": 60"), "record: id is missing"},
	{FETCHED("1900000061", GOOD_TEXT), "policy: fetched_at"},
	{FETCHED("1514764799", GOOD_TEXT), "policy: fetched_at"},
	{FETCHED("1899990000", "version: STSv1\\nmode: enforce\\nmax_age: 600\\n"),
		"policy: text is not a valid policy"},
	{FETCHED("1899990000", "a\\u0000b"), "not JSON"},
	{PARSED("[\"a.example\\nmode: none\"]"), "policy: mx is not a list of patterns"},
	{PARSED("[\"*.*.example\"]"), "policy: mx is not a list of patterns"},
	{PARSED("{}"), "policy: mx is not a list of patterns"},
	{PARSED("[]"), "are not a valid policy"},
	{"{\"domain\": \"d.example\", \"policy\": {\"fetched_at\": 1899990000, \"id\": \"1\", \"mode\": \"enforce\", \"mx\": "
	 "[\"a.example\"]}}",
		"policy: max_age is not a whole number"},
	{RECORD("\"outcome\": \"no-sts-record\""), "record: checked_at"},
	{HOP("\"newest\": {\"at\": 1899990000}"), "newest: reason"},
	{MX("[[10, \"a b\"]]"), "mx: hosts are not pairs"},
	{MX("[[65536, \"a.example\"]]"), "mx: hosts are not pairs"},
	{MX("[[20, \"a.example\"], [10, \"b.example\"]]"), "not ordered by preference"},
	{MX("[]"), "mx: hosts are too many"},
	{DOMAIN("\"last_used_day\": 21992, \"first_used_day\": 21990"), "last_used_day"},
	{DOMAIN("\"last_used_day\": 21980, \"first_used_day\": 21990"), "first_used_day"},
	{HOP("\"newest\": {}"), "newest: at"},
	{"{\"host\": \"mx.example\", \"port\": 0}", "port"},
	{"{\"host\": \"mx..example\", \"port\": 25}", "host is not a host name"},
	{HOP("\"newest\": " SEEN("1900000061", "ok", "")), "newest: at"},
	{HOP("\"good\": " SEEN("1899990000", "starttls-refused", "")),
		"conclusive or good evidence has a reason of another class"},
	{HOP("\"conclusive\": " SEEN("1899990000", "hop-timeout", "")),
		"conclusive or good evidence has a reason of another class"},
	{HOP("\"newest\": " SEEN("1899990000", "of-a-later-version", "")), "the line contains no data"},
	{HOP("\"newest\": " SEEN("1899990000", "ok", ", \"address\": \"mx\"")), "newest: address"},
	{HOP("\"newest\": " SEEN("1899990000", "ok", ", \"text_hex\": \"4g\"")), "newest: text_hex"},
	{HOP("\"newest\": " SEEN("1899990000", "ok", ", \"text_hex\": \"410042\"")), "newest: text_hex"},
	{HOP("\"newest\": " SEEN("1899990000", "ok", ", \"text_hex\": \"414\"")), "newest: text_hex"},
};

static void test_refused(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(bad); i++) {
		char text[2048], why[128];
		snprintf(text, sizeof text, HEADER "%s\n" FETCHED("1899990000", GOOD_TEXT) "\n", bad[i].line);
		struct tool_run run = imported(two, text, strlen(text));
		snprintf(why, sizeof why, "stsgate: line 2 is refused: ");
		if (run.status != 1 || strncmp(run.err, why, strlen(why)) != 0 || !strstr(run.err, bad[i].why) ||
			!strstr(run.out,
				i == 0 ? "imported 1, kept 0, refused 1\n" : "imported 0, kept 1, refused 1\n"))
			fail_msg("row %zu: %d: %s%s", i, run.status, run.out, run.err);
		tool_run_free(&run);
	}
	imported_is(two, HEADER PARSED("[\"a.example\"]"), 0, "imported 0, kept 1, refused 0\n");
	/* Numbers that are 0 may be missing. */
	imported_is(two,
		HEADER
		"{\"domain\": \"r.example\", \"record\": {\"checked_at\": 1899990000, \"outcome\": \"no-record\"}}",
		0, "imported 1, kept 0, refused 0\n");
	imported_is(two,
		HEADER
		"{\"domain\": \"f.example\", \"fetch\": {\"tried_at\": 1899990000, \"outcome\": \"sts-policy-fetch-error\"}}",
		0, "imported 1, kept 0, refused 0\n");
	imported_is(two, HEADER HOP("\"newest\": {\"at\": 1899990000, \"reason\": \"hop-timeout\"}"), 0,
		"imported 1, kept 0, refused 0\n");
	imported_is(two, HEADER FETCHED("1900000060", GOOD_TEXT), 0, "imported 1, kept 0, refused 0\n");
	imported_is(two,
		HEADER RECORD("\"later\": [1], \"checked_at\": 1899990000, \"outcome\": \"later\", \"ttl\": 1"), 0,
		"imported 1, kept 0, refused 0\n");
}

/* Lines without end are bounded, and the lines after them are read. */
static void test_too_long(void **state)
{
	(void)state;
	size_t len = 600000;
	char *text = malloc(len + 200);
	memset(text, '[', len);
	memcpy(text, LIT(HEADER));
	text[300000] = '\n'; /* as deep as a line can be */
	len += (size_t)sprintf(text + len, "\n" FETCHED("1899990000", GOOD_TEXT));
	struct tool_run run = imported(two, text, len);
	assert_int_equal(run.status, 1);
	assert_string_equal(run.out, "imported 1, kept 0, refused 2\n");
	assert_non_null(strstr(run.err, "line 2 is refused: it is longer than 262144 octets\n"));
	tool_run_free(&run);
	text[200000] = '\n';
	run = imported(two, text, 262144);
	assert_non_null(strstr(run.err, "line 2 is refused: not JSON"));
	tool_run_free(&run);
	free(text);
}

/* A policy as long as 64 KiB allow, whose text was too long to be kept; with one pattern more it is invalid. */
static void test_largest_policy(void **state)
{
	(void)state;
	static const char head[] = "version:STSv1\nmode:enforce\nmax_age:600\n";
	char *text = malloc(300000), tail[32] = "zz.example";
	for (int over = 0; over < 2; over++) {
		size_t body = strlen(head), len = (size_t)sprintf(text, HEADER BEFORE_MX "[");
		for (unsigned i = 0; body + 20 < 65536; i++, body += 12)
			len += (size_t)sprintf(text + len, "\"m%05u.a\", ", i);
		memset(tail, 'z', 65536 - body - 5);
		snprintf(tail + (65536 - body - 5), 4, ".a");
		len += (size_t)sprintf(text + len, "\"%s%s\"]}}\n", over ? "y" : "", tail);
		struct tool_run run = imported(over ? two : one, text, len);
		assert_int_equal(run.status, over);
		tool_run_free(&run);
	}
	struct tool_run run = call_tool((struct call){.run = export_run, .words = {"d.example"}, .store = one});
	assert_non_null(strstr(run.out, "\"m00000.a\""));
	assert_non_null(strstr(run.out, "\"m05000.a\""));
	tool_run_free(&run);
	free(text);
}

static void test_no_export(void **state)
{
	(void)state;
	static const char *const texts[] = {"", "\n", "hello\n", "{\"domain\": \"d.example\"}\n" HEADER,
		FETCHED("1899990000", GOOD_TEXT) "\n" HEADER, "{\"stsgate\": 2}\n"};
	for (size_t i = 0; i < COUNT(texts); i++) {
		struct tool_run run = imported(one, texts[i], strlen(texts[i]));
		if (run.status != 65 || *run.out || !strstr(run.err, " is not an export of stsgate: "))
			fail_msg("row %zu: %d: %s%s", i, run.status, run.out, run.err);
		tool_run_free(&run);
	}
	struct tool_run run = call_tool((struct call){.run = import_run, .words = {"/nonexistent/x"}, .store = one});
	assert_int_equal(run.status, 66);
	tool_run_free(&run);
	run = call_tool((struct call){.run = import_run, .words = {"/proc/self/mem"}, .store = one});
	assert_true(run.status >= 65);
	tool_run_free(&run);
}

/* Version 0.1 wrote the good outcome as `none`. */
static void test_good_outcome_of_version_0_1(void **state)
{
	(void)state;
	imported_is(two,
		HEADER RECORD("\"checked_at\": 1899990000, \"outcome\": \"none\", \"ttl\": 60, \"id\": \"1\"") "\n" HOP(
			"\"newest\": " SEEN("1899999990", "none", "")) "\n",
		0, "imported 2, kept 0, refused 0\n");
	struct tool_run run = call_tool((struct call){.run = export_run, .words = {NULL}, .store = two});
	assert_non_null(strstr(run.out, "\"outcome\": \"ok\""));
	assert_non_null(strstr(run.out, "\"reason\": \"ok\""));
	assert_null(strstr(run.out, "\"none\""));
	tool_run_free(&run);
}

int main(void)
{
	const struct CMUnitTest tests[] = {ON_STORES(test_refused), ON_STORES(test_too_long),
		ON_STORES(test_largest_policy), ON_STORES(test_no_export), ON_STORES(test_good_outcome_of_version_0_1)};
	return cmocka_run_group_tests(tests, call_directory_make, call_directory_remove);
}
