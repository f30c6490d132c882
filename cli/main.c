/* stsgate: the tool. It reads the options, looks the command up in a table and runs it. A command does all its work in
 * this process, on the daemon's store. */
#include "commands.h"
#include "log.h"
#include "memory.h"
#include "output.h"
#include "values.h"

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
	const char *usage; /* one form a line */
	const char *sentence;
	const char *help;
};

static const struct command commands[] = {
#define COMMAND(run, name, words_min, words_max, usage, sentence, help)                                                \
	{name, words_min, words_max, run, usage, sentence, help},
#define OPTION(command, name, argument, sentence)
#define WORDS(command, argument, words)
#include "command.def"
#undef COMMAND
#undef OPTION
#undef WORDS
};

/* Options that belong to a single command. */
static const struct own_option {
	const char *command, *name, *argument, *sentence;
} own_options[] = {
#define COMMAND(run, name, words_min, words_max, usage, sentence, help)
#define OPTION(command, name, argument, sentence) {command, name, argument, sentence},
#define WORDS(command, argument, words)
#include "command.def"
#undef COMMAND
#undef OPTION
#undef WORDS
};

/* Arguments that are words from a list. */
static const struct {
	const char *command, *argument;
	value_words *words;
} word_lists[] = {
#define COMMAND(run, name, words_min, words_max, usage, sentence, help)
#define OPTION(command, name, argument, sentence)
#define WORDS(command, argument, words) {command, argument, words},
#include "command.def"
#undef COMMAND
#undef OPTION
#undef WORDS
};

#define COMMAND_COUNT (sizeof commands / sizeof *commands)
#define OWN_COUNT (sizeof own_options / sizeof *own_options)
#define HELP_WIDTH 80  /* characters of a line with words */
#define HELP_COLUMN 17 /* where the sentence about an option begins */

/* What getopt_long() returns for long options: greater than any letter. From LONG_OWN on: the rows of own_options. */
enum { LONG_JSON = 256, LONG_HELP, LONG_VERSION, LONG_OWN };

static const struct command *command_find(const char *name)
{
	for (size_t i = 0; name && i < COMMAND_COUNT; i++)
		if (strcmp(commands[i].name, name) == 0)
			return &commands[i];
	return NULL;
}

/* Prints each form of the command's usage on a line of its own: `before`, then the form. */
static void usage_print(FILE *to, const struct command *command, const char *before)
{
	for (const char *form = command->usage; *form;) {
		size_t len = strcspn(form, "\n");
		fprintf(to, "%s%.*s\n", before, (int)len, form);
		form += len + (form[len] == '\n');
	}
}

/* Prints an option of a single command. `whose` comes before the sentence. */
static void own_option_print(const struct own_option *own, const char *whose)
{
	const char *argument = own->argument ? own->argument : "";
	bool may_lack = *argument == '['; /* `[SECONDS]` is shown as in the usage: `[=SECONDS]` */
	int width = printf("  --%s%s%s", own->name, may_lack ? "[=" : *argument ? " " : "", argument + may_lack);
	if (width >= HELP_COLUMN) {
		putchar('\n');
		width = 0;
	}
	printf("%*s%s%s\n", HELP_COLUMN - width, "", whose, own->sentence);
}

static int help_print(void)
{
	puts("usage: stsgate [-c FILE] [-o NAME=VALUE]... [--json] COMMAND [ARG]...\n");
	for (size_t i = 0; i < COMMAND_COUNT; i++) {
		usage_print(stdout, &commands[i], "  ");
		printf("      %s\n", commands[i].sentence);
	}
	puts("\n  -c FILE        read the settings from FILE (default: " SYSCONFDIR "/stsgate.conf)\n"
	     "  -o NAME=VALUE  override a setting\n"
	     "  --json         print JSON instead of text");
	for (size_t i = 0; i < OWN_COUNT; i++) {
		char whose[32];
		snprintf(whose, sizeof whose, "for %s: ", own_options[i].command);
		own_option_print(&own_options[i], whose);
	}
	puts("  -h, --help     print this help; with a command, what the command does\n"
	     "  -V, --version  print the version\n\n"
	     "Exit status: 0 mail would pass, valid, match, or done; 1 mail would wait, invalid, no match, or not in\n"
	     "the store; 2 unknown, because a lookup or probe failed; 64 and above an error, as in sysexits.h.");
	return STATUS_YES;
}

/* Prints the words that an argument may have, in lines of at most HELP_WIDTH characters. */
static void words_print(const char *argument, value_words *words)
{
	int column = HELP_WIDTH;
	printf("\n%s is one of:", argument);
	for (unsigned i = 0; words(i); i++) {
		if (column + 1 + (int)strlen(words(i)) > HELP_WIDTH)
			column = printf("\n ") - 1;
		column += printf(" %s", words(i));
	}
	putchar('\n');
}

static int command_help_print(const struct command *command)
{
	usage_print(stdout, command, "usage: stsgate ");
	printf("\n%s: %s.\n%s", command->name, command->sentence, command->help);
	const char *before = "\n";
	for (size_t i = 0; i < OWN_COUNT; i++) {
		if (strcmp(own_options[i].command, command->name) != 0)
			continue;
		fputs(before, stdout);
		before = "";
		own_option_print(&own_options[i], "");
	}
	for (size_t i = 0; i < sizeof word_lists / sizeof *word_lists; i++)
		if (strcmp(word_lists[i].command, command->name) == 0)
			words_print(word_lists[i].argument, word_lists[i].words);
	puts("\nOptions of all commands: `stsgate --help`. Everything else: stsgate(1).");
	return STATUS_YES;
}

