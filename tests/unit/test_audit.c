/* audit: who would be delayed with mode = enforce, by a list of domains or by mail logs. */
#include "cm.h"

#include "moving_room.h"
#include "tally.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

/* A domain with a policy and one mail host, which a probe finds to be like `reason`. */
static void domain_publishes(const char *domain, const char *mode, enum reason reason)
{
	char name[80], text[200], mx[80];
	const char *record = "v=STSv1; id=7;", *exchange = mx;
	snprintf(name, sizeof name, "_mta-sts.%s", domain);
	assert_true(world_dns(name, DNS_TXT, 300, &record, 1));
	snprintf(mx, sizeof mx, "10 mx.%s", domain);
	assert_true(world_dns(domain, DNS_MX, 300, &exchange, 1));
	snprintf(name, sizeof name, "mx.%s", domain);
	world_address(name);
	world_hop(name, reason, 0x0304);
	snprintf(text, sizeof text, "version: STSv1\nmode: %s\nmx: mx.%s\nmax_age: 604800\n", mode, domain);
	world_policy(domain, text, strlen(text));
}

static void world_make(void)
{
	domain_publishes("good.example", "enforce", REASON_OK);
	domain_publishes("bad.example", "enforce", REASON_STARTTLS_MISSING);
	domain_publishes("testing.example", "testing", REASON_OK);
	domain_publishes("failing.example", "testing", REASON_CERT_EXPIRED);
	domain_publishes("off.example", "none", REASON_OK);
	domain_publishes("broken.example", "enforce", REASON_OK);
	world_policy_fails("broken.example", REASON_POLICY_FETCH, "HTTP status 500");
}

static struct tool_run audited(const char *input, const char *option, const char *value)
{
	file_write(input, strlen(input));
	return call_tool((struct call){.run = audit_run,
		.words = {file},
		.store = one,
		.override = "mode=monitor",
		.rate = "1000",
		.own = {{option, value}}});
}

static json_t *audited_json(const char *input, const char *option, int status)
{
	file_write(input, strlen(input));
	return call_for_json((struct call){.run = audit_run,
				     .words = {file},
				     .store = one,
				     .override = "mode=monitor",
				     .rate = "1000",
				     .own = {{option, ""}}},
		status);
}

static void has(const struct tool_run *run, const char *text)
{
	if (!strstr(run->out, text))
		fail_msg("no %s in\n%s%s", text, run->out, run->err);
}

static void has_not(const struct tool_run *run, const char *text)
{
	if (strstr(run->out, text))
		fail_msg("%s in\n%s", text, run->out);
}

/* --- lists -------------------------------------------------------------------------------------------------------- */

static void test_list(void **state)
{
	(void)state;
	world_make();
	struct tool_run run = audited("good.example\nbad.example\n# none\njoe@Testing.example\nfailing.example\n"
				      "off.example\nplain.example\nplain.example\n",
		NULL, NULL);
	assert_int_equal(run.status, 1);
	assert_string_equal(run.err, "");
	has(&run,
		"DOMAIN                           MODE     VERDICT      REASON                     MAIL HOST\n"
		"bad.example                      enforce  fail-enforce starttls-not-supported     mx.bad.example\n"
		"failing.example                  testing  fail-testing certificate-expired        mx.failing.example\n"
		"good.example                     enforce  pass ");
	has_not(&run, "\nplain.example");
	has(&run, "\nwould be delayed                                1\n"
		  "could not be checked                            0\n"
		  "would fail a policy in mode testing             1\n"
		  "with a policy, not delayed                      3\n"
		  "without a policy                                1\n"
		  "all                                             6\n\n"
		  "policies: enforce 2, testing 2, none 1\n\n"
		  "1 domain would fail a policy in mode testing, which delays no mail: failing.example.\n"
		  "1 domain would be delayed; look first at: bad.example.\n"
		  "Keep mode = monitor until");
	tool_run_free(&run);
}

static void test_list_ready(void **state)
{
	(void)state;
	world_make();
	struct tool_run run = audited("good.example\nplain.example\nbroken.example\n", NULL, NULL);
	assert_int_equal(run.status, 0);
	has(&run, "broken.example                   -        none         sts-policy-fetch-error     -\n");
	has_not(&run, "plain.example ");
	has(&run, "No domain of this list would be delayed.\nIt is time to change mode = monitor to mode = enforce.\n");
	tool_run_free(&run);
	run = call_tool((struct call){.run = audit_run, .words = {file}, .store = one, .override = "mode=enforce"});
	has(&run, "No domain of this list would be delayed.\nThe settings have mode = enforce already.\n");
	tool_run_free(&run);
	/* without the daemon's store */
	run = call_tool((struct call){.run = audit_run, .words = {file}, .rate = "1000"});
	assert_int_equal(run.status, 0);
	assert_non_null(strstr(run.err, "the daemon's store is not used"));
	tool_run_free(&run);
}

