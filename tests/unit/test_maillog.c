/* Deliveries in mail logs: lines of each MTA and version, hostile lines, and the journal's export. */
#include "cm.h"

#include "maillog.h"
#include "maillog_text.h"
#include "question.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define AT "Nov 30 06:09:52 relay "
#define POSTFIX AT "postfix/smtp[4711]: 4RlBWy5LhXz9sV: "
#define TIMES "delay=0.68, delays=0.02/0.01/0.42/0.23, "
#define MX "relay=mx1.example.net[192.0.2.25]:25, "
#define SENT "dsn=2.0.0, status=sent (250 2.0.0 Ok: queued as 9F5B82004D)"
#define SENDMAIL AT "sendmail[912]: 6AU69pYu000912: "
#define REMOTE "delay=00:00:01, xdelay=00:00:01, mailer=esmtp, pri=120311, relay=mx1.example.net. [192.0.2.25], "

/* What a delivery says, in words: the outcome, the domains (`-`: none), the relay and the level of TLS. "": the line is
 * no delivery. */
struct row {
	const char *line, *words;
};

static const struct row postfix_rows[] = {
	/* versions 3.7 to 3.10 */
	{POSTFIX "to=<ann@example.com>, " MX TIMES SENT, "sent example.com mx1.example.net"},
	{POSTFIX "to=<ann@Example.COM>, orig_to=<bob@example.org>, " MX TIMES SENT, "sent example.com mx1.example.net"},
	{POSTFIX "to=<ann@example.com>, " MX "conn_use=2, " TIMES SENT, "sent example.com mx1.example.net"},
	{"Nov  3 06:09:52 relay postfix/smtp[1]: 6A2F1: to=<ann@example.com>, " MX TIMES SENT,
		"sent example.com mx1.example.net"},
	{"2026-11-30T06:09:52.381+00:00 relay postfix/smtp[47]: 6A2F1: to=<ann@example.com>, " MX TIMES SENT,
		"sent example.com mx1.example.net"},
	{"2026-11-30T06:09:52Z relay postfix/smtp[47]: 6A2F1: to=<ann@example.com>, " MX TIMES SENT,
		"sent example.com mx1.example.net"},
	{AT "postfix-out/smtp[1]: 6A2F1: to=<ann@example.com>, " MX TIMES SENT, "sent example.com mx1.example.net"},
	{AT "postfix/relay/smtp[1]: 6A2F1: to=<ann@example.com>, " MX TIMES SENT, "sent example.com mx1.example.net"},
	{POSTFIX "to=<ann@example.com>, relay=mx1.example.net[2001:db8::25]:25, " TIMES SENT,
		"sent example.com mx1.example.net"},
	{POSTFIX "to=<ann@example.com>, relay=none, delay=30, delays=0.1/0/30/0, dsn=4.4.1, status=deferred "
		 "(connect to mx1.example.net[192.0.2.25]:25: Connection timed out)",
		"deferred example.com -"},
	{POSTFIX "to=<ann@example.com>, " MX TIMES
		 "dsn=4.7.4, status=deferred (TLS is required, but was not offered by "
		 "host mx1.example.net[192.0.2.25])",
		"deferred example.com mx1.example.net"},
	{POSTFIX "to=<ann@example.com>, " MX TIMES
		 "dsn=5.1.1, status=bounced (host mx1.example.net[192.0.2.25] said: 550 "
		 "5.1.1 <ann@example.com>, unknown (in reply to RCPT TO command))",
		"bounced example.com mx1.example.net"},
	{POSTFIX "to=<ann@example.com>, relay=none, " TIMES "dsn=4.4.1, status=expired (delivery expired)",
		"bounced example.com -"},
	{POSTFIX "to=<ann@example.com>, " MX TIMES "dsn=4.1.1, status=SOFTBOUNCE (unknown)",
		"deferred example.com mx1.example.net"},
	/* 3.11 */
	{POSTFIX "to=<ann@example.com>, " MX TIMES "tls=dane, " SENT, "sent example.com mx1.example.net dane"},
	{POSTFIX "to=<ann@example.com>, " MX TIMES "tls=may:none, " SENT, "sent example.com mx1.example.net may:none"},
	{POSTFIX "to=<ann@example.com>, " MX TIMES "tls=dane:halfdane, " SENT,
		"sent example.com mx1.example.net dane:halfdane"},
	{POSTFIX "to=<ann@example.com>, " MX TIMES "tls=verify/requiretls, " SENT,
		"sent example.com mx1.example.net verify"},
	{POSTFIX "to=<ann@example.com>, " MX TIMES "tls=secure!requiretls:nocertmatch, dsn=4.7.5, status=deferred (x)",
		"deferred example.com mx1.example.net secure"},
	{POSTFIX "to=<ann@example.com>, " MX TIMES "tls=may?, " SENT, "sent example.com mx1.example.net may"},
	/* recipients */
	{POSTFIX "to=<\"ann, relay=none, status=bounced\"@example.com>, " MX TIMES SENT,
		"sent example.com mx1.example.net"},
	{POSTFIX "to=<\"a>, b\\\"<\"@example.com>, " MX TIMES SENT, "sent example.com mx1.example.net"},
	{POSTFIX "to=<\"a@b\"@example.com>, " MX TIMES SENT, "sent example.com mx1.example.net"},
	{POSTFIX "to=<a\"b@example.com>, " MX TIMES SENT, "sent - mx1.example.net"},
	{POSTFIX "to=<ann@[192.0.2.9]>, " MX TIMES SENT, "sent - mx1.example.net"},
	{POSTFIX "to=<ann@[IPv6:2001:db8::9]>, " MX TIMES SENT, "sent - mx1.example.net"},
	{POSTFIX "to=<ann>, " MX TIMES SENT, "sent - mx1.example.net"},
	{POSTFIX "to=<ann@b\xc3\xbc"
		 "cher.example>, " MX TIMES SENT,
		"sent xn--bcher-kva.example mx1.example.net"},
	{POSTFIX "to=<ann@\xff\xfe.example>, " MX TIMES SENT, "sent - mx1.example.net"},
	/* not over SMTP to another machine */
	{POSTFIX "to=<ann@example.com>, relay=127.0.0.1[127.0.0.1]:10024, " TIMES SENT, ""},
	{POSTFIX "to=<ann@example.com>, relay=localhost[::1]:10024, " TIMES SENT, ""},
	{AT "postfix/local[1]: 6A2F1: to=<ann@example.com>, relay=local, " TIMES SENT, ""},
	{AT "postfix/virtual[1]: 6A2F1: to=<ann@example.com>, relay=virtual, " TIMES SENT, ""},
	{AT "postfix/lmtp[1]: 6A2F1: to=<ann@example.com>, relay=dovecot[private/lmtp], " TIMES SENT, ""},
	{AT "postfix/pipe[1]: 6A2F1: to=<ann@example.com>, relay=filter, " TIMES SENT, ""},
	{AT "postfix/error[1]: 6A2F1: to=<ann@example.com>, relay=none, " TIMES "dsn=5.0.0, status=bounced (x)", ""},
	{POSTFIX "to=<ann@example.com>, " MX TIMES "dsn=2.0.0, status=deliverable (250 ok)", ""},
	/* other lines */
	{AT "postfix/smtpd[1]: 6A2F1: client=unknown[192.0.2.1]", ""},
	{AT "postfix/qmgr[1]: 6A2F1: from=<ann@example.com>, size=313, nrcpt=1 (queue active)", ""},
	{AT "postfix/smtp[1]: connect to mx1.example.net[192.0.2.25]:25: Connection refused", ""},
	{POSTFIX "host mx1.example.net[192.0.2.25] said: to=<a@b.example>, status=sent (x)", ""},
	{AT "kernel: 6A2F1: to=<ann@example.com>, " MX TIMES SENT, ""},
	{AT "smtp[1]: 6A2F1: to=<ann@example.com>, " MX TIMES SENT, ""},
};

