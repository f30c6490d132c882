/* Events: their bytes, the store's ring of events, and how they get there. */
#include "cm.h"

#include "clock.h"
#include "events.h"
#include "fake_log.h"
#include "fields.h"
#include "metrics.h"
#include "room.h"
#include "world.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static struct event_record happened(enum event_kind kind, const char *domain, const char *detail, int64_t at)
{
	struct event_record event;

	event_record_init(&event, kind, domain, detail, at);
	return event;
}

static void kinds_are_told_apart(void **state)
{
	(void)state;
	for (int i = 0; i < EVENT_KIND_COUNT; i++) {
		enum event_kind kind = (enum event_kind)i;

		assert_true(strlen(event_sentence(kind)) > 20 && strlen(event_advice(kind)) > 20);
		for (int k = 0; k < i; k++) {
			assert_int_not_equal(event_number((enum event_kind)k), event_number(kind));
			assert_string_not_equal(event_name((enum event_kind)k), event_name(kind));
		}
	}
	assert_int_equal(event_number(EVENT_REFRESH_FAILING), 1); /* the store keeps kinds by number */
	assert_int_equal(event_number(EVENT_FILE_MOVED_ASIDE), 5);
}

static void bytes_come_back(void **state)
{
	struct event_record event = happened(EVENT_REFRESH_FAILING, "example.com", "a\tb\x80", 1900000000), back;
	struct bytes bytes;

	(void)state;
	assert_string_equal(event.detail, "a?b?");
	event.count = 7;
	event.first_at = 1800000000;
	bytes = event_encode(&event);
	assert_true(event_decode(&back, bytes.at, bytes.len));
	assert_int_equal(back.kind, EVENT_REFRESH_FAILING);
	assert_string_equal(back.domain, "example.com");
	assert_string_equal(back.detail, "a?b?");
	assert_true(back.first_at == event.first_at && back.last_at == event.last_at && back.count == 7);
	for (size_t i = 0; i < bytes.len; i++) {
		bytes.at[i] ^= 0x20;
		assert_false(event_decode(&back, bytes.at, bytes.len));
		bytes.at[i] ^= 0x20;
		assert_false(event_decode(&back, bytes.at, i));
	}
	free(bytes.at);
}

/* Makes the bytes of an event with any members, valid or not. */
static struct bytes crafted(uint16_t number, const char *domain, const char *detail, int64_t last_at)
{
	struct fields_out out;
	size_t begun;

	fields_frame_begin(&out, "STSV", 1);
	begun = fields_begin(&out, 1);
	fields_number(&out, number, 2);
	fields_end(&out, begun);
	begun = fields_begin(&out, 2);
	fields_bytes(&out, domain, strlen(domain));
	fields_end(&out, begun);
	begun = fields_begin(&out, 3);
	fields_bytes(&out, detail, strlen(detail));
	fields_end(&out, begun);
	begun = fields_begin(&out, 5);
	fields_number(&out, (uint64_t)last_at, 8);
	fields_end(&out, begun);
	begun = fields_begin(&out, 6);
	fields_number(&out, 1, 4);
	fields_end(&out, begun);
	fields_frame_end(&out);
	return (struct bytes){out.at, out.len};
}

static void hostile_bytes_are_no_event(void **state)
{
	static const struct {
		uint16_t number;
		const char *domain, *detail;
		int64_t last_at;
		bool good;
	} rows[] = {
		{1, "a.example", "d", 5, true},
		{0, "a.example", "d", 5, false},
		{99, "a.example", "d", 5, false}, /* of a later version */
		{1, "a.example", "\033[2J", 5, false},
		{1, "A b", "d", 5, false},
		{1, "a.example", "d", -5, false},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct event_record event;
		struct bytes bytes = crafted(rows[i].number, rows[i].domain, rows[i].detail, rows[i].last_at);

		if (event_decode(&event, bytes.at, bytes.len) != rows[i].good)
			fail_msg("row %zu", i);
		free(bytes.at);
	}
}

static size_t noted(struct store *store, struct event_record *first)
{
	struct failure why;
	size_t count;
	struct event_record *events = store_events(store, &count, &why);

	assert_non_null(events);
	for (size_t i = 1; i < count; i++)
		assert_true(events[i - 1].last_at <= events[i].last_at);
	if (count > 0)
		*first = events[0];
	free(events);
	return count;
}

