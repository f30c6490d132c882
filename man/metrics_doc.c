/* Makes the list of metrics in stsgated(8) from the table of metrics. */
#include "metrics.h"

#include <stdio.h>
#include <stdlib.h>
#include <sysexits.h>

static void row_print(const struct metrics_row *row)
{
	printf(".It Li %s", row->name);
	for (int i = 0; i < METRICS_LABELS_MAX && row->label[i] != LABEL_NONE; i++)
		printf("%s%s", i == 0 ? " No by " : " , ", metrics_label_name(row->label[i]));
	/* One sentence a line, as roff wants it. */
	putchar('\n');
	for (const char *at = row->sentence; *at; at++) {
		bool ends = at[0] == '.' && at[1] == ' ';
		putchar(*at);
		if (ends) {
			putchar('\n');
			at++;
		}
	}
	putchar('\n');
}

int main(void)
{
	for (int metric = 0; metric < METRIC_COUNT; metric++)
		row_print(&metrics_table[metric]);
	return fflush(stdout) == 0 && !ferror(stdout) ? EXIT_SUCCESS : EX_IOERR;
}
