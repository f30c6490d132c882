/* check_ask_again(): an answer is repeated only while all that it rests on is the same, and it has the same effects. */
#include "clock.h"
#include "health.h"
#include "metrics.h"
#include "product.h"
#include "random_draw.h"
#include "schedule.h"
#include "store_internal.h"
#include "world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define MX "mx1.example.com"

static void settings_set(struct product *p, const char *setting)
{
	struct config *config = product_config(p, setting);
	check_reconfigure(p->check, config);
	config_unref(&config);
}

static bool again(struct product *p, const struct question *question, const struct outcome *outcome)
{
	struct config *config = check_config(p->check);
	const struct answer_before before = {question, &outcome->basis, &outcome->verdict};
	bool repeats = check_ask_again(p->check, config, &before);
	config_unref(&config);
	return repeats;
}

/* Asks until all facts are stored and fresh, so that the answer can be repeated. Returns the outcome, which the caller
 * frees. */
static struct outcome answered(struct product *p, const struct question *question)
{
	struct outcome outcome;
	for (int i = 0; i < 100; i++) {
		product_answer(p->check, question, 5000, &outcome);
		product_settle(p->check);
		if (again(p, question, &outcome))
			return outcome;
		outcome_free(&outcome);
	}
	fail_msg("%s cannot be repeated", question->domain);
	return outcome;
}

/* --- what an answer rests on -------------------------------------------------------------------------------------- */

static void nothing(struct product *p)
{
	(void)p;
}

static void second_passes(struct product *p)
{
	(void)p;
	world_advance(1);
}

static void clock_is_set_back(struct product *p)
{
	(void)p;
	world_set_back(1);
}

static void second_returns(struct product *p)
{
	(void)p;
	world_advance(1);
	world_set_back(1);
}

static void entry_touch(struct entry *entry, void *arg)
{
	(void)arg;
	entry->refresh_alarm = REFRESH_ALARM_HALF;
	entry->due_at = world_wall_s() + 7200;
}

static void entry_changes(struct product *p)
{
	assert_true(store_change_entry(p->store, DOMAIN, entry_touch, NULL, NULL));
}

static void other_entry_changes(struct product *p)
{
	assert_true(store_change_entry(p->store, "other.example", entry_touch, NULL, NULL));
}

static void hop_touch(struct hop_record *record, void *arg)
{
	(void)arg;
	record->needed_day = 7;
}

static void hop_changes(struct product *p)
{
	assert_true(store_change_hop(p->store, MX, QUESTION_PORT, hop_touch, NULL, NULL));
}

static void override_begins(struct product *p)
{
	struct override override = {.kind = OVERRIDE_PASS,
		.domain = DOMAIN,
		.begins_at = world_wall_s(),
		.ends_at = world_wall_s() + 3600,
		.author = "alice",
		.reason = "repair"};
	assert_true(store_set_override(p->store, &override, NULL, NULL));
}

static void settings_are_loaded(struct product *p)
{
	settings_set(p, "mta_enforces=no");
}

static void validation_begins(struct product *p)
{
	(void)p;
	world_validation(true);
}

static void store_breaks(struct product *p)
{
	store_break(p->store, "the test");
}

static void store_is_mapped_anew(struct product *p)
{
	lock_take(&p->store->pool);
	p->store->closed_for_mapping = true;
	lock_drop(&p->store->pool);
}

static const struct {
	const char *what;
	void (*change)(struct product *p);
	bool again;
} inputs[] = {
	{"nothing", nothing, true},
	{"the second", second_passes, false},
	{"the clock", clock_is_set_back, false},
	{"a second that returns", second_returns, true},
	{"the entry", entry_changes, false},
	{"another entry", other_entry_changes, false},
	{"the hop", hop_changes, false},
	{"an override", override_begins, false},
	{"the settings", settings_are_loaded, false},
	{"validation", validation_begins, false},
	{"the store", store_breaks, false},
	{"the store's map", store_is_mapped_anew, false},
};

static void each_input_counts(void **state)
{
	(void)state;
	for (size_t i = 0; i < 2 * COUNT(inputs); i++) {
		struct product p;
		enum purpose purpose = i % 2 == 0 ? PURPOSE_DELIVER : PURPOSE_MAP;
		const struct question question = product_question(DOMAIN, purpose);
		product_start(&p);
		product_domain(DOMAIN, MX);
		struct outcome outcome = answered(&p, &question);
		assert_int_equal(outcome.verdict.kind, VERDICT_PASS);
		inputs[i / 2].change(&p);
		if (again(&p, &question, &outcome) != inputs[i / 2].again)
			fail_msg("%s", inputs[i / 2].what);
		store_pool_open(p.store);
		outcome_free(&outcome);
		product_settle(p.check);
		product_stop(&p);
	}
}

