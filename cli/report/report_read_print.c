/* report read: text for people: the table, the failures, and the advice. */
#include "domain.h"
#include "output.h"
#include "report_read.h"
#include "text.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define SHOWN_MAX 160     /* characters of a text from a report that are printed */
#define GROUPS_SHOWN 50   /* failures that are printed; JSON has all of them */
#define NOTES_SHOWN 20    /* doubtful senders that are printed */
#define REPORTERS_NAMED 3 /* reporters that are named if all is well */
#define LINE_SIZE 4096
#define DAY_LEN 10 /* of `2026-01-31` */

struct line {
	char bytes[LINE_SIZE];
	struct text text;
};

static struct text *line_begin(struct line *line)
{
	text_init(&line->text, line->bytes, sizeof line->bytes);
	return &line->text;
}

static void quote_add(struct text *text, const char *string)
{
	text_quote(text, string, strnlen(string, SHOWN_MAX + 1), SHOWN_MAX);
}

static void number_add(struct text *text, uint64_t number, const char *one, const char *many)
{
	text_add_number(text, (int64_t)number);
	text_add(text, number == 1 ? one : many);
}

/* --- words -------------------------------------------------------------------------------------------------------- */

/* `MTA-STS enforce` */
static void policy_add(struct text *text, const char *type, const char *mode)
{
	const char *word = policy_type_word(type);
	if (word)
		text_add(text, word);
	else if (type && *type)
		quote_add(text, type);
	else
		text_add(text, "unknown");
	if (*mode) {
		text_add(text, " ");
		text_add(text, mode);
	}
}

/* `2026-01-31`, or `2026-01-31 to 2026-02-01` */
static void period_add(struct text *text, int64_t from, int64_t to)
{
	struct when first, last;
	when_date(&first, from);
	when_date(&last, to);
	if (from == 0) {
		text_add(text, "unknown");
		return;
	}
	text_add_bytes(text, first.text, strnlen(first.text, DAY_LEN));
	if (to > from && strncmp(first.text, last.text, DAY_LEN) != 0) {
		text_add(text, " to ");
		text_add_bytes(text, last.text, strnlen(last.text, DAY_LEN));
	}
}

/* `Google (3), "Example Corp." (2), others (1)`; a number that says nothing new is left out. */
static void shares_add(struct text *text, const struct shares *shares, uint64_t sessions)
{
	for (size_t i = 0; i < shares->count; i++) {
		text_add(text, i > 0 ? ", " : "");
		quote_add(text, shares->of[i].name);
		if (shares->of[i].sessions == sessions)
			continue;
		text_add(text, " (");
		text_add_number(text, (int64_t)shares->of[i].sessions);
		text_add(text, ")");
	}
	if (shares->others > 0) {
		text_add(text, ", others (");
		text_add_number(text, (int64_t)shares->others);
		text_add(text, ")");
	}
}

/* --- the table ---------------------------------------------------------------------------------------------------- */

enum { COLUMN_REPORTER, COLUMN_PERIOD, COLUMN_DOMAIN, COLUMN_POLICY, COLUMNS };

static void cell_add(struct text *text, int column, const struct received *received, const struct read_policy *policy)
{
	const struct read_report *report = &received->report;
	if (column == COLUMN_REPORTER)
		quote_add(text, received_reporter(received));
	else if (column == COLUMN_PERIOD)
		period_add(text, report->begins_at, report->ends_at);
	else if (column == COLUMN_DOMAIN && *received_domain(received, policy) == '\0')
		text_add(text, "unknown");
	else if (column == COLUMN_DOMAIN)
		quote_add(text, received_domain(received, policy));
	else
		policy_add(text, policy->type, policy_mode_of(policy));
}

static const char *const titles[COLUMNS] = {"REPORTER", "PERIOD", "DOMAIN", "POLICY"};

static void widths_measure(const struct received_list *list, size_t widths[COLUMNS])
{
	struct line line;
	for (int column = 0; column < COLUMNS; column++) {
		widths[column] = strlen(titles[column]);
		for (size_t i = 0; i < list->count; i++)
			for (size_t p = 0; p < list->row[i]->report.count; p++) {
				struct text *text = line_begin(&line);
				cell_add(text, column, list->row[i], &list->row[i]->report.policy[p]);
				widths[column] = text->len > widths[column] ? text->len : widths[column];
			}
	}
}

