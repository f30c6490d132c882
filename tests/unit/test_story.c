/* Stories of signs: lines, hosts, merging, what became of mail, their bytes, and the store's ring of them with the numbers
 * of events. */
#include "cm.h"

#include "event_json.h"
#include "room.h"
#include "story.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define AT INT64_C(1900000000)
#define HOUR 3600
#define DAY 86400

static struct event_record sign(enum event_kind kind, const char *domain, const char *detail, int64_t at)
{
	struct event_record event;
	event_record_init(&event, kind, domain, detail, at);
	return event;
}

/* --- lines and hosts ---------------------------------------------------------------------------------------------- */

static void the_middle_is_left_out(void **state)
{
	struct story_lines lines = {.count = 0};
	char text[32];
	(void)state;
	for (int i = 0; i < 100; i++) {
		snprintf(text, sizeof text, "line %d", i);
		story_add_line(&lines, AT + i, text);
	}
	assert_int_equal(lines.count, STORY_LINES_MAX);
	assert_int_equal(lines.left_out, 100 - STORY_LINES_MAX);
	assert_string_equal(lines.line[0].text, "line 0");
	assert_string_equal(lines.line[STORY_LINES_MAX / 2 - 1].text, "line 11");
	assert_string_equal(lines.line[STORY_LINES_MAX / 2].text, "line 88");
	assert_string_equal(lines.line[STORY_LINES_MAX - 1].text, "line 99");
}

static void lines_are_printable(void **state)
{
	struct story_lines lines = {.count = 0};
	char text[2 * STORY_LINE_SIZE];
	(void)state;
	memset(text, '\033', sizeof text - 1);
	text[sizeof text - 1] = '\0';
	story_add_line(&lines, AT, text);
	assert_int_equal(strlen(lines.line[0].text), STORY_LINE_SIZE - 1);
	assert_int_equal(strspn(lines.line[0].text, "?"), STORY_LINE_SIZE - 1);
}

static void hosts_are_listed_once(void **state)
{
	char hosts[STORY_HOSTS_SIZE] = "", host[DOMAIN_SIZE], name[DOMAIN_SIZE];
	const char *rest = hosts;
	uint16_t port;
	(void)state;
	story_add_host(hosts, "", 0);
	story_add_host(hosts, "mx1.example", 25);
	story_add_host(hosts, "mx1.example", 25);
	story_add_host(hosts, "mx1.example", 465);
	story_add_host(hosts, "x1.example", 25);
	assert_string_equal(hosts, "mx1.example:25 mx1.example:465 x1.example:25");
	assert_true(story_next_host(&rest, host, &port));
	assert_string_equal(host, "mx1.example");
	assert_int_equal(port, 25);
	assert_true(story_next_host(&rest, host, &port) && port == 465);
	assert_true(story_next_host(&rest, host, &port) && !story_next_host(&rest, host, &port));
	for (int i = 0; i < 100; i++) {
		snprintf(name, sizeof name, "a-rather-long-name-of-a-host-%d.example", i);
		story_add_host(hosts, name, 25);
	}
	assert_true(strlen(hosts) < STORY_HOSTS_SIZE);
	assert_string_equal(strrchr(hosts, ' '), " " STORY_HOSTS_MORE);
}

/* --- merging ------------------------------------------------------------------------------------------------------ */

