#include "counts.h"

#include "report.h"
#include "world.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CELLS_MAX 4096 /* of one metric */
#define ANY (-1)

struct counts {
	uint64_t cell[METRIC_COUNT][CELLS_MAX];
};
static struct counts at_question, at_ask;
static bool quiet_before; /* no work was in progress when the question began */

/* The values of a metric's labels; ANY: the sum of all values. */
struct series {
	enum metric metric;
	int value[METRICS_LABELS_MAX];
};

static unsigned cells_of(const struct metrics_row *row)
{
	unsigned cells = 1;
	for (int i = 0; i < METRICS_LABELS_MAX; i++)
		cells *= metrics_label_values(row->label[i]);
	if (cells > CELLS_MAX)
		abort();
	return cells;
}

/* The digits of a cell's number are the values of its labels. */
static void cell_values(const struct metrics_row *row, unsigned cell, unsigned value[METRICS_LABELS_MAX])
{
	for (int i = METRICS_LABELS_MAX; i-- > 0;) {
		value[i] = cell % metrics_label_values(row->label[i]);
		cell /= metrics_label_values(row->label[i]);
	}
}

static void counts_take(struct counts *counts)
{
	for (int m = 0; m < METRIC_COUNT; m++) {
		unsigned value[METRICS_LABELS_MAX];
		for (unsigned i = 0; i < cells_of(&metrics_table[m]); i++) {
			cell_values(&metrics_table[m], i, value);
			counts->cell[m][i] = metrics_read((enum metric)m, value[0], value[1], value[2]);
		}
	}
}

static uint64_t growth(const struct counts *since, const struct series *series)
{
	const struct metrics_row *row = &metrics_table[series->metric];
	uint64_t grown = 0;
	for (unsigned i = 0; i < cells_of(row); i++) {
		unsigned value[METRICS_LABELS_MAX];
		bool wanted = true;
		cell_values(row, i, value);
		for (int l = 0; l < METRICS_LABELS_MAX; l++)
			wanted = wanted && (series->value[l] == ANY || (unsigned)series->value[l] == value[l]);
		if (wanted)
			grown += metrics_read(series->metric, value[0], value[1], value[2]) -
				 since->cell[series->metric][i];
	}
	return grown;
}

static bool grew_by(struct scene *scene, const char *what, const struct counts *since, struct series series, uint64_t n)
{
	char expected[24], seen[24];
	uint64_t grown = growth(since, &series);
	if (grown == n)
		return true;
	snprintf(expected, sizeof expected, "%" PRIu64, n);
	snprintf(seen, sizeof seen, "%" PRIu64, grown);
	return scene_wrong(scene, what, expected, seen);
}

/* --- checks after every question ---------------------------------------------------------------------------------- */

void counts_question(struct scene *scene)
{
	counts_take(&at_question);
	quiet_before = check_load(scene->check).inquiries == 0;
}

void counts_ask(void)
{
	counts_take(&at_ask);
}

void counts_asked(struct scene *scene)
{
	const struct verdict *verdict = &scene->outcome.verdict;
	int purpose = (int)scene->question.purpose;
	grew_by(scene, "verdicts counted for one question", &at_ask,
		(struct series){METRIC_VERDICTS, {purpose, ANY, ANY}}, 1);
	grew_by(scene, "verdicts counted that are the one given", &at_ask,
		(struct series){METRIC_VERDICTS, {purpose, (int)verdict->kind, (int)verdict->reason}}, 1);
}

void counts_refreshed(struct scene *scene, unsigned refreshes)
{
	if (quiet_before)
		grew_by(scene, "refreshes counted", &at_question,
			(struct series){METRIC_VERDICTS, {(int)PURPOSE_REFRESH, ANY, ANY}}, refreshes);
}

/* Fetches, probes and TLSA lookups begin with a lookup of the host's addresses, even if none of the addresses can be used.
 * A probe by TLSA records uses one address lookup for both. */