static void test_list_unchecked(void **state)
{
	(void)state;
	world_make();
	world_dns_outcome("_mta-sts.dark.example", DNS_TXT, DNS_FAILED, 0);
	struct tool_run run = audited("dark.example\ngood.example\nnot a domain\n", NULL, NULL);
	assert_int_equal(run.status, 2);
	has(&run, "dark.example                     -        none         record-lookup-failed       -\n");
	has(&run, "1 domain could not be checked; try again later: dark.example.\n"
		  "No other domain of this list would be delayed.\nKeep mode = monitor");
	assert_non_null(strstr(run.err, "line 3 is not a domain that can have a policy: \"not a domain\"\n"));
	tool_run_free(&run);
	run = audited("# nothing\n", NULL, NULL);
	assert_int_equal(run.status, 65);
	tool_run_free(&run);
	run = audited("good.example\n", "csv", "");
	tool_run_free(&run);
}

/* With mta_enforces, nobody knows whether the MTA can deliver to a host that is silent now. */
static void test_list_silent(void **state)
{
	(void)state;
	domain_publishes("silent.example", "enforce", REASON_HOP_UNREACHABLE);
	json_t *got = audited_json("silent.example\n", NULL, 1);
	json_is_text(got, "domains.0.result", "delayed");
	json_decref(got);
	got = call_for_json(
		(struct call){.run = audit_run, .words = {file}, .store = one, .override = "mta_enforces=yes"}, 2);
	json_is_text(got, "domains.0.result", "unchecked");
	json_is_text(got, "domains.0.verdict", "pass");
	json_is_text(got, "domains.0.map", "secure");
	json_decref(got);
}

/* The audit looks beneath an operator's override: it will end. */
static void test_list_override(void **state)
{
	(void)state;
	world_make();
	struct tool_run run = call_tool((struct call){.run = override_run,
		.words = {"set", "bad.example", "pass"},
		.store = one,
		.own = {{"for", "4h"}, {"reason", "a test"}}});
	assert_int_equal(run.status, 0);
	tool_run_free(&run);
	json_t *got = audited_json("bad.example\n", NULL, 1);
	json_is_text(got, "domains.0.result", "delayed");
	json_is_text(got, "domains.0.map", "secure");
	json_decref(got);
}

/* A domain without a policy, and one mail host, which a probe finds to be like `reason`. */
static void domain_is_plain(const char *domain, enum reason reason)
{
	char mx[80], name[80];
	const char *exchange = mx;
	snprintf(mx, sizeof mx, "10 mx.%s", domain);
	assert_true(world_dns(domain, DNS_MX, 300, &exchange, 1));
	snprintf(name, sizeof name, "mx.%s", domain);
	world_address(name);
	world_hop(name, reason, 0x0304);
}

