/* report: TLS reports (RFC 8460), those that this relay makes and those that it gets. */
#include "report_parts.h"

#include "clock.h"
#include "output.h"
#include "text.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>
#include <time.h>

/* The words that may follow `report`. `options`: the options of the word, each with a blank before and after it. */
static const struct form {
	const char *word;
	size_t words_min, words_max; /* that follow it */
	command_run *run;
	const char *options;
} forms[] = {
	{"list", 0, 0, report_list, ""},
	{"read", 1, SIZE_MAX, report_read, ""},
	{"show", 1, 1, report_show, " day "},
	{"send", 0, 0, report_send, " due "},
	{"bounced", 1, 1, report_bounced, ""},
	{"test", 1, 1, report_test, ""},
};
#define FORM_COUNT (sizeof forms / sizeof *forms)

static const struct form *form_find(const char *word)
{
	for (size_t i = 0; i < FORM_COUNT; i++)
		if (strcmp(forms[i].word, word) == 0)
			return &forms[i];
	return NULL;
}

static bool form_has(const struct form *form, const char *option)
{
	char name[64];
	snprintf(name, sizeof name, " %.60s ", option);
	return strstr(form->options, name) != NULL;
}

/* Returns whether the options belong to the form. Prints a message about the first one that belongs to others only. */
static bool options_fit(const struct form *form, const struct options *options)
{
	for (size_t i = 0; i < options->own_count; i++) {
		const char *option = options->own[i].name, *before = "";
		if (form_has(form, option))
			continue;
		fprintf(stderr, "stsgate: --%s is an option of ", option);
		for (size_t k = 0; k < FORM_COUNT; k++) {
			if (!form_has(&forms[k], option))
				continue;
			fprintf(stderr, "%s`report %s`", before, forms[k].word);
			before = " and ";
		}
		fputs(" only\n", stderr);
		return false;
	}
	return true;
}

int report_run(const struct options *options, size_t count, char **words)
{
	const struct form *form = form_find(words[0]);
	struct quote quote;
	if (!form)
		fprintf(stderr, "stsgate: report: unknown word %s\n", quote_string(&quote, words[0]));
	if (!form || count - 1 < form->words_min || count - 1 > form->words_max)
		return STATUS_WORDS;
	return options_fit(form, options) ? form->run(options, count - 1, words + 1) : EX_USAGE;
}

/* --- days --------------------------------------------------------------------------------------------------------- */

const char *report_day_text(char out[REPORT_DAY_SIZE], int64_t day)
{
	char date[64];
	struct text text;
	text_init(&text, date, sizeof date);
	text_add_time(&text, day * TALLY_DAY_S);
	date[strcspn(date, "T")] = '\0';
	snprintf(out, REPORT_DAY_SIZE, "%.10s", date);
	return out;
}

bool report_day_read(const char *text, int64_t *day)
{
	int year, month, mday, end = 0;
	char back[REPORT_DAY_SIZE];
	struct quote quote;
	*day = tlsrpt_day(clock_wall_s()) - (strcmp(text, "yesterday") == 0);
	if (strcmp(text, "today") == 0 || strcmp(text, "yesterday") == 0)
		return true;
	if (sscanf(text, "%4d-%2d-%2d%n", &year, &month, &mday, &end) == 3 && text[end] == '\0') {
		struct tm parts = {.tm_year = year - 1900, .tm_mon = month - 1, .tm_mday = mday};
		*day = timegm(&parts) / TALLY_DAY_S;
		if (strcmp(report_day_text(back, *day), text) == 0)
			return true;
	}
	fprintf(stderr, "stsgate: --day: %s is not a day; write it like 2026-01-31, or today or yesterday (in UTC)\n",
		quote_string(&quote, text));
	return false;
}
