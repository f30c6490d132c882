/* A farm of relays that share hints: each has a check and a store of its own, and the shared store is a fake
 * (fleet/fleet_hints.h). */
#include "clock.h"
#include "fake_link.h"
#include "fleet_hints.h"
#include "metrics.h"
#include "product.h"
#include "world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#define NODES 4
#define KEY "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff\n"
#define OTHER_KEY "ff112233445566778899aabbccddeeff00112233445566778899aabbccddeeff\n"

static struct node {
	struct product p;
	struct fleet_base base;
	struct fleet_keys *keys;
	struct loop *loop;
	struct fleet_hints *hints;
	char name[16];
} node[NODES];

static struct fleet_keys *keys_read(const char *directory, const char *text)
{
	char path[300];
	struct failure why;
	snprintf(path, sizeof path, "%s/keys", directory);
	FILE *file = fopen(path, "w");
	assert_non_null(file);
	assert_int_equal(fchmod(fileno(file), 0600), 0);
	fputs(text, file);
	fclose(file);
	struct fleet_keys *keys = fleet_keys_read(path, &why);
	assert_non_null(keys);
	unlink(path);
	return keys;
}

/* The setting of the nodes that are started. */
#define SHORT_WAIT "milter_wait=1s"
#define BOUND "mta_enforces=yes" /* evidence of other relays counts */
static const char *node_setting = SHORT_WAIT;

static void node_start(unsigned i)
{
	struct node *n = &node[i];
	struct failure why;
	memset(n, 0, sizeof *n);
	product_start(&n->p);
	struct config *config = product_config(&n->p, node_setting);
	check_reconfigure(n->p.check, config);
	config_unref(&n->p.config);
	n->p.config = config;
	snprintf(n->name, sizeof n->name, "mx%u", i);
	n->keys = keys_read(n->p.directory, KEY);
	n->loop = loop_new(&why);
	n->base = (struct fleet_base){.settings = config->settings,
		.check = n->p.check,
		.store = n->p.store,
		.loop = n->loop,
		.keys = n->keys,
		.prefix = "farm",
		.node = n->name};
	n->base.link = link_new(&(struct link_options){.loop = n->loop});
	n->hints = fleet_hints_new(&n->base);
	assert_true(loop_start(n->loop, &why));
}

static void node_stop(unsigned i)
{
	struct node *n = &node[i];
	fleet_hints_stop(n->hints);
	loop_stop(n->loop);
	loop_join(n->loop);
	product_settle(n->p.check);
	link_free(&n->base.link);
	product_stop(&n->p);
	loop_free(&n->loop);
	fleet_hints_free(&n->hints);
	fleet_keys_free(&n->keys);
}

static void farm_start(unsigned count)
{
	for (unsigned i = 0; i < count; i++)
		node_start(i);
}

static void farm_stop(unsigned count)
{
	for (unsigned i = 0; i < count; i++)
		node_stop(i);
	fake_link_reset();
}

/* --- domains ------------------------------------------------------------------------------------------------------ */

static void domain_of(char out[64], unsigned number)
{
	snprintf(out, 64, "d%u.example", number);
}

static void policy_publish(const char *domain, const char *mode, const char *id)
{
	char name[96], text[200];
	const char *record = text;
	snprintf(name, sizeof name, "_mta-sts.%s", domain);
	snprintf(text, sizeof text, "v=STSv1; id=%s;", id);
	assert_true(world_dns(name, DNS_TXT, 3600, &record, 1));
	snprintf(text, sizeof text, "version: STSv1\nmode: %s\nmax_age: 604800\nmx: mx.%s\n", mode, domain);
	world_policy(domain, text, strlen(text));
}

static void domain_make(unsigned number, const char *mode)
{
	char domain[64], mx[80];
	domain_of(domain, number);
	snprintf(mx, sizeof mx, "mx.%s", domain);
	product_domain(domain, mx);
	policy_publish(domain, mode, "1");
}

