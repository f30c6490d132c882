/* stats: what is read from the store. */
#include "clock.h"
#include "entry.h"
#include "memory.h"
#include "overrides_shown.h"
#include "report.h"
#include "stats.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#define PAGE 256

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

/* --- entries ------------------------------------------------------------------------------------------------------ */

static void entry_count(struct stats_entries *entries, const struct entry *entry, int64_t now)
{
	entries->read++;
	if (!entry->has_policy)
		entries->without++;
	else if (entry->policy.mode == POLICY_ENFORCE)
		entries->enforce++;
	else if (entry->policy.mode == POLICY_TESTING)
		entries->testing++;
	else
		entries->none++;
	entries->failing += entry_failure(entry) != REASON_OK;
	if (entry->due_at == 0 || entry->due_at > now)
		return;
	entries->due++;
	if (entries->oldest_due_at != 0 && entries->oldest_due_at <= entry->due_at)
		return;
	entries->oldest_due_at = entry->due_at;
	snprintf(entries->oldest, sizeof entries->oldest, "%s", entry->domain);
}

static bool page_count(struct stats *stats, struct store *store, const struct names *names, struct failure *why)
{
	struct store_view *view = store_view_begin(store, why);
	bool read = view != NULL;
	for (const char *name = NULL; read && (name = names_next(names, name));) {
		struct entry entry;
		enum store_found found = store_view_entry(view, name, &entry);
		if (found == STORE_FAILED)
			read = failure_set(why, EX_IOERR, "the entry of %s cannot be read", name);
		if (found == STORE_FOUND)
			entry_count(&stats->entries, &entry, stats->now);
		entry_free(&entry);
	}
	if (view)
		store_view_end(&view);
	return read;
}

static bool entries_read(struct stats *stats, struct store *store, const struct stats *before, struct failure *why)
{
	if (before && stats->now - before->entries.at < STATS_ENTRIES_S) {
		stats->entries = before->entries;
		return true;
	}
	stats->entries.at = stats->now;
	char after[DOMAIN_SIZE] = "";
	int64_t until_ms = clock_mono_ms() + STATS_ENTRIES_MS;
	bool read = true;
	while (read && !stats->entries.whole && clock_mono_ms() < until_ms) {
		struct names names = {0};
		read = store_page(store, after, PAGE, &names, why) && page_count(stats, store, &names, why);
		for (const char *name = NULL; (name = names_next(&names, name));)
			snprintf(after, sizeof after, "%s", name);
		stats->entries.whole = names.count < PAGE;
		names_free(&names);
	}
	return read;
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
		entries_read(stats, store, before, why) && waiting_read(stats, store, why) &&
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
	free(stats->waiting);
	free(stats->overrides);
	free(stats);
	*slot = NULL;
}
