/* Inquiries that ask other relays before they ask strangers (check/hints.h). The source is a fake with a loop of its own. */
#include "clock.h"
#include "product.h"
#include "schedule.h"
#include "world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* What the fake does with a question of each kind. */
enum answers { NOTHING, REFUSES, STORES_ENFORCE, STORES_TESTING, STORES_GOOD };
static struct fake {
	struct loop *loop;
	struct store *store;
	enum answers deed[HINT_KINDS];
	unsigned after; /* HINT_ENTRY: so many questions have no answer before the deed */
	atomic_uint asked[HINT_KINDS], told, told_failed, told_hop;
	atomic_bool holds;  /* questions wait */
	atomic_int wait_ms; /* of the newest HINT_FETCH */
} fake;

static void entry_write(struct entry *entry, void *arg)
{
	const char *text = *(enum answers *)arg == STORES_ENFORCE
				   ? "version: STSv1\nmode: enforce\nmax_age: 604800\nmx: mx1.example.com\n"
				   : "version: STSv1\nmode: testing\nmax_age: 604800\nmx: mx1.example.com\n";
	struct policy_found found = {.outcome = REASON_OK};
	assert_true(policy_parse(&found.policy, text, strlen(text), NULL));
	entry_learn_record(entry, &(struct record_found){.outcome = REASON_OK, .ttl_s = 3600, .record = {.id = "1"}},
		clock_wall_s());
	entry_learn_policy(entry, &found, "1", clock_wall_s());
	entry->fetch_tried_at = 0;
	strcpy(entry->policy_from, "mx2");
	policy_found_free(&found);
}

static void hop_write(struct hop_record *record, void *arg)
{
	(void)arg;
	hop_record_learn(record, &(struct evidence){.at = clock_wall_s(), .reason = REASON_OK, .protocol = 0x0304});
}

static void answer(struct loop_task *task)
{
	struct hint_ask *ask = (struct hint_ask *)((char *)task - offsetof(struct hint_ask, task));
	struct failure why;
	if (fake.holds) {
		loop_post(fake.loop, task);
		product_pause(1);
		return;
	}
	enum answers deed = fake.deed[ask->kind];
	if (ask->kind == HINT_ENTRY && fake.asked[HINT_ENTRY] <= fake.after)
		deed = NOTHING;
	if (deed == STORES_ENFORCE || deed == STORES_TESTING)
		ask->stored = store_change_entry(fake.store, ask->name, entry_write, &deed, &why);
	else if (deed == STORES_GOOD)
		ask->stored = store_change_hop(fake.store, ask->name, ask->port, hop_write, NULL, &why);
	ask->done(ask);
}

static bool fake_ask(void *arg, struct hint_ask *ask)
{
	(void)arg;
	fake.asked[ask->kind]++;
	if (ask->kind == HINT_FETCH)
		fake.wait_ms = (int)(ask->until_ms - clock_mono_ms());
	if (fake.deed[ask->kind] == REFUSES)
		return false;
	ask->task.run = answer;
	loop_post(fake.loop, &ask->task);
	return true;
}

static void fake_tell(void *arg, const struct hint_news *news)
{
	(void)arg;
	assert_true(news->kind == HINT_FETCH || strcmp(news->name, "mx1.example.com") == 0);
	if (news->kind == HINT_HOP)
		fake.told_hop++;
	else
		*(news->found ? &fake.told : &fake.told_failed) += 1;
}

static void start(struct product *p)
{
	struct failure why;
	product_start(p);
	memset(&fake, 0, sizeof fake);
	fake.store = p->store;
	fake.loop = loop_new(&why);
	assert_true(loop_start(fake.loop, &why));
	check_on_hints(p->check, &(struct hints_source){.ask = fake_ask, .tell = fake_tell});
	product_domain("example.com", "mx1.example.com");
}

static void stop(struct product *p)
{
	product_settle(p->check);
	loop_stop(fake.loop);
	loop_join(fake.loop);
	loop_free(&fake.loop);
	product_stop(p);
}

static struct verdict verdict_of(struct product *p, enum purpose purpose)
{
	struct question question = product_question("example.com", purpose);
	struct outcome outcome;
	product_answer(p->check, &question, SETTLE_MS, &outcome);
	assert_true(outcome.final);
	struct verdict verdict = outcome.verdict;
	outcome_free(&outcome);
	product_settle(p->check);
	return verdict;
}

/* Without an answer, or without anybody who could answer, the inquiry does what it does without a source. */
static void test_no_answer(void **state)
{
	(void)state;
	for (int refuses = 0; refuses <= 1; refuses++) {
		struct product p;
		start(&p);
		for (int i = 0; i < HINT_KINDS; i++)
			fake.deed[i] = refuses ? REFUSES : NOTHING;
		assert_int_equal(verdict_of(&p, PURPOSE_DELIVER).kind, VERDICT_PASS);
		for (int i = 0; i < HINT_KINDS; i++)
			assert_int_equal(fake.asked[i], 1);
		assert_in_range(fake.wait_ms, 1000, 2000); /* half of milter_wait */
		assert_int_equal(world_count("fetch example.com"), 1);
		assert_int_equal(world_count("probe mx1.example.com"), 1);
		assert_int_equal(fake.told, 1);
		assert_int_equal(fake.told_failed, 0);
		assert_int_equal(fake.told_hop, 1);
		/* what the store has needs no question */
		assert_int_equal(verdict_of(&p, PURPOSE_DELIVER).kind, VERDICT_PASS);
		for (int i = 0; i < HINT_KINDS; i++)
			assert_int_equal(fake.asked[i], 1);
		stop(&p);
	}
}

