/* Makes the settings' section of stsgate.conf(5) and the sample file from the table of settings. */
#include "settings.h"

#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#define SAMPLE_WIDTH 78
#define RANGE_SIZE 128

static const char *type_word(enum settings_type type)
{
	switch (type) {
	case SETTINGS_BOOL:
		return "yes or no";
	case SETTINGS_CHOICE:
		return "word";
	case SETTINGS_TEXT:
		return "text";
	case SETTINGS_LIST:
		return "list";
	case SETTINGS_DURATION:
		return "duration";
	case SETTINGS_SIZE:
		return "size";
	case SETTINGS_NUMBER:
		return "number";
	case SETTINGS_OCTAL:
		return "mode";
	}
	return "";
}

static const struct {
	char letter;
	int64_t factor;
} duration_units[] = {{'d', 86400}, {'h', 3600}, {'m', 60}},
  size_units[] = {{'G', 1 << 30}, {'M', 1 << 20}, {'k', 1024}};

static void limit_format(char *out, size_t size, enum settings_type type, int64_t number)
{
	if (type == SETTINGS_OCTAL) {
		snprintf(out, size, "%04o", (unsigned)number);
		return;
	}
	for (size_t i = 0; i < 3 && number > 0 && type != SETTINGS_NUMBER; i++) {
		int64_t factor = type == SETTINGS_SIZE ? size_units[i].factor : duration_units[i].factor;
		if (number % factor != 0)
			continue;
		char letter = type == SETTINGS_SIZE ? size_units[i].letter : duration_units[i].letter;
		snprintf(out, size, "%lld%c", (long long)(number / factor), letter);
		return;
	}
	snprintf(out, size, "%lld%s", (long long)number, type == SETTINGS_DURATION ? "s" : "");
}

/* "One of enforce, monitor.", "From 1s to 5m.", or nothing. */
static void range_format(char *out, const struct settings_row *row)
{
	char min[32], max[32];
	out[0] = '\0';
	if (row->type == SETTINGS_CHOICE) {
		size_t used = (size_t)snprintf(out, RANGE_SIZE, "One of ");
		for (const char *at = row->words; *at && used + 4 < RANGE_SIZE; at++) {
			if (*at == ' ')
				out[used++] = ',';
			out[used++] = *at;
		}
		out[used++] = '.';
		out[used] = '\0';
	} else if (row->max > 0) {
		limit_format(min, sizeof min, row->type, row->min);
		limit_format(max, sizeof max, row->type, row->max);
		const char *unit = row->type == SETTINGS_NUMBER ? row->words : "";
		snprintf(out, RANGE_SIZE, "From %s to %s%s%s.", min, max, *unit ? " " : "", unit);
	}
}

/* One sentence a line, as roff wants it. */
static void man_sentences(const char *text)
{
	for (const char *at = text; *at; at++) {
		bool ends = at[0] == '.' && at[1] == ' ' && at[2] >= 'A' && at[2] <= 'Z';
		putchar(*at);
		if (ends) {
			putchar('\n');
			at++;
		}
	}
	putchar('\n');
}

static void man_row(const struct settings_row *row)
{
	char range[RANGE_SIZE];
	range_format(range, row);
	printf(".It Cm %s No = Ar %s\n", row->name, type_word(row->type));
	man_sentences(row->sentence);
	if (range[0])
		printf("%s\n", range);
	if (row->when == SETTINGS_RESTART)
		printf("A change needs a restart.\n");
	if (row->fallback[0])
		printf("Default:\n.Li %s\n", row->fallback);
	else
		printf("Default: empty.\n");
}

/* Words of `text` in comment lines of at most SAMPLE_WIDTH columns. */
static void sample_comment(const char *text)
{
	size_t column = 0;
	for (const char *word = text; *word;) {
		size_t len = strcspn(word, " ");
		if (column > 0 && column + 1 + len > SAMPLE_WIDTH) {
			putchar('\n');
			column = 0;
		}
		column += (size_t)printf("%s%.*s", column ? " " : "# ", (int)len, word);
		word += len;
		word += strspn(word, " ");
	}
	putchar('\n');
}

static void sample_row(const struct settings_row *row)
{
	char range[RANGE_SIZE], text[1024];
	range_format(range, row);
	snprintf(text, sizeof text, "%s%s%s%s", row->sentence, range[0] ? " " : "", range,
		row->when == SETTINGS_RESTART ? " A change needs a restart." : "");
	putchar('\n');
	sample_comment(text);
	printf("#%s =%s%s\n", row->name, row->fallback[0] ? " " : "", row->fallback);
}

static void sample_head(void)
{
	puts("# Settings of stsgated and stsgate: stsgate.conf(5). Every setting stands here with its\n"
	     "# default. Lines have the form `name = value`; a line that begins with a blank\n"
	     "# continues the one before; a comment needs a line of its own. Check the file with\n"
	     "# `stsgated -t`, then have it read with `systemctl reload stsgated`.");
}

int main(int argc, char **argv)
{
	bool man = argc == 2 && strcmp(argv[1], "man") == 0;
	bool sample = argc == 2 && strcmp(argv[1], "sample") == 0;
	if (!man && !sample) {
		fprintf(stderr, "usage: settings_doc man|sample\n");
		return EX_USAGE;
	}
	if (sample)
		sample_head();
	for (size_t i = 0; i < settings_table_count; i++)
		(man ? man_row : sample_row)(&settings_table[i]);
	return fflush(stdout) == 0 && !ferror(stdout) ? EXIT_SUCCESS : EX_IOERR;
}
