/* The mail that brings a report: read by Python's email package, which shares no code with us; and what strangers cannot do to it. */
#include "cm.h"

#include "gzip.h"
#include "tlsrpt_mail.h"
#include "tlsrpt_report.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define DAY 20786      /* 2026-11-29 */
#define NOW 1796020000 /* 2026-11-30T06:26:40Z */

/* A mail, and what it is made of. */
struct made {
	struct tlsrpt_report report;
	char *json, *text, file[TLSRPT_FILE_SIZE], *bytes;
	unsigned char *gzip;
	struct tlsrpt_mail mail;
	size_t len;
};

static void tally_make(struct tlsrpt_tally *tally, const char *domain, unsigned sessions)
{
	struct tlsrpt_session session = {.record = "v=TLSRPTv1; rua=mailto:tls@example.net"};
	tlsrpt_tally_init(tally, DAY, domain);
	snprintf(session.domain, sizeof session.domain, "%s", domain);
	struct tlsrpt_policy *policy = tlsrpt_session_add(&session, TLSRPT_STS, domain);
	struct tlsrpt_failure failure = {.result = TLSRPT_VALIDATION_FAILURE, .mx_name = "mx1.example.net"};
	policy->failed = true;
	tlsrpt_policy_add(policy, &failure);
	for (unsigned i = 0; i < sessions; i++) {
		/* Many different details make a report of several hundred lines of base64. */
		snprintf(policy->failure[0].reason, sizeof failure.reason, "\r\n--=_boundary: \xc3\xa9 %u",
			i * 2654435761u);
		tlsrpt_tally_add(tally, &session);
	}
	tlsrpt_session_free(&session);
}

static void mail_make(struct made *made, const char *domain, const char *from, unsigned sessions)
{
	struct tlsrpt_reporter reporter = {"B\xc3\xbcro \"Example\"\r\nBcc: all@example.org", from, "relay1"};
	struct tlsrpt_tally tally;
	tally_make(&tally, domain, sessions);
	tlsrpt_report_init(&made->report, &reporter, &tally, NULL);
	made->json = tlsrpt_report_json(&made->report);
	made->text = tlsrpt_report_text(&made->report);
	tlsrpt_report_file(&made->report, made->file);
	size_t gzip_len;
	made->gzip = gzip_pack(made->json, strlen(made->json), &gzip_len);
	made->mail = (struct tlsrpt_mail){.from = from,
		.to = "tls@example.net",
		.domain = made->report.tally.domain,
		.submitter = made->report.submitter,
		.id = made->report.id,
		.unique = made->report.unique,
		.at = NOW,
		.text = made->text,
		.file = made->file,
		.gzip = made->gzip,
		.gzip_len = gzip_len};
	made->bytes = tlsrpt_mail(&made->mail, &made->len);
	tlsrpt_tally_free(&tally);
}

static void made_free(struct made *made)
{
	tlsrpt_report_free(&made->report);
	free(made->json);
	free(made->text);
	free(made->gzip);
	free(made->bytes);
}

static void file_write(const char *name, const char *bytes, size_t len)
{
	FILE *file = fopen(name, "wb");
	assert_non_null(file);
	assert_int_equal(fwrite(bytes, 1, len, file), len);
	assert_int_equal(fclose(file), 0);
}

static void python_accepts(const struct made *made)
{
	char directory[] = "/tmp/stsgate-mail.XXXXXX", mail[64], json[64], command[512];
	assert_non_null(mkdtemp(directory));
	snprintf(mail, sizeof mail, "%s/mail", directory);
	snprintf(json, sizeof json, "%s/json", directory);
	file_write(mail, made->bytes, made->len);
	file_write(json, made->json, strlen(made->json));
	snprintf(command, sizeof command, "python3 -B '%s/../report_mail.py' %s %s", CORPUS_DIR, mail, json);
	int status = system(command);
	unlink(mail);
	unlink(json);
	rmdir(directory);
	if (WIFEXITED(status) && WEXITSTATUS(status) == 127)
		skip();
	assert_int_equal(status, 0);
}

