/* The shell under concurrency, with the fakes in place of the network: work in flight is shared, waiting cases hold no
 * worker, and nothing that asks, gives up, reloads or stops at the same time goes wrong. Meant to be run under
 * ThreadSanitizer too. */
#include "clock.h"
#include "metrics.h"
#include "product.h"
#include "world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

/* Tickets: how many ended, and how. */
struct tally {
	atomic_uint done, pass, fail, final, unsure; /* unsure: final, though it says that it is not */
	atomic_uint first_id;                        /* policies with the id 1 */
};

static void tally_done(void *arg, struct outcome *outcome)
{
	struct tally *tally = arg;
	tally->pass += outcome->verdict.kind == VERDICT_PASS;
	tally->fail += outcome->verdict.kind == VERDICT_FAIL_ENFORCE;
	tally->final += outcome->final;
	tally->unsure += outcome->final && outcome->verdict.reason == REASON_FIRST_CONTACT;
	tally->first_id += strcmp(outcome->verdict.policy_id, "1") == 0;
	tally->done++;
}

static void await_within(struct tally *tally, unsigned done, int limit_ms)
{
	int64_t deadline = clock_mono_ms() + limit_ms;
	while (tally->done < done && clock_mono_ms() < deadline)
		product_pause(1);
	assert_int_equal(tally->done, done);
}

static void await(struct tally *tally, unsigned done)
{
	await_within(tally, done, SETTLE_MS);
}

/* Sooner than the calls at the gates end by themselves. */
static void await_soon(struct tally *tally, unsigned done)
{
	await_within(tally, done, WORLD_GATE_WAIT_MS / 2);
}

/* A case tells its waiters first and closes after that. */
static void await_cases(struct check *check, unsigned open)
{
	int64_t deadline = clock_mono_ms() + SETTLE_MS;
	while (product_cases(check) > open && clock_mono_ms() < deadline)
		product_pause(1);
	assert_int_equal(product_cases(check), open);
}

/* Of all reasons together. */
static uint64_t counted(enum metric metric)
{
	uint64_t sum = 0;
	for (unsigned reason = 0; reason < REASON_COUNT; reason++)
		sum += metrics_read(metric, reason, 0, 0);
	return sum;
}

static uint64_t verdicts_counted(enum purpose purpose)
{
	uint64_t sum = 0;
	for (unsigned kind = VERDICT_NONE; kind <= VERDICT_DEFER; kind++)
		for (unsigned reason = 0; reason < REASON_COUNT; reason++)
			sum += metrics_read(METRIC_VERDICTS, purpose, kind, reason);
	return sum;
}

/* A hundred askers of one domain cost one discovery, and get a verdict each. */
static void test_one_discovery(void **state)
{
	(void)state;
	struct product p;
	struct tally tally = {0};
	product_start(&p, 8);
	product_domain("example.com", "mx1.example.com");
	world_gate_shut("fetch example.com");
	uint64_t verdicts = verdicts_counted(PURPOSE_DELIVER), records = counted(METRIC_RECORD_LOOKUPS);
	uint64_t passes = metrics_read(METRIC_VERDICTS, PURPOSE_DELIVER, VERDICT_PASS, REASON_NONE);
	struct question question = product_question("example.com", PURPOSE_DELIVER);
	for (int i = 0; i < 100; i++)
		assert_true(check_start(p.check, &question, tally_done, &tally) != CHECK_NO_TICKET);
	assert_true(world_gate_await("fetch example.com", 1, SETTLE_MS));
	world_gate_open("fetch example.com");
	await(&tally, 100);
	assert_int_equal(tally.pass, 100);
	assert_int_equal(tally.final, 100);
	assert_int_equal(verdicts_counted(PURPOSE_DELIVER) - verdicts, 100);
	assert_int_equal(metrics_read(METRIC_VERDICTS, PURPOSE_DELIVER, VERDICT_PASS, REASON_NONE) - passes, 100);
	assert_int_equal(counted(METRIC_RECORD_LOOKUPS) - records, 1);
	assert_int_equal(world_count("dns TXT _mta-sts.example.com"), 1);
	assert_int_equal(world_count("fetch example.com"), 1);
	assert_int_equal(world_count("dns MX example.com"), 1);
	assert_int_equal(world_count("probe mx1.example.com"), 1);
	product_stop(&p);
}

