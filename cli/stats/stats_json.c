/* stats: the object of JSON. */
#include "census_json.h"
#include "limit_hits.h"
#include "overrides_shown.h"
#include "report.h"
#include "stats.h"

#include <string.h>

static json_t *number(uint64_t value)
{
	return json_made(json_integer((json_int_t)(value > INT64_MAX ? INT64_MAX : value)));
}

static json_t *counted(uint64_t day, uint64_t total)
{
	json_t *object = json_made(json_object());
	json_put(object, "day", number(day));
	json_put(object, "total", number(total));
	return object;
}

static void verdict_add(
	void *arg, enum metric metric, const char *const label[METRICS_LABELS_MAX], uint64_t day, uint64_t total)
{
	(void)metric;
	json_t *object = counted(day, total);
	json_put(object, "purpose", json_text(label[0]));
	json_put(object, "verdict", json_text(label[1]));
	json_put(object, "reason", json_text(label[2]));
	json_add(arg, object);
}

static json_t *labels_json(enum metric metric, const char *const label[METRICS_LABELS_MAX])
{
	json_t *object = json_made(json_object());
	for (int i = 0; i < METRICS_LABELS_MAX && metrics_table[metric].label[i] != LABEL_NONE; i++)
		json_put(object, metrics_label_name(metrics_table[metric].label[i]), json_text(label[i]));
	return object;
}

static void counter_add(
	void *arg, enum metric metric, const char *const label[METRICS_LABELS_MAX], uint64_t day, uint64_t total)
{
	json_t *object = counted(day, total);
	json_put(object, "name", json_text(metrics_table[metric].name));
	json_put(object, "labels", labels_json(metric, label));
	json_add(arg, object);
}

static void gauge_add(
	void *arg, enum metric metric, const char *const label[METRICS_LABELS_MAX], uint64_t day, uint64_t total)
{
	(void)day;
	json_t *object = json_made(json_object());
	json_put(object, "name", json_text(metrics_table[metric].name));
	json_put(object, "labels", labels_json(metric, label));
	json_put(object, "value", number(total));
	json_add(arg, object);
}

static json_t *metrics_json(struct stats *stats, enum metrics_type type, stats_visit *visit)
{
	json_t *array = json_made(json_array());
	for (enum metric metric = 0; metric < METRIC_COUNT; metric++)
		if (metrics_table[metric].type == type && metric != METRIC_VERDICTS && metric != METRIC_LIMIT_HITS)
			stats_each(stats, metric, visit, array);
	return array;
}

static json_t *microseconds(int64_t us)
{
	return us < 0 ? NULL : number((uint64_t)us);
}

static void durations_add(void *arg, const struct stats_durations *durations)
{
	const struct metrics_row *row = &metrics_table[durations->metric];
	json_t *object = counted(durations->day.count, durations->total.count), *labels = json_made(json_object());
	json_put(labels, metrics_label_name(row->label[0]), json_text(durations->label));
	json_put(object, "name", json_text(row->name));
	json_put(object, "labels", labels);
	json_put(object, "p50_us", microseconds(metrics_quantile_us(&durations->day, 0.5)));
	json_put(object, "p99_us", microseconds(metrics_quantile_us(&durations->day, 0.99)));
	json_add(arg, object);
}

static json_t *durations_json(const struct stats *stats)
{
	json_t *array = json_made(json_array());
	stats_durations_each(stats, durations_add, array);
	return array;
}

static json_t *verdicts_json(struct stats *stats)
{
	json_t *array = json_made(json_array());
	stats_each(stats, METRIC_VERDICTS, verdict_add, array);
	return array;
}

static json_t *degraded_json(struct stats *stats)
{
	json_t *array = json_made(json_array());
	for (unsigned i = 0; i < LABEL_CONDITION_VALUES; i++) {
		const char *name = counters_names.name[LABEL_CONDITION](i);
		if (name && *metrics_in(&stats->total, METRIC_DEGRADED, i, 0, 0) != 0)
			json_add(array, json_text(name));
	}
	return array;
}

