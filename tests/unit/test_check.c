/* Check under concurrency, with fakes in place of the network: inquiries share work, waiting inquiries hold no
 * thread, and callers may ask, give up, reload and stop at the same time. Meant to be run under ThreadSanitizer,
 * too. */
#include "clock.h"
#include "limit_hits.h"
#include "metrics.h"
#include "product.h"
#include "timing.h"
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

/* Counts how waits ended. */
struct tally {
	atomic_uint done, pass, fail, final, unsure; /* final outcomes whose verdict is not */
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

/* A deadline before which no operation at a closed gate ends by itself. */
static void await_soon(struct tally *tally, unsigned done)
{
	await_within(tally, done, WORLD_GATE_WAIT_MS / 2);
}

/* An inquiry answers its waiters first and closes afterwards. */
static void await_cases(struct check *check, unsigned open)
{
	int64_t deadline = clock_mono_ms() + SETTLE_MS;
	while (product_cases(check) > open && clock_mono_ms() < deadline)
		product_pause(1);
	assert_int_equal(product_cases(check), open);
}

/* Counts the inquiries that are parked in flights of others. */
static unsigned parked(struct check *check)
{
	unsigned count = 0;
	lock_take(&check->lock);
	for (unsigned i = 0; i < INQUIRY_BUCKETS; i++)
		for (const struct flight *flight = check->flight[i]; flight; flight = flight->next)
			for (const struct inquiry *one = flight->parked; one; one = one->parked)
				count++;
	lock_drop(&check->lock);
	return count;
}

static void await_parked(struct check *check, unsigned count)
{
	int64_t deadline = clock_mono_ms() + SETTLE_MS;
	while (parked(check) < count && clock_mono_ms() < deadline)
		product_pause(1);
	assert_int_equal(parked(check), count);
}

/* Sums the counter over all reasons. */
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

/* A hundred questions about one domain cost one discovery, and each gets a verdict. */
static void test_one_discovery(void **state)
{
	(void)state;
	struct product p;
	struct tally tally = {0};
	product_start(&p);
	product_domain("example.com", "mx1.example.com");
	world_gate_shut("fetch example.com");
	uint64_t verdicts = verdicts_counted(PURPOSE_DELIVER), records = counted(METRIC_RECORD_LOOKUPS);
	uint64_t passes = metrics_read(METRIC_VERDICTS, PURPOSE_DELIVER, VERDICT_PASS, REASON_OK);
	struct question question = product_question("example.com", PURPOSE_DELIVER);
	for (int i = 0; i < 100; i++)
		assert_true(product_begin(p.check, &question, tally_done, &tally) != CHECK_NO_TICKET);
	assert_true(world_gate_await("fetch example.com", 1, SETTLE_MS));
	world_gate_open("fetch example.com");
	await(&tally, 100);
	assert_int_equal(tally.pass, 100);
	assert_int_equal(tally.final, 100);
	assert_int_equal(verdicts_counted(PURPOSE_DELIVER) - verdicts, 100);
	assert_int_equal(metrics_read(METRIC_VERDICTS, PURPOSE_DELIVER, VERDICT_PASS, REASON_OK) - passes, 100);
	assert_int_equal(counted(METRIC_RECORD_LOOKUPS) - records, 1);
	assert_int_equal(world_count("dns TXT _mta-sts.example.com"), 1);
	assert_int_equal(world_count("fetch example.com"), 1);
	assert_int_equal(world_count("dns MX example.com"), 1);
	assert_int_equal(world_count("probe mx1.example.com"), 1);
	product_stop(&p);
}

static uint64_t timed(enum timing timing)
{
	uint64_t sum = 0;
	for (unsigned i = 0; i < METRICS_BUCKETS; i++)
		sum += metrics_read(METRIC_STEP_SECONDS, timing, i, 0);
	return sum;
}

/* Each operation of a discovery is timed once: with the fetch of the policy and the probe go the lookups of the hosts'
 * addresses. A second question needs none of them. */
static void test_operations_are_timed(void **state)
{
	(void)state;
	struct product p;
	struct tally tally = {0};
	uint64_t before[TIMING_COUNT];
	product_start(&p);
	product_domain("example.com", "mx1.example.com");
	for (enum timing timing = 0; timing < TIMING_COUNT; timing++)
		before[timing] = timed(timing);
	struct question question = product_question("example.com", PURPOSE_DELIVER);
	for (int i = 0; i < 2; i++) {
		product_begin(p.check, &question, tally_done, &tally);
		await_cases(p.check, 0);
	}
	assert_int_equal(timed(TIMING_RECORD), before[TIMING_RECORD] + 1);
	assert_int_equal(timed(TIMING_POLICY), before[TIMING_POLICY] + 1);
	assert_int_equal(timed(TIMING_MX), before[TIMING_MX] + 1);
	assert_int_equal(timed(TIMING_ADDRESS), before[TIMING_ADDRESS] + 2);
	assert_int_equal(timed(TIMING_PROBE), before[TIMING_PROBE] + 1);
	assert_int_equal(timed(TIMING_TLSA), before[TIMING_TLSA]);
	assert_in_range(timed(TIMING_COMMIT), before[TIMING_COMMIT] + 1, before[TIMING_COMMIT] + 10);
	product_stop(&p);
}

/* A delivery and a map question about one domain share its record and its policy. */
static void test_purposes_share(void **state)
{
	(void)state;
	struct product p;
	struct tally tally = {0};
	product_start(&p);
	product_domain("example.com", "mx1.example.com");
	world_gate_shut("dns TXT _mta-sts.example.com");
	uint64_t records = counted(METRIC_RECORD_LOOKUPS), maps = verdicts_counted(PURPOSE_MAP);
	struct question deliver = product_question("example.com", PURPOSE_DELIVER);
	struct question map = product_question("example.com", PURPOSE_MAP);
	product_begin(p.check, &deliver, tally_done, &tally);
	product_begin(p.check, &map, tally_done, &tally);
	assert_true(world_gate_await("dns TXT _mta-sts.example.com", 1, SETTLE_MS));
	await_parked(p.check, 1); /* the second one */
	world_gate_open("dns TXT _mta-sts.example.com");
	await(&tally, 2);
	assert_int_equal(tally.pass, 2);
	assert_int_equal(world_count("dns TXT _mta-sts.example.com"), 1);
	assert_int_equal(counted(METRIC_RECORD_LOOKUPS) - records, 1);
	assert_int_equal(verdicts_counted(PURPOSE_MAP) - maps, 1);
	product_stop(&p);
}

/* The MX set is looked up beside the fetch for a message, which needs it next, but not for the map, which needs it
 * hours later. */
static void test_mx_prefetched(void **state)
{
	(void)state;
	struct product p;
	struct outcome outcome;
	product_start(&p);
	product_domain("example.com", "mx1.example.com");
	product_domain("example.org", "mx1.example.org");
	struct question map = product_question("example.com", PURPOSE_MAP);
	product_answer(p.check, &map, SETTLE_MS, &outcome);
	outcome_free(&outcome);
	assert_int_equal(world_count("fetch example.com"), 1);
	assert_int_equal(world_prefetches(), 0);
	struct question deliver = product_question("example.org", PURPOSE_DELIVER);
	product_answer(p.check, &deliver, SETTLE_MS, &outcome);
	outcome_free(&outcome);
	assert_int_equal(world_prefetches(), 1);
	product_stop(&p);
}

/* An enforce policy is in the store as soon as it is found: a question that comes during the MX lookup is bound by
 * it. */
static void test_policy_at_once(void **state)
{
	(void)state;
	struct product p;
	struct tally tally = {0};
	struct outcome outcome;
	product_start(&p);
	product_domain("example.com", "mx1.example.com");
	world_gate_shut("dns MX example.com");
	struct question deliver = product_question("example.com", PURPOSE_DELIVER);
	product_begin(p.check, &deliver, tally_done, &tally);
	assert_true(world_gate_await("dns MX example.com", 1, SETTLE_MS));
	struct question map = product_question("example.com", PURPOSE_MAP);
	assert_true(check_ask(p.check, &map, NULL, NULL, NULL, &outcome));
	assert_int_equal(outcome.verdict.kind, VERDICT_PASS);
	outcome_free(&outcome);
	world_gate_open("dns MX example.com");
	await(&tally, 1);
	assert_int_equal(world_count("fetch example.com"), 1);
	product_stop(&p);
}

/* A fetch that began under an older record reports its policy with the id of that record, to parked inquiries and to
 * the store. Otherwise the older policy would be taken for the newer one. */
static void test_fetch_keeps_its_id(void **state)
{
	(void)state;
	struct product p;
	struct tally tally = {0};
	struct outcome outcome;
	const char *newer = "v=STSv1; id=2;";
	product_start(&p);
	product_domain("example.com", "mx1.example.com");
	world_gate_shut("fetch example.com");
	struct question deliver = product_question("example.com", PURPOSE_DELIVER);
	struct question map = product_question("example.com", PURPOSE_MAP);
	product_begin(p.check, &deliver, tally_done, &tally);
	assert_true(world_gate_await("fetch example.com", 1, SETTLE_MS));
	assert_true(world_dns("_mta-sts.example.com", DNS_TXT, 3600, &newer, 1));
	product_begin(p.check, &map, tally_done, &tally);
	while (world_count("dns TXT _mta-sts.example.com") < 2)
		product_pause(1);
	await_parked(p.check, 1); /* the second one */
	world_gate_open("fetch example.com");
	await(&tally, 2);
	assert_int_equal(world_count("fetch example.com"), 1);
	assert_int_equal(tally.first_id, 2);
	assert_true(check_ask(p.check, &map, NULL, NULL, NULL, &outcome));
	assert_string_equal(outcome.verdict.policy_id, "1");
	outcome_free(&outcome);
	product_stop(&p);
}

/* A hundred domains with one hop cost one probe. Other questions are answered while the probe is under way. */
static void test_one_probe(void **state)
{
	(void)state;
	struct product p;
	struct tally tally = {0}, other = {0};
	product_start(&p);
	world_gate_shut("probe mx.example.net");
	for (int i = 0; i < 100; i++) {
		char domain[64];
		snprintf(domain, sizeof domain, "d%d.example.com", i);
		product_domain(domain, "mx.example.net");
		struct question question = product_question(domain, PURPOSE_DELIVER);
		assert_true(product_begin(p.check, &question, tally_done, &tally) != CHECK_NO_TICKET);
	}
	assert_true(world_gate_await("probe mx.example.net", 1, SETTLE_MS));
	product_domain("example.org", "mx1.example.org");
	struct question question = product_question("example.org", PURPOSE_DELIVER);
	product_begin(p.check, &question, tally_done, &other);
	await(&other, 1);
	assert_int_equal(other.pass, 1);
	assert_int_equal(tally.done, 0);
	await_cases(p.check, 100);
	await_parked(p.check, 99);
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
	assert_true(product_begin(check, &question, tally_done, tally) != CHECK_NO_TICKET);
}

/* A failure that may be temporary counts only if a second probe, seconds later, finds it too. Other questions are
 * answered meanwhile. */
static void test_second_look(void **state)
{
	(void)state;
	struct product p;
	struct tally passes = {0}, stays = {0}, other = {0};
	product_start(&p);
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
	world_hop("mx1.example.com", REASON_OK, 0x0304);
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

/* If there is no time for a second probe, nothing is proved. */
static void test_no_second_look(void **state)
{
	(void)state;
	struct product p;
	struct tally tally = {0};
	product_start(&p);
	struct config *config = product_config(&p, "probe_timeout=2");
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

/* A client sends to many silent domains. All of them are under way, and another client is served meanwhile, even for
 * one of those domains. */
static void test_one_client(void **state)
{
	(void)state;
	struct product p;
	struct tally tally = {0}, other = {0};
	product_start(&p);
	world_gate_shut("fetch"); /* every policy host is silent */
	for (int i = 0; i < 40; i++) {
		char domain[64];
		snprintf(domain, sizeof domain, "d%d.example.com", i);
		product_domain(domain, "mx.example.net");
		ask(p.check, domain, 1, &tally);
	}
	assert_true(world_gate_await("fetch", 40, SETTLE_MS));
	ask(p.check, "unknown.example.org", 2, &other);
	await(&other, 1);
	struct question question = product_question("d39.example.com", PURPOSE_MAP);
	product_begin(p.check, &question, tally_done, &other);
	await_parked(p.check, 1); /* joins the fetch that is under way */
	assert_int_equal(world_count("fetch"), 40);
	world_gate_open("fetch");
	await(&other, 2);
	await(&tally, 40);
	assert_int_equal(tally.pass, 40);
	product_stop(&p);
}

/* The policy host of the domain is one of the network 8.9.9.0/24. */
static void domain_in_network(const char *domain)
{
	char host[80], address[] = "8.9.9.9";
	const char *record = address;
	product_domain(domain, "mx.example.net");
	snprintf(host, sizeof host, "mta-sts.%s", domain);
	assert_true(world_dns(host, DNS_A, 60, &record, 1));
}

/* Starts so many fetches in the network that no further one goes there until the gate opens. */
static void network_use_up(struct check *check, struct tally *tally)
{
	world_gate_shut("fetch");
	for (unsigned i = 0; i < NETWORK_FETCHES_MAX; i++) {
		char domain[64];
		snprintf(domain, sizeof domain, "d%u.example.com", i);
		domain_in_network(domain);
		ask(check, domain, 100 + i, tally);
	}
	assert_true(world_gate_await("fetch", NETWORK_FETCHES_MAX, SETTLE_MS));
}

/* The policy hosts of one silent network get a limited number of fetches at a time, from all clients together. Other
 * networks are not affected. */
static void test_one_network(void **state)
{
	(void)state;
	struct product p;
	struct tally tally = {0}, other = {0};
	product_start(&p);
	network_use_up(p.check, &tally);
	for (int i = 0; i < 20; i++) {
		char domain[64];
		snprintf(domain, sizeof domain, "late%d.example.com", i);
		domain_in_network(domain);
		ask(p.check, domain, 1, &tally);
	}
	product_pause(150);
	assert_int_equal(world_count("fetch"), NETWORK_FETCHES_MAX);
	product_domain("elsewhere.example.org", "mx.example.net");
	struct question question = product_question("elsewhere.example.org", PURPOSE_DELIVER);
	product_begin(p.check, &question, tally_done, &other);
	assert_true(world_gate_await("fetch", NETWORK_FETCHES_MAX + 1, SETTLE_MS));
	assert_int_equal(world_count("fetch elsewhere.example.org"), 1);
	world_gate_open("fetch");
	await(&tally, NETWORK_FETCHES_MAX + 20);
	assert_int_equal(tally.pass, NETWORK_FETCHES_MAX + 20);
	await(&other, 1);
	product_stop(&p);
}

/* A fetch that is requeued because its network is busy is shared, too. It starts when the network is free, and one
 * fetch serves all inquiries. */
static void test_put_off(void **state)
{
	(void)state;
	struct product p;
	struct tally busy = {0}, wanted = {0};
	product_start(&p);
	network_use_up(p.check, &busy);
	domain_in_network("wanted.example.com");
	ask(p.check, "wanted.example.com", 1, &wanted);
	product_pause(100);
	ask(p.check, "wanted.example.com", 2, &wanted);
	struct question question = product_question("wanted.example.com", PURPOSE_MAP);
	product_begin(p.check, &question, tally_done, &wanted);
	product_pause(100);
	assert_int_equal(wanted.done, 0);
	world_gate_open("fetch");
	await_soon(&wanted, 3);
	assert_int_equal(world_count("fetch wanted.example.com"), 1);
	await(&busy, NETWORK_FETCHES_MAX);
	product_stop(&p);
}

/* Refreshes leave half of a network's places to fetches with a waiter. */
static void test_refreshes_leave_room(void **state)
{
	(void)state;
	struct product p;
	struct tally tally = {0}, other = {0};
	product_start(&p);
	network_use_up(p.check, &tally);
	world_gate_open("fetch");
	await(&tally, NETWORK_FETCHES_MAX);
	product_settle(p.check);
	world_advance(3 * 86400);
	world_gate_shut("fetch");
	unsigned before = world_count("fetch");
	for (unsigned i = 0; i < NETWORK_FETCHES_MAX; i++) {
		char domain[64];
		snprintf(domain, sizeof domain, "d%u.example.com", i);
		check_refresh(p.check, domain, false);
	}
	assert_true(world_gate_await("fetch", NETWORK_FETCHES_MAX / 2, SETTLE_MS));
	product_pause(150);
	assert_int_equal(world_count("fetch") - before, NETWORK_FETCHES_MAX / 2);
	domain_in_network("wanted.example.com");
	ask(p.check, "wanted.example.com", 1, &other);
	assert_true(world_gate_await("fetch", NETWORK_FETCHES_MAX / 2 + 1, SETTLE_MS));
	assert_int_equal(world_count("fetch wanted.example.com"), 1);
	world_gate_open("fetch");
	await(&other, 1);
	product_settle(p.check);
	product_stop(&p);
}

/* How long a first contact takes here; the store waits for the disk. */
static long discovery_ns(struct check *check)
{
	struct outcome outcome;
	struct timespec from, to;
	product_domain("first.example.org", "mx1.example.org");
	struct question question = product_question("first.example.org", PURPOSE_DELIVER);
	clock_gettime(CLOCK_MONOTONIC, &from);
	product_answer(check, &question, SETTLE_MS, &outcome);
	clock_gettime(CLOCK_MONOTONIC, &to);
	assert_true(outcome.final);
	outcome_free(&outcome);
	long ns = (to.tv_sec - from.tv_sec) * 1000000000 + to.tv_nsec - from.tv_nsec;
	return ns < 200000000 ? ns : 200000000;
}

/* Giving up: either `done` is called, or the caller gets the verdict so far, never both and never neither. */
static void test_abandon_races(void **state)
{
	(void)state;
	struct product p;
	struct tally tally = {0};
	unsigned abandoned = 0, rounds = 200;
	product_start(&p);
	world_delay(200);
	long unit_ns = discovery_ns(p.check) / 12;
	uint64_t verdicts = verdicts_counted(PURPOSE_DELIVER);
	for (unsigned i = 0; i < rounds; i++) {
		char domain[64];
		struct outcome outcome;
		snprintf(domain, sizeof domain, "d%u.example.com", i);
		product_domain(domain, "mx.example.net");
		struct question question = product_question(domain, PURPOSE_DELIVER);
		check_ticket ticket = product_begin(p.check, &question, tally_done, &tally);
		assert_true(ticket != CHECK_NO_TICKET);
		nanosleep(&(struct timespec){0, (long)(i % 20) * unit_ns}, NULL);
		if (check_give_up(p.check, ticket, &outcome)) {
			abandoned++;
			assert_false(outcome.final);
			outcome_free(&outcome);
		}
		assert_false(check_give_up(p.check, ticket, &outcome)); /* an old ticket does no harm */
	}
	product_settle(p.check);
	await(&tally, rounds - abandoned);
	assert_true(abandoned > 0 && abandoned < rounds);
	/* Answered or given up: each question has one outcome. */
	assert_int_equal(verdicts_counted(PURPOSE_DELIVER) - verdicts, rounds);
	product_stop(&p);
}

/* An inquiry goes on after its waiter has given up, and the next question uses its result. */
static void test_abandoned_goes_on(void **state)
{
	(void)state;
	struct product p;
	struct outcome outcome;
	product_start(&p);
	product_domain("example.com", "mx1.example.com");
	world_gate_shut("fetch example.com");
	struct question question = product_question("example.com", PURPOSE_DELIVER);
	int64_t before = clock_mono_ms();
	product_answer(p.check, &question, 100, &outcome);
	assert_true(clock_mono_ms() - before >= 95 && clock_mono_ms() - before < 10000);
	assert_false(outcome.final);
	assert_int_equal(outcome.verdict.reason, REASON_FIRST_CONTACT);
	outcome_free(&outcome);
	world_gate_open("fetch example.com");
	product_settle(p.check);
	unsigned calls = world_calls();
	assert_true(check_ask(p.check, &question, NULL, NULL, NULL, &outcome));
	assert_int_equal(outcome.verdict.kind, VERDICT_PASS);
	outcome_free(&outcome);
	product_settle(p.check);
	assert_int_equal(world_calls(), calls);
	product_stop(&p);
}

/* A stop with open inquiries, some of them at a closed gate: each waiter is answered once, with the verdict so far. */
static void test_stop_while_open(void **state)
{
	(void)state;
	struct product p;
	struct tally tally = {0};
	product_start(&p);
	world_gate_shut("fetch");
	for (int i = 0; i < 50; i++) {
		char domain[64];
		snprintf(domain, sizeof domain, "d%d.example.com", i);
		product_domain(domain, "mx.example.net");
		struct question question = product_question(domain, PURPOSE_DELIVER);
		product_begin(p.check, &question, tally_done, &tally);
	}
	assert_true(world_gate_await("fetch", 1, SETTLE_MS));
	check_free(&p.check);
	assert_int_equal(tally.done, 50);
	assert_true(tally.final < 50);
	assert_int_equal(tally.unsure, 0);
	product_stop(&p);
}

/* An answer from the store takes one read transaction and no operation. */
static void test_fresh_is_one_view(void **state)
{
	(void)state;
	struct product p;
	struct outcome outcome;
	product_start(&p);
	product_domain("example.com", "mx1.example.com");
	struct question question = product_question("example.com", PURPOSE_DELIVER);
	product_answer(p.check, &question, 5000, &outcome);
	outcome_free(&outcome);
	product_settle(p.check);
	unsigned views = world_views(), calls = world_calls();
	assert_true(check_ask(p.check, &question, NULL, NULL, NULL, &outcome));
	outcome_free(&outcome);
	assert_int_equal(world_views() - views, 1);
	assert_int_equal(world_calls(), calls);
	product_stop(&p);
}

/* What the store holds at the moment when a caller gets its verdict. */
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

/* The facts behind a verdict are on disk before anybody gets it: after a crash, the policy that held one message
 * holds the next. */
static void test_stored_before_told(void **state)
{
	(void)state;
	struct product p;
	product_start(&p);
	product_domain("example.com", "mx1.example.com");
	struct teller teller = {.store = p.store};
	struct question question = product_question("example.com", PURPOSE_DELIVER);
	assert_true(product_begin(p.check, &question, teller_done, &teller) != CHECK_NO_TICKET);
	product_settle(p.check);
	assert_true(teller.told);
	assert_true(teller.entry_stored);
	assert_true(teller.hop_stored);
	product_stop(&p);
}

static void await_held(unsigned held)
{
	int64_t deadline = clock_mono_ms() + SETTLE_MS;
	while (world_store_held() < held && clock_mono_ms() < deadline)
		product_pause(1);
	assert_int_equal(world_store_held(), held);
}

/* A result is in the store before the other inquiries that share it act on it. */
static void test_stored_before_shared(void **state)
{
	(void)state;
	struct product p;
	struct tally tally = {0};
	product_start(&p);
	product_domain("example.com", "mx1.example.com");
	world_gate_shut("dns TXT _mta-sts.example.com");
	struct question deliver = product_question("example.com", PURPOSE_DELIVER);
	struct question map = product_question("example.com", PURPOSE_MAP);
	product_begin(p.check, &deliver, tally_done, &tally);
	product_begin(p.check, &map, tally_done, &tally);
	assert_true(world_gate_await("dns TXT _mta-sts.example.com", 1, SETTLE_MS));
	await_parked(p.check, 1); /* the second one */
	world_store_hold();
	world_gate_open("dns TXT _mta-sts.example.com");
	await_held(1);
	product_pause(50);
	assert_int_equal(world_count("fetch"), 0);
	world_store_let_go();
	await(&tally, 2);
	assert_int_equal(tally.pass, 2);
	product_stop(&p);
}

/* While a probe's result is being written, nobody probes the host again. The facts about the domain are written
 * before the probe begins. */
static void test_no_probe_while_saving(void **state)
{
	(void)state;
	struct product p;
	struct tally tally = {0};
	struct entry entry;
	product_start(&p);
	product_domain("example.com", "mx1.example.com");
	world_gate_shut("probe");
	struct question deliver = product_question("example.com", PURPOSE_DELIVER);
	struct question query = product_question("example.com", PURPOSE_QUERY);
	product_begin(p.check, &deliver, tally_done, &tally);
	assert_true(world_gate_await("probe", 1, SETTLE_MS));
	struct store_view *view = store_view_begin(p.store, NULL);
	assert_non_null(view);
	assert_int_equal(store_view_entry(view, "example.com", &entry), STORE_FOUND);
	store_view_end(&view);
	assert_true(entry.has_policy && entry.mx.state == MX_LISTED);
	entry_free(&entry);
	world_store_hold();
	world_gate_open("probe");
	await_held(1);
	assert_true(product_begin(p.check, &query, tally_done, &tally) != CHECK_NO_TICKET);
	product_pause(50);
	assert_int_equal(world_count("probe"), 1);
	assert_int_equal(tally.done, 0);
	world_store_let_go();
	await(&tally, 2);
	assert_int_equal(tally.pass, 2);
	assert_int_equal(world_count("probe"), 1);
	product_stop(&p);
}

/* RFC 8461 1, 10.2: nothing depends on DNSSEC. The verdict is the same with DNSSEC, without it, and with an answer
 * that is not validated. */
static void test_dnssec_changes_nothing(void **state)
{
	(void)state;
	for (int i = 0; i < 4; i++) {
		struct product p;
		struct outcome outcome;
		struct entry entry;
		struct failure why;
		product_start(&p);
		product_domain("example.com", "mx1.example.com");
		if (i & 1) {
			world_dns_secure("_mta-sts.example.com", DNS_TXT);
			world_dns_secure("example.com", DNS_MX);
		}
		struct config *config = product_config(&p, i & 2 ? "dnssec=on" : "dnssec=off");
		check_reconfigure(p.check, config);
		config_unref(&config);
		struct question question = product_question("example.com", PURPOSE_DELIVER);
		product_answer(p.check, &question, SETTLE_MS, &outcome);
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

/* At the start of a daemon with dnssec = auto: what the store knows is answered, and an inquiry begins only when it is known
 * whether its lookups are validated. */
static void test_undecided_start(void **state)
{
	(void)state;
	struct product p;
	struct entry entry;
	struct failure why;
	struct tally tally = {0};
	product_start(&p);
	product_domain("example.com", "mx1.example.com");
	world_dns_secure("example.com", DNS_MX);
	struct config *config = product_config(&p, "dnssec=auto");
	check_reconfigure(p.check, config);
	config_unref(&config);
	world_trial(true);
	struct question question = product_question("example.com", PURPOSE_DELIVER);
	assert_true(product_begin(p.check, &question, tally_done, &tally) != CHECK_NO_TICKET);
	product_pause(100);
	assert_int_equal(tally.done, 0);
	assert_int_equal(world_count("dns"), 0);
	world_validation(true);
	world_trial(false);
	await(&tally, 1);
	assert_int_equal(tally.pass, 1);
	product_settle(p.check);
	struct store_view *view = store_view_begin(p.store, &why);
	assert_int_equal(store_view_entry(view, "example.com", &entry), STORE_FOUND);
	store_view_end(&view);
	assert_true(entry.mx.secure);
	entry_free(&entry);
	world_validation(false);
	world_trial(true);
	assert_true(product_begin(p.check, &question, tally_done, &tally) == UINT64_MAX); /* at once */
	assert_int_equal(tally.done, 2);
	assert_int_equal(tally.pass, 2);
	world_trial(false);
	product_stop(&p);
}

/* A verdict is counted at once if nobody waits or nobody can wait, and is not counted again at the end. */
static void test_counted_without_a_wait(void **state)
{
	(void)state;
	struct product p;
	struct outcome outcome;
	struct tally tally = {0};
	product_start(&p);
	product_domain("example.com", "mx1.example.com");
	uint64_t before = verdicts_counted(PURPOSE_DELIVER);
	struct question question = product_question("example.com", PURPOSE_DELIVER);
	assert_false(check_ask(p.check, &question, NULL, NULL, NULL, &outcome));
	outcome_free(&outcome);
	assert_int_equal(verdicts_counted(PURPOSE_DELIVER) - before, 1);
	product_settle(p.check);
	assert_int_equal(verdicts_counted(PURPOSE_DELIVER) - before, 1);
	p.check->inquiries_max = 0;
	question = product_question("example.net", PURPOSE_DELIVER);
	assert_true(product_begin(p.check, &question, tally_done, &tally) == CHECK_NO_TICKET);
	assert_int_equal(verdicts_counted(PURPOSE_DELIVER) - before, 2);
	product_stop(&p);
}

/* At most PRODUCT_INQUIRIES inquiries are open: the next question finds no room and reports that. */
static void test_no_room(void **state)
{
	(void)state;
	struct product p;
	struct tally tally = {0};
	product_start(&p);
	world_gate_shut("dns");
	uint64_t hits = metrics_read(METRIC_LIMIT_HITS, HIT_LOOKUPS, 0, 0);
	unsigned taken = 0;
	for (unsigned i = 0; i < PRODUCT_INQUIRIES + 10; i++) {
		char domain[64];
		snprintf(domain, sizeof domain, "d%u.example.com", i);
		struct question question = product_question(domain, PURPOSE_DELIVER);
		taken += product_begin(p.check, &question, tally_done, &tally) != CHECK_NO_TICKET;
	}
	assert_int_equal(taken, PRODUCT_INQUIRIES);
	assert_int_equal(metrics_read(METRIC_LIMIT_HITS, HIT_LOOKUPS, 0, 0) - hits, 10);
	char text[512];
	struct text newest;
	text_init(&newest, text, sizeof text);
	limit_hits_write(&newest);
	assert_non_null(strstr(text, "lookups 1"));
	assert_non_null(strstr(text, ".example.com\n"));
	world_gate_open("dns");
	await(&tally, PRODUCT_INQUIRIES);
	product_stop(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_one_discovery),
		cmocka_unit_test(test_operations_are_timed),
		cmocka_unit_test(test_purposes_share),
		cmocka_unit_test(test_mx_prefetched),
		cmocka_unit_test(test_policy_at_once),
		cmocka_unit_test(test_fetch_keeps_its_id),
		cmocka_unit_test(test_one_probe),
		cmocka_unit_test(test_second_look),
		cmocka_unit_test(test_no_second_look),
		cmocka_unit_test(test_one_client),
		cmocka_unit_test(test_one_network),
		cmocka_unit_test(test_put_off),
		cmocka_unit_test(test_refreshes_leave_room),
		cmocka_unit_test(test_abandon_races),
		cmocka_unit_test(test_abandoned_goes_on),
		cmocka_unit_test(test_stop_while_open),
		cmocka_unit_test(test_fresh_is_one_view),
		cmocka_unit_test(test_stored_before_told),
		cmocka_unit_test(test_stored_before_shared),
		cmocka_unit_test(test_no_probe_while_saving),
		cmocka_unit_test(test_dnssec_changes_nothing),
		cmocka_unit_test(test_undecided_start),
		cmocka_unit_test(test_counted_without_a_wait),
		cmocka_unit_test(test_no_room),
	};
	alarm(300);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