/* Delivery and map of one domain share its record and its policy. */
static void test_purposes_share(void **state)
{
	(void)state;
	struct product p;
	struct tally tally = {0};
	product_start(&p, 8);
	product_domain("example.com", "mx1.example.com");
	world_gate_shut("dns TXT _mta-sts.example.com");
	uint64_t records = counted(METRIC_RECORD_LOOKUPS), maps = verdicts_counted(PURPOSE_MAP);
	struct question deliver = product_question("example.com", PURPOSE_DELIVER);
	struct question map = product_question("example.com", PURPOSE_MAP);
	check_start(p.check, &deliver, tally_done, &tally);
	check_start(p.check, &map, tally_done, &tally);
	assert_true(world_gate_await("dns TXT _mta-sts.example.com", 1, SETTLE_MS));
	product_pause(50); /* the second one reaches the record, and is parked */
	world_gate_open("dns TXT _mta-sts.example.com");
	await(&tally, 2);
	assert_int_equal(tally.pass, 2);
	assert_int_equal(world_count("dns TXT _mta-sts.example.com"), 1);
	assert_int_equal(counted(METRIC_RECORD_LOOKUPS) - records, 1);
	assert_int_equal(verdicts_counted(PURPOSE_MAP) - maps, 1);
	product_stop(&p);
}

/* Who waits for a fetch that began under an older record hears of the policy by that record's id, as the store does:
 * else the older body would be taken for the newer one. */
static void test_fetch_keeps_its_id(void **state)
{
	(void)state;
	struct product p;
	struct tally tally = {0};
	struct outcome outcome;
	const char *newer = "v=STSv1; id=2;";
	product_start(&p, 4);
	product_domain("example.com", "mx1.example.com");
	world_gate_shut("fetch example.com");
	struct question deliver = product_question("example.com", PURPOSE_DELIVER);
	struct question map = product_question("example.com", PURPOSE_MAP);
	check_start(p.check, &deliver, tally_done, &tally);
	assert_true(world_gate_await("fetch example.com", 1, SETTLE_MS));
	assert_true(world_dns("_mta-sts.example.com", DNS_TXT, 3600, &newer, 1));
	check_start(p.check, &map, tally_done, &tally);
	while (world_count("dns TXT _mta-sts.example.com") < 2)
		product_pause(1);
	product_pause(50); /* the second one reaches the fetch, and is parked */
	world_gate_open("fetch example.com");
	await(&tally, 2);
	assert_int_equal(world_count("fetch example.com"), 1);
	assert_int_equal(tally.first_id, 2);
	assert_true(check_fresh(p.check, &map, &outcome));
	assert_string_equal(outcome.verdict.policy_id, "1");
	outcome_free(&outcome);
	product_stop(&p);
}

/* A hundred domains on one hop cost one probe; while it is under way their cases hold no worker. */
static void test_one_probe(void **state)
{
	(void)state;
	struct product p;
	struct tally tally = {0}, other = {0};
	product_start(&p, 4);
	world_gate_shut("probe mx.example.net");
	for (int i = 0; i < 100; i++) {
		char domain[64];
		snprintf(domain, sizeof domain, "d%d.example.com", i);
		product_domain(domain, "mx.example.net");
		struct question question = product_question(domain, PURPOSE_DELIVER);
		assert_true(check_start(p.check, &question, tally_done, &tally) != CHECK_NO_TICKET);
	}
	assert_true(world_gate_await("probe mx.example.net", 1, SETTLE_MS));
	/* One of four workers waits at the gate, 99 cases are parked: another domain still gets through. */
	product_domain("example.org", "mx1.example.org");
	struct question question = product_question("example.org", PURPOSE_DELIVER);
	check_start(p.check, &question, tally_done, &other);
	await(&other, 1);
	assert_int_equal(other.pass, 1);
	assert_int_equal(tally.done, 0);
	await_cases(p.check, 100);
	world_gate_open("probe mx.example.net");
	await(&tally, 100);
	assert_int_equal(tally.pass, 100);
	assert_int_equal(world_count("probe mx.example.net"), 1);
	product_stop(&p);
}

