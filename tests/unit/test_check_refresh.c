/* Refreshes in bulk, with fakes in place of the network: a dead provider, silent hosts, bursts. */
#include "clock.h"
#include "fake_events.h"
#include "product.h"
#include "schedule.h"
#include "world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#define TENANTS 200

static struct question tenant_question(unsigned i)
{
	char domain[64];
	snprintf(domain, sizeof domain, "d%u.example.com", i);
	return product_question(domain, PURPOSE_DELIVER);
}

/* Domains whose policies are served by one host at one address. */
static void tenants_make(unsigned count)
{
	for (unsigned i = 0; i < count; i++) {
		char host[DOMAIN_SIZE + 16], address[] = "8.9.9.9";
		const char *record = address;
		struct question question = tenant_question(i);
		product_domain(question.domain, "mx.example.net");
		snprintf(host, sizeof host, "mta-sts.%s", question.domain);
		assert_true(world_dns(host, DNS_A, 60, &record, 1));
	}
}

static void tenants_ask(struct product *p, unsigned count)
{
	for (unsigned i = 0; i < count; i++) {
		struct outcome outcome;
		struct question question = tenant_question(i);
		product_answer(p->check, &question, SETTLE_MS, &outcome);
		outcome_free(&outcome);
	}
	product_settle(p->check);
}

static void tenants_fail(unsigned count, const char *detail)
{
	for (unsigned i = 0; i < count; i++)
		world_policy_fails(tenant_question(i).domain, REASON_POLICY_FETCH, detail);
}

static unsigned tenants_refresh(struct product *p, unsigned count)
{
	unsigned begun = 0;
	for (unsigned i = 0; i < count; i++)
		begun += check_refresh(p->check, tenant_question(i).domain, false) == CHECK_REFRESH_BEGUN;
	return begun;
}

static struct entry stored(struct product *p, const char *domain)
{
	struct failure why;
	struct entry entry;
	struct store_view *view = store_view_begin(p->store, &why);
	assert_non_null(view);
	assert_int_equal(store_view_entry(view, domain, &entry), STORE_FOUND);
	store_view_end(&view);
	return entry;
}

static void nobody_waits(void *arg, struct outcome *outcome)
{
	(void)arg;
	(void)outcome;
}

/* Two hundred policies of one dead provider are due. The provider gets few connections, one at a time, and each
 * domain's due time moves by its own back-off. When the provider is back, one success ends the back-off for all. */
static void test_dead_provider(void **state)
{
	(void)state;
	struct product p;
	product_start(&p);
	tenants_make(TENANTS);
	tenants_ask(&p, TENANTS);
	tenants_fail(TENANTS, "no connection");
	world_advance(3 * DAY_S);
	unsigned before = world_count("fetch");
	assert_int_equal(tenants_refresh(&p, TENANTS), TENANTS);
	product_settle(p.check);
	/* one was under way at the first failure, and one followed */
	assert_in_range(world_count("fetch") - before, 1, NETWORK_FETCHES_MAX / 2 + 2);
	for (unsigned i = 0; i < TENANTS; i++) {
		struct entry entry = stored(&p, tenant_question(i).domain);
		assert_int_equal(entry.fetch_failures, 1);
		assert_in_range(entry.due_at, world_wall_s() + FETCH_SPACING_S, world_wall_s() + FETCH_SPACING_S);
		entry_free(&entry);
	}
	world_advance(FETCH_SPACING_S);
	before = world_count("fetch");
	tenants_refresh(&p, TENANTS);
	product_settle(p.check);
	assert_in_range(world_count("fetch") - before, 1, 2);
	tenants_make(TENANTS);
	world_advance(3600);
	before = world_count("fetch");
	tenants_refresh(&p, TENANTS);
	product_settle(p.check);
	world_advance(3600);
	tenants_refresh(&p, TENANTS);
	product_settle(p.check);
	/* some are due again by then, at their own moment of the day */
	assert_in_range(world_count("fetch") - before, TENANTS, TENANTS + TENANTS / 8);
	for (unsigned i = 0; i < TENANTS; i++) {
		struct entry entry = stored(&p, tenant_question(i).domain);
		assert_int_equal(entry.fetch_failures, 0);
		entry_free(&entry);
	}
	product_stop(&p);
}