/* default_level = verify: whose mail it would hold, and why. The mail hosts of domains without a policy are probed for it. */
static void test_list_level(void **state)
{
	(void)state;
	static const char list[] = "good.example\nbad.example\nfailing.example\ntesting.example\noff.example\n"
				   "clear.example\nselfsigned.example\ntls.example\nquiet.example\nnull.example\n";
	static const char *const null_mx = "0 .";
	world_make();
	domain_is_plain("clear.example", REASON_STARTTLS_MISSING);
	domain_is_plain("selfsigned.example", REASON_CERT_UNTRUSTED);
	domain_is_plain("tls.example", REASON_OK);
	domain_is_plain("quiet.example", REASON_HOP_UNREACHABLE);
	assert_true(world_dns("null.example", DNS_MX, 300, &null_mx, 1));
	struct tool_run run = audited(list, NULL, NULL);
	has_not(&run, "clear.example ");
	has(&run, "without a policy                                5\n");
	tool_run_free(&run);
	run = audited(list, "default-level", "");
	assert_int_equal(run.status, 2);
	has(&run,
		"clear.example                    -        fail-enforce starttls-not-supported     mx.clear.example\n");
	has(&run,
		"selfsigned.example               -        fail-enforce certificate-not-trusted    mx.selfsigned.example\n");
	has(&run,
		"failing.example                  testing  fail-enforce certificate-expired        mx.failing.example\n");
	has(&run, "quiet.example                    -        none         hop-unreachable            -\n");
	has(&run, "testing.example                  testing  pass ");
	has(&run, "\nwould be delayed                                4\n"
		  "could not be checked                            1\n"
		  "would fail a policy in mode testing             0\n"
		  "with a policy, not delayed                      3\n"
		  "without a policy                                2\n");
	has(&run, "Use default_level = verify only if this mail may wait");
	tool_run_free(&run);
	json_t *got = audited_json("clear.example\n", "default-level", 1);
	json_is_text(got, "domains.0.result", "delayed");
	json_is_text(got, "domains.0.map", "verify");
	json_is_text(got, "domains.0.mail_host", "mx.clear.example");
	assert_true(json_is_true(json_at(got, "domains.0.map_holds")));
	assert_true(json_is_true(json_at(got, "domains.0.default_level")));
	json_decref(got);
	run = audited("good.example\ntls.example\n", "default-level", "");
	assert_int_equal(run.status, 0);
	has(&run, "default_level = verify would delay none of this mail.\n");
	tool_run_free(&run);
}

/* The settings have it already: the audit judges as the daemon does. Exempt domains are let out. */
static void test_list_level_is_set(void **state)
{
	(void)state;
	domain_is_plain("clear.example", REASON_STARTTLS_MISSING);
	file_write("clear.example\n", strlen("clear.example\n"));
	struct tool_run run = call_tool(
		(struct call){.run = audit_run, .words = {file}, .store = one, .override = "default_level=verify"});
	assert_int_equal(run.status, 1);
	has(&run,
		"clear.example                    -        fail-enforce starttls-not-supported     mx.clear.example\n");
	tool_run_free(&run);
	run = call_tool((struct call){.run = audit_run,
		.words = {file},
		.store = one,
		.override = "exempt_domains=clear.example",
		.own = {{"default-level", ""}}});
	assert_int_equal(run.status, 0);
	has_not(&run, "clear.example ");
	tool_run_free(&run);
}

/* A result of a run with the option says nothing without it. */
static void test_resume_level(void **state)
{
	(void)state;
	char path[128];
	domain_is_plain("clear.example", REASON_STARTTLS_MISSING);
	snprintf(path, sizeof path, "%s/state", call_directory);
	file_write("clear.example\n", strlen("clear.example\n"));
	for (int i = 0; i < 4; i++) {
		bool level = i % 2 == 0;
		struct tool_run run = call_tool((struct call){.run = audit_run,
			.words = {file},
			.store = one,
			.override = level ? "default_level=verify" : "mode=monitor",
			.own = {{"resume", path}}});
		assert_int_equal(run.status, level ? 1 : 0);
		assert_int_equal(strstr(run.err, "results from the state file: 1") != NULL, i >= 2);
		tool_run_free(&run);
	}
	unlink(path);
}

/* A mail log that was named as a list: some lines are shown, the others are counted, and there is a hint. */
static void test_list_is_log(void **state)
{
	(void)state;
	char list[80 * 25] = "";
	for (int i = 0; i < 25; i++)
		strcat(list, "Nov 30 06:09:52 relay postfix/qmgr[1]: 4A: removed\n");
	file_write(list, strlen(list));
	struct tool_run run = call_tool((struct call){.run = audit_run, .words = {file}, .store = one});
	assert_int_equal(run.status, 65);
	assert_non_null(strstr(run.err, "line 20 is not a domain"));
	assert_null(strstr(run.err, "line 21 is not a domain"));
	assert_non_null(strstr(run.err, "stsgate: 5 more lines name no domain\n"));
	assert_non_null(strstr(run.err, "for a mail log use --maillog\n"));
	tool_run_free(&run);
}

/* A next hop in brackets is judged by itself. */
static void test_list_next_hop(void **state)
{
	(void)state;
	world_make();
	json_t *got = audited_json("[mx.plain.example]:587\ngood.example\n", NULL, 0);
	json_is_text(got, "domains.0.domain", "good.example");
	json_is_text(got, "domains.1.domain", "[mx.plain.example]:587");
	json_decref(got);
}

/* --- logs --------------------------------------------------------------------------------------------------------- */

