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

/* Adds text with the escapes that both formats demand in label values, and OpenMetrics in HELP sentences. In a HELP
 * sentence of Prometheus a quote has no escape (`quotes` false). */
static void add_escaped(struct text *page, const char *text, bool quotes)
{
	for (; *text; text++) {
		if (*text == '\n')
			text_add(page, "\\n");
		else if ((*text == '"' && quotes) || *text == '\\')
			text_add_bytes(page, (const char[]){'\\', *text}, 2);
		else
			text_add_bytes(page, text, 1);
	}
}

/* Adds the sample of one cell. The values of the labels are the digits of the cell's number, the last label being the
 * lowest digit. Adds nothing if the value is 0 and the metric has labels, or if a label's value has no name. */
static void sample_render(struct text *page, const struct metrics_names *names, enum metric metric, unsigned number)
{
	const struct metrics_row *row = &metrics_table[metric];
	const char *name[METRICS_LABELS_MAX];
	char text[24];
	uint64_t value = atomic_load_explicit(&cells[metric][number], memory_order_relaxed);
	if (value == 0 && row->label[0] != LABEL_NONE)
		return;
	for (int i = METRICS_LABELS_MAX; i-- > 0; number /= labels[row->label[i]].values) {
		enum metrics_label label = row->label[i];
		if (label == LABEL_NONE)
			continue;
		name[i] = names->name[label] ? names->name[label](number % labels[label].values) : NULL;
		if (!name[i])
			return;
	}
	text_add(page, row->name);
	for (int i = 0; i < METRICS_LABELS_MAX && row->label[i] != LABEL_NONE; i++) {
		text_add(page, i == 0 ? "{" : ",");
		text_add(page, labels[row->label[i]].name);
		text_add(page, "=\"");
		add_escaped(page, name[i], true);
		text_add(page, "\"");
	}
	snprintf(text, sizeof text, "%s %" PRIu64 "\n", row->label[0] != LABEL_NONE ? "}" : "", value);
	text_add(page, text);
}

/* Adds the two lines before the samples of a metric. In OpenMetrics a counter's family has the name of its samples
 * without the suffix, in Prometheus with it. */
static void family_render(struct text *page, enum metrics_format format, const struct metrics_row *row)
{
	bool counter = row->type == METRICS_COUNTER, openmetrics = format == METRICS_OPENMETRICS;
	size_t len = strlen(row->name) - (counter && openmetrics ? strlen("_total") : 0);
	text_add(page, "# HELP ");
	text_add_bytes(page, row->name, len);
	text_add(page, " ");
	add_escaped(page, row->sentence, openmetrics);
	text_add(page, "\n# TYPE ");
	text_add_bytes(page, row->name, len);
	text_add(page, counter ? " counter\n" : " gauge\n");
}

size_t metrics_render(enum metrics_format format, const struct metrics_names *names, char *out, size_t size)
{
	struct text page;
	if (size == 0)
		return 0;
	text_init(&page, out, size);
	for (enum metric metric = 0; metric < METRIC_COUNT; metric++) {
		const struct metrics_row *row = &metrics_table[metric];
		unsigned count = 1;
		for (int i = 0; i < METRICS_LABELS_MAX; i++)
			count *= labels[row->label[i]].values;
		family_render(&page, format, row);
		for (unsigned i = 0; i < count; i++)
			sample_render(&page, names, metric, i);
	}
	if (format == METRICS_OPENMETRICS)
		text_add(&page, "# EOF\n");
	return page.cut ? 0 : page.len;
}
