/* check/turns: from results to conditions near this relay, and the signs that are folded into their events. */
#include "cm.h"

#include "clock.h"
#include "fake_log.h"
#include "metrics.h"
#include "room.h"
#include "turns.h"
#include "world.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct store *store;
static struct events *events;
static struct conditions conditions;
static struct turns *turns;

static int set_up(void **state)
{
	world_reset();
	if (room_make(state) != 0)
		return -1;
	store = room_open(ROOM_BYTES, STORE_OWNER);
	events = events_new(store);
	conditions_init(&conditions, events);
	turns = turns_new(store, events, &conditions, NULL);
	fake_log_forget();
	return 0;
}

static int tear_down(void **state)
{
	turns_free(&turns);
	conditions_destroy(&conditions);
	events_free(&events);
	store_close(&store);
	return room_remove(state);
}

static const char *host_of(char host[DOMAIN_SIZE], unsigned place)
{
	snprintf(host, DOMAIN_SIZE, "mx.d%u.example", place);
	return host;
}

/* Notes a probe of a host that was good an hour ago. */
static void probed(unsigned place, enum reason reason, uint32_t asn, const char *authority)
{
	const struct rules rules = {0};
	struct question question;
	struct facts facts;
	struct look look = {.at = clock_wall_s()};
	struct hop_record record = {.pkix.conclusive = {.at = clock_wall_s() - 3600, .reason = REASON_OK}};
	struct found found = {.want = {.kind = WANT_PROBE, .port = 25},
		.evidence = {.at = clock_wall_s(), .reason = reason, .asn = asn},
		.look = &look};
	question_from_next_hop(&question, "example.com", 11, PURPOSE_DELIVER);
	facts_init(&facts, &question, &rules, clock_wall_s());
	host_of(found.want.name, place);
	facts_learn_evidence(&facts, found.want.name, 25, &record);
	snprintf(found.evidence.address, sizeof found.evidence.address, "9.%u.%u.1", place / 256, place % 256);
	snprintf(look.authority, sizeof look.authority, "%s", authority);
	turns_note_found(turns, &facts, &found);
	facts_free(&facts);
}

/* Notes a sign of a host, and returns whether it is logged. */
static bool sign(enum event_kind kind, unsigned place)
{
	struct event_record event;
	char domain[DOMAIN_SIZE];
	snprintf(domain, sizeof domain, "d%u.example", place);
	event_record_init(&event, kind, domain, "detail", clock_wall_s());
	host_of(event.host, place);
	event.port = 25;
	return events_note_sign(events, &event, NULL);
}

static bool said(const char *words)
{
	static char log[FAKE_LOG_SIZE];
	fake_log_copy(log);
	return strstr(log, words) != NULL;
}

static bool lasts(enum nearby_condition condition)
{
	return condition_lasts(&conditions, (enum condition)(CONDITION_NEARBY + condition));
}

static void one_event_for_all(void **state)
{
	(void)state;
	for (unsigned place = 0; place < 4; place++) {
		probed(place, REASON_STARTTLS_MISSING, 0, "");
		assert_true(sign(EVENT_STARTTLS_LOST, place));
	}
	assert_false(lasts(NEARBY_HOPS_BAD));
	for (unsigned place = 4; place < 12; place++) {
		probed(place, REASON_STARTTLS_MISSING, 0, "");
		assert_true(lasts(NEARBY_HOPS_BAD));
		assert_false(sign(EVENT_STARTTLS_LOST, place));
	}
	assert_true(said("error: event=hops-turned-bad count=1 "));
	assert_false(said("domain=d4.example"));
	/* Another host that is attacked has its own line. */
	probed(50, REASON_CERT_HOST_MISMATCH, 0, "");
	assert_true(sign(EVENT_CERTIFICATE_BROKE, 50));
	assert_true(said("domain=d50.example"));
	/* So has another kind of event of the same host. */
	assert_true(sign(EVENT_HOP_BELOW_STANDARD, 5));
	fake_log_forget();
	world_advance(43 * 60);
	for (unsigned place = 0; place < 10; place++)
		probed(place, REASON_OK, 0, "");
	assert_false(lasts(NEARBY_HOPS_BAD));
	assert_true(said("the mail hosts that turned bad together are good again, after 43 minutes"));
	assert_true(sign(EVENT_STARTTLS_LOST, 11));
}

