/* stsgate report read: each report of the corpus in each form of mail, what several reports say together, and hostile files. */
#include "cm.h"

#include "commands.h"
#include "report_mail.h"
#include "tool.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#define FILES_MAX 12

command_run report_read; /* of cli/report/report_parts.h; common/check has a header of that name, too */

struct reading {
	const char *files[FILES_MAX];
	bool json;
};

static char directory[] = "/tmp/stsgate-report-XXXXXX";

/* In the process that tool_call() makes. */
static int reading_run(void *arg)
{
	const struct reading *reading = arg;
	const struct options options = {.json = reading->json};
	char *words[FILES_MAX];
	size_t count = 0;
	while (count < FILES_MAX && reading->files[count])
		count++;
	memcpy(words, reading->files, sizeof words);
	return report_read(&options, count, words);
}

static struct tool_run read_files(struct reading reading)
{
	if (chdir(directory) != 0)
		fail_msg("%s", directory);
	return tool_call(reading_run, &reading);
}

/* What is printed is ASCII without control characters, whatever the reports hold. */
static void text_is_safe(const char *text)
{
	for (; *text; text++)
		if ((*text < ' ' && *text != '\n') || *text > '~')
			fail_msg("octet 0x%02x before: %.40s", (unsigned char)*text, text + 1);
}

static void read_check(struct reading reading, int status, const char *out, const char *err)
{
	struct tool_run run = read_files(reading);
	if (run.status != status || strcmp(run.out, out) != 0 || strcmp(run.err, err) != 0)
		fail_msg("%s: status %d, not %d\n%s\n%s", reading.files[0], run.status, status, run.out, run.err);
	text_is_safe(run.out);
	text_is_safe(run.err);
	tool_run_free(&run);
}

#define FILES(...) ((struct reading){.files = {__VA_ARGS__}})

/* --- files -------------------------------------------------------------------------------------------------------- */

static void file_make(const char *name, const char *bytes, size_t len)
{
	char path[128];
	snprintf(path, sizeof path, "%s/%s", directory, name);
	FILE *file = fopen(path, "wb");
	assert_non_null(file);
	assert_int_equal(fwrite(bytes, 1, len, file), len);
	assert_int_equal(fclose(file), 0);
}

static char start[4096]; /* the directory in which the test begins */

static char *corpus_file(const char *name, size_t *len)
{
	char path[8192];
	snprintf(path, sizeof path, "%s/%s/tlsrpt/%s", CORPUS_DIR[0] == '/' ? "" : start, CORPUS_DIR, name);
	FILE *file = fopen(path, "rb");
	if (!file)
		fail_msg("%s", path);
	char *bytes = calloc(1, 65536);
	*len = fread(bytes, 1, 65535, file);
	fclose(file);
	return bytes;
}

/* Copies the reports of the corpus to the test's directory. */
static int files_begin(void **state)
{
	static const char *const names[] = {"google-1", "mail-ru-1", "microsoft-1", "no-contact", "no-policy"};
	(void)state;
	assert_non_null(getcwd(start, sizeof start));
	assert_non_null(mkdtemp(directory));
	for (size_t i = 0; i < COUNT(names); i++) {
		char name[64];
		size_t len;
		snprintf(name, sizeof name, "%s.json", names[i]);
		char *bytes = corpus_file(name, &len);
		file_make(name, bytes, len);
		free(bytes);
	}
	return 0;
}

static int files_end(void **state)
{
	char command[128];
	(void)state;
	snprintf(command, sizeof command, "rm -r '%s'", directory);
	return chdir(start) == 0 && system(command) == 0 ? 0 : -1;
}

/* --- the corpus --------------------------------------------------------------------------------------------------- */

