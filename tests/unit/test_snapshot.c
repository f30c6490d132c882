/* The daemon's snapshot: its bytes, its lines, and its rows in the store. */
#include "cm.h"

#include "clock.h"
#include "fields.h"
#include "memory.h"
#include "metrics.h"
#include "report.h"
#include "room.h"
#include "snapshot.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

static struct snapshot_running running, running_back;
static struct snapshot_counts counts, counts_back;

static void settings_are_found(void **state)
{
	(void)state;
	struct span value;
	memset(&running, 0, sizeof running);
	snapshot_setting_add(&running, "mode", "enforce", false);
	snapshot_setting_add(&running, "mode_more", "x = y", true);
	snapshot_setting_add(&running, "exempt_domains", "", true);
	assert_int_equal(snapshot_setting(&running, "mode", &value), SNAPSHOT_VALUE);
	assert_true(span_is(value, "enforce"));
	assert_int_equal(snapshot_setting(&running, "mode_more", &value), SNAPSHOT_VALUE);
	assert_true(span_is(value, "x = y"));
	assert_int_equal(snapshot_setting(&running, "exempt_domains", &value), SNAPSHOT_VALUE);
	assert_true(span_is(value, ""));
	assert_int_equal(snapshot_setting(&running, "mod", &value), SNAPSHOT_UNKNOWN);
	assert_false(snapshot_is_overridden(&running, "mode"));
	assert_true(snapshot_is_overridden(&running, "mode_more"));
	assert_true(snapshot_is_overridden(&running, "exempt_domains"));
}

/* However long the values are, each name finds room. */
static void long_settings_are_left_out(void **state)
{
	(void)state;
	char *value = xcalloc(1, SNAPSHOT_SETTINGS_SIZE), name[32];
	struct span found;
	memset(value, 'x', SNAPSHOT_SETTINGS_SIZE - 1);
	memset(&running, 0, sizeof running);
	snapshot_setting_add(&running, "whole", value, false);
	value[SNAPSHOT_SETTINGS_SIZE / 2] = '\0';
	snapshot_setting_add(&running, "half", value, false);
	snapshot_setting_add(&running, "second_half", value, false);
	for (int i = 0; i < 100; i++) {
		snprintf(name, sizeof name, "a_setting_with_a_long_name_%d", i);
		snapshot_setting_add(&running, name, i % 2 ? value : "1", false);
	}
	assert_int_equal(snapshot_setting(&running, "whole", &found), SNAPSHOT_TOO_LONG);
	assert_int_equal(snapshot_setting(&running, "half", &found), SNAPSHOT_VALUE);
	assert_int_equal(found.len, SNAPSHOT_SETTINGS_SIZE / 2);
	assert_int_equal(snapshot_setting(&running, "second_half", &found), SNAPSHOT_TOO_LONG);
	for (int i = 0; i < 100; i++) {
		snprintf(name, sizeof name, "a_setting_with_a_long_name_%d", i);
		assert_int_equal(snapshot_setting(&running, name, &found), i % 2 ? SNAPSHOT_TOO_LONG : SNAPSHOT_VALUE);
	}
	free(value);
}

static void hits_come_back(void **state)
{
	(void)state;
	char buffer[100];
	struct text text;
	struct snapshot_hit hit;
	text_init(&text, buffer, sizeof buffer);
	snapshot_hit_add(&text, "lookups", 1796000000, "example.com");
	snapshot_hit_add(&text, "clients", 1796000001, "a b\nc");
	snapshot_hit_add(&text, "clients", 1796000002, "this one has no room: 0123456789 0123456789 0123456789");
	struct span hits = {text.bytes, text.len};
	assert_true(snapshot_hit_next(&hits, &hit));
	assert_true(span_is(hit.limit, "lookups") && hit.at == 1796000000 && span_is(hit.who, "example.com"));
	assert_true(snapshot_hit_next(&hits, &hit));
	assert_true(span_is(hit.limit, "clients") && span_is(hit.who, "\"a b\\x0ac\""));
	assert_false(snapshot_hit_next(&hits, &hit));
	static const char *const wrong[] = {
		"", "\n\n", "x", "x 1", "x 1 ", " 1 y", "x 123456789012345 y", "x -1 y", "x  y", "x 1x y"};
	for (size_t i = 0; i < COUNT(wrong); i++) {
		hits = (struct span){wrong[i], strlen(wrong[i])};
		assert_false(snapshot_hit_next(&hits, &hit));
	}
}