static void ask(struct check *check, const char *domain, uint64_t client, struct tally *tally)
{
	struct question question = product_question(domain, PURPOSE_DELIVER);
	question.client = client;
	assert_true(check_start(check, &question, tally_done, tally) != CHECK_NO_TICKET);
}

/* What may pass by itself counts when a second look, seconds later, sees it too; meanwhile no worker is held. */
static void test_second_look(void **state)
{
	(void)state;
	struct product p;
	struct tally passes = {0}, stays = {0}, other = {0};
	product_start(&p, 1);
	product_domain("example.com", "mx1.example.com");
	product_domain("example.net", "mx1.example.net");
	product_domain("example.org", "mx1.example.org");
	world_hop_passing("mx1.example.com", REASON_STARTTLS_REFUSED, 0);
	world_hop_passing("mx1.example.net", REASON_TLS_FAILED, 0);
	uint64_t probes = counted(METRIC_PROBES);
	int64_t begun_ms = clock_mono_ms();
	ask(p.check, "example.com", 1, &passes);
	ask(p.check, "example.net", 2, &stays);
	int64_t deadline_ms = begun_ms + SETTLE_MS;
	while (world_count("probe mx1.example.com") + world_count("probe mx1.example.net") < 2 &&
		clock_mono_ms() < deadline_ms)
		product_pause(1);
	world_hop("mx1.example.com", REASON_NONE, 0x0304);
	ask(p.check, "example.org", 3, &other);
	await(&other, 1);
	assert_int_equal(passes.done + stays.done, 0);
	await(&passes, 1);
	await(&stays, 1);
	assert_in_range(clock_mono_ms() - begun_ms, 2000, SETTLE_MS);
	assert_int_equal(passes.pass, 1);
	assert_int_equal(stays.fail, 1);
	assert_int_equal(world_count("probe mx1.example.com"), 2);
	assert_int_equal(world_count("probe mx1.example.net"), 2);
	assert_int_equal(counted(METRIC_PROBES) - probes, 3);
	product_stop(&p);
}

/* Without the time for a second look nothing is proved. */
static void test_no_second_look(void **state)
{
	(void)state;
	struct product p;
	struct tally tally = {0};
	product_start(&p, 1);
	struct config *config = product_config("probe_timeout=2");
	check_reconfigure(p.check, config);
	config_unref(&config);
	product_domain("example.com", "mx1.example.com");
	world_hop_passing("mx1.example.com", REASON_TLS_FAILED, 0);
	ask(p.check, "example.com", 1, &tally);
	await(&tally, 1);
	assert_int_equal(tally.pass + tally.fail, 0);
	assert_int_equal(world_count("probe mx1.example.com"), 1);
	product_stop(&p);
}

/* Somebody who sends to many silent domains holds a quarter of the workers; another client is served meanwhile, also
 * when it asks for a domain of theirs. */
static void test_one_client(void **state)
{
	(void)state;
	struct product p;
	struct tally tally = {0}, other = {0};
	product_start(&p, 8);
	world_gate_shut("fetch"); /* every policy host is silent */
	for (int i = 0; i < 40; i++) {
		char domain[64];
		snprintf(domain, sizeof domain, "d%d.example.com", i);
		product_domain(domain, "mx.example.net");
		ask(p.check, domain, 1, &tally);
	}
	assert_true(world_gate_await("fetch", 2, SETTLE_MS));
	product_pause(150);
	assert_int_equal(world_busy_peak(), 2);
	ask(p.check, "unknown.example.org", 2, &other);
	await(&other, 1);
	struct question question = product_question("d39.example.com", PURPOSE_MAP);
	check_start(p.check, &question, tally_done, &other);
	assert_true(world_gate_await("fetch", 3, SETTLE_MS));
	world_gate_open("fetch");
	await(&other, 2);
	await(&tally, 40);
	assert_int_equal(tally.pass, 40);
	product_stop(&p);
}

