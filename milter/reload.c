#include "reload.h"

#include "log.h"
#include "memory.h"
#include "text.h"

#include <stdlib.h>
#include <string.h>

#define SHOWN_MAX 200     /* characters that the log shows of one value, or of one item of a list */
#define CHANGES_SIZE 2048 /* of the description of all changes */

struct settings *settings_source_read(const struct settings_source *source, struct failure *why)
{
	return settings_read(source->file, source->must_exist, source->overrides, source->override_count, why);
}

unsigned reload_restart_names(const struct settings *running, const struct settings *fresh, char *out, size_t size)
{
	struct text names;
	unsigned count = 0;
	text_init(&names, out, size);
	for (size_t i = 0; i < settings_table_count; i++) {
		const struct settings_row *row = &settings_table[i];
		if (row->when == SETTINGS_RELOAD || settings_equal(running, fresh, row))
			continue;
		text_add(&names, count++ > 0 ? " " : "");
		text_add(&names, row->name);
	}
	return count;
}

static void value_describe(struct text *text, const struct settings *settings, const struct settings_row *row)
{
	char *value = xmalloc(SETTINGS_FILE_MAX + 1);
	settings_format(settings, row, value, SETTINGS_FILE_MAX + 1);
	text_quote(text, value, strlen(value), SHOWN_MAX);
	free(value);
}

/* Describes one change as `name: old -> new`. Returns false, with the text as it was, if there is no room. */
static bool change_describe(
	struct text *text, const struct settings *before, const struct settings *after, const struct settings_row *row)
{
	size_t len = text->len;
	text_add(text, len > 0 ? ", " : "");
	text_add(text, row->name);
	text_add(text, ": ");
	value_describe(text, before, row);
	text_add(text, " -> ");
	value_describe(text, after, row);
	if (!text->cut)
		return true;
	text->len = len;
	text->bytes[len] = '\0';
	return false;
}

unsigned reload_changes(const struct settings *before, const struct settings *after, char *out, size_t size)
{
	struct text text;
	unsigned count = 0, left_out = 0;
	text_init(&text, out, size - sizeof ", and 999 more" + 1);
	for (size_t i = 0; i < settings_table_count; i++) {
		const struct settings_row *row = &settings_table[i];
		if (row->when == SETTINGS_RESTART || settings_equal(before, after, row))
			continue;
		count++;
		if (left_out > 0 || !change_describe(&text, before, after, row))
			left_out++;
	}
	text.size = size;
	text.cut = false;
	if (left_out > 0) {
		text_add(&text, text.len > 0 ? ", and " : "");
		text_add_number(&text, left_out);
		text_add(&text, " more");
	}
	return count;
}

bool reload_run(struct check *check, const struct loops *loops, const struct settings_source *source,
	const struct settings *running)
{
	struct failure why;
	struct settings *settings = settings_source_read(source, &why);
	struct config *config = settings ? config_new(settings, loops, &why) : NULL;
	if (!config) {
		log_error("reload failed; the previous settings stay in effect: %s", why.text);
		return false;
	}
	char names[1024], changes[CHANGES_SIZE], warning[CONFIG_WARNING_SIZE];
	struct config *before = check_config(check);
	bool restart = reload_restart_names(running, config->settings, names, sizeof names) > 0;
	bool changed = reload_changes(before->settings, config->settings, changes, sizeof changes) > 0;
	config_unref(&before);
	settings_warn(config->settings);
	if (config_warning(config, warning)[0] != '\0')
		log_warning("%s", warning);
	check_reconfigure(check, config);
	log_info("reloaded the settings: %s; mode %s", changed ? changes : "nothing changed",
		config->settings->mode == MODE_MONITOR ? "monitor" : "enforce");
	config_unref(&config);
	if (restart)
		log_warning("these changed settings take effect only after a restart: %s", names);
	return true;
}