#define LINE(queue_id, domain, tail)                                                                                   \
	"Nov 30 06:09:52 relay postfix/smtp[1]: " queue_id ": to=<ann@" domain ">, relay=mx." domain                   \
	"[192.0.2.25]:25, "                                                                                            \
	"delay=1, delays=0/0/0/1, " tail
#define SENT "dsn=2.0.0, status=sent (250 ok)\n"
#define LATER "dsn=4.7.4, status=deferred (TLS is required, but was not offered)\n"
#define LOG                                                                                                            \
	LINE("A1", "good.example", "tls=secure, " SENT)                                                                \
	LINE("A2", "good.example", "tls=secure, " SENT)                                                                \
	LINE("A3", "plain.example", "tls=may:none, " SENT)                                                             \
	LINE("A4", "plain.example", SENT)                                                                              \
	LINE("A5", "plain.example", SENT)                                                                              \
	LINE("A6", "plain.example", "dsn=5.1.1, status=bounced (no)\n")                                                \
	LINE("A7", "failing.example", SENT)                                                                            \
	LINE("A8", "bad.example", LATER)                                                                               \
	"Nov 30 06:09:52 relay postfix/smtp[1]: A9: to=<ann@[192.0.2.1]>, relay=192.0.2.1[192.0.2.1]:25, " SENT

static void log_is_right(json_t *got)
{
	json_is_text(got, "domains.0.domain", "bad.example");
	json_is_text(got, "domains.0.result", "delayed");
	json_is_text(got, "domains.0.policy", "enforce");
	json_is_text(got, "domains.0.verdict", "fail-enforce");
	json_is_text(got, "domains.0.reason", "starttls-not-supported");
	json_is_text(got, "domains.0.mail_host", "mx.bad.example");
	json_is_text(got, "domains.0.map", "secure");
	assert_int_equal(json_integer_value(json_at(got, "domains.0.messages")), 1);
	assert_int_equal(json_integer_value(json_at(got, "domains.0.deferred")), 1);
	json_is_text(got, "domains.3.domain", "plain.example");
	json_is_text(got, "domains.3.result", "no-policy");
	json_is_nothing(got, "domains.3.policy");
	json_is_text(got, "domains.3.map", "NOTFOUND");
	assert_int_equal(json_integer_value(json_at(got, "domains.3.sent")), 3);
	assert_int_equal(json_integer_value(json_at(got, "domains.3.bounced")), 1);
	assert_int_equal(json_integer_value(json_at(got, "results.satisfied.messages")), 2);
	assert_int_equal(json_integer_value(json_at(got, "results.no-policy.domains")), 1);
	assert_int_equal(json_integer_value(json_at(got, "policies.enforce")), 2);
	assert_int_equal(json_integer_value(json_at(got, "log.without_domain")), 1);
	assert_int_equal(json_integer_value(json_at(got, "log.tls.secure")), 2);
	assert_int_equal(json_integer_value(json_at(got, "log.tls.may:none")), 1);
	json_is_nothing(got, "log.only_relay");
	assert_true(json_is_false(json_at(got, "ready")));
	json_decref(got);
}

static void test_log(void **state)
{
	(void)state;
	world_make();
	struct tool_run run = audited(LOG, "maillog", "");
	assert_int_equal(run.status, 1);
	assert_string_equal(run.err, "");
	has(&run,
		"DOMAIN                           MESSAGES MODE     VERDICT      REASON                     MAIL HOST\n"
		"bad.example                             1 enforce  fail-enforce starttls-not-supported     mx.bad.example\n");
	has(&run, "                                          DOMAINS   MESSAGES    SHARE\n"
		  "would be delayed                                1          1   12.5 %\n");
	has(&run, "without a policy                                1          4   50.0 %\n"
		  "all                                             4          8  100.0 %\n");
	has(&run, "recipients without a domain that can have a policy: 1\nTLS in the log: secure 2, may:none 1\n");
	has(&run, "1 domain (12.5 % of the messages) would be delayed; look first at: bad.example.\n");
	has_not(&run, "one host");
	has_not(&run, "ann");
	tool_run_free(&run);
	log_is_right(audited_json(LOG, "maillog", 1));
}

