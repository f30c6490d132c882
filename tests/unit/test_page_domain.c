/* The page about a domain: what is known is on it, the same as in JSON, and nothing that a stranger wrote is markup. */
#include "cm.h"

#include "clock.h"
#include "config.h"
#include "page_domain.h"
#include "page_hosts.h"
#include "room.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PAGE_SIZE (1024 * 1024)
#define MARKUP "</td><script>alert(1)</script>"
#define MARKUP_SHOWN "&lt;/td&gt;&lt;script&gt;alert(1)&lt;/script&gt;"

static struct config *config;
static char page[PAGE_SIZE];

struct config *__wrap_check_config(struct check *check);
struct config *__wrap_check_config(struct check *check)
{
	(void)check;
	return config_ref(config);
}

/* --- the store ---------------------------------------------------------------------------------------------------- */

static void mx_make(struct entry *entry, void *arg)
{
	struct mx_found found = {.outcome = REASON_OK, .set = {.state = MX_LISTED, .ttl_s = 3600}};
	(void)arg;
	for (int i = 0; i < 5; i++) {
		char name[32];
		snprintf(name, sizeof name, "mx%d.used.example", i);
		found.set.preference[i] = (uint16_t)i;
		names_add(&found.set.names, name, strlen(name));
	}
	entry_learn_mx(entry, &found, clock_wall_s() - 60);
	mx_found_free(&found);
}

static void hop_make(struct hop_record *record, void *arg)
{
	struct evidence seen = {.at = clock_wall_s() - 60,
		.reason = REASON_CERT_UNTRUSTED,
		.protocol = 0x0304,
		.not_after = 1900000000,
		.requiretls = REQUIRETLS_OFFERED};
	(void)arg;
	snprintf(seen.text, sizeof seen.text, "%s", MARKUP);
	snprintf(seen.names, sizeof seen.names, "%s", MARKUP);
	snprintf(seen.issuers, sizeof seen.issuers, "\xe2\x80\xae %s", MARKUP);
	snprintf(seen.address, sizeof seen.address, "192.0.2.25");
	hop_record_learn(record, &seen);
}

static void verdict_put(struct store *store, enum reason reason, int64_t ago_s)
{
	struct verdict verdict = {.kind = VERDICT_FAIL_ENFORCE,
		.reason = reason,
		.domain = "used.example",
		.hop = "mx0.used.example",
		.has_policy = true,
		.mode = POLICY_ENFORCE,
		.policy_id = "20261101"};
	struct verdict_record record;
	verdict_record_init(&record, DOOR_MILTER, &verdict, clock_wall_s() - ago_s);
	record.deed = record.would = DEED_QUARANTINE;
	verdict_record_queue_id(&record, (struct span){"<b>id", 5});
	assert_true(store_note_verdicts(store, &record, 1, NULL));
}

static int store_make(void **state)
{
	static const enum reason reasons[] = {REASON_CERT_EXPIRED, REASON_CERT_UNTRUSTED, REASON_STARTTLS_MISSING};
	int status = room_make(state);
	struct store *store = room_open(16 * ROOM_BYTES, STORE_OWNER);
	struct failure why = {0};
	char place[300], *over[] = {place};
	const struct override override = {.kind = OVERRIDE_TAG,
		.domain = "used.example",
		.begins_at = clock_wall_s() - 60,
		.ends_at = clock_wall_s() + 3600,
		.author = MARKUP,
		.node = "relay1",
		.reason = MARKUP};
	snprintf(place, sizeof place, "store_path=%s", room);
	struct settings *settings = settings_read("/dev/null", false, over, 1, &why);
	config = settings ? config_new(settings, NULL, &why) : NULL;
	assert_non_null(config);
	assert_true(room_put(store, "used.example", KIND_USED, 500, &why));
	assert_true(store_change_entry(store, "used.example", mx_make, NULL, &why));
	assert_true(store_change_hop(store, "mx0.used.example", 25, hop_make, NULL, &why));
	assert_true(store_set_override(store, &override, NULL, &why));
	for (size_t i = 0; i < COUNT(reasons); i++)
		verdict_put(store, reasons[i], 600 - 60 * (int64_t)i);
	struct event_record event;
	event_record_init(&event, EVENT_CERTIFICATE_BROKE, "used.example", MARKUP, clock_wall_s() - 60);
	assert_true(store_note_event(store, &event, &why));
	store_close(&store);
	return status;
}