static void the_ring_merges_and_lasts(void **state)
{
	struct store *store = room_open(ROOM_BYTES, STORE_OWNER);
	struct event_record event = happened(EVENT_REFRESH_FAILING, "a.example", "first", 1000), first;

	(void)state;
	assert_int_equal(noted(store, &first), 0);
	assert_true(store_note_event(store, &event, NULL));
	event = happened(EVENT_REFRESH_FAILING, "a.example", "second", 2000);
	event.count = 3;
	assert_true(store_note_event(store, &event, NULL));
	event = happened(EVENT_STORE_TROUBLE, "a.example", "other kind", 3000);
	assert_true(store_note_event(store, &event, NULL));
	store_close(&store);
	store = room_open(ROOM_BYTES, STORE_OWNER);
	assert_int_equal(noted(store, &first), 2);
	assert_string_equal(first.detail, "second");
	assert_true(first.count == 4 && first.first_at == 1000 && first.last_at == 2000);
	assert_true(store_forget_events(store, 2001, NULL));
	assert_int_equal(noted(store, &first), 1);
	assert_int_equal(first.kind, EVENT_STORE_TROUBLE);
	store_close(&store);
}

static void the_oldest_goes(void **state)
{
	struct store *store = room_open(64 * ROOM_BYTES, STORE_OWNER);
	struct event_record first;
	char domain[32];

	(void)state;
	for (int i = 0; i < EVENTS_MAX + 5; i++) {
		snprintf(domain, sizeof domain, "d%d.example", i);
		struct event_record event = happened(EVENT_REFRESH_FAILING, domain, "d", 1000 + (i * 7) % 2000);
		if (i == 3)
			event.last_at = event.first_at = 1; /* by far the oldest, but not the first in the ring */
		assert_true(store_note_event(store, &event, NULL));
	}
	assert_int_equal(noted(store, &first), EVENTS_MAX);
	assert_true(first.last_at >= 1000);
	store_close(&store);
	assert_int_equal(room_records("events"), EVENTS_MAX);
}

/* A small store that is full of entries that may not be evicted accepts events nevertheless, up to their quota. */
static void a_full_store_takes_events(void **state)
{
	struct store *store = room_open(ROOM_BYTES, STORE_OWNER);
	struct event_record first;
	struct failure why;
	struct stat file;
	char domain[64], detail[EVENT_DETAIL_SIZE];
	size_t count;
	int stored = 0;

	(void)state;
	do
		snprintf(domain, sizeof domain, "u%d.example", stored++);
	while (room_put(store, domain, KIND_USED, 3000, &why));
	memset(detail, 'd', sizeof detail - 1);
	detail[sizeof detail - 1] = '\0';
	for (int i = 0; i < 500; i++) {
		snprintf(domain, sizeof domain, "e%d.example", i);
		struct event_record event = happened(EVENT_REFRESH_FAILING, domain, detail, 1000 + i);
		if (!store_note_event(store, &event, &why))
			fail_msg("event %d: %s", i, why.text);
	}
	count = noted(store, &first);
	assert_in_range(count, 10, ROOM_BYTES / 32 / 500);
	assert_int_equal(first.last_at, 1000 + 500 - (int)count);
	assert_true(room_put(store, "u0.example", KIND_USED, 3010, &why)); /* a stored entry can be renewed */
	store_close(&store);
	assert_int_equal(stat(room_file(STORE_FILE), &file), 0);
	assert_true((uint64_t)file.st_size <= ROOM_BYTES / 4 * 5 + 4096);
}

static void unreadable_records_are_left_out(void **state)
{
	struct store *store = room_open(ROOM_BYTES, STORE_OWNER);
	struct event_record event = happened(EVENT_REFRESH_FAILING, "a.example", "d", 1000), first;

	(void)state;
	assert_true(store_note_event(store, &event, NULL));
	store_close(&store);
	room_write("events", "\1junk", 5, "junk");
	store = room_open(ROOM_BYTES, STORE_OWNER);
	assert_int_equal(noted(store, &first), 1);
	assert_string_equal(first.domain, "a.example");
	store_close(&store);
}

static uint32_t stored_count(struct store *store)
{
	struct event_record first = {.count = 0};

	noted(store, &first);
	return first.count;
}