/* An enforce policy of another relay needs neither a lookup of the record nor a fetch. It binds as one of our own does. */
static void test_entry(void **state)
{
	(void)state;
	struct product p;
	start(&p);
	fake.deed[HINT_ENTRY] = STORES_ENFORCE;
	fake.deed[HINT_HOP] = STORES_GOOD;
	struct verdict verdict = verdict_of(&p, PURPOSE_DELIVER);
	assert_int_equal(verdict.kind, VERDICT_PASS);
	assert_int_equal(verdict.mode, POLICY_ENFORCE);
	assert_int_equal(world_count("fetch example.com"), 0);
	assert_int_equal(world_count("probe mx1.example.com"), 0);
	assert_int_equal(world_count("dns MX example.com"), 1);
	assert_int_equal(fake.asked[HINT_FETCH], 0);
	assert_int_equal(fake.told + fake.told_hop, 0); /* nothing was found by ourselves */
	stop(&p);
}

/* The inquiries that are parked in the flight read the store, too. */
static void test_parked(void **state)
{
	(void)state;
	struct product p;
	struct outcome outcome;
	start(&p);
	fake.deed[HINT_ENTRY] = STORES_ENFORCE;
	fake.holds = true;
	struct question deliver = product_question("example.com", PURPOSE_DELIVER);
	struct question map = product_question("example.com", PURPOSE_MAP);
	check_ticket first = CHECK_NO_TICKET, second = CHECK_NO_TICKET;
	assert_false(check_ask(p.check, &deliver, NULL, NULL, &first, &outcome));
	assert_false(check_ask(p.check, &map, NULL, NULL, &second, &outcome));
	product_pause(50);
	fake.holds = false;
	check_wait(p.check, first, clock_mono_ms() + SETTLE_MS, &outcome);
	assert_int_equal(outcome.verdict.kind, VERDICT_PASS);
	outcome_free(&outcome);
	check_wait(p.check, second, clock_mono_ms() + SETTLE_MS, &outcome);
	assert_int_equal(outcome.verdict.kind, VERDICT_PASS);
	assert_int_equal(outcome.verdict.mode, POLICY_ENFORCE);
	outcome_free(&outcome);
	assert_int_equal(fake.asked[HINT_ENTRY], 1);
	assert_int_equal(world_count("dns TXT _mta-sts.example.com"), 0);
	assert_int_equal(world_count("fetch example.com"), 0);
	stop(&p);
}

/* Another relay is fetching: its result arrives instead of a fetch of our own. */
static void test_turn(void **state)
{
	(void)state;
	struct product p;
	start(&p);
	fake.deed[HINT_FETCH] = STORES_TESTING;
	assert_int_equal(verdict_of(&p, PURPOSE_DELIVER).mode, POLICY_TESTING);
	assert_int_equal(world_count("dns TXT _mta-sts.example.com"), 1);
	assert_int_equal(world_count("fetch example.com"), 0);
	stop(&p);
}

/* After a fetch that has failed, the inquiry asks once more. What it learns then binds. */
static void test_failed_fetch(void **state)
{
	(void)state;
	for (int helps = 0; helps <= 1; helps++) {
		struct product p;
		start(&p);
		world_policy_fails("example.com", REASON_POLICY_FETCH, "HTTP status 500");
		fake.deed[HINT_ENTRY] = helps ? STORES_ENFORCE : NOTHING;
		fake.after = 1;
		struct verdict verdict = verdict_of(&p, PURPOSE_DELIVER);
		assert_int_equal(verdict.kind, helps ? VERDICT_PASS : VERDICT_NONE);
		assert_int_equal(verdict.reason, helps ? REASON_OK : REASON_POLICY_FETCH);
		assert_int_equal(fake.asked[HINT_ENTRY], 2);
		assert_int_equal(fake.asked[HINT_FETCH], 1);
		assert_int_equal(world_count("fetch example.com"), 1);
		assert_int_equal(fake.told, 0);
		assert_int_equal(fake.told_failed, 1);
		stop(&p);
	}
}

/* A live policy, an operator's refresh and an operator's query ask nobody. */
static void test_who_asks_nobody(void **state)
{
	(void)state;
	struct product p;
	struct failure why;
	start(&p);
	enum answers deed = STORES_ENFORCE;
	assert_true(store_change_entry(p.store, "example.com", entry_write, &deed, &why));
	assert_true(store_change_hop(p.store, "mx1.example.com", 25, hop_write, NULL, &why));
	assert_int_equal(check_refresh(p.check, "example.com", true), CHECK_REFRESH_BEGUN);
	product_settle(p.check);
	assert_int_equal(world_count("fetch example.com"), 1);
	world_advance(2 * 86400); /* the policy and the evidence are old, but live */
	assert_int_equal(check_refresh(p.check, "example.com", false), CHECK_REFRESH_BEGUN);
	product_settle(p.check);
	assert_int_equal(world_count("fetch example.com"), 2);
	verdict_of(&p, PURPOSE_QUERY);
	assert_int_equal(fake.asked[HINT_ENTRY] + fake.asked[HINT_FETCH], 0);
	assert_int_equal(fake.told, 2);
	stop(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_no_answer),
		cmocka_unit_test(test_entry),
		cmocka_unit_test(test_parked),
		cmocka_unit_test(test_turn),
		cmocka_unit_test(test_failed_fetch),
		cmocka_unit_test(test_who_asks_nobody),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