#define GOOGLE "no failures: 1 session in 1 report from \"Google Inc.\", 2024-09-15\n"
#define MICROSOFT "no failures: 4 sessions in 1 report from \"Microsoft Corporation\", 2024-09-13\n"
#define MAIL_RU                                                                                                        \
	"failure   recipient1.example has an MTA-STS record, but its policy cannot be fetched "                        \
	"(sts-policy-fetch-error)\n"                                                                                   \
	"policy    recipient1.example, MTA-STS\n"                                                                      \
	"sessions  1\n"                                                                                                \
	"reporter  Mail.ru\n"                                                                                          \
	"reason    \"unable to do http request: Get "                                                                  \
	"\\x22https://mta-sts.recipient1.example/.well-known/mta-sts.txt\\x22: context deadline exceeded "             \
	"(Client.Timeout exceeded while...\"\n"                                                                        \
	"to do     Look at the HTTPS server mta-sts.recipient1.example: it must answer /.well-known/mta-sts.txt "      \
	"with status 200, without a redirect.\n\n"                                                                     \
	"advice    Mail may have come in without protection: correct the failures in this order. `stsgate lint "       \
	"domain recipient1.example` shows whether they last.\n"

static void test_corpus(void **state)
{
	(void)state;
	read_check(FILES("google-1.json"), 0, GOOGLE, "");
	read_check(FILES("microsoft-1.json"), 0, MICROSOFT, "");
	read_check(FILES("no-contact.json"), 0,
		"no failures: 1 session in 1 report from recipient1.example, 2026-01-11\n", "");
	read_check(FILES("no-policy.json"), 0, "no failures: 1 session in 1 report from \"Google Inc.\", 2025-03-27\n",
		"");
	read_check(FILES("mail-ru-1.json"), 1,
		"REPORTER  PERIOD      DOMAIN              POLICY   SESSIONS    FAILED\n"
		"Mail.ru   2023-01-25  recipient1.example  MTA-STS         1         1\n\n" MAIL_RU,
		"");
	read_check(FILES("google-1.json", "no-contact.json", "mail-ru-1.json", "microsoft-1.json", "no-policy.json"), 1,
		"REPORTER                 PERIOD      DOMAIN              POLICY           SESSIONS    FAILED\n"
		"Mail.ru                  2023-01-25  recipient1.example  MTA-STS                 1         1\n"
		"\"Microsoft Corporation\"  2024-09-13  recipient1.example  MTA-STS enforce         2         0\n"
		"\"Microsoft Corporation\"  2024-09-13  recipient1.example  DANE                    2         0\n"
		"\"Google Inc.\"            2024-09-15  recipient1.example  MTA-STS enforce         1         0\n"
		"\"Google Inc.\"            2025-03-27  recipient1.example  no policy               1         0\n"
		"recipient1.example       2026-01-11  recipient1.example  MTA-STS enforce         1         0\n\n" MAIL_RU,
		"");
	read_check(FILES("google-1.json", "no-contact.json", "microsoft-1.json", "no-policy.json"), 0,
		"no failures: 7 sessions in 4 reports from \"Microsoft Corporation\", \"Google Inc.\" and "
		"recipient1.example, 2024-09-13 to 2026-01-11\n",
		"");
}

/* The fields of a mail of the corpus, without those that the form of the mail decides. */
static char *head_of(const char *name)
{
	size_t len;
	char *all = corpus_file(name, &len), *kept = calloc(1, len + 1);
	for (char *line = strtok(all, "\n"); line; line = strtok(NULL, "\n"))
		if (strncmp(line, "Content-Type:", 13) != 0 && strncmp(line, "attachment:", 11) != 0)
			sprintf(kept + strlen(kept), "%s\n", line);
	free(all);
	return kept;
}

static const struct report_mail forms[] = {
	{NULL, "text/plain", "application/tlsrpt+gzip; name=\"a!b!1!2!001.json.gz\"", "base64", true, false},
	{NULL, "text/html; charset=\"us-ascii\"", "application/tlsrpt+gzip", "base64", true, false},
	{NULL, "text/plain", "application/tlsrpt+json", "base64", false, false},
	{NULL, "text/plain", "application/tlsrpt+json", "quoted-printable", false, false},
	{NULL, "text/plain", "application/tlsrpt+json", "8bit", false, false},
	{NULL, "text/plain", "application/tlsrpt+gzip", "quoted-printable", true, false},
	{NULL, "text/plain", "application/tlsrpt+gzip", "binary", true, false},
	{NULL, "text/plain", "application/gzip", "BASE64", true, false},
	{NULL, "text/plain", "application/x-gzip", "base64", true, false},
	{NULL, "text/plain", "application/octet-stream; name=x.json.gz", "base64", true, false},
	{NULL, "text/plain", "application/json", "base64", false, false},
	{NULL, "text/plain", "application/tlsrpt+gzip", "base64", true, true},
	{NULL, NULL, "application/tlsrpt+gzip", "base64", true, false},
	{NULL, NULL, "application/tlsrpt+json", "8bit", false, false},
};

