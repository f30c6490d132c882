/* The overview of the status page as HTML, from an object as shown/overview makes it. */
#include "json_value.h"
#include "page_overview.h"

#include "cm.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define OUT_SIZE 327680
#define NOW 1700050000

static char buffer[OUT_SIZE];

static bool has(const char *words)
{
	return strstr(buffer, words) != NULL;
}

static void expect(const char *words)
{
	if (!has(words))
		fail_msg("`%s` is not in: %s", words, buffer);
}

/* An object without anything that happened. */
static json_t *quiet(void)
{
	return json_made(
		json_pack("{s:i, s:s, s:{s:b, s:[], s:s, s:s, s:i}, s:{s:i, s:[]}, s:{s:i, s:[]}, s:{s:i, s:[]}, "
			  "s:{s:i, s:[]}, s:n, s:n, s:n, s:n, s:{s:s, s:b, s:i, s:[]}, s:{s:i, s:i, s:{}, s:{}}}",
			"now", NOW, "version", "0", "state", "healthy", 1, "conditions", "host", "relay.example",
			"mode", "enforce", "started_at", NOW - 60, "waiting", "count", 0, "domains", "would_wait",
			"count", 0, "domains", "signs", "count", 0, "events", "overrides", "count", 0, "overrides",
			"refresh", "domains", "hops", "networks", "reports", "tlsrpt", "off", "sends", 0, "count", 0,
			"failed", "plots", "step_s", 300, "from", NOW - 86400 - NOW % 300, "verdicts", "answers"));
}

static void show(json_t *object)
{
	struct text out;
	text_init(&out, buffer, sizeof buffer);
	page_overview_html(&out, object);
	assert_false(out.cut);
	json_decref(object);
}

static void test_a_quiet_relay(void **state)
{
	(void)state;
	show(quiet());
	expect("<!DOCTYPE html>\n<html lang=\"en\">");
	expect("<span class=\"good\">yes</span>, mode enforce");
	expect("No. stsgate has delayed no mail in the last two hours.");
	expect("<p>No sign is open.</p>");
	expect("Not counted yet");
	expect("stsgate sends no reports under its settings");
	expect("In the last 24 hours there was no verdict.");
	expect("In the last 24 hours no front end has answered.");
	assert_false(has("class=\"bad\""));
	assert_false(has("<script"));
	assert_false(has("style=\""));
	assert_false(has("and 0 more"));
}

static void test_sharing(void **state)
{
	(void)state;
	json_t *object = quiet();
	json_put(object, "sharing",
		json_pack("{s:b, s:i, s:i, s:i}", "works", 1, "since", NOW - 60, "relays", 49, "silent", 1));
	show(object);
	expect("<dt>Do the relays share what they know?</dt><dd><span class=\"good\">yes</span>, since ");
	expect("; relays seen: 49, <span class=\"bad\">silent: 1</span>");
	object = quiet();
	json_put(object, "sharing",
		json_pack("{s:b, s:i, s:i, s:i}", "works", 0, "since", NOW - 60, "relays", 0, "silent", 0));
	show(object);
	expect("<span class=\"bad\">no</span>, not since ");
	expect("<code>stsgate fleet test</code>");
	show(quiet());
	assert_false(has("Do the relays share"));
}

