/* The milter as an MTA sees it, with the real libmilter: the negotiation, the action for each verdict under each
 * setting, and the texts of replies, headers and log. */
#include "milter_room.h"

#include "clock.h"
#include "fake_check.h"
#include "message.h"

#include "cm.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define REPLY_NO_STARTTLS                                                                                              \
	"451 4.7.5 <enforce.example> MTA-STS policy (enforce): mx.enforce.example offers no STARTTLS "                 \
	"[starttls-not-supported]; will be retried"
#define REPLY_UNREADABLE                                                                                               \
	"451 4.7.5 <pass.example> MTA-STS policy (enforce): the next hop cannot be parsed (port, brackets or "         \
	"list), so its mail hosts are unknown [next-hop-unreadable]; will be retried"
#define REPLY_NO_NAME                                                                                                  \
	"451 4.7.5 MTA-STS: the domain name cannot be converted to its DNS form, so its policy is unknown "            \
	"[domain-unreadable]; will be retried"
#define REPLY_NOT_CHECKED                                                                                              \
	"451 4.7.5 <defer.example> MTA-STS policy (enforce): mx.defer.example has not been checked yet "               \
	"[not-yet-checked]; will be retried"
#define TAG_OVERRIDE                                                                                                   \
	"insert 1 X-STS-Gate: domain=enforce-tagged.example; policy=enforce; verdict=fail-enforce; "                   \
	"reason=starttls-not-supported; mx=mx.enforce-tagged.example; override=tag\n"
#define TAG_ENFORCE                                                                                                    \
	"insert 1 X-STS-Gate: domain=enforce.example; policy=enforce; verdict=fail-enforce; "                          \
	"reason=starttls-not-supported; mx=mx.enforce.example\n"
#define TAG_DEFER                                                                                                      \
	"insert 1 X-STS-Gate: domain=defer.example; policy=enforce; verdict=defer; reason=not-yet-checked; "           \
	"mx=mx.defer.example\n"
#define TAG_TESTING                                                                                                    \
	"insert 1 X-STS-Gate: domain=testing.example; policy=testing; verdict=fail-testing; "                          \
	"reason=certificate-expired; mx=mx.testing.example\n"
#define TAG_PASS                                                                                                       \
	"insert 1 X-STS-Gate: domain=pass.example; policy=enforce; verdict=pass; reason=ok; mx=mx.pass.example\n"
#define TAG_NONE "insert 1 X-STS-Gate: domain=none.example; policy=none; verdict=none; reason=no-record\n"
#define TAG_UNKNOWN "insert 1 X-STS-Gate: domain=unknown.example; policy=none; verdict=defer; reason=first-contact\n"
#define HELD_UNCHECKED                                                                                                 \
	"quarantine stsgate: domain=defer.example; policy=enforce; verdict=defer; reason=not-yet-checked; "            \
	"mx=mx.defer.example\n"
#define HELD                                                                                                           \
	"quarantine stsgate: domain=enforce.example; policy=enforce; verdict=fail-enforce; "                           \
	"reason=starttls-not-supported; mx=mx.enforce.example\n"

enum who { SMTP, LOGGED_IN, LOCAL };

/* One message with one recipient. */
struct row {
	const char *settings[3];
	enum who who;
	const char *domain;
	const char *reply; /* reply to RCPT */
	const char *end;   /* reply to the end of the message, if RCPT was accepted */
};

static const struct row rows[] = {
	/* by verdict, with the default settings */
	{{NULL}, SMTP, "enforce.example", REPLY_NO_STARTTLS, NULL},
	{{NULL}, SMTP, "enforce-tagged.example", "c", TAG_OVERRIDE "c"},
	{{NULL}, LOGGED_IN, "enforce-tagged.example", "c", TAG_OVERRIDE "c"},
	{{NULL}, LOCAL, "enforce-tagged.example", "c", TAG_OVERRIDE "c"},
	{{"milter_on_fail=quarantine"}, SMTP, "enforce-tagged.example", "c", TAG_OVERRIDE "c"},
	{{"milter_tag=off"}, SMTP, "enforce-tagged.example", "c", "c"},
	{{NULL}, SMTP, "defer.example", REPLY_NOT_CHECKED, NULL},
	{{NULL}, SMTP, "testing.example", "c", TAG_TESTING "c"},
	{{NULL}, SMTP, "pass.example", "c", "c"},
	{{NULL}, SMTP, "none.example", "c", "c"},
	/* milter_on_fail */
	{{"milter_on_fail=tag"}, SMTP, "enforce.example", "c", TAG_ENFORCE "c"},
	{{"milter_on_fail=tag"}, SMTP, "defer.example", "c", TAG_DEFER "c"},
	{{"milter_on_fail=tag"}, SMTP, "testing.example", "c", TAG_TESTING "c"},
	{{"milter_on_fail=tag"}, SMTP, "pass.example", "c", "c"},
	{{"milter_on_fail=quarantine"}, SMTP, "enforce.example", "c", TAG_ENFORCE HELD "c"},
	{{"milter_on_fail=quarantine"}, SMTP, "defer.example", REPLY_NOT_CHECKED, NULL},
	{{"milter_on_fail=quarantine"}, SMTP, "testing.example", "c", TAG_TESTING "c"},
	/* clients that logged in */
	{{NULL}, LOGGED_IN, "enforce.example", REPLY_NO_STARTTLS, NULL},
	{{"milter_on_fail=tag"}, LOGGED_IN, "enforce.example", "c", TAG_ENFORCE "c"},
	{{"milter_on_fail_authenticated=tag"}, LOGGED_IN, "enforce.example", "c", TAG_ENFORCE "c"},
	{{"milter_on_fail_authenticated=tag"}, SMTP, "enforce.example", REPLY_NO_STARTTLS, NULL},
	{{"milter_on_fail_authenticated=quarantine"}, LOGGED_IN, "enforce.example", "c", TAG_ENFORCE HELD "c"},
	{{"milter_on_fail=tag", "milter_on_fail_authenticated=defer"}, LOGGED_IN, "enforce.example", REPLY_NO_STARTTLS,
		NULL},
	/* their programs do not queue, so the map holds the message at delivery, unless a setting requests something
	 * else */
	{{"mta_enforces=yes"}, LOGGED_IN, "enforce.example", "c", TAG_ENFORCE "c"},
	{{"mta_enforces=yes"}, LOGGED_IN, "defer.example", "c", TAG_DEFER "c"},
	{{"mta_enforces=yes"}, SMTP, "enforce.example", REPLY_NO_STARTTLS, NULL},
	{{"mta_enforces=yes", "milter_on_fail=quarantine"}, LOGGED_IN, "enforce.example", "c", TAG_ENFORCE "c"},
	{{"mta_enforces=yes", "milter_on_fail_authenticated=defer"}, LOGGED_IN, "enforce.example", REPLY_NO_STARTTLS,
		NULL},
	/* local sessions are never refused, whatever the settings are: under an enforce policy in force the message is
	 * held */
	{{NULL}, LOCAL, "enforce.example", "c", TAG_ENFORCE HELD "c"},
	{{NULL}, LOCAL, "defer.example", "c", TAG_DEFER HELD_UNCHECKED "c"},
	{{NULL}, LOCAL, "unknown.example", "c", TAG_UNKNOWN "c"},
	{{NULL}, LOCAL, "testing.example", "c", TAG_TESTING "c"},
	{{"mta_enforces=yes"}, LOCAL, "enforce.example", "c", TAG_ENFORCE "c"},
	{{"mta_enforces=yes"}, LOCAL, "defer.example", "c", TAG_DEFER "c"},
	{{"mta_enforces=yes", "milter_on_fail_local=quarantine"}, LOCAL, "enforce.example", "c", TAG_ENFORCE HELD "c"},
	{{"milter_on_fail_local=tag"}, LOCAL, "enforce.example", "c", TAG_ENFORCE "c"},
	{{"milter_on_fail_local=tag"}, LOCAL, "defer.example", "c", TAG_DEFER "c"},
	{{"milter_on_fail=tag"}, LOCAL, "defer.example", "c", TAG_DEFER HELD_UNCHECKED "c"},
	{{"milter_on_fail=quarantine"}, LOCAL, "defer.example", "c", TAG_DEFER HELD_UNCHECKED "c"},
	{{"mta_enforces=yes", "milter_on_fail_local=quarantine"}, LOCAL, "defer.example", "c",
		TAG_DEFER HELD_UNCHECKED "c"},
	{{"milter_tag=off"}, LOCAL, "defer.example", "c", HELD_UNCHECKED "c"},
	/* milter_tag */
	{{"milter_tag=all"}, SMTP, "pass.example", "c", TAG_PASS "c"},
	{{"milter_tag=all"}, SMTP, "none.example", "c", TAG_NONE "c"},
	{{"milter_tag=off"}, SMTP, "testing.example", "c", "c"},
	{{"milter_tag=off", "milter_on_fail=quarantine"}, SMTP, "enforce.example", "c", HELD "c"},
	/* mode = monitor never delays */
	{{"mode=monitor"}, SMTP, "enforce.example", "c", TAG_ENFORCE "c"},
	{{"mode=monitor"}, SMTP, "defer.example", "c", TAG_DEFER "c"},
	{{"mode=monitor", "milter_on_fail=quarantine"}, SMTP, "enforce.example", "c", TAG_ENFORCE "c"},
	{{"mode=monitor"}, LOCAL, "enforce.example", "c", TAG_ENFORCE "c"},
	{{"mode=monitor"}, LOCAL, "defer.example", "c", TAG_DEFER "c"},
	{{"mode=monitor", "milter_tag=off"}, SMTP, "enforce.example", "c", "c"},
};