static const struct row sendmail_rows[] = {
	{SENDMAIL "to=<ann@example.com>, ctladdr=<joe@here.example> (1000/1000), " REMOTE "dsn=2.0.0, stat=Sent (ok)",
		"sent example.com mx1.example.net"},
	{"Nov 30 06:09:52 sendmail[912]: 6AU69pYu000912: to=<ann@example.com>, " REMOTE "dsn=2.0.0, stat=Sent (ok)",
		"sent example.com mx1.example.net"}, /* no host */
	{SENDMAIL "to=ann@example.com, " REMOTE "dsn=2.0.0, stat=Sent (ok: queued as 1)",
		"sent example.com mx1.example.net"},
	{SENDMAIL "to=<ann@example.com>,<bob@example.org>,<\"c,<\"@example.net>, " REMOTE "dsn=2.0.0, stat=Sent",
		"sent example.com example.org example.net mx1.example.net"},
	{AT "sm-mta[912]: 6AU69pYu000912: to=<ann@example.com>, " REMOTE "dsn=2.0.0, stat=Sent (ok)",
		"sent example.com mx1.example.net"},
	{SENDMAIL "to=<ann@example.com>, " REMOTE "dsn=4.0.0, stat=Deferred: Connection refused by mx1.example.net.",
		"deferred example.com mx1.example.net"},
	{SENDMAIL "to=<ann@example.com>, " REMOTE "dsn=5.1.1, stat=User unknown",
		"bounced example.com mx1.example.net"},
	{SENDMAIL "to=<ann@example.com>, " REMOTE "dsn=4.4.3, stat=queued", ""},
	{SENDMAIL "to=<ann@example.com>, delay=00:00:00, mailer=esmtp, pri=30311, stat=queued", ""},
	{SENDMAIL "to=<ann@example.com>, delay=00:00:01, mailer=local, pri=30311, dsn=2.0.0, stat=Sent", ""},
	{SENDMAIL
		"to=ann@example.com, mailer=relay, pri=30311, relay=[127.0.0.1] [127.0.0.1], dsn=2.0.0, stat=Sent (ok)",
		""},
	{SENDMAIL "to=ann@example.com, mailer=relay, relay=localhost [IPv6:::1], dsn=2.0.0, stat=Sent (ok)", ""},
	{SENDMAIL
		"to=<ann@example.com>, mailer=relay, pri=1, relay=smart.example. [192.0.2.1], dsn=2.0.0, stat=Sent (ok)",
		"sent example.com smart.example"},
	{SENDMAIL "from=<joe@here.example>, size=313, nrcpts=1, relay=localhost [127.0.0.1]", ""},
	{SENDMAIL "to=\\ann, " REMOTE "dsn=2.0.0, stat=Sent", "sent - mx1.example.net"},
};