static unsigned fetches(unsigned number)
{
	char domain[64], call[80];
	domain_of(domain, number);
	snprintf(call, sizeof call, "fetch %s", domain);
	return world_count(call);
}

static struct verdict ask(unsigned i, unsigned number)
{
	char domain[64];
	struct outcome outcome;
	domain_of(domain, number);
	struct question question = product_question(domain, PURPOSE_DELIVER);
	product_answer(node[i].p.check, &question, SETTLE_MS, &outcome);
	assert_true(outcome.final);
	struct verdict verdict = outcome.verdict;
	outcome_free(&outcome);
	return verdict;
}

/* What is told is written on the node's loop, some time after the answer. */
static void await_commands(const char *words, unsigned count)
{
	int64_t deadline = clock_mono_ms() + SETTLE_MS;
	while (fake_link_count(words) < count && clock_mono_ms() < deadline)
		product_pause(1);
	assert_int_equal(fake_link_count(words), count);
}

static uint64_t hints(enum hint_kind kind, enum hint_outcome outcome)
{
	return metrics_read(METRIC_FLEET_HINTS, kind, outcome, 0);
}

/* --- the tests ---------------------------------------------------------------------------------------------------- */

/* One relay after the other asks: each domain is fetched once by the whole farm, in whichever mode. */
static void test_one_fetch(void **state)
{
	(void)state;
	farm_start(NODES);
	for (unsigned number = 0; number < 9; number++)
		domain_make(number, (const char *[]){"enforce", "testing", "none"}[number % 3]);
	uint64_t taken = hints(HINT_ENTRY, HINT_TAKEN), later = hints(HINT_FETCH, HINT_TAKEN);
	for (unsigned i = 0; i < NODES; i++)
		for (unsigned number = 0; number < 9; number++) {
			struct verdict verdict = ask(i, number);
			assert_int_equal(verdict.kind, number % 3 == 2 ? VERDICT_NONE : VERDICT_PASS);
			assert_int_equal(verdict.mode, 2 - number % 3);
			await_commands("SET farm:entry:", i == 0 ? number + 1 : 9);
		}
	for (unsigned number = 0; number < 9; number++)
		assert_int_equal(fetches(number), 1);
	/* those that enforce nothing need our own lookup of the record first */
	assert_int_equal(hints(HINT_ENTRY, HINT_TAKEN) - taken, 3 * (NODES - 1));
	assert_int_equal(hints(HINT_FETCH, HINT_TAKEN) - later, 6 * (NODES - 1));
	assert_in_range(fake_link_px("farm:entry:d0.example"), 604799000, 604800000);
	farm_stop(NODES);
}

static struct hop_record hop_of(unsigned i, const char *host)
{
	struct hop_record record;
	struct failure why;
	struct store_view *view = store_view_begin(node[i].p.store, &why);
	store_view_hop(view, host, 25, &record);
	store_view_end(&view);
	return record;
}

/* Good evidence of another relay counts for half of its life: then this relay probes itself. */
static void test_evidence(void **state)
{
	(void)state;
	node_setting = BOUND;
	farm_start(2);
	domain_make(0, "enforce");
	assert_int_equal(ask(0, 0).kind, VERDICT_PASS);
	await_commands("PEXPIRE farm:hop:mx.d0.example:25", 1);
	assert_int_equal(fake_link_px("farm:hop:mx.d0.example:25"), 86400000);
	assert_int_equal(ask(1, 0).kind, VERDICT_PASS);
	assert_int_equal(world_count("probe mx.d0.example"), 1);
	assert_string_equal(hop_of(1, "mx.d0.example").pkix.newest.seen_by, "mx0");
	assert_int_equal(hop_of(1, "mx.d0.example").others_looked, 1);
	product_settle(node[1].p.check);
	assert_int_equal(fake_link_count("HSET"), 1); /* what another relay has seen is not written again */
	world_advance(2 * 3600 + 1);                  /* half of probe_ttl_ok */
	assert_int_equal(ask(1, 0).kind, VERDICT_PASS);
	product_settle(node[1].p.check);
	assert_int_equal(world_count("probe mx.d0.example"), 2);
	assert_string_equal(hop_of(1, "mx.d0.example").pkix.newest.seen_by, "");
	await_commands("HSET farm:hop:mx.d0.example:25 mx1", 1);
	farm_stop(2);
	node_setting = SHORT_WAIT;
}