static struct milter_client client;

static void settings(const char *const *overrides)
{
	size_t count = 0;
	while (count < 3 && overrides[count] != NULL)
		count++;
	milter_room_settings(overrides, count);
}

static void settings_one(const char *override)
{
	settings((const char *const[]){override, NULL, NULL});
}

static const char *rcpt(const char *domain, enum who who, const char *queue_id, char *out)
{
	char argument[300];
	snprintf(argument, sizeof argument, who == LOCAL ? "a@%s" : "<a@%s>", domain);
	return milter_client_rcpt(
		&client, argument, who == LOCAL ? NULL : "smtp", who == LOCAL ? NULL : domain, queue_id, out);
}

static void each_verdict_does_what_is_set(void **state)
{
	(void)state;
	char out[MILTER_REPLY_SIZE];
	for (size_t i = 0; i < COUNT(rows); i++) {
		const struct row *row = &rows[i];
		settings(row->settings);
		assert_true(milter_client_mail(&client, row->who == LOGGED_IN ? "someone" : NULL));
		const char *reply = rcpt(row->domain, row->who, NULL, out);
		if (strcmp(reply, row->reply) != 0)
			fail_msg("row %zu: RCPT got `%s`, not `%s`", i, reply, row->reply);
		if (row->end == NULL) {
			assert_true(milter_client_send(&client, 'A', NULL, 0));
			continue;
		}
		const char *end = milter_client_end(&client, "4QID", out);
		if (strcmp(end, row->end) != 0)
			fail_msg("row %zu: the end got `%s`, not `%s`", i, end, row->end);
	}
}

static void only_what_is_needed_is_negotiated(void **state)
{
	(void)state;
	/* ADDHDRS, CHGHDRS, QUARANTINE, SETSYMLIST; NOCONNECT, NOHELO, NOBODY, NOEOH, NR_HDR, NOUNKNOWN, NODATA,
	 * NR_MAIL */
	assert_int_equal(client.actions, 0x131);
	assert_int_equal(client.steps, 0x1 | 0x2 | 0x10 | 0x40 | 0x80 | 0x100 | 0x200 | 0x4000);
	assert_string_equal(client.macros,
		"2:i {auth_type} {auth_authen};3:i {rcpt_mailer} {rcpt_host} {rcpt_addr} {client_addr};5:i;");
}

