/* The stories of signs go on: mail is counted while a sign is open, a change of the verdict has a line, and a sign is over
 * when what showed it is good again. */
#include "cm.h"

#include "fake_log.h"
#include "room.h"
#include "sign_over.h"
#include "stories.h"
#include "world.h"

#include "clock.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct store *store;
static struct events *events;
static struct stories *stories;
static const struct settings settings; /* mta_enforces = no */

static void part_open(void)
{
	store = room_open(64 * ROOM_BYTES, STORE_OWNER);
	events = events_new(store);
	stories = stories_new(store, events);
	stories_write(stories, false);
}

/* As check does at a stop. */
static void part_close(void)
{
	events_write(events, true);
	stories_write(stories, true);
	events_free(&events);
	stories_free(&stories);
	store_close(&store);
}

static int set_up(void **state)
{
	world_reset();
	if (room_make(state) != 0)
		return -1;
	part_open();
	return 0;
}

static int tear_down(void **state)
{
	part_close();
	return room_remove(state);
}

/* A round of the refresher, a minute after the last one. */
static void round_run(void)
{
	world_advance(60);
	events_write(events, false);
	stories_write(stories, false);
}

static void sign_note(enum event_kind kind, const char *domain, const char *host)
{
	struct event_record event;
	event_record_init(&event, kind, domain, "something was lost", clock_wall_s());
	snprintf(event.host, sizeof event.host, "%s", host);
	event.port = *host ? 25 : 0;
	events_note_sign(events, &event, NULL);
}

static void mail(enum verdict_door door, const char *domain, enum verdict_kind kind, enum deed deed, bool bound)
{
	struct verdict verdict = {.kind = kind, .reason = kind == VERDICT_PASS ? REASON_OK : REASON_STARTTLS_MISSING};
	snprintf(verdict.domain, sizeof verdict.domain, "%s", domain);
	const struct verdict_seen seen = {.door = door,
		.settings = &settings,
		.verdict = &verdict,
		.deed = deed,
		.bound = bound,
		.action = deed_name(deed)};
	stories_note_verdict(stories, &seen);
}

static void good_learn(struct hop_record *record, void *arg)
{
	const struct evidence good = {.at = clock_wall_s(), .reason = *(enum reason *)arg, .protocol = 0x304};
	hop_record_learn(record, &good);
}

static void hop_becomes(const char *host, enum reason reason)
{
	assert_true(store_change_hop(store, host, 25, good_learn, &reason, NULL));
}

/* Returns the stored event of a kind and domain; its count is 0 if there is none. */
static struct event_record event_of(enum event_kind kind, const char *domain)
{
	struct event_record found = {.count = 0};
	size_t count;
	struct event_record *all = store_events(store, &count, NULL);
	for (size_t i = 0; i < count; i++)
		if (all[i].kind == kind && strcmp(all[i].domain, domain) == 0)
			found = all[i];
	free(all);
	return found;
}

static struct story *story_of(uint32_t number)
{
	struct story *story = calloc(1, sizeof *story);
	assert_int_equal(store_story(store, number, story, NULL), STORE_FOUND);
	return story;
}

static bool has_line(const struct story *story, const char *part)
{
	for (uint32_t i = 0; i < story->lines.count; i++)
		if (strstr(story->lines.line[i].text, part))
			return true;
	return false;
}