/* Writes the text with CR LF for each LF. */
static char *with_crlf(const char *text, size_t *len)
{
	char *out = malloc(2 * *len + 1);
	size_t to = 0;
	for (size_t i = 0; i < *len; i++) {
		if (text[i] == '\n')
			out[to++] = '\r';
		out[to++] = text[i];
	}
	*len = to;
	return out;
}

static void mails_check(const char *head_name, const char *json_name, const char *want)
{
	size_t json_len;
	char *head = head_of(head_name), *json = corpus_file(json_name, &json_len);
	for (size_t i = 0; i < COUNT(forms); i++) {
		struct report_mail form = forms[i];
		size_t len;
		form.head = head;
		char *mail = report_mail_make(&form, json, json_len, &len);
		file_make("mail", mail, len);
		read_check(FILES("mail"), 0, want, "");
		char *wire = with_crlf(mail, &len);
		if (strcmp(form.encoding, "binary") != 0) {
			file_make("mail", wire, len);
			read_check(FILES("mail"), 0, want, "");
		}
		free(mail);
		free(wire);
	}
	free(head);
	free(json);
}

static void test_mails(void **state)
{
	(void)state;
	mails_check("google-1.head", "google-1.json", GOOGLE);
	mails_check("microsoft-1.head", "microsoft-1.json", MICROSOFT);
}

/* An mbox may have other mails, and the same report several times. */
static void test_mbox(void **state)
{
	size_t json_len, len, all = 0;
	char *json = corpus_file("google-1.json", &json_len), mbox[16384];
	(void)state;
	for (size_t i = 0; i < 3; i++) {
		struct report_mail form = forms[i];
		form.head = "From: noreply@google.com\n";
		char *mail = report_mail_make(&form, json, json_len, &len);
		all += (size_t)snprintf(mbox + all, sizeof mbox - all,
			"From x Mon Nov 30\nSubject: lunch\n\nhello\n\nFrom y Mon Nov 30\n%s\n", mail);
		free(mail);
	}
	file_make("mbox", mbox, all);
	static const char twice[] = "note      2 reports were left out, because the same report was there already\n";
	read_check(FILES("mbox"), 0, (sprintf(mbox, "%s%s", GOOGLE, twice), mbox), "");
	/* a mail and the report in it, without an organization */
	static const char nameless[] = "{\"report-id\":\"1\",\"policies\":[]}";
	struct report_mail form = forms[0];
	form.head = "From: noreply@google.com\n";
	char *mail = report_mail_make(&form, nameless, strlen(nameless), &len);
	file_make("mail", mail, len);
	free(mail);
	file_make("json", nameless, strlen(nameless));
	struct tool_run run = read_files(FILES("mail", "json"));
	assert_non_null(strstr(run.out, "no failures: 0 sessions in 1 report from "));
	tool_run_free(&run);
	file_make("mbox", "From x\nSubject: y\n\nz\n", 21);
	read_check(FILES("mbox"), 65, "", "stsgate: mbox: has no mail with a TLS report\n");
	free(json);
}

/* --- several reports ---------------------------------------------------------------------------------------------- */

#define REPORT(name, id, policies)                                                                                     \
	"{\"organization-name\":\"" name "\",\"report-id\":\"" id                                                      \
	"\",\"date-range\":{\"start-datetime\":\"2026-11-29T00:00:00Z\",\"end-datetime\":\"2026-11-29T23:59:59Z\"},"   \
	"\"contact-info\":\"tls@reports.example\",\"policies\":[" policies "]}"
#define POLICY(type, mode, good, bad, failures)                                                                        \
	"{\"policy\":{\"policy-type\":\"" type                                                                         \
	"\",\"policy-domain\":\"Example.COM.\",\"policy-string\":[\"mode: " mode                                       \
	"\"]},\"summary\":{\"total-successful-session-count\":" good ",\"total-failure-session-count\":" bad           \
	"},\"failure-details\":[" failures "]}"