/* The macros decide how the client is treated. */
static void next_hop_and_transport_decide(void **state)
{
	(void)state;
	static const struct {
		const char *argument, *mailer, *host, *reply;
	} cases[] = {
		{"<a@none.example>", "smtp", "enforce.example", REPLY_NO_STARTTLS},
		{"<a@enforce.example>", "smtp", "[none.example]:587", "c"},
		{"<a@none.example>", "esmtp", "Enforce.Example.", REPLY_NO_STARTTLS},
		{"<a@enforce.example>", "smtp", "[192.0.2.1]", "c"},
		{"<a@enforce.example>", "esmtp", "", REPLY_NO_STARTTLS},
		{"<a@enforce.example>", "esmtp", NULL, REPLY_NO_STARTTLS},
		{"<a@enforce.example>", "local", "enforce.example", "c"},
		{"<a@enforce.example>", "LMTP", "enforce.example", "c"},
		{"<a@enforce.example>", "error", "5.1.1 User unknown", "c"},
		{"<a@enforce.example>", "locals", "enforce.example", REPLY_NO_STARTTLS},
		{"<bob>", "smtp", "unix:/run/x", "c"},
		{"<a@none.example>", "relay", "[none.example]:587, enforce.example", REPLY_NO_STARTTLS},
		{"<a@none.example>", "relay", "enforce.example , none.example", REPLY_NO_STARTTLS},
		{"<a@none.example>", "relay", "none.example, pass.example,", "c"},
		{"<a@none.example>", "relay", ", ,", "c"},
		{"<a@none.example>", "relay", "none.example enforce.example", REPLY_NO_STARTTLS},
		{"<a@none.example>", "esmtp", "none.example:enforce.example", REPLY_NO_STARTTLS},
		{"<a@none.example>", "esmtp", "[192.0.2.1]:none.example:pass.example", "c"},
		{"<a@none.example>", "smtp", "pass.example:no-such-service", REPLY_UNREADABLE},
		{"<a@none.example>", "smtp", "none.example, [pass.example]:0", REPLY_UNREADABLE},
		{"<a@none.example>", "smtp", "[pass.example", REPLY_UNREADABLE},
		{"<a@none.example>", "smtp", "none.example:no-such-service", "c"},
		{"<a@none.example>", "smtp", "a.b c.d e.f g.h i.j k.l m.n o.p enforce.example", REPLY_NO_STARTTLS},
		{"<a@none.example>", "smtp",
			"a b c d e f g h i j k l m n o p q r s t u v w x y z 1 2 3 4 5 6 pass.example", REPLY_NO_NAME},
		{"<a@none.example>", "smtp", "x\xcd\xb8.pass.example", REPLY_NO_NAME},
		{"<a@x\xcd\xb8.pass.example>", "smtp", "", REPLY_NO_NAME},
		{"<a@x\xcd\xb8.pass.example>", "local", "", "c"},
	};
	char out[MILTER_REPLY_SIZE];
	unsigned before = fake_check_unreadable();
	settings_one(NULL);
	assert_true(milter_client_mail(&client, NULL));
	for (size_t i = 0; i < COUNT(cases); i++) {
		const char *reply =
			milter_client_rcpt(&client, cases[i].argument, cases[i].mailer, cases[i].host, NULL, out);
		if (strcmp(reply, cases[i].reply) != 0)
			fail_msg("case %zu: got `%s`, not `%s`", i, reply, cases[i].reply);
	}
	assert_int_equal(fake_check_unreadable(), before + 6);
	settings_one("mta_enforces=yes");
	assert_true(milter_client_send(&client, 'A', NULL, 0) && milter_client_mail(&client, NULL));
	assert_string_equal(
		milter_client_rcpt(&client, "<a@b.example>", "relay", "pass.example, enforce.example", NULL, out), "c");
	assert_string_equal(
		milter_client_rcpt(&client, "<a@b.example>", "relay", "enforce.example", NULL, out), REPLY_NO_STARTTLS);
	settings_one("milter_skip_mailers=smtp");
	assert_true(milter_client_send(&client, 'A', NULL, 0) && milter_client_mail(&client, NULL));
	assert_string_equal(rcpt("enforce.example", SMTP, NULL, out), "c");
	assert_true(milter_client_send(&client, 'A', NULL, 0));
}

static void one_recipient_is_refused_alone(void **state)
{
	(void)state;
	char out[MILTER_REPLY_SIZE];
	settings_one(NULL);
	assert_true(milter_client_mail(&client, NULL));
	assert_string_equal(rcpt("pass.example", SMTP, NULL, out), "c");
	assert_string_equal(rcpt("enforce.example", SMTP, "4QID", out), REPLY_NO_STARTTLS);
	assert_string_equal(rcpt("none.example", SMTP, "4QID", out), "c");
	assert_string_equal(milter_client_end(&client, "4QID", out), "c");
}

static void forged_headers_are_removed(void **state)
{
	(void)state;
	char out[MILTER_REPLY_SIZE];
	settings_one(NULL);
	assert_true(milter_client_mail(&client, NULL));
	assert_string_equal(rcpt("testing.example", SMTP, NULL, out), "c");
	assert_true(milter_client_header(&client, "X-STS-Gate", "verdict=pass"));
	assert_true(milter_client_header(&client, "Subject", "X-STS-Gate"));
	assert_true(milter_client_header(&client, "x-sts-gate", "verdict=pass"));
	assert_true(milter_client_header(&client, "X-STS-Gate-2", "verdict=pass"));
	assert_string_equal(milter_client_end(&client, "4QID", out),
		"change 2 X-STS-Gate: \nchange 1 X-STS-Gate: \n" TAG_TESTING "c");
	/* The next message of the session starts without data of this one. */
	assert_true(milter_client_mail(&client, NULL));
	assert_string_equal(rcpt("pass.example", SMTP, NULL, out), "c");
	assert_string_equal(milter_client_end(&client, "5QID", out), "c");
}

static void floods_of_forged_headers_are_held(void **state)
{
	(void)state;
	char out[MILTER_REPLY_SIZE];
	settings_one("milter_header=X-Mine");
	assert_true(milter_client_mail(&client, NULL));
	assert_string_equal(rcpt("pass.example", SMTP, NULL, out), "c");
	for (int i = 0; i < 1001; i++)
		assert_true(milter_client_header(&client, "X-Mine", "verdict=pass"));
	assert_string_equal(milter_client_end(&client, "4QID", out), "quarantine stsgate: too many forged headers\nc");
}

/* The verdict on a next hop is repeated for the next recipient who has the same one; replies and headers are as without. */
static void the_next_recipient_gets_the_same_verdict(void **state)
{
	(void)state;
	static const struct {
		const char *host, *reply;
		unsigned repeated; /* of four recipients in a row */
	} hosts[] = {
		{"testing.example", "c", 3},
		{"enforce.example", REPLY_NO_STARTTLS, 3},
		{"[none.example]", "c", 3},
		{"testing.example:587", "c", 0}, /* a name could stand behind the colon */
		{"none.example, pass.example", "c", 0},
		{"192.0.2.1", "c", 0},
		{"testing.example:x", "c", 0},
	};
	char out[MILTER_REPLY_SIZE];
	settings_one(NULL);
	fake_check_repeat(true);
	assert_true(milter_client_mail(&client, NULL));
	for (size_t i = 0; i < COUNT(hosts); i++) {
		unsigned before = fake_check_repeated();
		for (int k = 0; k < 4; k++)
			assert_string_equal(
				milter_client_rcpt(&client, "<a@b.example>", "smtp", hosts[i].host, NULL, out),
				hosts[i].reply);
		if (fake_check_repeated() - before != hosts[i].repeated)
			fail_msg("%s: %u", hosts[i].host, fake_check_repeated() - before);
	}
	assert_string_equal(milter_client_end(&client, "4QID", out), TAG_TESTING "c");
	/* Another message asks anew, and so does a local session, which has no next hop. */
	unsigned before = fake_check_repeated();
	assert_true(milter_client_mail(&client, NULL));
	assert_string_equal(rcpt("testing.example", SMTP, NULL, out), "c");
	assert_string_equal(rcpt("testing.example", LOCAL, NULL, out), "c");
	assert_string_equal(rcpt("testing.example", LOCAL, NULL, out), "c");
	assert_int_equal(fake_check_repeated(), before);
	assert_string_equal(rcpt("testing.example", SMTP, NULL, out), "c");
	assert_int_equal(fake_check_repeated(), before + 1);
	assert_true(milter_client_send(&client, 'A', NULL, 0));
	fake_check_repeat(false);
}

