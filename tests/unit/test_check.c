/* The shell under concurrency, with the fakes in place of the network: work in flight is shared, waiting cases hold no
 * worker, and nothing that asks, gives up, reloads or stops at the same time goes wrong. Meant to be run under
 * ThreadSanitizer too. */
#include "cases.h"
#include "clock.h"
#include "world.h"

#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#define SETTLE_MS 30000

struct product {
	char directory[64];
	struct store *store;
	struct config *config;
	struct check *check;
};

static struct config *config_made(const char *setting)
{
	struct failure why;
	char own[] = "own_hosts=relay.example.net", more[128];
	snprintf(more, sizeof more, "%s", setting);
	char *overrides[] = {own, more};
	struct settings *settings = settings_read(NULL, false, overrides, 2, &why);
	assert_non_null(settings);
	struct config *config = config_new(settings, &why);
	assert_non_null(config);
	return config;
}

static void product_start(struct product *p, unsigned workers)
{
	struct failure why;
	snprintf(p->directory, sizeof p->directory, "/tmp/stsgate-check-XXXXXX");
	assert_non_null(mkdtemp(p->directory));
	p->store = store_open(p->directory, 64 << 20, STORE_OWNER, &why);
	assert_non_null(p->store);
	p->config = config_made("mta_enforces=no");
	struct check_options options = {.config = p->config, .store = p->store, .workers = workers};
	p->check = check_new(&options, &why);
	assert_non_null(p->check);
}

static void product_stop(struct product *p)
{
	check_free(&p->check);
	store_close(&p->store);
	config_unref(&p->config);
	DIR *directory = opendir(p->directory);
	for (struct dirent *item; directory && (item = readdir(directory));) {
		char path[400];
		snprintf(path, sizeof path, "%s/%s", p->directory, item->d_name);
		if (item->d_name[0] != '.')
			unlink(path);
	}
	if (directory)
		closedir(directory);
	rmdir(p->directory);
	assert_int_equal(world_busy(), 0);
	assert_int_equal(world_views_open(), 0);
	world_reset();
}

static void pause_ms(int ms)
{
	nanosleep(&(struct timespec){ms / 1000, (long)(ms % 1000) * 1000000}, NULL);
}

static unsigned cases_open_now(struct check *check)
{
	lock_take(&check->lock);
	unsigned cases = check->cases;
	lock_drop(&check->lock);
	return cases;
}

static void settle(struct check *check)
{
	int64_t deadline = clock_mono_ms() + SETTLE_MS;
	while (cases_open_now(check) > 0 && clock_mono_ms() < deadline)
		pause_ms(1);
	assert_int_equal(cases_open_now(check), 0);
}

static void domain_made(const char *domain, const char *mx)
{
	char name[DOMAIN_SIZE + 16], text[DOMAIN_SIZE + 64];
	const char *record = text;
	snprintf(name, sizeof name, "_mta-sts.%s", domain);
	snprintf(text, sizeof text, "v=STSv1; id=1;");
	assert_true(world_dns(name, DNS_TXT, 3600, &record, 1));
	snprintf(text, sizeof text, "version: STSv1\nmode: enforce\nmax_age: 604800\nmx: %s\n", mx);
	world_policy(domain, text, strlen(text));
	snprintf(text, sizeof text, "10 %s", mx);
	assert_true(world_dns(domain, DNS_MX, 3600, &record, 1));
	world_address(mx);
	world_hop(mx, REASON_NONE, 0x0304);
}

static struct question question_of(const char *domain, enum purpose purpose)
{
	struct question question;
	question_from_next_hop(&question, domain, strlen(domain), purpose);
	return question;
}

/* Tickets: how many ended, and how. */
struct tally {
	atomic_uint done, pass, fail, final, unsure; /* unsure: final, though it says that it is not */
};

static void tally_done(void *arg, struct outcome *outcome)
{
	struct tally *tally = arg;
	tally->pass += outcome->verdict.kind == VERDICT_PASS;
	tally->fail += outcome->verdict.kind == VERDICT_FAIL_ENFORCE;
	tally->final += outcome->final;
	tally->unsure += outcome->final && outcome->verdict.reason == REASON_FIRST_CONTACT;
	tally->done++;
}

static void await(struct tally *tally, unsigned done)
{
	int64_t deadline = clock_mono_ms() + SETTLE_MS;
	while (tally->done < done && clock_mono_ms() < deadline)
		pause_ms(1);
	assert_int_equal(tally->done, done);
}

