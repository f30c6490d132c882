/* The commands of stsgate. Each command gets its arguments, without its own name, and returns the exit status. */
#ifndef CLI_COMMANDS_H
#define CLI_COMMANDS_H

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#define OPTIONS_OWN_MAX 8 /* the most options that belong to a single command, counted over all commands */

/* Exit statuses of the commands. Failures have the statuses of sysexits.h, from 64. */
enum { STATUS_YES = 0, STATUS_NO = 1, STATUS_UNSURE = 2 };

struct options {
	const char *file; /* the settings file; NULL: the default file, which may be missing */
	char **overrides; /* `name=value` */
	size_t override_count;
	bool json;
	struct own_value {
		const char *name, *value;
	} own[OPTIONS_OWN_MAX]; /* options that belong to a single command (main.c); `name` NULL: not given */
};
/* Returns the value of an option that belongs to a single command, or NULL if the option was not given. */
static inline const char *option_value(const struct options *options, const char *name)
{
	for (size_t i = 0; i < OPTIONS_OWN_MAX; i++)
		if (options->own[i].name && strcmp(options->own[i].name, name) == 0)
			return options->own[i].value;
	return NULL;
}

/* Returns the exit status of a command with several arguments: the largest of their statuses. */
static inline int status_worse(int a, int b)
{
	return a > b ? a : b;
}

typedef int command_run(const struct options *options, size_t count, char **words);

command_run export_run;
command_run events_run;
command_run forget_run;
command_run import_run;
command_run lint_run;
command_run list_run;
command_run query_run;
command_run refresh_run;
command_run settings_run;
command_run show_run;
command_run warm_run;

#endif
