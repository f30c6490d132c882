/* settings: prints the settings, in the form of the settings file: first those that differ from their default, then the
 * others. Comments state which of them the running daemon does not use. */
#include "action.h"
#include "commands.h"
#include "memory.h"
#include "output.h"
#include "running.h"
#include "session.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

/* Room for any value, because no settings file is longer. */
#define VALUE_SIZE (SETTINGS_FILE_MAX + 1)

struct values {
	const struct settings *settings, *defaults;
	const struct running *running; /* NULL: not known */
	char *text, *by_default;       /* of the current row; VALUE_SIZE octets each */
	size_t count;                  /* the number of settings in `names`; 0: print all settings */
	char **names;
};

/* Formats the value of a row into `text`. Returns whether it equals the default. */
static bool value_format(struct values *values, const struct settings_row *row)
{
	settings_format(values->settings, row, values->text, VALUE_SIZE);
	settings_format(values->defaults, row, values->by_default, VALUE_SIZE);
	return strcmp(values->text, values->by_default) == 0;
}

static bool row_asked(const struct values *values, const struct settings_row *row)
{
	for (size_t i = 0; i < values->count; i++)
		if (strcmp(values->names[i], row->name) == 0)
			return true;
	return values->count == 0;
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
			fprintf(stderr, "stsgate: unknown setting %s\n", quote_string(&quote, names[i]));
		return false;
	}
	return true;
}

/* Returns the value that takes effect for an empty setting, if other settings determine that value; otherwise "". */
static const char *effective_value(const struct values *values, const char *name)
{
	static const char *const words[] = {[ON_FAIL_DEFER] = "defer", "tag", "quarantine"};
	if (*values->text)
		return "";
	if (strcmp(name, "milter_on_fail_authenticated") == 0)
		return words[action_on_fail(values->settings, SESSION_AUTHENTICATED)];
	if (strcmp(name, "milter_on_fail_local") == 0)
		return words[action_on_fail(values->settings, SESSION_LOCAL)];
	return "";
}

static bool is_running(const struct values *values)
{
	return values->running && values->running->state == RUNNING_NOW;
}

/* If the daemon uses another value, prints a comment that states this value. */
static void difference_print(const struct values *values, const struct settings_row *row)
{
	struct span used;
	struct quote quote;
	enum running_difference difference = running_compare(values->running, values->settings, row, &used);
	if (difference == RUNNING_SAME)
		return;
	if (difference == RUNNING_TOO_LONG || difference == RUNNING_OTHER)
		printf("# %s: it is not known which value stsgated uses; %s\n", row->name, running_advice(difference));
	else
		printf("# %s: stsgated uses %s; for the value below, %s\n", row->name,
			quote_bytes(&quote, used.at, used.len), running_advice(difference));
}

/* Prints comments that state which daemon uses these settings, and whether it uses all of them. */
static void running_print(const struct values *values)
{
	char words[RUNNING_TEXT_SIZE];
	struct when when;
	struct quote quote;
	unsigned differ;
	running_describe(values->running, words);
	printf("# %s\n", words);
	if (!is_running(values))
		return;
	differ = running_differences(values->running, values->settings);
	printf("# stsgated has used its settings since %s; its settings file is %s\n",
		when_date(&when, values->running->self.settings_at), quote_string(&quote, values->running->self.file));
	if (differ > 0)
		printf("# %u of the settings below %s not in use\n", differ, differ == 1 ? "is" : "are");
}

/* Prints the settings that equal their default, or those that do not. */
static void values_print(struct values *values, bool by_default)
{
	bool first = true;
	for (size_t i = 0; i < settings_table_count; i++) {
		const struct settings_row *row = &settings_table[i];
		if (!row_asked(values, row) || value_format(values, row) != by_default)
			continue;
		if (first)
			puts(by_default ? "# default" : "# set");
		first = false;
		if (is_running(values))
			difference_print(values, row);
		const char *effective = effective_value(values, row->name);
		if (*effective)
			printf("# %s is empty; because of other settings, it acts as %s\n", row->name, effective);
		printf("%s =%s%s\n", row->name, *values->text ? " " : "", values->text);
	}
}

static void running_add_json(const struct values *values, const struct settings_row *row, json_t *value)
{
	struct span used;
	enum running_difference difference = running_compare(values->running, values->settings, row, &used);
	bool known = difference != RUNNING_TOO_LONG && difference != RUNNING_OTHER;
	json_put(value, "running", known ? json_text_bytes(used.at, used.len) : NULL);
	json_put(value, "remedy", json_text(running_remedy(difference)));
}

static void values_print_json(struct values *values)
{
	json_t *object = json_made(json_object());
	for (size_t i = 0; i < settings_table_count; i++) {
		const struct settings_row *row = &settings_table[i];
		if (!row_asked(values, row))
			continue;
		json_t *value = json_made(json_object());
		bool by_default = value_format(values, row);
		json_put(value, "value", json_text_bytes(values->text, strlen(values->text)));
		uint64_t number;
		if (settings_number(values->settings, row, &number))
			json_put(value, "number", json_made(json_integer((json_int_t)number)));
		json_put(value, "default", json_boolean(by_default));
		if (*effective_value(values, row->name))
			json_put(value, "acts_as", json_text(effective_value(values, row->name)));
		if (is_running(values))
			running_add_json(values, row, value);
		json_put(object, row->name, value);
	}
	json_print(object);
}

/* Reads the daemon's snapshot. Returns NULL if there is no store that can be read. A store that is not there yet is no
 * reason for a message. */
static struct running *running_find(const struct settings *settings)
{
	struct failure why = {0};
	struct store *store = store_open(settings->store_path, settings->store_max_bytes, STORE_GUEST, &why);
	struct running *running = store ? running_read(store, settings->store_path, &why) : NULL;
	store_close(&store);
	if (!running && why.code != EX_NOINPUT)
		fprintf(stderr, "stsgate: note: it is not known which settings stsgated uses: %s\n", why.text);
	return running;
}

int settings_run(const struct options *options, size_t count, char **words)
{
	int status = EX_USAGE;
	struct failure why = {0};
	struct settings *settings = names_known(count, words) ? session_settings(options, &status) : NULL;
	struct settings *defaults = settings ? settings_read(NULL, false, NULL, 0, &why) : NULL;
	if (defaults) {
		struct running *running = running_find(settings);
		struct values values = {
			settings, defaults, running, xmalloc(VALUE_SIZE), xmalloc(VALUE_SIZE), count, words};
		if (options->json) {
			values_print_json(&values);
		} else {
			if (running)
				running_print(&values);
			values_print(&values, false);
			values_print(&values, true);
		}
		free(values.text);
		free(values.by_default);
		free(running);
		status = STATUS_YES;
	} else if (settings) {
		status = complain(&why);
	}
	settings_free(&defaults);
	settings_free(&settings);
	return status;
}