/* The log is compressed, whatever the file's name. */
static void test_log_packed(void **state)
{
	(void)state;
	world_make();
	gzFile packed = gzopen(file, "wb");
	assert_non_null(packed);
	assert_int_equal(gzwrite(packed, LOG, strlen(LOG)), strlen(LOG));
	assert_int_equal(gzclose(packed), Z_OK);
	const struct call call = {
		.run = audit_run, .words = {file}, .store = one, .override = "mode=monitor", .own = {{"maillog", ""}}};
	log_is_right(call_for_json(call, 1));
	/* without its end: what was read is not enough to judge by */
	struct stat size;
	assert_int_equal(stat(file, &size), 0);
	assert_int_equal(truncate(file, size.st_size - 9), 0);
	struct tool_run run = call_tool(call);
	assert_int_equal(run.status, 65);
	assert_non_null(strstr(run.err, ": the compressed data is damaged or ends early\n"));
	tool_run_free(&run);
	file_write(LIT("\xfd"
		       "7zXZ\0...\n"));
	run = call_tool(call);
	assert_int_equal(run.status, 65);
	assert_non_null(strstr(run.err, "is compressed with xz: decompress it first\n"));
	tool_run_free(&run);
}

static void test_log_of_journal(void **state)
{
	(void)state;
	world_make();
	json_t *got = audited_json("__CURSOR=s=1\nSYSLOG_IDENTIFIER=postfix/smtp\nMESSAGE=A1: to=<ann@bad.example>, "
				   "relay=mx.bad.example[192.0.2.1]:25, " SENT "\n",
		"maillog", 1);
	json_is_text(got, "domains.0.domain", "bad.example");
	json_decref(got);
}

/* A recipient counts once, however often its message was tried: by the last outcome. */
static void test_log_retries(void **state)
{
	(void)state;
	json_t *got = audited_json(LINE("A1", "plain.example", LATER) LINE("A1", "plain.example", LATER)
					   LINE("A2", "plain.example", LATER) LINE("A1", "plain.example", SENT)
						   LINE("A3", "plain.example", SENT),
		"maillog", 0);
	assert_int_equal(json_integer_value(json_at(got, "domains.0.messages")), 3);
	assert_int_equal(json_integer_value(json_at(got, "domains.0.sent")), 2);
	assert_int_equal(json_integer_value(json_at(got, "domains.0.deferred")), 1);
	json_decref(got);
}

#define BY_RELAY(domain)                                                                                               \
	"Nov 30 06:09:52 relay postfix/smtp[1]: A1: to=<ann@" domain ">, relay=smart.example[192.0.2.1]:587, " SENT

static void test_log_of_relayhost(void **state)
{
	(void)state;
	struct tool_run run = audited(BY_RELAY("a.example") BY_RELAY("b.example") BY_RELAY("c.example"), "maillog", "");
	has(&run, "All mail of this log went to one host, smart.example: this seems to be a relay host");
	tool_run_free(&run);
	run = audited(BY_RELAY("a.example") BY_RELAY("b.example") BY_RELAY("c.example") LINE("A2", "d.example", SENT),
		"maillog", "");
	has_not(&run, "one host");
	tool_run_free(&run);
	run = audited("Nov 30 06:09:52 relay kernel: hello\n", "maillog", "");
	assert_int_equal(run.status, 65);
	tool_run_free(&run);
}

/* --- CSV and the state file --------------------------------------------------------------------------------------- */

static void test_csv(void **state)
{
	(void)state;
	world_make();
	file_write(LOG, strlen(LOG));
	struct tool_run run = call_tool((struct call){.run = audit_run,
		.words = {file},
		.store = one,
		.override = "mode=monitor",
		.own = {{"maillog", ""}, {"csv", ""}}});
	assert_string_equal(run.out,
		"domain,result,messages,sent,deferred,bounced,policy,verdict,reason,mail_host,map\r\n"
		"bad.example,delayed,1,0,1,0,enforce,fail-enforce,starttls-not-supported,mx.bad.example,secure\r\n"
		"failing.example,testing-fails,1,1,0,0,testing,fail-testing,certificate-expired,mx.failing.example,"
		"NOTFOUND\r\n"
		"good.example,satisfied,2,2,0,0,enforce,pass,ok,,secure\r\n"
		"plain.example,no-policy,4,3,0,1,,none,no-record,,NOTFOUND\r\n");
	assert_non_null(strstr(run.err, "would be delayed"));
	tool_run_free(&run);
	run = call_tool((struct call){
		.run = audit_run, .words = {file}, .store = one, .json = true, .own = {{"maillog", ""}, {"csv", ""}}});
	assert_int_equal(run.status, 64);
	tool_run_free(&run);
}