static void row_print(const struct received *received, const struct read_policy *policy, const size_t widths[COLUMNS])
{
	struct line line;
	for (int column = 0; column < COLUMNS; column++) {
		cell_add(line_begin(&line), column, received, policy);
		printf("%-*s  ", (int)widths[column], line.bytes);
	}
	printf("%8" PRIu64 "  %8" PRIu64 "\n", sessions_sum(policy->successes, policy->failures), policy->failures);
}

static void table_print(const struct received_list *list)
{
	size_t widths[COLUMNS];
	widths_measure(list, widths);
	for (int column = 0; column < COLUMNS; column++)
		printf("%-*s  ", (int)widths[column], titles[column]);
	printf("%8s  %8s\n", "SESSIONS", "FAILED");
	for (size_t i = 0; i < list->count; i++)
		for (size_t p = 0; p < list->row[i]->report.count; p++)
			row_print(list->row[i], &list->row[i]->report.policy[p], widths);
}

/* --- failures ----------------------------------------------------------------------------------------------------- */

/* Returns whether the result type is about the policy's host or text, and not about a mail host. */
static bool is_about_policy(enum tlsrpt_result result)
{
	return result == TLSRPT_STS_POLICY_FETCH_ERROR || result == TLSRPT_STS_POLICY_INVALID ||
	       result == TLSRPT_STS_WEBPKI_INVALID;
}

static void subject_add(struct text *text, const struct failure_group *group)
{
	bool policy = is_about_policy(group->kind);
	if (*group->host && !policy) {
		quote_add(text, group->host);
		return;
	}
	text_add(text, policy ? "" : "a mail host of ");
	if (*group->domain)
		quote_add(text, group->domain);
	else
		text_add(text, "a domain");
}

/* `mx1.example.com presents an expired certificate (certificate-expired)` */
static void what_add(struct text *text, const struct failure_group *group)
{
	subject_add(text, group);
	if (group->kind != TLSRPT_RESULTS) {
		text_add(text, " ");
		text_add(text, tlsrpt_result_sentence(group->kind));
		text_add(text, " (");
		text_add(text, group->result);
		text_add(text, ")");
	} else if (*group->result) {
		text_add(text, " fails with ");
		quote_add(text, group->result);
		text_add(text, ", which is not a result type of RFC 8460");
	} else {
		text_add(text, " fails, but the report does not say why");
	}
}

static void shares_print(const char *label, const struct shares *shares, uint64_t sessions)
{
	struct line line;
	if (shares->count == 0)
		return;
	shares_add(line_begin(&line), shares, sessions);
	line_print(label, "%s", line.bytes);
}

/* Prints what to do, with the domain in place of `DOMAIN`. */
static void remedy_print(const struct failure_group *group)
{
	static const char place[] = "DOMAIN";
	struct line line;
	struct text *text = line_begin(&line);
	const char *rest = failure_remedy(group), *found = *group->domain ? strstr(rest, place) : NULL;
	if (found) {
		text_add_bytes(text, rest, (size_t)(found - rest));
		quote_add(text, group->domain);
		rest = found + strlen(place);
	}
	text_add(text, rest);
	line_print("to do", "%s", line.bytes);
}

static void group_print(const struct failure_group *group)
{
	struct line line;
	what_add(line_begin(&line), group);
	line_print("failure", "%s", line.bytes);
	struct text *text = line_begin(&line);
	quote_add(text, *group->domain ? group->domain : "unknown");
	text_add(text, ", ");
	policy_add(text, group->type, group->mode);
	line_print("policy", "%s", line.bytes);
	line_print("sessions", "%" PRIu64, group->sessions);
	shares_print("reporter", &group->reporters, group->sessions);
	shares_print("reason", &group->reasons, group->sessions);
	shares_print("address", &group->addresses, group->sessions);
	remedy_print(group);
}

/* --- advice ------------------------------------------------------------------------------------------------------- */

/* Names the command that shows the present state, if the domain can be part of a command line. */
static void check_add(struct text *text, const struct failure_group *group)
{
	size_t len = strlen(group->domain);
	if (strcmp(group->type, "sts") != 0 || !domain_is_host(group->domain, len) || group->domain[0] == '-')
		return;
	text_add(text, " `stsgate lint domain ");
	text_add(text, group->domain);
	text_add(text, "` shows whether they last.");
}