static enum metric call_metric(const char *call)
{
	static const struct {
		const char *beginning;
		enum metric metric;
	} kinds[] = {{"dns TXT _mta-sts.", METRIC_RECORD_LOOKUPS}, {"dns MX ", METRIC_MX_LOOKUPS},
		{"dns A mta-sts.", METRIC_POLICY_FETCHES}, {"dns A ", METRIC_PROBES}};
	for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++)
		if (strncmp(call, kinds[i].beginning, strlen(kinds[i].beginning)) == 0)
			return kinds[i].metric;
	return METRIC_COUNT;
}

void counts_settled(struct scene *scene)
{
	static const enum metric work[] = {
		METRIC_RECORD_LOOKUPS, METRIC_POLICY_FETCHES, METRIC_MX_LOOKUPS, METRIC_PROBES};
	unsigned called[METRIC_COUNT + 1] = {0};
	if (!quiet_before)
		return;
	char *log = world_log(scene->calls_before);
	for (char *line = log, *end; (end = strchr(line, '\n')); line = end + 1)
		called[call_metric(line)]++;
	free(log);
	const struct series looks = {METRIC_TLSA_LOOKUPS, {ANY, ANY, ANY}};
	const struct series spared = {METRIC_PROBES_SPARED, {ANY, ANY, ANY}};
	called[METRIC_PROBES] -= (unsigned)growth(&at_question, &looks) + (unsigned)growth(&at_question, &spared);
	for (size_t i = 0; i < sizeof work / sizeof work[0]; i++)
		grew_by(scene, metrics_table[work[i]].name, &at_question, (struct series){work[i], {ANY, ANY, ANY}},
			called[work[i]]);
}

/* --- expectations of a case --------------------------------------------------------------------------------------- */

static bool metric_read(const char *name, size_t len, enum metric *metric)
{
	for (int m = 0; m < METRIC_COUNT; m++) {
		*metric = (enum metric)m;
		if (strlen(metrics_table[m].name) == len && strncmp(metrics_table[m].name, name, len) == 0)
			return true;
	}
	return false;
}

static int value_read(enum metrics_label label, const char *text)
{
	for (unsigned value = 0; counters_names.name[label] && value < metrics_label_values(label); value++) {
		const char *name = counters_names.name[label](value);
		if (name && strcmp(name, text) == 0)
			return (int)value;
	}
	return ANY;
}

/* LABEL=VALUE, without the quotes */
static bool label_read(struct series *series, const char *word)
{
	const struct metrics_row *row = &metrics_table[series->metric];
	for (int l = 0; l < METRICS_LABELS_MAX && row->label[l] != LABEL_NONE; l++) {
		const char *text = word_value(word, metrics_label_name(row->label[l]));
		if (!text)
			continue;
		series->value[l] = value_read(row->label[l], text);
		return series->value[l] != ANY;
	}
	return false;
}

static bool series_read(struct series *series, char *word)
{
	char *labels = strchr(word, '{'), *end = strrchr(word, '}'), *save = NULL;
	size_t len = labels ? (size_t)(labels - word) : strlen(word);
	*series = (struct series){.value = {ANY, ANY, ANY}};
	if (!metric_read(word, len, &series->metric) || (labels && (!end || end[1] != '\0')))
		return false;
	if (!labels)
		return true;
	*end = '\0';
	for (char *label = strtok_r(labels + 1, ",", &save); label; label = strtok_r(NULL, ",", &save))
		if (!label_read(series, label))
			return false;
	return true;
}

bool expect_counted(struct scene *scene, const struct words *words)
{
	struct series series;
	char word[256], *end = NULL;
	uint64_t wanted = words->count == 4 ? strtoull(words->word[3], &end, 10) : 0;
	if (!end || *end != '\0' || end == words->word[3])
		return scene_bad(scene, "expect counted", "NAME[{LABEL=\"VALUE\",...}] N");
	snprintf(word, sizeof word, "%s", words->word[2]);
	if (!series_read(&series, word))
		return scene_bad(scene, "expect counted", words->word[2]);
	return grew_by(scene, words->word[2], &at_question, series, wanted);
}