static void running_fill(void)
{
	memset(&running, 0, sizeof running);
	strcpy(running.version, "0.2.0");
	running.pid = 4711;
	running.started_at = 1796000000;
	running.settings_at = 1796000010;
	strcpy(running.file, "/etc/stsgate.conf");
	snapshot_setting_add(&running, "mode", "enforce", true);
}

static void bytes_come_back(void **state)
{
	(void)state;
	running_fill();
	struct bytes bytes = snapshot_running_encode(&running);
	assert_true(snapshot_running_decode(&running_back, bytes.at, bytes.len));
	assert_memory_equal(&running, &running_back, sizeof running);
	for (size_t i = 0; i < bytes.len; i++) {
		bytes.at[i] ^= 0x20;
		assert_false(snapshot_running_decode(&running_back, bytes.at, bytes.len));
		bytes.at[i] ^= 0x20;
		assert_false(snapshot_running_decode(&running_back, bytes.at, i));
		assert_int_equal(running_back.pid, 0);
	}
	assert_false(snapshot_counts_decode(&counts_back, bytes.at, bytes.len));
	free(bytes.at);
	memset(&counts, 0, sizeof counts);
	counts.at = 1796000000;
	strcpy(counts.lines, "stsgate_map_replies_total ok 12\n");
	bytes = snapshot_counts_encode(&counts);
	assert_true(snapshot_counts_decode(&counts_back, bytes.at, bytes.len));
	assert_memory_equal(&counts, &counts_back, sizeof counts);
	free(bytes.at);
}

/* Bytes with a correct checksum may still be hostile. */
static void hostile_bytes_are_refused(void **state)
{
	(void)state;
	static const struct {
		uint16_t tag;
		const char *value;
		bool good;
	} rows[] = {{2, "stsgate_map_replies_total ok 12\n", true}, {2, "\033[2J", false}, {2, "a\tb", false},
		{3, "lookups 1 \x80", false}, {9, "of a later version", true}};
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct fields_out out;
		fields_frame_begin(&out, "STSC", 1);
		size_t begun = fields_begin(&out, rows[i].tag);
		fields_bytes(&out, rows[i].value, strlen(rows[i].value));
		fields_end(&out, begun);
		fields_frame_end(&out);
		assert_int_equal(snapshot_counts_decode(&counts_back, out.at, out.len), rows[i].good);
		free(out.at);
	}
	running_fill();
	strcpy(running.version, "0.2.0\nx");
	struct bytes bytes = snapshot_running_encode(&running);
	assert_false(snapshot_running_decode(&running_back, bytes.at, bytes.len));
	free(bytes.at);
}

static struct metrics_values values, more, read_back;
static char lines[SNAPSHOT_LINES_SIZE];

static void lines_come_back(void **state)
{
	(void)state;
	memset(&values, 0, sizeof values);
	*metrics_in(&values, METRIC_VERDICTS, PURPOSE_MAP, VERDICT_FAIL_ENFORCE, REASON_CERT_EXPIRED) = 12;
	*metrics_in(&values, METRIC_MAP_REPLIES, 2, 0, 0) = UINT64_MAX;
	*metrics_in(&values, METRIC_CASES_OPEN, 0, 0, 0) = 3;
	*metrics_in(&values, METRIC_MAP_REPLIES, 3, 0, 0) = 1; /* has no name */
	metrics_write_lines(&counters_names, &values, lines, sizeof lines);
	assert_string_equal(lines, "stsgate_verdicts_total map fail-enforce certificate-expired 12\n"
				   "stsgate_map_replies_total temp 18446744073709551615\n"
				   "stsgate_cases_open 3\n");
	metrics_read_lines(&counters_names, (struct span){lines, strlen(lines)}, &read_back);
	*metrics_in(&values, METRIC_MAP_REPLIES, 3, 0, 0) = 0;
	assert_memory_equal(&values, &read_back, sizeof values);
}

