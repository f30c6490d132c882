/* Which sessions of TLS reports check observes, with fakes in place of the network: shared operations, floods, and a stop in
 * between (design 7.27, 7.28). tests/scenarios/rfc8460-* has the rules. */
#include "age.h"
#include "clock.h"
#include "product.h"
#include "world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define RECORD "v=TLSRPTv1; rua=mailto:tls@example.com"
#define FLOOD 1024 /* on two loops, twice as many as may be looked up at a time */

static atomic_uint heard, failed, of_a;

static void hear(void *arg, const struct tlsrpt_session *session)
{
	(void)arg;
	assert_string_equal(session->record, RECORD);
	atomic_fetch_add(&heard, 1);
	atomic_fetch_add(&failed, session->policy[0].failed);
	atomic_fetch_add(&of_a, strcmp(session->domain, "a.example") == 0);
}

static void heard_forget(void)
{
	atomic_store(&heard, 0);
	atomic_store(&failed, 0);
	atomic_store(&of_a, 0);
}

static uint64_t dropped(enum tlsrpt_dropped cause)
{
	return metrics_read(METRIC_TLSRPT_OWN_DROPPED, cause, 0, 0);
}

static void sessions_settle(struct product *p)
{
	int64_t deadline = clock_mono_ms() + SETTLE_MS;
	product_settle(p->check);
	while (tlsrpt_own_waiting(p->check->own) > 0 && clock_mono_ms() < deadline)
		product_pause(1);
	assert_int_equal(tlsrpt_own_waiting(p->check->own), 0);
}

static void asks_for_reports(const char *domain)
{
	char name[DOMAIN_SIZE + 16];
	const char *record = RECORD;
	snprintf(name, sizeof name, "_smtp._tls.%s", domain);
	assert_true(world_dns(name, DNS_TXT, 3600, &record, 1));
}

/* A domain with a record, and without a policy. */
static void announces(const char *domain)
{
	char name[DOMAIN_SIZE + 16];
	const char *record = "v=STSv1; id=1";
	snprintf(name, sizeof name, "_mta-sts.%s", domain);
	assert_true(world_dns(name, DNS_TXT, 3600, &record, 1));
	world_policy_fails(domain, REASON_POLICY_FETCH, "HTTP status 404");
}

/* A domain in testing mode whose mail host offers no STARTTLS. */
static void testing_domain(const char *domain, const char *mx)
{
	char text[DOMAIN_SIZE + 64];
	product_domain(domain, mx);
	snprintf(text, sizeof text, "version: STSv1\nmode: testing\nmax_age: 604800\nmx: %s\n", mx);
	world_policy(domain, text, strlen(text));
	world_hop(mx, REASON_STARTTLS_MISSING, 0);
	asks_for_reports(domain);
}

static void nobody_waits(void *arg, struct outcome *outcome)
{
	(void)arg;
	(void)outcome;
}

static void begin(struct product *p, const char *domain, enum purpose purpose)
{
	struct question question = product_question(domain, purpose);
	product_begin(p->check, &question, nobody_waits, NULL);
}

static void test_without_a_sink_nothing_is_done(void **state)
{
	(void)state;
	struct product p;
	product_start(&p);
	testing_domain("a.example", "mx.example.net");
	begin(&p, "a.example", PURPOSE_DELIVER);
	product_settle(p.check);
	assert_int_equal(world_count("probe mx.example.net:25"), 1);
	assert_int_equal(world_count("dns TXT _smtp._tls.a.example"), 0);
	product_stop(&p);
}

/* Two questions about one domain and one about another share a probe. */
static void test_a_shared_probe_counts_once_for_each_domain(void **state)
{
	(void)state;
	struct product p;
	product_start(&p);
	heard_forget();
	check_on_session(p.check, hear, NULL);
	testing_domain("a.example", "mx.example.net");
	testing_domain("b.example", "mx.example.net");
	testing_domain("c.example", "mx.example.net");
	world_gate_shut("probe mx.example.net:25");
	begin(&p, "a.example", PURPOSE_DELIVER);
	begin(&p, "b.example", PURPOSE_DELIVER);
	check_refresh(p.check, "a.example", true);
	check_refresh(p.check, "c.example", true); /* no mail has asked for c */
	assert_true(world_gate_await("probe mx.example.net:25", 1, WORLD_GATE_WAIT_MS));
	product_pause(20);
	world_gate_open("");
	sessions_settle(&p);
	assert_int_equal(world_count("probe mx.example.net:25"), 1);
	assert_int_equal(atomic_load(&heard), 2);
	assert_int_equal(atomic_load(&failed), 2);
	assert_int_equal(atomic_load(&of_a), 1);
	product_stop(&p);
}