static void from_the_first_sign_to_over(void **state)
{
	(void)state;
	assert_false(stories_are_open(stories));
	sign_note(EVENT_STARTTLS_LOST, "a.example", "mx.a.example");
	assert_true(stories_are_open(stories)); /* before anything is in the store */
	hop_becomes("mx.a.example", REASON_STARTTLS_MISSING);
	for (int i = 0; i < 17; i++)
		mail(DOOR_MILTER, "a.example", VERDICT_FAIL_ENFORCE, DEED_DEFER, false);
	mail(DOOR_MILTER, "b.example", VERDICT_FAIL_ENFORCE, DEED_DEFER, false); /* another domain */
	for (int i = 0; i < 42; i++)
		round_run();
	hop_becomes("mx.a.example", REASON_OK);
	round_run();
	struct event_record sign = event_of(EVENT_STARTTLS_LOST, "a.example"),
			    over = event_of(EVENT_SIGNS_OVER, "a.example");
	assert_true(sign.number == 1 && sign.over_at == clock_wall_s());
	struct story *story = story_of(1);
	assert_int_equal(story->mail[FATE_DELAYED], 17);
	assert_true(has_line(story, "something was lost"));
	assert_true(has_line(story, "milter: verdict fail-enforce, reason starttls-not-supported, action defer"));
	assert_string_equal(story->lines.line[story->lines.count - 1].text,
		"over after 43 minutes: mail was delayed 17 times, none of it sent in the clear");
	assert_int_equal(story->lines.count, 3);
	free(story);
	assert_false(stories_are_open(stories));
	round_run();
	over = event_of(EVENT_SIGNS_OVER, "a.example");
	assert_string_equal(over.detail,
		"starttls-lost (event 1): over after 43 minutes: mail was delayed 17 times, none "
		"of it sent in the clear");
	assert_string_equal(over.host, "mx.a.example");
	/* The next sign is another event. */
	sign_note(EVENT_STARTTLS_LOST, "a.example", "mx.a.example");
	round_run();
	sign = event_of(EVENT_STARTTLS_LOST, "a.example");
	assert_true(sign.number > over.number && sign.over_at == 0 && sign.count == 1);
}

static void what_passed_is_said(void **state)
{
	(void)state;
	sign_note(EVENT_CERTIFICATE_BROKE, "a.example", "mx.a.example");
	mail(DOOR_MAP, "a.example", VERDICT_PASS, DEED_ACCEPT, true);
	mail(DOOR_MAP, "a.example", VERDICT_PASS, DEED_ACCEPT, true);
	mail(DOOR_DELEGATION, "a.example", VERDICT_FAIL_TESTING, DEED_TAG, false);
	round_run();
	hop_becomes("mx.a.example", REASON_OK);
	round_run();
	struct story *story = story_of(1);
	assert_true(
		has_line(story, "over after 2 minutes: mail was bound to verified TLS 2 times and let pass without a "
				"guarantee of TLS once"));
	assert_true(has_line(story, "socketmap: verdict pass, reason ok, action accept"));
	free(story);
}

/* Each host that showed the sign must be good again. */
static void all_hosts_must_be_good(void **state)
{
	(void)state;
	sign_note(EVENT_STARTTLS_LOST, "a.example", "mx1.a.example");
	round_run();
	sign_note(EVENT_STARTTLS_LOST, "a.example", "mx2.a.example");
	round_run();
	hop_becomes("mx2.a.example", REASON_OK);
	round_run();
	assert_true(stories_are_open(stories));
	hop_becomes("mx1.a.example", REASON_STARTTLS_MISSING);
	round_run();
	assert_true(stories_are_open(stories));
	hop_becomes("mx1.a.example", REASON_OK);
	round_run();
	assert_false(stories_are_open(stories));
	assert_true(event_of(EVENT_STARTTLS_LOST, "a.example").over_at > 0);
}

/* Evidence that is older than the sign, or inferred from another host's probe, ends nothing. */
static void only_fresh_evidence_counts(void **state)
{
	const int64_t now = clock_wall_s();
	struct hop_record record = {.pkix.conclusive = {.at = now, .reason = REASON_OK}};
	(void)state;
	assert_true(sign_over_hop(&record, now - 1));
	assert_false(sign_over_hop(&record, now));
	snprintf(record.pkix.conclusive.seen_for, sizeof record.pkix.conclusive.seen_for, "mx.other.example");
	assert_false(sign_over_hop(&record, now - 1));
	record.dane.conclusive = (struct evidence){.at = now + 1, .reason = REASON_OK, .tlsa_id = 1};
	assert_true(sign_over_hop(&record, now));
	record.dane.conclusive.reason = REASON_CERT_EXPIRED;
	assert_false(sign_over_hop(&record, now));
}