/* TLS and HTTP errors do not prove that a host is dead: somebody else's record may point there. */
static void test_errors_of_others(void **state)
{
	(void)state;
	struct product p;
	product_start(&p);
	tenants_make(20);
	tenants_ask(&p, 20);
	tenants_fail(20, "HTTP status 500");
	world_advance(3 * DAY_S);
	unsigned before = world_count("fetch");
	tenants_refresh(&p, 20);
	product_settle(p.check);
	assert_int_equal(world_count("fetch") - before, 20);
	product_stop(&p);
}

static void tenant_answer(struct product *p, unsigned i, struct outcome *outcome)
{
	struct question question = tenant_question(i);
	question.purpose = PURPOSE_MAP;
	product_answer(p->check, &question, SETTLE_MS, outcome);
	outcome_free(outcome);
	product_settle(p->check);
}

/* A fetch from a host in back-off fails at once and is remembered as failed. A policy in force stays. */
static void test_asked_at_dead_provider(void **state)
{
	(void)state;
	struct product p;
	struct outcome outcome;
	product_start(&p);
	tenants_make(40);
	tenants_ask(&p, 2);
	tenants_fail(2, "no connection");
	for (int i = 0; i < 2; i++) {
		world_advance(3 * DAY_S); /* two failures in a row */
		tenants_refresh(&p, 2);
		product_settle(p.check);
	}
	unsigned before = world_count("fetch");
	for (unsigned i = 2; i < 40; i++) {
		tenant_answer(&p, i, &outcome);
		assert_true(outcome.final && outcome.verdict.kind == VERDICT_NONE);
		assert_int_equal(outcome.verdict.reason, REASON_POLICY_FETCH);
		struct entry entry = stored(&p, tenant_question(i).domain);
		assert_int_equal(entry.fetch_outcome, REASON_POLICY_FETCH);
		assert_int_equal(entry.fetch_tried_at, world_wall_s());
		entry_free(&entry);
	}
	assert_int_equal(world_count("fetch") - before, 0);
	tenant_answer(&p, 0, &outcome);
	assert_int_equal(outcome.verdict.kind, VERDICT_PASS);
	world_advance(FETCH_SPACING_S + 1); /* the host is back: retried in the background */
	for (unsigned i = 2; i < 40; i++)
		tenant_answer(&p, i, &outcome);
	assert_int_equal(world_count("fetch") - before, 38);
	tenant_answer(&p, 2, &outcome);
	assert_int_equal(outcome.verdict.kind, VERDICT_PASS);
	product_stop(&p);
}

/* Two hundred unknown domains at one silent host: the mail of each waits for one deadline, and the next question of
 * each is answered at once. */
static void test_silent_provider(void **state)
{
	(void)state;
	struct product p;
	struct outcome outcome;
	product_start(&p);
	tenants_make(TENANTS);
	tenants_fail(TENANTS, "no connection");
	world_gate_shut("fetch");
	for (unsigned i = 0; i < TENANTS; i++) {
		struct question question = tenant_question(i);
		question.purpose = PURPOSE_MAP;
		assert_true(product_begin(p.check, &question, nobody_waits, NULL) != CHECK_NO_TICKET);
	}
	assert_true(world_gate_await("fetch", NETWORK_FETCHES_MAX, SETTLE_MS));
	product_pause(200);
	assert_int_equal(world_count("fetch"), NETWORK_FETCHES_MAX);
	world_advance(61); /* longer than fetch_timeout */
	world_gate_open("fetch");
	product_settle(p.check);
	world_advance(FETCH_SPACING_S - 61);
	for (unsigned i = 0; i < TENANTS; i++) {
		struct question question = tenant_question(i);
		question.purpose = PURPOSE_MAP;
		assert_true(check_ask(p.check, &question, NULL, NULL, NULL, &outcome));
		assert_int_equal(outcome.verdict.kind, VERDICT_NONE);
		outcome_free(&outcome);
	}
	product_stop(&p);
}

