#include "settings_values.h"

#include "memory.h"
#include "text.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#define NEAREST_NAME_MAX 40 /* a longer name is not similar to any */
#define NEAREST_DISTANCE 3  /* the most differences that still count as similar */

const struct settings_row settings_table[] = {
#define SETTING(type, form, when, name, def, min, max, words, sentence)                                                \
	{#name, SETTINGS_##type, FORM_##form, SETTINGS_##when, def, min, max, words, sentence,                         \
		offsetof(struct settings, name)},
#include "settings.def"
};
const size_t settings_table_count = SETTINGS_COUNT;

const struct settings_obsolete_row settings_obsolete_table[] = {
#define OBSOLETE(name, sentence) {#name, sentence},
#include "settings.def"
};

struct unit {
	char letter;
	uint64_t factor;
};
static const struct unit duration_units[] = {{'d', 86400}, {'h', 3600}, {'m', 60}, {'s', 1}};
static const struct unit size_units[] = {{'G', UINT64_C(1) << 30}, {'M', UINT64_C(1) << 20}, {'k', 1024}, {'\0', 1}};

struct settings *settings_new(const char *file)
{
	struct settings *settings = xcalloc(1, sizeof *settings);
	settings->origin = xcalloc(1, sizeof *settings->origin);
	settings->origin->file = file ? xstrdup(file) : NULL;
	return settings;
}

const void *settings_value(const struct settings *settings, const struct settings_row *row)
{
	return (const char *)settings + row->offset;
}

static void list_clear(struct settings_list *list)
{
	for (size_t i = 0; i < list->count; i++)
		free(list->item[i]);
	free(list->item);
	*list = (struct settings_list){0};
}

void settings_free(struct settings **settings)
{
	if (!*settings)
		return;
	for (size_t i = 0; i < settings_table_count; i++) {
		void *value = (char *)*settings + settings_table[i].offset;
		if (settings_table[i].type == SETTINGS_TEXT)
			free(*(char **)value);
		else if (settings_table[i].type == SETTINGS_LIST)
			list_clear(value);
	}
	free((*settings)->origin->file);
	free((*settings)->origin);
	free(*settings);
	*settings = NULL;
}

/* Reads the digits at the start of `value`. Returns false if there are none, or if the number exceeds 64 bits. */
static bool read_digits(const char *value, int base, uint64_t *number, const char **end)
{
	char *stop;
	if (*value < '0' || *value > '9')
		return false;
	errno = 0;
	*number = strtoull(value, &stop, base);
	*end = stop;
	return errno == 0 && stop != value;
}

static bool read_scaled(const char *value, const struct unit units[4], uint64_t *number)
{
	const char *end;
	if (!read_digits(value, 10, number, &end))
		return false;
	if (*end == '\0')
		return true;
	for (size_t i = 0; i < 4; i++)
		if (end[0] == units[i].letter && end[1] == '\0')
			return !__builtin_mul_overflow(*number, units[i].factor, number);
	return false;
}

static void format_scaled(char *out, size_t size, const struct unit units[4], uint64_t number)
{
	size_t i = 0;
	while (i < 3 && (number == 0 || number % units[i].factor != 0))
		i++;
	char letter[2] = {units[i].letter, '\0'};
	snprintf(out, size, "%" PRIu64 "%s", number / units[i].factor, letter);
}

static void format_number(char *out, size_t size, const struct settings_row *row, uint64_t number)
{
	if (row->type == SETTINGS_DURATION)
		format_scaled(out, size, duration_units, number);
	else if (row->type == SETTINGS_SIZE)
		format_scaled(out, size, size_units, number);
	else if (row->type == SETTINGS_OCTAL)
		snprintf(out, size, "%04" PRIo64, number);
	else
		snprintf(out, size, "%" PRIu64, number);
}

bool settings_read_duration(const char *text, uint64_t *seconds)
{
	return read_scaled(text, duration_units, seconds);
}

