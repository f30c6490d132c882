/* Reloads the settings while the daemon runs. If any part of the new configuration fails, the whole old configuration
 * stays in effect. Call these functions on the main thread. */
#ifndef MILTER_RELOAD_H
#define MILTER_RELOAD_H

#include "check.h"

struct settings_source {
	const char *file;
	bool must_exist;
	char **overrides; /* the arguments of -o */
	size_t override_count;
};

/* Calls settings_read() for this source. */
struct settings *settings_source_read(const struct settings_source *source, struct failure *why);
/* Reads the settings again and puts them into effect. `running` are the settings from the start of the daemon. Logs the
 * result, what has changed, and the names of changed settings that need a restart. Returns false if the old settings stay
 * in effect. */
bool reload_run(struct check *check, const struct loops *loops, const struct settings_source *source,
	const struct settings *running);
/* Writes the names of the settings that differ between `running` and `fresh` and need a restart, separated by blanks,
 * into `out`. Returns their number. */
unsigned reload_restart_names(const struct settings *running, const struct settings *fresh, char *out, size_t size);
/* Describes the settings that differ and need no restart as `name: old -> new`, separated by commas, in `out`. Values are
 * quoted and cut. What does not fit is counted at the end. Returns the number of these settings. `size` is at least 64. */
unsigned reload_changes(const struct settings *before, const struct settings *after, char *out, size_t size);

#endif