/* Where no map binds the delivery, each relay must see the host itself (design 13.12). */
static void test_unbound(void **state)
{
	(void)state;
	farm_start(2);
	domain_make(0, "enforce");
	assert_int_equal(ask(0, 0).kind, VERDICT_PASS);
	await_commands("PEXPIRE farm:hop:mx.d0.example:25", 1);
	world_hop("mx.d0.example", REASON_STARTTLS_MISSING, 0); /* seen from the second relay */
	assert_int_equal(ask(1, 0).kind, VERDICT_FAIL_ENFORCE);
	assert_int_equal(world_count("probe mx.d0.example"), 2);
	farm_stop(2);
}

/* Bad evidence of others holds no mail: each relay looks itself. But it knows what the others see. */
static void test_corroboration(void **state)
{
	(void)state;
	node_setting = BOUND;
	farm_start(3);
	domain_make(0, "enforce");
	world_hop("mx.d0.example", REASON_CERT_UNTRUSTED, 0x0304);
	for (unsigned i = 0; i < 2; i++) {
		assert_int_equal(ask(i, 0).kind, VERDICT_FAIL_ENFORCE);
		assert_int_equal(world_count("probe mx.d0.example"), i + 1);
		await_commands("HSET farm:hop:", i + 1);
	}
	for (int64_t end = clock_mono_ms() + SETTLE_MS;
		hop_of(1, "mx.d0.example").others_bad == 0 && clock_mono_ms() < end;)
		product_pause(1);
	assert_int_equal(hop_of(1, "mx.d0.example").others_looked, 1);
	assert_int_equal(hop_of(1, "mx.d0.example").others_bad, 1);
	world_hop("mx.d0.example", REASON_OK, 0x0304);
	assert_int_equal(ask(2, 0).kind, VERDICT_PASS);
	assert_int_equal(world_count("probe mx.d0.example"), 3);
	assert_int_equal(hop_of(2, "mx.d0.example").others_bad, 2);
	farm_stop(3);
	node_setting = SHORT_WAIT;
}

/* For a pinned domain only probes from here count. */
static void test_pinned(void **state)
{
	(void)state;
	struct failure why;
	node_setting = BOUND;
	farm_start(2);
	domain_make(0, "enforce");
	ask(0, 0);
	await_commands("PEXPIRE", 1);
	struct override pin = {
		.kind = OVERRIDE_PIN, .begins_at = WORLD_START_S, .ends_at = WORLD_START_S + 86400, .asn = {64500}};
	strcpy(pin.domain, "d0.example");
	strcpy(pin.author, "me");
	strcpy(pin.reason, "test");
	assert_int_equal(ask(1, 0).kind, VERDICT_PASS);
	assert_int_equal(world_count("probe mx.d0.example"), 1);
	assert_true(store_set_override(node[1].p.store, &pin, NULL, &why));
	assert_int_equal(ask(1, 0).kind, VERDICT_DEFER); /* the networks of this world are unknown */
	assert_int_equal(world_count("probe mx.d0.example"), 2);
	farm_stop(2);
	node_setting = SHORT_WAIT;
}

