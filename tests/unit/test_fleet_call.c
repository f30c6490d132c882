/* Commands from a thread that waits for their answers, with a link that is written here. */
#include "cm.h"
#include "fleet_call.h"
#include "lock.h"
#include "memory.h"

#include <stdlib.h>
#include <string.h>

/* The link answers at once, or keeps what it was asked until the test lets it answer. */
struct link {
	bool silent;
	link_answered *answered; /* not answered yet */
	void *arg;
	char said[64]; /* the words, each behind its length */
};

static const struct link_reply two[] = {
	{.kind = LINK_BYTES, .bytes = "a\0b", .len = 3}, {.kind = LINK_NUMBER, .number = -7}};
static const struct link_reply nested[] = {{.kind = LINK_LIST, .item = two, .count = 2}, {.kind = LINK_NIL}};
static const struct link_reply answer = {.kind = LINK_LIST, .item = nested, .count = 2};

void link_command(struct link *link, int64_t deadline_ms, link_answered *answered, void *arg, size_t count,
	const char *const *word, const size_t *len)
{
	size_t used = 0;
	(void)deadline_ms;
	for (size_t i = 0; i < count; i++) {
		used += (size_t)snprintf(link->said + used, sizeof link->said - used, "%zu:", len[i]);
		memcpy(link->said + used, word[i], len[i]);
		used += len[i];
	}
	if (link->silent) {
		link->answered = answered;
		link->arg = arg;
		return;
	}
	answered(arg, &answer);
}

static struct loop *loop_begin(void)
{
	struct failure why;
	struct loop *loop = loop_new(&why);
	assert_non_null(loop);
	assert_true(loop_start(loop, &why));
	return loop;
}

static void loop_end(struct loop **loop)
{
	loop_stop(*loop);
	loop_join(*loop);
	loop_free(loop);
}

static void test_answers_are_copies(void **state)
{
	(void)state;
	struct link link = {.silent = false};
	struct loop *loop = loop_begin();
	const char *words[] = {"SET", "k\0y", "value"};
	const size_t len[] = {3, 3, 5};
	struct link_reply *reply = fleet_call(loop, &link, 60000, 3, words, len);
	loop_end(&loop);
	assert_memory_equal(link.said, "3:SET3:k\0y5:value", 17);
	assert_int_equal(reply->kind, LINK_LIST);
	assert_int_equal(reply->count, 2);
	assert_ptr_not_equal(reply->item, nested);
	assert_int_equal(reply->item[0].kind, LINK_LIST);
	assert_int_equal(reply->item[0].item[0].len, 3);
	assert_ptr_not_equal(reply->item[0].item[0].bytes, two[0].bytes);
	assert_memory_equal(reply->item[0].item[0].bytes, "a\0b", 4);
	assert_int_equal(reply->item[0].item[1].number, -7);
	assert_int_equal(reply->item[1].kind, LINK_NIL);
	fleet_call_free(&reply);
	assert_null(reply);
	fleet_call_free(&reply);
}

static void test_words_are_strings(void **state)
{
	(void)state;
	struct link link = {.silent = false};
	struct loop *loop = loop_begin();
	struct link_reply *reply = fleet_call(loop, &link, 60000, 2, (const char *const[]){"GET", "place"}, NULL);
	loop_end(&loop);
	assert_string_equal(link.said, "3:GET5:place");
	fleet_call_free(&reply);
}

/* The caller gives up, and its words are gone; the answer comes all the same, and is freed. */
static void test_late_answer(void **state)
{
	(void)state;
	struct link link = {.silent = true};
	struct loop *loop = loop_begin();
	struct link_reply *reply = fleet_call(loop, &link, 1, 1, (const char *const[]){"PING"}, NULL);
	assert_int_equal(reply->kind, LINK_NONE);
	assert_int_equal(reply->count, 0);
	fleet_call_free(&reply);
	loop_end(&loop);
	assert_non_null(link.answered);
	link.answered(link.arg, &answer);
}

/* The loop has stopped: the command runs when the loop is freed, and nobody waits for ever. */
static void test_stopped_loop(void **state)
{
	(void)state;
	struct link link = {.silent = false};
	struct loop *loop = loop_begin();
	loop_stop(loop);
	loop_join(loop);
	struct link_reply *reply = fleet_call(loop, &link, 1, 1, (const char *const[]){"PING"}, NULL);
	assert_int_equal(reply->kind, LINK_NONE);
	fleet_call_free(&reply);
	loop_free(&loop);
	assert_string_equal(link.said, "4:PING");
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_answers_are_copies),
		cmocka_unit_test(test_words_are_strings), cmocka_unit_test(test_late_answer),
		cmocka_unit_test(test_stopped_loop)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