static int store_remove(void **state)
{
	config_unref(&config);
	return room_remove(state);
}

/* --- pages -------------------------------------------------------------------------------------------------------- */

static json_t *page_of(const char *name, size_t len, size_t rows)
{
	struct page_request request = {.route = PAGE_DOMAIN, .name_len = len};
	struct failure why = {0};
	struct text out;
	struct store *store = room_open(16 * ROOM_BYTES, STORE_GUEST);
	memcpy(request.name, name, len);
	assert_non_null(store);
	json_t *object = page_domain_json(&(struct page_parts){.store = store}, &request, rows, &why);
	assert_non_null(object);
	store_close(&store);
	text_init(&out, page, sizeof page);
	page_domain_html(&out, object);
	assert_false(out.cut);
	return object;
}

static void has(const char *part)
{
	if (!strstr(page, part))
		fail_msg("`%s` is not in\n%s", part, page);
}

static void lacks(const char *part)
{
	if (strstr(page, part))
		fail_msg("`%s` is in\n%s", part, page);
}

static void test_what_is_known_is_shown(void **state)
{
	json_t *object = page_of("Used.Example.", 13, 100);
	(void)state;
	has("<h1>used.example</h1>");
	has("<dt>What happens to a message now?</dt><dd><span class=\"bad\">fail-enforce</span>");
	has("<dt>Is its mail waiting?</dt><dd><span class=\"bad\">probably</span>: the milter put the message on hold, <time");
	has("<dt>Which policy is in force?</dt><dd>mode enforce, until <time");
	has("<dt>Override in force</dt><dd><span class=\"bad\">tag</span> until <time");
	has("<dt>The mail</dt><dd>the message stays in this relay&#39;s queue until somebody releases it");
	has("mx0.used.example offers no STARTTLS</span> <span class=\"ago\">[starttls-not-supported]");
	has("<code>openssl s_client -starttls smtp -connect mx0.used.example:25</code>");
	has("<dt>To look now</dt><dd><code>stsgate query used.example</code>");
	has("<dt>To release</dt><dd><code>postsuper -H QUEUEID &amp;&amp; postqueue -i QUEUEID</code>");
	has("<h3>certificate-broke, error, since <time");
	has("There are signs of an attack. Look into them before you let mail pass");
	has("<h3>mx0.used.example, port 25</h3>");
	has("presents a certificate that no trusted authority has issued</span> <span class=\"ago\">[certificate-not-trusted]");
	has("<dt>TLS</dt><dd>STARTTLS, TLSv1.3 , REQUIRETLS offered</dd>");
	has("A paragraph for the domain's postmaster</summary>\n<pre>On ");
	has("<dt>Map postfix</dt><dd><code>");
	assert_string_equal(json_string_value(json_object_get(object, "domain")), "used.example");
	assert_true(json_is_true(json_object_get(object, "known")));
	assert_int_equal(json_array_size(json_object_get(json_object_get(object, "why"), "verdicts")), 3);
	assert_string_equal(
		json_string_value(json_object_get(json_object_get(object, "stored"), "verdict")), "fail-enforce");
	json_decref(object);
}

static void test_strangers_write_no_markup(void **state)
{
	(void)state;
	json_decref(page_of("used.example", 12, 100));
	lacks("<script");
	lacks("<b>id");
	lacks("\xe2\x80\xae");
	has("<dt>Message</dt><dd>&quot;" MARKUP_SHOWN);
	has("<dt>Certificate for</dt><dd>&quot;" MARKUP_SHOWN);
	has("<dt>Issued by</dt><dd>&quot;\\x");
	has("set by &quot;" MARKUP_SHOWN "&quot; on relay1: &quot;" MARKUP_SHOWN);
	has("<dt>What was seen</dt><dd>" MARKUP_SHOWN);
	has("<code>&lt;b&gt;id</code>");
}

/* A strange name stays out of a command that somebody might paste into a shell. */
static void test_commands_have_plain_names_only(void **state)
{
	static const struct {
		const char *host, *html;
	} cases[] = {{"mx.example", "<dt>Here</dt><dd><code>ping mx.example</code></dd>\n"},
		{"x;reboot", "<dt>Here</dt><dd><code>ping HOST</code></dd>\n"},
		{"-f", "<dt>Here</dt><dd><code>ping HOST</code></dd>\n"},
		{"$(id)", "<dt>Here</dt><dd><code>ping HOST</code></dd>\n"}};
	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct text out;
		text_init(&out, page, sizeof page);
		page_advice(&out, "Here", "`ping HOST`", "used.example", cases[i].host);
		assert_string_equal(page, cases[i].html);
	}
}