/* Bcc: a header must not reveal to one domain the recipients of another. */
static void domains_are_told_only_when_alone(void **state)
{
	(void)state;
	char out[MILTER_REPLY_SIZE];
	for (int all = 0; all < 2; all++) {
		settings_one(all ? "milter_tag_domains=yes" : NULL);
		assert_true(milter_client_mail(&client, NULL));
		assert_string_equal(rcpt("testing.example", SMTP, NULL, out), "c");
		assert_string_equal(rcpt("testing.example", SMTP, NULL, out), "c");
		assert_string_equal(milter_client_rcpt(&client, "<b@elsewhere.example>", "local", "x", NULL, out), "c");
		assert_string_equal(milter_client_end(&client, "4QID", out),
			all ? TAG_TESTING "c"
			    : "insert 1 X-STS-Gate: policy=testing; verdict=fail-testing; "
			      "reason=certificate-expired\nc");
	}
}

static void one_header_a_domain_and_no_two_alike(void **state)
{
	(void)state;
	char out[MILTER_REPLY_SIZE];
	settings_one("milter_tag_domains=yes");
	assert_true(milter_client_mail(&client, NULL));
	assert_string_equal(rcpt("testing.example", SMTP, NULL, out), "c");
	assert_string_equal(rcpt("testing.b.example", SMTP, NULL, out), "c");
	assert_string_equal(milter_client_end(&client, "4QID", out),
		"insert 1 X-STS-Gate: domain=testing.b.example; policy=testing; verdict=fail-testing; "
		"reason=certificate-expired; mx=mx.testing.b.example\n" TAG_TESTING "c");
	settings_one(NULL);
	assert_true(milter_client_mail(&client, NULL));
	for (int i = 0; i < 150; i++) {
		char domain[64];
		snprintf(domain, sizeof domain, "testing.d%d.example", i);
		assert_string_equal(rcpt(domain, SMTP, NULL, out), "c");
	}
	assert_string_equal(milter_client_end(&client, "4QID", out),
		"insert 1 X-STS-Gate: policy=testing; verdict=fail-testing; reason=certificate-expired\nc");
}

#define REPORTS "report_from=tlsrpt@relay.example"
#define REPORT "<tlsrpt+a1B2@relay.example>"

/* Our own TLS reports are not judged, whatever the verdict would be. Nobody on another machine, and nobody who logged in, gets
 * that by writing their sender. */
static void our_reports_are_not_judged(void **state)
{
	(void)state;
	static const struct {
		const char *setting, *sender, *address, *user;
		bool ours;
	} cases[] = {
		{REPORTS, REPORT, "127.0.0.1", NULL, true},
		{REPORTS, REPORT, "IPv6:::1", NULL, true},
		{REPORTS, REPORT, "192.0.2.1", NULL, false},
		{REPORTS, REPORT, "IPv6:2001:db8::1", NULL, false},
		{REPORTS, REPORT, NULL, NULL, false},
		{REPORTS, REPORT, "127.0.0.1", "someone", false},
		{REPORTS, "<tlsrpt@relay.example>", "127.0.0.1", NULL, false},
		{REPORTS, "<tlsrpt+a1B2@relay.example.net>", "127.0.0.1", NULL, false},
		{REPORTS, "<>", "127.0.0.1", NULL, false},
		{NULL, REPORT, "127.0.0.1", NULL, false},
	};
	char out[MILTER_REPLY_SIZE];
	for (size_t i = 0; i < COUNT(cases); i++) {
		settings((const char *const[]){"milter_tag=all", cases[i].setting, NULL});
		assert_true(milter_client_mail_from(&client, cases[i].sender, cases[i].address, cases[i].user));
		const char *reply = rcpt("enforce.example", SMTP, NULL, out);
		if (strcmp(reply, cases[i].ours ? "c" : REPLY_NO_STARTTLS) != 0)
			fail_msg("case %zu: RCPT got `%s`", i, reply);
		assert_string_equal(rcpt("testing.example", SMTP, NULL, out), "c");
		assert_string_equal(rcpt("pass.example", LOCAL, NULL, out), "c");
		const char *end = milter_client_end(&client, "4QID", out);
		if ((strcmp(end, "c") == 0) != cases[i].ours)
			fail_msg("case %zu: the end got `%s`", i, end);
	}
	/* The next message of the session is judged again. */
	settings_one(REPORTS);
	assert_true(milter_client_mail_from(&client, REPORT, "127.0.0.1", NULL));
	assert_string_equal(rcpt("enforce.example", SMTP, NULL, out), "c");
	assert_string_equal(milter_client_end(&client, "4QID", out), "c");
	assert_true(milter_client_mail_from(&client, "<a@relay.example>", "127.0.0.1", NULL));
	assert_string_equal(rcpt("enforce.example", SMTP, NULL, out), REPLY_NO_STARTTLS);
	assert_true(milter_client_send(&client, 'A', NULL, 0));
}

static int64_t timed_rcpt(const char *domain, const char *expected)
{
	char out[MILTER_REPLY_SIZE];
	int64_t from_ms = clock_mono_ms();
	assert_string_equal(rcpt(domain, SMTP, NULL, out), expected);
	return clock_mono_ms() - from_ms;
}

static void a_message_waits_no_longer_than_milter_wait(void **state)
{
	(void)state;
	settings_one("milter_wait=4s");
	assert_true(milter_client_mail(&client, NULL));
	int64_t first_ms = timed_rcpt("testing-2500.example", "c");
	assert_in_range(first_ms, 2450, 3900);
	assert_in_range(first_ms + timed_rcpt("enforce-20000.example", "c"), 3950, 6000);
	assert_in_range(timed_rcpt("enforce-20000.example", "c"), 0, 2000);
	assert_in_range(timed_rcpt("enforce.example", REPLY_NO_STARTTLS), 0, 2000);
	/* The next message has its own header. */
	assert_true(milter_client_send(&client, 'A', NULL, 0) && milter_client_mail(&client, NULL));
	assert_in_range(timed_rcpt("testing-300.example", "c"), 250, 3900);
	assert_true(milter_client_send(&client, 'A', NULL, 0));
}

static uint64_t answers_timed(unsigned buckets)
{
	uint64_t sum = 0;
	for (unsigned i = 0; i < buckets; i++)
		sum += metrics_read(METRIC_ANSWER_SECONDS, DOOR_MILTER, i, 0);
	return sum;
}