static json_t *daemon_json(struct stats *stats)
{
	static const char *const states[] = {[RUNNING_UNKNOWN] = "unknown",
		[RUNNING_NOW] = "running",
		[RUNNING_STARTING] = "starting",
		[RUNNING_STOPPED] = "stopped",
		[RUNNING_ENDED] = "ended"};
	const struct snapshot_running *self = &stats->running->self;
	struct span mode;
	bool runs = stats->running->state == RUNNING_NOW;
	bool known = snapshot_setting(self, "mode", &mode) == SNAPSHOT_VALUE;
	json_t *object = json_made(json_object());
	json_put(object, "state", json_text(states[stats->running->state]));
	json_put(object, "version", json_text(self->version));
	json_put(object, "pid", runs ? number(self->pid) : NULL);
	json_put(object, "started_at", json_when(self->started_at));
	json_put(object, "stopped_at", json_when(self->stopped_at));
	json_put(object, "seen_at", json_when(stats->running->seen_at));
	json_put(object, "mode", known ? json_text_bytes(mode.at, mode.len) : NULL);
	json_put(object, "settings_at", json_when(self->settings_at));
	json_put(object, "file", json_text(self->file));
	json_put(object, "settings_not_in_use", runs ? number(stats->differ) : NULL);
	json_put(object, "degraded", degraded_json(stats));
	uint64_t changed = *metrics_in(&stats->total, METRIC_FLEET_CHANGED, 0, 0, 0);
	bool up = *metrics_in(&stats->total, METRIC_FLEET_UP, 0, 0, 0) != 0;
	json_put(object, "sharing", runs && changed != 0 ? json_boolean(up) : NULL);
	json_put(object, "sharing_since", runs ? json_when((int64_t)changed) : NULL);
	json_put(object, "counted_at", json_when(stats->counts->at));
	return object;
}

static json_t *waiting_json(const struct stats *stats)
{
	json_t *array = json_made(json_array());
	for (size_t i = 0; i < stats->waiting_count; i++) {
		const struct verdict_record *record = &stats->waiting[i];
		json_t *object = json_made(json_object());
		json_put(object, "domain", json_text(record->domain));
		json_put(object, "frontend", json_text(verdict_door_name(record->door)));
		json_put(object, "verdict", json_text(verdict_name(record->kind)));
		json_put(object, "reason", json_text(reason_name(record->reason)));
		json_put(object, "hop", json_text(record->hop));
		json_put(object, "action", json_text(deed_name(record->deed)));
		json_put(object, "count", number(record->count));
		json_put(object, "first_at", json_when(record->first_at));
		json_put(object, "last_at", json_when(record->last_at));
		json_add(array, object);
	}
	return array;
}

static json_t *limits_json(struct stats *stats)
{
	json_t *array = json_made(json_array());
	for (unsigned i = 0; i < LIMIT_HITS; i++) {
		const char *name = limit_hit_name((enum limit_hit)i);
		uint64_t day = *metrics_in(&stats->day, METRIC_LIMIT_HITS, i, 0, 0);
		uint64_t total = *metrics_in(&stats->total, METRIC_LIMIT_HITS, i, 0, 0);
		struct span hits = {stats->counts->hits, strlen(stats->counts->hits)};
		struct snapshot_hit hit;
		bool found = false;
		if (day == 0 && total == 0)
			continue;
		while (!found && snapshot_hit_next(&hits, &hit))
			found = span_is(hit.limit, name);
		json_t *object = counted(day, total);
		json_put(object, "limit", json_text(name));
		json_put(object, "cause", json_text(limit_hit_cause((enum limit_hit)i)));
		json_put(object, "last_at", found ? json_when(hit.at) : NULL);
		json_put(object, "last", found ? json_text_bytes(hit.who.at, hit.who.len) : NULL);
		json_add(array, object);
	}
	return array;
}

static json_t *overrides_json(const struct stats *stats)
{
	json_t *array = json_made(json_array());
	for (size_t i = 0; i < stats->override_count; i++)
		json_add(array, override_json(&stats->overrides[i], stats->now));
	return array;
}

static json_t *store_json(const struct stats *stats)
{
	const struct census *census = stats->census;
	uint64_t expired = 0;
	json_t *object = json_made(json_object());
	json_put(object, "bytes", number(stats->usage.bytes));
	json_put(object, "max_bytes", number(stats->usage.max_bytes));
	json_put(object, "domains", number(stats->usage.entries));
	json_put(object, "domains_read", number(census->domains));
	for (int mode = CENSUS_MODES - 1; mode >= 0; mode--) {
		json_put(object, policy_mode_name((enum policy_mode)mode), number(census->stored[mode]));
		expired += census->stored[mode] - census->in_force[mode];
	}
	json_put(object, "without", number(census->without));
	json_put(object, "expired", number(expired));
	json_put(object, "refresh", census_refresh_json(census));
	json_put(object, "hops", census_hops_json(census));
	return object;
}

json_t *stats_json(struct stats *stats)
{
	json_t *object = json_made(json_object());
	json_put(object, "daemon", daemon_json(stats));
	json_put(object, "day_from", json_when(stats->day_from));
	json_put(object, "verdicts", verdicts_json(stats));
	json_put(object, "waiting", waiting_json(stats));
	json_put(object, "overrides", overrides_json(stats));
	json_put(object, "limits", limits_json(stats));
	json_put(object, "counters", metrics_json(stats, METRICS_COUNTER, counter_add));
	json_put(object, "gauges", metrics_json(stats, METRICS_GAUGE, gauge_add));
	json_put(object, "durations", durations_json(stats));
	json_put(object, "store", store_json(stats));
	return object;
}