static void file_append(const char *path, const char *text)
{
	FILE *to = fopen(path, "ae");
	assert_non_null(to);
	assert_true(fputs(text, to) >= 0);
	assert_int_equal(fclose(to), 0);
}

static unsigned lines_of(const char *path)
{
	unsigned count = 0;
	FILE *from = fopen(path, "re");
	assert_non_null(from);
	for (int c; (c = getc(from)) != EOF;)
		count += c == '\n';
	fclose(from);
	return count;
}

static void test_resume(void **state)
{
	(void)state;
	char path[128];
	world_make();
	world_dns_outcome("_mta-sts.dark.example", DNS_TXT, DNS_FAILED, 0);
	snprintf(path, sizeof path, "%s/state", call_directory);
	struct tool_run run = audited("bad.example\nfailing.example\ndark.example\n", "resume", path);
	assert_int_equal(run.status, 2);
	tool_run_free(&run);
	assert_int_equal(lines_of(path), 2); /* what could not be checked is tried again */
	/* The run was cut off in the middle of a line; some lines are not ours. */
	file_append(path,
		"nonsense\n{\"domain\": \"good.example\", \"result\": \"delayed\"}\n[]\n\xff\xfe\n{\"domain\": \"go");
	/* A domain in the file is not looked up again. */
	domain_publishes("bad.example", "enforce", REASON_OK);
	run = audited("bad.example\nfailing.example\ndark.example\ngood.example\n", "resume", path);
	assert_string_equal(run.err, "stsgate: note: results from the state file: 2\n");
	has(&run, "bad.example                      enforce  fail-enforce starttls-not-supported     mx.bad.example\n");
	has(&run,
		"failing.example                  testing  fail-testing certificate-expired        mx.failing.example\n");
	has(&run, "good.example                     enforce  pass         -                          -\n");
	tool_run_free(&run);
	assert_int_equal(lines_of(path), 7);
	run = audited("good.example\n", "resume", path);
	assert_string_equal(run.err, "stsgate: note: results from the state file: 1\n");
	assert_int_equal(run.status, 0);
	tool_run_free(&run);
	unlink(path);
	run = audited("good.example\n", "resume", "/nonexistent/state");
	assert_int_equal(run.status, 66);
	tool_run_free(&run);
	run = call_tool((struct call){.run = audit_run, .words = {"/nonexistent/list"}, .store = one});
	assert_int_equal(run.status, 66);
	tool_run_free(&run);
}

/* --- the table of domains ----------------------------------------------------------------------------------------- */

static void test_tally(void **state)
{
	(void)state;
	struct tally tally;
	char name[32];
	tally_init(&tally, 7);
	for (unsigned i = 0; i < 5000; i++) {
		snprintf(name, sizeof name, "d%u.example", i);
		struct tally_row *row = tally_make(&tally, name);
		assert_non_null(row);
		assert_ptr_equal(tally_make(&tally, name), row);
		row->count[i % MAILLOG_OUTCOMES] = i;
		row->result = (enum tally_result)(i % TALLY_RESULTS);
	}
	assert_int_equal(tally.count, 5000);
	assert_null(tally_find(&tally, "other.example"));
	tally_sort(&tally, false);
	assert_string_equal(tally.rows[0]->name, "d4999.example");
	assert_ptr_equal(tally_find(&tally, "d17.example")->name, tally_find(&tally, "d17.example")->name);
	assert_string_equal(tally_find(&tally, "d17.example")->name, "d17.example");
	tally_sort(&tally, true);
	assert_string_equal(tally.rows[0]->name, "d4995.example");
	assert_string_equal(tally.rows[4999]->name, "d4.example");
	tally_free(&tally);
}

int main(void)
{
	const struct CMUnitTest tests[] = {ON_STORES(test_list), ON_STORES(test_list_ready),
		ON_STORES(test_list_unchecked), ON_STORES(test_list_silent), ON_STORES(test_list_override),
		ON_STORES(test_list_is_log), ON_STORES(test_list_next_hop), ON_STORES(test_log),
		ON_STORES(test_log_packed), ON_STORES(test_log_of_journal), ON_STORES(test_log_retries),
		ON_STORES(test_log_of_relayhost), ON_STORES(test_csv), ON_STORES(test_resume),
		ON_STORES(test_list_level), ON_STORES(test_list_level_is_set), ON_STORES(test_resume_level),
		cmocka_unit_test(test_tally)};
	return cmocka_run_group_tests(tests, call_directory_make, call_directory_remove);
}
