/* post: mail by SMTP to a server of the test's own. */
#include "clock.h"
#include "post.h"
#include "smtp_server.h"
#include "token.h"

#include "cm.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define MESSAGE "From: a@b.example\r\nSubject: x\r\n\r\nline\r\n.dot\r\nend\r\n"

static struct smtp_server server;

static void send_to(const char *address, int timeout_ms, const atomic_bool *stop, struct posted *posted)
{
	const struct post post = {.server = address,
		.helo = "relay.example.com",
		.sender = "reports+abcd@example.com",
		.receiver = "tlsrpt@b.example",
		.message = {LIT(MESSAGE)},
		.timeout_ms = timeout_ms,
		.stop = stop};
	post_smtp(&post, posted);
}

static void what_is_said(void **state)
{
	struct posted posted;
	(void)state;
	smtp_server_start(&server, NULL);
	send_to(server.address, 5000, NULL, &posted);
	smtp_server_stop(&server);
	assert_string_equal(posted.detail, "\"250 2.0.0 Ok: queued as 4X\"");
	assert_int_equal(posted.outcome, TLSRPT_DONE);
	assert_false(posted.unreached);
	assert_int_equal(server.connections, 1);
	assert_non_null(strstr(server.commands, "EHLO relay.example.com\n"));
	assert_non_null(strstr(server.commands, "MAIL FROM:<reports+abcd@example.com>"));
	assert_non_null(strstr(server.commands, "RCPT TO:<tlsrpt@b.example>\nDATA\n"));
	assert_string_equal(server.message, "From: a@b.example\r\nSubject: x\r\n\r\nline\r\n..dot\r\nend");
}

static void replies(void **state)
{
	(void)state;
	static const struct {
		const char *name;
		struct smtp_script script;
		enum tlsrpt_outcome outcome;
		bool unreached;
		const char *detail;
	} rows[] = {
		{"later at RCPT", {.rcpt = "450 4.7.1 wait"}, TLSRPT_LATER, false, "\"450 4.7.1 wait\""},
		{"never at RCPT", {.rcpt = "550 5.1.1 no"}, TLSRPT_NEVER, false, "\"550 5.1.1 no\""},
		{"several lines", {.rcpt = "550-5.1.1 no\r\n550 5.1.1 such user"}, TLSRPT_NEVER, false,
			"\"550 5.1.1 such user\""},
		{"later at DATA", {.data = "451 4.3.0 x"}, TLSRPT_LATER, false, "\"451 4.3.0 x\""},
		{"later at the end", {.end = "451 4.3.0 x"}, TLSRPT_LATER, false, "\"451 4.3.0 x\""},
		{"never at the end", {.end = "554 5.7.1 x"}, TLSRPT_NEVER, false, "\"554 5.7.1 x\""},
		{"escapes", {.end = "554 \033[31m\"x"}, TLSRPT_NEVER, false, "\"554 \\x1b[31m\\x22x\""},
		/* not about this mail */
		{"no service", {.greeting = "554 no"}, TLSRPT_LATER, true, "\"554 no\""},
		{"TLS wanted", {.mail = "530 5.7.0 STARTTLS first"}, TLSRPT_LATER, true,
			"\"530 5.7.0 STARTTLS first\""},
		{"closed", {.greeting = "-"}, TLSRPT_LATER, true, NULL},
		{"closed at RCPT", {.rcpt = "-"}, TLSRPT_LATER, true, NULL},
		{"silence", {.greeting = ""}, TLSRPT_LATER, true, NULL},
		{"silence at RCPT", {.rcpt = ""}, TLSRPT_LATER, true, NULL},
		{"no SMTP", {.greeting = "HTTP/1.1 400 Bad"}, TLSRPT_LATER, true, NULL},
		/* perhaps accepted */
		{"silence at the end", {.end = ""}, TLSRPT_UNSURE, false, NULL},
		{"closed at the end", {.end = "-"}, TLSRPT_UNSURE, false, NULL},
	};
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct posted posted;
		smtp_server_start(&server, &rows[i].script);
		int64_t begun_ms = clock_mono_ms();
		send_to(server.address, 500, NULL, &posted);
		int64_t took_ms = clock_mono_ms() - begun_ms;
		smtp_server_stop(&server);
		if (posted.outcome != rows[i].outcome || posted.unreached != rows[i].unreached ||
			(rows[i].detail && strcmp(posted.detail, rows[i].detail) != 0) || posted.detail[0] == '\0')
			fail_msg("%s: %d %d %s", rows[i].name, (int)posted.outcome, posted.unreached, posted.detail);
		if (took_ms > 5000)
			fail_msg("%s took %d ms", rows[i].name, (int)took_ms);
	}
}

static void no_server(void **state)
{
	struct posted posted;
	(void)state;
	smtp_server_start(&server, NULL);
	smtp_server_stop(&server);
	send_to(server.address, 5000, NULL, &posted);
	assert_int_equal(posted.outcome, TLSRPT_LATER);
	assert_true(posted.unreached);
	assert_non_null(strstr(posted.detail, "onnect"));
}

static void *stop_soon(void *arg)
{
	usleep(300 * 1000);
	atomic_store((atomic_bool *)arg, true);
	return NULL;
}

static void a_stop_ends_it(void **state)
{
	struct posted posted;
	atomic_bool stop = false;
	pthread_t thread;
	(void)state;
	smtp_server_start(&server, &(struct smtp_script){.greeting = ""});
	int64_t begun_ms = clock_mono_ms();
	assert_int_equal(pthread_create(&thread, NULL, stop_soon, &stop), 0);
	send_to(server.address, 60000, &stop, &posted);
	assert_true(clock_mono_ms() - begun_ms < 10000);
	assert_int_equal(posted.outcome, TLSRPT_LATER);
	pthread_join(thread, NULL);
	smtp_server_stop(&server);
}

static void tokens_differ(void **state)
{
	char a[TLSRPT_TOKEN_SIZE], b[TLSRPT_TOKEN_SIZE];
	(void)state;
	token_make(a);
	token_make(b);
	assert_int_equal(strspn(a, TLSRPT_TOKEN_LETTERS), TLSRPT_TOKEN_LEN);
	assert_int_equal(strlen(b), TLSRPT_TOKEN_LEN);
	assert_string_not_equal(a, b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(what_is_said), cmocka_unit_test(replies),
		cmocka_unit_test(no_server), cmocka_unit_test(a_stop_ends_it), cmocka_unit_test(tokens_differ)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
