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
	return budget_take(budget, &a, BUDGET_FOR_GOOD, now_ms, slot);
}

/* Takes and gives back at once; how many go through. */
static int run_for(struct budget *budget, enum budget_claim claim, const char *text, int64_t now_ms, int tries)
{
	struct address a = address(text);
	int gone = 0;
	for (int i = 0; i < tries; i++) {
		unsigned slot;
		if (budget_take(budget, &a, claim, now_ms, &slot) != BUDGET_GO)
			continue;
		budget_give(budget, slot);
		gone++;
	}
	return gone;
}

static int run(struct budget *budget, const char *text, int64_t now_ms, int tries)
{
	return run_for(budget, BUDGET_FOR_GOOD, text, now_ms, tries);
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
		assert_int_equal(budget_take_all(budget, pair, 2, BUDGET_FOR_GOOD, T0, slot), BUDGET_BUSY);
	budget_give(budget, busy[0]);
	assert_int_equal(budget_take_all(budget, pair, 2, BUDGET_FOR_GOOD, T0, slot), BUDGET_GO);
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
	assert_int_equal(budget_take_all(budget, pair, 2, BUDGET_FOR_GOOD, T0, slot), BUDGET_GO);
	assert_int_equal(take(budget, "8.8.8.3", T0, &more), BUDGET_BUSY);
	budget_give(budget, slot[0]);
	assert_int_equal(budget_take_all(budget, pair, 2, BUDGET_FOR_GOOD, T0, slot), BUDGET_BUSY);
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
		if (budget_take(budget, &a, BUDGET_FOR_GOOD, T0, &slot) == BUDGET_GO) {
			gone++;
			budget_give(budget, slot);
		}
	}
	assert_true(gone > 0);
	assert_true(gone <= BUDGET_GLOBAL_A_MINUTE);
	assert_int_equal(run(budget, "8.8.8.1", T0 + 600000, 50), BUDGET_A_MINUTE);
	budget_free(&budget);
}

static struct address scattered(unsigned i)
{
	uint32_t network = i * 2654435761u >> 8;
	return (struct address){
		.len = 16, .bytes = {0x2a, 0, 0, (uint8_t)(network >> 16), (uint8_t)(network >> 8), (uint8_t)network}};
}

/* Always other networks, as many as the global rate lets through and many more that it refuses, for minutes on end: none
 * finds its budget used up by others that share its slot. */
static void a_flood_shares_no_slot(void **state)
{
	(void)state;
	struct budget *budget = budget_new();
	unsigned next = 0;
	for (int i = 0; i < 30; i++) {
		unsigned gone = 0, slot;
		for (unsigned until = next + 2 * BUDGET_SLOTS; next < until; next++) {
			struct address a = scattered(next);
			enum budget_answer answer = budget_take(budget, &a, BUDGET_FOR_GOOD, T0 + 10000 * i, &slot);
			assert_int_not_equal(answer, BUDGET_SPENT);
			if (answer == BUDGET_GO)
				budget_give(budget, slot);
			gone += answer == BUDGET_GO;
		}
		assert_int_equal(gone, i == 0 ? BUDGET_GLOBAL_A_MINUTE : BUDGET_GLOBAL_A_MINUTE / 6);
	}
	budget_free(&budget);
}

/* Each leaves something to those before it, however often it asks. */
static void each_leaves_something(void **state)
{
	(void)state;
	static const enum budget_claim claims[] = {
		BUDGET_FOR_BAD, BUDGET_FOR_BACKGROUND, BUDGET_FOR_NEW, BUDGET_FOR_GOOD};
	static const int of_six[] = {2, 3, 4, 6}, more[] = {2, 1, 1, 2};
	struct budget *budget = budget_new();
	for (int i = 0; i < 4; i++) {
		int64_t now_ms = T0 + 600000 * i;
		assert_int_equal(run_for(budget, claims[i], "8.8.8.1", now_ms, 50), of_six[i]);
		assert_int_equal(run_for(budget, claims[i], "8.8.8.1", now_ms + 9000, 50), 0);
		assert_int_equal(
			run_for(budget, claims[i], "10.0.0.1", now_ms, 500), of_six[i] * BUDGET_PRIVATE_FACTOR);
	}
	for (int i = 0; i < 4; i++)
		assert_int_equal(run_for(budget, claims[i], "8.8.9.1", T0, 50), more[i]);
	/* In all they see no more than one alone could. */
	assert_int_equal(run(budget, "8.8.9.1", T0 + 9999, 50), 0);
	budget_free(&budget);
}

/* The same of the whole. */
static void each_leaves_something_of_all(void **state)
{
	(void)state;
	struct budget *budget = budget_new();
	int gone = 0;
	for (int i = 0; i < 2 * BUDGET_GLOBAL_A_MINUTE && gone < BUDGET_GLOBAL_A_MINUTE; i++) {
		struct address a = {
			.len = 16, .bytes = {0x2a, 0, 0, (uint8_t)(i / 65536), (uint8_t)(i / 256), (uint8_t)i}};
		unsigned slot;
		if (budget_take(budget, &a, BUDGET_FOR_BACKGROUND, T0, &slot) == BUDGET_GO) {
			budget_give(budget, slot);
			gone++;
		}
	}
	assert_int_equal(gone, BUDGET_GLOBAL_A_MINUTE / 2);
	budget_free(&budget);
}

/* Somebody who waits finds one place free; two addresses of one hop are no more than one probe. */
static void background_has_one_place(void **state)
{
	(void)state;
	struct budget *budget = budget_new();
	struct address pair[2] = {address("8.8.8.1"), address("8.8.8.2")};
	unsigned slot[3];
	assert_int_equal(budget_take(budget, &pair[0], BUDGET_FOR_BACKGROUND, T0, &slot[0]), BUDGET_GO);
	assert_int_equal(budget_take(budget, &pair[1], BUDGET_FOR_BACKGROUND, T0, &slot[1]), BUDGET_BUSY);
	assert_int_equal(budget_take(budget, &pair[1], BUDGET_FOR_NEW, T0, &slot[1]), BUDGET_GO);
	budget_give(budget, slot[0]);
	assert_int_equal(budget_take(budget, &pair[0], BUDGET_FOR_BACKGROUND, T0, &slot[0]), BUDGET_BUSY);
	budget_give(budget, slot[1]);
	assert_int_equal(budget_take_all(budget, pair, 2, BUDGET_FOR_BACKGROUND, T0 + 60000, slot), BUDGET_GO);
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
		cmocka_unit_test(a_flood_shares_no_slot),
		cmocka_unit_test(each_leaves_something),
		cmocka_unit_test(each_leaves_something_of_all),
		cmocka_unit_test(background_has_one_place),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
