/* settings: the values in force, in the form of the file; those that are as by default stand apart. */
#include "action.h"
#include "commands.h"
#include "memory.h"
#include "output.h"
#include "session.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

/* Room for any value: no file is longer. */
#define VALUE_SIZE (SETTINGS_FILE_MAX + 1)

struct values {
	const struct settings *settings, *defaults;
	char *text, *by_default; /* VALUE_SIZE */
};

/* The value of a row stands in `text` after that. True when it is as by default. */
static bool value_take(struct values *values, const struct settings_row *row)
{
	settings_format(values->settings, row, values->text, VALUE_SIZE);
	settings_format(values->defaults, row, values->by_default, VALUE_SIZE);
	return strcmp(values->text, values->by_default) == 0;
}

static bool row_asked(const struct settings_row *row, size_t count, char **names)
{
	for (size_t i = 0; i < count; i++)
		if (strcmp(names[i], row->name) == 0)
			return true;
	return count == 0;
}

static bool names_known(size_t count, char **names)
{
	struct quote quote;
	for (size_t i = 0; i < count; i++) {
		size_t at = 0;
		while (at < settings_table_count && strcmp(names[i], settings_table[at].name) != 0)
			at++;
		if (at < settings_table_count)
			continue;
		const char *obsolete = settings_obsolete(names[i]);
		if (obsolete)
			fprintf(stderr, "stsgate: %s %s\n", names[i], obsolete);
		else
			fprintf(stderr, "stsgate: there is no setting %s\n", quote_string(&quote, names[i]));
		return false;
	}
	return true;
}

/* A value that is left to other settings as long as it is empty: what these make of it, or "". */
static const char *value_left_empty(const struct settings *settings, const char *name)
{
	static const char *const words[] = {[ON_FAIL_DEFER] = "defer", "tag", "quarantine"};
	if (strcmp(name, "milter_on_fail_authenticated") == 0)
		return words[action_on_fail(settings, SESSION_AUTHENTICATED)];
	if (strcmp(name, "milter_on_fail_local") == 0)
		return words[action_on_fail(settings, SESSION_LOCAL)];
	return "";
}

static void value_tell(const struct values *values, const char *name)
{
	const char *acts_as = *values->text ? "" : value_left_empty(values->settings, name);
	if (*acts_as)
		printf("# %s is empty: with these settings, %s\n", name, acts_as);
	printf("%s =%s%s\n", name, *values->text ? " " : "", values->text);
}

/* Those that are as by default, or those that are not. */
static void values_tell(struct values *values, bool by_default, size_t count, char **names)
{
	bool first = true;
	for (size_t i = 0; i < settings_table_count; i++) {
		const struct settings_row *row = &settings_table[i];
		if (!row_asked(row, count, names) || value_take(values, row) != by_default)
			continue;
		if (first)
			puts(by_default ? "# default" : "# set");
		first = false;
		value_tell(values, row->name);
	}
}

static void values_print(struct values *values, size_t count, char **names)
{
	json_t *object = json_made(json_object());
	for (size_t i = 0; i < settings_table_count; i++) {
		const struct settings_row *row = &settings_table[i];
		if (!row_asked(row, count, names))
			continue;
		json_t *value = json_made(json_object());
		bool by_default = value_take(values, row);
		json_put(value, "value", json_text_bytes(values->text, strlen(values->text)));
		json_put(value, "default", json_boolean(by_default));
		if (*values->text == '\0' && *value_left_empty(values->settings, row->name))
			json_put(value, "acts_as", json_text(value_left_empty(values->settings, row->name)));
		json_put(object, row->name, value);
	}
	json_print(object);
}

static void settings_tell(const struct options *options, const struct settings *settings,
	const struct settings *defaults, size_t count, char **names)
{
	struct values values = {settings, defaults, xmalloc(VALUE_SIZE), xmalloc(VALUE_SIZE)};
	if (options->json) {
		values_print(&values, count, names);
	} else {
		values_tell(&values, false, count, names);
		values_tell(&values, true, count, names);
	}
	free(values.text);
	free(values.by_default);
}

int settings_run(const struct options *options, size_t count, char **words)
{
	int status = EX_USAGE;
	struct failure why = {0};
	struct settings *settings = names_known(count, words) ? session_settings(options, &status) : NULL;
	struct settings *defaults = settings ? settings_read(NULL, false, NULL, 0, &why) : NULL;
	if (defaults) {
		settings_tell(options, settings, defaults, count, words);
		status = STATUS_YES;
	} else if (settings) {
		status = complain(&why);
	}
	settings_free(&defaults);
	settings_free(&settings);
	return status;
}