static void python_reads_it(void **state)
{
	static const unsigned sessions[] = {1, 2, 3, 60};
	(void)state;
	for (size_t i = 0; i < COUNT(sessions); i++) {
		struct made made;
		mail_make(&made, "example.net", "tlsrpt@relay.example.com", sessions[i]);
		assert_non_null(made.bytes);
		python_accepts(&made);
		made_free(&made);
	}
}

/* Names of the greatest length fit into lines of 998 octets. */
static void long_names_fit(void **state)
{
	char label[64], domain[DOMAIN_SIZE], from[400];
	struct made made;
	(void)state;
	memset(label, 'a', 63);
	label[63] = '\0';
	snprintf(domain, sizeof domain, "%s.%s.%s.%.61s", label, label, label, label);
	snprintf(from, sizeof from, "tlsrpt@%s", domain);
	mail_make(&made, domain, from, 1);
	python_accepts(&made);
	made_free(&made);
}

static void header_is_exact(void **state)
{
	struct made made;
	char expected[2048];
	(void)state;
	mail_make(&made, "example.net", "tlsrpt@relay.example.com", 1);
	const char *id = made.report.id, *end = strstr(made.bytes, "\r\n\r\n");
	snprintf(expected, sizeof expected,
		"From: <tlsrpt@relay.example.com>\r\nTo: <tls@example.net>\r\nDate: Mon, 30 Nov 2026 06:26:40 +0000\r\n"
		"Message-ID: <%s>\r\nSubject: Report Domain: example.net\r\n Submitter: relay.example.com\r\n"
		" Report-ID: <%s>\r\nTLS-Report-Domain: example.net\r\nTLS-Report-Submitter: relay.example.com\r\n"
		"TLS-Required: No\r\nAuto-Submitted: auto-generated\r\nMIME-Version: 1.0\r\n"
		"Content-Type: multipart/report; report-type=\"tlsrpt\";\r\n boundary=\"=_%s\"",
		id, id, made.report.unique);
	assert_int_equal(end - made.bytes, strlen(expected));
	assert_memory_equal(made.bytes, expected, strlen(expected));
	made_free(&made);
}

static void strings_add_no_fields(void **state)
{
	struct made made;
	size_t len;
	(void)state;
	mail_make(&made, "example.net", "tlsrpt@relay.example.com", 1);
	struct tlsrpt_mail mail = made.mail;
	mail.domain = "example.net\r\nBcc: all@example.org";
	mail.submitter = "a\nBcc: all@example.org";
	mail.id = "a\r\n\r\n<html>";
	mail.file = "a\"\r\nBcc: \x80 all";
	char *bytes = tlsrpt_mail(&mail, &len);
	assert_null(strstr(bytes, "\nBcc"));
	assert_null(strstr(bytes, "\n<html>"));
	assert_null(strchr(bytes, '\x80'));
	free(bytes);
	made_free(&made);
}

static void only_mailboxes_get_mail(void **state)
{
	static const char *const bad[] = {"", "tls", "tls@", "@example.net", "tls@example.net\r\nBcc: all@example.org",
		"tls@example.net, all@example.org", "<tls@example.net>", "a b@example.net", "t\xc3\xa9@example.net"};
	struct made made;
	size_t len;
	(void)state;
	mail_make(&made, "example.net", "tlsrpt@relay.example.com", 1);
	for (size_t i = 0; i < COUNT(bad); i++) {
		struct tlsrpt_mail to = made.mail, from = made.mail;
		to.to = bad[i];
		from.from = bad[i];
		assert_null(tlsrpt_mail(&to, &len));
		assert_null(tlsrpt_mail(&from, &len));
	}
	made_free(&made);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(python_reads_it), cmocka_unit_test(long_names_fit),
		cmocka_unit_test(header_is_exact), cmocka_unit_test(strings_add_no_fields),
		cmocka_unit_test(only_mailboxes_get_mail)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
