/* stats: the text for people. */
#include "limit_hits.h"
#include "override_text.h"
#include "report.h"
#include "stats.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define WAITING_SHOWN 20
#define LABEL_WIDTH 52
#define COUNTS_OLD_S 10

/* The rows of one section. */
struct rows {
	struct stats *stats, *before;
	const char *prefix; /* of each row */
	bool of_refreshes;  /* verdicts: those of refreshes only; else all others */
	bool any;
};

static void section_print(const char *name)
{
	printf("\n%s\n", name);
}

/* --- counters ----------------------------------------------------------------------------------------------------- */

/* Returns how much a value has grown in a second since `before`. The daemon writes its counts every five seconds, so if
 * they are older, nothing was counted. */
static double rate_of(const struct rows *rows, uint64_t total, uint64_t total_before)
{
	if (rows->stats->now - rows->stats->counts->at > COUNTS_OLD_S)
		return 0;
	int64_t seconds = rows->stats->counts->at - rows->before->counts->at;
	return seconds > 0 && total > total_before ? (double)(total - total_before) / (double)seconds : 0;
}

struct finding {
	const char *const *label;
	uint64_t total;
};

static void before_find(
	void *arg, enum metric metric, const char *const label[METRICS_LABELS_MAX], uint64_t day, uint64_t total)
{
	struct finding *finding = arg;
	(void)metric;
	(void)day;
	bool same = true;
	for (int i = 0; i < METRICS_LABELS_MAX; i++)
		same = same && strcmp(label[i], finding->label[i]) == 0;
	if (same)
		finding->total = total;
}

static void row_print(
	void *arg, enum metric metric, const char *const label[METRICS_LABELS_MAX], uint64_t day, uint64_t total)
{
	struct rows *rows = arg;
	struct finding finding = {label, 0};
	char words[160];
	if (metric == METRIC_VERDICTS && (strcmp(label[0], "refresh") == 0) != rows->of_refreshes)
		return;
	snprintf(words, sizeof words, "%s%s%s%s%s%s%s", rows->prefix, *label[0] ? " " : "", label[0],
		*label[1] ? " " : "", label[1], *label[2] ? " " : "", label[2]);
	printf("  %-*s %11" PRIu64 " %11" PRIu64, LABEL_WIDTH, words, day, total);
	if (rows->before) {
		stats_each(rows->before, metric, before_find, &finding);
		printf(" %9.1f", rate_of(rows, total, finding.total));
	}
	putchar('\n');
	rows->any = true;
}

static void counters_print(struct rows *rows, enum metric metric, const char *prefix)
{
	rows->prefix = prefix;
	stats_each(rows->stats, metric, row_print, rows);
}

static void columns_print(const struct rows *rows, const char *name)
{
	printf("\n%-*s %11s %11s%s\n", LABEL_WIDTH + 2, name, "last 24 h", "since start",
		rows->before ? "     per s" : "");
}

static void mail_print(struct stats *stats, struct stats *before)
{
	struct rows rows = {.stats = stats, .before = before};
	columns_print(&rows, "mail");
	counters_print(&rows, METRIC_MILTER_ACTIONS, "milter");
	counters_print(&rows, METRIC_MAP_REPLIES, "map");
	counters_print(&rows, METRIC_DELEGATION_REPLIES, "delegation");
	counters_print(&rows, METRIC_VERDICTS, "verdict");
	counters_print(&rows, METRIC_OVERRIDE_USES, "override");
	if (!rows.any)
		puts("  nothing was counted");
}

static void work_print(struct stats *stats, struct stats *before)
{
	struct rows rows = {.stats = stats, .before = before, .of_refreshes = true};
	columns_print(&rows, "work");
	counters_print(&rows, METRIC_VERDICTS, "verdict");
	counters_print(&rows, METRIC_RECORD_LOOKUPS, "record");
	counters_print(&rows, METRIC_POLICY_FETCHES, "policy");
	counters_print(&rows, METRIC_MX_LOOKUPS, "MX");
	counters_print(&rows, METRIC_TLSA_LOOKUPS, "TLSA");
	counters_print(&rows, METRIC_PROBES, "probe");
	counters_print(&rows, METRIC_PROBES_SPARED, "probe spared");
	counters_print(&rows, METRIC_TLSRPT_DATAGRAMS, "TLS datagram");
	counters_print(&rows, METRIC_TLSRPT_SESSIONS, "TLS session");
	counters_print(&rows, METRIC_TLSRPT_LOST, "TLS session lost");
	counters_print(&rows, METRIC_TLSRPT_OWN, "TLS session of our own");
	counters_print(&rows, METRIC_TLSRPT_OWN_DROPPED, "TLS session of our own, dropped");
	counters_print(&rows, METRIC_EVENTS, "event");
	counters_print(&rows, METRIC_STORE_WRITES, "store change");
	counters_print(&rows, METRIC_STORE_REFUSED, "store change refused");
	counters_print(&rows, METRIC_STORE_EVICTED, "store record evicted");
	if (!rows.any)
		puts("  nothing was counted");
}