static const struct row broken_rows[] = {
	{"", ""},
	{"\n", ""},
	{"Nov", ""},
	{"Nov 30 06:09:52", ""},
	{"Nov 30 06:09:52 relay postfix/smtp[1]:", ""},
	{"Nov 30 06:09:52 relay :", ""},
	{"Nov 30 06:09:52 a b postfix/smtp[1]: 6A2F1: to=<ann@example.com>, " SENT, ""},
	{"Nov 30 06x09x52 relay postfix/smtp[1]: 6A2F1: to=<ann@example.com>, " SENT, ""},
	{"2026-11-30 06:09:52 relay postfix/smtp[1]: 6A2F1: to=<ann@example.com>, " SENT, ""},
	{POSTFIX "to=", ""},
	{POSTFIX "to=<", ""},
	{POSTFIX "to=<>, " MX SENT, "sent - mx1.example.net"},
	{POSTFIX "to=<ann@example.com>, relay=", ""},
	{POSTFIX "to=<ann@example.com>", ""},
	{POSTFIX "to=<ann@example.com>, " MX TIMES "status=", ""},
	{POSTFIX "to=<ann@example.com>, " MX TIMES "status=sent", "sent example.com mx1.example.net"},
	{POSTFIX "to=<ann@example.com>, status=sent (x), relay=evil[127.0.0.1]:25", "sent example.com -"},
	{POSTFIX "to=<ann@example.com, " MX SENT, "sent example.com mx1.example.net"},
	{POSTFIX "to=<\"ann@example.com>, " MX SENT, "sent - mx1.example.net"},
	{POSTFIX "to=<ann@example.com\x1b[2J>, " MX SENT, "sent - mx1.example.net"},
	{POSTFIX "to=<a@x>,<b@y>,,,, " MX SENT, "sent - - mx1.example.net"},
	{POSTFIX "to=<ann@example.com>, " MX "tls=\x1b[2J, " SENT, "sent example.com mx1.example.net"},
	{POSTFIX "to=<ann@example.com>, " MX
		 "tls=aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa, " SENT,
		"sent example.com mx1.example.net"},
	{POSTFIX "to=<ann@example.com>, relay=a[[[[[127.0.0.1]:25, " SENT, ""},
};

