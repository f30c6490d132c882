/* stsgate report test: the mail that reaches the MTA, verified by a program that is not ours, and what is said about it. */
#include "cm.h"

#include "dkim.h"
#include "dkim_verify.h"
#include "smtp_server.h"
#include "tool.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char directory[] = "/tmp/stsgate-report-test-XXXXXX", key[64];
static struct smtp_server server;

static struct tool_run test_run(const char *to, bool with_key, bool json)
{
	char smtp[80], file[96];
	snprintf(smtp, sizeof smtp, "report_smtp=%s", server.address);
	snprintf(file, sizeof file, "report_dkim_key=%s", with_key ? key : "");
	return TOOL("-c", "/dev/null", "-o", smtp, "-o", file, "-o", with_key ? "report_dkim_selector=s1" : "user=root",
		"-o", "report_from=tlsrpt@relay.example", "report", "test", to, json ? "--json" : NULL);
}

static void has(const char *text, const char *part)
{
	if (!strstr(text, part))
		fail_msg("`%s` is not in:\n%s", part, text);
}

static void a_signed_mail_arrives(void **state)
{
	char public[DKIM_PUBLIC_SIZE];
	struct failure why = {0};
	struct dkim_key *own = dkim_key_read(key, "relay.example", "s1", &why);
	(void)state;
	assert_non_null(own);
	dkim_key_public(own, public);
	dkim_key_free(&own);
	smtp_server_start(&server, NULL);
	struct tool_run run = test_run("postmaster@example.com", true, false);
	smtp_server_stop(&server);
	if (run.status != 0)
		fail_msg("status %d: %s%s", run.status, run.out, run.err);
	has(run.out, "tlsrpt@relay.example, envelope sender tlsrpt+test@relay.example\n");
	has(run.out, "by stsgate: d=relay.example, s=s1, ed25519-sha256\n");
	has(run.out, "accepted by ");
	has(run.out, "queued as 4X");
	has(run.out, "dkim=pass for relay.example\n");
	has(server.commands, "MAIL FROM:<tlsrpt+test@relay.example>");
	has(server.commands, "RCPT TO:<postmaster@example.com>\n");
	has(server.message, "\r\nSubject: TEST, no real data: Report Domain: example.com\r\n");
	has(server.message, "Nothing in it is real");
	has(server.message, "\r\nTLS-Required: No\r\n");
	has(server.message, "\r\nTLS-Report-Submitter: relay.example\r\n");
	strcat(server.message, "\r\n"); /* the server leaves out the last one */
	int status = dkim_verify(server.message, "ed25519", public);
	if (status != DKIM_VERIFY_MISSING)
		assert_int_equal(status, 0);
	tool_run_free(&run);
}

static void without_a_key_the_mta_must_sign(void **state)
{
	(void)state;
	smtp_server_start(&server, NULL);
	struct tool_run run = test_run("postmaster@example.com", false, false);
	smtp_server_stop(&server);
	assert_int_equal(run.status, 0);
	has(run.out, "not by stsgate (report_dkim_key is empty)");
	assert_null(strstr(server.message, "DKIM-Signature"));
	tool_run_free(&run);
}

static void refusals_are_told(void **state)
{
	(void)state;
	smtp_server_start(&server, &(struct smtp_script){.rcpt = "550 5.1.1 no such user"});
	struct tool_run run = test_run("nobody@example.com", false, true);
	smtp_server_stop(&server);
	assert_int_equal(run.status, 1);
	has(run.out, "\"result\": \"refused\"");
	has(run.out, "550 5.1.1 no such user");
	has(run.out, "\"signed\": false");
	tool_run_free(&run);
	run = test_run("nobody@example.com", false, false); /* nobody listens any more */
	assert_int_equal(run.status, 2);
	has(run.out, "failed by 127.0.0.1:");
	has(run.out, "look at the MTA's log");
	tool_run_free(&run);
}

static void mistakes_are_told(void **state)
{
	static const char *const wrong[] = {"postmaster", "a@b.example, c@b.example", "\"a\"@b.example", ""};
	(void)state;
	for (size_t i = 0; i < COUNT(wrong); i++) {
		struct tool_run run = test_run(wrong[i], false, false);
		assert_int_equal(run.status, 64);
		has(run.err, "is not an address");
		tool_run_free(&run);
	}
	struct tool_run run = TOOL("-c", "/dev/null", "report", "test", "a@b.example");
	assert_int_equal(run.status, 78);
	has(run.err, "report_from is empty");
	tool_run_free(&run);
	assert_int_equal(unlink(key), 0);
	run = test_run("a@b.example", true, false);
	assert_int_equal(run.status, 66);
	has(run.err, "report_dkim_key: ");
	tool_run_free(&run);
}

/* The tool gives up root, so the key must be in a directory that everybody may enter. */
static int key_write(void **state)
{
	(void)state;
	if (!mkdtemp(directory) || chmod(directory, 0755) != 0)
		return -1;
	snprintf(key, sizeof key, "%s/key.pem", directory);
	FILE *file = fopen(key, "w");
	/* RFC 8463 A.2 */
	fputs("-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIJ1hsZ3v/VpguoRK9JLsLMREScVpezJpGXA7rAMcrn9g\n"
	      "-----END PRIVATE KEY-----\n",
		file);
	return fclose(file);
}

static int key_remove(void **state)
{
	(void)state;
	unlink(key);
	return rmdir(directory);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_signed_mail_arrives),
		cmocka_unit_test(without_a_key_the_mta_must_sign),
		cmocka_unit_test(refusals_are_told),
		cmocka_unit_test(mistakes_are_told),
	};
	return cmocka_run_group_tests(tests, key_write, key_remove);
}