/* The time in which a recipient waits is a part of its answer. A recipient that is not judged has none. */
static void answers_are_timed(void **state)
{
	(void)state;
	const unsigned half_a_second = 8;
	char out[MILTER_REPLY_SIZE];
	uint64_t quick = answers_timed(half_a_second), all = answers_timed(METRICS_BUCKETS);
	settings_one("milter_wait=4s");
	assert_true(milter_client_mail(&client, NULL));
	timed_rcpt("testing-1000.example", "c");
	assert_int_equal(answers_timed(METRICS_BUCKETS), all + 1);
	assert_int_equal(answers_timed(half_a_second), quick);
	settings_one("milter_skip_mailers=smtp");
	assert_true(milter_client_send(&client, 'A', NULL, 0) && milter_client_mail(&client, NULL));
	rcpt("enforce.example", SMTP, NULL, out);
	assert_int_equal(answers_timed(METRICS_BUCKETS), all + 1);
	assert_true(milter_client_send(&client, 'A', NULL, 0));
}

/* If the inquiry ends meanwhile, the message need not be held, which would take a person to undo. */
static void a_local_session_waits_before_its_message_is_held(void **state)
{
	(void)state;
	char out[MILTER_REPLY_SIZE];
	settings_one(NULL);
	assert_true(milter_client_mail(&client, NULL));
	int64_t from_ms = clock_mono_ms();
	assert_string_equal(rcpt("pass-300.example", LOCAL, NULL, out), "c");
	assert_true(clock_mono_ms() - from_ms >= 250);
	assert_string_equal(milter_client_end(&client, "4QID", out), "c");
}

static void *wait_in_other_session(void *arg)
{
	struct milter_client *other = arg;
	char out[MILTER_REPLY_SIZE];
	milter_client_rcpt(other, "<a@pass-3000.example>", "smtp", "pass-3000.example", NULL, out);
	return NULL;
}

static void no_more_callbacks_wait_than_milter_waiters(void **state)
{
	(void)state;
	struct milter_client other;
	pthread_t thread;
	settings_one("milter_waiters=1");
	assert_true(milter_client_open(&other, milter_room_path()));
	assert_true(milter_client_mail(&other, NULL) && milter_client_mail(&client, NULL));
	assert_int_equal(pthread_create(&thread, NULL, wait_in_other_session, &other), 0);
	nanosleep(&(struct timespec){.tv_nsec = 300000000}, NULL);
	assert_in_range(timed_rcpt("pass-3000.example", "c"), 0, 2500);
	pthread_join(thread, NULL);
	assert_in_range(timed_rcpt("pass-300.example", "c"), 250, 3900);
	milter_client_close(&other);
	assert_true(milter_client_send(&client, 'A', NULL, 0));
}

static void log_is(const char *expected)
{
	char *log = milter_room_log();
	if (strstr(log, expected) == NULL)
		fail_msg("the log is `%s`, and `%s` is not in it", log, expected);
	free(log);
	milter_room_log_catch();
}

static void log_is_silent(void)
{
	char *log = milter_room_log();
	assert_string_equal(log, "");
	free(log);
	milter_room_log_catch();
}

/* What is done to the message is logged when it is complete, since Postfix gives it a queue id only then. A refused
 * recipient is logged at once. */
static void each_verdict_is_logged_with_its_queue_id(void **state)
{
	(void)state;
	char out[MILTER_REPLY_SIZE];
	milter_room_log_catch();
	settings_one(NULL);
	assert_true(milter_client_mail(&client, NULL));
	rcpt("enforce.example", SMTP, NULL, out);
	log_is("]: frontend=milter domain=enforce.example policy=enforce verdict=fail-enforce "
	       "reason=starttls-not-supported mx=mx.enforce.example action=defer\n");
	rcpt("testing.example", SMTP, NULL, out);
	rcpt("pass.example", SMTP, NULL, out);
	rcpt("enforce.example", SMTP, "4 Q\nID", out);
	log_is("]: \"4 Q\\x0aID\": frontend=milter domain=enforce.example");
	milter_client_end(&client, "4QID", out);
	log_is("]: 4QID: frontend=milter domain=testing.example policy=testing verdict=fail-testing "
	       "reason=certificate-expired mx=mx.testing.example action=tag\n");
	/* libmilter still returns the id of the message before. */
	settings_one("mode=monitor");
	assert_true(milter_client_mail(&client, NULL));
	rcpt("enforce.example", SMTP, NULL, out);
	log_is_silent();
	milter_client_end(&client, "5QID", out);
	log_is("]: 5QID: frontend=milter domain=enforce.example policy=enforce verdict=fail-enforce "
	       "reason=starttls-not-supported mx=mx.enforce.example action=tag would=defer\n");
	/* Nothing is done to a message that is not completed. */
	assert_true(milter_client_mail(&client, NULL));
	rcpt("enforce.example", SMTP, NULL, out);
	assert_true(milter_client_send(&client, 'A', NULL, 0));
	char *log = milter_room_log();
	assert_string_equal(log, "");
	free(log);
}

static void the_log_is_quiet_unless_asked(void **state)
{
	(void)state;
	char out[MILTER_REPLY_SIZE];
	milter_room_log_catch();
	settings_one(NULL);
	assert_true(milter_client_mail(&client, NULL));
	rcpt("pass.example", SMTP, NULL, out);
	rcpt("none.example", SMTP, NULL, out);
	milter_client_end(&client, "4QID", out);
	log_is_silent();
	settings_one("log_verdicts=all");
	assert_true(milter_client_mail(&client, NULL));
	rcpt("pass.example", SMTP, NULL, out);
	rcpt("none.example", SMTP, NULL, out);
	milter_client_end(&client, "5QID", out);
	log_is("]: 5QID: frontend=milter domain=pass.example policy=enforce verdict=pass reason=ok mx=mx.pass.example "
	       "action=accept\n");
	free(milter_room_log());
}

static unsigned count_of(const char *text, const char *words)
{
	unsigned count = 0;
	for (const char *at = text; (at = strstr(at, words)); at++)
		count++;
	return count;
}

#define FIRST                                                                                                          \
	"frontend=milter domain=first.example policy=none verdict=none reason=first-contact unchecked=yes action=accept\n"

