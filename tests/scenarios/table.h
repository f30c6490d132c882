/* Tables in a case file: every combination of the columns' values is a cell with its own world, and rows give the
 * expectations for the cells that they cover. The table itself is checked: each combination is covered exactly once
 * (`all`), or each pair of values of two columns at least once (`pairs`). tests/scenarios/README describes the
 * language. */
#ifndef SCENARIOS_TABLE_H
#define SCENARIOS_TABLE_H

#include "scene.h"

#define TABLE_COLUMNS_MAX 10
#define TABLE_VALUES_MAX 40 /* of a column */
#define TABLE_CELLS_MAX 65536
#define TABLE_MEANINGS_MAX 256
#define TABLE_LINES_MAX 16

struct meaning {
	char column[32], value[48];
	char *statement; /* "" for none */
};

struct table {
	struct meaning meaning[TABLE_MEANINGS_MAX]; /* of the whole file */
	size_t meaning_count;
	char *first[TABLE_LINES_MAX], *last[TABLE_LINES_MAX]; /* of this table */
	size_t first_count, last_count;

	bool open, pairs;
	unsigned line; /* where the table begins */
	size_t column_count, cell_count;
	char column[TABLE_COLUMNS_MAX][32];
	const char *value[TABLE_COLUMNS_MAX][TABLE_VALUES_MAX];
	size_t value_count[TABLE_COLUMNS_MAX];
	unsigned char *stated; /* by cell */
	unsigned cells_run;    /* in the whole file */
};

/* Runs the line and returns true if it belongs to a table. Failures and expectations are counted in `scene`, which is the
 * scene of the file, not of a cell. */
bool table_run(struct table *table, struct scene *scene, char *line);
void table_end(struct table *table, struct scene *scene); /* checks the coverage */
void table_free(struct table *table);

#endif
