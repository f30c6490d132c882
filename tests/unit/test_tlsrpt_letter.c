/* tlsrpt_letter: the signed mail of a report, verified by a program that is not ours. */
#include "tlsrpt_letter.h"

#include "cm.h"
#include "dkim_verify.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#define KEY "test-tlsrpt-letter.pem"
#define AT 1796020000

static void report_make(struct tlsrpt_report *report)
{
	static const struct tlsrpt_reporter reporter = {"Relay", "tlsrpt@relay.example", "relay.example"};
	struct tlsrpt_session session = {.domain = "example.com", .record = "v=TLSRPTv1; rua=mailto:a@example.com"};
	struct tlsrpt_tally tally;
	tlsrpt_session_add(&session, TLSRPT_NO_POLICY_FOUND, "example.com")->failed = true;
	tlsrpt_tally_init(&tally, AT / 86400, "example.com");
	tlsrpt_tally_add(&tally, &session);
	tlsrpt_report_init(report, &reporter, &tally, NULL);
	tlsrpt_tally_free(&tally);
	tlsrpt_session_free(&session);
}

/* Returns a mail as a string that the caller frees, or NULL. */
static char *letter_write(const struct tlsrpt_letter *with, struct failure *why)
{
	struct tlsrpt_report report;
	struct tlsrpt_letter letter = *with;
	size_t len = 0;
	report_make(&report);
	letter.report = &report;
	letter.at = AT;
	char *mail = tlsrpt_letter_write(&letter, &len, why), *text = mail ? strndup(mail, len) : NULL;
	free(mail);
	tlsrpt_report_free(&report);
	return text;
}

static struct settings *settings_of(const char *key)
{
	char line[4200], *words[] = {line, "report_dkim_selector = s1", "report_from = tlsrpt@relay.example"};
	struct failure why = {0};
	snprintf(line, sizeof line, "report_dkim_key = %s", key);
	struct settings *settings = settings_read(NULL, false, words, 3, &why);
	if (!settings)
		fail_msg("%s", why.text);
	return settings;
}

static void a_letter_is_signed(void **state)
{
	struct failure why = {0};
	char public[DKIM_PUBLIC_SIZE], *place = realpath(KEY, NULL);
	struct settings *settings = settings_of(place);
	struct dkim_key *key = NULL;
	(void)state;
	assert_true(tlsrpt_letter_key(&key, settings, &why));
	assert_non_null(key);
	dkim_key_public(key, public);
	char *mail = letter_write(&(struct tlsrpt_letter){.to = "a@example.com", .key = key}, &why);
	assert_non_null(mail);
	assert_memory_equal(mail, "DKIM-Signature: ", 16);
	assert_non_null(strstr(mail, "d=relay.example;"));
	assert_non_null(strstr(mail, "\r\nSubject: Report Domain: example.com\r\n"));
	int status = dkim_verify(mail, "ed25519", public);
	if (status != DKIM_VERIFY_MISSING)
		assert_int_equal(status, 0);
	free(mail);
	dkim_key_free(&key);
	settings_free(&settings);
	free(place);
}

static void a_letter_has_marks(void **state)
{
	struct failure why = {0};
	char *mail = letter_write(
		&(struct tlsrpt_letter){.to = "a@example.com", .mark = "TEST:", .preface = "Not real.\n\n"}, &why);
	(void)state;
	assert_non_null(mail);
	assert_null(strstr(mail, "DKIM-Signature"));
	assert_memory_equal(mail, "From: <tlsrpt@relay.example>\r\n", 30);
	assert_non_null(strstr(mail, "\r\nSubject: TEST: Report Domain: example.com\r\n"));
	assert_non_null(strstr(mail, "\r\n\r\nNot real.\r\n\r\n"));
	free(mail);
}

static void mistakes_are_told(void **state)
{
	struct failure why = {0};
	struct dkim_key *key = NULL;
	struct settings *settings = settings_of("/nonexistent/key");
	(void)state;
	assert_null(letter_write(&(struct tlsrpt_letter){.to = "a@example.com, b@example.com"}, &why));
	assert_int_equal(why.code, EX_DATAERR);
	assert_false(tlsrpt_letter_key(&key, settings, &why));
	assert_memory_equal(why.text, "report_dkim_key: /nonexistent/key cannot be read", 48);
	settings_free(&settings);
	settings = settings_read(NULL, false, NULL, 0, &why);
	assert_true(tlsrpt_letter_key(&key, settings, &why));
	assert_null(key);
	settings_free(&settings);
}

static int key_write(void **state)
{
	FILE *file = fopen(KEY, "w");
	(void)state;
	/* RFC 8463 A.2 */
	fputs("-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIJ1hsZ3v/VpguoRK9JLsLMREScVpezJpGXA7rAMcrn9g\n"
	      "-----END PRIVATE KEY-----\n",
		file);
	return fclose(file);
}

static int key_remove(void **state)
{
	(void)state;
	return unlink(KEY);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_letter_is_signed),
		cmocka_unit_test(a_letter_has_marks),
		cmocka_unit_test(mistakes_are_told),
	};
	return cmocka_run_group_tests(tests, key_write, key_remove);
}
