/* A storm: 64 threads ask for a few domains in every way that check offers. Meanwhile hops, policies and settings
 * change, refreshes are forced, and another process has the store open and forgets domains. Meant to be run under
 * ThreadSanitizer, too.
 *
 * The storm comes in rounds, so that the right answers are known. The world is in one state, and in the middle of
 * the round it changes to another. The clock stands still until the round is over and nothing is under way. Every
 * verdict must be right for a state that existed before its call ended, or that may still be remembered. A policy
 * that was returned once must not be forgotten or replaced by an older one. Each caller that began a question gets
 * exactly one outcome, from done() or from check_give_up(). */
#include "storm.h"
#include "world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define CALLERS 64
#define ROUNDS 60
#define QUESTIONS_MAX 400 /* begun by one caller in one round */

/* --- callers ------------------------------------------------------------------------------------------------------ */

/* One question that was begun. It is kept until the round is over, so that a late callback is noticed. */
struct begun {
	atomic_uint heard;
	bool started, abandoned;
	struct outcome outcome;
};

struct caller {
	struct storm *storm;
	pthread_t thread;
	unsigned seed, count;
	struct begun begun[QUESTIONS_MAX];
};

static void begun_done(void *arg, struct outcome *outcome)
{
	struct begun *begun = arg;
	begun->outcome = *outcome;
	memset(&outcome->policy, 0, sizeof outcome->policy);
	begun->heard++;
}

/* Like the map's server: ask, and give up after a while. */
static void caller_start(
	struct caller *caller, struct call *call, const struct question *question, unsigned patience_ms)
{
	struct begun *begun = &caller->begun[caller->count++];
	struct check *check = caller->storm->product.check;
	struct outcome so_far;
	check_ticket ticket = product_begin(check, question, begun_done, begun);
	begun->started = ticket != CHECK_NO_TICKET;
	for (unsigned i = 0; begun->started && begun->heard == 0 && i < patience_ms; i++)
		product_pause(1);
	if (!begun->started)
		return;
	begun->abandoned = check_give_up(check, ticket, &so_far);
	if (begun->abandoned) {
		call->may_be_new = true;
		storm_judge(call, &so_far);
		return;
	}
	while (begun->heard == 0)
		product_pause(1);
	storm_judge(call, &begun->outcome);
}

static void caller_ask(struct caller *caller, unsigned dice)
{
	struct storm *storm = caller->storm;
	struct outcome outcome;
	struct call call = {.storm = storm, .at = (int)(dice % DOMAINS)};
	call.purpose = dice / 7 % 3 == 0 ? PURPOSE_MAP : PURPOSE_DELIVER;
	struct question question = product_question(place[call.at].domain, call.purpose);
	question.client = dice / 21 % 5;
	unsigned how = dice / 105 % 3, wait_ms = dice / 315 % 4 == 0 ? 1 + dice % 3 : 2000;
	/* Everybody who reads the store must know what it holds, but an inquiry may have read it some time ago. */
	call.lowest = how == 0 && call.at != FORGET ? storm->told[call.at] : storm->lowest[call.at];
	storm->calls++;
	call.at_once = how == 0;
	if (call.at_once) {
		check_ask(storm->product.check, &question, NULL, NULL, NULL, &outcome);
	} else if (how == 1) {
		product_answer(storm->product.check, &question, (int)wait_ms, &outcome);
	} else {
		caller_start(caller, &call, &question, wait_ms);
		return;
	}
	storm_judge(&call, &outcome);
}

static void *caller_run(void *arg)
{
	struct caller *caller = arg;
	struct storm *storm = caller->storm;
	for (;;) {
		pthread_barrier_wait(&storm->begin);
		if (storm->finished)
			return NULL;
		while (!storm->over && caller->count < QUESTIONS_MAX) {
			caller->seed = caller->seed * 1664525u + 1013904223u;
			caller_ask(caller, caller->seed >> 8);
		}
		pthread_barrier_wait(&storm->end);
	}
}

/* Called when nothing is under way any more: each waiter has got exactly one outcome. */
static void caller_count(struct caller *caller)
{
	struct storm *storm = caller->storm;
	for (unsigned i = 0; i < caller->count; i++) {
		struct begun *begun = &caller->begun[i];
		assert_int_equal(begun->heard + begun->abandoned, begun->started);
		storm->begun++;
		storm->heard += begun->heard;
		storm->abandoned += begun->abandoned;
		storm->refused += !begun->started;
		memset(begun, 0, sizeof *begun);
	}
	caller->count = 0;
}

/* --- the other process -------------------------------------------------------------------------------------------- */

static void forgetter_run(int orders, int answers)
{
	char directory[256], order;
	struct failure why;
	bool found;
	if (read(orders, directory, sizeof directory) != sizeof directory)
		_exit(1);
	struct store *store = store_open(directory, 64 << 20, STORE_GUEST, &why);
	while (store && read(orders, &order, 1) == 1) {
		bool good = store_forget(store, place[FORGET].domain, NULL, &found, &why);
		if (write(answers, good ? "y" : "n", 1) != 1)
			break;
	}
	store_close(&store);
	_exit(store ? 1 : 0);
}