static void advice_print(const struct failure_groups *groups)
{
	struct line line;
	struct text *text = line_begin(&line);
	text_add(text, failures_advice(groups));
	check_add(text, &groups->group[0]);
	line_print("advice", "%s", line.bytes);
}

/* --- senders ------------------------------------------------------------------------------------------------------ */

static void name_add(struct text *text, const char *what, const char *name)
{
	text_add(text, what);
	if (name)
		quote_add(text, name);
	else
		text_add(text, "unknown");
}

static void sender_print(const struct received *received)
{
	struct line line;
	struct text *text = line_begin(&line);
	quote_add(text, received->file);
	name_add(text, ": the report may be forged: From is ", received->from);
	name_add(text, ", TLS-Report-Submitter ", received->submitter);
	name_add(text, ", contact-info ", received->contact);
	text_add(text, ". The mail's Authentication-Results say who signed it.");
	line_print("note", "%s", line.bytes);
}

static void contradiction_print(const struct received *received)
{
	struct quote quote;
	line_print("note",
		"%s: another report has the same id, but says something else, so one of them may be forged; both are counted",
		quote_string(&quote, received->file));
}

static void notes_print(const struct received_list *list)
{
	size_t notes = 0;
	for (size_t i = 0; i < list->count; i++) {
		if (received_disagrees(list->row[i]) && notes++ < NOTES_SHOWN)
			sender_print(list->row[i]);
		if (list->row[i]->contradicted && notes++ < NOTES_SHOWN)
			contradiction_print(list->row[i]);
	}
	if (notes > NOTES_SHOWN)
		line_print("note", "and %zu more such notes", notes - NOTES_SHOWN);
	if (list->repeated > 0)
		line_print("note", "%zu report%s left out, because the same report was there already", list->repeated,
			list->repeated == 1 ? " was" : "s were");
}

/* --- all of it ---------------------------------------------------------------------------------------------------- */

/* Names the reporters if they are few. */
static void reporters_add(struct text *text, const struct received_list *list)
{
	const char *names[REPORTERS_NAMED];
	size_t count = 0;
	for (size_t i = 0; i < list->count && count <= REPORTERS_NAMED; i++) {
		const char *name = received_reporter(list->row[i]);
		size_t n = 0;
		while (n < count && strcmp(names[n], name) != 0)
			n++;
		if (n == REPORTERS_NAMED)
			return;
		if (n == count)
			names[count++] = name;
	}
	for (size_t i = 0; i < count; i++) {
		text_add(text, i == 0 ? " from " : i + 1 == count ? " and " : ", ");
		quote_add(text, names[i]);
	}
}

/* `no failures: 7 sessions in 2 reports from Google and Microsoft, 2026-01-30 to 2026-01-31` */
static void good_print(const struct received_list *list, const struct failure_groups *groups)
{
	struct line line;
	struct text *text = line_begin(&line);
	int64_t from = 0, to = 0;
	for (size_t i = 0; i < list->count; i++) {
		const struct read_report *report = &list->row[i]->report;
		from = from == 0 || (report->begins_at > 0 && report->begins_at < from) ? report->begins_at : from;
		to = report->ends_at > to ? report->ends_at : to;
	}
	text_add(text, "no failures: ");
	number_add(text, groups->sessions, " session in ", " sessions in ");
	number_add(text, list->count, " report", " reports");
	reporters_add(text, list);
	text_add(text, ", ");
	period_add(text, from, to);
	puts(line.bytes);
}

void report_read_print(const struct received_list *list, const struct failure_groups *groups)
{
	if (list->count == 0)
		return;
	if (groups->count == 0) {
		good_print(list, groups);
		notes_print(list);
		return;
	}
	table_print(list);
	for (size_t i = 0; i < groups->count && i < GROUPS_SHOWN; i++) {
		putchar('\n');
		group_print(&groups->group[i]);
	}
	putchar('\n');
	if (groups->count > GROUPS_SHOWN)
		line_print("note", "%zu more failures are in the output of --json", groups->count - GROUPS_SHOWN);
	notes_print(list);
	advice_print(groups);
}
