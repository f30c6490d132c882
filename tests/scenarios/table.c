#include "table.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define CELL_TIME_S 60
#define PARTS_MAX 8

/* The next word of a line, separated by blanks only; `at` then points after the word. "" at the end. */
static char *word_take(char **at)
{
	char *word = *at + strspn(*at, " \t");
	char *end = word + strcspn(word, " \t");
	*at = end + (*end != '\0');
	*end = '\0';
	return word;
}

static char *copied(const char *text)
{
	char *copy = strdup(text);
	if (!copy)
		abort();
	return copy;
}

/* Whether a comma-separated list has a word. */
static bool list_has(const char *list, const char *word)
{
	size_t len = strlen(word);
	for (const char *at = list; *at; at += strcspn(at, ",") + (at[strcspn(at, ",")] == ','))
		if (strcspn(at, ",") == len && strncmp(at, word, len) == 0)
			return true;
	return false;
}

/* --- cells by number ---------------------------------------------------------------------------------------------- */

static size_t cell_number(const struct table *table, const size_t *choice)
{
	size_t number = 0;
	for (size_t c = 0; c < table->column_count; c++)
		number = number * table->value_count[c] + choice[c];
	return number;
}

static void cell_choice(const struct table *table, size_t number, size_t *choice)
{
	for (size_t c = table->column_count; c-- > 0;) {
		choice[c] = number % table->value_count[c];
		number /= table->value_count[c];
	}
}

static void cell_told(const struct table *table, const size_t *choice)
{
	printf("#   in the cell");
	for (size_t c = 0; c < table->column_count; c++)
		printf(" %s=%s", table->column[c], table->value[c][choice[c]]);
	printf("\n");
}

/* --- coverage ----------------------------------------------------------------------------------------------------- */

static bool pair_stated(const struct table *table, size_t c, size_t v, size_t d, size_t w)
{
	size_t choice[TABLE_COLUMNS_MAX];
	for (size_t i = 0; i < table->cell_count; i++) {
		cell_choice(table, i, choice);
		if (table->stated[i] && choice[c] == v && choice[d] == w)
			return true;
	}
	return false;
}

static void pairs_check(const struct table *table, struct scene *scene)
{
	for (size_t c = 0; c < table->column_count; c++)
		for (size_t d = c + 1; d < table->column_count; d++)
			for (size_t v = 0; v < table->value_count[c]; v++)
				for (size_t w = 0; w < table->value_count[d]; w++) {
					if (pair_stated(table, c, v, d, w))
						continue;
					printf("# %s:%u: no row has %s=%s with %s=%s\n", scene->file, table->line,
						table->column[c], table->value[c][v], table->column[d],
						table->value[d][w]);
					scene->failures++;
				}
}

static void cells_check(const struct table *table, struct scene *scene)
{
	for (size_t i = 0; i < table->cell_count; i++) {
		size_t choice[TABLE_COLUMNS_MAX];
		if (table->stated[i])
			continue;
		printf("# %s:%u: no row says what is expected\n", scene->file, table->line);
		cell_choice(table, i, choice);
		cell_told(table, choice);
		scene->failures++;
	}
}

void table_end(struct table *table, struct scene *scene)
{
	if (!table->open)
		return;
	if (table->pairs)
		pairs_check(table, scene);
	else
		cells_check(table, scene);
	free(table->stated);
	table->stated = NULL;
	table->open = false;
	while (table->first_count > 0)
		free(table->first[--table->first_count]);
	while (table->last_count > 0)
		free(table->last[--table->last_count]);
}

void table_free(struct table *table)
{
	while (table->meaning_count > 0)
		free(table->meaning[--table->meaning_count].statement);
}

/* --- statements that prepare a cell ------------------------------------------------------------------------------- */

static bool meaning_add(struct table *table, const char *column, const char *value, const char *statement)
{
	if (table->meaning_count == TABLE_MEANINGS_MAX)
		return false;
	struct meaning *meaning = &table->meaning[table->meaning_count++];
	snprintf(meaning->column, sizeof meaning->column, "%s", column);
	snprintf(meaning->value, sizeof meaning->value, "%s", value);
	meaning->statement = copied(statement);
	return true;
}

/* means COLUMN VALUE[,VALUE...] [STATEMENT]; ends the table before it */
static bool run_means(struct table *table, struct scene *scene, char *rest)
{
	table_end(table, scene);
	const char *column = word_take(&rest);
	char *values = word_take(&rest), *save = NULL;
	bool room = *values != '\0';
	for (char *value = strtok_r(values, ",", &save); value && room; value = strtok_r(NULL, ",", &save))
		room = meaning_add(table, column, value, rest);
	return room;
}