#define FAILURE(result, host, count, rest)                                                                             \
	"{\"result-type\":\"" result "\",\"receiving-mx-hostname\":\"" host "\",\"failed-session-count\":" count rest  \
	"}"

static void report_make(const char *name, const char *json)
{
	file_make(name, json, strlen(json));
}

static void test_merge(void **state)
{
	(void)state;
	report_make("a",
		REPORT("Agency A", "1",
			POLICY("sts", "enforce", "90", "10",
				FAILURE("certificate-expired", "MX1.example.com", "6",
					",\"receiving-ip\":\"192.0.2.1\",\"failure-reason-code\":\"it is over\"") "," FAILURE("starttls-not-supported",
					"mx2.example.com", "4", ""))));
	report_make("b", REPORT("B", "1",
				 POLICY("sts", "enforce", "0", "3",
					 FAILURE("certificate-expired", "mx1.example.com.", "3",
						 ",\"receiving-ip\":\"2001:db8::1\""))));
	read_check(FILES("a", "b", "a"), 1,
		"REPORTER    PERIOD      DOMAIN        POLICY           SESSIONS    FAILED\n"
		"\"Agency A\"  2026-11-29  Example.COM.  MTA-STS enforce       100        10\n"
		"B           2026-11-29  Example.COM.  MTA-STS enforce         3         3\n\n"
		"failure   mx1.example.com presents an expired certificate (certificate-expired)\n"
		"policy    example.com, MTA-STS enforce\n"
		"sessions  9\n"
		"reporter  \"Agency A\" (6), B (3)\n"
		"reason    \"it is over\" (6)\n"
		"address   192.0.2.1 (6), 2001:db8::1 (3)\n"
		"to do     Renew the certificate, then reload the mail server.\n\n"
		"failure   mx2.example.com offers no STARTTLS (starttls-not-supported)\n"
		"policy    example.com, MTA-STS enforce\n"
		"sessions  4\n"
		"reporter  \"Agency A\"\n"
		"to do     Turn STARTTLS on at port 25. If it is on, a firewall that inspects SMTP, or an attacker on the "
		"way, removes the offer.\n\n"
		"note      1 report was left out, because the same report was there already\n"
		"advice    Senders hold mail to you back while this lasts: correct the failures in this order. `stsgate "
		"lint domain example.com` shows whether they last.\n",
		"");
}

/* A forged report with the id of a true one does not drive it out, in any order. */
static void a_contradiction_is_shown(void **state)
{
	static const char *const files[][3] = {{"true", "false", "true"}, {"false", "true", "false"}};
	(void)state;
	report_make("true",
		REPORT("A", "1", POLICY("sts", "enforce", "1", "3", FAILURE("certificate-expired", "mx", "3", ""))));
	report_make("false", REPORT("A", "1", POLICY("sts", "enforce", "4", "0", "")));
	for (size_t i = 0; i < COUNT(files); i++) {
		struct tool_run run = read_files(FILES(files[i][0], files[i][1], files[i][2]));
		assert_int_equal(run.status, 1);
		assert_non_null(strstr(run.out, "failure   mx presents an expired certificate"));
		assert_non_null(
			strstr(run.out, "note      true: another report has the same id, but says something else"));
		assert_non_null(
			strstr(run.out, "note      false: another report has the same id, but says something else"));
		assert_non_null(strstr(run.out, "note      1 report was left out"));
		tool_run_free(&run);
	}
}

static void advice_check(const char *json, const char *failure, const char *advice)
{
	report_make("report", json);
	struct tool_run run = read_files(FILES("report"));
	assert_int_equal(run.status, 1);
	if (!strstr(run.out, failure) || !strstr(run.out, advice))
		fail_msg("%s\ndoes not have %s and %s", run.out, failure, advice);
	tool_run_free(&run);
}