static bool set_number(void *to, const struct settings_row *row, const char *value, struct failure *why)
{
	uint64_t number;
	const char *form, *end;
	bool good;
	if (row->type == SETTINGS_DURATION) {
		form = "a duration such as 90s, 5m, 4h or 180d";
		good = read_scaled(value, duration_units, &number);
	} else if (row->type == SETTINGS_SIZE) {
		form = "a size such as 64k, 512M or 1G";
		good = read_scaled(value, size_units, &number);
	} else {
		bool octal = row->type == SETTINGS_OCTAL;
		form = octal ? "a file mode such as 0660" : "a number";
		good = read_digits(value, octal ? 8 : 10, &number, &end) && *end == '\0';
	}
	if (!good)
		return failure_set(why, EX_CONFIG, "is not %s", form);
	if (number < (uint64_t)row->min || number > (uint64_t)row->max) {
		char min[32], max[32];
		format_number(min, sizeof min, row, (uint64_t)row->min);
		format_number(max, sizeof max, row, (uint64_t)row->max);
		return failure_set(why, EX_CONFIG, "is not between %s and %s", min, max);
	}
	if (row->type == SETTINGS_SIZE)
		*(uint64_t *)to = number;
	else if (row->type == SETTINGS_OCTAL)
		*(mode_t *)to = (mode_t)number;
	else
		*(uint32_t *)to = (uint32_t)number;
	return true;
}

static bool set_choice(int *to, const struct settings_row *row, const char *value, struct failure *why)
{
	size_t len = strlen(value);
	char words[128];
	struct text list; /* the words with commas, for the message */
	text_init(&list, words, sizeof words);
	if (len == 0 && row->fallback[0] == '\0') {
		*to = CHOICE_EMPTY;
		return true;
	}
	int index = 0;
	for (const char *word = row->words; *word; index++) {
		size_t word_len = strcspn(word, " ");
		if (word_len == len && memcmp(word, value, len) == 0) {
			*to = index;
			return true;
		}
		text_add(&list, index > 0 ? ", " : "");
		text_add_bytes(&list, word, word_len);
		word += word_len;
		word += strspn(word, " ");
	}
	return failure_set(why, EX_CONFIG, "is not one of %s", words);
}

static void set_list(struct settings_list *list, const char *value)
{
	static const char between[] = ", \t";
	list_clear(list);
	for (const char *at = value + strspn(value, between); *at; at += strspn(at, between)) {
		size_t len = strcspn(at, between);
		/* The allocated size doubles whenever the count is a power of two. */
		if ((list->count & (list->count - 1)) == 0) {
			size_t room = list->count ? 2 * list->count : 1;
			list->item = xrealloc(list->item, room * sizeof *list->item);
		}
		list->item[list->count++] = xstrndup(at, len);
		at += len;
	}
}

bool settings_set(struct settings *settings, const struct settings_row *row, const char *value, struct failure *why)
{
	void *to = (char *)settings + row->offset;
	switch (row->type) {
	case SETTINGS_BOOL:
		if (strcmp(value, "yes") != 0 && strcmp(value, "no") != 0)
			return failure_set(why, EX_CONFIG, "is not yes or no");
		*(bool *)to = value[0] == 'y';
		return true;
	case SETTINGS_CHOICE:
		return set_choice(to, row, value, why);
	case SETTINGS_TEXT:
		free(*(char **)to);
		*(char **)to = xstrdup(value);
		return true;
	case SETTINGS_LIST:
		set_list(to, value);
		return true;
	case SETTINGS_DURATION:
	case SETTINGS_SIZE:
	case SETTINGS_NUMBER:
	case SETTINGS_OCTAL:
		return set_number(to, row, value, why);
	}
	return false;
}

const char *settings_format(const struct settings *settings, const struct settings_row *row, char *out, size_t size)
{
	const void *from = settings_value(settings, row);
	const struct settings_list *list = from; /* of a LIST */
	const char *word = row->words;           /* of a CHOICE */
	size_t used = 0;
	out[0] = '\0';
	switch (row->type) {
	case SETTINGS_BOOL:
		snprintf(out, size, "%s", *(const bool *)from ? "yes" : "no");
		break;
	case SETTINGS_CHOICE:
		if (*(const int *)from == CHOICE_EMPTY)
			break;
		for (int i = 0; i < *(const int *)from; i++)
			word += strcspn(word, " ") + 1;
		snprintf(out, size, "%.*s", (int)strcspn(word, " "), word);
		break;
	case SETTINGS_TEXT:
		snprintf(out, size, "%s", *(char *const *)from);
		break;
	case SETTINGS_LIST:
		for (size_t i = 0; i < list->count && used < size; i++)
			used += (size_t)snprintf(out + used, size - used, "%s%s", i > 0 ? " " : "", list->item[i]);
		break;
	case SETTINGS_DURATION:
	case SETTINGS_NUMBER:
		format_number(out, size, row, *(const uint32_t *)from);
		break;
	case SETTINGS_SIZE:
		format_number(out, size, row, *(const uint64_t *)from);
		break;
	case SETTINGS_OCTAL:
		format_number(out, size, row, *(const mode_t *)from);
		break;
	}
	return out;
}