/* Unchecked mail leaves one log line per message and domain, not per recipient. */
static void unchecked_mail_leaves_a_trace(void **state)
{
	(void)state;
	char out[MILTER_REPLY_SIZE];
	milter_room_log_catch();
	settings_one(NULL);
	for (int i = 0; i < 2; i++) {
		assert_true(milter_client_mail(&client, NULL));
		rcpt("first.example", SMTP, NULL, out);
		rcpt("first.example", SMTP, NULL, out);
		rcpt("none.example", SMTP, NULL, out);
		rcpt("exempt.example", SMTP, NULL, out);
		rcpt("exempt.example", SMTP, NULL, out);
		log_is_silent();
		milter_client_end(&client, i == 0 ? "4QID" : "5QID", out);
		char *log = milter_room_log();
		const char *first = strstr(log, "QID: " FIRST);
		const char *exempt = strstr(log, "QID: frontend=milter domain=exempt.example policy=none verdict=none "
						 "reason=exempt unchecked=yes action=accept\n");
		assert_true(first && exempt);
		assert_int_equal(count_of(log, "frontend="), 2);
		free(log);
		milter_room_log_catch();
	}
	free(milter_room_log());
}

/* More domains than are remembered until the end of the message: the others are logged at once. */
static void no_verdict_is_left_out(void **state)
{
	(void)state;
	char out[MILTER_REPLY_SIZE], domain[64];
	milter_room_log_catch();
	settings_one("milter_tag=off");
	assert_true(milter_client_mail(&client, NULL));
	for (int i = 0; i < MESSAGE_NOTES_MAX + 5; i++) {
		snprintf(domain, sizeof domain, "testing.d%d.example", i);
		rcpt(domain, SMTP, NULL, out);
	}
	milter_client_end(&client, "6QID", out);
	char *log = milter_room_log();
	assert_int_equal(count_of(log, "frontend=milter domain=testing."), MESSAGE_NOTES_MAX + 5);
	free(log);
}

struct late {
	struct milter_client client;
	char reply[MILTER_REPLY_SIZE];
};

static void *wait_through_the_stop(void *arg)
{
	struct late *late = arg;
	milter_client_rcpt(
		&late->client, "<a@enforce-2000.example>", "smtp", "enforce-2000.example", NULL, late->reply);
	return NULL;
}

static int stop_finishes_waits_in_hand(void **state)
{
	static struct late late;
	pthread_t thread;
	milter_room_settings(NULL, 0);
	assert_true(milter_client_open(&late.client, milter_room_path()) && milter_client_mail(&late.client, NULL));
	assert_int_equal(pthread_create(&thread, NULL, wait_through_the_stop, &late), 0);
	nanosleep(&(struct timespec){.tv_nsec = 500000000}, NULL);
	int64_t from_ms = clock_mono_ms();
	int status = milter_room_close(state);
	assert_in_range(clock_mono_ms() - from_ms, 300, 20000);
	pthread_join(thread, NULL);
	assert_non_null(strstr(late.reply, "451 4.7.5 <enforce-2000.example>"));
	milter_client_close(&late.client);
	return status;
}

static int client_open(void **state)
{
	(void)state;
	return milter_client_open(&client, milter_room_path()) ? 0 : -1;
}

static int client_close(void **state)
{
	(void)state;
	milter_client_close(&client);
	return 0;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, client_open, client_close)

/* --- what a message asks for (RFC 8689) ---------------------------------------------------------------------------- */

#define REPLY_REQUIRETLS                                                                                               \
	"550 5.7.30 <none.example> REQUIRETLS cannot be met: the domain has neither an enforce policy (MTA-STS) nor "  \
	"usable TLSA records (DANE)"
#define TAG_UNMET                                                                                                      \
	"insert 1 X-STS-Gate: domain=none.example; policy=none; verdict=none; reason=no-record; requiretls=unmet\n"

static const char *end_with(const char *const *fields, char *out)
{
	for (size_t i = 0; fields[i]; i += 2)
		assert_true(milter_client_header(&client, fields[i], fields[i + 1]));
	return milter_client_end(&client, "4QID", out);
}

static void requiretls_is_tagged_or_refused(void **state)
{
	(void)state;
	static const struct {
		const char *settings[3];
		enum who who;
		const char *domain, *reply, *end;
	} cases[] = {
		{{NULL}, SMTP, "none.example", "c", TAG_UNMET "c"},
		{{"milter_tag=off"}, SMTP, "none.example", "c", "c"},
		{{"requiretls=refuse"}, SMTP, "none.example", REPLY_REQUIRETLS, NULL},
		{{"requiretls=refuse", "mta_enforces=yes"}, SMTP, "none.example", REPLY_REQUIRETLS, NULL},
		{{"requiretls=refuse", "tls_required_no=headers"}, SMTP, "none.example", REPLY_REQUIRETLS, NULL},
		{{"requiretls=refuse"}, LOCAL, "none.example", "c", TAG_UNMET "c"},
		{{"requiretls=refuse", "mode=monitor"}, SMTP, "none.example", "c", TAG_UNMET "c"},
		{{"requiretls=refuse"}, SMTP, "pass.example", "c", "c"},
		{{"requiretls=refuse"}, SMTP, "exempt.example", "c", "c"},
		{{"requiretls=refuse"}, SMTP, "enforce.example", REPLY_NO_STARTTLS, NULL},
	};
	char out[MILTER_REPLY_SIZE];
	for (size_t i = 0; i < COUNT(cases); i++) {
		settings(cases[i].settings);
		assert_true(milter_client_mail_requiretls(&client, "<me@sender.example>"));
		const char *reply = rcpt(cases[i].domain, cases[i].who, NULL, out);
		if (strcmp(reply, cases[i].reply) != 0)
			fail_msg("case %zu: got `%s`, not `%s`", i, reply, cases[i].reply);
		if (cases[i].end && strcmp(milter_client_end(&client, "4QID", out), cases[i].end) != 0)
			fail_msg("case %zu: the end got `%s`, not `%s`", i, out, cases[i].end);
		if (!cases[i].end)
			assert_true(milter_client_send(&client, 'A', NULL, 0));
	}
	/* The next message of the session has no such demand. */
	settings_one("requiretls=refuse");
	assert_true(milter_client_mail(&client, NULL));
	assert_string_equal(rcpt("none.example", SMTP, NULL, out), "c");
	assert_string_equal(milter_client_end(&client, "4QID", out), "c");
}

static uint64_t wishes(unsigned what)
{
	return metrics_read(METRIC_TLS_REQUIRED, what, DOOR_MILTER, 0);
}