static void test_lists_are_bounded(void **state)
{
	json_t *object = page_of("used.example", 12, 2), *left_out = json_object_get(object, "left_out");
	(void)state;
	assert_int_equal(json_array_size(json_object_get(json_object_get(object, "why"), "verdicts")), 2);
	assert_int_equal(json_array_size(json_object_get(json_object_get(object, "stored"), "mx")), 2);
	assert_int_equal(json_integer_value(json_object_get(left_out, "verdicts")), 1);
	assert_int_equal(json_integer_value(json_object_get(left_out, "mx")), 3);
	has("<p>and 1 more: <code>stsgate why used.example</code></p>");
	has("<p>and 3 more: <code>stsgate show used.example</code></p>");
	lacks("mx4.used.example");
	json_decref(object);
}

static void verdict_left(json_t *object, size_t i)
{
	json_t *verdict = json_array_get(json_object_get(json_object_get(object, "why"), "verdicts"), i);
	json_object_set_new(verdict, "action", json_string("tag"));
	json_object_set_new(verdict, "happened", json_string("the milter tagged it"));
}

static void page_again(const json_t *object)
{
	struct text out;
	text_init(&out, page, sizeof page);
	page_domain_html(&out, object);
}

/* The overview counts a domain whose mail a front end delayed, but not one whose mail was only left to the map. */
static void test_mail_waits_for_the_same_verdicts_as_in_the_overview(void **state)
{
	json_t *object = page_of("used.example", 12, 100);
	(void)state;
	verdict_left(object, 0);
	page_again(object);
	has("<dt>Is its mail waiting?</dt><dd><span class=\"bad\">probably</span>: the milter put the message on hold, <time");
	verdict_left(object, 1);
	verdict_left(object, 2);
	page_again(object);
	has("<dd>no verdict of the map delays it, but the map must still decide at delivery: the milter tagged it, <time");
	json_decref(object);
}

static void test_an_unknown_domain_is_looked_up_by_nobody(void **state)
{
	json_t *object = page_of("unknown.example", 15, 100);
	(void)state;
	assert_true(json_is_false(json_object_get(object, "known")));
	has("<h1>unknown.example</h1>");
	has("The store has no entry of this domain");
	has("<dt>Is its mail waiting?</dt><dd><span class=\"good\">no verdict of the last two hours delays it</span></dd>");
	has("<p>Nothing: stsgate has not delayed, held or tagged mail to this domain lately.");
	lacks("<dt>Here</dt>");
	lacks("id=\"hosts\"");
	json_decref(object);
}

static void test_names_that_are_no_domains(void **state)
{
	static const struct {
		const char *name;
		size_t len;
	} names[] = {{"<script>", 8}, {"user@used.example", 17}, {"used.example\0x", 14}, {"\xff\xfe.example", 10},
		{"localhost", 9}, {"192.0.2.1", 9}, {"[192.0.2.1]", 11}, {"a b.example", 11}, {"..", 2},
		{"used.example/", 13}, {"\xe2\x80\xae.example", 11}, {"%41.example", 11}};
	(void)state;
	for (size_t i = 0; i < COUNT(names); i++) {
		json_t *object = page_of(names[i].name, names[i].len, 100);
		if (!json_is_null(json_object_get(object, "domain")))
			fail_msg("%s is a domain", names[i].name);
		assert_null(json_object_get(object, "why"));
		has("<h1>No such domain</h1>");
		lacks("<script");
		lacks("\xe2\x80\xae");
		json_decref(object);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_what_is_known_is_shown),
		cmocka_unit_test(test_strangers_write_no_markup),
		cmocka_unit_test(test_commands_have_plain_names_only),
		cmocka_unit_test(test_lists_are_bounded),
		cmocka_unit_test(test_mail_waits_for_the_same_verdicts_as_in_the_overview),
		cmocka_unit_test(test_an_unknown_domain_is_looked_up_by_nobody),
		cmocka_unit_test(test_names_that_are_no_domains),
	};
	return cmocka_run_group_tests(tests, store_make, store_remove);
}