/* A hundred askers of one domain cost one discovery. */
static void test_one_discovery(void **state)
{
	(void)state;
	struct product p;
	struct tally tally = {0};
	product_start(&p, 8);
	domain_made("example.com", "mx1.example.com");
	world_gate_shut("fetch example.com");
	struct question question = question_of("example.com", PURPOSE_DELIVER);
	for (int i = 0; i < 100; i++)
		assert_true(check_start(p.check, &question, tally_done, &tally) != CHECK_NO_TICKET);
	assert_true(world_gate_await("fetch example.com", 1, SETTLE_MS));
	world_gate_open("fetch example.com");
	await(&tally, 100);
	assert_int_equal(tally.pass, 100);
	assert_int_equal(tally.final, 100);
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
	domain_made("example.com", "mx1.example.com");
	world_gate_shut("dns TXT _mta-sts.example.com");
	struct question deliver = question_of("example.com", PURPOSE_DELIVER);
	struct question map = question_of("example.com", PURPOSE_MAP);
	check_start(p.check, &deliver, tally_done, &tally);
	check_start(p.check, &map, tally_done, &tally);
	assert_true(world_gate_await("dns TXT _mta-sts.example.com", 1, SETTLE_MS));
	pause_ms(50); /* the second one reaches the record, and is parked */
	world_gate_open("dns TXT _mta-sts.example.com");
	await(&tally, 2);
	assert_int_equal(tally.pass, 2);
	assert_int_equal(world_count("dns TXT _mta-sts.example.com"), 1);
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
		domain_made(domain, "mx.example.net");
		struct question question = question_of(domain, PURPOSE_DELIVER);
		assert_true(check_start(p.check, &question, tally_done, &tally) != CHECK_NO_TICKET);
	}
	assert_true(world_gate_await("probe mx.example.net", 1, SETTLE_MS));
	/* One of four workers waits at the gate, 99 cases are parked: another domain still gets through. */
	domain_made("example.org", "mx1.example.org");
	struct question question = question_of("example.org", PURPOSE_DELIVER);
	check_start(p.check, &question, tally_done, &other);
	await(&other, 1);
	assert_int_equal(other.pass, 1);
	assert_int_equal(tally.done, 0);
	assert_int_equal(cases_open_now(p.check), 100);
	world_gate_open("probe mx.example.net");
	await(&tally, 100);
	assert_int_equal(tally.pass, 100);
	assert_int_equal(world_count("probe mx.example.net"), 1);
	product_stop(&p);
}

