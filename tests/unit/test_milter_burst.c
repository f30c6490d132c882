/* Bursts with the real libmilter: callbacks that wait must not delay those that do not (spec F-7). Without the nudge,
 * most of the fast ones are late. */
#include "milter_room.h"

#include "clock.h"
#include "milter.h"

#include "cm.h"

#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

#define SLOW 30
#define FAST 15
#define BURSTS 3
#define WAIT_MS 2000 /* much longer than delays of a busy machine */

struct caller {
	struct milter_client client;
	pthread_t thread;
	const char *host;
	int64_t took_ms;
	bool good;
};

static pthread_barrier_t barrier;

static void *call(void *arg)
{
	struct caller *caller = arg;
	char reply[MILTER_REPLY_SIZE];
	pthread_barrier_wait(&barrier);
	int64_t from_ms = clock_mono_ms();
	const char *got = milter_client_rcpt(&caller->client, "<a@b.example>", "smtp", caller->host, NULL, reply);
	caller->took_ms = clock_mono_ms() - from_ms;
	caller->good = strcmp(got, "c") == 0;
	return NULL;
}

static void burst(struct caller *callers, int64_t *worst_fast_ms, int64_t *worst_slow_ms)
{
	pthread_barrier_init(&barrier, NULL, SLOW + FAST);
	for (int i = 0; i < SLOW + FAST; i++) {
		callers[i].host = i < SLOW ? "pass-2000.example" : "pass.example";
		assert_true(milter_client_mail(&callers[i].client, NULL));
		assert_int_equal(pthread_create(&callers[i].thread, NULL, call, &callers[i]), 0);
	}
	for (int i = 0; i < SLOW + FAST; i++) {
		int64_t *worst_ms = i < SLOW ? worst_slow_ms : worst_fast_ms;
		pthread_join(callers[i].thread, NULL);
		assert_true(callers[i].good);
		if (callers[i].took_ms > *worst_ms)
			*worst_ms = callers[i].took_ms;
		assert_true(milter_client_send(&callers[i].client, 'A', NULL, 0));
	}
	pthread_barrier_destroy(&barrier);
}

static void fast_recipients_are_not_held_up(void **state)
{
	(void)state;
	static struct caller callers[SLOW + FAST];
	int64_t worst_fast_ms = 0, worst_slow_ms = 0;
	for (int i = 0; i < SLOW + FAST; i++)
		assert_true(milter_client_open(&callers[i].client, milter_room_path()));
	for (int i = 0; i < BURSTS; i++)
		burst(callers, &worst_fast_ms, &worst_slow_ms);
	for (int i = 0; i < SLOW + FAST; i++)
		milter_client_close(&callers[i].client);
	print_message(
		"slowest fast recipient %d ms, slowest waiting one %d ms\n", (int)worst_fast_ms, (int)worst_slow_ms);
	/* No fast callback was behind one that waits. */
	assert_true(worst_fast_ms < WAIT_MS);
	assert_true(worst_slow_ms < 2 * WAIT_MS);
}

/* libmilter's pool may outlive the check. A local session is never refused, and no unjudged message is delivered. */
static void a_local_message_at_the_end_is_brought_again(void **state)
{
	(void)state;
	struct milter_client client;
	char out[MILTER_REPLY_SIZE];
	assert_true(milter_client_open(&client, milter_room_path()));
	assert_true(milter_client_mail(&client, NULL));
	assert_string_equal(milter_client_rcpt(&client, "a@pass.example", NULL, NULL, "4QID", out), "c");
	assert_true(milter_quiesce(10000));
	assert_string_equal(milter_client_rcpt(&client, "b@pass.example", NULL, NULL, "4QID", out), "c");
	assert_string_equal(milter_client_end(&client, "4QID", out), "t");
	milter_client_close(&client);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(fast_recipients_are_not_held_up),
		cmocka_unit_test(a_local_message_at_the_end_is_brought_again),
	};
	return cmocka_run_group_tests(tests, milter_room_open, milter_room_close);
}