static void what_was_before_stays(void **state)
{
	struct event_record event = sign(EVENT_STARTTLS_LOST, "a.example", "mx1 offers no STARTTLS", AT);
	struct story *first, *second, *third;
	(void)state;
	snprintf(event.host, sizeof event.host, "mx1.a.example");
	event.port = 25;
	first = story_new(&event);
	snprintf(event.host, sizeof event.host, "mx2.a.example");
	second = story_new(&event);
	third = story_new(&event);
	first->before.at = AT - DAY;
	first->before_look.at = AT - DAY;
	first->now_look.at = AT;
	first->mail[FATE_DELAYED] = 2;
	snprintf(first->dns_before, sizeof first->dns_before, "old");
	second->before.at = AT - HOUR;
	second->now.at = second->now_look.at = AT + 1;
	second->mail[FATE_DELAYED] = UINT32_MAX - 1;
	snprintf(second->dns_before, sizeof second->dns_before, "newer");
	snprintf(second->dns_now, sizeof second->dns_now, "now");
	story_add_line(&second->lines, AT + 5, "another line");
	third->now_look.at = AT + 2;
	story_merge(first, second);
	story_merge(first, third);
	assert_true(first->before.at == AT - DAY && first->before_look.at == AT - DAY);
	assert_true(first->first_look.at == AT && first->now_look.at == AT + 2 && first->now.at == AT + 1);
	assert_string_equal(first->dns_before, "old");
	assert_string_equal(first->dns_now, "now");
	assert_string_equal(first->hosts, "mx1.a.example:25 mx2.a.example:25");
	assert_true(first->mail[FATE_DELAYED] == UINT32_MAX);
	assert_int_equal(first->lines.count, 2); /* the same detail again is no new line */
	assert_string_equal(first->lines.line[1].text, "another line");
	free(first);
	free(second);
	free(third);
}

/* --- what became of mail ------------------------------------------------------------------------------------------ */

static void fates(void **state)
{
	static const struct {
		enum verdict_door door;
		enum verdict_kind kind;
		enum reason reason;
		enum deed deed;
		bool bound, mta_enforces;
		enum story_fate fate;
	} rows[] = {
		{DOOR_MILTER, VERDICT_FAIL_ENFORCE, REASON_STARTTLS_MISSING, DEED_DEFER, false, false, FATE_DELAYED},
		{DOOR_MILTER, VERDICT_DEFER, REASON_STARTTLS_MISSING, DEED_QUARANTINE, false, true, FATE_DELAYED},
		{DOOR_MILTER, VERDICT_FAIL_ENFORCE, REASON_STARTTLS_MISSING, DEED_TAG, false, false, FATE_OPEN},
		{DOOR_MILTER, VERDICT_FAIL_ENFORCE, REASON_STARTTLS_MISSING, DEED_ACCEPT, false, true, FATE_LEFT},
		{DOOR_MILTER, VERDICT_PASS, REASON_OK, DEED_ACCEPT, false, false, FATE_CHECKED},
		{DOOR_MILTER, VERDICT_PASS, REASON_OK, DEED_ACCEPT, false, true, FATE_LEFT},
		{DOOR_DELEGATION, VERDICT_PASS, REASON_OVERRIDE, DEED_ACCEPT, false, false, FATE_OPEN},
		{DOOR_DELEGATION, VERDICT_FAIL_TESTING, REASON_STARTTLS_MISSING, DEED_TAG, false, false, FATE_OPEN},
		{DOOR_DELEGATION, VERDICT_NONE, REASON_OK, DEED_ACCEPT, false, false, FATE_OPEN},
		{DOOR_MAP, VERDICT_PASS, REASON_OK, DEED_ACCEPT, true, true, FATE_BOUND},
		{DOOR_MAP, VERDICT_PASS, REASON_OK, DEED_ACCEPT, false, true, FATE_OPEN},
		{DOOR_MAP, VERDICT_NONE, REASON_OK, DEED_ACCEPT, false, true, FATE_OPEN},
		{DOOR_MAP, VERDICT_DEFER, REASON_FIRST_CONTACT, DEED_TEMP, false, true, FATE_DELAYED},
	};
	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct verdict verdict = {.kind = rows[i].kind, .reason = rows[i].reason};
		if (story_fate(rows[i].door, &verdict, rows[i].deed, rows[i].bound, rows[i].mta_enforces) !=
			rows[i].fate)
			fail_msg("row %zu", i);
	}
}

