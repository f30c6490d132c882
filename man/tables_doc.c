/* Writes the sections of the manuals that list the rows of a table (*.def), and the sample file of the settings. */
#include "event_record.h"
#include "finding.h"
#include "metrics.h"
#include "reason.h"
#include "settings.h"
#include "sign.h"
#include "tlsrpt_result.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#define SAMPLE_WIDTH 78
#define RANGE_SIZE 128
#define WORD_LONG 8 /* octets of a word that roff might hyphenate */

static const char *type_word(enum settings_type type)
{
	switch (type) {
	case SETTINGS_BOOL:
		return "yes or no";
	case SETTINGS_CHOICE:
		return "word";
	case SETTINGS_TEXT:
		return "text";
	case SETTINGS_LIST:
		return "list";
	case SETTINGS_DURATION:
		return "duration";
	case SETTINGS_SIZE:
		return "size";
	case SETTINGS_NUMBER:
		return "number";
	case SETTINGS_OCTAL:
		return "mode";
	}
	return "";
}

static const struct {
	char letter;
	int64_t factor;
} duration_units[] = {{'d', 86400}, {'h', 3600}, {'m', 60}},
  size_units[] = {{'G', 1 << 30}, {'M', 1 << 20}, {'k', 1024}};

static void limit_format(char *out, size_t size, enum settings_type type, int64_t number)
{
	if (type == SETTINGS_OCTAL) {
		snprintf(out, size, "%04o", (unsigned)number);
		return;
	}
	for (size_t i = 0; i < 3 && number > 0 && type != SETTINGS_NUMBER; i++) {
		int64_t factor = type == SETTINGS_SIZE ? size_units[i].factor : duration_units[i].factor;
		if (number % factor != 0)
			continue;
		char letter = type == SETTINGS_SIZE ? size_units[i].letter : duration_units[i].letter;
		snprintf(out, size, "%lld%c", (long long)(number / factor), letter);
		return;
	}
	snprintf(out, size, "%lld%s", (long long)number, type == SETTINGS_DURATION ? "s" : "");
}

/* Writes the values that a setting may have: "One of enforce, monitor.", "From 1s to 5m.", or "". */
static void range_format(char *out, const struct settings_row *row)
{
	char min[32], max[32];
	out[0] = '\0';
	if (row->type == SETTINGS_CHOICE) {
		size_t used = (size_t)snprintf(out, RANGE_SIZE, "One of ");
		for (const char *at = row->words; *at && used + 4 < RANGE_SIZE; at++) {
			if (*at == ' ')
				out[used++] = ',';
			out[used++] = *at;
		}
		out[used++] = '.';
		out[used] = '\0';
	} else if (row->max > 0) {
		limit_format(min, sizeof min, row->type, row->min);
		limit_format(max, sizeof max, row->type, row->max);
		const char *unit = row->type == SETTINGS_NUMBER ? row->words : "";
		snprintf(out, RANGE_SIZE, "From %s to %s%s%s.", min, max, *unit ? " " : "", unit);
	}
}

/* Writes text for the manual, with each sentence on a line of its own, as roff needs it. A dot or an apostrophe at the
 * beginning of a line would be a roff request, so it is escaped. Long words of commands (in backquotes) and URLs get
 * `\%`, so that roff does not hyphenate them. */
static void man_text(const char *text)
{
	bool command = false;
	if (text[0] == '.' || text[0] == '\'')
		printf("\\&");
	for (const char *at = text; *at; at++) {
		size_t len = at == text || at[-1] == ' ' ? strcspn(at, " ") : 0;
		if (len >= WORD_LONG && (command || *at == '`' || strncmp(at, "https://", 8) == 0))
			printf("\\%%");
		if (*at == '`')
			command = !command;
		bool sentence_ended = at > text && at[-1] == '.' && *at == ' ' && at[1] >= 'A' && at[1] <= 'Z';
		putchar(sentence_ended ? '\n' : *at);
	}
	putchar('\n');
}