/* Policy hosts of one silent network hold a quarter of the workers, whoever asks. */
static void test_one_network(void **state)
{
	(void)state;
	struct product p;
	struct tally tally = {0}, other = {0};
	product_start(&p, 8);
	world_gate_shut("fetch");
	for (int i = 0; i < 40; i++) {
		char domain[64], host[64], address[] = "8.9.9.9";
		const char *record = address;
		snprintf(domain, sizeof domain, "d%d.example.com", i);
		snprintf(host, sizeof host, "mta-sts.d%d.example.com", i);
		product_domain(domain, "mx.example.net");
		assert_true(world_dns(host, DNS_A, 60, &record, 1));
		struct question question = product_question(domain, PURPOSE_DELIVER);
		check_start(p.check, &question, tally_done, &tally);
	}
	assert_true(world_gate_await("fetch", 2, SETTLE_MS));
	product_domain("elsewhere.example.org", "mx.example.net");
	struct question question = product_question("elsewhere.example.org", PURPOSE_DELIVER);
	check_start(p.check, &question, tally_done, &other);
	assert_true(world_gate_await("fetch", 3, SETTLE_MS));
	assert_int_equal(world_count("fetch elsewhere.example.org"), 1);
	product_pause(150);
	assert_int_equal(world_count("fetch"), 3);
	world_gate_open("fetch");
	await(&tally, 40);
	assert_int_equal(tally.pass, 40);
	product_stop(&p);
}

/* The client asks for a domain whose policy host does not answer. */
static void ask_silent(struct check *check, const char *domain, uint64_t client, struct tally *tally)
{
	char calls[64];
	product_domain(domain, "mx.example.net");
	snprintf(calls, sizeof calls, "fetch %s", domain);
	world_gate_shut(calls);
	ask(check, domain, client, tally);
	assert_true(world_gate_await(calls, 1, SETTLE_MS));
}

/* Of 8 workers the client holds its quarter. */
static void share_use_up(struct check *check, uint64_t client, struct tally *tally)
{
	ask_silent(check, "c.example.org", client, tally);
	ask_silent(check, "d.example.org", client, tally);
}

/* Asked for by client 1, and put off: its policy host's network is busy with others, until their gates open. */
static void put_off_wanted(struct check *check, struct tally *first, struct tally *busy)
{
	static const char *const host[] = {
		"mta-sts.a.example.com", "mta-sts.b.example.com", "mta-sts.wanted.example.com"};
	const char *record = "8.9.9.9";
	for (int i = 0; i < 3; i++)
		assert_true(world_dns(host[i], DNS_A, 60, &record, 1));
	ask_silent(check, "a.example.com", 3, busy);
	ask_silent(check, "b.example.com", 4, busy);
	product_domain("wanted.example.com", "mx.example.net");
	ask(check, "wanted.example.com", 1, first);
	product_pause(100);
}

static void busy_end(struct tally *busy)
{
	product_pause(100);
	world_gate_open("fetch a.example.com");
	world_gate_open("fetch b.example.com");
	await(busy, 2);
}

/* What was put off while it waited for a policy host's network may find its client's share used up later. Others who
 * want the same have shares of their own, and do not wait behind it. */
static void test_put_off_client(void **state)
{
	(void)state;
	struct product p;
	struct tally first = {0}, busy = {0}, other = {0};
	product_start(&p, 8);
	put_off_wanted(p.check, &first, &busy);
	share_use_up(p.check, 1, &first);
	struct question question = product_question("wanted.example.com", PURPOSE_MAP);
	check_start(p.check, &question, tally_done, &other);
	busy_end(&busy);
	await_soon(&other, 1);
	assert_int_equal(first.done, 0);
	world_gate_open("");
	await(&first, 3);
	product_stop(&p);
}

