/* Prints the metrics that stsgated exports, for the checks of alert rules and dashboard: a line for each metric with its
 * name, its type, and `LABEL=VALUE,VALUE...` for each label. The label `le` of a histogram is left out. */
#include "metrics.h"
#include "report.h"

#include <stdio.h>

static void label_print(enum metrics_label label)
{
	const char *between = "=", *name;
	if (!counters_names.name[label])
		return;
	printf(" %s", metrics_label_name(label));
	for (unsigned value = 0; value < metrics_label_values(label); value++)
		if ((name = counters_names.name[label](value))) {
			printf("%s%s", between, name);
			between = ",";
		}
}

int main(void)
{
	static const char *const types[] = {
		[METRICS_COUNTER] = "counter", [METRICS_GAUGE] = "gauge", [METRICS_HISTOGRAM] = "histogram"};
	for (enum metric metric = 0; metric < METRIC_COUNT; metric++) {
		const struct metrics_row *row = &metrics_table[metric];
		printf("%s %s", row->name, types[row->type]);
		for (int i = 0; i < METRICS_LABELS_MAX && row->label[i] != LABEL_NONE; i++)
			label_print(row->label[i]);
		puts("");
	}
	return 0;
}
