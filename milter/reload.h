/* Settings read anew while the daemon runs: the new state is built whole, or the old one stays. The main thread only.
 */
#ifndef MILTER_RELOAD_H
#define MILTER_RELOAD_H

#include "check.h"

struct settings_source {
	const char *file;
	bool must_exist;
	char **overrides; /* of -o */
	size_t override_count;
};

/* Reads the settings; see settings_read(). */
struct settings *settings_source_read(const struct settings_source *source, struct failure *why);
/* `running` are the settings that the daemon was started with. Tells the log what changed that needs a restart. */
bool reload_run(struct check *check, const struct loops *loops, const struct settings_source *source,
	const struct settings *running);
/* The names, blank-separated, of settings that need a restart and differ. Returns how many. */
unsigned reload_restart_names(const struct settings *running, const struct settings *fresh, char *out, size_t size);

#endif