/* A message to one recipient whose mail must wait. */
static void the_header_decides(void **state)
{
	(void)state;
	static const struct {
		const char *fields[7];
		bool requiretls, passes;
	} cases[] = {
		{{"TLS-Required", "No"}, false, true},
		{{"tls-required", "(please) no"}, false, true},
		{{"Subject", "a", "TLS-Required", "No", "X", "b"}, false, true},
		{{NULL}, false, false},
		{{"TLS-Required", "Yes"}, false, false},
		{{"TLS-Required", ""}, false, false},
		{{"TLS-Required", "No", "TLS-Required", "No"}, false, false},
		{{"TLS-Required", "Yes", "TLS-Required", "No"}, false, false},
		{{"X-TLS-Required", "No"}, false, false},
		{{"TLS-Required", "No"}, true, false}, /* refused at RCPT already */
		{{"TLS-Required", "No", "Require-TLS-ESMTP", "yes"}, false, false},
	};
	char out[MILTER_REPLY_SIZE];
	for (size_t i = 0; i < COUNT(cases); i++) {
		settings_one("tls_required_no=headers");
		uint64_t honoured = wishes(TLS_REQUIRED_HONOURED), ignored = wishes(TLS_REQUIRED_IGNORED);
		if (cases[i].requiretls)
			assert_true(milter_client_mail_requiretls(&client, "<me@sender.example>"));
		else
			assert_true(milter_client_mail(&client, NULL));
		assert_string_equal(
			rcpt("enforce.example", SMTP, NULL, out), cases[i].requiretls ? REPLY_NO_STARTTLS : "c");
		if (cases[i].requiretls) {
			assert_true(milter_client_send(&client, 'A', NULL, 0));
			continue;
		}
		const char *end = end_with(cases[i].fields, out);
		if (strcmp(end, cases[i].passes ? TAG_ENFORCE "c" : REPLY_NO_STARTTLS) != 0)
			fail_msg("case %zu: `%s`", i, end);
		bool counted = cases[i].fields[0] && strcmp(cases[i].fields[0], "X-TLS-Required") != 0;
		assert_int_equal(wishes(TLS_REQUIRED_HONOURED) - honoured, cases[i].passes);
		assert_int_equal(wishes(TLS_REQUIRED_IGNORED) - ignored, counted && !cases[i].passes);
		if (!cases[i].passes)
			assert_true(milter_client_send(&client, 'A', NULL, 0));
	}
}

static void one_bad_recipient_delays_the_message(void **state)
{
	(void)state;
	char out[MILTER_REPLY_SIZE];
	settings_one("tls_required_no=headers");
	milter_room_log_catch();
	uint64_t deferred = metrics_read(METRIC_MILTER_ACTIONS, DEED_DEFER, 0, 0);
	assert_true(milter_client_mail(&client, NULL));
	assert_string_equal(rcpt("defer.example", SMTP, NULL, out), "c");
	assert_string_equal(rcpt("pass.example", SMTP, "4QID", out), "c");
	assert_string_equal(rcpt("testing.example", SMTP, "4QID", out), "c");
	assert_string_equal(rcpt("enforce.example", SMTP, "4QID", out), "c");
	assert_string_equal(rcpt("enforce.example", SMTP, "4QID", out), "c");
	assert_string_equal(milter_client_end(&client, "4QID", out),
		"451-4.7.5 <enforce.example> MTA-STS policy (enforce): mx.enforce.example offers no STARTTLS "
		"[starttls-not-supported]; will be retried\r\n" REPLY_NOT_CHECKED);
	assert_true(milter_client_send(&client, 'A', NULL, 0));
	assert_int_equal(metrics_read(METRIC_MILTER_ACTIONS, DEED_DEFER, 0, 0) - deferred, 3);
	char *log = milter_room_log();
	assert_non_null(strstr(log, "4QID: frontend=milter domain=enforce.example policy=enforce verdict=fail-enforce "
				    "reason=starttls-not-supported mx=mx.enforce.example action=defer\n"));
	assert_non_null(strstr(log, "domain=testing.example policy=testing verdict=fail-testing "
				    "reason=certificate-expired mx=mx.testing.example action=defer\n"));
	free(log);
}

static void what_the_header_released_is_told(void **state)
{
	(void)state;
	static const char *const no[] = {"TLS-Required", "No", NULL};
	char out[MILTER_REPLY_SIZE];
	settings((const char *const[]){"tls_required_no=headers", "milter_on_fail=quarantine", NULL});
	milter_room_log_catch();
	assert_true(milter_client_mail(&client, NULL));
	assert_string_equal(rcpt("enforce.example", SMTP, NULL, out), "c");
	assert_string_equal(end_with(no, out), TAG_ENFORCE "c");
	assert_true(milter_client_mail(&client, NULL));
	assert_string_equal(rcpt("enforce.example", LOCAL, NULL, out), "c");
	assert_string_equal(end_with(no, out), TAG_ENFORCE "c");
	char *log = milter_room_log();
	assert_non_null(
		strstr(log, "4QID: frontend=milter domain=enforce.example policy=enforce verdict=fail-enforce "
			    "reason=starttls-not-supported mx=mx.enforce.example tls_required=no action=tag\n"));
	free(log);
	/* mode = monitor tells that the field would have released the message, too */
	settings((const char *const[]){"tls_required_no=headers", "mode=monitor", NULL});
	milter_room_log_catch();
	assert_true(milter_client_mail(&client, NULL));
	assert_string_equal(rcpt("enforce.example", SMTP, NULL, out), "c");
	assert_string_equal(end_with(no, out), TAG_ENFORCE "c");
	log = milter_room_log();
	assert_non_null(strstr(log, "mx=mx.enforce.example tls_required=no action=tag\n"));
	free(log);
	settings((const char *const[]){"tls_required_no=headers", "milter_on_fail=quarantine", NULL});
	/* without the field */
	assert_true(milter_client_mail(&client, NULL));
	assert_string_equal(rcpt("enforce.example", SMTP, NULL, out), "c");
	assert_string_equal(milter_client_end(&client, "4QID", out), TAG_ENFORCE HELD "c");
	assert_true(milter_client_mail(&client, NULL));
	assert_string_equal(rcpt("enforce.example", LOCAL, NULL, out), "c");
	assert_string_equal(milter_client_end(&client, "4QID", out), TAG_ENFORCE HELD "c");
}

/* Verdicts on one domain may differ within a message: an override ends, or a policy is found. */
static void the_note_that_delays_most_is_kept(void **state)
{
	(void)state;
	static const struct {
		enum verdict_kind kind[2];
		enum action action[2];
		enum action kept;
	} pairs[] = {
		{{VERDICT_DEFER, VERDICT_DEFER}, {ACTION_ACCEPT, ACTION_HOLD}, ACTION_HOLD},
		{{VERDICT_FAIL_ENFORCE, VERDICT_FAIL_ENFORCE}, {ACTION_ACCEPT, ACTION_REFUSE}, ACTION_REFUSE},
		{{VERDICT_FAIL_ENFORCE, VERDICT_DEFER}, {ACTION_HOLD, ACTION_REFUSE}, ACTION_REFUSE},
		{{VERDICT_DEFER, VERDICT_FAIL_ENFORCE}, {ACTION_REFUSE, ACTION_ACCEPT}, ACTION_REFUSE},
		{{VERDICT_PASS, VERDICT_FAIL_TESTING}, {ACTION_ACCEPT, ACTION_ACCEPT}, ACTION_ACCEPT},
	};
	for (size_t i = 0; i < COUNT(pairs); i++) {
		struct message message = {.config = NULL};
		for (size_t k = 0; k < 2; k++) {
			struct message_note note = {.verdict = {.kind = pairs[i].kind[k], .domain = "a.example"},
				.decision = {.action = pairs[i].action[k]},
				.waiting = pairs[i].action[k] != ACTION_ACCEPT};
			assert_true(message_note(&message, &note));
		}
		assert_int_equal(message.note_count, 1);
		assert_int_equal(message.note[0].decision.action, pairs[i].kept);
		assert_int_equal(message.note[0].waiting > 0, pairs[i].kept != ACTION_ACCEPT);
		message_end(&message);
	}
}

