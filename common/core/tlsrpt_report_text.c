/* A TLS report as text for the postmaster of its domain, who may never have heard of TLS reports. */
#include "memory.h"
#include "text.h"
#include "tlsrpt_report.h"
#include "utf8.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TEXT_SIZE (128 * 1024) /* more than all that is shown needs */
#define WIDTH 76               /* characters of a line, if no word is longer */
#define PARAGRAPH_SIZE 3072
#define POLICIES_SHOWN 8
#define FAILURES_SHOWN 8 /* of one policy */
#define QUOTED_MAX 256   /* characters of one text of a stranger */

struct writer {
	const struct tlsrpt_report *report;
	struct text out;
	bool told[TLSRPT_RESULTS]; /* the remedy is in the text */
};

/* Appends a paragraph, broken at blanks into lines. The first line begins at column `first`, the others at `next`. */
static void paragraph(struct writer *writer, size_t first, size_t next, const char *words)
{
	static const char blanks[] = "                ";
	size_t column = first;
	bool begun = false; /* the line has a word */
	text_add_bytes(&writer->out, blanks, first);
	while (*words) {
		size_t len = strcspn(words, " ");
		if (begun && column + 1 + len > WIDTH) {
			text_add(&writer->out, "\n");
			text_add_bytes(&writer->out, blanks, next);
			column = next;
		} else if (begun) {
			text_add(&writer->out, " ");
			column++;
		}
		text_add_bytes(&writer->out, words, len);
		column += len;
		words += len + (words[len] == ' ');
		begun = true;
	}
	text_add(&writer->out, "\n");
}

static void blank_line(struct writer *writer)
{
	text_add(&writer->out, "\n");
}

static void quote_add(struct text *text, const char *untrusted)
{
	text_quote(text, untrusted, strlen(untrusted), QUOTED_MAX);
}

/* Adds `1 session` or `12 sessions`. */
static void sessions_add(struct text *text, uint64_t count)
{
	text_add_number(text, (int64_t)count);
	text_add(text, count == 1 ? " session" : " sessions");
}

/* Adds the day, such as `2026-01-31`. */
static void day_add(struct text *text, int64_t at)
{
	char date[32];
	struct text time;
	text_init(&time, date, sizeof date);
	text_add_time(&time, at);
	text_add_bytes(text, date, strcspn(date, "T"));
}

/* Returns a member that is a string, or "". */
static const char *member(const json_t *object, const char *key)
{
	const char *value = json_string_value(json_object_get(object, key));
	return value ? value : "";
}

/* --- failures ----------------------------------------------------------------------------------------------------- */

/* Returns whether the failure is one of the domain itself, not of a mail host. */
static bool is_of_domain(enum tlsrpt_result result)
{
	return result == TLSRPT_STS_POLICY_FETCH_ERROR || result == TLSRPT_STS_POLICY_INVALID ||
	       result == TLSRPT_STS_WEBPKI_INVALID;
}

/* Adds who failed: `mx1.example.com [192.0.2.1]`. */
static void subject_add(struct text *text, const json_t *failure, enum tlsrpt_result result, const char *domain)
{
	const char *host = member(failure, "receiving-mx-hostname"), *address = member(failure, "receiving-ip");
	if (is_of_domain(result))
		quote_add(text, domain);
	else if (*host)
		quote_add(text, host);
	else
		text_add(text, "a mail host");
	if (*address) {
		text_add(text, " [");
		quote_add(text, address);
		text_add(text, "]");
	}
}

/* Adds what to do, with the domain's name in place of the word DOMAIN. */
static void remedy_add(struct text *text, enum tlsrpt_result result, const char *domain)
{
	static const char word[] = "DOMAIN";
	const char *remedy = tlsrpt_result_remedy(result);
	for (const char *found; (found = strstr(remedy, word)); remedy = found + strlen(word)) {
		text_add_bytes(text, remedy, (size_t)(found - remedy));
		text_add(text, domain);
	}
	text_add(text, remedy);
}