static void words_of(char *words, size_t size, const struct maillog_delivery *delivery)
{
	static const char *const outcomes[MAILLOG_OUTCOMES] = {"sent", "deferred", "bounced"};
	struct span list = delivery->recipients, address;
	int len = snprintf(words, size, "%s", outcomes[delivery->outcome]);
	while (maillog_recipient(&list, &address)) {
		struct question question;
		question_from_recipient(&question, address.at, address.len, PURPOSE_QUERY);
		len += snprintf(words + len, size - (size_t)len, " %s", question.has_domain ? question.domain : "-");
	}
	len += snprintf(words + len, size - (size_t)len, " %.*s",
		delivery->relay.len > 0 ? (int)delivery->relay.len : 1,
		delivery->relay.len > 0 ? delivery->relay.at : "-");
	if (delivery->tls.len > 0)
		snprintf(words + len, size - (size_t)len, " %.*s", (int)delivery->tls.len, delivery->tls.at);
}

/* The line is on the heap without a NUL, so that a sanitizer sees a read behind its end. */
static void row_is(const struct row *row)
{
	size_t len = strlen(row->line);
	char words[300] = "", *line = malloc(len > 0 ? len : 1);
	struct maillog_delivery delivery;
	assert_non_null(line);
	memcpy(line, row->line, len);
	if (maillog_line(&delivery, (struct span){line, len}))
		words_of(words, sizeof words, &delivery);
	free(line);
	if (strcmp(words, row->words) != 0)
		fail_msg("%s\n gives: %s\n not: %s", row->line, words, row->words);
}

#define ROWS(rows)                                                                                                     \
	for (size_t i = 0; i < COUNT(rows); i++)                                                                       \
	row_is(&(rows)[i])

static void test_lines(void **state)
{
	(void)state;
	ROWS(postfix_rows);
	ROWS(sendmail_rows);
	ROWS(broken_rows);
}

/* A line that ends early is read like any other: nothing is read behind its end. */
static void test_lines_cut(void **state)
{
	(void)state;
	static const struct row *const tables[] = {postfix_rows, sendmail_rows};
	static const size_t counts[] = {COUNT(postfix_rows), COUNT(sendmail_rows)};
	for (size_t t = 0; t < COUNT(tables); t++)
		for (size_t i = 0; i < counts[t]; i++)
			for (size_t len = 0; len < strlen(tables[t][i].line); len++) {
				char *line = malloc(len > 0 ? len : 1);
				struct maillog_delivery delivery;
				assert_non_null(line);
				memcpy(line, tables[t][i].line, len);
				maillog_line(&delivery, (struct span){line, len});
				free(line);
			}
}

static void test_queue_id(void **state)
{
	(void)state;
	struct maillog_delivery delivery;
	const char *line = postfix_rows[0].line;
	assert_true(maillog_line(&delivery, (struct span){line, strlen(line)}));
	assert_true(span_is(delivery.queue_id, "4RlBWy5LhXz9sV"));
}

/* --- the text of a log -------------------------------------------------------------------------------------------- */

static char taken[40000];

