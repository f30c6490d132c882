/* The subcommands. Each takes its words (without the command's name) and returns the exit status. */
#ifndef CLI_COMMANDS_H
#define CLI_COMMANDS_H

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#define OPTIONS_OWN_MAX 8 /* of all commands */

/* Exit status; from 64 on those of sysexits.h. */
enum { STATUS_YES = 0, STATUS_NO = 1, STATUS_UNSURE = 2 };

struct options {
	const char *file; /* NULL: the default one, if there is one */
	char **overrides; /* `name=value` */
	size_t override_count;
	bool json;
	struct own_value {
		const char *name, *value;
	} own[OPTIONS_OWN_MAX]; /* options of one command, see main.c; unset ones are NULL */
};
/* Returns the value of an option of one command; NULL when it is not given. */
static inline const char *option_value(const struct options *options, const char *name)
{
	for (size_t i = 0; i < OPTIONS_OWN_MAX; i++)
		if (options->own[i].name && strcmp(options->own[i].name, name) == 0)
			return options->own[i].value;
	return NULL;
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