/* How long a first contact takes here: the store waits for the disk. */
static long discovery_ns(struct check *check)
{
	struct outcome outcome;
	struct timespec from, to;
	domain_made("first.example.org", "mx1.example.org");
	struct question question = question_of("first.example.org", PURPOSE_DELIVER);
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
	for (unsigned i = 0; i < rounds; i++) {
		char domain[64];
		struct outcome outcome;
		snprintf(domain, sizeof domain, "d%u.example.com", i);
		domain_made(domain, "mx.example.net");
		struct question question = question_of(domain, PURPOSE_DELIVER);
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
	settle(p.check);
	await(&tally, rounds - abandoned);
	assert_true(abandoned > 0 && abandoned < rounds);
	product_stop(&p);
}

/* What was given up goes on, and is known to the next. */
static void test_abandoned_goes_on(void **state)
{
	(void)state;
	struct product p;
	struct outcome outcome;
	product_start(&p, 4);
	domain_made("example.com", "mx1.example.com");
	world_gate_shut("fetch example.com");
	struct question question = question_of("example.com", PURPOSE_DELIVER);
	int64_t before = clock_mono_ms();
	check_domain(p.check, &question, 100, NULL, NULL, &outcome);
	assert_true(clock_mono_ms() - before >= 95 && clock_mono_ms() - before < 10000);
	assert_false(outcome.final);
	assert_int_equal(outcome.verdict.reason, REASON_FIRST_CONTACT);
	outcome_free(&outcome);
	world_gate_open("fetch example.com");
	settle(p.check);
	unsigned calls = world_calls();
	assert_true(check_fresh(p.check, &question, &outcome));
	assert_int_equal(outcome.verdict.kind, VERDICT_PASS);
	outcome_free(&outcome);
	settle(p.check);
	assert_int_equal(world_calls(), calls);
	product_stop(&p);
}

static void *gate_opener(void *arg)
{
	(void)arg;
	pause_ms(100);
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
		domain_made(domain, "mx.example.net");
		struct question question = question_of(domain, PURPOSE_DELIVER);
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

/* A storm: threads that ask for few domains whose hops change all the time, while settings are reloaded. */
#define STORM_THREADS 16
#define STORM_DOMAINS 5
#define STORM_MS 1500

struct storm {
	struct check *check;
	atomic_bool over;
	atomic_uint asked, wrong;
};

static void *storm_ask(void *arg)
{
	struct storm *storm = arg;
	for (unsigned i = 0; !storm->over; i++) {
		char domain[64];
		struct outcome outcome;
		snprintf(domain, sizeof domain, "s%u.example.com", (storm->asked++ * 7) % STORM_DOMAINS);
		struct question question = question_of(domain, i % 4 == 0 ? PURPOSE_MAP : PURPOSE_DELIVER);
		check_domain(storm->check, &question, i % 3 == 0 ? 1 : 2000, NULL, NULL, &outcome);
		/* Never plaintext by mistake: with a policy in force, none and fail-testing cannot come up. */
		const struct verdict *v = &outcome.verdict;
		bool sane = v->has_policy ? v->kind != VERDICT_NONE && v->kind != VERDICT_FAIL_TESTING
					  : v->kind == VERDICT_NONE || v->kind == VERDICT_DEFER;
		if (question.purpose == PURPOSE_MAP && v->kind == VERDICT_PASS)
			sane = sane && outcome.policy.mode == POLICY_ENFORCE && outcome.policy.mx.count == 1;
		storm->wrong += !sane || strcmp(v->domain, domain) != 0;
		outcome_free(&outcome);
	}
	return NULL;
}

static void *storm_weather(void *arg)
{
	static const enum reason seen[] = {
		REASON_NONE, REASON_STARTTLS_MISSING, REASON_HOP_TIMEOUT, REASON_CERT_EXPIRED};
	struct storm *storm = arg;
	for (unsigned i = 0; !storm->over; i++) {
		char host[64];
		snprintf(host, sizeof host, "mx%u.example.net", i % STORM_DOMAINS);
		world_hop(host, seen[i % 4], 0x0304);
		world_advance(20);
		char domain[64];
		snprintf(domain, sizeof domain, "s%u.example.com", i % STORM_DOMAINS);
		check_refresh(storm->check, domain, i % 5 == 0);
		struct config *config = config_made(i % 2 ? "mta_enforces=yes" : "mta_enforces=no");
		check_reconfigure(storm->check, config);
		config_unref(&config);
		pause_ms(2);
	}
	return NULL;
}

static void test_storm(void **state)
{
	(void)state;
	struct product p;
	pthread_t asker[STORM_THREADS], weather;
	product_start(&p, 8);
	struct storm storm = {.check = p.check};
	for (unsigned i = 0; i < STORM_DOMAINS; i++) {
		char domain[64], mx[64];
		snprintf(domain, sizeof domain, "s%u.example.com", i);
		snprintf(mx, sizeof mx, "mx%u.example.net", i);
		domain_made(domain, mx);
	}
	world_delay(100);
	assert_int_equal(pthread_create(&weather, NULL, storm_weather, &storm), 0);
	for (int i = 0; i < STORM_THREADS; i++)
		assert_int_equal(pthread_create(&asker[i], NULL, storm_ask, &storm), 0);
	pause_ms(STORM_MS);
	storm.over = true;
	for (int i = 0; i < STORM_THREADS; i++)
		pthread_join(asker[i], NULL);
	pthread_join(weather, NULL);
	settle(p.check);
	assert_true(storm.asked > 1000);
	assert_true(world_count("probe") > 10); /* the weather did change */
	assert_int_equal(storm.wrong, 0);
	product_stop(&p);
}

/* The fresh path is one read transaction, and no call. */
static void test_fresh_is_one_view(void **state)
{
	(void)state;
	struct product p;
	struct outcome outcome;
	product_start(&p, 4);
	domain_made("example.com", "mx1.example.com");
	struct question question = question_of("example.com", PURPOSE_DELIVER);
	check_domain(p.check, &question, 5000, NULL, NULL, &outcome);
	outcome_free(&outcome);
	settle(p.check);
	unsigned views = world_views(), calls = world_calls();
	assert_true(check_fresh(p.check, &question, &outcome));
	outcome_free(&outcome);
	assert_int_equal(world_views() - views, 1);
	assert_int_equal(world_calls(), calls);
	product_stop(&p);
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
		struct question question = question_of(domain, PURPOSE_DELIVER);
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
		cmocka_unit_test(test_one_probe),
		cmocka_unit_test(test_abandon_races),
		cmocka_unit_test(test_abandoned_goes_on),
		cmocka_unit_test(test_stop_while_open),
		cmocka_unit_test(test_storm),
		cmocka_unit_test(test_fresh_is_one_view),
		cmocka_unit_test(test_no_room),
	};
	alarm(300);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