/* The refresher began the fetch of a domain that mail has not used today. Mail joins it: it has caused the attempt, too. */
static void test_mail_joins_a_fetch(void **state)
{
	(void)state;
	for (int joins = 0; joins <= 1; joins++) {
		struct product p;
		product_start(&p);
		heard_forget();
		check_on_session(p.check, hear, NULL);
		product_domain("a.example", "mx.example.net");
		asks_for_reports("a.example");
		world_policy_fails("a.example", REASON_POLICY_FETCH, "HTTP status 404");
		world_gate_shut("fetch a.example");
		check_refresh(p.check, "a.example", true);
		assert_true(world_gate_await("fetch a.example", 1, WORLD_GATE_WAIT_MS));
		if (joins)
			begin(&p, "a.example", PURPOSE_DELIVER);
		product_pause(20);
		world_gate_open("");
		sessions_settle(&p);
		assert_int_equal(world_count("fetch a.example"), 1);
		assert_int_equal(atomic_load(&heard), joins);
		product_stop(&p);
	}
}

/* Many domains whose records are not answered: what finds no room is dropped and counted, and a stop waits for nothing. */
static void test_a_flood_is_bounded(void **state)
{
	(void)state;
	for (int stopped = 0; stopped <= 1; stopped++) {
		struct product p;
		uint64_t before = dropped(TLSRPT_DROPPED_QUEUE);
		product_start(&p);
		heard_forget();
		check_on_session(p.check, hear, NULL);
		world_gate_shut("fetch");
		for (unsigned i = 0; i < FLOOD; i++) {
			char domain[64];
			snprintf(domain, sizeof domain, "d%u.example.com", i);
			announces(domain);
			begin(&p, domain, PURPOSE_DELIVER);
		}
		assert_true(world_gate_await("fetch", FLOOD, WORLD_GATE_WAIT_MS));
		world_gate_shut("dns TXT");
		world_gate_open("fetch");
		product_settle(p.check);
		assert_int_equal(tlsrpt_own_waiting(p.check->own), 2 * OUTBOX_LOOKUPS_MAX);
		assert_int_equal(dropped(TLSRPT_DROPPED_QUEUE) - before, FLOOD - 2 * OUTBOX_LOOKUPS_MAX);
		asks_for_reports("a.example");
		announces("a.example");
		if (!stopped) {
			world_gate_open("");
			sessions_settle(&p); /* the domains have no TLSRPT record */
			begin(&p, "a.example", PURPOSE_DELIVER);
			sessions_settle(&p);
			assert_int_equal(atomic_load(&of_a), 1);
		}
		product_stop(&p);
		assert_int_equal(atomic_load(&heard), !stopped);
	}
}

/* Half past eleven at night: what was counted on the old day does not keep the probes of the new day from counting. */
static void test_each_day_begins_anew(void **state)
{
	(void)state;
	struct product p;
	product_start(&p);
	heard_forget();
	check_on_session(p.check, hear, NULL);
	world_advance(DAY_S - WORLD_START_S % DAY_S - 1800);
	testing_domain("a.example", "mx.example.net");
	for (unsigned i = 1; i <= 3; i++) {
		begin(&p, "a.example", PURPOSE_DELIVER);
		sessions_settle(&p);
		assert_int_equal(atomic_load(&heard), i);
		assert_int_equal(world_count("probe mx.example.net:25"), i);
		world_advance(1500);
	}
	/* The clock is set back over midnight: the probes of the future count no more. */
	world_set_back(3600);
	check_refresh(p.check, "a.example", false);
	sessions_settle(&p);
	assert_int_equal(atomic_load(&heard), 3);
	product_stop(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_without_a_sink_nothing_is_done),
		cmocka_unit_test(test_a_shared_probe_counts_once_for_each_domain),
		cmocka_unit_test(test_mail_joins_a_fetch), cmocka_unit_test(test_a_flood_is_bounded),
		cmocka_unit_test(test_each_day_begins_anew)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