/* A domain whose every text wants to be markup. */
#define EVIL "\"'><script>alert(1)</script>\xe2\x80\xae"
static void test_hostile_texts_are_text(void **state)
{
	(void)state;
	json_t *object = quiet();
	json_put(object, "waiting",
		json_pack("{s:i, s:[{s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:i, s:i, s:i}]}", "count", 101, "domains",
			"domain", EVIL, "reason", EVIL, "sentence", EVIL, "advice", "`" EVIL "`", "hop", EVIL,
			"frontend", EVIL, "action", EVIL, "would", EVIL "x", "first_at", NOW - 300, "last_at", NOW - 60,
			"count", 3));
	json_put(object, "signs",
		json_pack("{s:i, s:[{s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:i, s:i, s:i, s:i}]}", "count", 1, "events",
			"domain", EVIL, "kind", EVIL, "severity", EVIL, "host", EVIL, "detail", EVIL, "sentence", EVIL,
			"advice", EVIL, "first_at", NOW - 300, "last_at", NOW, "count", 1, "number", 7));
	json_put(object, "overrides",
		json_pack("{s:i, s:[{s:s, s:s, s:s, s:s, s:i, s:i}, {s:s, s:s}]}", "count", 2, "overrides", "domain",
			EVIL, "kind", EVIL, "author", EVIL, "reason", EVIL, "ends_at", NOW + 60, "uses", 2, "domain",
			"*", "kind", "pass"));
	json_put(object, "hops", json_pack("{s:i, s:i, s:i}", "good", 5, "bad", 1, "unknown", 2));
	json_put(object, "networks",
		json_pack("{s:i, s:[{s:n, s:s, s:s, s:s, s:i, s:i, s:i}]}", "count", 1, "networks", "asn", "name", EVIL,
			"prefix", EVIL, "country", EVIL, "hops", 1, "good", 1, "bad", 0));
	json_put(object, "reports",
		json_pack("{s:s, s:b, s:i, s:i, s:i, s:i, s:[{s:s, s:s, s:s, s:s, s:i, s:i}]}", "tlsrpt", "collect",
			"sends", 1, "sent", 4, "waiting", 1, "oldest_due_at", NOW - 3600, "count", 1, "failed",
			"domain", EVIL, "address", EVIL, "state", EVIL, "detail", EVIL, "attempts", 2, "next_at",
			NOW + 60));
	json_t *plots = json_object_get(object, "plots");
	json_put(plots, "verdicts", json_pack("{s:[i,i]}", EVIL, 1, 2));
	json_put(plots, "answers", json_pack("{s:{s:[i,n], s:[i,n]}}", EVIL, "p50_us", 100, "p99_us", 200));
	show(object);
	assert_false(has("<script"));
	assert_false(has("'>"));
	for (const char *at = buffer; *at; at++)
		assert_true(*at == '\n' || (*at >= ' ' && *at <= '~'));
	expect("yes: 101 domains");
	expect("and 100 more: <code>stsgate list --held</code>");
	expect("<a href=\"/domain/%22%27%3E%3Cscript%3Ealert%281%29%3C%2Fscript%3E%E2%80%AE\">");
	expect("3 times, first at ");
	expect("once, at ");
	expect("event 7");
	expect("<span class=\"bad\">all domains</span>");
	expect("the oldest since <time datetime=\"2023-11-15T11:06:40Z\">");
}

static json_t *counts(const int *number, size_t count)
{
	json_t *array = json_made(json_array());
	for (size_t i = 0; i < count; i++)
		json_add(array, json_integer(number[i]));
	return array;
}

/* Reasons beyond those that have a place of their own are one area. Only reasons with advice are in the first plot. */
static void test_plots_have_the_most_frequent_reasons(void **state)
{
	static const char *const reasons[] = {"ok", "no-record", "mx-lookup-failed", "certificate-expired",
		"tls-too-old", "certificate-not-trusted", "starttls-not-supported", "hop-timeout", "hop-unreachable",
		"resolver-unavailable"};
	(void)state;
	json_t *object = quiet(), *verdicts = json_made(json_object());
	for (int i = 0; i < 10; i++)
		json_put(verdicts, reasons[i], counts((const int[]){100 - i, 0, i}, 3));
	json_put(json_object_get(object, "plots"), "verdicts", verdicts);
	show(object);
	const char *all = strstr(buffer, "<figcaption>All verdicts, by reason</figcaption>");
	const char *trouble = strstr(buffer, "<figcaption>Verdicts that call for action");
	assert_true(trouble && all && trouble < all);
	assert_null(strstr(all, ">tls-too-old</li>")); /* the totals are equal, so the names decide */
	assert_non_null(strstr(all, ">other reasons</li>"));
	size_t len = (size_t)(all - trouble);
	char *first = strndup(trouble, len);
	assert_null(strstr(first, ">ok</li>"));
	assert_null(strstr(first, ">other reasons</li>"));
	assert_non_null(strstr(first, ">mx-lookup-failed</li>"));
	free(first);
}

static void test_conditions_are_named(void **state)
{
	(void)state;
	json_t *object = quiet(), *relay = json_object_get(object, "state");
	json_put(relay, "healthy", json_false());
	json_put(relay, "conditions", json_pack("[s,s]", "clock-behind", "store-trouble"));
	show(object);
	expect("<span class=\"bad\">no: clock-behind store-trouble</span> (<code>stsgate doctor</code>");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_quiet_relay),
		cmocka_unit_test(test_sharing),
		cmocka_unit_test(test_hostile_texts_are_text),
		cmocka_unit_test(test_plots_have_the_most_frequent_reasons),
		cmocka_unit_test(test_conditions_are_named),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