static void take(void *arg, struct span program, struct span text)
{
	(void)arg;
	size_t len = strlen(taken);
	if (text.len > 60)
		snprintf(taken + len, sizeof taken - len, "%zu octets\n", text.len);
	else
		snprintf(taken + len, sizeof taken - len, "%.*s|%.*s\n", (int)program.len, program.at ? program.at : "",
			(int)text.len, text.at);
}

/* Fed in pieces of any size, the log gives the same messages. */
static void text_is(const char *bytes, size_t len, const char *want)
{
	static struct maillog_text text;
	for (size_t piece = 1; piece <= len; piece = piece * 3 + 1) {
		taken[0] = '\0';
		maillog_text_begin(&text, take, NULL);
		for (size_t at = 0; at < len; at += piece)
			maillog_text_feed(&text, bytes + at, len - at < piece ? len - at : piece);
		maillog_text_end(&text);
		assert_string_equal(taken, want);
	}
}

static void test_text(void **state)
{
	(void)state;
	static char lines[MAILLOG_LINE_MAX + 200];
	text_is(LIT("one\ntwo\n"), "|one\n|two\n");
	text_is(LIT("one\n\ntwo"), "|one\n|\n|two\n");
	text_is(LIT("\n"), "|\n");
	memset(lines, 'x', sizeof lines);
	memcpy(lines + sizeof lines - 5, "\nend\n", 5);
	text_is(lines, sizeof lines, "16384 octets\n|end\n");
}

#define CURSOR "__CURSOR=s=1;i=1\n__REALTIME_TIMESTAMP=1900000000000000\n"

static void test_journal(void **state)
{
	(void)state;
	text_is(LIT(CURSOR "SYSLOG_IDENTIFIER=postfix/smtp\nMESSAGE=one=1\n_PID=1\n\n"
			   "__CURSOR=s=2\nMESSAGE=two\nSYSLOG_IDENTIFIER=sendmail\n"),
		"postfix/smtp|one=1\nsendmail|two\n");
	/* a size of ten has the octet of a newline */
	text_is(LIT(CURSOR "SYSLOG_IDENTIFIER=a\nMESSAGE\n\x0a\0\0\0\0\0\0\0one\nMESSAG\n\n"
			   "SYSLOG_IDENTIFIER\n\1\0\0\0\0\0\0\0b\nMESSAGE=c\n\n"),
		"a|one\nMESSAG\nb|c\n");
	text_is(LIT(CURSOR "DATA\n\0\0\0\0\0\0\0\0\nMESSAGE=one\nSYSLOG_IDENTIFIER=a\n\n"), "a|one\n");
	/* an entry without the one or the other; an entry does not inherit */
	text_is(LIT(CURSOR "MESSAGE=one\n\nSYSLOG_IDENTIFIER=a\n\nMESSAGE=two\nSYSLOG_IDENTIFIER=b\n\n"), "b|two\n");
	/* cut off in the middle, or with a size beyond the end */
	text_is(LIT(CURSOR "SYSLOG_IDENTIFIER=a\nMESSAGE\n\x0a\0\0\0"), "");
	text_is(LIT(CURSOR "SYSLOG_IDENTIFIER=a\nMESSAGE=one\nX\n\xff\xff\xff\xff\xff\xff\xff\xffyyy\n\nMESSAGE=z\n"),
		"a|one\n");
	text_is(LIT("MESSAGE=one\nSYSLOG_IDENTIFIER=a\n\n"), "|MESSAGE=one\n|SYSLOG_IDENTIFIER=a\n|\n");
}

static void test_journal_message(void **state)
{
	(void)state;
	struct maillog_delivery delivery;
	char words[200];
	const char *text = "6A2F1: to=<ann@example.com>, " MX TIMES SENT, *program = "postfix/smtp";
	assert_true(
		maillog_message(&delivery, (struct span){program, strlen(program)}, (struct span){text, strlen(text)}));
	words_of(words, sizeof words, &delivery);
	assert_string_equal(words, "sent example.com mx1.example.net");
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_lines), cmocka_unit_test(test_lines_cut),
		cmocka_unit_test(test_queue_id), cmocka_unit_test(test_text), cmocka_unit_test(test_journal),
		cmocka_unit_test(test_journal_message)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