/* A node's field that holds the value of another node, or of another host, is ignored. */
static void test_forged_evidence(void **state)
{
	(void)state;
	for (int way = 0; way < 2; way++) {
		farm_start(2);
		domain_make(0, "enforce");
		domain_make(1, "enforce");
		ask(0, 0);
		await_commands("PEXPIRE", 1);
		char *value = fake_link_value("farm:hop:mx.d0.example:25", "mx0");
		fake_link_put("farm:hop:mx.d1.example:25", way == 0 ? "mx0" : "mx 9\n", value);
		free(value);
		uint64_t ignored = hints(HINT_HOP, HINT_IGNORED);
		ask(1, 1);
		assert_int_equal(hints(HINT_HOP, HINT_IGNORED), ignored + 1);
		assert_int_equal(world_count("probe mx.d1.example"), 1);
		farm_stop(2);
	}
}

static void note_done(void *arg, struct outcome *outcome)
{
	*(atomic_uint *)arg += outcome->final;
}

/* All relays ask at the same time: one of them fetches, and the others wait for its result. */
static void test_at_the_same_time(void **state)
{
	(void)state;
	atomic_uint done = 0;
	farm_start(NODES);
	for (unsigned number = 0; number < 8; number++)
		domain_make(number, number % 2 ? "enforce" : "testing");
	world_delay(20000); /* microseconds; a fetch is then under way when the others ask */
	for (unsigned number = 0; number < 8; number++)
		for (unsigned i = 0; i < NODES; i++) {
			char domain[64];
			domain_of(domain, number);
			struct question question = product_question(domain, PURPOSE_DELIVER);
			product_begin(node[i].p.check, &question, note_done, &done);
		}
	for (int i = 0; done < 8 * NODES && i < SETTLE_MS; i++)
		product_pause(1);
	assert_int_equal(done, 8 * NODES);
	world_delay(0);
	for (unsigned number = 0; number < 8; number++)
		assert_int_equal(fetches(number), 1);
	farm_stop(NODES);
}

/* A policy of another relay keeps the age of the writer's fetch, and is not written again. */
static void test_what_is_stored(void **state)
{
	(void)state;
	struct failure why;
	struct entry entry;
	farm_start(2);
	domain_make(0, "enforce");
	ask(0, 0);
	await_commands("SET farm:entry:", 1);
	world_advance(1000);
	ask(1, 0);
	struct store_view *view = store_view_begin(node[1].p.store, &why);
	assert_int_equal(store_view_entry(view, "d0.example", &entry), STORE_FOUND);
	store_view_end(&view);
	assert_string_equal(entry.policy_from, "mx0");
	assert_int_equal(entry.policy_fetched_at, WORLD_START_S);
	assert_int_equal(entry.policy_expires_at, WORLD_START_S + 604800);
	assert_in_range(entry.policy_refetch_at, WORLD_START_S + 1900, WORLD_START_S + 4600);
	entry_free(&entry);
	assert_int_equal(fetches(0), 1);
	product_settle(node[1].p.check);
	assert_int_equal(fake_link_count("SET farm:entry:"), 1);
	/* within the hour this relay has fetched it itself */
	world_advance(3600);
	assert_int_equal(check_refresh(node[1].p.check, "d0.example", false), CHECK_REFRESH_BEGUN);
	product_settle(node[1].p.check);
	assert_int_equal(fetches(0), 2);
	await_commands("SET farm:entry:", 2);
	farm_stop(2);
}

/* A policy that was fetched before an operator had the domain forgotten does not come back from another relay. */
static void test_forgotten(void **state)
{
	const struct decision_maker by = {"anna", "mx1"};
	(void)state;
	farm_start(2);
	domain_make(0, "enforce");
	ask(0, 0);
	await_commands("SET farm:entry:", 1);
	world_advance(10);
	assert_true(store_forget(node[1].p.store, "d0.example", &by, NULL, NULL));
	ask(1, 0);
	assert_int_equal(fetches(0), 2);
	await_commands("SET farm:entry:", 2);
	farm_stop(2);
}