/* Prints `text` as comment lines of at most SAMPLE_WIDTH columns. */
static void sample_comment(const char *text)
{
	size_t column = 0;
	for (const char *word = text; *word;) {
		size_t len = strcspn(word, " ");
		if (column > 0 && column + 1 + len > SAMPLE_WIDTH) {
			putchar('\n');
			column = 0;
		}
		column += (size_t)printf("%s%.*s", column ? " " : "# ", (int)len, word);
		word += len;
		word += strspn(word, " ");
	}
	putchar('\n');
}

static void settings_print(void)
{
	for (size_t i = 0; i < settings_table_count; i++) {
		const struct settings_row *row = &settings_table[i];
		char range[RANGE_SIZE];
		range_format(range, row);
		printf(".It Cm %s No = Ar %s\n", row->name, type_word(row->type));
		man_text(row->sentence);
		if (range[0])
			printf("%s\n", range);
		if (row->when == SETTINGS_RESTART)
			printf("A change needs a restart.\n");
		if (row->fallback[0])
			printf("Default:\n.Li %s\n", row->fallback);
		else
			printf("Default: empty.\n");
	}
}

static void sample_print(void)
{
	puts("# Settings of stsgated and stsgate; stsgate.conf(5) explains them. Each setting is listed\n"
	     "# with its default. A setting has the form `name = value`. A line that begins with a blank\n"
	     "# continues the line before it, and a comment needs a line of its own. Check the file with\n"
	     "# `stsgated -t`, then load it with `systemctl reload stsgated`.");
	for (size_t i = 0; i < settings_table_count; i++) {
		const struct settings_row *row = &settings_table[i];
		char range[RANGE_SIZE], text[1024];
		range_format(range, row);
		snprintf(text, sizeof text, "%s%s%s%s", row->sentence, range[0] ? " " : "", range,
			row->when == SETTINGS_RESTART ? " A change needs a restart." : "");
		putchar('\n');
		sample_comment(text);
		printf("#%s =%s%s\n", row->name, row->fallback[0] ? " " : "", row->fallback);
	}
}

static void metrics_print(void)
{
	for (int metric = 0; metric < METRIC_COUNT; metric++) {
		const struct metrics_row *row = &metrics_table[metric];
		printf(".It Li %s", row->name);
		for (int i = 0; i < METRICS_LABELS_MAX && row->label[i] != LABEL_NONE && row->label[i] != LABEL_LE; i++)
			printf("%s%s", i == 0 ? " No by " : " , ", metrics_label_name(row->label[i]));
		putchar('\n');
		man_text(row->sentence);
	}
}

/* Writes a sentence of a table, to which the subject in front, the capital letter and the full stop are added. */
static void sentence_print(const char *subject, const char *sentence)
{
	char text[1024];
	snprintf(text, sizeof text, "%s%s.", subject, sentence);
	text[0] = (char)toupper((unsigned char)text[0]);
	man_text(text);
}

/* Writes a part of an entry on lines of its own, unless it is empty. */
static void part_print(const char *label, const char *text)
{
	if (!*text)
		return;
	printf(".br\n.Em %s :\n", label);
	man_text(text);
}

static void events_print(void)
{
	puts(".Bl -tag -width Ds");
	for (enum event_kind kind = 0; kind < EVENT_KIND_COUNT; kind++) {
		printf(".It Cm %s Pq %s\n", event_name(kind), event_severity_name(event_severity(kind)));
		sentence_print("", event_sentence(kind));
		sentence_print("What to do: ", event_advice(kind));
	}
	puts(".El");
}

static void signs_print(void)
{
	puts(".Bl -tag -width Ds");
	for (enum event_kind kind = 0; kind < EVENT_KIND_COUNT; kind++) {
		const struct sign_words *words = sign_words(kind);
		if (!words)
			continue;
		printf(".It Li %s Pq %s\n", event_name(kind), event_severity_name(event_severity(kind)));
		man_text(words->means);
		part_print("Check", words->check);
		part_print("Inform", words->inform);
	}
	puts(".El");
}

