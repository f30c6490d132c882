/* stsgate report send and report bounced, with an MTA that does not serve. */
#include "cm.h"

#include "clock.h"
#include "room.h"
#include "tool.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FROM "tlsrpt@example.com"
#define DELAY "From: MAILER-DAEMON\nSubject: Delayed\n\nReporting-MTA: dns; x\nAction: delayed\nStatus: 4.4.1\n"
#define BOUNCE                                                                                                         \
	"From: MAILER-DAEMON\n\nReporting-MTA: dns; x\r\nAction: delayed\r\n\r\nAction: Failed (dead)\r\nStatus: 5.1.1\r\n"

static struct tool_run run_with(const char *setting, const char *input, const char *word, const char *argument)
{
	char place[300];
	snprintf(place, sizeof place, "store_path=%s", room);
	const char *words[] = {"-c", "/dev/null", "-o", place, "-o", setting, "-o", "report_organization=Example", "-o",
		"report_from=" FROM, "-o", "report_smtp=127.0.0.1:1", "report", word, argument, NULL};
	return tool_run(input, input ? strlen(input) : 0, words);
}

/* Checks the status, and that both outputs together have the text. */
static void prints(struct tool_run done, int status, const char *text)
{
	if (done.status != status || (!strstr(done.out, text) && !strstr(done.err, text)))
		fail_msg("`%s` (%d) is not in\n%d\n%s%s", text, status, done.status, done.out, done.err);
	tool_run_free(&done);
}

#define RUN(word, argument) run_with("tlsrpt=collect", NULL, word, argument)

static void count_session(const char *domain)
{
	uint64_t refused = 0;
	int64_t at = clock_wall_s() - 86400;
	struct store *store = room_open(16 * ROOM_BYTES, STORE_OWNER);
	struct tlsrpt_tally tally;
	struct tlsrpt_session session = {.record = "v=TLSRPTv1; rua=mailto:tls@a.example"};
	snprintf(session.domain, sizeof session.domain, "%s", domain);
	tlsrpt_session_add(&session, TLSRPT_NO_POLICY_FOUND, domain)->failed = true;
	tlsrpt_tally_init(&tally, tlsrpt_day(at), domain);
	tlsrpt_tally_add(&tally, &session);
	assert_true(store_add_tallies(store, &tally, 1, at, &refused, NULL));
	tlsrpt_tally_free(&tally);
	tlsrpt_session_free(&session);
	store_close(&store);
}

static void token_find(char token[TLSRPT_TOKEN_SIZE])
{
	size_t count = 0;
	struct store *store = room_open(16 * ROOM_BYTES, STORE_GUEST);
	struct tlsrpt_send *rows = store_tlsrpt_sends(store, &count, NULL);
	assert_true(count > 0);
	memcpy(token, rows[0].token, TLSRPT_TOKEN_SIZE);
	free(rows);
	store_close(&store);
}

static int begin(void **state)
{
	int made = room_make(state);
	struct store *store = room_open(16 * ROOM_BYTES, STORE_OWNER);
	store_close(&store);
	return made;
}

static void what_send_says(void **state)
{
	(void)state;
	prints(run_with("tlsrpt=off", NULL, "send", NULL), 78, "reports are off");
	count_session("a.example");
	prints(RUN("send", NULL), 2, "a.example to mailto:tls@a.example: ");
	prints(RUN("send", NULL), 2, "retry");
	prints(RUN("send", "--due"), 0, ""); /* it waits for some minutes */
	prints(RUN("send", "more"), 64, "usage");
}

static void nothing_to_send(void **state)
{
	(void)state;
	prints(RUN("send", NULL), 0, "no report to send: no TLS session was counted yet\n");
	/* yesterday is closed now, so this counts for today */
	count_session("a.example");
	prints(RUN("send", NULL), 0, "no report to send: sessions were counted today only");
}

static void what_bounced_does(void **state)
{
	char token[TLSRPT_TOKEN_SIZE], address[128];
	(void)state;
	count_session("a.example");
	count_session("b.example");
	prints(RUN("send", NULL), 2, "retry");
	token_find(token);
	prints(RUN("bounced", "abcdefghijklmnopqrst"), 0, "nothing has changed");
	prints(RUN("bounced", "x"), 0, "nothing has changed");
	prints(RUN("bounced", ""), 0, "nothing has changed");
	prints(run_with("tlsrpt=collect", DELAY, "bounced", token), 0, "tells of no failure");
	snprintf(address, sizeof address, "tlsrpt+%s@other.example", token);
	prints(RUN("bounced", address), 0, "nothing has changed");
	snprintf(address, sizeof address, "tlsrpt+%s@Example.com", token);
	prints(run_with("tlsrpt=collect", BOUNCE, "bounced", address), 0,
		"mailto:tls@a.example gets no reports until 20");
	prints(RUN("send", NULL), 1, "suppressed");
	prints(RUN("send", NULL), 0, "no report to send: those about the days that are over were sent, are given up");
}

static void a_store_that_cannot_be_opened(void **state)
{
	(void)state;
	struct tool_run done = TOOL("-c", "/dev/null", "-o", "store_path=/nonexistent", "report", "bounced", "x");
	assert_int_equal(done.status, 75);
	tool_run_free(&done);
	done = TOOL("-c", "/nonexistent", "report", "bounced", "x");
	assert_int_equal(done.status, 75);
	tool_run_free(&done);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test_setup_teardown(what_send_says, begin, room_remove),
		cmocka_unit_test_setup_teardown(nothing_to_send, begin, room_remove),
		cmocka_unit_test_setup_teardown(what_bounced_does, begin, room_remove),
		cmocka_unit_test_setup_teardown(a_store_that_cannot_be_opened, begin, room_remove)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