static void a_domain_is_good_again(void **state)
{
	static const struct {
		enum event_kind kind;
		enum reason record;
		enum policy_mode before, mode;
		const char *mx;
		int64_t later;
		bool over;
	} rows[] = {
		{EVENT_RECORD_GONE, REASON_OK, POLICY_NONE, POLICY_NONE, "mx.a.example", 1, true},
		{EVENT_RECORD_GONE, REASON_OK, POLICY_NONE, POLICY_NONE, "mx.a.example", 0, false},
		{EVENT_RECORD_GONE, REASON_NO_RECORD, POLICY_NONE, POLICY_NONE, "mx.a.example", 1, false},
		{EVENT_POLICY_WEAKENED, REASON_OK, POLICY_TESTING, POLICY_ENFORCE, "mx.a.example", 1, true},
		{EVENT_POLICY_WEAKENED, REASON_OK, POLICY_ENFORCE, POLICY_TESTING, "mx.a.example", 1, false},
		{EVENT_POLICY_WEAKENED, REASON_OK, POLICY_TESTING, POLICY_ENFORCE, "mx.a.example", 0, false},
		{EVENT_MX_LEFT_POLICY, REASON_OK, POLICY_NONE, POLICY_ENFORCE, "mx.a.example", 1, true},
		{EVENT_MX_LEFT_POLICY, REASON_OK, POLICY_NONE, POLICY_ENFORCE, "mx.evil.example", 1, false},
		{EVENT_MX_LEFT_POLICY, REASON_OK, POLICY_NONE, POLICY_ENFORCE, "mx.a.example", 0, false},
		{EVENT_HOP_MOVED, REASON_OK, POLICY_TESTING, POLICY_ENFORCE, "mx.a.example", 1, false},
	};
	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct event_record sign;
		struct entry entry;
		int64_t at = 1900000000;
		event_record_init(&sign, rows[i].kind, "a.example", "d", at);
		entry_init(&entry, "a.example");
		entry.record_checked_at = entry.policy_fetched_at = entry.mx.checked_at = at + rows[i].later;
		entry.record_outcome = rows[i].record;
		entry.has_policy = entry.has_previous = true;
		entry.policy.mode = rows[i].mode;
		entry.previous_mode = rows[i].before;
		names_add(&entry.policy.mx, "*.a.example", strlen("*.a.example"));
		entry.mx.state = MX_LISTED;
		names_add(&entry.mx.names, rows[i].mx, strlen(rows[i].mx));
		if (sign_over_domain(&sign, &entry) != rows[i].over)
			fail_msg("row %zu", i);
		entry_free(&entry);
	}
}

/* A notice is over after a day without repetition, and so is a change; a warning and a revoked certificate are not. */
static void a_quiet_day(void **state)
{
	(void)state;
	sign_note(EVENT_CERTIFICATE_CHANGED, "a.example", "mx.a.example");
	sign_note(EVENT_STARTTLS_LOST, "b.example", "mx.b.example");
	sign_note(EVENT_CERTIFICATE_REVOKED, "c.example", "mx.c.example");
	round_run();
	world_advance(80000);
	sign_note(EVENT_CERTIFICATE_CHANGED, "a.example", "mx.a.example");
	round_run();
	world_advance(80000);
	round_run();
	assert_true(event_of(EVENT_CERTIFICATE_CHANGED, "a.example").over_at == 0);
	world_advance(7000);
	round_run();
	assert_true(event_of(EVENT_CERTIFICATE_CHANGED, "a.example").over_at > 0);
	assert_true(event_of(EVENT_STARTTLS_LOST, "b.example").over_at == 0);
	assert_true(event_of(EVENT_CERTIFICATE_REVOKED, "c.example").over_at == 0);
	struct story *story = story_of(1);
	assert_true(has_line(
		story, "over after 46 hours, the last 24 hours without a further change: no mail was due meanwhile"));
	free(story);
	world_advance(SIGN_KEPT_DAYS * 86400);
	round_run();
	assert_true(event_of(EVENT_STARTTLS_LOST, "b.example").over_at > 0);
}