static int usage_error(const char *what)
{
	fprintf(stderr, "stsgate: %s; see `stsgate --help`\n", what);
	return EX_USAGE;
}

static int unknown_error(const char *kind, const char *word)
{
	struct quote quote;
	char what[sizeof quote.text + 64];
	snprintf(what, sizeof what, "unknown %s %s", kind, quote_string(&quote, word));
	return usage_error(what);
}

/* Reports an option that getopt_long() could not read. `word` is the word that it read last. */
static int option_error(bool lacks_argument, const char *word)
{
	char letter[] = {'-', (char)optopt, '\0'}, what[128];
	bool is_letter = optopt > 0 && optopt < LONG_JSON;
	struct quote quote;
	quote_string(&quote, is_letter ? letter : word);
	if (!lacks_argument)
		return unknown_error("option", is_letter ? letter : word);
	snprintf(what, sizeof what, "%.80s needs an argument", quote.text);
	return usage_error(what);
}

static bool has_option(const struct command *command, const char *name)
{
	for (size_t i = 0; i < OWN_COUNT; i++)
		if (strcmp(own_options[i].command, command->name) == 0 && strcmp(own_options[i].name, name) == 0)
			return true;
	return false;
}

static int command_start(const struct options *options, size_t count, char **words)
{
	const struct command *command = count > 0 ? command_find(words[0]) : NULL;
	if (!command)
		return count > 0 ? unknown_error("command", words[0]) : usage_error("no command given");
	count--;
	if (count < command->words_min || count > command->words_max) {
		struct quote quote;
		if (count > command->words_max)
			fprintf(stderr, "stsgate: %s: one word too many: %s\n", command->name,
				quote_string(&quote, words[1 + command->words_max]));
		usage_print(stderr, command, "usage: stsgate ");
		return EX_USAGE;
	}
	for (size_t i = 0; i < options->own_count; i++) {
		const char *name = options->own[i].name;
		if (has_option(command, name))
			continue;
		char what[128];
		snprintf(what, sizeof what, "--%s is not an option of %s", name, command->name);
		return usage_error(what);
	}
	int status = command->run(options, count, words + 1);
	if (status != STATUS_WORDS)
		return status;
	usage_print(stderr, command, "usage: stsgate ");
	return EX_USAGE;
}

/* Returns the long options for getopt_long(). An option of several commands is in the list once. The caller frees. */
static struct option *names_make(void)
{
	static const struct option general[] = {{"json", no_argument, NULL, LONG_JSON},
		{"help", no_argument, NULL, LONG_HELP}, {"version", no_argument, NULL, LONG_VERSION}};
	size_t count = sizeof general / sizeof *general;
	struct option *names = xcalloc(count + OWN_COUNT + 1, sizeof *names);
	memcpy(names, general, sizeof general);
	for (size_t i = 0; i < OWN_COUNT; i++) {
		const struct own_option *own = &own_options[i];
		bool known = false;
		for (size_t k = 0; k < i && !known; k++)
			known = strcmp(own_options[k].name, own->name) == 0;
		int argument = !own->argument            ? no_argument
			       : own->argument[0] == '[' ? optional_argument
							 : required_argument;
		if (!known)
			names[count++] = (struct option){own->name, argument, NULL, LONG_OWN + (int)i};
	}
	return names;
}

/* Reads the options, which may stand before and after the command: because the option string begins with "-",
 * getopt_long() also returns the words that are no options, in their order. Returns -1 to go on, or the exit status if
 * the tool must end now. Sets `help` if help is wanted. */
static int options_read(struct options *options, int argc, char **argv, size_t *count, char **words, bool *help)
{
	struct option *names = names_make();
	int status = -1;
	opterr = 0;
	for (int got; status < 0 && (got = getopt_long(argc, argv, "-:c:o:hV", names, NULL)) != -1;) {
		if (got == 1)
			words[(*count)++] = optarg;
		else if (got == 'c')
			options->file = optarg;
		else if (got == 'o')
			options->overrides[options->override_count++] = optarg;
		else if (got == LONG_JSON)
			options->json = true;
		else if (got >= LONG_OWN)
			options->own[options->own_count++] =
				(struct own_value){own_options[got - LONG_OWN].name, optarg ? optarg : ""};
		else if (got == 'h' || got == LONG_HELP)
			*help = true;
		else if (got == 'V' || got == LONG_VERSION)
			status = printf("stsgate %s\n", PACKAGE_VERSION) < 0 ? EX_IOERR : STATUS_YES;
		else
			status = option_error(got == ':', argv[optind - 1]);
	}
	while (status < 0 && optind < argc)
		words[(*count)++] = argv[optind++];
	free(names);
	return status;
}

int main(int argc, char **argv)
{
	size_t room = (size_t)argc + 1, count = 0;
	char **words = xcalloc(room, sizeof *words);
	struct options options = {
		.overrides = xcalloc(room, sizeof *options.overrides), .own = xcalloc(room, sizeof *options.own)};
	bool help = false;
	log_open("stsgate", true);
	log_terse();
	int status = options_read(&options, argc, argv, &count, words, &help);
	const struct command *command = count > 0 ? command_find(words[0]) : NULL;
	if (status < 0 && help)
		status = command ? command_help_print(command) : help_print();
	else if (status < 0)
		status = command_start(&options, count, words);
	free(words);
	free(options.overrides);
	free(options.own);
	if (fflush(stdout) != 0 || ferror(stdout)) {
		perror("stsgate: output");
		return EX_IOERR;
	}
	return status;
}