static void words_of_the_end(void **state)
{
	static const struct {
		uint32_t delayed, bound, checked, open;
		int64_t seconds;
		unsigned quiet_days;
		uint32_t gaps;
		const char *text;
	} rows[] = {
		{17, 0, 0, 0, 43 * 60 + 7, 0, 0,
			"over after 43 minutes: mail was delayed 17 times, none of it sent in the clear"},
		{1, 4, 0, 0, 119, 0, 0,
			"over after 119 seconds: mail was delayed once and bound to verified TLS 4 times, none of it "
			"sent in the clear"},
		{0, 0, 0, 0, 1, 0, 0, "over after 1 second: no mail was due meanwhile"},
		{0, 0, 3, 0, 2 * HOUR, 0, 0,
			"over after 2 hours: mail was let pass after a good check 3 times, none of it let pass unchecked"},
		{17, 0, 0, 2, 43 * 60, 0, 0,
			"over after 43 minutes: mail was delayed 17 times and let pass without a guarantee of TLS 2 "
			"times"},
		{4294967295U, 4294967295U, 4294967295U, 4294967295U, 3000 * (int64_t)DAY, 30, 0,
			"over after 3000 days, the last 30 days without it: mail was delayed 4294967295 times, bound "
			"to verified TLS 4294967295 times, let pass after a good check 4294967295 times and let pass "
			"without a guarantee of TLS 4294967295 times"},
		{2, 0, 0, 0, 60, 0, 1,
			"over after 60 seconds: mail was delayed 2 times, none of it sent in the clear; for some "
			"of that time mail was not counted"},
		{0, 0, 0, 0, 60, 0, 2,
			"over after 60 seconds: no mail was counted; for some of that time mail was not counted"},
		{0, 0, 0, 0, -5, 1, 0, "over after 0 seconds, the last 24 hours without it: no mail was due meanwhile"},
	};
	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		static struct story story = {.event.domain = "example.com"};
		story.gaps = rows[i].gaps;
		story.mail[FATE_DELAYED] = rows[i].delayed;
		story.mail[FATE_BOUND] = rows[i].bound;
		story.mail[FATE_CHECKED] = rows[i].checked;
		story.mail[FATE_OPEN] = rows[i].open;
		char buffer[EVENT_DETAIL_SIZE];
		struct text text;
		text_init(&text, buffer, sizeof buffer);
		story_over_text(&text, &story, rows[i].seconds, rows[i].quiet_days);
		assert_string_equal(buffer, rows[i].text);
	}
	/* What is about this machine has no mail of its own. */
	static const struct story of_machine = {.mail = {1, 1, 1, 1}};
	char buffer[EVENT_DETAIL_SIZE];
	struct text text;
	text_init(&text, buffer, sizeof buffer);
	story_over_text(&text, &of_machine, 300, 0);
	assert_string_equal(buffer, "over after 5 minutes");
}

/* --- bytes -------------------------------------------------------------------------------------------------------- */

static void fill(char *text, size_t size)
{
	memset(text, 'a', size - 1);
	text[size - 1] = '\0';
}
#define FILL(member) fill(member, sizeof(member))

static void look_fill(struct look *look, int64_t at)
{
	look->at = at;
	FILL(look->greeting);
	FILL(look->ehlo);
	FILL(look->ehlo_tls);
	FILL(look->ehlo_name);
	FILL(look->fingerprint);
	FILL(look->spki);
	FILL(look->serial);
	FILL(look->authority);
	FILL(look->chain);
	FILL(look->dns);
	FILL(look->as_name);
}

static void evidence_fill(struct evidence *evidence)
{
	evidence->at = AT;
	evidence->chain = 10;
	evidence->not_before = evidence->not_after = AT;
	evidence->reason = REASON_CERT_EXPIRED;
	FILL(evidence->cipher);
	FILL(evidence->names);
	FILL(evidence->issuers);
	FILL(evidence->text);
	FILL(evidence->seen_for);
}

static struct story *largest(void)
{
	struct event_record event = sign(EVENT_CERTIFICATE_BROKE, "", "", AT);
	FILL(event.domain);
	FILL(event.detail);
	FILL(event.host);
	event.port = 65535;
	event.number = UINT32_MAX;
	struct story *story = story_new(&event);
	evidence_fill(&story->before);
	evidence_fill(&story->now);
	look_fill(&story->before_look, AT);
	look_fill(&story->now_look, AT);
	look_fill(&story->first_look, AT);
	FILL(story->dns_before);
	FILL(story->dns_now);
	FILL(story->clock);
	FILL(story->hosts);
	while (story->lines.count < STORY_LINES_MAX || story->lines.left_out == 0)
		story_add_line(&story->lines, AT, event.detail);
	for (int i = 0; i < STORY_FATES; i++)
		story->mail[i] = UINT32_MAX;
	return story;
}