static void test_advice(void **state)
{
	(void)state;
	advice_check(
		REPORT("A", "1", POLICY("sts", "testing", "1", "1", FAILURE("certificate-expired", "mx", "1", ""))),
		"failure   mx presents", "advice    Mail came in, because the policy is in mode testing");
	advice_check(REPORT("A", "1", POLICY("tlsa", "", "1", "1", FAILURE("tlsa-invalid", "mx", "1", ""))),
		"failure   mx presents a certificate that matches none",
		"advice    Senders hold mail to you back while this lasts: correct the failures in this order.\n");
	advice_check(REPORT("A", "1", POLICY("no-policy-found", "", "1", "2", "")),
		"failure   a mail host of example.com fails, but the report does not say why\n"
		"policy    example.com, no policy\nsessions  2\nreporter  A\nto do     Ask the reporter",
		"advice    Mail may have come in without protection");
	advice_check(REPORT("A", "1", POLICY("sts", "enforce", "199", "1", FAILURE("dane-required", "mx", "1", ""))),
		"failure   mx has no usable TLSA records", "advice    At most one session in a hundred failed");
	advice_check(REPORT("A", "1", POLICY("x y", "off", "0", "1", FAILURE("new-type", "", "1", ""))),
		"failure   a mail host of example.com fails with new-type, which is not a result type of RFC 8460\n"
		"policy    example.com, \"x y\"\n",
		"advice    Mail may have");
	advice_check(REPORT("A", "1",
			     POLICY("sts", "enforce", "5", "0",
				     FAILURE("sts-policy-fetch-error", "", "2",
					     ",\"failure-reason-code\":\"+cached-policy\""))),
		"MTA-STS enforce         5         0\n\nfailure   example.com has an MTA-STS record",
		"advice    No session failed, because senders used what they had stored");
	/* failed sessions of which only a part is explained */
	advice_check(
		REPORT("A", "1", POLICY("sts", "enforce", "0", "5", FAILURE("certificate-expired", "mx", "2", ""))),
		"fails, but the report does not say why\npolicy    example.com, MTA-STS enforce\nsessions  3\n",
		"advice");
}

/* A report whose names are commands, controls and quotes: nothing of it reaches the terminal or a command line. */
static void test_hostile_text(void **state)
{
	(void)state;
	report_make("report", REPORT("\\u001b[2J\\u202e\\u0000", "1", "")); /* NUL is refused */
	struct tool_run run = read_files(FILES("report"));
	assert_int_equal(run.status, EX_DATAERR);
	tool_run_free(&run);
	static const char json[] =
		"{\"organization-name\":\"\\u001b[2J\\u202eA\\\"\",\"contact-info\":\"\\r\\nx@y\",\"report-id\":\"\\u007f\",\"policies\":"
		"[{\"policy\":{\"policy-type\":\"sts\",\"policy-domain\":\"$(reboot).example\",\"policy-string\":\"mode:  enforce\"},"
		"\"failure-details\":[{\"result-type\":\"\\u0007\",\"receiving-mx-hostname\":\"`reboot`\",\"receiving-ip\":\"\\t\\u009b\","
		"\"failure-reason-code\":\"\\n\\nadvice    all is well\"}]}]}";
	report_make("report", json);
	read_check(FILES("report"), 1,
		"REPORTER                    PERIOD   DOMAIN               POLICY           SESSIONS    FAILED\n"
		"\"\\x1b[2J\\xe2\\x80\\xaeA\\x22\"  unknown  \"$(reboot).example\"  MTA-STS enforce         1         1\n\n"
		"failure   \"`reboot`\" fails with \"\\x07\", which is not a result type of RFC 8460\n"
		"policy    \"$(reboot).example\", MTA-STS enforce\n"
		"sessions  1\n"
		"reporter  \"\\x1b[2J\\xe2\\x80\\xaeA\\x22\"\n"
		"reason    \"advice    all is well\"\n"
		"address   \"\\xc2\\x9b\"\n"
		"to do     Ask the reporter what happened.\n\n"
		"advice    Senders hold mail to you back while this lasts: correct the failures in this order.\n",
		"");
	struct reading reading = {.files = {"report"}, .json = true};
	run = read_files(reading);
	text_is_safe(run.out);
	tool_run_free(&run);
}

/* --- senders ------------------------------------------------------------------------------------------------------ */

static void sender_check(const char *head, const char *note)
{
	static const char json[] = REPORT("A", "1", "");
	struct report_mail form = forms[0];
	size_t len;
	form.head = head;
	char *mail = report_mail_make(&form, json, strlen(json), &len), want[1024];
	file_make("mail", mail, len);
	snprintf(want, sizeof want, "no failures: 0 sessions in 1 report from A, 2026-11-29\n%s", note);
	read_check(FILES("mail"), 0, want, "");
	free(mail);
}