/* The last sign of a domain ends the story of the domain. */
struct heard_over {
	unsigned count;
	struct event_record last;
};

static void hear_over(void *arg, const struct event_record *event, bool written)
{
	struct heard_over *heard = arg;
	if (!written || event->over_at == 0)
		return;
	heard->count++;
	heard->last = *event;
}

/* Who listens to the events hears of each sign that is over, once, and with the words of its end. */
static void listeners_hear_the_end(void **state)
{
	static struct heard_over heard; /* static, because tear_down() writes events */
	(void)state;
	heard.count = 0;
	events_listen(events, hear_over, &heard);
	sign_note(EVENT_STARTTLS_LOST, "a.example", "mx.a.example");
	sign_note(EVENT_CERTIFICATE_BROKE, "a.example", "mx.a.example");
	hop_becomes("mx.a.example", REASON_STARTTLS_MISSING);
	round_run();
	assert_int_equal(heard.count, 0);
	hop_becomes("mx.a.example", REASON_OK);
	for (int i = 0; i < 3; i++)
		round_run();
	assert_int_equal(heard.count, 2);
	assert_int_equal(heard.last.number, event_of(heard.last.kind, "a.example").number);
	assert_int_equal(heard.last.severity, EVENT_ERROR);
	assert_non_null(strstr(heard.last.detail, "over after "));
}

static void over_is_said_once(void **state)
{
	(void)state;
	sign_note(EVENT_STARTTLS_LOST, "a.example", "mx.a.example");
	sign_note(EVENT_TLS_INTERCEPTED_HERE, "", "");
	sign_note(EVENT_HOPS_TURNED_BAD, "", "");
	round_run();
	stories_end(stories, EVENT_HOPS_TURNED_BAD, "");
	round_run();
	round_run();
	assert_true(event_of(EVENT_HOPS_TURNED_BAD, "").over_at > 0);
	assert_int_equal(event_of(EVENT_SIGNS_OVER, "").count, 0);
	stories_end(stories, EVENT_TLS_INTERCEPTED_HERE, "");
	round_run();
	round_run();
	assert_int_equal(event_of(EVENT_SIGNS_OVER, "").count, 1);
	assert_true(stories_are_open(stories));
}

static void look_becomes(const char *host, bool rewritten)
{
	struct store_hop_look good = {.port = 25, .look = {.at = clock_wall_s(), .rewritten = rewritten}};
	snprintf(good.host, sizeof good.host, "%s", host);
	assert_true(store_put_looks(store, &good, 1, NULL));
}

/* A host behind a device that rewrites SMTP may be good; the sign is over when the device has left. */
static void rewriting_is_over_when_it_ends(void **state)
{
	(void)state;
	hop_becomes("mx.a.example", REASON_OK);
	look_becomes("mx.a.example", false);
	sign_note(EVENT_SMTP_REWRITTEN, "a.example", "mx.a.example");
	round_run();
	assert_true(event_of(EVENT_SMTP_REWRITTEN, "a.example").number == 1);
	for (int i = 0; i < 3; i++) {
		world_advance(86400);
		hop_becomes("mx.a.example", REASON_OK);
		round_run(); /* the hop is in the store before its look */
		look_becomes("mx.a.example", true);
		round_run();
		assert_true(event_of(EVENT_SMTP_REWRITTEN, "a.example").over_at == 0);
	}
	hop_becomes("mx.a.example", REASON_OK);
	look_becomes("mx.a.example", false);
	round_run();
	assert_true(event_of(EVENT_SMTP_REWRITTEN, "a.example").over_at > 0);
}

static bool fold_hosts(void *arg, struct event_record *event)
{
	(void)arg;
	event->part_of_kind = *event->host ? event_number(EVENT_HOPS_TURNED_BAD) : 0;
	return *event->host;
}