/* The largest story that a hostile host can cause is cut to the limit, and keeps what identifies the certificate. */
static void the_largest_story_fits(void **state)
{
	struct story *story = largest(), *back = calloc(1, sizeof *back);
	struct bytes bytes = story_encode(story);
	(void)state;
	assert_true(bytes.len <= STORY_BYTES_MAX);
	assert_true(story_decode(back, bytes.at, bytes.len));
	assert_string_equal(back->now_look.fingerprint, story->now_look.fingerprint);
	assert_string_equal(back->before_look.spki, story->before_look.spki);
	assert_string_equal(back->now.issuers, story->now.issuers);
	assert_string_equal(back->event.detail, story->event.detail);
	assert_true(back->lines.count >= 8);
	assert_int_equal(back->lines.count + back->lines.left_out, story->lines.count + story->lines.left_out);
	free(bytes.at);
	free(story);
	free(back);
}

static void bytes_come_back(void **state)
{
	struct event_record event = sign(EVENT_STARTTLS_LOST, "a.example", "detail", AT);
	struct story *story, *back = calloc(1, sizeof *back);
	(void)state;
	event.number = 7;
	story = story_new(&event);
	story_add_line(&story->lines, AT + 1, "second");
	story->before.at = AT - 1;
	story->now_look.at = AT;
	snprintf(story->now_look.ehlo, sizeof story->now_look.ehlo, "250-mx\n250 SIZE");
	story->mail[FATE_OPEN] = 3;
	struct bytes bytes = story_encode(story);
	assert_true(story_decode(back, bytes.at, bytes.len));
	assert_memory_equal(story, back, sizeof *story);
	for (size_t i = 0; i < bytes.len; i++) {
		bytes.at[i] ^= 0x20;
		assert_false(story_decode(back, bytes.at, bytes.len));
		bytes.at[i] ^= 0x20;
		assert_false(story_decode(back, bytes.at, i));
	}
	free(bytes.at);
	free(story);
	free(back);
}

/* --- events as JSON ----------------------------------------------------------------------------------------------- */

static void any_event_fits_as_json(void **state)
{
	char buffer[EVENT_JSON_SIZE];
	struct text text;
	(void)state;
	for (int kind = 0; kind < EVENT_KIND_COUNT; kind++) {
		struct event_record event = sign((enum event_kind)kind, "", "", FIELDS_TIME_MAX);
		FILL(event.domain);
		FILL(event.host);
		memset(event.detail, '"', sizeof event.detail - 1);
		event.number = event.part_of = event.count = UINT32_MAX;
		event.port = UINT16_MAX;
		event.over_at = FIELDS_TIME_MAX;
		text_init(&text, buffer, sizeof buffer);
		event_json(&text, &event);
		assert_false(text.cut);
	}
	struct event_record event = sign(EVENT_SIGNS_OVER, "a.example", "a \"b\\c\"", 5);
	text_init(&text, buffer, sizeof buffer);
	event_json(&text, &event);
	assert_non_null(strstr(buffer,
		"{\"number\": null, \"kind\": \"signs-over\", \"severity\": \"info\", \"domain\": "
		"\"a.example\", \"host\": null, \"port\": null, \"first_at\": 5, \"last_at\": 5, "
		"\"over_at\": null, \"part_of\": null, \"count\": 1, \"detail\": \"a \\\"b\\\\c\\\"\", "));
}

/* --- the store: numbers and the ring ------------------------------------------------------------------------------ */

static uint32_t noted(struct store *store, enum event_kind kind, const char *domain, int64_t at)
{
	struct event_record event = sign(kind, domain, "detail", at);
	assert_true(store_note_event(store, &event, NULL));
	return event.number;
}

static void over_set(struct story *story, void *arg)
{
	story->event.over_at = *(int64_t *)arg;
	story_add_line(&story->lines, *(int64_t *)arg, "over");
}