static void other_lines_are_ignored(void **state)
{
	(void)state;
	static const char text[] = "\n\nstsgate_later_total ok 1\n"
				   "stsgate_verdicts_total map pass a-later-reason 7\n"
				   "stsgate_verdicts_total map pass 7\n"
				   "stsgate_map_replies_total ok\n"
				   "stsgate_map_replies_total ok \n"
				   "stsgate_map_replies_total ok 1 2\n"
				   "stsgate_map_replies_total ok -1\n"
				   "stsgate_map_replies_total ok 18446744073709551616\n"
				   "stsgate_cases_open 5";
	metrics_read_lines(&counters_names, (struct span){text, sizeof text - 1}, &read_back);
	memset(&values, 0, sizeof values);
	*metrics_in(&values, METRIC_CASES_OPEN, 0, 0, 0) = 5;
	assert_memory_equal(&values, &read_back, sizeof values);
}

/* A buffer of any size gets whole lines only. */
static void lines_are_cut_between_lines(void **state)
{
	(void)state;
	memset(&values, 0, sizeof values);
	for (unsigned i = 0; i < REASON_COUNT; i++)
		*metrics_in(&values, METRIC_VERDICTS, PURPOSE_DELIVER, VERDICT_DEFER, i) = 100000 + i;
	metrics_write_lines(&counters_names, &values, lines, sizeof lines);
	size_t whole = strlen(lines);
	for (size_t size = 1; size <= whole + 1; size++) {
		char *small = malloc(size);
		metrics_write_lines(&counters_names, &values, small, size);
		size_t len = strlen(small);
		assert_true(len < size && (len == 0 || small[len - 1] == '\n'));
		assert_memory_equal(small, lines, len);
		assert_true(size <= whole || len == whole);
		free(small);
	}
	char none[] = "x";
	metrics_write_lines(&counters_names, &values, none, 0); /* the room of a step in a small store */
	assert_string_equal(none, "x");
}

static void growth_is_of_counters(void **state)
{
	(void)state;
	memset(&values, 0, sizeof values);
	memset(&more, 0, sizeof more);
	*metrics_in(&values, METRIC_MAP_REPLIES, 0, 0, 0) = 10;
	*metrics_in(&values, METRIC_MAP_REPLIES, 1, 0, 0) = 10;
	*metrics_in(&values, METRIC_CASES_OPEN, 0, 0, 0) = 10;
	*metrics_in(&more, METRIC_MAP_REPLIES, 0, 0, 0) = 12;
	*metrics_in(&more, METRIC_MAP_REPLIES, 1, 0, 0) = 3; /* of another process */
	*metrics_in(&more, METRIC_CASES_OPEN, 0, 0, 0) = 20;
	metrics_growth(&read_back, &values, &more);
	assert_int_equal(*metrics_in(&read_back, METRIC_MAP_REPLIES, 0, 0, 0), 2);
	assert_int_equal(*metrics_in(&read_back, METRIC_MAP_REPLIES, 1, 0, 0), 0);
	assert_int_equal(*metrics_in(&read_back, METRIC_CASES_OPEN, 0, 0, 0), 0);
	*metrics_in(&values, METRIC_MAP_REPLIES, 1, 0, 0) = UINT64_MAX - 1;
	metrics_sum(&values, &more);
	assert_int_equal(*metrics_in(&values, METRIC_MAP_REPLIES, 0, 0, 0), 22);
	assert_true(*metrics_in(&values, METRIC_MAP_REPLIES, 1, 0, 0) == UINT64_MAX);
}

/* What a histogram has counted comes back from lines, grows and adds up like a counter. */
static void durations_come_back(void **state)
{
	(void)state;
	struct metrics_durations durations;
	static const char text[] = "stsgate_answer_seconds socketmap 0.0005 7\n"
				   "stsgate_answer_seconds socketmap +Inf 1\n"
				   "stsgate_answer_seconds socketmap sum 31000000\n";
	metrics_read_lines(&counters_names, (struct span){text, sizeof text - 1}, &values);
	metrics_durations(&durations, &values, METRIC_ANSWER_SECONDS, DOOR_MAP, 0);
	assert_int_equal(durations.count, 8);
	assert_int_equal(durations.bucket[1], 7);
	assert_int_equal(durations.sum_us, 31000000);
	metrics_write_lines(&counters_names, &values, lines, sizeof lines);
	assert_string_equal(lines, text);
	memset(&more, 0, sizeof more);
	metrics_growth(&read_back, &more, &values);
	assert_memory_equal(&read_back, &values, sizeof values);
	metrics_sum_of(&read_back, &values, METRIC_ANSWER_SECONDS, DOOR_MILTER);
	assert_memory_equal(&read_back, &values, sizeof values);
	metrics_sum_of(&read_back, &values, METRIC_ANSWER_SECONDS, DOOR_MAP);
	metrics_durations(&durations, &read_back, METRIC_ANSWER_SECONDS, DOOR_MAP, 0);
	assert_int_equal(durations.count, 16);
}