/* The end of many signs that are one event is one event, too. */
static void parts_have_no_event_of_their_end(void **state)
{
	(void)state;
	events_fold_by(events, fold_hosts, NULL);
	sign_note(EVENT_HOPS_TURNED_BAD, "", "");
	sign_note(EVENT_STARTTLS_LOST, "a.example", "mx.a.example");
	hop_becomes("mx.a.example", REASON_STARTTLS_MISSING);
	round_run();
	hop_becomes("mx.a.example", REASON_OK);
	stories_end(stories, EVENT_HOPS_TURNED_BAD, "");
	for (int i = 0; i < 3; i++)
		round_run();
	struct event_record part = event_of(EVENT_STARTTLS_LOST, "a.example");
	assert_true(part.over_at > 0 && part.part_of == event_of(EVENT_HOPS_TURNED_BAD, "").number);
	assert_int_equal(event_of(EVENT_SIGNS_OVER, "a.example").count, 0);
	assert_int_equal(event_of(EVENT_SIGNS_OVER, "").count, 1);
}

static void a_restart_forgets_nothing(void **state)
{
	(void)state;
	sign_note(EVENT_STARTTLS_LOST, "a.example", "mx1.a.example");
	sign_note(EVENT_STARTTLS_LOST, "a.example", "mx2.a.example");
	mail(DOOR_MILTER, "a.example", VERDICT_FAIL_ENFORCE, DEED_DEFER, false);
	part_close();
	world_advance(60);
	part_open();
	assert_true(stories_are_open(stories));
	mail(DOOR_MILTER, "a.example", VERDICT_FAIL_ENFORCE, DEED_DEFER, false);
	hop_becomes("mx2.a.example", REASON_OK);
	round_run();
	assert_true(stories_are_open(stories));
	world_advance(1);
	hop_becomes("mx1.a.example", REASON_OK);
	round_run();
	struct story *story = story_of(1);
	assert_int_equal(story->mail[FATE_DELAYED], 2);
	assert_true(story->event.over_at > 0 &&
		    has_line(story, "stsgated counts mail from now on; some earlier mail was not counted"));
	assert_true(has_line(story,
		"mail was delayed 2 times, none of it sent in the clear; for some of that time mail was not counted"));
	free(story);
}

/* Mail that was counted shortly before a crash is lost, however young the sign is. */
static void a_restart_soon_is_a_gap(void **state)
{
	struct event_record event;
	(void)state;
	event_record_init(&event, EVENT_STARTTLS_LOST, "a.example", "d", clock_wall_s());
	assert_true(store_note_event(store, &event, NULL)); /* all that was written before the crash */
	part_close();
	world_advance(2);
	part_open();
	world_advance(30 * 86400);
	stories_write(stories, true);
	struct story *story = story_of(event.number);
	assert_true(story->event.over_at > 0 && has_line(story, "; for some of that time mail was not counted"));
	free(story);
}

/* A sign loses its slot in a flood of others, and mail passes. If it is seen again, nothing is claimed about that mail. */
static void a_sign_that_lost_its_slot(void **state)
{
	char domain[32];
	(void)state;
	sign_note(EVENT_STARTTLS_LOST, "a.example", "mx.a.example");
	events_write(events, true);
	for (int i = 0; i < STORIES_OPEN_MAX; i++) {
		world_advance(1);
		snprintf(domain, sizeof domain, "d%d.example", i);
		sign_note(EVENT_STARTTLS_LOST, domain, "mx.example");
	}
	mail(DOOR_MILTER, "a.example", VERDICT_FAIL_TESTING, DEED_TAG, false);
	sign_note(EVENT_STARTTLS_LOST, "a.example", "mx.a.example");
	events_write(events, true);
	world_advance(1);
	hop_becomes("mx.a.example", REASON_OK);
	stories_write(stories, true);
	struct story *story = story_of(1);
	assert_true(story->event.over_at > 0 && has_line(story, "; for some of that time mail was not counted"));
	free(story);
}