static bool was_said(const char *text)
{
	static char said[FAKE_LOG_SIZE];

	fake_log_copy(said);
	return strstr(said, text) != NULL;
}

static void once_a_minute(void **state)
{
	struct store *store = room_open(ROOM_BYTES, STORE_OWNER);
	struct events *events = events_new(store);
	uint64_t before = metrics_read(METRIC_EVENTS, EVENT_STORE_TROUBLE, 0, 0);

	(void)state;
	fake_log_forget();
	assert_true(events_note(events, EVENT_STORE_TROUBLE, "", "one"));
	assert_int_equal(stored_count(store), 0); /* noting an event does not wait for the store */
	events_write(events, false);
	assert_int_equal(stored_count(store), 1);
	assert_true(was_said("error: event=store-trouble count=1 "));
	assert_false(events_note(events, EVENT_STORE_TROUBLE, "", "2nd of it"));
	assert_false(events_note(events, EVENT_STORE_TROUBLE, "", "3rd of it"));
	assert_true(events_note(events, EVENT_REFRESH_FAILING, "a.example", "another"));
	assert_true(was_said("warning: event=refresh-failing domain=a.example count=1 "));
	events_write(events, false);
	assert_int_equal(stored_count(store), 1);
	assert_false(was_said("2nd of it") || was_said("3rd of it"));
	world_advance(60);
	events_write(events, false);
	assert_true(events_note(events, EVENT_STORE_TROUBLE, "", "four"));
	assert_true(was_said("count=3 "));
	events_free(&events); /* events that wait for their minute are written at the end */
	struct event_record first;
	assert_int_equal(noted(store, &first), 2);
	assert_string_equal(first.detail, "another");
	assert_true(store_forget_events(store, first.last_at + 1, NULL));
	assert_int_equal(noted(store, &first), 1);
	assert_true(first.count == 4 && strcmp(first.detail, "four") == 0);
	assert_int_equal(metrics_read(METRIC_EVENTS, EVENT_STORE_TROUBLE, 0, 0) - before, 4);
	store_close(&store);
}

/* A mild event does not keep a worse one of its kind and domain out of the log. */
static void what_is_worse_is_logged(void **state)
{
	struct store *store = room_open(ROOM_BYTES, STORE_OWNER);
	struct events *events = events_new(store);
	struct event_record event = happened(EVENT_CERTIFICATE_BROKE, "a.example", "expired", clock_wall_s());
	(void)state;
	fake_log_forget();
	event.severity = EVENT_WARNING;
	assert_true(events_note_sign(events, &event, NULL));
	event = happened(EVENT_CERTIFICATE_BROKE, "a.example", "of another owner", clock_wall_s());
	event.severity = EVENT_ERROR;
	assert_true(events_note_sign(events, &event, NULL));
	assert_true(was_said("error: event=certificate-broke domain=a.example count=1 "));
	assert_false(events_note_sign(events, &event, NULL));
	event.severity = EVENT_WARNING;
	assert_false(events_note_sign(events, &event, NULL));
	events_free(&events);
	store_close(&store);
}

/* More events at a time than memory holds: none is lost. */
static void none_is_lost(void **state)
{
	enum { MANY = 3 * EVENTS_PENDING_MAX, TWICE = 2 };
	struct store *store = room_open(64 * ROOM_BYTES, STORE_OWNER);
	struct events *events = events_new(store);
	struct failure why;
	uint64_t sum = 0;
	size_t count;

	(void)state;
	for (int i = 0; i < TWICE * MANY; i++) {
		char domain[32];

		snprintf(domain, sizeof domain, "d%d.example", i % MANY);
		events_note(events, EVENT_REFRESH_FAILING, domain, "d");
	}
	events_free(&events);
	struct event_record *all = store_events(store, &count, &why);
	for (size_t i = 0; i < count; i++)
		sum += all[i].count;
	free(all);
	assert_int_equal(count, MANY);
	assert_int_equal(sum, TWICE * MANY);
	store_close(&store);
}

static pthread_t noting;
static unsigned written_here, written_elsewhere;

bool __real_store_note_sign(
	struct store *store, struct event_record *event, const struct story *story, struct failure *why);
bool __wrap_store_note_sign(
	struct store *store, struct event_record *event, const struct story *story, struct failure *why);

