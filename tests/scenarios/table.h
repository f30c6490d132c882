/* Tables of cells in a case file: every combination of values of some columns is a world of its own, and rows say what
 * is expected of the cells that they cover. The table checks of itself that each combination is covered once (`all`),
 * or each pair of values of two columns at least once (`pairs`). tests/scenarios/README tells the language. */
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

/* Runs a line when it is a table's: true. Failures and expectations are counted in the scene, which is the file's and
 * no cell's. */
bool table_run(struct table *table, struct scene *scene, char *line);
void table_end(struct table *table, struct scene *scene); /* checks what is covered */
void table_free(struct table *table);

#endif