/* The clock was far ahead when a sign was over. The next sign is another event, although it seems to come before that end. */
static void an_end_in_the_future(void **state)
{
	struct event_record event;
	int64_t ahead = clock_wall_s() + 400 * INT64_C(86400);
	(void)state;
	event_record_init(&event, EVENT_STARTTLS_LOST, "a.example", "d", ahead);
	event.over_at = ahead + 60;
	assert_true(store_note_event(store, &event, NULL));
	sign_note(EVENT_STARTTLS_LOST, "a.example", "mx.a.example");
	round_run();
	event = event_of(EVENT_STARTTLS_LOST, "a.example");
	assert_true(event.number == 2 && event.over_at == 0);
	assert_true(stories_are_open(stories));
}

/* A sign that the tool has noted is followed, too. */
static void another_process_notes(void **state)
{
	struct event_record event;
	(void)state;
	event_record_init(&event, EVENT_RECORD_GONE, "a.example", "d", clock_wall_s());
	assert_true(store_note_event(store, &event, NULL));
	round_run();
	assert_true(stories_are_open(stories));
	mail(DOOR_MILTER, "a.example", VERDICT_PASS, DEED_ACCEPT, false);
	round_run();
	struct story *story = story_of(event.number);
	assert_int_equal(story->mail[FATE_CHECKED], 1);
	free(story);
}

/* The table is bounded: signs beyond it are in the store, but are not followed. */
static void a_flood_of_signs(void **state)
{
	char domain[32];
	(void)state;
	for (int i = 0; i < STORIES_OPEN_MAX + 20; i++) {
		world_advance(1);
		snprintf(domain, sizeof domain, "d%d.example", i);
		sign_note(EVENT_STARTTLS_LOST, domain, "mx.example");
	}
	events_write(events, true);
	for (int i = 0; i < STORIES_OPEN_MAX + 20; i++) {
		snprintf(domain, sizeof domain, "d%d.example", i);
		mail(DOOR_MILTER, domain, VERDICT_FAIL_ENFORCE, DEED_DEFER, false);
	}
	stories_write(stories, true);
	struct story *newest = story_of(STORIES_OPEN_MAX + 20);
	assert_int_equal(newest->mail[FATE_DELAYED], 1);
	free(newest);
	hop_becomes("mx.example", REASON_OK);
	world_advance(1);
	hop_becomes("mx.example", REASON_OK);
	stories_write(stories, true);
	assert_int_equal(event_of(EVENT_STARTTLS_LOST, "d0.example").over_at, 0);
	assert_true(event_of(EVENT_STARTTLS_LOST, "d270.example").over_at > 0);
}

enum { THREADS = 4, EACH = 2000 };

static void *mail_flows(void *arg)
{
	(void)arg;
	for (int i = 0; i < EACH; i++)
		mail(i % 2 ? DOOR_MILTER : DOOR_MAP, "a.example", VERDICT_FAIL_ENFORCE, DEED_DEFER, false);
	return NULL;
}

static void threads_count_each_mail_once(void **state)
{
	pthread_t thread[THREADS];
	(void)state;
	sign_note(EVENT_STARTTLS_LOST, "a.example", "mx.a.example");
	events_write(events, true);
	for (int i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&thread[i], NULL, mail_flows, NULL), 0);
	for (int i = 0; i < 20; i++)
		stories_write(stories, false);
	for (int i = 0; i < THREADS; i++)
		pthread_join(thread[i], NULL);
	stories_write(stories, true);
	struct story *story = story_of(1);
	assert_int_equal(story->mail[FATE_DELAYED], THREADS * EACH);
	free(story);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(from_the_first_sign_to_over),
		TEST(what_passed_is_said),
		TEST(all_hosts_must_be_good),
		TEST(only_fresh_evidence_counts),
		TEST(a_domain_is_good_again),
		TEST(a_quiet_day),
		TEST(listeners_hear_the_end),
		TEST(over_is_said_once),
		TEST(parts_have_no_event_of_their_end),
		TEST(rewriting_is_over_when_it_ends),
		TEST(parts_have_no_event_of_their_end),
		TEST(a_restart_forgets_nothing),
		TEST(a_restart_soon_is_a_gap),
		TEST(a_sign_that_lost_its_slot),
		TEST(an_end_in_the_future),
		TEST(another_process_notes),
		TEST(a_flood_of_signs),
		TEST(threads_count_each_mail_once),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