/* --- durations ---------------------------------------------------------------------------------------------------- */

static void durations_row_print(void *arg, const struct stats_durations *durations)
{
	bool *any = arg;
	struct when half, most;
	char words[64];
	if (durations->day.count == 0)
		return;
	snprintf(words, sizeof words, "%s %s", durations->metric == METRIC_ANSWER_SECONDS ? "answer of" : "operation",
		durations->label);
	printf("  %-*s %11" PRIu64 " %11s %11s\n", LABEL_WIDTH, words, durations->day.count,
		duration_text(&half, metrics_quantile_us(&durations->day, 0.5)),
		duration_text(&most, metrics_quantile_us(&durations->day, 0.99)));
	*any = true;
}

static void durations_print(const struct stats *stats)
{
	bool any = false;
	printf("\n%-*s %11s %11s %11s\n", LABEL_WIDTH + 2, "durations in the last 24 h", "count", "half in", "99 % in");
	stats_durations_each(stats, durations_row_print, &any);
	if (!any)
		puts("  nothing was measured");
}

/* --- limits ------------------------------------------------------------------------------------------------------- */

static bool hit_find(const struct stats *stats, const char *limit, struct snapshot_hit *hit)
{
	struct span hits = {stats->counts->hits, strlen(stats->counts->hits)};
	while (snapshot_hit_next(&hits, hit))
		if (span_is(hit->limit, limit))
			return true;
	return false;
}

static void limits_print(struct stats *stats, struct stats *before)
{
	struct rows rows = {.stats = stats, .before = before};
	columns_print(&rows, "limits that refused or delayed work");
	for (unsigned i = 0; i < LIMIT_HITS; i++) {
		const char *const label[METRICS_LABELS_MAX] = {limit_hit_name((enum limit_hit)i), "", ""};
		uint64_t day = *metrics_in(&stats->day, METRIC_LIMIT_HITS, i, 0, 0);
		uint64_t total = *metrics_in(&stats->total, METRIC_LIMIT_HITS, i, 0, 0);
		struct snapshot_hit hit;
		struct when when;
		if (day == 0 && total == 0)
			continue;
		rows.prefix = "limit";
		row_print(&rows, METRIC_LIMIT_HITS, label, day, total);
		printf("    because %s\n", limit_hit_cause((enum limit_hit)i));
		if (hit_find(stats, label[0], &hit))
			printf("    last %s ago: %.*s\n", when_span(&when, stats->now - hit.at), (int)hit.who.len,
				hit.who.at);
	}
	if (!rows.any)
		puts("  none");
}

/* --- the daemon --------------------------------------------------------------------------------------------------- */

static const char *mode_of(const struct running *running)
{
	struct span mode;
	snapshot_setting(&running->self, "mode", &mode);
	return span_is(mode, "monitor") ? "monitor" : span_is(mode, "enforce") ? "enforce" : "unknown";
}

static void degraded_print(struct stats *stats)
{
	bool any = false;
	for (unsigned i = 0; i < LABEL_CONDITION_VALUES; i++) {
		const char *name = counters_names.name[LABEL_CONDITION](i);
		if (!name || *metrics_in(&stats->total, METRIC_DEGRADED, i, 0, 0) == 0)
			continue;
		printf("%s%s", any ? " " : "  degraded: ", name);
		any = true;
	}
	if (any)
		putchar('\n');
}

/* Says whether the shared store can be reached, if something is shared. */
static void sharing_print(struct stats *stats)
{
	uint64_t since = *metrics_in(&stats->total, METRIC_FLEET_CHANGED, 0, 0, 0);
	struct when when;
	if (since == 0)
		return;
	when_date(&when, (int64_t)since);
	if (*metrics_in(&stats->total, METRIC_FLEET_UP, 0, 0, 0) == 0)
		printf("  sharing: the shared store has not been reached since %s: see `stsgate fleet test`\n",
			when.text);
	else
		printf("  sharing: connected since %s; relays seen: %" PRIu64 ", silent: %" PRIu64 "\n", when.text,
			*metrics_in(&stats->total, METRIC_FLEET_NODES, 0, 0, 0),
			*metrics_in(&stats->total, METRIC_FLEET_NODES, 1, 0, 0));
}

static void daemon_print(struct stats *stats)
{
	const struct running *running = stats->running;
	char words[RUNNING_TEXT_SIZE];
	struct when when;
	struct quote quote;
	running_describe(running, words);
	puts(words);
	if (running->state != RUNNING_NOW)
		return;
	printf("  mode %s; settings in use since %s, from %s\n", mode_of(running),
		when_date(&when, running->self.settings_at), quote_string(&quote, running->self.file));
	if (stats->differ > 0)
		printf("  %u setting%s of %s not in use: see `stsgate settings`\n", stats->differ,
			stats->differ == 1 ? "" : "s", stats->differ == 1 ? "the file is" : "the file are");
	degraded_print(stats);
	sharing_print(stats);
	printf("  counted %s ago; now: lookups under way %" PRIu64 ", messages waiting in the milter %" PRIu64
	       ", clients of the map %" PRIu64 "\n",
		when_span(&when, stats->now - stats->counts->at),
		*metrics_in(&stats->total, METRIC_CASES_OPEN, 0, 0, 0),
		*metrics_in(&stats->total, METRIC_MILTER_WAITING, 0, 0, 0),
		*metrics_in(&stats->total, METRIC_MAP_CLIENTS, 0, 0, 0));
}