/* --- in the store ------------------------------------------------------------------------------------------------- */

static void rows_come_back(void **state)
{
	(void)state;
	struct store *store = room_open(ROOM_BYTES, STORE_OWNER);
	assert_int_equal(store_running(store, &running_back, NULL), STORE_ABSENT);
	assert_int_equal(store_counts(store, &counts_back, NULL), STORE_ABSENT);
	running_fill();
	assert_true(store_put_running(store, &running, NULL));
	store_close(&store);
	store = room_open(0, STORE_GUEST);
	assert_int_equal(store_running(store, &running_back, NULL), STORE_FOUND);
	assert_memory_equal(&running, &running_back, sizeof running);
	store_close(&store);
}

#define HOUR INT64_C(499000)

static void put_hour(struct store *store, int64_t hour)
{
	memset(&counts, 0, sizeof counts);
	counts.at = hour * SNAPSHOT_HOUR_S + 17;
	snprintf(counts.lines, sizeof counts.lines, "stsgate_map_replies_total ok %d\n", (int)(hour - HOUR + 1));
	assert_true(store_put_counts(store, &counts, &counts, NULL, NULL));
}

/* There are as many rows as hours, and each is used again after two days. */
static void hours_go_round(void **state)
{
	(void)state;
	struct store *store = room_open(ROOM_BYTES, STORE_OWNER);
	uint64_t writes = metrics_read(METRIC_STORE_WRITES, 0, 0, 0);
	for (int64_t hour = HOUR; hour < HOUR + 100; hour++)
		put_hour(store, hour);
	assert_int_equal(metrics_read(METRIC_STORE_WRITES, 0, 0, 0), writes);
	for (int64_t hour = HOUR; hour < HOUR + 110; hour++) {
		bool kept = hour >= HOUR + 100 - SNAPSHOT_HOURS && hour < HOUR + 100;
		assert_int_equal(store_hour(store, hour, &counts_back, NULL), kept ? STORE_FOUND : STORE_ABSENT);
		assert_int_equal(counts_back.at / SNAPSHOT_HOUR_S, kept ? hour : 0);
	}
	assert_int_equal(store_counts(store, &counts_back, NULL), STORE_FOUND);
	assert_string_equal(counts_back.lines, "stsgate_map_replies_total ok 100\n");
	store_close(&store);
	assert_int_equal(room_records("meta"), 1 + SNAPSHOT_HOURS + 1); /* with the schema and the counts */
}

static void a_damaged_row_is_absent(void **state)
{
	(void)state;
	struct store *store = room_open(ROOM_BYTES, STORE_OWNER);
	put_hour(store, HOUR);
	store_close(&store);
	room_write("meta", "counts", 6, "nonsense");
	room_write("meta", "running", 7, "nonsense");
	store = room_open(ROOM_BYTES, STORE_OWNER);
	assert_int_equal(store_counts(store, &counts_back, NULL), STORE_ABSENT);
	assert_int_equal(store_running(store, &running_back, NULL), STORE_ABSENT);
	assert_false(store_is_broken(store, NULL));
	store_close(&store);
}

#define STEP INT64_C(5988000)

static void put_step(struct store *store, int64_t step)
{
	memset(&counts, 0, sizeof counts);
	counts.at = step * SNAPSHOT_STEP_S + 299;
	snprintf(counts.lines, sizeof counts.lines, "stsgate_map_replies_total ok %d\n", (int)(step - STEP + 1));
	assert_true(store_put_counts(store, &counts, &counts, &counts, NULL));
}

/* Each row of a step is used again after seven days. An older one is absent then. */
static void steps_go_round(void **state)
{
	(void)state;
	static const int64_t added[] = {
		0, 1, SNAPSHOT_STEPS - 1, SNAPSHOT_STEPS + 1, SNAPSHOT_STEPS + 2, 2 * SNAPSHOT_STEPS + 2};
	static const bool kept[] = {true, false, true, true, false, true};
	struct store *store = room_open(64 * ROOM_BYTES, STORE_OWNER);
	assert_int_equal(store_step_counts(store, STEP, &counts_back, NULL), STORE_ABSENT);
	for (size_t i = 0; i < sizeof added / sizeof *added; i++)
		put_step(store, STEP + added[i]);
	store_close(&store);
	store = room_open(0, STORE_GUEST);
	for (size_t i = 0; i < sizeof added / sizeof *added; i++) {
		enum store_found found = store_step_counts(store, STEP + added[i], &counts_back, NULL);
		assert_int_equal(found, kept[i] ? STORE_FOUND : STORE_ABSENT);
		assert_int_equal(counts_back.at / SNAPSHOT_STEP_S, kept[i] ? STEP + added[i] : 0);
	}
	store_close(&store);
	assert_int_equal(room_records("steps"), 4);
}

