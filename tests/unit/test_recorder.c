/* The recorder with a clock that the test sets: when it writes, and the counts of each hour. */
#include "cm.h"

#include "clock.h"
#include "metrics.h"
#include "recorder.h"
#include "report.h"
#include "room.h"

#include <string.h>

static int64_t wall_s, mono_ms;
static struct snapshot_counts counts, hour;
static struct snapshot_running running;

int64_t clock_wall_s(void)
{
	return wall_s;
}

int64_t clock_mono_ms(void)
{
	return mono_ms;
}

void gauges_collect(void *gauges)
{
	(void)gauges;
	metrics_set(METRIC_STORE_BYTES, 0, 0, 0, (uint64_t)mono_ms);
}

#define NOON INT64_C(1796040000) /* the start of an hour */
_Static_assert(NOON % SNAPSHOT_HOUR_S == 0, "an hour");

static struct store *store;
static struct recorder *recorder;

static int begin(void **state)
{
	metrics_set(METRIC_MAP_REPLIES, 0, 0, 0, 0);
	wall_s = NOON;
	mono_ms = 1000000;
	int made = room_make(state);
	store = room_open(ROOM_BYTES, STORE_OWNER);
	recorder = recorder_new(store, NULL);
	return made;
}

static int end(void **state)
{
	recorder_free(&recorder);
	store_close(&store);
	return room_remove(state);
}

static void pass(int64_t ms)
{
	mono_ms += ms;
	wall_s += ms / 1000;
	recorder_round(recorder);
}

static uint64_t replies_in(struct snapshot_counts *of)
{
	struct metrics_values values;
	metrics_read_lines(&counters_names, (struct span){of->lines, strlen(of->lines)}, &values);
	return *metrics_in(&values, METRIC_MAP_REPLIES, 0, 0, 0);
}

static uint64_t counted(void)
{
	store_counts(store, &counts, NULL);
	return replies_in(&counts);
}

static uint64_t counted_in(int64_t at)
{
	store_hour(store, at / SNAPSHOT_HOUR_S, &hour, NULL);
	return replies_in(&hour);
}

static void replies(uint64_t count)
{
	metrics_add(METRIC_MAP_REPLIES, 0, 0, 0, count);
}

static void changes_are_written_every_five_seconds(void **state)
{
	(void)state;
	replies(1);
	pass(0);
	assert_int_equal(counted(), 1);
	assert_int_equal(counts.at, NOON);
	replies(1);
	pass(4000);
	assert_int_equal(counted(), 1);
	pass(1000);
	assert_int_equal(counted(), 2);
	assert_int_equal(counts.at, NOON + 5);
	/* Without a change nothing is written until five minutes have passed. The store's own size is no change. */
	for (int i = 0; i < 59; i++)
		pass(5000);
	counted();
	assert_int_equal(counts.at, NOON + 5);
	pass(5000);
	counted();
	assert_int_equal(counts.at, NOON + 305);
}

static void hours_are_counted_apart(void **state)
{
	(void)state;
	replies(3);
	pass(5000);
	replies(4);
	pass(3600 * 1000);
	replies(5);
	pass(5000);
	assert_int_equal(counted(), 12);
	assert_int_equal(counted_in(NOON), 3);
	assert_int_equal(counted_in(NOON + 3600), 9);
	assert_int_equal(counted_in(NOON + 7200), 0);
	/* The clock is set back: the hour has its counts already. */
	wall_s -= 3600;
	replies(1);
	pass(5000);
	assert_int_equal(counted_in(NOON), 4);
	assert_int_equal(counted_in(NOON + 3600), 9);
}

/* The next process counts from 0, and continues the hour. */
static void hours_survive_a_restart(void **state)
{
	(void)state;
	replies(3);
	pass(5000);
	recorder_free(&recorder);
	metrics_set(METRIC_MAP_REPLIES, 0, 0, 0, 0);
	recorder = recorder_new(store, NULL);
	replies(4);
	pass(5000);
	assert_int_equal(counted(), 4);
	assert_int_equal(counted_in(NOON), 7);
}

/* Two days later the row of this hour has old counts. */
static void old_hours_do_not_count(void **state)
{
	(void)state;
	replies(3);
	pass(5000);
	replies(1);
	pass(SNAPSHOT_HOURS * SNAPSHOT_HOUR_S * INT64_C(1000));
	assert_int_equal(counted_in(NOON), 0);
	assert_int_equal(counted_in(NOON + SNAPSHOT_HOURS * SNAPSHOT_HOUR_S), 1);
}

static void settings_are_written(void **state)
{
	(void)state;
	static char *overrides[] = {"probe_helo=relay.example.com"};
	static const char file[] = "mode = monitor\nio_threads = 3\n";
	struct settings *started = settings_read(NULL, false, overrides, 1, NULL);
	struct settings *current = settings_read_text("conf", file, sizeof file - 1, NULL);
	struct span value;
	assert_true(started && current);
	recorder_settings(recorder, started, started, "/etc/stsgate.conf");
	assert_int_equal(store_running(store, &running, NULL), STORE_FOUND);
	assert_int_equal(snapshot_setting(&running, "mode", &value), SNAPSHOT_VALUE);
	assert_true(span_is(value, "enforce"));
	assert_true(snapshot_is_overridden(&running, "probe_helo"));
	assert_false(snapshot_is_overridden(&running, "mode"));
	assert_string_equal(running.file, "/etc/stsgate.conf");
	assert_string_equal(running.version, PACKAGE_VERSION);
	assert_true(running.pid > 0 && running.started_at == NOON && running.settings_at == NOON);
	wall_s += 10;
	recorder_settings(recorder, started, current, "/etc/stsgate.conf");
	store_running(store, &running, NULL);
	assert_true(running.started_at == NOON && running.settings_at == NOON + 10 && running.stopped_at == 0);
	snapshot_setting(&running, "mode", &value);
	assert_true(span_is(value, "monitor"));
	snapshot_setting(&running, "io_threads", &value); /* needs a restart */
	assert_true(span_is(value, "2"));
	replies(2);
	recorder_free(&recorder);
	store_running(store, &running, NULL);
	assert_int_equal(running.stopped_at, NOON + 10);
	assert_int_equal(counted(), 2);
	settings_free(&started);
	settings_free(&current);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(changes_are_written_every_five_seconds),
		TEST(hours_are_counted_apart),
		TEST(hours_survive_a_restart),
		TEST(old_hours_do_not_count),
		TEST(settings_are_written),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
