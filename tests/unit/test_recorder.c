/* The recorder with a clock that the test sets: when it writes, and the counts of each hour. */
#include "cm.h"

#include "clock.h"
#include "metrics.h"
#include "plots.h"
#include "recorder.h"
#include "report.h"
#include "room.h"
#include "steps.h"

#include <stdlib.h>
#include <string.h>

static int64_t wall_s, mono_ms;
static int64_t tick_s; /* how far the wall clock goes on when it is read */
static struct snapshot_counts counts, hour;
static struct snapshot_running running;

int64_t clock_wall_s(void)
{
	wall_s += tick_s;
	return wall_s - tick_s;
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
	for (unsigned i = 0; i < LABEL_LE_VALUES; i++)
		metrics_set(METRIC_ANSWER_SECONDS, DOOR_MAP, i, 0, 0);
	metrics_set(METRIC_VERDICTS, PURPOSE_MAP, VERDICT_PASS, REASON_OK, 0);
	metrics_set(METRIC_VERDICTS, PURPOSE_DELIVER, VERDICT_PASS, REASON_OK, 0);
	metrics_set(METRIC_VERDICTS, PURPOSE_DELIVER, VERDICT_DEFER, REASON_CERT_EXPIRED, 0);
	metrics_set(METRIC_MAP_REPLIES, 0, 0, 0, 0);
	wall_s = NOON;
	mono_ms = 1000000;
	int made = room_make(state);
	store = room_open(64 * ROOM_BYTES, STORE_OWNER);
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

/* Two steps, of which the second is continued by another process. Only what the plots need is kept. */
static void steps_are_counted_apart(void **state)
{
	(void)state;
	metrics_add(METRIC_VERDICTS, PURPOSE_MAP, VERDICT_PASS, REASON_OK, 2);
	metrics_add(METRIC_VERDICTS, PURPOSE_REFRESH, VERDICT_PASS, REASON_OK, 7);
	metrics_add(METRIC_VERDICTS, PURPOSE_DELIVER, VERDICT_DEFER, REASON_CERT_EXPIRED, 3);
	metrics_observe(METRIC_ANSWER_SECONDS, DOOR_MAP, 0, 50);
	replies(1);
	pass(5000);
	store_step_counts(store, NOON / SNAPSHOT_STEP_S, &hour, NULL);
	assert_string_equal(hour.lines, "stsgate_verdicts_total deliver defer certificate-expired 3\n"
					"stsgate_verdicts_total map pass ok 2\n"
					"stsgate_answer_seconds socketmap 0.0001 1\n"
					"stsgate_answer_seconds socketmap sum 50\n");
	metrics_add(METRIC_VERDICTS, PURPOSE_MAP, VERDICT_PASS, REASON_OK, 4);
	pass(300 * 1000);
	recorder_free(&recorder);
	recorder = recorder_new(store, NULL);
	metrics_add(METRIC_VERDICTS, PURPOSE_DELIVER, VERDICT_PASS, REASON_OK, 8);
	metrics_observe(METRIC_ANSWER_SECONDS, DOOR_MAP, 0, 400);
	pass(5000);
	struct steps *steps = steps_read(store, wall_s, NULL);
	assert_non_null(steps);
	assert_true(steps->from == NOON + 600 - 86400);
	size_t now = STEPS_DAY - 1;
	assert_int_equal(steps->verdicts[REASON_OK][now - 1], 2);
	assert_int_equal(steps->verdicts[REASON_CERT_EXPIRED][now - 1], 3);
	assert_int_equal(steps->verdicts[REASON_OK][now - 2], 0);
	assert_int_equal(steps->answers[DOOR_MAP][now - 1], 1);
	assert_int_equal(steps->p50_us[DOOR_MAP][now - 1], 50);
	assert_int_equal(steps->p99_us[DOOR_MAP][now - 2], -1);
	assert_int_equal(steps->p99_us[DOOR_MILTER][now], -1);
	free(steps);
}

/* The step ends between two looks at the clock. */
static void a_step_is_not_written_as_the_next_one(void **state)
{
	(void)state;
	wall_s = NOON + 299;
	metrics_add(METRIC_VERDICTS, PURPOSE_MAP, VERDICT_PASS, REASON_OK, 2);
	tick_s = 1;
	pass(0);
	tick_s = 0;
	metrics_add(METRIC_VERDICTS, PURPOSE_MAP, VERDICT_PASS, REASON_OK, 3);
	pass(5000);
	store_step_counts(store, NOON / SNAPSHOT_STEP_S, &hour, NULL);
	assert_string_equal(hour.lines, "stsgate_verdicts_total map pass ok 2\n");
	store_step_counts(store, NOON / SNAPSHOT_STEP_S + 1, &hour, NULL);
	assert_string_equal(hour.lines, "stsgate_verdicts_total map pass ok 3\n");
}

static json_int_t number_in(const json_t *array, size_t at)
{
	return json_is_null(json_array_get(array, at)) ? -1 : json_integer_value(json_array_get(array, at));
}

static void plots_have_a_number_for_each_step(void **state)
{
	(void)state;
	json_t *plots = plots_json(store, NOON, NULL);
	assert_int_equal(json_integer_value(json_object_get(plots, "from")), NOON + 300 - 86400);
	assert_int_equal(json_integer_value(json_object_get(plots, "step_s")), 300);
	assert_int_equal(json_object_size(json_object_get(plots, "verdicts")), 0);
	assert_int_equal(json_object_size(json_object_get(plots, "answers")), 0);
	json_decref(plots);
	metrics_add(METRIC_VERDICTS, PURPOSE_MAP, VERDICT_PASS, REASON_OK, 2);
	metrics_observe(METRIC_ANSWER_SECONDS, DOOR_MAP, 0, 20000000);
	pass(5000);
	plots = plots_json(store, NOON + 86399, NULL);
	json_t *verdicts = json_object_get(plots, "verdicts"), *ok = json_object_get(verdicts, "ok");
	json_t *map = json_object_get(json_object_get(plots, "answers"), "socketmap");
	assert_int_equal(json_object_size(verdicts), 1);
	assert_int_equal(json_object_size(json_object_get(plots, "answers")), 1);
	assert_int_equal(json_array_size(ok), 288);
	assert_int_equal(number_in(ok, 0), 2);
	assert_int_equal(number_in(ok, 1), 0);
	assert_int_equal(number_in(json_object_get(map, "count"), 0), 1);
	assert_int_equal(number_in(json_object_get(map, "p50_us"), 0), 20000000);
	assert_int_equal(number_in(json_object_get(map, "p99_us"), 0), 29800000);
	assert_int_equal(number_in(json_object_get(map, "p99_us"), 287), -1);
	json_decref(plots);
	plots = plots_json(store, NOON + 86400, NULL); /* now it is a step too old */
	assert_int_equal(json_object_size(json_object_get(plots, "verdicts")), 0);
	json_decref(plots);
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
		TEST(steps_are_counted_apart),
		TEST(a_step_is_not_written_as_the_next_one),
		TEST(plots_have_a_number_for_each_step),
		TEST(settings_are_written),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