/* The same, where they share one case since before the first client's share was used up. */
static void test_client_used_up_later(void **state)
{
	(void)state;
	struct product p;
	struct tally first = {0}, busy = {0}, other = {0};
	product_start(&p, 8);
	put_off_wanted(p.check, &first, &busy);
	ask(p.check, "wanted.example.com", 2, &other);
	share_use_up(p.check, 1, &first);
	busy_end(&busy);
	await_soon(&other, 1);
	assert_int_equal(first.done, 1);
	world_gate_open("");
	await(&first, 3);
	product_stop(&p);
}

/* One case serves all who ask for a domain: that the first of them has used up its share is no matter to the others,
 * whether they wait or not. */
static void test_client_beside_another(void **state)
{
	(void)state;
	struct product p;
	struct outcome at_once = {0};
	struct tally first = {0}, other = {0};
	product_start(&p, 8);
	share_use_up(p.check, 1, &first);
	product_domain("wanted.example.com", "mx.example.net");
	product_domain("also.example.com", "mx.example.net");
	ask(p.check, "wanted.example.com", 1, &first);
	ask(p.check, "also.example.com", 1, &first);
	product_pause(100);
	ask(p.check, "wanted.example.com", 2, &other);
	await_soon(&other, 1);
	assert_int_equal(first.done, 1);
	struct question question = product_question("also.example.com", PURPOSE_DELIVER);
	question.client = 2;
	check_domain(p.check, &question, 0, NULL, NULL, &at_once);
	assert_false(at_once.final);
	outcome_free(&at_once);
	await_soon(&first, 2);
	world_gate_open("");
	await(&first, 4);
	product_stop(&p);
}

/* How long a first contact takes here: the store waits for the disk. */
static long discovery_ns(struct check *check)
{
	struct outcome outcome;
	struct timespec from, to;
	product_domain("first.example.org", "mx1.example.org");
	struct question question = product_question("first.example.org", PURPOSE_DELIVER);
	clock_gettime(CLOCK_MONOTONIC, &from);
	check_domain(check, &question, SETTLE_MS, NULL, NULL, &outcome);
	clock_gettime(CLOCK_MONOTONIC, &to);
	assert_true(outcome.final);
	outcome_free(&outcome);
	long ns = (to.tv_sec - from.tv_sec) * 1000000000 + to.tv_nsec - from.tv_nsec;
	return ns < 200000000 ? ns : 200000000;
}

/* Giving up: either `done` is called, or the verdict so far is handed over, never both, never neither. */
static void test_abandon_races(void **state)
{
	(void)state;
	struct product p;
	struct tally tally = {0};
	unsigned abandoned = 0, rounds = 200;
	product_start(&p, 8);
	world_delay(200);
	long unit_ns = discovery_ns(p.check) / 12;
	uint64_t verdicts = verdicts_counted(PURPOSE_DELIVER);
	for (unsigned i = 0; i < rounds; i++) {
		char domain[64];
		struct outcome outcome;
		snprintf(domain, sizeof domain, "d%u.example.com", i);
		product_domain(domain, "mx.example.net");
		struct question question = product_question(domain, PURPOSE_DELIVER);
		check_ticket ticket = check_start(p.check, &question, tally_done, &tally);
		assert_true(ticket != CHECK_NO_TICKET);
		nanosleep(&(struct timespec){0, (long)(i % 20) * unit_ns}, NULL);
		if (check_abandon(p.check, ticket, &outcome)) {
			abandoned++;
			assert_false(outcome.final);
			outcome_free(&outcome);
		}
		assert_false(check_abandon(p.check, ticket, &outcome)); /* an old ticket does no harm */
	}
	product_settle(p.check);
	await(&tally, rounds - abandoned);
	assert_true(abandoned > 0 && abandoned < rounds);
	/* Told or given up: each got one. */
	assert_int_equal(verdicts_counted(PURPOSE_DELIVER) - verdicts, rounds);
	product_stop(&p);
}