bool settings_number(const struct settings *settings, const struct settings_row *row, uint64_t *number)
{
	const void *from = settings_value(settings, row);
	bool is_small = row->type == SETTINGS_DURATION || row->type == SETTINGS_NUMBER;
	if (!is_small && row->type != SETTINGS_SIZE)
		return false;
	*number = is_small ? *(const uint32_t *)from : *(const uint64_t *)from;
	return true;
}

static bool lists_equal(const struct settings_list *a, const struct settings_list *b)
{
	for (size_t i = 0; i < a->count && i < b->count; i++)
		if (strcmp(a->item[i], b->item[i]) != 0)
			return false;
	return a->count == b->count;
}

bool settings_equal(const struct settings *a, const struct settings *b, const struct settings_row *row)
{
	const void *left = settings_value(a, row), *right = settings_value(b, row);
	switch (row->type) {
	case SETTINGS_BOOL:
		return *(const bool *)left == *(const bool *)right;
	case SETTINGS_CHOICE:
		return *(const int *)left == *(const int *)right;
	case SETTINGS_TEXT:
		return strcmp(*(char *const *)left, *(char *const *)right) == 0;
	case SETTINGS_LIST:
		return lists_equal(left, right);
	case SETTINGS_DURATION:
	case SETTINGS_NUMBER:
		return *(const uint32_t *)left == *(const uint32_t *)right;
	case SETTINGS_SIZE:
		return *(const uint64_t *)left == *(const uint64_t *)right;
	case SETTINGS_OCTAL:
		return *(const mode_t *)left == *(const mode_t *)right;
	}
	return false;
}

bool settings_send_reports(const struct settings *settings)
{
	return settings->tlsrpt == TLSRPT_COLLECT && settings->report_from[0] != '\0' &&
	       settings->report_organization[0] != '\0';
}

int settings_tls_required_no(const struct settings *settings)
{
	if (settings->tls_required_no != CHOICE_EMPTY)
		return settings->tls_required_no;
	return settings->mta_enforces ? TLS_REQUIRED_NO_MAP : TLS_REQUIRED_NO_IGNORE;
}

bool settings_is_overridden(const struct settings *settings, const struct settings_row *row)
{
	return settings->origin->line[row - settings_table] == SETTINGS_FROM_OVERRIDE;
}

const struct settings_row *settings_row_find(const char *name)
{
	for (size_t i = 0; i < settings_table_count; i++)
		if (strcmp(settings_table[i].name, name) == 0)
			return &settings_table[i];
	return NULL;
}

/* Returns the Levenshtein distance: how many letters must be inserted, removed or replaced. */
static size_t distance(const char *a, const char *b)
{
	size_t row[NEAREST_NAME_MAX + 1];
	size_t b_len = strlen(b);
	for (size_t j = 0; j <= b_len; j++)
		row[j] = j;
	for (size_t i = 0; a[i]; i++) {
		size_t diagonal = row[0];
		row[0] = i + 1;
		for (size_t j = 0; j < b_len; j++) {
			size_t above = row[j + 1];
			size_t replaced = diagonal + (a[i] != b[j]);
			size_t moved = (above < row[j] ? above : row[j]) + 1;
			row[j + 1] = replaced < moved ? replaced : moved;
			diagonal = above;
		}
	}
	return row[b_len];
}

const struct settings_row *settings_row_nearest(const char *name)
{
	const struct settings_row *nearest = NULL;
	size_t least = NEAREST_DISTANCE + 1;
	if (strlen(name) > NEAREST_NAME_MAX)
		return NULL;
	for (size_t i = 0; i < settings_table_count; i++) {
		size_t far = distance(settings_table[i].name, name);
		if (far < least && far < strlen(settings_table[i].name)) {
			least = far;
			nearest = &settings_table[i];
		}
	}
	return nearest;
}
