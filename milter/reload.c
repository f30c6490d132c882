#include "reload.h"

#include "log.h"
#include "text.h"

#include <string.h>

#define VALUE_SIZE 4096

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
		char before[VALUE_SIZE], after[VALUE_SIZE];
		const struct settings_row *row = &settings_table[i];
		if (row->when == SETTINGS_RELOAD)
			continue;
		settings_format(running, row, before, sizeof before);
		settings_format(fresh, row, after, sizeof after);
		if (strcmp(before, after) == 0)
			continue;
		text_add(&names, count++ > 0 ? " " : "");
		text_add(&names, row->name);
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
	char names[1024], warning[CONFIG_WARNING_SIZE];
	bool restart = reload_restart_names(running, config->settings, names, sizeof names) > 0;
	settings_warn(config->settings);
	if (config_warning(config, warning)[0] != '\0')
		log_warning("%s", warning);
	check_reconfigure(check, config);
	config_unref(&config);
	log_info("reloaded the settings");
	if (restart)
		log_warning("these changed settings take effect only after a restart: %s", names);
	return true;
}
