/* The metrics that the daemon exports: counters, gauges and histograms.
 *
 * metrics.def is the table of metrics. Each metric has one value for each combination of its labels' values. A label's
 * value is a small number from a fixed range. The caller of metrics_render() supplies the names of these numbers,
 * because this layer knows nothing of mail.
 *
 * The values are global to the process, like the log. Any thread may call these functions. An update is one relaxed
 * atomic operation and never waits, so a reader may see metrics from slightly different moments. */
#ifndef BASE_METRICS_H
#define BASE_METRICS_H

#include "span.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum metric {
#define LABEL(kind, name, values)
#define METRIC(symbol, type, name, a, b, c, sentence) METRIC_##symbol,
#include "metrics.def"
#undef METRIC
#undef LABEL
	METRIC_COUNT
};

enum metrics_label {
#define LABEL(kind, name, values) LABEL_##kind,
#define METRIC(symbol, type, name, a, b, c, sentence)
#include "metrics.def"
#undef METRIC
#undef LABEL
	LABEL_COUNT
};

/* LABEL_REASON_VALUES and so on: how many values a label can have. The values are numbered from 0. */
enum {
#define LABEL(kind, name, values) LABEL_##kind##_VALUES = (values),
#define METRIC(symbol, type, name, a, b, c, sentence)
#include "metrics.def"
#undef METRIC
#undef LABEL
};

#define METRICS_LABELS_MAX 3 /* labels of one metric */
/* Octets that hold the whole text even when every sample has its largest value (tests/unit/test_metrics checks it). */
#define METRICS_TEXT_MAX 262144

enum metrics_type { METRICS_COUNTER, METRICS_GAUGE, METRICS_HISTOGRAM };

/* A histogram counts durations. Its last label is LE, whose values are the METRICS_BUCKETS buckets, and behind them the sum
 * of all durations in microseconds. A bucket counts only the durations that are in no bucket before it; the exported text
 * adds them up. */
#define METRICS_BUCKETS 13

struct metrics_row {
	enum metrics_type type;
	const char *name; /* the name of the samples; a counter's ends in _total */
	enum metrics_label label[METRICS_LABELS_MAX];
	const char *sentence;
};
extern const struct metrics_row metrics_table[METRIC_COUNT];
/* Returns the label's name in the exported text, and how many values it has. */
const char *metrics_label_name(enum metrics_label label);
unsigned metrics_label_values(enum metrics_label label);

/* Adds `n` to one value. `a`, `b` and `c` are the values of the metric's labels in the order of its row, 0 where the row
 * has NONE. */
void metrics_add(enum metric metric, unsigned a, unsigned b, unsigned c, uint64_t n);
/* Sets one value: for gauges. */
void metrics_set(enum metric metric, unsigned a, unsigned b, unsigned c, uint64_t value);
/* Counts a duration (microseconds; a negative one counts as 0) in a histogram, whose labels in front of LE have the values `a`
 * and `b`. */
void metrics_observe(enum metric metric, unsigned a, unsigned b, int64_t us);
/* Returns one value. */
uint64_t metrics_read(enum metric metric, unsigned a, unsigned b, unsigned c);

/* For each label: a function that returns the name of a value, or NULL if that value has no name. If the function
 * itself is NULL, no value of the label has a name. Samples with an unnamed value are left out of the text. The names of
 * LE are known here. */
struct metrics_names {
	const char *(*name[LABEL_COUNT])(unsigned value);
};
/* Two text formats: version 0.0.4 of Prometheus, and OpenMetrics 1.0.0. */
enum metrics_format { METRICS_PROMETHEUS, METRICS_OPENMETRICS };
/* Writes all metrics as text, NUL-terminated. Leaves out samples that have labels and are zero, and histograms that have
 * counted nothing. Returns the length without the NUL, or 0 if `size` octets do not suffice; METRICS_TEXT_MAX always do. */
size_t metrics_render(enum metrics_format format, const struct metrics_names *names, char *out, size_t size);

/* --- many values --------------------------------------------------------------------------------------------------- */

enum {
	METRICS_VALUES = 0
#define LABEL(kind, name, values)
#define METRIC(symbol, type, name, a, b, c, sentence) +LABEL_##a##_VALUES *LABEL_##b##_VALUES *LABEL_##c##_VALUES
#include "metrics.def"
#undef METRIC
#undef LABEL
};
/* All values of all metrics at one moment, or sums or differences of such values. */
struct metrics_values {
	uint64_t at[METRICS_VALUES];
};
/* Copies the current values. */
void metrics_copy(struct metrics_values *out);
/* Returns where one value is; see metrics_add(). */
uint64_t *metrics_in(struct metrics_values *values, enum metric metric, unsigned a, unsigned b, unsigned c);
/* Adds `more` to `sum`, value by value. A sum stops at its maximum. */
void metrics_sum(struct metrics_values *sum, const struct metrics_values *more);
/* The same for the values of one metric whose first label has the value `a`. */
void metrics_sum_of(struct metrics_values *sum, const struct metrics_values *more, enum metric metric, unsigned a);
/* Sets `out` to how much each counter and each histogram has grown between two moments. Gauges become 0, and so does a value
 * that is smaller afterwards. */
void metrics_growth(
	struct metrics_values *out, const struct metrics_values *before, const struct metrics_values *after);

/* What a histogram has counted for one combination of the labels in front of LE. */
struct metrics_durations {
	uint64_t count;
	uint64_t sum_us;
	uint64_t bucket[METRICS_BUCKETS];
};
void metrics_durations(
	struct metrics_durations *out, const struct metrics_values *values, enum metric metric, unsigned a, unsigned b);
/* Returns the duration (microseconds) that `part` (0 to 1) of the durations did not exceed: 0.5 for the median. Within a bucket
 * the durations count as evenly spread. In the last bucket, which has no end, it is the start of that bucket. Returns -1 if
 * nothing was counted. */
int64_t metrics_quantile_us(const struct metrics_durations *durations, double part);

/* Writes the values that are not 0 as lines of words, such as `stsgate_map_replies_total ok 12`: the metric, the names of
 * its labels' values, and the number. Writes as many whole lines as fit into `size` octets, in the order of metrics.def,
 * and a NUL. If `size` is 0, writes nothing. */
void metrics_write_lines(
	const struct metrics_names *names, const struct metrics_values *values, char *out, size_t size);
/* Reads such lines. Values that no line names become 0. Lines with unknown words are ignored, because a later version may
 * have written them. `lines` may hold any bytes. */
void metrics_read_lines(const struct metrics_names *names, struct span lines, struct metrics_values *out);

#endif