static bool has_story(struct store *store, uint32_t number, struct story *out)
{
	return store_story(store, number, out, NULL) == STORE_FOUND;
}

static void numbers_rise_and_are_kept(void **state)
{
	struct store *store = room_open(ROOM_BYTES, STORE_OWNER);
	struct event_record event = sign(EVENT_STARTTLS_LOST, "a.example", "again", AT + HOUR);
	struct story *story = calloc(1, sizeof *story);
	int64_t over_at = AT + 2 * HOUR;
	uint32_t number = 0;
	(void)state;
	assert_true(store_event_number(store, &number, NULL) && number == 0);
	assert_int_equal(noted(store, EVENT_STARTTLS_LOST, "a.example", AT), 1);
	assert_int_equal(noted(store, EVENT_STARTTLS_LOST, "b.example", AT), 2);
	assert_int_equal(noted(store, EVENT_HOP_SILENT, "a.example", AT), 3);
	assert_true(store_note_event(store, &event, NULL)); /* merged: what is stored comes back */
	assert_true(event.number == 1 && event.count == 2 && event.first_at == AT);
	assert_true(has_story(store, 1, story));
	assert_true(story->event.count == 2 && story->lines.count == 2);
	assert_false(has_story(store, 3, story)); /* no sign */
	store_close(&store);
	store = room_open(ROOM_BYTES, STORE_OWNER);
	/* Over: the next one is new, and the old story stays. One that was noted before the end still belongs to it. */
	assert_true(store_change_story(store, &event, over_set, &over_at, NULL));
	assert_int_equal(noted(store, EVENT_STARTTLS_LOST, "a.example", over_at), 1);
	assert_int_equal(noted(store, EVENT_STARTTLS_LOST, "a.example", AT + 3 * HOUR), 4);
	assert_true(has_story(store, 1, story));
	assert_true(story->event.over_at == over_at && story->lines.count == 3);
	assert_true(has_story(store, 4, story) && story->event.over_at == 0 && story->event.count == 1);
	/* So is one that comes after a quiet day, whatever its kind. */
	assert_int_equal(noted(store, EVENT_STARTTLS_LOST, "b.example", AT + DAY - 1), 2);
	assert_int_equal(noted(store, EVENT_STARTTLS_LOST, "b.example", AT + 2 * DAY - 1), 5);
	assert_true(has_story(store, 2, story) && story->event.over_at == AT + 2 * DAY - 1);
	assert_string_equal(story->lines.line[1].text, "not seen for a day; it goes on as event 5");
	assert_int_equal(noted(store, EVENT_HOP_SILENT, "a.example", AT + DAY), 6);
	assert_true(store_event_number(store, &number, NULL) && number == 6);
	free(story);
	store_close(&store);
}

static void over_reaches_the_event(void **state)
{
	struct store *store = room_open(ROOM_BYTES, STORE_OWNER);
	struct event_record event = sign(EVENT_RECORD_GONE, "a.example", "d", AT), other = event;
	int64_t over_at = AT + 5;
	size_t count;
	(void)state;
	assert_true(store_note_event(store, &event, NULL));
	other.number = 77; /* an event that is not there: nothing happens */
	assert_true(store_change_story(store, &other, over_set, &over_at, NULL));
	struct event_record *events = store_events(store, &count, NULL);
	assert_true(count == 1 && events[0].over_at == 0 && events[0].number == 1);
	free(events);
	assert_true(store_change_story(store, &event, over_set, &over_at, NULL));
	events = store_events(store, &count, NULL);
	assert_true(count == 1 && events[0].over_at == over_at);
	free(events);
	/* A story that is over does not end the event that has taken the place of its own. */
	assert_int_equal(noted(store, EVENT_RECORD_GONE, "a.example", AT + 9), 2);
	assert_true(store_change_story(store, &event, over_set, &over_at, NULL));
	events = store_events(store, &count, NULL);
	assert_true(count == 1 && events[0].number == 2 && events[0].over_at == 0);
	free(events);
	store_close(&store);
}

