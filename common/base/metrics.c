#include "metrics.h"

#include "text.h"

#include <assert.h>
#include <inttypes.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

const struct metrics_row metrics_table[METRIC_COUNT] = {
#define LABEL(kind, name, values)
#define METRIC(symbol, type, name, a, b, c, sentence)                                                                  \
	[METRIC_##symbol] = {METRICS_##type, name, {LABEL_##a, LABEL_##b, LABEL_##c}, sentence},
#include "metrics.def"
#undef METRIC
#undef LABEL
};

static const struct {
	const char *name;
	unsigned values;
} labels[LABEL_COUNT] = {
#define LABEL(kind, name, values) [LABEL_##kind] = {name, values},
#define METRIC(symbol, type, name, a, b, c, sentence)
#include "metrics.def"
#undef METRIC
#undef LABEL
};

#define LABEL(kind, name, values)
#define METRIC(symbol, type, name, a, b, c, sentence)                                                                  \
	static _Atomic uint64_t cells_##symbol[LABEL_##a##_VALUES * LABEL_##b##_VALUES * LABEL_##c##_VALUES];
#include "metrics.def"
#undef METRIC
#undef LABEL

static _Atomic uint64_t *const cells[METRIC_COUNT] = {
#define LABEL(kind, name, values)
#define METRIC(symbol, type, name, a, b, c, sentence) [METRIC_##symbol] = cells_##symbol,
#include "metrics.def"
#undef METRIC
#undef LABEL
};

const char *metrics_label_name(enum metrics_label label)
{
	return labels[label].name;
}

unsigned metrics_label_values(enum metrics_label label)
{
	return labels[label].values;
}

static _Atomic uint64_t *cell_of(enum metric metric, unsigned a, unsigned b, unsigned c)
{
	const enum metrics_label *label = metrics_table[metric].label;
	assert(a < labels[label[0]].values && b < labels[label[1]].values && c < labels[label[2]].values);
	return &cells[metric][(a * labels[label[1]].values + b) * labels[label[2]].values + c];
}

void metrics_add(enum metric metric, unsigned a, unsigned b, unsigned c, uint64_t n)
{
	atomic_fetch_add_explicit(cell_of(metric, a, b, c), n, memory_order_relaxed);
}

void metrics_set(enum metric metric, unsigned a, unsigned b, unsigned c, uint64_t value)
{
	atomic_store_explicit(cell_of(metric, a, b, c), value, memory_order_relaxed);
}

uint64_t metrics_read(enum metric metric, unsigned a, unsigned b, unsigned c)
{
	return atomic_load_explicit(cell_of(metric, a, b, c), memory_order_relaxed);
}

/* --- the text ----------------------------------------------------------------------------------------------------- */

/* In a label's value and in a sentence. */
static void page_add_escaped(struct text *page, const char *text)
{
	for (; *text; text++) {
		if (*text == '\n')
			text_add(page, "\\n");
		else if (*text == '"' || *text == '\\')
			text_add_bytes(page, (const char[]){'\\', *text}, 2);
		else
			text_add_bytes(page, text, 1);
	}
}

static void page_add_labels(
	struct text *page, const struct metrics_row *row, const char *const name[METRICS_LABELS_MAX])
{
	for (int i = 0; i < METRICS_LABELS_MAX && row->label[i] != LABEL_NONE; i++) {
		text_add(page, i == 0 ? "{" : ",");
		text_add(page, labels[row->label[i]].name);
		text_add(page, "=\"");
		page_add_escaped(page, name[i]);
		text_add(page, "\"");
	}
	if (row->label[0] != LABEL_NONE)
		text_add(page, "}");
}

static const char *value_name(const struct metrics_names *names, enum metrics_label label, unsigned value)
{
	if (label == LABEL_NONE)
		return "";
	return names->name[label] ? names->name[label](value) : NULL;
}

/* The sample of cell `number`, whose labels' values are the digits of that number. */
static void sample_render(struct text *page, const struct metrics_names *names, enum metric metric, unsigned number)
{
	const struct metrics_row *row = &metrics_table[metric];
	const char *name[METRICS_LABELS_MAX];
	uint64_t value = atomic_load_explicit(&cells[metric][number], memory_order_relaxed);
	if (value == 0 && row->label[0] != LABEL_NONE)
		return;
	for (int i = METRICS_LABELS_MAX; i-- > 0; number /= labels[row->label[i]].values) {
		name[i] = value_name(names, row->label[i], number % labels[row->label[i]].values);
		if (!name[i])
			return;
	}
	text_add(page, row->name);
	page_add_labels(page, row, name);
	char number_text[24];
	snprintf(number_text, sizeof number_text, " %" PRIu64 "\n", value);
	text_add(page, number_text);
}

/* The family of a counter is named without the suffix of its samples. */
static void head_render(struct text *page, const struct metrics_row *row, const char *keyword)
{
	size_t suffix = row->type == METRICS_COUNTER ? strlen("_total") : 0;
	text_add(page, keyword);
	text_add_bytes(page, row->name, strlen(row->name) - suffix);
	text_add(page, " ");
}

static void metric_render(struct text *page, const struct metrics_names *names, enum metric metric)
{
	const struct metrics_row *row = &metrics_table[metric];
	unsigned count = 1;
	for (int i = 0; i < METRICS_LABELS_MAX; i++)
		count *= labels[row->label[i]].values;
	head_render(page, row, "# TYPE ");
	text_add(page, row->type == METRICS_COUNTER ? "counter\n" : "gauge\n");
	head_render(page, row, "# HELP ");
	page_add_escaped(page, row->sentence);
	text_add(page, "\n");
	for (unsigned i = 0; i < count; i++)
		sample_render(page, names, metric, i);
}

size_t metrics_render(const struct metrics_names *names, char *out, size_t size)
{
	struct text page;
	if (!size)
		return 0;
	text_init(&page, out, size);
	for (int metric = 0; metric < METRIC_COUNT; metric++)
		metric_render(&page, names, (enum metric)metric);
	text_add(&page, "# EOF\n");
	return page.cut ? 0 : page.len;
}
