/* The commands of stsgate. Each command gets its arguments, without its own name, and returns the exit status. */
#ifndef CLI_COMMANDS_H
#define CLI_COMMANDS_H

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

/* Exit statuses of the commands. Failures have the statuses of sysexits.h, from 64. */
enum { STATUS_YES = 0, STATUS_NO = 1, STATUS_UNSURE = 2 };
/* What a command returns whose words are in none of the forms of its usage: main() then prints the usage. */
enum { STATUS_WORDS = -1 };

struct options {
	const char *file; /* the settings file; NULL: the default file, which may be missing */
	char **overrides; /* `name=value` */
	size_t override_count;
	bool json;
	/* The options that belong to a single command (command.def), in the order in which they were given. */
	struct own_value {
		const char *name, *value; /* `value` is "" if the option was given without an argument */
	} * own;
	size_t own_count;
};

/* Returns the value of the next option `name` at or behind index `*at`, and sets `*at` behind that option. Returns NULL if
 * there is none. To read an option that may be repeated, start with `*at` 0. */
static inline const char *option_next(const struct options *options, const char *name, size_t *at)
{
	while (*at < options->own_count) {
		const struct own_value *own = &options->own[(*at)++];
		if (strcmp(own->name, name) == 0)
			return own->value;
	}
	return NULL;
}
/* Returns the value of an option that belongs to a single command: the last one, if it was repeated. Returns NULL if the
 * option was not given. */
static inline const char *option_value(const struct options *options, const char *name)
{
	const char *value = NULL;
	size_t at = 0;
	for (const char *next; (next = option_next(options, name, &at));)
		value = next;
	return value;
}
/* Returns whether an option that belongs to a single command was given. */
static inline bool option_given(const struct options *options, const char *name)
{
	return option_value(options, name) != NULL;
}

/* Returns the exit status of a command with several arguments: the largest of their statuses. */
static inline int status_worse(int a, int b)
{
	return a > b ? a : b;
}

typedef int command_run(const struct options *options, size_t count, char **words);

command_run doctor_run;
command_run audit_run;
command_run export_run;
command_run events_run;
command_run fleet_run;
command_run forget_run;
command_run import_run;
command_run lint_run;
command_run list_run;
command_run override_run;
command_run query_run;
command_run refresh_run;
command_run report_run;
command_run settings_run;
command_run show_run;
command_run stats_run;
command_run warm_run;
command_run why_run;

#endif