/* --- domains ------------------------------------------------------------------------------------------------------ */

static void waiting_print(const struct stats *stats)
{
	section_print("mail that waits (delayed or held in the last 2 hours)");
	for (size_t i = 0; i < stats->waiting_count && i < WAITING_SHOWN; i++) {
		const struct verdict_record *record = &stats->waiting[i];
		struct when last, first;
		printf("  %-32s %-26s %-10s ", *record->domain ? record->domain : "-", reason_name(record->reason),
			verdict_door_name(record->door));
		if (record->count > 1)
			printf("%" PRIu32 " times in %s, last ", record->count,
				when_span(&first, record->last_at - record->first_at));
		printf("%s ago\n", when_span(&last, stats->now - record->last_at));
	}
	if (stats->waiting_count > WAITING_SHOWN)
		printf("  and %zu more: see `stsgate list --held`\n", stats->waiting_count - WAITING_SHOWN);
	puts(stats->waiting_count == 0 ? "  none" : "  `stsgate why DOMAIN` explains each of them");
}

static void overrides_print(const struct stats *stats)
{
	section_print("overrides in force");
	for (size_t i = 0; i < stats->override_count; i++) {
		char words[OVERRIDE_TEXT_SIZE];
		struct text text;
		text_init(&text, words, sizeof words);
		override_describe(&text, &stats->overrides[i]);
		printf("  %-32s %s\n", stats->overrides[i].domain, words);
	}
	if (stats->override_count == 0)
		puts("  none");
}

static void refresh_print(const struct stats *stats)
{
	const struct census *census = stats->census;
	struct when when;
	section_print("refresh");
	if (census->due > 0)
		printf("  %" PRIu64 " due for a refresh; the longest: %s, for %s\n", census->due, census->oldest,
			when_span(&when, stats->now - census->oldest_due_at));
	else
		puts("  none is due");
	printf("  domains whose last lookup or fetch failed: %" PRIu64 "\n", census->failing);
	if (census->expiring > 0)
		printf("  of these, with a policy that expires within a day: %" PRIu64 "\n", census->expiring);
}

/* Returns how many policies have expired. */
static uint64_t expired(const struct census *census)
{
	uint64_t count = 0;
	for (int mode = 0; mode < CENSUS_MODES; mode++)
		count += census->stored[mode] - census->in_force[mode];
	return count;
}

static void census_print(const struct census *census)
{
	const uint64_t *stored = census->stored, *hops = census->hops;
	uint64_t hops_read = hops[CENSUS_GOOD] + hops[CENSUS_BAD] + hops[CENSUS_UNKNOWN];
	printf("  policies: %" PRIu64 " enforce, %" PRIu64 " testing, %" PRIu64
	       " none; domains without a policy: %" PRIu64 "\n",
		stored[POLICY_ENFORCE], stored[POLICY_TESTING], stored[POLICY_NONE], census->without);
	if (expired(census) > 0)
		printf("  of these policies, %" PRIu64 " %s expired\n", expired(census),
			expired(census) == 1 ? "has" : "have");
	printf("  mail hosts: %" PRIu64 " good, %" PRIu64 " bad, %" PRIu64 " unknown\n", hops[CENSUS_GOOD],
		hops[CENSUS_BAD], hops[CENSUS_UNKNOWN]);
	if (!census->entries_whole)
		printf("  (the store is large: policies and refreshes are those of the first %" PRIu64 " domains)\n",
			census->domains);
	if (!census->hops_whole)
		printf("  (the store is large: only the first %" PRIu64 " mail hosts were read)\n", hops_read);
}

static void store_print(const struct stats *stats)
{
	const struct store_usage *usage = &stats->usage;
	struct when used, most;
	section_print("store");
	printf("  %s of %s in use (%" PRIu64 " %%); domains: %" PRIu64 "\n", bytes_text(&used, usage->bytes),
		bytes_text(&most, usage->max_bytes), usage->max_bytes > 0 ? usage->bytes * 100 / usage->max_bytes : 0,
		usage->entries);
	census_print(stats->census);
}

void stats_print(struct stats *stats, struct stats *before)
{
	/* A daemon that has been restarted since counts from 0 again. */
	if (before && before->running->self.started_at != stats->running->self.started_at)
		before = NULL;
	daemon_print(stats);
	mail_print(stats, before);
	waiting_print(stats);
	overrides_print(stats);
	limits_print(stats, before);
	work_print(stats, before);
	durations_print(stats);
	refresh_print(stats);
	store_print(stats);
}