static void test_senders(void **state)
{
	(void)state;
	sender_check("From: tls@reports.example\nTLS-Report-Submitter: reports.example\n", "");
	sender_check("From: \"a@b.example\" <tls@mail.reports.example>\nTLS-Report-Submitter: Reports.Example.\n", "");
	sender_check("", "");
	sender_check("From: tls@reports.example\nTLS-Report-Submitter: other.example\n",
		"note      mail: the report may be forged: From is reports.example, TLS-Report-Submitter other.example, "
		"contact-info reports.example. The mail's Authentication-Results say who signed it.\n");
	sender_check("From: <a@reports.example> <b@evil.example>\n",
		"note      mail: the report may be forged: From is evil.example, TLS-Report-Submitter unknown, "
		"contact-info reports.example. The mail's Authentication-Results say who signed it.\n");
}

/* The report itself counts, not what the mail says about it (RFC 8460 5.6); the mail helps where the report says nothing. */
static void the_body_counts(void **state)
{
	static const char *const jsons[] = {
		REPORT("A", "1", POLICY("sts", "enforce", "0", "1", "")),
		"{\"policies\":[{\"summary\":{\"total-failure-session-count\":1}}]}",
	};
	static const char *const wants[] = {
		"A         2026-11-29  Example.COM.  ", "reports.example  unknown  subject.example  "};
	(void)state;
	for (size_t i = 0; i < COUNT(jsons); i++) {
		struct report_mail form = forms[0];
		size_t len;
		form.head =
			"Subject: Report Domain: subject.example Submitter: other.example Report-ID: <9@other.example>\n"
			"TLS-Report-Domain: subject.example\nTLS-Report-Submitter: reports.example\n";
		form.report_type = "application/tlsrpt+gzip; name=\"other.example!name.example!1!2!9.json.gz\"";
		char *mail = report_mail_make(&form, jsons[i], strlen(jsons[i]), &len);
		file_make("mail", mail, len);
		struct tool_run run = read_files(FILES("mail"));
		if (run.status != 1 || !strstr(run.out, wants[i]))
			fail_msg("%s does not have %s", run.out, wants[i]);
		tool_run_free(&run);
		free(mail);
	}
}

/* --- the manual --------------------------------------------------------------------------------------------------- */

/* Runs the examples of stsgate(1) as printed, in the test's directory. They need jq. */
static const char *const examples[][2] = {
	{"stsgate report read ~/Maildir/tlsrpt/*", GOOGLE},
	{"stsgate report read --json report.eml | jq -r '.failures[] | \"\\(.sessions) \\(.result) \\(.host)\"'",
		"3 certificate-expired mx\n"},
};

/* Returns whether a line of the manual is the example; the manual writes a backslash as \e. */
static bool line_is(const char *line, const char *example)
{
	while (*line && *line != '\n' && *example) {
		bool slash = line[0] == '\\' && line[1] == 'e';
		if ((slash ? '\\' : *line) != *example++)
			return false;
		line += 1 + slash;
	}
	return *line == '\n' && *example == '\0';
}

static bool manual_has(const char *example)
{
	const char *srcdir = getenv("srcdir");
	char name[8192], line[512];
	bool found = false;
	snprintf(
		name, sizeof name, "%s/%s/man/stsgate.1", srcdir && *srcdir == '/' ? "" : start, srcdir ? srcdir : ".");
	FILE *page = fopen(name, "r");
	assert_non_null(page);
	while (!found && fgets(line, sizeof line, page))
		found = line_is(line, example);
	fclose(page);
	return found;
}