/* Writes one kind of failure: how often, who, what, the reason, and what to do unless that was written before. */
static void failure_write(struct writer *writer, const json_t *failure, uint64_t count)
{
	char words[PARAGRAPH_SIZE];
	struct text text;
	const char *type = member(failure, "result-type"), *reason = member(failure, "failure-reason-code");
	enum tlsrpt_result result = tlsrpt_result_by_name((struct span){type, strlen(type)});
	text_init(&text, words, sizeof words);
	text_add(&text, "- ");
	sessions_add(&text, count);
	text_add(&text, ": ");
	subject_add(&text, failure, result, writer->report->tally.domain);
	text_add(&text, " ");
	text_add(&text, result < TLSRPT_RESULTS ? tlsrpt_result_sentence(result) : "failed");
	text_add(&text, " (");
	quote_add(&text, *type ? type : "no result type");
	if (*reason) {
		text_add(&text, ", reason code ");
		quote_add(&text, reason);
	}
	text_add(&text, ").");
	paragraph(writer, 2, 4, words);
	if (result == TLSRPT_RESULTS || writer->told[result])
		return;
	writer->told[result] = true;
	text_init(&text, words, sizeof words);
	text_add(&text, "What to do: ");
	remedy_add(&text, result, writer->report->tally.domain);
	paragraph(writer, 4, 4, words);
}

/* --- policies ----------------------------------------------------------------------------------------------------- */

/* Returns the value of a policy's line `mode`, or "". */
static const char *mode_of(const json_t *policy)
{
	const json_t *lines = json_object_get(policy, "policy-string"), *line;
	size_t i;
	json_array_foreach(lines, i, line)
	{
		const char *text = json_string_value(line);
		if (text && strncmp(text, "mode:", 5) == 0)
			return text + 5 + strspn(text + 5, " \t");
	}
	return "";
}

/* Adds which policy it is: `MTA-STS policy of example.net, mode enforce`. */
static void policy_name_add(struct text *text, const json_t *policy, const char *report_domain)
{
	const char *type = member(policy, "policy-type"), *domain = member(policy, "policy-domain"), *mode = "";
	bool sts = strcmp(type, "sts") == 0, tlsa = strcmp(type, "tlsa") == 0;
	text_add(text, sts ? "MTA-STS policy of " : tlsa ? "DANE (TLSA records) of " : "No policy was found for ");
	quote_add(text, *domain ? domain : report_domain);
	if (sts)
		mode = mode_of(policy);
	if (strcmp(mode, "testing") == 0) {
		text_add(text, ", mode testing: mail is delivered in spite of failures");
	} else if (strcmp(mode, "enforce") == 0) {
		text_add(text, ", mode enforce: mail is not delivered where sessions fail");
	} else if (*mode) {
		text_add(text, ", mode ");
		quote_add(text, mode);
	}
}

/* Returns whether the report also has a policy in testing mode. The map does not tell an MTA of such a policy
 * (rule 7), so the MTA reports its sessions as those without a policy. */
static bool has_testing(const struct tlsrpt_tally *tally)
{
	bool found = false;
	for (size_t i = 0; i < tally->count && !found; i++) {
		json_t *policy = json_loads(tally->group[i].policy, JSON_REJECT_DUPLICATES, NULL);
		found = strcmp(mode_of(policy), "testing") == 0;
		json_decref(policy);
	}
	return found;
}

static void failures_write(struct writer *writer, const struct tally_group *group)
{
	char words[128];
	struct text text;
	for (size_t i = 0; i < group->count && i < FAILURES_SHOWN; i++) {
		json_t *failure = json_loads(group->detail[i].text, JSON_REJECT_DUPLICATES, NULL);
		failure_write(writer, failure, group->detail[i].count);
		json_decref(failure);
	}
	if (group->count <= FAILURES_SHOWN)
		return;
	text_init(&text, words, sizeof words);
	text_add(&text, "- further kinds of failure, which are in the JSON: ");
	text_add_number(&text, (int64_t)(group->count - FAILURES_SHOWN));
	paragraph(writer, 2, 4, words);
}