/* Whatever is wrong with the shared store, each relay does what it does without it. */
static void test_no_help(void **state)
{
	(void)state;
	for (enum fake_link_mode mode = FAKE_LINK_DOWN; mode <= FAKE_LINK_REFUSING; mode++) {
		farm_start(2);
		domain_make(0, "enforce");
		ask(0, 0);
		await_commands("SET farm:entry:", 1);
		fake_link_mode(mode);
		assert_int_equal(ask(1, 0).kind, VERDICT_PASS);
		assert_int_equal(fetches(0), 2);
		farm_stop(2);
	}
}

/* A value that is moved to another domain, sealed by another key, or cut is ignored. */
static void test_forged(void **state)
{
	(void)state;
	for (int way = 0; way < 3; way++) {
		farm_start(2);
		domain_make(0, "none");
		domain_make(1, "enforce");
		ask(0, 0);
		await_commands("SET farm:entry:", 1);
		char *value = fake_link_value("farm:entry:d0.example", "");
		if (way == 1) {
			fleet_keys_free(&node[1].keys);
			node[1].base.keys = node[1].keys = keys_read(node[1].p.directory, OTHER_KEY);
			domain_make(1, "none");
		} else if (way == 2) {
			value[strlen(value) - 1] = '\0';
		}
		fake_link_put(way == 0 ? "farm:entry:d1.example" : "farm:entry:d0.example", "", value);
		free(value);
		uint64_t ignored = hints(HINT_ENTRY, HINT_IGNORED);
		assert_int_equal(ask(1, way == 0).mode, way == 0 ? POLICY_ENFORCE : POLICY_NONE);
		assert_int_equal(hints(HINT_ENTRY, HINT_IGNORED), ignored + 1);
		assert_int_equal(fetches(way == 0), way == 0 ? 1 : 2);
		farm_stop(2);
	}
}

/* An old value with a valid seal comes back. An old policy that enforces nothing hides no enforce policy; an old enforce policy holds
 * no mail that the new one allows. */
static void test_replayed(void **state)
{
	(void)state;
	for (int relaxed = 0; relaxed <= 1; relaxed++) {
		farm_start(2);
		domain_make(0, relaxed ? "enforce" : "testing");
		ask(0, 0);
		await_commands("SET farm:entry:", 1);
		world_advance(
			3600); /* what this relay itself had seen minutes ago would not be looked up again either */
		policy_publish("d0.example", relaxed ? "none" : "enforce", "2");
		if (relaxed) {
			const char *record = "10 moved.d0.example";
			assert_true(world_dns("d0.example", DNS_MX, 3600, &record, 1));
			world_address("moved.d0.example");
			world_hop("moved.d0.example", REASON_STARTTLS_MISSING, 0);
		}
		struct verdict verdict = ask(1, 0);
		assert_int_equal(verdict.mode, relaxed ? POLICY_NONE : POLICY_ENFORCE);
		assert_int_equal(verdict.kind, relaxed ? VERDICT_NONE : VERDICT_PASS);
		assert_string_equal(verdict.policy_id, "2");
		farm_stop(2);
	}
}

/* A relay that has the turn and dies delays others for half of milter_wait; one whose fetch fails, not so long. */
static void test_turns(void **state)
{
	(void)state;
	farm_start(2);
	domain_make(0, "enforce");
	domain_make(1, "enforce");
	fake_link_put("farm:lease:d0.example", "", "dead");
	int64_t begun = clock_mono_ms();
	uint64_t waited = hints(HINT_FETCH, HINT_WAITED);
	assert_int_equal(ask(0, 0).kind, VERDICT_PASS);
	assert_in_range(clock_mono_ms() - begun, 500, SETTLE_MS / 2);
	assert_int_equal(hints(HINT_FETCH, HINT_WAITED), waited + 1);
	assert_int_equal(fetches(0), 1);
	char *lease = fake_link_value("farm:lease:d0.example", "");
	assert_string_equal(lease, "dead"); /* somebody else's turn is left alone */
	free(lease);
	world_policy_fails("d1.example", REASON_POLICY_FETCH, "HTTP status 500");
	assert_int_equal(ask(0, 1).kind, VERDICT_NONE);
	await_commands("DEL farm:lease:d1.example", 1);
	lease = fake_link_value("farm:lease:d1.example", "");
	assert_null(lease);
	assert_int_equal(fake_link_count("SET farm:entry:d1.example"), 0);
	farm_stop(2);
}

