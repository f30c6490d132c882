#include "recorder.h"

#include "clock.h"
#include "limit_hits.h"
#include "memory.h"
#include "report.h"
#include "steps.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* An hour, or a step of five minutes. */
struct period {
	int64_t length_s;
	enum store_found (*read)(struct store *store, int64_t number, struct snapshot_counts *out, struct failure *why);
	int64_t number;                /* since the epoch */
	struct metrics_values values;  /* what was counted in it */
	struct snapshot_counts counts; /* what is written next */
};

struct recorder {
	struct store *store;
	struct gauges *gauges;
	struct snapshot_running running; /* main thread; settings_at 0: not written yet */

	struct snapshot_counts counts; /* what is written next */
	struct metrics_values noted;   /* the values that are in the counts, the hour and the step */
	struct period hour, step;
	bool written;     /* what is noted is in the store */
	int64_t tried_ms; /* when the store was last given the counts */
};

/* Begins to count for the period of this moment. The store may have counts of it already: those of the process before this
 * one, or this one's own, if the clock was set back. */
static void period_begin(struct recorder *recorder, struct period *period, int64_t wall_s)
{
	period->number = wall_s / period->length_s;
	period->read(recorder->store, period->number, &period->counts, NULL);
	metrics_read_lines(
		&counters_names, (struct span){period->counts.lines, strlen(period->counts.lines)}, &period->values);
}

struct recorder *recorder_new(struct store *store, struct gauges *gauges)
{
	struct recorder *recorder = xcalloc(1, sizeof *recorder);
	recorder->store = store;
	recorder->gauges = gauges;
	recorder->running.pid = (uint32_t)getpid();
	recorder->running.started_at = clock_wall_s();
	snprintf(recorder->running.version, sizeof recorder->running.version, "%s", PACKAGE_VERSION);
	recorder->hour.length_s = SNAPSHOT_HOUR_S;
	recorder->hour.read = store_hour;
	recorder->step.length_s = SNAPSHOT_STEP_S;
	recorder->step.read = store_step_counts;
	period_begin(recorder, &recorder->hour, clock_wall_s());
	period_begin(recorder, &recorder->step, clock_wall_s());
	return recorder;
}

void recorder_settings(
	struct recorder *recorder, const struct settings *started, const struct settings *current, const char *file)
{
	struct snapshot_running *running = &recorder->running;
	char *value = xmalloc(SETTINGS_FILE_MAX + 1);
	running->settings_at = clock_wall_s();
	running->settings[0] = running->overridden[0] = '\0';
	snprintf(running->file, sizeof running->file, "%s", file);
	for (size_t i = 0; i < settings_table_count; i++) {
		const struct settings_row *row = &settings_table[i];
		const struct settings *in_force = row->when == SETTINGS_RESTART ? started : current;
		settings_format(in_force, row, value, SETTINGS_FILE_MAX + 1);
		snapshot_setting_add(running, row->name, value, settings_is_overridden(in_force, row));
	}
	free(value);
	store_put_running(recorder->store, running, NULL);
}

/* Sets `now` to the current values. Leaves out what the tool finds in the store itself. */
static void values_take(struct recorder *recorder, struct metrics_values *now)
{
	static const enum metric not_kept[] = {METRIC_STORE_BYTES, METRIC_STORE_MAX_BYTES, METRIC_STORE_ENTRIES};
	gauges_collect(recorder->gauges);
	metrics_copy(now);
	for (size_t i = 0; i < sizeof not_kept / sizeof *not_kept; i++)
		*metrics_in(now, not_kept[i], 0, 0, 0) = 0;
}

/* Adds what was counted since the last call to the hour and to the step of this moment. */
static void values_note(struct recorder *recorder, const struct metrics_values *now, int64_t wall_s)
{
	struct metrics_values growth;
	metrics_growth(&growth, &recorder->noted, now);
	if (recorder->hour.number != wall_s / SNAPSHOT_HOUR_S)
		period_begin(recorder, &recorder->hour, wall_s);
	if (recorder->step.number != wall_s / SNAPSHOT_STEP_S)
		period_begin(recorder, &recorder->step, wall_s);
	metrics_sum(&recorder->hour.values, &growth);
	steps_note(&recorder->step.values, &growth);
	recorder->noted = *now;
}

static void period_write(struct period *period, int64_t wall_s, size_t room)
{
	period->counts.at = wall_s;
	metrics_write_lines(&counters_names, &period->values, period->counts.lines, room);
}

static void counts_write(struct recorder *recorder, int64_t wall_s)
{
	recorder->counts.at = wall_s;
	metrics_write_lines(&counters_names, &recorder->noted, recorder->counts.lines, sizeof recorder->counts.lines);
	period_write(&recorder->hour, wall_s, store_hour_room(recorder->store));
	period_write(&recorder->step, wall_s, store_step_room(recorder->store));
	struct text hits;
	text_init(&hits, recorder->counts.hits, sizeof recorder->counts.hits);
	limit_hits_write(&hits);
	recorder->written = store_put_counts(
		recorder->store, &recorder->counts, &recorder->hour.counts, &recorder->step.counts, NULL);
	recorder->tried_ms = clock_mono_ms();
}

/* Notes and writes the values of one moment: what is noted in one period must not be written as that of the next. */
static void counts_update(struct recorder *recorder, const struct metrics_values *now, int64_t wall_s)
{
	values_note(recorder, now, wall_s);
	counts_write(recorder, wall_s);
}

void recorder_round(void *arg)
{
	struct recorder *recorder = arg;
	struct metrics_values now;
	int64_t passed_ms = clock_mono_ms() - recorder->tried_ms;
	bool first = recorder->tried_ms == 0;
	if (!first && passed_ms < (recorder->written ? RECORDER_MS : RECORDER_AGAIN_MS))
		return;
	values_take(recorder, &now);
	if (!first && recorder->written && passed_ms < RECORDER_SAME_MS &&
		memcmp(&now, &recorder->noted, sizeof now) == 0)
		return;
	counts_update(recorder, &now, clock_wall_s());
}

void recorder_free(struct recorder **slot)
{
	struct recorder *recorder = *slot;
	struct metrics_values now;
	if (!recorder)
		return;
	if (recorder->running.settings_at != 0) {
		values_take(recorder, &now);
		counts_update(recorder, &now, clock_wall_s());
		recorder->running.stopped_at = clock_wall_s();
		store_put_running(recorder->store, &recorder->running, NULL);
	}
	free(recorder);
	*slot = NULL;
}