/* A damaged row is as if nothing had been counted. */
static void steps_may_be_absent(void **state)
{
	(void)state;
	struct store *store = room_open(64 * ROOM_BYTES, STORE_OWNER);
	put_step(store, STEP);
	store_close(&store);
	room_write("steps", "0000", 4, "nonsense");
	store = room_open(64 * ROOM_BYTES, STORE_OWNER);
	assert_int_equal(
		store_step_counts(store, STEP / SNAPSHOT_STEPS * SNAPSHOT_STEPS, &counts_back, NULL), STORE_ABSENT);
	assert_int_equal(counts_back.at, 0);
	assert_false(store_is_broken(store, NULL));
	store_close(&store);
}

/* All hours together have a 16th of a small store. */
static void small_stores_keep_short_hours(void **state)
{
	(void)state;
	struct store *store = room_open(ROOM_BYTES, STORE_OWNER);
	assert_in_range(store_hour_room(store), 1000, ROOM_BYTES / 16 / SNAPSHOT_HOURS);
	assert_int_equal(store_step_room(store), 0);
	put_step(store, STEP);
	assert_int_equal(store_step_counts(store, STEP, &counts_back, NULL), STORE_ABSENT);
	store_close(&store);
	room_remove(NULL);
	room_make(NULL);
	store = room_open(64 * ROOM_BYTES, STORE_OWNER);
	assert_int_equal(store_hour_room(store), SNAPSHOT_LINES_SIZE);
	store_close(&store);
	room_remove(NULL);
	room_make(NULL);
	store = room_open(256 * ROOM_BYTES, STORE_OWNER);
	assert_int_equal(store_step_room(store), SNAPSHOT_STEP_LINES_MAX);
	store_close(&store);
}

static void owners_are_seen(void **state)
{
	(void)state;
	assert_int_equal(store_owner("/nonexistent", NULL), STORE_NEVER_OWNED);
	assert_int_equal(store_owner(room, NULL), STORE_NEVER_OWNED);
	struct store *store = room_open(ROOM_BYTES, STORE_OWNER);
	assert_int_equal(store_owner(room, NULL), STORE_OWNED);
	store_close(&store);
	assert_int_equal(store_owner(room, NULL), STORE_CLOSED);
	/* Somebody who looks at this moment does not keep the owner from its store. */
	int fd = open(room_file("policies.owner"), O_RDONLY | O_CLOEXEC);
	assert_int_equal(flock(fd, LOCK_SH), 0);
	assert_int_equal(store_owner(room, NULL), STORE_CLOSED);
	pid_t child = fork();
	if (child == 0) {
		usleep(30000);
		flock(fd, LOCK_UN);
		_exit(0);
	}
	close(fd);
	store = room_open(ROOM_BYTES, STORE_OWNER);
	assert_non_null(store);
	store_close(&store);
}

#define IN_STORE(name) cmocka_unit_test_setup_teardown(name, room_make, room_remove)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(settings_are_found),
		cmocka_unit_test(long_settings_are_left_out),
		cmocka_unit_test(hits_come_back),
		cmocka_unit_test(bytes_come_back),
		cmocka_unit_test(hostile_bytes_are_refused),
		cmocka_unit_test(lines_come_back),
		cmocka_unit_test(other_lines_are_ignored),
		cmocka_unit_test(lines_are_cut_between_lines),
		cmocka_unit_test(growth_is_of_counters),
		cmocka_unit_test(durations_come_back),
		IN_STORE(rows_come_back),
		IN_STORE(hours_go_round),
		IN_STORE(steps_go_round),
		IN_STORE(steps_may_be_absent),
		IN_STORE(a_damaged_row_is_absent),
		IN_STORE(small_stores_keep_short_hours),
		IN_STORE(owners_are_seen),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