/* Called before the first thread is started. */
static void forgetter_start(struct storm *storm)
{
	int orders[2], answers[2];
	assert_int_equal(pipe(orders), 0);
	assert_int_equal(pipe(answers), 0);
	storm->forgetter = fork();
	assert_true(storm->forgetter >= 0);
	if (storm->forgetter == 0) {
		close(orders[1]);
		close(answers[0]);
		forgetter_run(orders[0], answers[1]);
	}
	close(orders[0]);
	close(answers[1]);
	storm->to_forgetter = orders[1];
	storm->from_forgetter = answers[0];
}

static void forgetter_stop(struct storm *storm)
{
	int status;
	close(storm->to_forgetter);
	close(storm->from_forgetter);
	assert_int_equal(waitpid(storm->forgetter, &status, 0), storm->forgetter);
	assert_int_equal(status, 0);
}

static void forgetter_order(struct storm *storm, char order)
{
	char answer = 'n';
	assert_int_equal(write(storm->to_forgetter, &order, 1), 1);
	assert_int_equal(read(storm->from_forgetter, &answer, 1), 1);
	assert_int_equal(answer, 'y');
}

/* --- the whole ---------------------------------------------------------------------------------------------------- */

static void storm_begin(struct storm *storm, struct caller *callers)
{
	char directory[256] = "";
	forgetter_start(storm);
	storm_build(storm);
	product_start(&storm->product);
	snprintf(directory, sizeof directory, "%s", storm->product.directory);
	assert_int_equal(write(storm->to_forgetter, directory, sizeof directory), sizeof directory);
	for (int i = 0; i < SETS; i++)
		storm->config[i] = product_config(&storm->product, set_text[i]);
	lock_init(&storm->lock);
	assert_int_equal(pthread_barrier_init(&storm->begin, NULL, CALLERS + 1), 0);
	assert_int_equal(pthread_barrier_init(&storm->end, NULL, CALLERS + 1), 0);
	for (unsigned i = 0; i < CALLERS; i++) {
		callers[i].storm = storm;
		callers[i].seed = i;
		assert_int_equal(pthread_create(&callers[i].thread, NULL, caller_run, &callers[i]), 0);
	}
}

static void storm_round(struct storm *storm, struct caller *callers)
{
	storm_plan(storm);
	pthread_barrier_wait(&storm->begin);
	product_pause((int)(2 + storm_random(storm, 30)));
	storm_change(storm);
	forgetter_order(storm, 'f');
	product_pause((int)(10 + storm_random(storm, 40)));
	storm->over = true;
	pthread_barrier_wait(&storm->end);
	product_settle(storm->product.check);
	for (unsigned i = 0; i < CALLERS; i++)
		caller_count(&callers[i]);
	storm_close(storm);
}

static void storm_end(struct storm *storm, struct caller *callers)
{
	storm->finished = true;
	pthread_barrier_wait(&storm->begin);
	for (unsigned i = 0; i < CALLERS; i++)
		pthread_join(callers[i].thread, NULL);
	forgetter_stop(storm);
	for (int i = 0; i < SETS; i++)
		config_unref(&storm->config[i]);
	pthread_barrier_destroy(&storm->begin);
	pthread_barrier_destroy(&storm->end);
	lock_destroy(&storm->lock);
	product_stop(&storm->product);
}

static void test_storm(void **state)
{
	(void)state;
	static struct storm storm = {.seed = 20260919};
	static struct caller callers[CALLERS];
	storm_begin(&storm, callers);
	for (int i = 0; i < ROUNDS && storm.wrong == 0; i++)
		storm_round(&storm, callers);
	unsigned probes = world_count("probe"), fetches = world_count("fetch");
	storm_end(&storm, callers);
	print_message("%u calls, %u questions begun: %u told, %u given up, %u without room; %u probes, %u fetches; "
		      "none %u, pass %u, fail-testing %u, fail-enforce %u, defer %u\n",
		storm.calls, storm.begun, storm.heard, storm.abandoned, storm.refused, probes, fetches,
		storm.kinds[VERDICT_NONE], storm.kinds[VERDICT_PASS], storm.kinds[VERDICT_FAIL_TESTING],
		storm.kinds[VERDICT_FAIL_ENFORCE], storm.kinds[VERDICT_DEFER]);
	if (storm.wrong > 0)
		fail_msg("%u wrong, the first: %s", storm.wrong, storm.first_wrong);
	assert_int_equal(storm.heard + storm.abandoned + storm.refused, storm.begun);
	assert_true(storm.heard > 100 && storm.abandoned > 10);
	assert_true(probes > ROUNDS && fetches > ROUNDS); /* the changes did arrive */
	for (int kind = 0; kind <= VERDICT_DEFER; kind++)
		assert_true(storm.kinds[kind] > 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_storm)};
	alarm(300);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
