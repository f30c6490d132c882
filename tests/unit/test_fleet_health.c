/* What an operator is told about the link to the shared store: a minute without it is a condition, and a clock that differs is a
 * warning. Timers, the link's clock and the condition are the test's own. */
#include "fleet_health.h"
#include "memory.h"
#include "metrics.h"

#include "cm.h"
#include "fake_log.h"

#include <stdlib.h>
#include <string.h>

struct loop_timer {
	void (*call)(void *arg);
	void *arg;
	int64_t ms; /* -1: not set */
};
enum { MINUTE, CLOCK, STEADY, TIMERS };
static struct loop_timer *timers[TIMERS]; /* in the order in which they are made */
static size_t timer_count;

struct loop_timer *loop_timer_new(struct loop *loop, void (*call)(void *arg), void *arg)
{
	(void)loop;
	struct loop_timer *timer = xcalloc(1, sizeof *timer);
	*timer = (struct loop_timer){call, arg, -1};
	timers[timer_count++] = timer;
	return timer;
}
void loop_timer_set(struct loop_timer *timer, int64_t ms)
{
	timer->ms = ms;
}
void loop_timer_stop(struct loop_timer *timer)
{
	timer->ms = -1;
}
void loop_timer_free(struct loop_timer **timer)
{
	free(*timer);
	*timer = NULL;
}
static void due(size_t i, int64_t ms)
{
	assert_int_equal(timers[i]->ms, ms);
	timers[i]->ms = -1;
	timers[i]->call(timers[i]->arg);
}

static bool shares = true;
static char detail_told[256];
void check_shares(struct check *check, bool works, const char *detail)
{
	(void)check;
	shares = works;
	strncpy(detail_told, detail, sizeof detail_told - 1);
}

static bool clock_known;
static int64_t clock_ahead;
bool link_clock(const struct link *link, int64_t *ahead_s)
{
	(void)link;
	*ahead_s = clock_ahead;
	return clock_known;
}

static struct fleet_health *health;

static const char *logged(void)
{
	static char text[FAKE_LOG_SIZE];
	fake_log_copy(text);
	return text;
}

static int begin(void **state)
{
	(void)state;
	timer_count = 0;
	shares = true;
	clock_known = false;
	fake_log_forget();
	health = fleet_health_new(NULL, NULL, "unix:/s");
	return 0;
}

static int end(void **state)
{
	(void)state;
	fleet_health_free(&health);
	return 0;
}

static void a_minute_without_the_link_is_a_condition(void **state)
{
	(void)state;
	fleet_health_changed(health, false, "cannot connect: refused");
	assert_non_null(strstr(logged(), "fleet_server unix:/s: cannot connect: refused; nothing is shared"));
	assert_int_equal(timers[MINUTE]->ms, HEALTH_UNREACHABLE_MS);
	timers[MINUTE]->ms = 1000;
	/* Further attempts do not begin the minute anew. */
	fleet_health_changed(health, false, "it closed the connection");
	assert_true(shares);
	due(MINUTE, 1000);
	assert_false(shares);
	assert_string_equal(detail_told, "fleet_server unix:/s: it closed the connection");
	fleet_health_changed(health, true, "");
	assert_non_null(strstr(logged(), "fleet_server unix:/s: connected again, after 0 seconds\n"));
	assert_int_equal(metrics_read(METRIC_FLEET_UP, 0, 0, 0), 1);
	assert_false(shares);
	due(STEADY, HEALTH_STEADY_MS);
	assert_true(shares);
	fleet_health_changed(health, false, "it does not answer");
	assert_int_equal(metrics_read(METRIC_FLEET_UP, 0, 0, 0), 0);
	assert_int_equal(timers[MINUTE]->ms, HEALTH_UNREACHABLE_MS);
	fleet_health_changed(health, true, "");
	due(STEADY, HEALTH_STEADY_MS);
	assert_int_equal(timers[MINUTE]->ms, -1);
}

/* A server that closes each connection soon after the login looks healthy for moments only. */
static void a_link_that_flaps_is_down(void **state)
{
	(void)state;
	fleet_health_changed(health, false, "cannot connect");
	timers[MINUTE]->ms = 1000;
	fleet_health_changed(health, true, "");
	fleet_health_changed(health, false, "it closed the connection");
	assert_int_equal(timers[STEADY]->ms, -1);
	due(MINUTE, 1000);
	assert_false(shares);
	fleet_health_changed(health, true, "");
	assert_false(shares);
}

static void other_clocks_are_told_once(void **state)
{
	(void)state;
	fleet_health_changed(health, true, "");
	fake_log_forget();
	clock_known = true;
	clock_ahead = 60;
	due(CLOCK, 0);
	assert_string_equal(logged(), "");
	clock_ahead = -7200;
	due(CLOCK, HEALTH_CLOCK_MS);
	assert_non_null(strstr(logged(), "its clock is 2 hours behind this machine's"));
	fake_log_forget();
	due(CLOCK, HEALTH_CLOCK_MS);
	assert_string_equal(logged(), "");
	clock_ahead = 0;
	due(CLOCK, HEALTH_CLOCK_MS);
	assert_non_null(strstr(logged(), "agree again"));
	clock_ahead = 61;
	due(CLOCK, HEALTH_CLOCK_MS);
	assert_non_null(strstr(logged(), "its clock is 61 seconds ahead of this machine's"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_minute_without_the_link_is_a_condition, begin, end),
		cmocka_unit_test_setup_teardown(a_link_that_flaps_is_down, begin, end),
		cmocka_unit_test_setup_teardown(other_clocks_are_told_once, begin, end),
	};
	return cmocka_run_group_tests_name("fleet_health", tests, NULL, NULL);
}