/* A turn for ever is no relay's, and no mail waits for it. */
static void test_turn_for_ever(void **state)
{
	(void)state;
	farm_start(1);
	domain_make(0, "enforce");
	struct config *config = product_config(&node[0].p, "milter_wait=25s");
	check_reconfigure(node[0].p.check, config);
	config_unref(&config);
	fake_link_put("farm:lease:d0.example", "", "mx9");
	fake_link_keep("farm:lease:d0.example");
	int64_t begun = clock_mono_ms();
	assert_int_equal(ask(0, 0).kind, VERDICT_PASS);
	assert_in_range(clock_mono_ms() - begun, 0, 9000);
	assert_int_equal(fetches(0), 1);
	farm_stop(1);
}

/* A value that is too long is not even read as a whole. */
static void test_oversized(void **state)
{
	(void)state;
	char *value = malloc(2 << 20);
	memset(value, 'x', 2 << 20);
	value[(2 << 20) - 1] = '\0';
	farm_start(1);
	domain_make(0, "enforce");
	fake_link_put("farm:entry:d0.example", "", value);
	for (int i = 0; i < 3; i++)
		fake_link_put("farm:hop:mx.d0.example:25", (const char *[]){"mx1", "mx2", "mx3"}[i], value);
	free(value);
	uint64_t before = metrics_read(METRIC_FLEET_IGNORED, FLEET_OVERSIZED, 0, 0),
		 late = hints(HINT_ENTRY, HINT_LATE);
	assert_int_equal(ask(0, 0).kind, VERDICT_PASS);
	assert_true(metrics_read(METRIC_FLEET_IGNORED, FLEET_OVERSIZED, 0, 0) > before);
	assert_int_equal(hints(HINT_ENTRY, HINT_LATE), late);
	assert_int_equal(fake_link_count("GETRANGE farm:entry:d0.example 0"), 2);
	assert_int_equal(fake_link_count("MEMORY USAGE farm:hop:mx.d0.example:25"), 1);
	assert_int_equal(fake_link_count("HSCAN"), 0);
	farm_stop(1);
}

/* A stop ends the wait for another relay at once. */
static void test_stop(void **state)
{
	(void)state;
	atomic_uint done = 0;
	farm_start(1);
	domain_make(0, "enforce");
	fake_link_put("farm:lease:d0.example", "", "dead");
	struct config *config = product_config(&node[0].p, "milter_wait=25s");
	check_reconfigure(node[0].p.check, config);
	config_unref(&config);
	struct question question = product_question("d0.example", PURPOSE_DELIVER);
	product_begin(node[0].p.check, &question, note_done, &done);
	await_commands("SET farm:lease:", 1);
	product_pause(20);
	int64_t begun = clock_mono_ms();
	farm_stop(1);
	assert_in_range(clock_mono_ms() - begun, 0, 9000);
	assert_int_equal(done, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_one_fetch),
		cmocka_unit_test(test_turn_for_ever),
		cmocka_unit_test(test_oversized),
		cmocka_unit_test(test_at_the_same_time),
		cmocka_unit_test(test_what_is_stored),
		cmocka_unit_test(test_evidence),
		cmocka_unit_test(test_unbound),
		cmocka_unit_test(test_corroboration),
		cmocka_unit_test(test_pinned),
		cmocka_unit_test(test_forged_evidence),
		cmocka_unit_test(test_forgotten),
		cmocka_unit_test(test_no_help),
		cmocka_unit_test(test_forged),
		cmocka_unit_test(test_replayed),
		cmocka_unit_test(test_turns),
		cmocka_unit_test(test_stop),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