/* What was given up goes on, and is known to the next. */
static void test_abandoned_goes_on(void **state)
{
	(void)state;
	struct product p;
	struct outcome outcome;
	product_start(&p, 4);
	product_domain("example.com", "mx1.example.com");
	world_gate_shut("fetch example.com");
	struct question question = product_question("example.com", PURPOSE_DELIVER);
	int64_t before = clock_mono_ms();
	check_domain(p.check, &question, 100, NULL, NULL, &outcome);
	assert_true(clock_mono_ms() - before >= 95 && clock_mono_ms() - before < 10000);
	assert_false(outcome.final);
	assert_int_equal(outcome.verdict.reason, REASON_FIRST_CONTACT);
	outcome_free(&outcome);
	world_gate_open("fetch example.com");
	product_settle(p.check);
	unsigned calls = world_calls();
	assert_true(check_fresh(p.check, &question, &outcome));
	assert_int_equal(outcome.verdict.kind, VERDICT_PASS);
	outcome_free(&outcome);
	product_settle(p.check);
	assert_int_equal(world_calls(), calls);
	product_stop(&p);
}

static void *gate_opener(void *arg)
{
	(void)arg;
	product_pause(100);
	world_gate_open("fetch");
	return NULL;
}

/* Stopping with cases open, some at a gate: each waiter is told once, by the verdict so far. */
static void test_stop_while_open(void **state)
{
	(void)state;
	struct product p;
	struct tally tally = {0};
	pthread_t opener;
	product_start(&p, 4);
	world_gate_shut("fetch");
	for (int i = 0; i < 50; i++) {
		char domain[64];
		snprintf(domain, sizeof domain, "d%d.example.com", i);
		product_domain(domain, "mx.example.net");
		struct question question = product_question(domain, PURPOSE_DELIVER);
		check_start(p.check, &question, tally_done, &tally);
	}
	assert_true(world_gate_await("fetch", 1, SETTLE_MS));
	assert_int_equal(pthread_create(&opener, NULL, gate_opener, NULL), 0);
	check_free(&p.check);
	assert_int_equal(tally.done, 50);
	assert_true(tally.final < 50);
	assert_int_equal(tally.unsure, 0);
	pthread_join(opener, NULL);
	product_stop(&p);
}

/* The fresh path is one read transaction, and no call. */
static void test_fresh_is_one_view(void **state)
{
	(void)state;
	struct product p;
	struct outcome outcome;
	product_start(&p, 4);
	product_domain("example.com", "mx1.example.com");
	struct question question = product_question("example.com", PURPOSE_DELIVER);
	check_domain(p.check, &question, 5000, NULL, NULL, &outcome);
	outcome_free(&outcome);
	product_settle(p.check);
	unsigned views = world_views(), calls = world_calls();
	assert_true(check_fresh(p.check, &question, &outcome));
	outcome_free(&outcome);
	assert_int_equal(world_views() - views, 1);
	assert_int_equal(world_calls(), calls);
	product_stop(&p);
}

/* What a teller of verdicts finds in the store at that moment. */
struct teller {
	struct store *store;
	atomic_bool told, entry_stored, hop_stored;
};

static void teller_done(void *arg, struct outcome *outcome)
{
	struct teller *teller = arg;
	struct failure why;
	struct entry entry;
	struct hop_record hop;
	struct store_view *view = store_view_begin(teller->store, &why);
	if (view && store_view_entry(view, outcome->verdict.domain, &entry) == STORE_FOUND) {
		teller->entry_stored = entry.has_policy && entry.mx.state == MX_LISTED;
		entry_free(&entry);
	}
	if (view)
		teller->hop_stored = store_view_hop(view, "mx1.example.com", 25, &hop) == STORE_FOUND;
	store_view_end(&view);
	teller->told = true;
}