static void group_write(struct writer *writer, const struct tally_group *group)
{
	char words[PARAGRAPH_SIZE];
	struct text text;
	json_t *policy = json_loads(group->policy, JSON_REJECT_DUPLICATES, NULL);
	text_init(&text, words, sizeof words);
	policy_name_add(&text, policy, writer->report->tally.domain);
	bool untold =
		strcmp(member(policy, "policy-type"), "no-policy-found") == 0 && has_testing(&writer->report->tally);
	text_add(&text, untold ? ": the mail server is not told of a policy in testing mode." : ".");
	json_decref(policy);
	blank_line(writer);
	paragraph(writer, 0, 0, words);
	text_init(&text, words, sizeof words);
	sessions_add(&text, group->total - group->failed);
	text_add(&text, " succeeded, ");
	text_add_number(&text, (int64_t)group->failed);
	text_add(&text, " failed");
	text_add(&text, group->failed == 0 && group->count > 0 ? ", but something was wrong:"
			: group->count                         ? ":"
							       : ".");
	paragraph(writer, 2, 2, words);
	failures_write(writer, group);
}

/* --- the text ----------------------------------------------------------------------------------------------------- */

static void head_write(struct writer *writer)
{
	const struct tlsrpt_report *report = writer->report;
	char words[PARAGRAPH_SIZE], organization[QUOTED_MAX];
	struct text text;
	uint64_t failed = tlsrpt_tally_failed(&report->tally), total = tlsrpt_tally_total(&report->tally);
	text_init(&text, words, sizeof words);
	text_add(&text, "This is a TLS report (RFC 8460) for the postmaster of ");
	text_add(&text, report->tally.domain);
	text_add(&text, ". It says whether the connections of one sender to the domain's mail hosts were "
			"encrypted as the domain's policy demands.");
	paragraph(writer, 0, 0, words);
	blank_line(writer);
	text_init(&text, words, sizeof words);
	utf8_text_copy(organization, sizeof organization, report->reporter.organization,
		strlen(report->reporter.organization));
	text_add(&text, "Sender:   ");
	text_add(&text, organization); /* the operator's own words, so they are not quoted */
	text_add(&text, ", ");
	quote_add(&text, report->reporter.from);
	text_add(&text, "\nDay:      ");
	day_add(&text, report->begins_at);
	text_add(&text, ", from 00:00 to 24:00 UTC\nSessions: ");
	text_add_number(&text, (int64_t)total);
	text_add(&text, failed == 0 ? ", all successful\n" : ", of which failed: ");
	if (failed > 0)
		text_add_number(&text, (int64_t)failed);
	text_add(&text, failed > 0 ? "\n" : "");
	text_add(&writer->out, words);
}

static void foot_write(struct writer *writer)
{
	char words[PARAGRAPH_SIZE];
	struct text text;
	blank_line(writer);
	paragraph(writer, 0, 0,
		"A session is a connection, not a message. Some sessions may be probes: connections that only test TLS and "
		"send no mail. One session can fail in several ways.");
	blank_line(writer);
	text_init(&text, words, sizeof words);
	text_add(&text,
		"The attached file has the whole report as JSON, for programs. You get this report because the TXT "
		"record _smtp._tls.");
	text_add(&text, writer->report->tally.domain);
	text_add(&text, " asks for reports to this address; remove the address there if you do not want them.");
	paragraph(writer, 0, 0, words);
}

char *tlsrpt_report_text(const struct tlsrpt_report *report)
{
	struct writer writer = {.report = report};
	char *bytes = xmalloc(TEXT_SIZE), words[128];
	struct text text;
	text_init(&writer.out, bytes, TEXT_SIZE);
	head_write(&writer);
	for (size_t i = 0; i < report->tally.count && i < POLICIES_SHOWN; i++)
		group_write(&writer, &report->tally.group[i]);
	if (report->tally.count > POLICIES_SHOWN) {
		text_init(&text, words, sizeof words);
		text_add(&text, "Further policies, which are in the JSON: ");
		text_add_number(&text, (int64_t)(report->tally.count - POLICIES_SHOWN));
		blank_line(&writer);
		paragraph(&writer, 0, 0, words);
	}
	foot_write(&writer);
	return bytes;
}
