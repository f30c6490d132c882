/* stats: what is read from the store. */
#include "clock.h"
#include "memory.h"
#include "overrides_shown.h"
#include "report.h"
#include "stats.h"

#include <stdlib.h>
#include <string.h>

/* --- counts ------------------------------------------------------------------------------------------------------- */

static struct span lines_of(const struct snapshot_counts *counts)
{
	return (struct span){counts->lines, strlen(counts->lines)};
}

static bool counts_read(struct stats *stats, struct store *store, struct failure *why)
{
	struct snapshot_counts *hour = xcalloc(1, sizeof *hour);
	struct metrics_values *values = xcalloc(1, sizeof *values);
	int64_t first = stats->now / SNAPSHOT_HOUR_S - STATS_HOURS + 1;
	stats->counts = xcalloc(1, sizeof *stats->counts);
	stats->day_from = first * SNAPSHOT_HOUR_S;
	bool read = store_counts(store, stats->counts, why) != STORE_FAILED;
	metrics_read_lines(&counters_names, lines_of(stats->counts), &stats->total);
	for (int i = 0; read && i < STATS_HOURS; i++) {
		read = store_hour(store, first + i, hour, why) != STORE_FAILED;
		metrics_read_lines(&counters_names, lines_of(hour), values);
		metrics_sum(&stats->day, values);
	}
	free(values);
	free(hour);
	return read;
}

void stats_each(struct stats *stats, enum metric metric, stats_visit *visit, void *arg)
{
	const enum metrics_label *label = metrics_table[metric].label;
	for (unsigned a = 0; a < metrics_label_values(label[0]); a++)
		for (unsigned b = 0; b < metrics_label_values(label[1]); b++)
			for (unsigned c = 0; c < metrics_label_values(label[2]); c++) {
				uint64_t day = *metrics_in(&stats->day, metric, a, b, c);
				uint64_t total = *metrics_in(&stats->total, metric, a, b, c);
				const unsigned value[METRICS_LABELS_MAX] = {a, b, c};
				const char *name[METRICS_LABELS_MAX];
				if (day == 0 && total == 0)
					continue;
				for (int i = 0; i < METRICS_LABELS_MAX; i++)
					name[i] = label[i] == LABEL_NONE ? "" : counters_names.name[label[i]](value[i]);
				visit(arg, metric, name, day, total);
			}
}

/* --- what the store holds ----------------------------------------------------------------------------------------- */

static bool census_read(struct stats *stats, struct store *store, const struct stats *before, struct failure *why)
{
	bool again = before && stats->now - before->census->at < STATS_CENSUS_S;
	stats->census = again ? xmemdup(before->census, sizeof *before->census)
			      : stats_census(store, stats->settings, true, why);
	return stats->census != NULL;
}

void stats_durations_each(const struct stats *stats, stats_durations_visit *visit, void *arg)
{
	for (enum metric metric = 0; metric < METRIC_COUNT; metric++) {
		enum metrics_label label = metrics_table[metric].label[0];
		bool histogram = metrics_table[metric].type == METRICS_HISTOGRAM;
		for (unsigned a = 0; histogram && a < metrics_label_values(label); a++) {
			struct stats_durations one = {.metric = metric, .label = counters_names.name[label](a)};
			metrics_durations(&one.day, &stats->day, metric, a, 0);
			metrics_durations(&one.total, &stats->total, metric, a, 0);
			if (one.label && (one.day.count > 0 || one.total.count > 0))
				visit(arg, &one);
		}
	}
}

/* --- what waits, and what is overridden --------------------------------------------------------------------------- */

static bool waiting_read(struct stats *stats, struct store *store, struct failure *why)
{
	size_t count = 0;
	stats->waiting = store_verdicts(store, &count, why);
	for (size_t i = 0; stats->waiting && i < count; i++)
		if (verdict_record_waits(&stats->waiting[i], stats->now))
			stats->waiting[stats->waiting_count++] = stats->waiting[i];
	return stats->waiting != NULL;
}

/* --- everything --------------------------------------------------------------------------------------------------- */

struct stats *stats_read(
	struct store *store, const struct settings *settings, const struct stats *before, struct failure *why)
{
	struct stats *stats = xcalloc(1, sizeof *stats);
	stats->now = clock_wall_s();
	stats->settings = settings;
	stats->running = running_read(store, settings->store_path, why);
	if (stats->running && counts_read(stats, store, why) && store_usage(store, &stats->usage, why) &&
		census_read(stats, store, before, why) && waiting_read(stats, store, why) &&
		(stats->overrides = overrides_in_force(store, stats->now, &stats->override_count, why))) {
		if (stats->running->state == RUNNING_NOW)
			stats->differ = running_differences(stats->running, settings);
		return stats;
	}
	stats_free(&stats);
	return NULL;
}

void stats_free(struct stats **slot)
{
	struct stats *stats = *slot;
	if (!stats)
		return;
	free(stats->running);
	free(stats->counts);
	free(stats->census);
	free(stats->waiting);
	free(stats->overrides);
	free(stats);
	*slot = NULL;
}
