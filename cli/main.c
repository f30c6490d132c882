/* stsgate: the tool. It reads the options, looks the command up in a table and runs it. A command does all its work in
 * this process, on the daemon's store. */
#include "commands.h"
#include "log.h"
#include "memory.h"

#include <getopt.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

struct command {
	const char *name;
	size_t words_min, words_max;
	command_run *run;
	const char *usage;
	const char *sentence;
};

static const struct command commands[] = {
	{"query", 1, 1, query_run, "query DOMAIN|USER@DOMAIN|[HOST]:PORT", "check a next hop now and show each step"},
	{"list", 0, 0, list_run, "list", "list the domains in the store"},
	{"show", 1, 1, show_run, "show DOMAIN", "show all data that the store has about a domain"},
	{"refresh", 1, SIZE_MAX, refresh_run, "refresh DOMAIN...", "look up stored domains again"},
	{"forget", 1, SIZE_MAX, forget_run, "forget DOMAIN...", "remove domains from the store"},
	{"export", 0, SIZE_MAX, export_run, "export [DOMAIN...]", "print the data of the store as lines of JSON"},
	{"import", 1, 1, import_run, "import FILE|-", "merge the export of another relay into the store"},
	{"warm", 1, 1, warm_run, "warm [--rate N] FILE|-", "look up a list of domains before their first message"},
	{"events", 0, SIZE_MAX, events_run, "events [--since DURATION] [--kind KIND] [DOMAIN...]",
		"show what stsgated has noted for the operator, newest last"},
	{"settings", 0, SIZE_MAX, settings_run, "settings [NAME...]", "show the settings in force"},
	{"lint", 2, 3, lint_run, "lint policy FILE|- | record TEXT | mx PATTERN HOST",
		"check a policy, record or pattern before you publish it"},
};

/* Options that belong to a single command. Each has an argument, which the command gets from option_value(). */
static const struct {
	const char *command, *name, *argument, *sentence;
} own_options[] = {
	{"warm", "rate", "N", "start at most N domains per second (default: 10)"},
	{"events", "since", "DURATION", "show only events of the last DURATION"},
	{"events", "kind", "KIND", "show only events of this kind"},
};

#define COMMAND_COUNT (sizeof commands / sizeof *commands)
#define OWN_COUNT (sizeof own_options / sizeof *own_options)
#define OWN_FIRST 256 /* what getopt_long() returns for the first of own_options; greater than any letter */
_Static_assert(OWN_COUNT <= OPTIONS_OWN_MAX, "struct options has room for each option of a single command");

static int help_print(void)
{
	puts("usage: stsgate [-c FILE] [-o NAME=VALUE]... [--json] COMMAND [ARG]...\n");
	for (size_t i = 0; i < COMMAND_COUNT; i++)
		printf("  %s\n      %s\n", commands[i].usage, commands[i].sentence);
	puts("\n  -c FILE        read the settings from FILE (default: " SYSCONFDIR "/stsgate.conf)\n"
	     "  -o NAME=VALUE  override a setting\n"
	     "  --json         print JSON instead of text");
	for (size_t i = 0; i < OWN_COUNT; i++) {
		int width = printf("  --%s %s", own_options[i].name, own_options[i].argument);
		printf("%s%*sfor %s: %s\n", width > 16 ? "\n" : "", width > 16 ? 17 : 17 - width, "",
			own_options[i].command, own_options[i].sentence);
	}
	puts("  --help, -V     print this help, print the version\n\n"
	     "Exit status: 0 mail would pass, valid, match, or done; 1 mail would wait, invalid, no match, or not in\n"
	     "the store; 2 unknown, because a lookup or probe failed; 64 and above an error, as in sysexits.h.");
	return STATUS_YES;
}

static int usage_error(const char *what)
{
	fprintf(stderr, "stsgate: %s; see `stsgate --help`\n", what);
	return EX_USAGE;
}

static int command_start(const struct options *options, size_t count, char **words)
{
	const struct command *command = NULL;
	for (size_t i = 0; count > 0 && i < COMMAND_COUNT; i++)
		if (strcmp(commands[i].name, words[0]) == 0)
			command = &commands[i];
	if (!command)
		return usage_error(count > 0 ? "unknown command" : "no command given");
	count--;
	if (count < command->words_min || count > command->words_max) {
		fprintf(stderr, "usage: stsgate %s\n", command->usage);
		return EX_USAGE;
	}
	for (size_t i = 0; i < OWN_COUNT; i++) {
		if (!options->own[i].value || strcmp(own_options[i].command, command->name) == 0)
			continue;
		char what[64];
		snprintf(
			what, sizeof what, "--%s is an option of %s only", own_options[i].name, own_options[i].command);
		return usage_error(what);
	}
	return command->run(options, count, words + 1);
}

/* Reads the options, which may stand before and after the command: because the option string begins with "-",
 * getopt_long() also returns the words that are no options, in their order. Returns -1 to go on, or the exit status if
 * the tool must end now. */
static int options_read(struct options *options, int argc, char **argv, size_t *count, char **words)
{
	struct option names[OWN_COUNT + 4] = {{"json", no_argument, NULL, 'j'}, {"help", no_argument, NULL, 'h'},
		{"version", no_argument, NULL, 'V'}};
	for (size_t i = 0; i < OWN_COUNT; i++)
		names[3 + i] = (struct option){own_options[i].name, required_argument, NULL, OWN_FIRST + (int)i};
	for (int got; (got = getopt_long(argc, argv, "-c:o:V", names, NULL)) != -1;) {
		if (got == 1)
			words[(*count)++] = optarg;
		else if (got == 'c')
			options->file = optarg;
		else if (got == 'o')
			options->overrides[options->override_count++] = optarg;
		else if (got == 'j')
			options->json = true;
		else if (got >= OWN_FIRST)
			options->own[got - OWN_FIRST] = (struct own_value){own_options[got - OWN_FIRST].name, optarg};
		else if (got == 'h')
			return help_print();
		else if (got == 'V')
			return printf("stsgate %s\n", PACKAGE_VERSION) < 0 ? EX_IOERR : STATUS_YES;
		else
			return usage_error("invalid option");
	}
	while (optind < argc)
		words[(*count)++] = argv[optind++];
	return -1;
}

int main(int argc, char **argv)
{
	char **words = xcalloc((size_t)argc + 1, sizeof *words);
	struct options options = {.overrides = xcalloc((size_t)argc + 1, sizeof *options.overrides)};
	log_open("stsgate", true);
	log_terse();
	size_t count = 0;
	int status = options_read(&options, argc, argv, &count, words);
	if (status < 0)
		status = command_start(&options, count, words);
	free(words);
	free(options.overrides);
	if (fflush(stdout) != 0 || ferror(stdout)) {
		perror("stsgate: output");
		return EX_IOERR;
	}
	return status;
}