bool __wrap_store_note_sign(
	struct store *store, struct event_record *event, const struct story *story, struct failure *why)
{
	*(pthread_equal(pthread_self(), noting) ? &written_here : &written_elsewhere) += 1;
	return __real_store_note_sign(store, event, story, why);
}

static void *all_write(void *arg)
{
	events_write(arg, false);
	return NULL;
}

/* As on an event loop, which must not wait for the disk: another thread writes the events, however many are noted. */
static void who_notes_does_not_write(void **state)
{
	enum { MANY = 3 * EVENTS_PENDING_MAX };
	struct store *store = room_open(64 * ROOM_BYTES, STORE_OWNER);
	struct events *events = events_new(store);
	struct event_record first;
	pthread_t other;

	(void)state;
	noting = pthread_self();
	written_here = written_elsewhere = 0;
	for (int i = 0; i < MANY; i++) {
		char domain[32];

		snprintf(domain, sizeof domain, "d%d.example", i);
		events_note(events, EVENT_MAP_REPLY_REFUSED, domain, "map postfix");
	}
	assert_int_equal(written_here, 0);
	assert_int_equal(pthread_create(&other, NULL, all_write, events), 0);
	pthread_join(other, NULL);
	assert_int_equal(written_here, 0);
	assert_int_equal(written_elsewhere, MANY);
	assert_int_equal(noted(store, &first), MANY);
	events_free(&events);
	store_close(&store);
}

/* While the store accepts nothing, no more events wait than it could hold, and the newest are kept. */
static void the_queue_is_bounded(void **state)
{
	enum { MANY = 2 * EVENTS_MAX };
	struct store *store = room_open(64 * ROOM_BYTES, STORE_OWNER);
	struct events *events = events_new(store);
	struct event_record first;

	(void)state;
	for (int i = 0; i < MANY; i++) {
		char domain[32];

		snprintf(domain, sizeof domain, "d%d.example", i);
		events_note(events, EVENT_MAP_REPLY_REFUSED, domain, "map postfix");
	}
	written_elsewhere = written_here = 0;
	noting = pthread_self();
	events_free(&events);
	assert_int_equal(written_here, EVENTS_MAX + EVENTS_PENDING_MAX);
	assert_int_equal(noted(store, &first), EVENTS_MAX);
	store_close(&store);
}

struct hearing {
	unsigned noted, written;
	struct event_record last;
};

static void hear(void *arg, const struct event_record *event, bool written)
{
	struct hearing *hearing = arg;
	*(written ? &hearing->written : &hearing->noted) += 1;
	hearing->last = *event;
}

/* Listeners hear of an event when it is noted, when it is written, and when another process has written it. */
static void listeners_hear(void **state)
{
	struct store *store = room_open(ROOM_BYTES, STORE_OWNER);
	struct events *events = events_new(store);
	struct hearing hearing = {.noted = 0};
	fake_log_forget();
	(void)state;
	events_listen(events, hear, &hearing);
	events_note(events, EVENT_STORE_TROUBLE, "", "one");
	assert_true(hearing.noted == 1 && hearing.written == 0 && hearing.last.number == 0);
	events_write(events, false);
	assert_true(hearing.noted == 1 && hearing.written == 1 && hearing.last.number == 1);
	struct event_record event = happened(EVENT_OVERRIDE_SET, "a.example", "by the tool", 1900000000);
	event.number = 7;
	events_tell(events, &event);
	assert_true(hearing.noted == 1 && hearing.written == 2 && hearing.last.number == 7);
	assert_true(was_said("event=override-set domain=a.example count=1 "));
	events_free(&events);
	store_close(&store);
}

static int world_begin(void **state)
{
	world_reset();
	return room_make(state);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, world_begin, room_remove)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(kinds_are_told_apart),
		cmocka_unit_test(bytes_come_back),
		cmocka_unit_test(hostile_bytes_are_no_event),
		TEST(the_ring_merges_and_lasts),
		TEST(the_oldest_goes),
		TEST(a_full_store_takes_events),
		TEST(unreadable_records_are_left_out),
		TEST(once_a_minute),
		TEST(what_is_worse_is_logged),
		TEST(none_is_lost),
		TEST(who_notes_does_not_write),
		TEST(the_queue_is_bounded),
		TEST(listeners_hear),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
