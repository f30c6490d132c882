/* The probe budget: what one destination network may see of us. */
#include "budget.h"

#include "cm.h"

#include <string.h>

#define T0 1000000

static struct address address(const char *text)
{
	struct address a;
	assert_true(address_parse(&a, text));
	return a;
}

static enum budget_answer take(struct budget *budget, const char *text, int64_t now_ms, unsigned *slot)
{
	struct address a = address(text);
	return budget_take(budget, &a, now_ms, slot);
}

/* Takes and gives back at once; how many go through. */
static int run(struct budget *budget, const char *text, int64_t now_ms, int tries)
{
	int gone = 0;
	for (int i = 0; i < tries; i++) {
		unsigned slot;
		if (take(budget, text, now_ms, &slot) != BUDGET_GO)
			continue;
		budget_give(budget, slot);
		gone++;
	}
	return gone;
}

static void two_at_once(void **state)
{
	(void)state;
	struct budget *budget = budget_new();
	unsigned slot[3];
	assert_int_equal(take(budget, "8.8.8.1", T0, &slot[0]), BUDGET_GO);
	assert_int_equal(take(budget, "8.8.8.2", T0, &slot[1]), BUDGET_GO);
	assert_int_equal(take(budget, "8.8.8.3", T0, &slot[2]), BUDGET_BUSY);
	assert_int_equal(take(budget, "8.8.9.1", T0, &slot[2]), BUDGET_GO); /* the next /24 */
	budget_give(budget, slot[0]);
	assert_int_equal(take(budget, "8.8.8.3", T0, &slot[2]), BUDGET_GO);
	budget_free(&budget);
}

static void six_a_minute(void **state)
{
	(void)state;
	struct budget *budget = budget_new();
	assert_int_equal(run(budget, "8.8.8.1", T0, 50), BUDGET_A_MINUTE);
	assert_int_equal(run(budget, "8.8.8.200", T0 + 9000, 50), 0);
	assert_int_equal(run(budget, "8.8.8.200", T0 + 10000, 50), 1);
	assert_int_equal(run(budget, "8.8.8.200", T0 + 200000, 50), BUDGET_A_MINUTE);
	assert_int_equal(run(budget, "2001:4860:1::1", T0, 50), BUDGET_A_MINUTE);
	assert_int_equal(run(budget, "2001:4860:1:ffff::1", T0, 50), 0); /* the same /48 */
	assert_int_equal(run(budget, "2001:4860:2::1", T0, 50), BUDGET_A_MINUTE);
	budget_free(&budget);
}

static void own_networks_have_more(void **state)
{
	(void)state;
	struct budget *budget = budget_new();
	assert_int_equal(run(budget, "10.0.0.1", T0, 500), BUDGET_A_MINUTE * BUDGET_PRIVATE_FACTOR);
	budget_free(&budget);
}

/* A hop with an address in a busy network is asked for again and again; that uses up nothing of its other network, nor
 * of the whole. */
static void nothing_is_lost_by_asking(void **state)
{
	(void)state;
	struct budget *budget = budget_new();
	struct address pair[2] = {address("8.8.8.1"), address("2001:4860:1::1")};
	unsigned slot[2], busy[BUDGET_AT_ONCE];
	for (int i = 0; i < BUDGET_AT_ONCE; i++)
		assert_int_equal(take(budget, "2001:4860:1::2", T0, &busy[i]), BUDGET_GO);
	for (int i = 0; i < 2 * BUDGET_GLOBAL_A_MINUTE; i++)
		assert_int_equal(budget_take_all(budget, pair, 2, T0, slot), BUDGET_BUSY);
	budget_give(budget, busy[0]);
	assert_int_equal(budget_take_all(budget, pair, 2, T0, slot), BUDGET_GO);
	budget_give(budget, slot[0]);
	budget_give(budget, slot[1]);
	assert_int_equal(run(budget, "8.8.8.1", T0, 50), BUDGET_A_MINUTE - 1);
	budget_free(&budget);
}

/* Two addresses of one hop in one network count as two. */
static void one_network_twice(void **state)
{
	(void)state;
	struct budget *budget = budget_new();
	struct address pair[2] = {address("8.8.8.1"), address("8.8.8.2")};
	unsigned slot[2], more;
	assert_int_equal(budget_take_all(budget, pair, 2, T0, slot), BUDGET_GO);
	assert_int_equal(take(budget, "8.8.8.3", T0, &more), BUDGET_BUSY);
	budget_give(budget, slot[0]);
	assert_int_equal(budget_take_all(budget, pair, 2, T0, slot), BUDGET_BUSY);
	assert_int_equal(take(budget, "8.8.8.3", T0, &more), BUDGET_GO);
	budget_free(&budget);
}

/* More networks than slots: a shared slot is stricter, and what was taken is given back. */
static void a_full_table_holds(void **state)
{
	(void)state;
	struct budget *budget = budget_new();
	int gone = 0;
	for (int i = 0; i < 4 * BUDGET_SLOTS; i++) {
		struct address a = {.len = 4, .bytes = {(uint8_t)(11 + i / 65536), (uint8_t)(i / 256), (uint8_t)i, 1}};
		unsigned slot;
		if (budget_take(budget, &a, T0, &slot) == BUDGET_GO) {
			gone++;
			budget_give(budget, slot);
		}
	}
	assert_true(gone > 0);
	assert_true(gone <= BUDGET_GLOBAL_A_MINUTE);
	assert_int_equal(run(budget, "8.8.8.1", T0 + 600000, 50), BUDGET_A_MINUTE);
	budget_free(&budget);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(two_at_once),
		cmocka_unit_test(six_a_minute),
		cmocka_unit_test(own_networks_have_more),
		cmocka_unit_test(nothing_is_lost_by_asking),
		cmocka_unit_test(one_network_twice),
		cmocka_unit_test(a_full_table_holds),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