static void test_manual(void **state)
{
	char command[16384], got[4096];
	(void)state;
	snprintf(command, sizeof command, "mkdir -p %s/Maildir/tlsrpt && cp %s/google-1.json %s/Maildir/tlsrpt/1",
		directory, directory, directory);
	assert_int_equal(system(command), 0);
	report_make("report.eml",
		REPORT("A", "1", POLICY("sts", "testing", "1", "3", FAILURE("certificate-expired", "mx", "3", ""))));
	for (size_t i = 0; i < COUNT(examples); i++) {
		if (!manual_has(examples[i][0]))
			fail_msg("stsgate(1) does not have: %s", examples[i][0]);
		if (strstr(examples[i][0], "jq") && system("command -v jq >/dev/null") != 0)
			continue;
		snprintf(command, sizeof command, "cd %s && HOME=$PWD PATH='%s':$PATH && %s", directory, start,
			examples[i][0]);
		FILE *pipe = popen(command, "r");
		assert_non_null(pipe);
		got[fread(got, 1, sizeof got - 1, pipe)] = '\0';
		assert_int_equal(pclose(pipe), 0);
		assert_string_equal(got, examples[i][1]);
	}
}

/* --- what is refused ---------------------------------------------------------------------------------------------- */

/* The columns of an error differ by the version of jansson. */
static void json_refused(const char *file)
{
	char want[128];
	struct tool_run run = read_files(FILES(file));
	assert_int_equal(run.status, EX_DATAERR);
	assert_string_equal(run.out, "");
	snprintf(want, sizeof want, "stsgate: %s: is not JSON: line 1, column ", file);
	assert_memory_equal(run.err, want, strlen(want));
	tool_run_free(&run);
}

static void test_refused(void **state)
{
	(void)state;
	report_make("empty", "");
	report_make("text", "Dear Postmaster,\nhello\n");
	report_make("letter", "Subject: x\n\nhello\n");
	report_make("json", "{\"feedback\":1}");
	report_make("cut", "{\"policies\":[");
	report_make("declared", "Content-Type: application/tlsrpt+json\n\nhello\n");
	file_make("gzip", "\x1f\x8b\x08\0\0", 5);
	read_check(FILES("empty"), EX_DATAERR, "", "stsgate: empty: is empty\n");
	read_check(FILES("text"), EX_DATAERR, "", "stsgate: text: is neither a mail nor JSON nor gzip\n");
	read_check(FILES("letter"), EX_DATAERR, "", "stsgate: letter: is a mail without a TLS report\n");
	read_check(FILES("json"), EX_DATAERR, "",
		"stsgate: json: is JSON, but no TLS report: it has neither policies nor a date-range\n");
	json_refused("cut");
	json_refused("declared");
	read_check(FILES("gzip"), EX_DATAERR, "", "stsgate: gzip: is gzip that is cut off\n");
	read_check(FILES("absent"), EX_NOINPUT, "", "stsgate: absent: No such file or directory\n");
	read_check(FILES("."), EX_NOINPUT, "", "stsgate: .: Is a directory\n");
	read_check(FILES("absent", "google-1.json", "letter"), EX_NOINPUT, GOOGLE,
		"stsgate: absent: No such file or directory\nstsgate: letter: is a mail without a TLS report\n");
}

/* A small file that stands for a very large one. */
static void test_bombs(void **state)
{
	size_t len = 40 * 1024 * 1024, mail_len;
	char *zeros = calloc(1, len);
	struct report_mail form = forms[0];
	(void)state;
	form.head = "";
	char *mail = report_mail_make(&form, zeros, len, &mail_len);
	file_make("bomb", mail, mail_len);
	read_check(FILES("bomb"), EX_DATAERR, "", "stsgate: bomb: unpacks to more than a report may have\n");
	free(mail);
	memset(zeros, '[', len);
	file_make("deep", zeros, len);
	memcpy(zeros, "{\"policies\":", 12);
	file_make("deep", zeros, len);
	read_check(
		FILES("deep"), EX_DATAERR, "", "stsgate: deep: is too large or too deeply nested for a TLS report\n");
	free(zeros);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_corpus),
		cmocka_unit_test(test_mails),
		cmocka_unit_test(test_mbox),
		cmocka_unit_test(test_merge),
		cmocka_unit_test(a_contradiction_is_shown),
		cmocka_unit_test(test_advice),
		cmocka_unit_test(test_hostile_text),
		cmocka_unit_test(test_senders),
		cmocka_unit_test(the_body_counts),
		cmocka_unit_test(test_manual),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_bombs),
	};
	return cmocka_run_group_tests(tests, files_begin, files_end);
}
