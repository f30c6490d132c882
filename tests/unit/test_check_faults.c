/* The shell when something goes wrong between two of its steps, with the fakes in place of the network. */
#include "clock.h"
#include "product.h"
#include "world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* A policy that the store holds, with evidence past its hard age. */
static struct question known_domain(struct product *p)
{
	struct outcome outcome;
	struct question question = product_question("example.com", PURPOSE_DELIVER);
	product_start(p, 4);
	product_domain("example.com", "mx1.example.com");
	check_domain(p->check, &question, 5000, NULL, NULL, &outcome);
	assert_int_equal(outcome.verdict.kind, VERDICT_PASS);
	product_settle(p->check);
	world_advance(25 * 3600);
	return question;
}

static void store_breaks(void *arg)
{
	(void)arg;
	world_store(WORLD_STORE_BROKEN);
}

/* Rule 9: the policy could be read; that the store breaks before the case reads it, too, does not let mail go. */
static void test_store_breaks_between(void **state)
{
	(void)state;
	struct product p;
	struct outcome outcome;
	struct question question = known_domain(&p);
	check_domain(p.check, &question, 5000, store_breaks, NULL, &outcome);
	assert_int_equal(outcome.verdict.kind, VERDICT_DEFER);
	assert_true(outcome.verdict.has_policy);
	product_settle(p.check);
	product_stop(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_store_breaks_between),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
