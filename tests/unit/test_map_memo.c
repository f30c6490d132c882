/* The table of the map's last answers. */
#include "cm.h"

#include "map_memo.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct map_memo *memo;

static int memo_make(void **state)
{
	(void)state;
	memo = calloc(1, sizeof *memo);
	return memo == NULL;
}

static int memo_free(void **state)
{
	(void)state;
	free(memo);
	return 0;
}

static struct span span_of(const char *text)
{
	return (struct span){text, strlen(text)};
}

static void keep(const char *asked, const char *reply)
{
	struct question question = {.purpose = PURPOSE_MAP};
	struct outcome outcome = {.final = true, .basis = {.repeats = true, .store = 7}};
	snprintf(question.domain, sizeof question.domain, "%s", reply);
	snprintf(outcome.verdict.domain, sizeof outcome.verdict.domain, "%s", reply);
	map_memo_keep(memo, span_of(asked), span_of(reply), &question, &outcome);
}

static void what_comes_twice_is_kept(void **state)
{
	(void)state;
	assert_null(map_memo_find(memo, span_of("postfix a.example")));
	assert_null(map_memo_find(memo, span_of("")));
	keep("postfix a.example", "one");
	assert_null(map_memo_find(memo, span_of("postfix a.example")));
	keep("postfix a.example", "two");
	const struct map_memo_answer *answer = map_memo_find(memo, span_of("postfix a.example"));
	assert_non_null(answer);
	assert_int_equal(answer->reply_len, 3);
	assert_memory_equal(answer->reply, "two", 3);
	assert_string_equal(answer->question.domain, "two");
	assert_string_equal(answer->verdict.domain, "two");
	assert_true(answer->basis.repeats);
	assert_int_equal(answer->basis.store, 7);
	assert_null(map_memo_find(memo, span_of("postfix a.exampl")));
	assert_null(map_memo_find(memo, span_of("postfix a.example ")));
	assert_null(map_memo_find(memo, span_of("Postfix a.example")));
	assert_null(map_memo_find(memo, span_of("")));
}

static void what_is_too_long_is_not_kept(void **state)
{
	(void)state;
	static const struct {
		size_t asked, reply;
		bool kept;
	} rows[] = {{MAP_MEMO_ASKED_MAX, MAP_MEMO_REPLY_MAX, true}, {MAP_MEMO_ASKED_MAX + 1, 10, false},
		{100, MAP_MEMO_REPLY_MAX + 1, false}};
	char bytes[1000];
	memset(bytes, 'x', sizeof bytes);
	for (size_t i = 0; i < COUNT(rows); i++) {
		const struct question question = {.purpose = PURPOSE_MAP};
		const struct outcome outcome = {.final = true};
		struct span asked = {bytes, rows[i].asked}, reply = {bytes, rows[i].reply};
		map_memo_keep(memo, asked, reply, &question, &outcome);
		map_memo_keep(memo, asked, reply, &question, &outcome);
		assert_true((map_memo_find(memo, asked) != NULL) == rows[i].kept);
	}
}

/* Many more requests than places: each is found with its own reply, or not at all. */
static void requests_share_places(void **state)
{
	(void)state;
	char asked[64], reply[64];
	unsigned found = 0, last = 0;
	for (int pass = 0; pass < 2; pass++)
		for (unsigned i = 0; i < 4 * MAP_MEMO_PLACES; i++) {
			snprintf(asked, sizeof asked, "postfix d%u.example", i);
			snprintf(reply, sizeof reply, "r%u", i);
			keep(asked, reply);
			keep(asked, reply);
			assert_non_null(map_memo_find(memo, span_of(asked)));
		}
	for (unsigned i = 0; i < 4 * MAP_MEMO_PLACES; i++) {
		snprintf(asked, sizeof asked, "postfix d%u.example", i);
		snprintf(reply, sizeof reply, "r%u", i);
		const struct map_memo_answer *answer = map_memo_find(memo, span_of(asked));
		found += answer != NULL;
		last = answer != NULL ? i : last;
		if (answer != NULL)
			assert_memory_equal(answer->reply, reply, answer->reply_len);
	}
	assert_in_range(found, MAP_MEMO_PLACES / 2, MAP_MEMO_PLACES);
	assert_int_equal(last, 4 * MAP_MEMO_PLACES - 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, memo_make, memo_free)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(what_comes_twice_is_kept),
		TEST(what_is_too_long_is_not_kept),
		TEST(requests_share_places),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