/* A fetch that finds no room within fetch_timeout counts as failed. */
static void test_no_room_is_a_failure(void **state)
{
	(void)state;
	struct product p;
	product_start(&p);
	tenants_make(NETWORK_FETCHES_MAX + 1);
	world_gate_shut("fetch");
	for (unsigned i = 0; i < NETWORK_FETCHES_MAX; i++) {
		struct question question = tenant_question(i);
		product_begin(p.check, &question, nobody_waits, NULL);
	}
	assert_true(world_gate_await("fetch", NETWORK_FETCHES_MAX, SETTLE_MS));
	struct question question = tenant_question(NETWORK_FETCHES_MAX);
	product_begin(p.check, &question, nobody_waits, NULL);
	product_pause(200);
	world_advance(600); /* longer than fetch_timeout */
	int64_t until_ms = clock_mono_ms() + SETTLE_MS;
	while (product_cases(p.check) > NETWORK_FETCHES_MAX && clock_mono_ms() < until_ms)
		product_pause(1);
	struct entry entry = stored(&p, question.domain);
	assert_int_equal(entry.record_outcome, REASON_OK);
	assert_int_equal(entry.fetch_outcome, REASON_POLICY_FETCH);
	assert_int_equal(entry.fetch_failures, 1);
	entry_free(&entry);
	world_gate_open("");
	product_settle(p.check);
	assert_int_equal(world_count("fetch"), NETWORK_FETCHES_MAX);
	product_stop(&p);
}

/* Refreshes and first contacts at silent hosts, each at an address of its own. Other questions are answered
 * meanwhile. */
static void test_silent_hosts(void **state)
{
	(void)state;
	struct product p;
	struct outcome outcome;
	product_start(&p);
	for (unsigned i = 0; i < 120; i++)
		product_domain(tenant_question(i).domain, "mx.example.net");
	tenants_ask(&p, 60);
	world_advance(3 * DAY_S);
	world_gate_shut("fetch");
	unsigned before = world_count("fetch");
	assert_int_equal(tenants_refresh(&p, 60), 60);
	for (unsigned i = 60; i < 120; i++) {
		struct question question = tenant_question(i);
		assert_true(product_begin(p.check, &question, nobody_waits, NULL) != CHECK_NO_TICKET);
	}
	assert_true(world_gate_await("fetch", 120, SETTLE_MS));
	assert_int_equal(world_count("fetch") - before, 120);
	assert_int_equal(check_refresh(p.check, tenant_question(0).domain, false), CHECK_REFRESH_UNDER_WAY);
	struct question question = product_question("unknown.example.org", PURPOSE_MAP);
	product_answer(p.check, &question, SETTLE_MS, &outcome);
	assert_true(outcome.final);
	assert_int_equal(outcome.verdict.reason, REASON_NO_RECORD);
	outcome_free(&outcome);
	product_domain("good.example.org", "mx.example.net");
	question = product_question("good.example.org", PURPOSE_DELIVER);
	world_gate_open("fetch");
	product_answer(p.check, &question, SETTLE_MS, &outcome);
	assert_int_equal(outcome.verdict.kind, VERDICT_PASS);
	outcome_free(&outcome);
	product_settle(p.check);
	product_stop(&p);
}

/* Silent name servers cost only a place in the table of inquiries, whatever they are asked for. */
static void test_silent_name_servers(void **state)
{
	(void)state;
	static const char *const calls[] = {"dns TXT", "dns MX", "dns A", "dns AAAA"};
	struct product p;
	struct outcome outcome;
	for (size_t at = 0; at < sizeof calls / sizeof calls[0]; at++) {
		world_reset();
		product_start(&p);
		char gate[2 * DOMAIN_SIZE];
		for (unsigned i = 0; i < 12; i++) {
			const char *name = tenant_question(i).domain;
			bool record = strcmp(calls[at], "dns TXT") == 0, mx = strcmp(calls[at], "dns MX") == 0;
			product_domain(name, "mx.example.net");
			snprintf(gate, sizeof gate, "%s %s%s", calls[at],
				record ? "_mta-sts."
				: mx   ? ""
				       : "mta-sts.",
				name);
			world_gate_shut(gate);
			struct question question = tenant_question(i);
			assert_true(product_begin(p.check, &question, nobody_waits, NULL) != CHECK_NO_TICKET);
		}
		product_domain("fresh.example.org", "mx.example.net");
		struct question question = product_question("fresh.example.org", PURPOSE_DELIVER);
		product_answer(p.check, &question, SETTLE_MS, &outcome);
		assert_int_equal(outcome.verdict.kind, VERDICT_PASS);
		outcome_free(&outcome);
		assert_in_range(product_cases(p.check), 12, 13); /* the last one may be ending */
		world_advance(DNS_TIMEOUT_MS / 1000 * 2);
		product_settle(p.check); /* each has timed out */
		product_stop(&p);
	}
}

