/* Check when something fails between two of its steps, with fakes in place of the network. */
#include "clock.h"
#include "limit_hits.h"
#include "metrics.h"
#include "product.h"
#include "world.h"

#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

/* A stored policy with evidence past its hard age. */
static struct question known_domain(struct product *p)
{
	struct outcome outcome;
	struct question question = product_question("example.com", PURPOSE_DELIVER);
	product_start(p);
	product_domain("example.com", "mx1.example.com");
	product_answer(p->check, &question, 5000, &outcome);
	assert_int_equal(outcome.verdict.kind, VERDICT_PASS);
	product_settle(p->check);
	world_advance(25 * 3600);
	return question;
}

/* Rule 9: the policy could be read when the question came. If the store breaks after that, the mail is still held. */
static void test_store_breaks_between(void **state)
{
	(void)state;
	struct product p;
	struct outcome outcome;
	check_ticket ticket = CHECK_NO_TICKET;
	struct question question = known_domain(&p);
	world_hop("mx1.example.com", REASON_CERT_EXPIRED, 0x0304);
	world_gate_shut("probe");
	assert_false(check_ask(p.check, &question, NULL, NULL, &ticket, &outcome));
	assert_true(outcome.verdict.has_policy);
	assert_true(ticket != CHECK_NO_TICKET);
	world_store(WORLD_STORE_BROKEN);
	world_gate_open("probe");
	check_wait(p.check, ticket, clock_mono_ms() + SETTLE_MS, &outcome);
	assert_true(outcome.final);
	assert_int_equal(outcome.verdict.kind, VERDICT_FAIL_ENFORCE);
	assert_true(outcome.verdict.has_policy);
	product_settle(p.check);
	product_stop(&p);
}