static void reasons_print(void)
{
	static const char *const words[] = {[REASON_GOOD] = "good", "bad", "inconclusive", "general"};
	puts(".Pp\n"
	     "Each reason has its meaning first.\n"
	     "The paragraph\n"
	     ".Em Here\n"
	     "states what you can do at this relay; the paragraph\n"
	     ".Em There\n"
	     "states what to write to the postmaster of the domain.\n"
	     "In the commands, HOST stands for the mail host and DOMAIN for the policy domain.\n"
	     "If mail must leave before the fault is repaired,\n"
	     ".Cm exempt_hosts\n"
	     "turns the checks of STARTTLS and certificate off for a host, and\n"
	     ".Cm exempt_domains\n"
	     "all checks for a domain; such mail has no protection.\n"
	     ".Bl -tag -width Ds");
	for (enum reason reason = 0; reason < REASON_COUNT; reason++) {
		enum reason_class class = reason_class(reason);
		printf(".It Li %s Pq %s\n", reason_name(reason), words[class]);
		sentence_print(class == REASON_GENERAL ? "" : "The host ", reason_sentence(reason));
		part_print("Here", reason_here(reason));
		part_print("There", reason_there(reason));
	}
	puts(".El");
}

/* Which reason is reported by which result type. */
static void results_print(void)
{
	puts(".Bl -column -offset indent \"starttls-not-supported\" \"sts-policy-fetch-error\"\n"
	     ".It Sy Reason Ta Sy Result type");
	for (enum reason reason = 0; reason < REASON_COUNT; reason++) {
		enum tlsrpt_result result = tlsrpt_result_of(reason);
		if (result != TLSRPT_RESULTS)
			printf(".It Li %s Ta Li %s\n", reason_name(reason), tlsrpt_result_name(result));
	}
	puts(".El");
}

static void findings_print(void)
{
	static const char *const texts[] = {[FINDING_POLICY] = "policy", [FINDING_RECORD] = "record"};
	static const char *const classes[] = {[FINDING_ERROR] = "error", [FINDING_TOLERATED] = "tolerated"};
	puts(".Bl -tag -width Ds");
	for (enum finding finding = 0; finding < FINDING_COUNT; finding++) {
		printf(".It Li %s Pq %s , %s\n", finding_name(finding), texts[finding_text(finding)],
			classes[finding_class(finding)]);
		sentence_print("", finding_sentence(finding));
		man_text(finding_advice(finding));
	}
	puts(".El");
}

static void doctor_print(void)
{
	enum { NO, YES };
	static const struct {
		const char *group;
		bool network;
		const char *name, *sentence;
	} checks[] = {
#define CHECK(group, network, name, sentence) {#group, network, name, sentence},
#include "doctor.def"
	};
	puts(".Bl -tag -width Ds");
	for (size_t i = 0; i < sizeof checks / sizeof *checks; i++) {
		printf(".It Cm %s Pq %s%s\n", checks[i].name, checks[i].group,
			checks[i].network ? " , uses the network" : "");
		sentence_print("", checks[i].sentence);
	}
	puts(".El");
}

int main(int argc, char **argv)
{
	static const struct {
		const char *word;
		void (*print)(void);
	} parts[] = {{"settings", settings_print}, {"sample", sample_print}, {"metrics", metrics_print},
		{"events", events_print}, {"signs", signs_print}, {"reasons", reasons_print},
		{"results", results_print}, {"findings", findings_print}, {"doctor", doctor_print}};
	for (size_t i = 0; argc == 2 && i < sizeof parts / sizeof *parts; i++) {
		if (strcmp(argv[1], parts[i].word) != 0)
			continue;
		parts[i].print();
		return fflush(stdout) == 0 && !ferror(stdout) ? EXIT_SUCCESS : EX_IOERR;
	}
	fprintf(stderr, "usage: tables_doc settings|sample|metrics|events|signs|reasons|results|findings|doctor\n");
	return EX_USAGE;
}
