/* stsgate: the tool. It reads the options, looks the command up in a table and runs it. A command does all its work in this
 * process, on the daemon's store. */
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
	{"query", 1, 1, query_run, "query DOMAIN|USER@DOMAIN|[HOST]:PORT", "check a next hop now and tell each step"},
	{"list", 0, 0, list_run, "list", "the domains in the store"},
	{"show", 1, 1, show_run, "show DOMAIN", "all that the store knows of a domain"},
	{"refresh", 1, SIZE_MAX, refresh_run, "refresh DOMAIN...", "look everything up anew for stored domains"},
	{"forget", 1, SIZE_MAX, forget_run, "forget DOMAIN...", "take domains out of the store"},
	{"export", 0, SIZE_MAX, export_run, "export [DOMAIN...]", "all that the store knows, as JSON lines"},
	{"import", 1, 1, import_run, "import FILE|-", "take what another relay exported into the store"},
	{"warm", 1, 1, warm_run, "warm [--rate N] FILE|-", "look up a list of domains ahead of their first message"},
	{"events", 0, SIZE_MAX, events_run, "events [--since DURATION] [--kind KIND] [DOMAIN...]",
		"what an operator should know, newest last"},
	{"settings", 0, SIZE_MAX, settings_run, "settings [NAME...]", "the settings in force"},
	{"lint", 2, 3, lint_run, "lint policy FILE|- | record TEXT | mx PATTERN HOST", "check what a domain publishes"},
};

/* Options of single commands. Each has an argument, which the command gets from option_value(). */
static const struct {
	const char *command, *name, *argument, *sentence;
} own_options[] = {
	{"warm", "rate", "N", "domains begun in a second (default: 10)"},
	{"events", "since", "DURATION", "only those that happened since"},
	{"events", "kind", "KIND", "only those of that kind"},
};

#define COMMAND_COUNT (sizeof commands / sizeof *commands)
#define OWN_COUNT (sizeof own_options / sizeof *own_options)
#define OWN_FIRST 256 /* for getopt_long(), above all letters */
_Static_assert(OWN_COUNT <= OPTIONS_OWN_MAX, "struct options has room for each option of a single command");

static int help_print(void)
{
	puts("usage: stsgate [-c FILE] [-o NAME=VALUE]... [--json] COMMAND [ARG]...\n");
	for (size_t i = 0; i < COMMAND_COUNT; i++)
		printf("  %s\n      %s\n", commands[i].usage, commands[i].sentence);
	puts("\n  -c FILE        read these settings (default: " SYSCONFDIR "/stsgate.conf)\n"
	     "  -o NAME=VALUE  override a setting\n"
	     "  --json         for programs");
	for (size_t i = 0; i < OWN_COUNT; i++) {
		int width = printf("  --%s %s", own_options[i].name, own_options[i].argument);
		printf("%s%*sof %s: %s\n", width > 16 ? "\n" : "", width > 16 ? 17 : 17 - width, "",
			own_options[i].command, own_options[i].sentence);
	}
	puts("  --help, -V     this text, the version\n\n"
	     "Exit status: 0 pass, no policy, valid, match, done; 1 would be deferred, invalid, no match, not there;\n"
	     "2 could not tell; 64 and more as in sysexits.h.");
	return STATUS_YES;
}

static int usage_error(const char *what)
{
	fprintf(stderr, "stsgate: %s; `stsgate --help` tells more\n", what);
	return EX_USAGE;
}

static int command_start(const struct options *options, size_t count, char **words)
{
	const struct command *command = NULL;
	for (size_t i = 0; count > 0 && i < COMMAND_COUNT; i++)
		if (strcmp(commands[i].name, words[0]) == 0)
			command = &commands[i];
	if (!command)
		return usage_error(count > 0 ? "there is no such command" : "a command is needed");
	count--;
	if (count < command->words_min || count > command->words_max) {
		fprintf(stderr, "usage: stsgate %s\n", command->usage);
		return EX_USAGE;
	}
	for (size_t i = 0; i < OWN_COUNT; i++) {
		if (!options->own[i].value || strcmp(own_options[i].command, command->name) == 0)
			continue;
		char what[64];
		snprintf(what, sizeof what, "--%s is for %s", own_options[i].name, own_options[i].command);
		return usage_error(what);
	}
	return command->run(options, count, words + 1);
}

/* Reads the options, which may stand before and after the command: "-" makes getopt_long() return the other words in their
 * order. Returns -1, or the exit status when the tool is to end at once. */
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
			return usage_error("an option is wrong");
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