static bool line_keep(char **lines, size_t *count, const char *text)
{
	if (*count == TABLE_LINES_MAX)
		return false;
	lines[(*count)++] = copied(text);
	return true;
}

static bool column_add(struct table *table, const char *name)
{
	size_t c = table->column_count++, count = 0;
	snprintf(table->column[c], sizeof table->column[c], "%s", name);
	for (size_t i = 0; i < table->meaning_count; i++) {
		const struct meaning *m = &table->meaning[i];
		bool known = strcmp(m->column, name) != 0;
		for (size_t v = 0; v < count && !known; v++)
			known = strcmp(table->value[c][v], m->value) == 0;
		if (known)
			continue;
		if (count == TABLE_VALUES_MAX)
			return false;
		table->value[c][count++] = m->value;
	}
	table->value_count[c] = count;
	table->cell_count *= count;
	return count > 0 && table->cell_count <= TABLE_CELLS_MAX;
}

/* table all|pairs COLUMN... */
static bool run_table(struct table *table, struct scene *scene, char *rest)
{
	table_end(table, scene);
	const char *kind = word_take(&rest);
	table->pairs = strcmp(kind, "pairs") == 0;
	if (!table->pairs && strcmp(kind, "all") != 0)
		return false;
	table->line = scene->line;
	table->column_count = 0;
	table->cell_count = 1;
	for (char *name = word_take(&rest); *name; name = word_take(&rest))
		if (table->column_count == TABLE_COLUMNS_MAX || !column_add(table, name))
			return false;
	table->stated = calloc(table->cell_count, 1);
	if (!table->stated)
		abort();
	table->open = true;
	return table->column_count > 0;
}

/* --- one cell ----------------------------------------------------------------------------------------------------- */

/* `$column` stands for the cell's value of that column. */
static void text_filled(const struct table *table, const size_t *choice, const char *text, char out[SCENE_LINE_MAX])
{
	size_t len = 0;
	while (*text && len + 1 < SCENE_LINE_MAX) {
		const char *value = NULL;
		for (size_t c = 0; *text == '$' && c < table->column_count && !value; c++) {
			size_t name_len = strlen(table->column[c]);
			if (strncmp(text + 1, table->column[c], name_len) != 0)
				continue;
			value = table->value[c][choice[c]];
			text += 1 + name_len;
		}
		if (value)
			len += (size_t)snprintf(out + len, SCENE_LINE_MAX - len, "%s", value);
		else
			out[len++] = *text++;
	}
	out[len < SCENE_LINE_MAX ? len : SCENE_LINE_MAX - 1] = '\0';
}

static void line_run(const struct table *table, const size_t *choice, struct scene *cell, const char *text)
{
	char line[SCENE_LINE_MAX];
	text_filled(table, choice, text, line);
	if (!scene_run(cell, line))
		cell->failures++;
}

/* Translates a part of a row into a line of the language. */
static void part_expect(struct scene *cell, size_t number, char *part)
{
	char line[2 * SCENE_LINE_MAX];
	struct words words;
	if (number == 0) {
		const char *verdict = word_take(&part), *reason = word_take(&part);
		snprintf(line, sizeof line, "expect verdict=%s reason=%s %s", verdict, reason, part);
	} else if (number == 1) {
		snprintf(line, sizeof line, "expect steps %s", strcmp(part, "-") == 0 ? "" : part);
	} else if (number == 2) {
		bool nothing = strcmp(part, "nothing") == 0;
		snprintf(line, sizeof line, "expect %s %s", nothing ? "none-stored" : "store", nothing ? "" : part);
	} else {
		snprintf(line, sizeof line, "expect %s", part);
	}
	words_cut(&words, line);
	cell->expectations++;
	if (!scene_expect(cell, &words))
		cell->failures++;
}

/* A row without events expects that there are none. */
static void events_expect(struct scene *cell, char *const *part, size_t part_count)
{
	char line[] = "events";
	for (size_t i = 3; i < part_count; i++)
		if (strncmp(part[i], line, strlen(line)) == 0)
			return;
	part_expect(cell, 3, line);
}