/* A burst of messages to a domain whose MX lookup fails costs one lookup. */
static void test_mx_missed(void **state)
{
	(void)state;
	struct product p;
	struct outcome outcome;
	product_start(&p);
	product_domain("example.com", "mx1.example.com");
	world_dns_outcome("example.com", DNS_MX, DNS_FAILED, 0);
	struct question question = product_question("example.com", PURPOSE_DELIVER);
	for (int i = 0; i < 20; i++) {
		product_answer(p.check, &question, SETTLE_MS, &outcome);
		assert_int_equal(outcome.verdict.kind, VERDICT_DEFER);
		assert_int_equal(outcome.verdict.reason, REASON_MX_LOOKUP);
		outcome_free(&outcome);
		product_settle(p.check);
	}
	assert_in_range(world_count("dns MX example.com"), 1, 2);
	product_domain("example.com", "mx1.example.com");
	world_advance(LIMITS_MX_FAILURE_MS / 1000);
	product_answer(p.check, &question, SETTLE_MS, &outcome);
	assert_int_equal(outcome.verdict.kind, VERDICT_PASS);
	outcome_free(&outcome);
	product_stop(&p);
}

static unsigned client_begins(struct product *p, unsigned from, unsigned count, uint64_t client)
{
	unsigned begun = 0;
	for (unsigned i = from; i < from + count; i++) {
		struct question question = tenant_question(i);
		question.client = client;
		begun += product_begin(p->check, &question, nobody_waits, NULL) != CHECK_NO_TICKET;
	}
	return begun;
}

/* A client opens no more inquiries than its rate allows. Another client, and one that joins an open inquiry, are not
 * affected. */
static void test_client_rate(void **state)
{
	(void)state;
	struct product p;
	product_start(&p);
	world_gate_shut("dns TXT");
	int64_t from_ms = clock_mono_ms();
	unsigned begun = client_begins(&p, 0, PRODUCT_INQUIRIES / CLIENT_PART, 1);
	unsigned fills = (unsigned)((clock_mono_ms() - from_ms) * CLIENT_A_SECOND / 1000) + 1;
	assert_in_range(begun, CLIENT_BURST, CLIENT_BURST + fills);
	assert_int_equal(client_begins(&p, 0, 100, 1), 100); /* joins */
	assert_int_equal(client_begins(&p, 3000, 10, 2), 10);
	world_gate_open("dns TXT");
	product_settle(p.check);
	begun = client_begins(&p, 5000, PRODUCT_INQUIRIES / CLIENT_PART, 1);
	fills = (unsigned)((clock_mono_ms() - from_ms) * CLIENT_A_SECOND / 1000) + 1;
	assert_in_range(begun, 0, fills);
	product_settle(p.check);
	world_advance(CLIENT_BURST / CLIENT_A_SECOND);
	assert_int_equal(client_begins(&p, 7000, 500, 1), 500);
	product_settle(p.check);
	product_stop(&p);
}

/* A fetch that could not even start is reported in time, once, and is not remembered as a fetch. */
static void test_alarm_of_untried(void **state)
{
	(void)state;
	struct product p;
	char events[FAKE_EVENTS_SIZE];
	product_start(&p);
	tenants_make(1);
	tenants_ask(&p, 1);
	world_resolver(false);
	world_advance(604800 / 2);
	for (int i = 0; i < 3; i++) {
		fake_events_forget();
		world_advance(900);
		assert_int_equal(tenants_refresh(&p, 1), 1);
		product_settle(p.check);
		fake_events_copy(events);
		assert_int_equal(strstr(events, "refresh-failing:d0.example.com") != NULL, i == 0);
	}
	struct entry entry = stored(&p, "d0.example.com");
	assert_int_equal(entry.fetch_outcome, REASON_OK);
	assert_int_equal(entry.refresh_alarm, REFRESH_ALARM_HALF);
	entry_free(&entry);
	product_stop(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_dead_provider),
		cmocka_unit_test(test_errors_of_others),
		cmocka_unit_test(test_asked_at_dead_provider),
		cmocka_unit_test(test_no_room_is_a_failure),
		cmocka_unit_test(test_silent_provider),
		cmocka_unit_test(test_silent_hosts),
		cmocka_unit_test(test_silent_name_servers),
		cmocka_unit_test(test_mx_missed),
		cmocka_unit_test(test_client_rate),
		cmocka_unit_test(test_alarm_of_untried),
	};
	alarm(300);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