/* More domains than a message remembers: those beyond are refused at once, as without the setting. */
static void many_domains_wait_for_the_header(void **state)
{
	(void)state;
	char out[MILTER_REPLY_SIZE], domain[64];
	settings_one("tls_required_no=headers");
	assert_true(milter_client_mail(&client, NULL));
	for (int i = 0; i < MESSAGE_NOTES_MAX; i++) {
		snprintf(domain, sizeof domain, "enforce.n%d.example", i);
		assert_string_equal(rcpt(domain, SMTP, NULL, out), "c");
	}
	assert_string_equal(rcpt("enforce.example", SMTP, NULL, out), REPLY_NO_STARTTLS);
	assert_string_equal(rcpt("pass.example", SMTP, NULL, out), "c");
	milter_client_end(&client, "4QID", out);
	unsigned lines = 0;
	for (const char *at = out; (at = strstr(at, "4.7.5 <")); at++)
		lines++;
	assert_int_equal(lines, 32);
	assert_true(milter_client_send(&client, 'A', NULL, 0));
}

static void the_map_decides_for_listed_senders(void **state)
{
	(void)state;
	static const struct {
		const char *settings[3];
		const char *sender, *client;
		enum who who;
		bool waits;
	} cases[] = {
		{{"mta_enforces=yes"}, "<>", "127.0.0.1", SMTP, false},
		{{"mta_enforces=yes"}, "<>", "IPv6:::1", SMTP, false},
		{{"mta_enforces=yes"}, "<>", "192.0.2.1", SMTP, true},
		{{"mta_enforces=yes"}, "<>", NULL, SMTP, true},
		{{"mta_enforces=yes"}, "<me@sender.example>", "127.0.0.1", SMTP, true},
		{{"mta_enforces=yes", "tls_required_no_senders=me@sender.example"}, "<me@sender.example>", "192.0.2.1",
			SMTP, false},
		{{"mta_enforces=yes", "tls_required_no_senders=me@sender.example"}, "<>", "127.0.0.1", SMTP, true},
		{{"mta_enforces=yes", "tls_required_no_senders=a@b.example @sender.example"}, "<me@sender.example>",
			NULL, SMTP, false},
		{{"mta_enforces=yes", "tls_required_no=ignore"}, "<>", "127.0.0.1", SMTP, true},
		{{NULL}, "<>", "127.0.0.1", SMTP, true},
		{{"mta_enforces=yes", "milter_on_fail_local=quarantine"}, "", NULL, LOCAL, false},
	};
	char out[MILTER_REPLY_SIZE];
	for (size_t i = 0; i < COUNT(cases); i++) {
		settings(cases[i].settings);
		assert_true(milter_client_mail_from(&client, cases[i].sender, cases[i].client, NULL));
		const char *reply = rcpt("enforce.example", cases[i].who, NULL, out);
		if (strcmp(reply, cases[i].waits ? REPLY_NO_STARTTLS : "c") != 0)
			fail_msg("case %zu: `%s`", i, reply);
		if (cases[i].waits)
			assert_true(milter_client_send(&client, 'A', NULL, 0));
		else
			assert_string_equal(milter_client_end(&client, "4QID", out), TAG_ENFORCE "c");
	}
	/* The map looks no certificate up in a list of revoked ones, so such mail waits here. */
	settings_one("mta_enforces=yes");
	assert_true(milter_client_mail_from(&client, "<>", "127.0.0.1", NULL));
	assert_string_equal(rcpt("revoked.example", SMTP, NULL, out),
		"451 4.7.5 <revoked.example> MTA-STS policy (enforce): mx.revoked.example presents a certificate that its "
		"authority has revoked [certificate-revoked]; will be retried");
	assert_true(milter_client_send(&client, 'A', NULL, 0));
	/* Who honours the field is counted apart. */
	uint64_t left = wishes(TLS_REQUIRED_TO_MTA), ignored = wishes(TLS_REQUIRED_IGNORED);
	assert_true(milter_client_mail(&client, NULL));
	assert_string_equal(rcpt("pass.example", SMTP, NULL, out), "c");
	assert_string_equal(end_with((const char *const[]){"TLS-Required", "No", NULL}, out), "c");
	assert_int_equal(wishes(TLS_REQUIRED_TO_MTA) - left, 1);
	settings_one(NULL);
	assert_true(milter_client_mail(&client, NULL));
	assert_string_equal(rcpt("pass.example", SMTP, NULL, out), "c");
	assert_string_equal(end_with((const char *const[]){"TLS-Required", "No", NULL}, out), "c");
	assert_int_equal(wishes(TLS_REQUIRED_IGNORED) - ignored, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(only_what_is_needed_is_negotiated),
		TEST(each_verdict_does_what_is_set),
		TEST(the_next_recipient_gets_the_same_verdict),
		TEST(next_hop_and_transport_decide),
		TEST(one_recipient_is_refused_alone),
		TEST(forged_headers_are_removed),
		TEST(floods_of_forged_headers_are_held),
		TEST(domains_are_told_only_when_alone),
		TEST(one_header_a_domain_and_no_two_alike),
		TEST(our_reports_are_not_judged),
		TEST(a_message_waits_no_longer_than_milter_wait),
		TEST(answers_are_timed),
		TEST(a_local_session_waits_before_its_message_is_held),
		TEST(no_more_callbacks_wait_than_milter_waiters),
		TEST(each_verdict_is_logged_with_its_queue_id),
		TEST(the_log_is_quiet_unless_asked),
		TEST(unchecked_mail_leaves_a_trace),
		TEST(no_verdict_is_left_out),
		TEST(requiretls_is_tagged_or_refused),
		TEST(the_header_decides),
		TEST(one_bad_recipient_delays_the_message),
		TEST(what_the_header_released_is_told),
		TEST(the_note_that_delays_most_is_kept),
		TEST(many_domains_wait_for_the_header),
		TEST(the_map_decides_for_listed_senders),
	};
	return cmocka_run_group_tests(tests, milter_room_open, stop_finishes_waits_in_hand);
}