/* --- answers that are not repeated -------------------------------------------------------------------------------- */

static void never(struct product *p, const struct question *question, const char *what)
{
	struct outcome outcome;
	check_ticket ticket = CHECK_NO_TICKET;
	check_ask(p->check, question, NULL, NULL, &ticket, &outcome);
	if (outcome.basis.repeats || again(p, question, &outcome))
		fail_msg("%s", what);
	outcome_free(&outcome);
	if (ticket != CHECK_NO_TICKET) {
		check_wait(p->check, ticket, clock_mono_ms() + SETTLE_MS, &outcome);
		assert_false(outcome.basis.repeats);
		outcome_free(&outcome);
	}
	product_settle(p->check);
}

static void tried_ahead(struct entry *entry, void *arg)
{
	(void)arg;
	entry->fetch_tried_at = world_wall_s() + 2 * HEALTH_AHEAD_S;
}

static void some_answers_are_not_repeated(void **state)
{
	(void)state;
	struct product p;
	product_start(&p);
	product_domain(DOMAIN, MX);
	struct question question = product_question(DOMAIN, PURPOSE_MAP);
	never(&p, &question, "a first contact");
	struct outcome outcome = answered(&p, &question);
	outcome_free(&outcome);
	question.no_dane = true;
	never(&p, &question, "an answer to Sendmail, which looks for wildcard certificates");
	question = product_question("192.0.2.1", PURPOSE_MAP);
	never(&p, &question, "no policy domain");
	question = product_question(DOMAIN ":0", PURPOSE_MAP);
	never(&p, &question, "an unreadable next hop");
	question = product_question(DOMAIN, PURPOSE_MAP);
	assert_true(store_change_entry(p.store, DOMAIN, tried_ahead, NULL, NULL));
	never(&p, &question, "a time ahead of the clock");
	world_advance(2 * HEALTH_AHEAD_S);
	never(&p, &question, "facts to be renewed");
	world_store(WORLD_STORE_BROKEN);
	never(&p, &question, "a store that cannot be read");
	world_store(WORLD_STORE_WHOLE);
	product_stop(&p);
}

/* --- effects ------------------------------------------------------------------------------------------------------ */

static void verdicts_are_counted(void **state)
{
	(void)state;
	struct product p;
	const struct question question = product_question(DOMAIN, PURPOSE_DELIVER);
	product_start(&p);
	product_domain(DOMAIN, MX);
	override_begins(&p);
	struct outcome outcome = answered(&p, &question);
	assert_int_equal(outcome.verdict.override, OVERRIDE_PASS);
	uint64_t verdicts = metrics_read(METRIC_VERDICTS, PURPOSE_DELIVER, VERDICT_PASS, REASON_OVERRIDE);
	uint64_t uses = metrics_read(METRIC_OVERRIDE_USES, OVERRIDE_PASS, 0, 0);
	condition_begin(&p.check->conditions, CONDITION_STORE_UNREADABLE, "the test");
	for (int i = 0; i < 5; i++)
		assert_true(again(&p, &question, &outcome));
	assert_int_equal(metrics_read(METRIC_VERDICTS, PURPOSE_DELIVER, VERDICT_PASS, REASON_OVERRIDE), verdicts + 5);
	assert_int_equal(metrics_read(METRIC_OVERRIDE_USES, OVERRIDE_PASS, 0, 0), uses + 5);
	assert_false(condition_lasts(&p.check->conditions, CONDITION_STORE_UNREADABLE));
	world_advance(1);
	assert_false(again(&p, &question, &outcome));
	assert_int_equal(metrics_read(METRIC_OVERRIDE_USES, OVERRIDE_PASS, 0, 0), uses + 5);
	outcome_free(&outcome);
	product_stop(&p);
}

/* The map has bound a delivery and is asked again minutes later: the mail hosts are probed (design 4.16). Only here do the
 * wall clock and the store say that no time has passed. */
static void bound_deliveries_are_noted(void **state)
{
	(void)state;
	struct product p;
	const struct question question = product_question(DOMAIN, PURPOSE_MAP);
	product_start(&p);
	settings_set(&p, "mta_enforces=yes");
	product_domain(DOMAIN, MX);
	struct outcome outcome = answered(&p, &question);
	world_advance(ASKED_AGAIN_MIN_S + 1);
	world_set_back(ASKED_AGAIN_MIN_S + 1);
	world_gate_shut("probe");
	assert_true(again(&p, &question, &outcome));
	assert_true(world_gate_await("probe", 1, SETTLE_MS));
	world_gate_open("probe");
	product_settle(p.check);
	outcome_free(&outcome);
	product_stop(&p);
}

/* --- random worlds ------------------------------------------------------------------------------------------------ */