static void cell_run(
	struct table *table, struct scene *scene, const size_t *choice, char *const *part, size_t part_count)
{
	static struct scene cell;
	alarm(CELL_TIME_S);
	scene_begin(&cell, scene->file);
	cell.line = scene->line;
	for (size_t i = 0; i < table->first_count; i++)
		line_run(table, choice, &cell, table->first[i]);
	for (size_t c = 0; c < table->column_count; c++)
		for (size_t i = 0; i < table->meaning_count; i++)
			if (strcmp(table->meaning[i].column, table->column[c]) == 0 &&
				strcmp(table->meaning[i].value, table->value[c][choice[c]]) == 0)
				line_run(table, choice, &cell, table->meaning[i].statement);
	for (size_t i = 0; i < table->last_count; i++)
		line_run(table, choice, &cell, table->last[i]);
	for (size_t i = 0; i < part_count; i++) {
		char line[SCENE_LINE_MAX];
		text_filled(table, choice, part[i], line);
		part_expect(&cell, i, line);
	}
	events_expect(&cell, part, part_count);
	if (cell.failures)
		cell_told(table, choice);
	scene->failures += cell.failures;
	scene->expectations += cell.expectations;
	table->cells_run++;
	scene_end(&cell);
}

/* --- rows --------------------------------------------------------------------------------------------------------- */

/* VALUE,VALUE... | * | !VALUE,VALUE... (all but these) */
static bool row_covers(const struct table *table, char *const *field, const size_t *choice)
{
	for (size_t c = 0; c < table->column_count; c++) {
		const char *value = table->value[c][choice[c]];
		bool but = field[c][0] == '!';
		if (strcmp(field[c], "*") != 0 && list_has(field[c] + but, value) == but)
			return false;
	}
	return true;
}

static bool field_known(const struct table *table, size_t column, const char *field)
{
	size_t words = 1, known = 0;
	if (strcmp(field, "*") == 0)
		return true;
	field += field[0] == '!';
	for (const char *at = field; *at; at++)
		words += *at == ',';
	for (size_t v = 0; v < table->value_count[column]; v++)
		known += list_has(field, table->value[column][v]);
	return known == words;
}

static size_t parts_cut(char *rest, char *part[PARTS_MAX])
{
	size_t count = 0;
	for (char *at = strchr(rest, '|'); at && count < PARTS_MAX; at = strchr(at, '|')) {
		*at++ = '\0';
		at += strspn(at, " \t");
		part[count++] = at;
	}
	for (size_t i = 0; i < count; i++)
		for (size_t len = strlen(part[i]); len > 0 && (part[i][len - 1] == ' ' || part[i][len - 1] == '\t');)
			part[i][--len] = '\0';
	return count;
}

/* case SECTION FIELD... | VERDICT REASON [KEY=VALUE...] | STEPS | STORE [| EXPECTATION]... */
static bool run_case(struct table *table, struct scene *scene, char *rest)
{
	char *part[PARTS_MAX], *field[TABLE_COLUMNS_MAX];
	size_t part_count = parts_cut(rest, part), choice[TABLE_COLUMNS_MAX];
	unsigned covered = 0;
	if (!table->open || part_count < 3 || !*word_take(&rest))
		return false;
	for (size_t c = 0; c < table->column_count; c++) {
		field[c] = word_take(&rest);
		if (!*field[c] || !field_known(table, c, field[c]))
			return scene_bad(scene, "value", field[c]);
	}
	if (*word_take(&rest))
		return false;
	for (size_t i = 0; i < table->cell_count; i++) {
		cell_choice(table, i, choice);
		if (!row_covers(table, field, choice))
			continue;
		covered++;
		if (table->stated[cell_number(table, choice)]++ == 0) {
			cell_run(table, scene, choice, part, part_count);
			continue;
		}
		scene_bad(scene, "cell", "stated twice");
		cell_told(table, choice);
	}
	return covered > 0;
}

bool table_run(struct table *table, struct scene *scene, char *line)
{
	static const char *const names[] = {"means", "table", "first", "last", "case"};
	size_t len = strcspn(line, " \t"), kind = 0;
	while (kind < 5 && !(strlen(names[kind]) == len && strncmp(line, names[kind], len) == 0))
		kind++;
	if (kind == 5)
		return false;
	char *rest = line + len + (line[len] != '\0');
	bool read = kind == 0   ? run_means(table, scene, rest)
		    : kind == 1 ? run_table(table, scene, rest)
		    : kind == 2 ? table->open && line_keep(table->first, &table->first_count, rest)
		    : kind == 3 ? table->open && line_keep(table->last, &table->last_count, rest)
				: run_case(table, scene, rest);
	if (!read)
		scene_bad(scene, "table", names[kind]);
	return true;
}