static struct entry stored(struct product *p, const char *domain)
{
	struct entry entry;
	struct store_view *view = store_view_begin(p->store, NULL);
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

static atomic_int passed;

static void passes(void *arg, struct outcome *outcome)
{
	(void)arg;
	if (outcome->final && outcome->verdict.kind == VERDICT_PASS && outcome->verdict.reason == REASON_OK)
		atomic_fetch_add(&passed, 1);
}

static void policy_put(struct entry *entry, void *arg)
{
	struct policy_found found = {.policy = {.mode = POLICY_ENFORCE, .max_age_s = 30 * 86400}};
	(void)arg;
	names_add(&found.policy.mx, "mx1.example.com", strlen("mx1.example.com"));
	entry_learn_policy(entry, &found, "1", world_wall_s());
	entry->due_at = world_wall_s() + 3600;
	policy_found_free(&found);
}

/* A caller that joins an inquiry which knows less than check_ask() has returned never gets a weaker answer. */
static void test_never_less(void **state)
{
	(void)state;
	struct product p;
	struct outcome outcome;
	check_ticket ticket = CHECK_NO_TICKET;
	product_start(&p);
	product_domain("example.com", "mx1.example.com");
	struct question question = product_question("example.com", PURPOSE_DELIVER);
	world_gate_shut("dns TXT");
	assert_true(product_begin(p.check, &question, nobody_waits, NULL) != CHECK_NO_TICKET);
	assert_true(world_gate_await("dns TXT", 1, SETTLE_MS));
	assert_true(store_change_entry(p.store, "example.com", policy_put, NULL, NULL));
	assert_false(check_ask(p.check, &question, NULL, NULL, &ticket, &outcome));
	assert_true(outcome.verdict.has_policy);
	assert_true(ticket != CHECK_NO_TICKET);
	check_wait(p.check, ticket, clock_mono_ms() + 50, &outcome);
	assert_false(outcome.final);
	assert_true(outcome.verdict.has_policy);
	assert_int_equal(outcome.verdict.kind, VERDICT_DEFER);
	world_gate_open("dns TXT");
	product_settle(p.check);
	product_stop(&p);
}

static void hears(void *arg, struct outcome *outcome)
{
	*(struct outcome *)arg = *outcome;
	memset(&outcome->policy, 0, sizeof outcome->policy);
}

/* The same if the inquiry is cut off. */
static void test_never_less_at_the_end(void **state)
{
	(void)state;
	struct product p;
	struct outcome heard = {.final = true};
	product_start(&p);
	product_domain("example.com", "mx1.example.com");
	struct question question = product_question("example.com", PURPOSE_DELIVER);
	world_gate_shut("dns TXT");
	assert_true(product_begin(p.check, &question, nobody_waits, NULL) != CHECK_NO_TICKET);
	assert_true(world_gate_await("dns TXT", 1, SETTLE_MS));
	assert_true(store_change_entry(p.store, "example.com", policy_put, NULL, NULL));
	assert_true(product_begin(p.check, &question, hears, &heard) != CHECK_NO_TICKET);
	check_free(&p.check);
	assert_false(heard.final);
	assert_true(heard.verdict.has_policy);
	assert_int_equal(heard.verdict.kind, VERDICT_DEFER);
	outcome_free(&heard);
	product_stop(&p);
}

/* Another process stores the policy while an inquiry is under way that has read nothing of it. What the inquiry
 * writes later does not take the policy off the list of due refreshes. */
static void test_due_of_what_is_stored(void **state)
{
	(void)state;
	struct product p;
	product_start(&p);
	product_domain("example.com", "mx1.example.com");
	world_policy_fails("example.com", REASON_POLICY_FETCH, "silent");
	struct question question = product_question("example.com", PURPOSE_DELIVER);
	world_gate_shut("dns TXT");
	assert_true(product_begin(p.check, &question, nobody_waits, NULL) != CHECK_NO_TICKET);
	assert_true(world_gate_await("dns TXT", 1, SETTLE_MS));
	assert_true(store_change_entry(p.store, "example.com", policy_put, NULL, NULL));
	world_gate_open("dns TXT");
	product_settle(p.check);
	struct entry entry = stored(&p, "example.com");
	assert_true(entry.has_policy);
	assert_true(entry.due_at > world_wall_s());
	entry_free(&entry);
	product_stop(&p);
}

/* The domain was used at a time that is now in the future, because the clock was set back. It is marked as used
 * today, once. */
static void test_use_after_clock_set_back(void **state)
{
	(void)state;
	struct product p;
	struct outcome outcome;
	struct question question = known_domain(&p);
	product_answer(p.check, &question, 5000, &outcome);
	world_set_back(3 * 86400);
	for (int i = 0; i < 2; i++) {
		world_advance(60);
		product_answer(p.check, &question, 5000, &outcome);
		product_settle(p.check);
	}
	struct entry entry = stored(&p, "example.com");
	assert_int_equal(entry.last_used_day, world_wall_s() / 86400);
	entry_free(&entry);
	product_stop(&p);
}

static int64_t processor_ms(void)
{
	struct timespec t;
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static uint64_t client_hits(void)
{
	return metrics_read(METRIC_LIMIT_HITS, HIT_CLIENT_RATE, 0, 0) +
	       metrics_read(METRIC_LIMIT_HITS, HIT_CLIENT_LOOKUPS, 0, 0);
}

/* A client that asks for thousands of silent domains uses up neither the table nor the processor. Other clients are
 * served meanwhile. */
static void test_one_client_floods(void **state)
{
	(void)state;
	struct product p;
	struct outcome outcome;
	struct question known = known_domain(&p);
	unsigned taken = 0;
	uint64_t hits = client_hits();
	known.client = 2;
	world_gate_shut("dns TXT");
	for (int i = 0; i < PRODUCT_INQUIRIES; i++) {
		char domain[64];
		snprintf(domain, sizeof domain, "d%d.example.com", i);
		struct question question = product_question(domain, PURPOSE_DELIVER);
		question_set_client(&question, (struct span){"192.0.2.1", 9});
		taken += product_begin(p.check, &question, nobody_waits, NULL) != CHECK_NO_TICKET;
	}
	assert_in_range(taken, CLIENT_BURST, PRODUCT_INQUIRIES / CLIENT_PART);
	/* Whom the limits refused, and how often, is told. */
	char text[512];
	struct text newest;
	text_init(&newest, text, sizeof text);
	limit_hits_write(&newest);
	if (!strstr(text, " \"192.0.2.0/24 to d"))
		fail_msg("the client is not in `%s`", text);
	assert_int_equal(client_hits() - hits, PRODUCT_INQUIRIES - taken);
	product_pause(2000);
	int64_t before = processor_ms();
	product_pause(1000);
	assert_in_range(processor_ms() - before, 0, 400);
	product_answer(p.check, &known, 4000, &outcome);
	assert_int_equal(outcome.verdict.kind, VERDICT_PASS);
	world_gate_open("dns TXT");
	product_settle(p.check);
	assert_true(product_begin(p.check, &known, nobody_waits, NULL) != CHECK_NO_TICKET);
	product_settle(p.check);
	product_stop(&p);
}

static unsigned client_takes(struct product *p, uint64_t client, unsigned from, unsigned count)
{
	unsigned taken = 0;
	for (unsigned i = from; i < from + count; i++) {
		char domain[64];
		snprintf(domain, sizeof domain, "d%u.example.com", i);
		struct question question = product_question(domain, PURPOSE_DELIVER);
		question.client = client;
		taken += product_begin(p->check, &question, nobody_waits, NULL) != CHECK_NO_TICKET;
	}
	return taken;
}

/* A client gets an eighth of the free room, whatever its rate, and gets it back when its inquiries have ended. */
static void test_part_of_a_client(void **state)
{
	(void)state;
	struct product p;
	product_start(&p);
	p.check->inquiries_max = 800;
	for (unsigned i = 0; i < 2; i++) {
		world_gate_shut("dns TXT");
		assert_in_range(client_takes(&p, 1, i * 1000, 200), 800 / (CLIENT_PART + 1), 800 / CLIENT_PART);
		assert_int_equal(client_takes(&p, 2, i * 1000 + 200, 40), 40);
		world_gate_open("dns TXT");
		product_settle(p.check);
	}
	product_stop(&p);
}

/* Refreshes, even forced ones, leave half of the table to questions. Refreshes that are merely due have a much lower
 * limit. */
static void test_part_of_refreshes(void **state)
{
	(void)state;
	struct product p;
	unsigned begun = 0;
	product_start(&p);
	world_gate_shut("dns TXT");
	for (unsigned i = 0; i < PRODUCT_INQUIRIES; i++) {
		char domain[64];
		snprintf(domain, sizeof domain, "r%u.example.com", i);
		if (i == REFRESHES_DUE_MAX)
			assert_int_equal(check_refresh(p.check, "due.example.com", false), CHECK_REFRESH_NO_ROOM);
		begun += check_refresh(p.check, domain, true) == CHECK_REFRESH_BEGUN;
	}
	assert_int_equal(begun, PRODUCT_INQUIRIES / 2);
	assert_int_equal(client_takes(&p, 1, 0, 100), 100);
	world_gate_open("dns TXT");
	product_settle(p.check);
	product_stop(&p);
}

static void await_fetches(unsigned count)
{
	assert_true(world_gate_await("fetch", count, SETTLE_MS));
	product_pause(150);
	assert_true(world_gate_await("fetch", count, 0));
	assert_false(world_gate_await("fetch", count + 1, 0));
}

/* There are never more connections than allowed, refreshes use at most half of them, and each is released. */
static void test_connections(void **state)
{
	(void)state;
	struct product p;
	product_start(&p);
	p.check->bounds.sockets_max = 4;
	for (int i = 0; i < 10; i++) {
		char domain[64];
		snprintf(domain, sizeof domain, "d%d.example.com", i);
		product_domain(domain, "mx.example.net");
	}
	world_gate_shut("fetch");
	assert_int_equal(client_takes(&p, 1, 0, 6), 6);
	await_fetches(4);
	world_gate_open("fetch");
	product_settle(p.check);
	assert_int_equal(world_count("fetch"), 6);
	world_advance(3 * 86400);
	world_gate_shut("fetch");
	for (int i = 0; i < 6; i++) {
		char domain[64];
		snprintf(domain, sizeof domain, "d%d.example.com", i);
		assert_int_equal(check_refresh(p.check, domain, false), CHECK_REFRESH_BEGUN);
	}
	await_fetches(2);
	assert_int_equal(client_takes(&p, 1, 6, 4), 4);
	await_fetches(4);
	world_gate_open("fetch");
	product_settle(p.check);
	assert_int_equal(world_count("fetch"), 16);
	product_stop(&p);
}

/* A probe of two addresses finds only one of two connections free: a silent policy host has the other. */
static void probe_begins(struct product *p)
{
	static const char *const two[] = {"8.0.9.1", "8.0.9.2"};
	product_start(p);
	p->check->bounds.sockets_max = 2;
	product_domain("silent.example.com", "mx.example.net");
	product_domain("d0.example.com", "mx.example.org");
	assert_true(world_dns("mx.example.org", DNS_A, 3600, two, 2));
	world_gate_shut("fetch silent.example.com");
	struct question question = product_question("silent.example.com", PURPOSE_DELIVER);
	assert_true(product_begin(p->check, &question, nobody_waits, NULL) != CHECK_NO_TICKET);
	assert_true(world_gate_await("fetch silent.example.com", 1, SETTLE_MS));
	question = product_question("d0.example.com", PURPOSE_DELIVER);
	atomic_store(&passed, 0);
	assert_true(product_begin(p->check, &question, passes, NULL) != CHECK_NO_TICKET);
	int64_t deadline_ms = clock_mono_ms() + SETTLE_MS;
	while (world_count("dns A mx.example.org") == 0 && clock_mono_ms() < deadline_ms)
		product_pause(1);
	product_pause(500);
	assert_int_equal(world_count("probe"), 0);
}

/* While the probe waits for both, it holds none and spends no budget. */
static void test_connections_of_a_probe(void **state)
{
	(void)state;
	struct product p;
	probe_begins(&p);
	world_gate_open("fetch silent.example.com");
	product_settle(p.check);
	assert_int_equal(world_count("probe mx.example.org"), 2);
	assert_int_equal(atomic_load(&passed), 1);
	product_stop(&p);
}

/* The probe waits for room no longer than a probe may take. */
static void test_no_connection_for_a_probe(void **state)
{
	(void)state;
	struct product p;
	probe_begins(&p);
	world_advance(61);
	int64_t deadline_ms = clock_mono_ms() + SETTLE_MS;
	while (product_cases(p.check) > 1 && clock_mono_ms() < deadline_ms)
		product_pause(1);
	assert_int_equal(product_cases(p.check), 1);
	world_gate_open("fetch silent.example.com");
	product_settle(p.check);
	assert_int_equal(world_count("probe mx.example.org"), 0);
	assert_int_equal(atomic_load(&passed), 0);
	product_stop(&p);
}

/* If the limits refuse a refresh, an inquiry with a waiter that is parked in its flight tries for itself. */
static void test_behind_a_refused_refresh(void **state)
{
	(void)state;
	struct product p;
	product_start(&p);
	p.check->bounds.sockets_max = 4;
	product_domain("d0.example.com", "mx.example.net");
	product_domain("d1.example.com", "mx.example.net");
	product_domain("d2.example.com", "mx.example.net");
	world_policy_fails("d2.example.com", REASON_POLICY_FETCH, "HTTP status 500");
	assert_int_equal(client_takes(&p, 1, 0, 3), 3);
	product_settle(p.check);
	world_advance(3 * 86400);
	product_domain("d2.example.com", "mx.example.net");
	world_gate_shut("fetch");
	assert_int_equal(check_refresh(p.check, "d0.example.com", false), CHECK_REFRESH_BEGUN);
	assert_int_equal(check_refresh(p.check, "d1.example.com", false), CHECK_REFRESH_BEGUN);
	assert_true(world_gate_await("fetch", 2, SETTLE_MS));
	assert_int_equal(check_refresh(p.check, "d2.example.com", false), CHECK_REFRESH_BEGUN);
	product_pause(200); /* it waits for a connection */
	struct question question = product_question("d2.example.com", PURPOSE_DELIVER);
	atomic_store(&passed, 0);
	assert_true(product_begin(p.check, &question, passes, NULL) != CHECK_NO_TICKET);
	product_pause(200); /* parked */
	world_advance(61);  /* longer than fetch_timeout */
	assert_true(world_gate_await("fetch", 3, SETTLE_MS));
	world_gate_open("fetch");
	product_settle(p.check);
	assert_int_equal(atomic_load(&passed), 1);
	product_stop(&p);
}

/* A stop while an inquiry waits for the probe budget: it does not try again and again until the others have ended. */
static void test_stop_while_put_off(void **state)
{
	(void)state;
	struct product p;
	product_start(&p);
	world_gate_shut("probe");
	for (int i = 1; i <= BUDGET_AT_ONCE + 1; i++) {
		char domain[64], mx[64], address[64];
		const char *record = address;
		snprintf(domain, sizeof domain, "d%d.example.com", i);
		snprintf(mx, sizeof mx, "mx%d.example.net", i);
		snprintf(address, sizeof address, "8.0.1.%d", i);
		product_domain(domain, mx);
		assert_true(world_dns(mx, DNS_A, 3600, &record, 1));
		struct question question = product_question(domain, PURPOSE_DELIVER);
		assert_true(product_begin(p.check, &question, nobody_waits, NULL) != CHECK_NO_TICKET);
	}
	assert_true(world_gate_await("probe", BUDGET_AT_ONCE, SETTLE_MS));
	product_pause(200);
	int64_t before = processor_ms();
	check_free(&p.check);
	assert_in_range(processor_ms() - before, 0, 200);
	product_stop(&p);
}

/* An enforce domain whose hop has these addresses. */
static void domain_at(const char *domain, const char *mx, const char *const *addresses, size_t count)
{
	product_domain(domain, mx);
	assert_true(world_dns(mx, DNS_A, 3600, addresses, count));
}

/* A probe that was requeued for the budget gets as much time as any other when its turn comes. */
static void test_put_off_keeps_time(void **state)
{
	(void)state;
	struct product p;
	product_start(&p);
	world_gate_shut("probe");
	for (int i = 1; i <= BUDGET_AT_ONCE + 1; i++) {
		char domain[64], mx[64], address[64];
		const char *one = address;
		snprintf(domain, sizeof domain, "d%d.example.com", i);
		snprintf(mx, sizeof mx, "mx%d.example.net", i);
		snprintf(address, sizeof address, "8.0.1.%d", i);
		domain_at(domain, mx, &one, 1);
		struct question question = product_question(domain, PURPOSE_DELIVER);
		assert_true(product_begin(p.check, &question, nobody_waits, NULL) != CHECK_NO_TICKET);
		if (i == BUDGET_AT_ONCE)
			assert_true(world_gate_await("probe", BUDGET_AT_ONCE, SETTLE_MS));
	}
	product_pause(300);
	assert_int_equal(world_count("probe"), BUDGET_AT_ONCE);
	world_advance((int64_t)p.config->settings->probe_timeout * 2 / 3);
	world_gate_open("probe");
	product_settle(p.check);
	assert_int_equal(world_count("probe"), BUDGET_AT_ONCE + 1);
	assert_true(world_probe_ms() > (int)p.config->settings->probe_timeout * 1000 / 2);
	product_stop(&p);
}

static unsigned threads(void)
{
	unsigned count = 0;
	DIR *tasks = opendir("/proc/self/task");
	assert_non_null(tasks);
	for (const struct dirent *task; (task = readdir(tasks));)
		count += task->d_name[0] != '.';
	closedir(tasks);
	return count;
}

/* All threads are started at once. If one cannot be started, that is an error at the start, not when the first
 * domain is to be stored. */
static void test_threads_at_the_start(void **state)
{
	(void)state;
	struct product p;
	struct outcome outcome;
	product_start(&p);
	unsigned before = threads();
	product_domain("example.com", "mx1.example.com");
	struct question question = product_question("example.com", PURPOSE_DELIVER);
	product_answer(p.check, &question, 5000, &outcome);
	outcome_free(&outcome);
	assert_int_equal(threads(), before);
	product_stop(&p);
}

/* The pause between two probes of a hop ends while the inquiry runs: the second probe starts all the same. */
static void test_rest_ends_meanwhile(void **state)
{
	(void)state;
	static const char *const one[] = {"8.0.1.1"};
	struct product p;
	product_start(&p);
	domain_at("example.com", "mx1.example.com", one, 1);
	world_hop_passing("mx1.example.com", REASON_TLS_FAILED, 0);
	struct question question = product_question("example.com", PURPOSE_DELIVER);
	assert_true(product_begin(p.check, &question, nobody_waits, NULL) != CHECK_NO_TICKET);
	int64_t until_ms = clock_mono_ms() + SETTLE_MS;
	while (world_count("probe") == 0 && clock_mono_ms() < until_ms)
		product_pause(1);
	product_pause(200);
	world_clock_slow(OBTAIN_AGAIN_MS * 3 / 4);
	for (unsigned i = 0; i < p.check->desk_count; i++) /* wakes all sleeping inquiries */
		loop_post(p.check->desk[i].loop, &p.check->desk[i].stop);
	product_pause(200);
	world_clock_slow(0);
	product_settle(p.check);
	assert_int_equal(world_count("probe"), 2);
	product_stop(&p);
}

/* Tenants of a large provider, all asked for at once: each address is probed once, and no probe is refused. */
static void test_many_tenants(void **state)
{
	(void)state;
	static const char *const addresses[] = {"8.8.8.1", "8.8.8.2", "8.8.8.3", "8.8.8.4"};
	struct product p;
	product_start(&p);
	atomic_store(&passed, 0);
	world_delay(2000);
	atomic_store(&passed, 0);
	for (int i = 0; i < 40; i++) {
		char domain[64], mx[64];
		const char *two[] = {addresses[i % 4], addresses[(i + 1) % 4]};
		snprintf(domain, sizeof domain, "tenant%d.example", i);
		snprintf(mx, sizeof mx, "tenant%d-example.mail.example.net", i);
		product_domain(domain, mx);
		assert_true(world_dns(mx, DNS_A, 3600, two, 2));
		world_hop_names(mx, "mail.example.net *.mail.example.net", world_wall_s() + 86400);
		struct question question = product_question(domain, PURPOSE_DELIVER);
		assert_true(product_begin(p.check, &question, passes, NULL) != CHECK_NO_TICKET);
	}
	product_settle(p.check);
	assert_int_equal(atomic_load(&passed), 40);
	for (size_t i = 0; i < sizeof addresses / sizeof addresses[0]; i++) {
		char *log = world_log(0);
		unsigned probes = 0;
		for (char *at = log; (at = strstr(at, addresses[i])); at++)
			probes++;
		assert_in_range(probes, 0, 1);
		free(log);
	}
	product_stop(&p);
}

/* In a tool without a front end, questions leave half of the budget, and a refused probe is not remembered. */
static void test_tool_in_the_background(void **state)
{
	(void)state;
	struct product p;
	struct hop_record record;
	product_start(&p);
	p.check->bounds.background = true;
	for (int i = 1; i <= BUDGET_A_MINUTE; i++) {
		char domain[64], mx[64], address[64];
		const char *one = address;
		snprintf(domain, sizeof domain, "d%d.example.com", i);
		snprintf(mx, sizeof mx, "mx%d.example.net", i);
		snprintf(address, sizeof address, "8.0.1.%d", i);
		product_domain(domain, mx);
		assert_true(world_dns(mx, DNS_A, 3600, &one, 1));
		struct question question = product_question(domain, PURPOSE_DELIVER);
		assert_true(product_begin(p.check, &question, nobody_waits, NULL) != CHECK_NO_TICKET);
		product_settle(p.check);
	}
	assert_int_equal(world_count("probe"), BUDGET_A_MINUTE / 2);
	struct store_view *view = store_view_begin(p.store, NULL);
	assert_int_equal(store_view_hop(view, "mx6.example.net", 25, &record), STORE_ABSENT);
	store_view_end(&view);
	product_stop(&p);
}

/* The renewal of a hop waits for the budget. A question that needs the same hop does not wait behind it, not even
 * for as long as a probe may take. */
static void test_asked_before_renewals(void **state)
{
	(void)state;
	struct product p;
	product_start(&p);
	for (int i = 1; i <= 2; i++) {
		char domain[64], mx[64], address[64];
		const char *record = address;
		snprintf(domain, sizeof domain, "d%d.example.com", i);
		snprintf(mx, sizeof mx, "mx%d.example.net", i);
		snprintf(address, sizeof address, "8.0.1.%d", i);
		product_domain(domain, mx);
		assert_true(world_dns(mx, DNS_A, 3600, &record, 1));
		struct question question = product_question(domain, PURPOSE_DELIVER);
		assert_true(product_begin(p.check, &question, nobody_waits, NULL) != CHECK_NO_TICKET);
	}
	product_settle(p.check);
	world_advance(25 * 3600); /* past the hard age */
	world_gate_shut("probe");
	assert_int_equal(check_refresh(p.check, "d1.example.com", false), CHECK_REFRESH_BEGUN);
	assert_true(world_gate_await("probe", 1, SETTLE_MS));
	assert_int_equal(check_refresh(p.check, "d2.example.com", false), CHECK_REFRESH_BEGUN);
	product_pause(200);
	struct question question = product_question("d2.example.com", PURPOSE_DELIVER);
	atomic_store(&passed, 0);
	assert_true(product_begin(p.check, &question, passes, NULL) != CHECK_NO_TICKET);
	assert_true(world_gate_await("probe", 2, SETTLE_MS / 3));
	world_gate_open("probe");
	product_settle(p.check);
	assert_int_equal(atomic_load(&passed), 1);
	product_stop(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_store_breaks_between),
		cmocka_unit_test(test_never_less),
		cmocka_unit_test(test_never_less_at_the_end),
		cmocka_unit_test(test_due_of_what_is_stored),
		cmocka_unit_test(test_use_after_clock_set_back),
		cmocka_unit_test(test_one_client_floods),
		cmocka_unit_test(test_part_of_a_client),
		cmocka_unit_test(test_part_of_refreshes),
		cmocka_unit_test(test_connections),
		cmocka_unit_test(test_connections_of_a_probe),
		cmocka_unit_test(test_no_connection_for_a_probe),
		cmocka_unit_test(test_behind_a_refused_refresh),
		cmocka_unit_test(test_stop_while_put_off),
		cmocka_unit_test(test_put_off_keeps_time),
		cmocka_unit_test(test_threads_at_the_start),
		cmocka_unit_test(test_rest_ends_meanwhile),
		cmocka_unit_test(test_many_tenants),
		cmocka_unit_test(test_tool_in_the_background),
		cmocka_unit_test(test_asked_before_renewals),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