#define ROUNDS 1000
static const char *const domains[] = {DOMAIN, "testing.example", "plain.example", "broken.example"};
#define QUESTIONS (COUNT(domains) * 4)

static struct question question_number(unsigned number)
{
	struct question question =
		product_question(domains[number / 4], number % 2 == 0 ? PURPOSE_DELIVER : PURPOSE_MAP);
	question.no_dane = number % 4 == 3;
	return question;
}

static void domains_make(void)
{
	static const char testing[] = "version: STSv1\nmode: testing\nmax_age: 604800\nmx: mx.testing.example\n";
	product_domain(DOMAIN, MX);
	product_domain("testing.example", "mx.testing.example");
	world_policy("testing.example", testing, sizeof testing - 1);
	world_hop("mx.testing.example", REASON_CERT_EXPIRED, 0x0304);
	product_domain("broken.example", "mx.broken.example");
	world_hop("mx.broken.example", REASON_STARTTLS_MISSING, 0x0304);
}

static bool verdict_same(const struct verdict *a, const struct verdict *b)
{
	return a->kind == b->kind && a->reason == b->reason && a->binding == b->binding &&
	       strcmp(a->domain, b->domain) == 0 && strcmp(a->hop, b->hop) == 0 && a->has_policy == b->has_policy &&
	       a->mode == b->mode && strcmp(a->policy_id, b->policy_id) == 0 &&
	       a->policy_expires_at == b->policy_expires_at && a->override == b->override &&
	       a->override_all == b->override_all;
}

static bool policy_same(const struct policy *a, const struct policy *b)
{
	return a->mode == b->mode && a->max_age_s == b->max_age_s && a->mx.len == b->mx.len &&
	       (a->mx.len == 0 || memcmp(a->mx.bytes, b->mx.bytes, a->mx.len) == 0);
}

static void override_draw(struct product *p, struct random_world *random)
{
	struct override override = {.begins_at = world_wall_s(), .author = "alice", .reason = "repair"}, cleared;
	const char *domain = domains[below(random, COUNT(domains))];
	override.kind = (enum override_kind)(OVERRIDE_PASS + below(random, 3));
	override.ends_at = override.begins_at + OVERRIDE_SHORTEST_S;
	memcpy(override.domain, domain, strlen(domain) + 1);
	if (below(random, 2) == 0)
		assert_true(store_set_override(p->store, &override, NULL, NULL));
	else
		assert_true(store_clear_override(p->store, domain, INT64_MAX, &cleared, NULL));
}

static void world_changes(struct product *p, struct random_world *random)
{
	static const char *const set[] = {"mta_enforces=no", "mta_enforces=yes", "mta_dane=no", "mode=monitor"};
	switch (below(random, 80)) {
	case 0:
		world_advance(1);
		break;
	case 1:
		world_advance(below(random, 40000));
		break;
	case 2:
		world_validation(below(random, 2) == 0);
		break;
	case 3:
		settings_set(p, set[below(random, COUNT(set))]);
		break;
	case 4:
		override_draw(p, random);
		break;
	case 5:
		assert_true(
			store_change_entry(p->store, domains[below(random, COUNT(domains))], entry_touch, NULL, NULL));
		break;
	case 6:
		world_hop(MX, below(random, 2) == 0 ? REASON_OK : REASON_CERT_EXPIRED, 0x0304);
		break;
	default:
		break;
	}
}

static void repeated_answers_are_right(void **state)
{
	(void)state;
	struct product p;
	struct outcome before[QUESTIONS] = {{.final = false}};
	struct random_world random = {.random = 20};
	unsigned repeated = 0;
	product_start(&p);
	domains_make();
	for (int round = 0; round < ROUNDS; round++) {
		unsigned number = below(&random, QUESTIONS);
		const struct question question = question_number(number);
		struct outcome now, *old = &before[number];
		world_changes(&p, &random);
		product_settle(p.check);
		bool repeats = again(&p, &question, old);
		repeated += repeats;
		product_answer(p.check, &question, 5000, &now);
		if (repeats && !(now.final && verdict_same(&now.verdict, &old->verdict) &&
				       policy_same(&now.policy, &old->policy)))
			fail_msg("round %d, question %u: %s", round, number, question.domain);
		outcome_free(old);
		*old = now;
	}
	assert_true(repeated > ROUNDS / 10);
	product_settle(p.check);
	for (size_t i = 0; i < QUESTIONS; i++)
		outcome_free(&before[i]);
	product_stop(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_input_counts),
		cmocka_unit_test(some_answers_are_not_repeated),
		cmocka_unit_test(verdicts_are_counted),
		cmocka_unit_test(bound_deliveries_are_noted),
		cmocka_unit_test(repeated_answers_are_right),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
