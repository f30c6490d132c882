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

/* Where the values of each metric begin in `cells` and in a struct metrics_values. */
struct layout {
#define LABEL(kind, name, values)
#define METRIC(symbol, type, name, a, b, c, sentence)                                                                  \
	uint64_t of_##symbol[LABEL_##a##_VALUES * LABEL_##b##_VALUES * LABEL_##c##_VALUES];
#include "metrics.def"
#undef METRIC
#undef LABEL
};
_Static_assert(sizeof(struct layout) == sizeof(struct metrics_values), "METRICS_VALUES counts all values");
static const size_t first[METRIC_COUNT] = {
#define LABEL(kind, name, values)
#define METRIC(symbol, type, name, a, b, c, sentence)                                                                  \
	[METRIC_##symbol] = offsetof(struct layout, of_##symbol) / sizeof(uint64_t),
#include "metrics.def"
#undef METRIC
#undef LABEL
};

static _Atomic uint64_t cells[METRICS_VALUES];

/* The buckets of all histograms. The names are those of OpenMetrics, which writes whole numbers with a dot; Prometheus reads
 * them in both formats. */
static const struct {
	int64_t most_us;
	const char *name;
} buckets[METRICS_BUCKETS] = {{100, "0.0001"}, {500, "0.0005"}, {1000, "0.001"}, {5000, "0.005"}, {10000, "0.01"},
	{50000, "0.05"}, {100000, "0.1"}, {500000, "0.5"}, {1000000, "1.0"}, {5000000, "5.0"}, {10000000, "10.0"},
	{30000000, "30.0"}, {INT64_MAX, "+Inf"}};
#define SUM METRICS_BUCKETS /* the value of LE behind the buckets */
_Static_assert((int)LABEL_LE_VALUES == METRICS_BUCKETS + 1, "LABEL(LE) in metrics.def holds the buckets and the sum");

const char *metrics_label_name(enum metrics_label label)
{
	return labels[label].name;
}

unsigned metrics_label_values(enum metrics_label label)
{
	return labels[label].values;
}

static size_t place_of(enum metric metric, unsigned a, unsigned b, unsigned c)
{
	const enum metrics_label *label = metrics_table[metric].label;
	assert(a < labels[label[0]].values && b < labels[label[1]].values && c < labels[label[2]].values);
	return first[metric] + (a * labels[label[1]].values + b) * labels[label[2]].values + c;
}

static unsigned values_count(enum metric metric)
{
	const enum metrics_label *label = metrics_table[metric].label;
	return labels[label[0]].values * labels[label[1]].values * labels[label[2]].values;
}

void metrics_add(enum metric metric, unsigned a, unsigned b, unsigned c, uint64_t n)
{
	atomic_fetch_add_explicit(&cells[place_of(metric, a, b, c)], n, memory_order_relaxed);
}

void metrics_set(enum metric metric, unsigned a, unsigned b, unsigned c, uint64_t value)
{
	atomic_store_explicit(&cells[place_of(metric, a, b, c)], value, memory_order_relaxed);
}

/* Returns how many labels a metric has. */
static int labels_count(enum metric metric)
{
	int count = 0;
	while (count < METRICS_LABELS_MAX && metrics_table[metric].label[count] != LABEL_NONE)
		count++;
	return count;
}

/* Returns where the buckets of a histogram are: `a` and `b` are the values of the labels in front of LE. */
static size_t buckets_place(enum metric metric, unsigned a, unsigned b)
{
	assert(metrics_table[metric].type == METRICS_HISTOGRAM);
	switch (labels_count(metric)) {
	case 1:
		return place_of(metric, 0, 0, 0);
	case 2:
		return place_of(metric, a, 0, 0);
	default:
		return place_of(metric, a, b, 0);
	}
}

void metrics_observe(enum metric metric, unsigned a, unsigned b, int64_t us)
{
	size_t place = buckets_place(metric, a, b), bucket = 0;
	if (us < 0)
		us = 0;
	while (us > buckets[bucket].most_us)
		bucket++;
	atomic_fetch_add_explicit(&cells[place + bucket], 1, memory_order_relaxed);
	atomic_fetch_add_explicit(&cells[place + SUM], (uint64_t)us, memory_order_relaxed);
}

uint64_t metrics_read(enum metric metric, unsigned a, unsigned b, unsigned c)
{
	return atomic_load_explicit(&cells[place_of(metric, a, b, c)], memory_order_relaxed);
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

static const char *name_of(const struct metrics_names *names, enum metrics_label label, unsigned value)
{
	if (label == LABEL_LE)
		return value == SUM ? "sum" : buckets[value].name;
	return names->name[label] ? names->name[label](value) : NULL;
}

/* Finds the names of the labels of one value. The values of the labels are the digits of its number, the last label being
 * the lowest digit. Returns false if one of them has no name. */
static bool names_find(
	const struct metrics_names *names, enum metric metric, unsigned number, const char *name[METRICS_LABELS_MAX])
{
	const struct metrics_row *row = &metrics_table[metric];
	for (int i = METRICS_LABELS_MAX; i-- > 0; number /= labels[row->label[i]].values) {
		enum metrics_label label = row->label[i];
		name[i] = label == LABEL_NONE ? "" : name_of(names, label, number % labels[label].values);
		if (!name[i])
			return false;
	}
	return true;
}

/* Adds the name of a sample and its first `count` labels. */
static void head_render(struct text *page, enum metric metric, const char *suffix,
	const char *const name[METRICS_LABELS_MAX], int count)
{
	const struct metrics_row *row = &metrics_table[metric];
	text_add(page, row->name);
	text_add(page, suffix);
	for (int i = 0; i < count; i++) {
		text_add(page, i == 0 ? "{" : ",");
		text_add(page, labels[row->label[i]].name);
		text_add(page, "=\"");
		add_escaped(page, name[i], true);
		text_add(page, "\"");
	}
	text_add(page, count > 0 ? "} " : " ");
}

static void number_render(struct text *page, uint64_t value)
{
	char text[24];
	snprintf(text, sizeof text, "%" PRIu64 "\n", value);
	text_add(page, text);
}

static uint64_t cell_read(enum metric metric, unsigned number)
{
	return atomic_load_explicit(&cells[first[metric] + number], memory_order_relaxed);
}

/* Adds the sample of one cell. Adds nothing if the value is 0 and the metric has labels, or if a label's value has no
 * name. */
static void sample_render(struct text *page, const struct metrics_names *names, enum metric metric, unsigned number)
{
	const char *name[METRICS_LABELS_MAX];
	int count = labels_count(metric);
	uint64_t value = cell_read(metric, number);
	if ((value == 0 && count > 0) || !names_find(names, metric, number, name))
		return;
	head_render(page, metric, "", name, count);
	number_render(page, value);
}

/* Adds the samples of the histogram whose first bucket is the cell `number`, unless it has counted nothing. A bucket of the
 * text has counted all durations that are not longer; the last one has counted all, so it always equals the count. */
static void histogram_render(struct text *page, const struct metrics_names *names, enum metric metric, unsigned number)
{
	const char *name[METRICS_LABELS_MAX];
	uint64_t up_to[METRICS_BUCKETS], total = 0, sum_us = cell_read(metric, number + SUM);
	char text[32];
	int count = labels_count(metric);
	for (unsigned i = 0; i < METRICS_BUCKETS; i++)
		up_to[i] = total += cell_read(metric, number + i);
	for (unsigned i = 0; total > 0 && i < METRICS_BUCKETS; i++) {
		if (!names_find(names, metric, number + i, name))
			return;
		head_render(page, metric, "_bucket", name, count);
		number_render(page, up_to[i]);
	}
	if (total == 0)
		return;
	head_render(page, metric, "_sum", name, count - 1);
	snprintf(text, sizeof text, "%" PRIu64 ".%06u\n", sum_us / 1000000, (unsigned)(sum_us % 1000000));
	text_add(page, text);
	head_render(page, metric, "_count", name, count - 1);
	number_render(page, total);
}

/* Adds the two lines before the samples of a metric. In OpenMetrics a counter's family has the name of its samples
 * without the suffix, in Prometheus with it. */
static void family_render(struct text *page, enum metrics_format format, const struct metrics_row *row)
{
	static const char *const types[] = {
		[METRICS_COUNTER] = " counter\n", [METRICS_GAUGE] = " gauge\n", [METRICS_HISTOGRAM] = " histogram\n"};
	bool counter = row->type == METRICS_COUNTER, openmetrics = format == METRICS_OPENMETRICS;
	size_t len = strlen(row->name) - (counter && openmetrics ? strlen("_total") : 0);
	text_add(page, "# HELP ");
	text_add_bytes(page, row->name, len);
	text_add(page, " ");
	add_escaped(page, row->sentence, openmetrics);
	text_add(page, "\n# TYPE ");
	text_add_bytes(page, row->name, len);
	text_add(page, types[row->type]);
}

size_t metrics_render(enum metrics_format format, const struct metrics_names *names, char *out, size_t size)
{
	struct text page;
	if (size == 0)
		return 0;
	text_init(&page, out, size);
	for (enum metric metric = 0; metric < METRIC_COUNT; metric++) {
		const struct metrics_row *row = &metrics_table[metric];
		bool histogram = row->type == METRICS_HISTOGRAM;
		unsigned count = values_count(metric);
		family_render(&page, format, row);
		for (unsigned i = 0; i < count; i += histogram ? LABEL_LE_VALUES : 1)
			(histogram ? histogram_render : sample_render)(&page, names, metric, i);
	}
	if (format == METRICS_OPENMETRICS)
		text_add(&page, "# EOF\n");
	return page.cut ? 0 : page.len;
}

/* --- many values -------------------------------------------------------------------------------------------------- */

void metrics_copy(struct metrics_values *out)
{
	for (size_t i = 0; i < METRICS_VALUES; i++)
		out->at[i] = atomic_load_explicit(&cells[i], memory_order_relaxed);
}

uint64_t *metrics_in(struct metrics_values *values, enum metric metric, unsigned a, unsigned b, unsigned c)
{
	return &values->at[place_of(metric, a, b, c)];
}

static void values_sum(struct metrics_values *sum, const struct metrics_values *more, size_t from, size_t count)
{
	for (size_t i = from; i < from + count; i++)
		sum->at[i] = more->at[i] > UINT64_MAX - sum->at[i] ? UINT64_MAX : sum->at[i] + more->at[i];
}

void metrics_sum(struct metrics_values *sum, const struct metrics_values *more)
{
	values_sum(sum, more, 0, METRICS_VALUES);
}

void metrics_sum_of(struct metrics_values *sum, const struct metrics_values *more, enum metric metric, unsigned a)
{
	values_sum(sum, more, place_of(metric, a, 0, 0),
		values_count(metric) / labels[metrics_table[metric].label[0]].values);
}

void metrics_growth(struct metrics_values *out, const struct metrics_values *before, const struct metrics_values *after)
{
	memset(out, 0, sizeof *out);
	for (enum metric metric = 0; metric < METRIC_COUNT; metric++) {
		size_t end = first[metric] + values_count(metric);
		for (size_t i = first[metric]; metrics_table[metric].type != METRICS_GAUGE && i < end; i++)
			out->at[i] = after->at[i] > before->at[i] ? after->at[i] - before->at[i] : 0;
	}
}

void metrics_durations(
	struct metrics_durations *out, const struct metrics_values *values, enum metric metric, unsigned a, unsigned b)
{
	const uint64_t *at = &values->at[buckets_place(metric, a, b)];
	*out = (struct metrics_durations){.sum_us = at[SUM]};
	for (size_t i = 0; i < METRICS_BUCKETS; i++) {
		out->bucket[i] = at[i];
		out->count += at[i];
	}
}

int64_t metrics_quantile_us(const struct metrics_durations *durations, double part)
{
	double rank = part * (double)durations->count, below = 0;
	size_t i = 0;
	if (durations->count == 0)
		return -1;
	while (i + 1 < METRICS_BUCKETS && (durations->bucket[i] == 0 || below + (double)durations->bucket[i] < rank))
		below += (double)durations->bucket[i++];
	int64_t from_us = i > 0 ? buckets[i - 1].most_us : 0;
	if (i + 1 == METRICS_BUCKETS)
		return from_us;
	double inside = (rank - below) / (double)durations->bucket[i];
	return from_us + (int64_t)((double)(buckets[i].most_us - from_us) * inside + 0.5);
}

/* Adds the line of one value. Takes it back and returns false if it does not fit. */
static bool line_write(
	struct text *page, const struct metrics_names *names, enum metric metric, unsigned number, uint64_t value)
{
	const struct metrics_row *row = &metrics_table[metric];
	const char *name[METRICS_LABELS_MAX];
	size_t len = page->len;
	char text[24];
	if (value == 0 || !names_find(names, metric, number, name))
		return true;
	text_add(page, row->name);
	for (int i = 0; i < METRICS_LABELS_MAX && row->label[i] != LABEL_NONE; i++) {
		text_add(page, " ");
		text_add(page, name[i]);
	}
	snprintf(text, sizeof text, " %" PRIu64 "\n", value);
	text_add(page, text);
	if (!page->cut)
		return true;
	page->bytes[len] = '\0';
	return false;
}

void metrics_write_lines(const struct metrics_names *names, const struct metrics_values *values, char *out, size_t size)
{
	struct text page;
	if (size == 0)
		return;
	text_init(&page, out, size);
	for (enum metric metric = 0; metric < METRIC_COUNT; metric++)
		for (unsigned i = 0; i < values_count(metric); i++)
			if (!line_write(&page, names, metric, i, values->at[first[metric] + i]))
				return;
}

static bool number_read(struct span word, uint64_t *out)
{
	*out = 0;
	for (size_t i = 0; i < word.len; i++) {
		unsigned digit = (unsigned)(word.at[i] - '0');
		if (word.at[i] < '0' || word.at[i] > '9' || __builtin_mul_overflow(*out, 10, out) ||
			__builtin_add_overflow(*out, digit, out))
			return false;
	}
	return word.len > 0;
}

/* Finds the value that a line names. Returns METRICS_VALUES if a word of it is unknown. */
static size_t line_place(const struct metrics_names *names, struct span *line)
{
	struct span word = span_until(line, ' ');
	enum metric metric = 0;
	size_t place = 0;
	while (metric < METRIC_COUNT && !span_is(word, metrics_table[metric].name))
		metric++;
	for (int i = 0; metric < METRIC_COUNT && i < METRICS_LABELS_MAX; i++) {
		enum metrics_label label = metrics_table[metric].label[i];
		unsigned value = 0;
		word = label == LABEL_NONE ? (struct span){"", 0} : span_until(line, ' ');
		for (const char *name; label != LABEL_NONE && value < labels[label].values; value++)
			if ((name = name_of(names, label, value)) && span_is(word, name))
				break;
		if (value == labels[label].values)
			return METRICS_VALUES;
		place = place * labels[label].values + value;
	}
	return metric < METRIC_COUNT ? first[metric] + place : METRICS_VALUES;
}

void metrics_read_lines(const struct metrics_names *names, struct span lines, struct metrics_values *out)
{
	memset(out, 0, sizeof *out);
	while (lines.len > 0) {
		struct span line = span_until(&lines, '\n');
		uint64_t number;
		size_t place = line_place(names, &line);
		if (place < METRICS_VALUES && number_read(line, &number))
			out->at[place] = number;
	}
}