/* What a verdict rests on is on disk before anybody hears of it: after a crash the policy that held one message holds
 * the next. */
static void test_stored_before_told(void **state)
{
	(void)state;
	struct product p;
	product_start(&p, 4);
	product_domain("example.com", "mx1.example.com");
	struct teller teller = {.store = p.store};
	struct question question = product_question("example.com", PURPOSE_DELIVER);
	assert_true(check_start(p.check, &question, teller_done, &teller) != CHECK_NO_TICKET);
	product_settle(p.check);
	assert_true(teller.told);
	assert_true(teller.entry_stored);
	assert_true(teller.hop_stored);
	product_stop(&p);
}

/* RFC 8461 1, 10.2: nothing depends on DNSSEC. With it and without it, validated or not, the verdict is the same. */
static void test_dnssec_changes_nothing(void **state)
{
	(void)state;
	for (int i = 0; i < 4; i++) {
		struct product p;
		struct outcome outcome;
		struct entry entry;
		struct failure why;
		product_start(&p, 4);
		product_domain("example.com", "mx1.example.com");
		if (i & 1) {
			world_dns_secure("_mta-sts.example.com", DNS_TXT);
			world_dns_secure("example.com", DNS_MX);
		}
		struct config *config = product_config(i & 2 ? "dnssec=on" : "dnssec=off");
		check_reconfigure(p.check, config);
		config_unref(&config);
		struct question question = product_question("example.com", PURPOSE_DELIVER);
		check_domain(p.check, &question, SETTLE_MS, NULL, NULL, &outcome);
		assert_true(outcome.final);
		assert_int_equal(outcome.verdict.kind, VERDICT_PASS);
		assert_int_equal(outcome.verdict.mode, POLICY_ENFORCE);
		outcome_free(&outcome);
		product_settle(p.check);
		struct store_view *view = store_view_begin(p.store, &why);
		assert_int_equal(store_view_entry(view, "example.com", &entry), STORE_FOUND);
		store_view_end(&view);
		assert_int_equal(entry.mx.secure, i == 3); /* the answers did differ */
		entry_free(&entry);
		product_stop(&p);
	}
}

/* At most CHECK_CASES_MAX cases: the next finds no room, and says so. */
static void test_no_room(void **state)
{
	(void)state;
	struct product p;
	struct tally tally = {0};
	product_start(&p, 4);
	world_gate_shut("dns");
	unsigned taken = 0;
	for (unsigned i = 0; i < CHECK_CASES_MAX + 10; i++) {
		char domain[64];
		snprintf(domain, sizeof domain, "d%u.example.com", i);
		struct question question = product_question(domain, PURPOSE_DELIVER);
		taken += check_start(p.check, &question, tally_done, &tally) != CHECK_NO_TICKET;
	}
	assert_int_equal(taken, CHECK_CASES_MAX);
	world_gate_open("dns");
	await(&tally, CHECK_CASES_MAX);
	product_stop(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_one_discovery),
		cmocka_unit_test(test_purposes_share),
		cmocka_unit_test(test_fetch_keeps_its_id),
		cmocka_unit_test(test_one_probe),
		cmocka_unit_test(test_second_look),
		cmocka_unit_test(test_no_second_look),
		cmocka_unit_test(test_one_client),
		cmocka_unit_test(test_put_off_client),
		cmocka_unit_test(test_client_used_up_later),
		cmocka_unit_test(test_client_beside_another),
		cmocka_unit_test(test_one_network),
		cmocka_unit_test(test_abandon_races),
		cmocka_unit_test(test_abandoned_goes_on),
		cmocka_unit_test(test_stop_while_open),
		cmocka_unit_test(test_fresh_is_one_view),
		cmocka_unit_test(test_stored_before_told),
		cmocka_unit_test(test_dnssec_changes_nothing),
		cmocka_unit_test(test_no_room),
	};
	alarm(300);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
