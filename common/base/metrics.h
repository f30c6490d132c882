/* The numbers that the daemon tells of itself: one table (metrics.def), and a value for each combination of its labels'
 * values. The values are the process's, as the log is. Any thread; adding is one relaxed atomic addition and never
 * waits, so values read while others add may be of slightly different times.
 *
 * Labels come from fixed sets of small numbers; what they are called is told by those who ask for the text, since
 * nothing here knows of mail. */
#ifndef BASE_METRICS_H
#define BASE_METRICS_H

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

/* LABEL_REASON_VALUES and so on: a label's values are numbers below it. */
enum {
#define LABEL(kind, name, values) LABEL_##kind##_VALUES = (values),
#define METRIC(symbol, type, name, a, b, c, sentence)
#include "metrics.def"
#undef METRIC
#undef LABEL
};

#define METRICS_LABELS_MAX 3 /* of one metric */
/* The whole text has room, with every value that has a name at its largest (tests/unit/test_metrics). */
#define METRICS_TEXT_MAX 126976

enum metrics_type { METRICS_COUNTER, METRICS_GAUGE };

struct metrics_row {
	enum metrics_type type;
	const char *name; /* as a counter's samples have it, with _total */
	enum metrics_label label[METRICS_LABELS_MAX];
	const char *sentence;
};
extern const struct metrics_row metrics_table[METRIC_COUNT];
const char *metrics_label_name(enum metrics_label label);
unsigned metrics_label_values(enum metrics_label label);

/* `a`, `b`, `c`: the values of the metric's labels in their order, 0 where it has none. */
void metrics_add(enum metric metric, unsigned a, unsigned b, unsigned c, uint64_t n);
void metrics_set(enum metric metric, unsigned a, unsigned b, unsigned c, uint64_t value);
uint64_t metrics_read(enum metric metric, unsigned a, unsigned b, unsigned c);

/* What the values of labels are called: NULL for a value without a name, whose samples are left out. */
struct metrics_names {
	const char *(*name[LABEL_COUNT])(unsigned value); /* NULL: none of its values has a name */
};
/* All metrics in the text form of OpenMetrics, NUL-terminated; samples that have labels and are zero are left out.
 * Returns the length, or 0 when it does not fit. */
size_t metrics_render(const struct metrics_names *names, char *out, size_t size);

#endif