/* A sign that is folded has no line of its own, but the line of the condition names its host. So nobody can hide an attack
 * behind hosts of his own that he let turn bad before. */
static void who_joins_is_named(void **state)
{
	(void)state;
	for (unsigned place = 0; place < 6; place++)
		probed(place, REASON_STARTTLS_MISSING, 0, "");
	world_advance(2 * NEARBY_WINDOW_S);
	fake_log_forget();
	probed(50, REASON_STARTTLS_MISSING, 0, "");
	assert_false(sign(EVENT_STARTTLS_LOST, 50));
	assert_true(said("7 mail hosts have turned bad with the reason starttls-not-supported, in 7 networks: "
			 "mx.d50.example, mx.d0.example, mx.d1.example, mx.d2.example and 3 more"));
}

static uint32_t part_of(enum event_kind kind, const char *domain, uint32_t *number)
{
	size_t count = 0;
	uint32_t part = UINT32_MAX;
	struct event_record *all = store_events(store, &count, NULL);
	for (size_t i = 0; i < count; i++)
		if (all[i].kind == kind && strcmp(all[i].domain, domain) == 0) {
			part = all[i].part_of;
			*number = all[i].number;
		}
	free(all);
	return part;
}

/* Signs before the condition, and signs while it lasts, become parts of its event; others do not. */
static void parts_are_linked(void **state)
{
	uint32_t whole = 0, number;
	(void)state;
	sign(EVENT_STARTTLS_LOST, 0); /* long before */
	world_advance(2 * NEARBY_WINDOW_S);
	for (unsigned place = 0; place < 4; place++) {
		probed(place, REASON_STARTTLS_MISSING, 0, "");
		if (place > 0)
			sign(EVENT_STARTTLS_LOST, place);
	}
	sign(EVENT_STARTTLS_LOST, 40);
	events_write(events, false);
	turns_write(turns);
	for (unsigned place = 4; place < 8; place++) {
		probed(place, REASON_STARTTLS_MISSING, 0, "");
		sign(EVENT_STARTTLS_LOST, place);
	}
	sign(EVENT_STARTTLS_LOST, 41);
	assert_int_equal(part_of(EVENT_STARTTLS_LOST, "d1.example", &number), 0);
	events_write(events, false);
	turns_write(turns);
	assert_int_equal(part_of(EVENT_HOPS_TURNED_BAD, "", &whole), 0);
	assert_int_not_equal(whole, 0);
	for (unsigned place = 1; place < 8; place++) {
		char domain[DOMAIN_SIZE];
		snprintf(domain, sizeof domain, "d%u.example", place);
		assert_int_equal(part_of(EVENT_STARTTLS_LOST, domain, &number), whole);
	}
	assert_int_equal(part_of(EVENT_STARTTLS_LOST, "d0.example", &number), 0);
	assert_int_equal(part_of(EVENT_STARTTLS_LOST, "d40.example", &number), 0);
	assert_int_equal(part_of(EVENT_STARTTLS_LOST, "d41.example", &number), 0);
	/* A later sign of the same host stands for itself. */
	for (unsigned place = 0; place < 8; place++)
		probed(place, REASON_OK, 0, "");
	world_advance(2 * NEARBY_WINDOW_S);
	sign(EVENT_STARTTLS_LOST, 5);
	events_write(events, false);
	turns_write(turns);
	assert_int_equal(part_of(EVENT_STARTTLS_LOST, "d5.example", &number), 0);
	/* When the condition begins again, its event has a new number, and parts that are noted at once have that. */
	world_advance(2 * EVENT_NEW_AFTER_S);
	for (unsigned place = 10; place < 15; place++)
		probed(place, REASON_STARTTLS_MISSING, 0, "");
	probed(1, REASON_STARTTLS_MISSING, 0, "");
	sign(EVENT_STARTTLS_LOST, 1);
	events_write(events, false);
	assert_int_equal(part_of(EVENT_HOPS_TURNED_BAD, "", &number), 0);
	assert_int_not_equal(number, whole);
	whole = number;
	assert_int_equal(part_of(EVENT_STARTTLS_LOST, "d1.example", &number), whole);
}

