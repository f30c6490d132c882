/* What `stsgate stats` shows: the snapshot that the daemon leaves in the store, and the contents of the store. */
#ifndef CLI_STATS_H
#define CLI_STATS_H

#include "census.h"
#include "metrics.h"
#include "output.h"
#include "running.h"

#define STATS_HOURS 24
#define STATS_TABLE_MS                                                                                                 \
	3000 /* for reading the entries, and for reading the hop records; of a large store only a part is read */
#define STATS_CENSUS_S 60 /* how long stats_read() reuses the census that an earlier call has taken */

struct stats {
	int64_t now;
	const struct settings *settings;
	struct running *running;
	unsigned differ; /* settings that the daemon does not use */
	struct snapshot_counts *counts;
	struct metrics_values total; /* since the daemon's start */
	struct metrics_values day;   /* in the last STATS_HOURS hours, of all daemons */
	int64_t day_from;
	struct store_usage usage;
	struct census *census;
	struct verdict_record *waiting; /* domains whose mail probably waits, newest first */
	size_t waiting_count;
	struct override *overrides; /* in force */
	size_t override_count;
};

/* Reads everything. `before` is what an earlier call has read, or NULL. The settings must outlive the result. Returns NULL
 * on failure. The caller frees with stats_free(). */
struct stats *stats_read(
	struct store *store, const struct settings *settings, const struct stats *before, struct failure *why);
void stats_free(struct stats **stats);
/* Prints text. `before` (may be NULL) is what an earlier call has read: then the text also shows how much each counter
 * grows in a second. */
void stats_print(struct stats *stats, struct stats *before);
/* Returns an object, which the caller owns. */
json_t *stats_json(struct stats *stats);

/* Takes a census of the hop records, and of the entries if `entries`. Returns NULL on failure. The caller frees with free(). */
struct census *stats_census(struct store *store, const struct settings *settings, bool entries, struct failure *why);
/* Prints in which networks and countries the mail hosts of the store were when they were last good. Returns false if the
 * store cannot be read. */
bool stats_networks(struct store *store, const struct settings *settings, bool json, struct failure *why);

/* Calls `visit` for each value of a metric that was counted during the day or since the start. `label` has the names of
 * its labels' values; the last of them are "" if the metric has fewer labels. */
typedef void stats_visit(
	void *arg, enum metric metric, const char *const label[METRICS_LABELS_MAX], uint64_t day, uint64_t total);
void stats_each(struct stats *stats, enum metric metric, stats_visit *visit, void *arg);

/* What a histogram has counted for one value of its label. */
struct stats_durations {
	enum metric metric;
	const char *label; /* the name of the value */
	struct metrics_durations day, total;
};
/* Calls `visit` for each value of the label of each histogram that was counted during the day or since the start. */
typedef void stats_durations_visit(void *arg, const struct stats_durations *durations);
void stats_durations_each(const struct stats *stats, stats_durations_visit *visit, void *arg);

#endif