/* A flood of signs fills neither table beyond its limit, and numbers are not used again after eviction. */
static void a_flood_of_signs(void **state)
{
	enum { FLOOD = EVENTS_MAX + 30 };
	struct store *store = room_open(256 * ROOM_BYTES, STORE_OWNER);
	struct story *story = calloc(1, sizeof *story);
	char domain[32];
	(void)state;
	for (int i = 0; i < FLOOD; i++) {
		snprintf(domain, sizeof domain, "d%d.example", i);
		assert_int_equal(noted(store, EVENT_STARTTLS_LOST, domain, AT + i), i + 1);
	}
	assert_false(has_story(store, FLOOD - STORIES_MAX, story));
	assert_true(has_story(store, FLOOD - STORIES_MAX + 1, story));
	assert_true(store_forget_events(store, AT + FLOOD - 10, NULL));
	store_close(&store);
	assert_int_equal(room_records("events"), 10);
	assert_int_equal(room_records("stories"), 10);
	store = room_open(256 * ROOM_BYTES, STORE_OWNER);
	assert_int_equal(noted(store, EVENT_STARTTLS_LOST, "d0.example", AT + FLOOD), FLOOD + 1);
	free(story);
	store_close(&store);
}

/* Stories of the largest size stay within their share of a small store. */
static void large_stories_in_a_small_store(void **state)
{
	struct store *store = room_open(ROOM_BYTES, STORE_OWNER);
	struct story *story = largest();
	(void)state;
	for (int i = 0; i < 40; i++) {
		struct event_record event = sign(EVENT_STARTTLS_LOST, "", "d", AT + i);
		snprintf(event.domain, sizeof event.domain, "d%d.example", i);
		assert_true(store_note_sign(store, &event, story, NULL));
	}
	store_close(&store);
	assert_in_range(room_records("stories"), 2, ROOM_BYTES / 32 / 6000);
	free(story);
}

/* --- concurrency -------------------------------------------------------------------------------------------------- */

enum { THREADS = 4, EACH = 50 };
static struct store *shared;
static uint32_t numbers[THREADS * EACH];

static void *many_noted(void *arg)
{
	uint32_t *out = arg;
	char domain[32];
	for (int i = 0; i < EACH; i++) {
		snprintf(domain, sizeof domain, "d%d-%d.example", (int)(out - numbers), i);
		out[i] = noted(shared, EVENT_STARTTLS_LOST, domain, AT);
	}
	return NULL;
}

static int compare(const void *a, const void *b)
{
	const uint32_t *x = a, *y = b;
	return (*x > *y) - (*x < *y);
}

static void threads_share_no_number(void **state)
{
	pthread_t thread[THREADS];
	(void)state;
	shared = room_open(64 * ROOM_BYTES, STORE_OWNER);
	for (int i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&thread[i], NULL, many_noted, numbers + (size_t)i * EACH), 0);
	for (int i = 0; i < THREADS; i++)
		pthread_join(thread[i], NULL);
	qsort(numbers, COUNT(numbers), sizeof *numbers, compare);
	for (uint32_t i = 0; i < COUNT(numbers); i++)
		assert_int_equal(numbers[i], i + 1);
	store_close(&shared);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_middle_is_left_out),
		cmocka_unit_test(lines_are_printable),
		cmocka_unit_test(hosts_are_listed_once),
		cmocka_unit_test(what_was_before_stays),
		cmocka_unit_test(fates),
		cmocka_unit_test(words_of_the_end),
		cmocka_unit_test(the_largest_story_fits),
		cmocka_unit_test(bytes_come_back),
		cmocka_unit_test(any_event_fits_as_json),
		cmocka_unit_test_setup_teardown(numbers_rise_and_are_kept, room_make, room_remove),
		cmocka_unit_test_setup_teardown(over_reaches_the_event, room_make, room_remove),
		cmocka_unit_test_setup_teardown(a_flood_of_signs, room_make, room_remove),
		cmocka_unit_test_setup_teardown(large_stories_in_a_small_store, room_make, room_remove),
		cmocka_unit_test_setup_teardown(threads_share_no_number, room_make, room_remove),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