static void the_authority_is_named(void **state)
{
	(void)state;
	for (unsigned place = 0; place < 5; place++)
		probed(place, REASON_CERT_UNTRUSTED, 0, "Evil\r\nCA\033[2J");
	assert_true(lasts(NEARBY_INTERCEPTED));
	assert_false(lasts(NEARBY_HOPS_BAD));
	assert_true(said("5 mail hosts show certificates of the authority \"Evil\\x0d\\x0aCA\\x1b[2J\", in 5 networks: "
			 "mx.d0.example, mx.d1.example, mx.d2.example, mx.d3.example and 1 more"));
}

/* The eighth place makes core/health say the same with less: its event is a part, too. */
static void health_says_less(void **state)
{
	(void)state;
	assert_true(events_note(events, EVENT_PROBES_UNTRUSTED, "", "before"));
	world_advance(61);
	for (unsigned place = 0; place < 5; place++)
		probed(place, REASON_CERT_UNTRUSTED, 0, "Evil CA");
	assert_false(events_note(events, EVENT_PROBES_UNTRUSTED, "", "meanwhile"));
	assert_true(events_note(events, EVENT_PROBES_FAILING, "", "meanwhile"));
	assert_true(events_note(events, EVENT_FETCHES_UNTRUSTED, "", "meanwhile"));
}

static void one_autonomous_system_is_one_network(void **state)
{
	(void)state;
	for (unsigned place = 0; place < 20; place++)
		probed(place, REASON_STARTTLS_MISSING, 64496 + place % 3, "");
	assert_false(lasts(NEARBY_HOPS_BAD));
	probed(20, REASON_STARTTLS_MISSING, 64499, "");
	assert_true(lasts(NEARBY_HOPS_BAD));
}

static void inconclusive_is_no_turn(void **state)
{
	(void)state;
	for (unsigned place = 0; place < 20; place++)
		probed(place, place % 2 ? REASON_HOP_TIMEOUT : REASON_HOP_GREETING, 0, "");
	assert_false(lasts(NEARBY_HOPS_BAD));
}

enum { THREADS = 4, EACH = 25 };

static void *turn_many(void *arg)
{
	unsigned from = *(unsigned *)arg;
	for (unsigned i = 0; i < EACH; i++) {
		probed(from + i, REASON_CERT_UNTRUSTED, 0, "Evil CA");
		sign(EVENT_CERTIFICATE_BROKE, from + i);
		turns_review(turns);
	}
	return NULL;
}

static void *turn_back(void *arg)
{
	unsigned from = *(unsigned *)arg;
	for (unsigned i = 0; i < EACH; i++)
		probed(from + i, REASON_OK, 0, "");
	return NULL;
}

static void all_run(void *(*run)(void *))
{
	pthread_t thread[THREADS];
	unsigned from[THREADS];
	for (unsigned i = 0; i < THREADS; i++) {
		from[i] = i * EACH;
		assert_int_equal(pthread_create(&thread[i], NULL, run, &from[i]), 0);
	}
	for (unsigned i = 0; i < THREADS; i++)
		pthread_join(thread[i], NULL);
	turns_review(turns);
}

static void threads(void **state)
{
	(void)state;
	all_run(turn_many);
	assert_true(lasts(NEARBY_INTERCEPTED));
	assert_int_equal(metrics_read(METRIC_DEGRADED, CONDITION_NEARBY + NEARBY_INTERCEPTED, 0, 0), 1);
	all_run(turn_back);
	assert_false(lasts(NEARBY_INTERCEPTED));
	assert_int_equal(metrics_read(METRIC_DEGRADED, CONDITION_NEARBY + NEARBY_INTERCEPTED, 0, 0), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(one_event_for_all, set_up, tear_down),
		cmocka_unit_test_setup_teardown(who_joins_is_named, set_up, tear_down),
		cmocka_unit_test_setup_teardown(parts_are_linked, set_up, tear_down),
		cmocka_unit_test_setup_teardown(the_authority_is_named, set_up, tear_down),
		cmocka_unit_test_setup_teardown(health_says_less, set_up, tear_down),
		cmocka_unit_test_setup_teardown(one_autonomous_system_is_one_network, set_up, tear_down),
		cmocka_unit_test_setup_teardown(inconclusive_is_no_turn, set_up, tear_down),
		cmocka_unit_test_setup_teardown(threads, set_up, tear_down),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
