/* Policy delegation on a UNIX socket, and a fake check: the reply to each verdict, by settings. */
#include "delegation.h"
#include "delegation_server.h"
#include "fake_check.h"
#include "fake_log.h"
#include "metrics.h"
#include "server.h"
#include "verdict_record.h"

#include "action.h"
#include "clock.h"

#include "cm.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#define BY_RECIPIENT "delegation_domain=recipient"
#define SETTINGS_MAX 4

struct room {
	char directory[64], place[96];
	struct check *check;
	struct server *server;
	struct service *delegation;
	int fd;
};
static struct room room;

/* The same with one more setting, or two. */
static void settings(const char *override, const char *more)
{
	char *const list[SETTINGS_MAX] = {(char *)BY_RECIPIENT, (char *) override, (char *)more};
	size_t count = 1 + (override != NULL) + (more != NULL);
	struct config *config = fake_config(list, count);
	if (room.check == NULL)
		room.check = check_new(&(struct check_options){.config = config}, NULL);
	else
		check_reconfigure(room.check, config);
	config_unref(&config);
}

static int dial(void)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	struct timeval patience = {.tv_sec = 5};
	snprintf(address.sun_path, sizeof address.sun_path, "%s/delegation", room.directory);
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
	assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof address), 0);
	return fd;
}

static int room_open(void **state)
{
	(void)state;
	struct failure why;
	struct listener listener;
	struct listener_access access = {.uid = (uid_t)-1, .gid = (gid_t)-1, .mode = 0600};
	room = (struct room){.directory = "/tmp/delegation-test-XXXXXX"};
	signal(SIGPIPE, SIG_IGN);
	fake_check_refuse(false);
	assert_non_null(mkdtemp(room.directory));
	settings(NULL, NULL);
	room.server = server_new(1, &why);
	assert_non_null(room.server);
	room.delegation = delegation_server_new(&(struct front_end_parts){.check = room.check});
	snprintf(room.place, sizeof room.place, "unix:%s/delegation", room.directory);
	assert_true(listener_init(&listener, "delegation_socket", room.place, &why) &&
		    listener_open(&listener, &access, &why));
	server_add(room.server, &listener, &room.delegation, 1);
	assert_true(server_start(room.server, &why));
	room.fd = dial();
	return 0;
}

static int room_close(void **state)
{
	(void)state;
	close(room.fd);
	server_stop(room.server, 0);
	server_join(room.server);
	check_free(&room.check);
	server_free(&room.server);
	free(room.delegation);
	return rmdir(room.directory);
}

static void say(int fd, const char *text)
{
	assert_int_equal(send(fd, text, strlen(text), MSG_NOSIGNAL), strlen(text));
}

static void ask(const char *state, const char *recipient, const char *more)
{
	char request[2048];
	const char *client = strstr(more, "client_address=") ? "" : "client_address=192.0.2.1\n";
	snprintf(request, sizeof request, "request=smtpd_access_policy\nprotocol_state=%s\nrecipient=%s\n%s%s\n", state,
		recipient, client, more);
	say(room.fd, request);
}

/* Reads one reply without its last two line ends, or the octets before the connection ended. */
static const char *hear(int fd)
{
	static char heard[4096];
	size_t used = 0;
	while (used < sizeof heard - 1 && recv(fd, heard + used, 1, 0) == 1)
		if (++used >= 2 && heard[used - 1] == '\n' && heard[used - 2] == '\n') {
			used -= 2;
			break;
		}
	heard[used] = '\0';
	return heard;
}

#define TESTING "action=PREPEND X-STS-Gate: policy=testing; verdict=fail-testing; reason=certificate-expired"
#define FAILING "action=PREPEND X-STS-Gate: policy=enforce; verdict=fail-enforce; reason=starttls-not-supported"
#define DEFERRED                                                                                                       \
	"action=DEFER_IF_PERMIT 4.7.5 <enforce.example> MTA-STS policy (enforce): mx.enforce.example offers no "       \
	"STARTTLS [starttls-not-supported]; will be retried"
#define UNCHECKED "action=DEFER_IF_PERMIT 4.7.5 <defer.example> MTA-STS policy (enforce): "
#define HELD                                                                                                           \
	"action=HOLD stsgate: domain=enforce.example; policy=enforce; verdict=fail-enforce; "                          \
	"reason=starttls-not-supported; mx=mx.enforce.example"
#define DUNNO "action=DUNNO"

/* The milter's table (stsgated(8)) in the terms of this protocol. A reply is compared up to the end of the row. */
static const struct {
	const char *one, *other, *recipient, *more, *reply;
} rows[] = {
	{NULL, NULL, "u@none.example", "", DUNNO},
	{NULL, NULL, "u@pass.example", "", DUNNO},
	{NULL, NULL, "u@testing.example", "", TESTING},
	{NULL, NULL, "u@enforce.example", "", DEFERRED},
	{NULL, NULL, "u@ENFORCE.Example", "sasl_username=u\n", DEFERRED},
	{NULL, NULL, "\"x@none.example@enforce.example", "", DEFERRED},
	{NULL, NULL, "u@defer.example", "", UNCHECKED},
	{NULL, NULL, "u@enforce-tagged.example", "", FAILING "; override=tag"},
	{"milter_on_fail=quarantine", NULL, "u@enforce-tagged.example", "", FAILING "; override=tag"},
	{NULL, NULL, "u@defer-tagged.example", "",
		"action=PREPEND X-STS-Gate: policy=enforce; verdict=defer; reason=not-yet-checked; override=tag"},
	{NULL, NULL, "u@[192.0.2.1]", "", DUNNO},
	{NULL, NULL, "u@x\xcd\xb8.example", "", "action=DEFER_IF_PERMIT 4.7.5 MTA-STS: the domain name cannot be "},
	{"delegation_domain=none.example", NULL, "u@x\xcd\xb8.example", "", DUNNO},
	{NULL, NULL, "enforce.example", "", DUNNO},
	{NULL, NULL, "", "", DUNNO},
	{"milter_on_fail=tag", NULL, "u@enforce.example", "", FAILING},
	{"milter_on_fail=tag", NULL, "u@pass.example", "", DUNNO},
	{"milter_on_fail=tag", "milter_tag=off", "u@enforce.example", "", DUNNO},
	{"milter_on_fail=tag", "milter_tag_domains=yes", "u@enforce.example", "",
		"action=PREPEND X-STS-Gate: domain=enforce.example; "},
	{"milter_on_fail=tag", "milter_header=X-T", "u@enforce.example", "", "action=PREPEND X-T: policy=enforce; "},
	{"milter_on_fail=quarantine", NULL, "u@enforce.example", "", HELD},
	{"milter_on_fail=quarantine", NULL, "u@defer.example", "", UNCHECKED},
	{"milter_on_fail=quarantine", NULL, "u@testing.example", "", TESTING},
	{"milter_on_fail_authenticated=tag", NULL, "u@enforce.example", "", DEFERRED},
	{"milter_on_fail_authenticated=tag", NULL, "u@enforce.example", "sasl_username=u\n", FAILING},
	{"milter_on_fail_authenticated=tag", NULL, "u@enforce.example", "sasl_method=PLAIN\n", FAILING},
	{"milter_on_fail_authenticated=quarantine", NULL, "u@enforce.example", "sasl_username=u\n", HELD},
	{"mta_enforces=yes", NULL, "u@enforce.example", "", DEFERRED},
	{"mta_enforces=yes", NULL, "u@enforce.example", "sasl_username=u\n", FAILING},
	{"mta_enforces=yes", "milter_on_fail_authenticated=defer", "u@enforce.example", "sasl_username=u\n", DEFERRED},
	{"milter_tag=all", NULL, "u@pass.example", "",
		"action=PREPEND X-STS-Gate: policy=enforce; verdict=pass; reason=ok"},
	{"mode=monitor", NULL, "u@enforce.example", "", DUNNO},
	{"mode=monitor", "milter_on_fail=quarantine", "u@enforce.example", "", DUNNO},
	{"mode=monitor", "milter_tag=all", "u@testing.example", "", DUNNO},
	{"delegation_domain=[enforce.example]:587", NULL, "u@none.example", "", DEFERRED},
	{"delegation_domain=enforce.example", NULL, "u@[192.0.2.1]", "", DEFERRED},
	{"delegation_domain=enforce.example", NULL, "user", "", DUNNO},
	{"delegation_domain=none.example", NULL, "u@enforce.example", "", DUNNO},
};

static void verdicts_become_actions(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		settings(rows[i].one, rows[i].other);
		ask("RCPT", rows[i].recipient, rows[i].more);
		const char *reply = hear(room.fd);
		bool whole = strcmp(rows[i].reply, DUNNO) == 0;
		if (whole ? strcmp(reply, DUNNO) != 0 : strncmp(reply, rows[i].reply, strlen(rows[i].reply)) != 0)
			fail_msg("row %zu: `%s`", i, reply);
	}
}

#define REPORTS "report_from=tlsrpt@relay.example"
#define REPORT "sender=tlsrpt+a1B2@relay.example\n"

/* As the milter does: our own TLS reports are not judged, and only a client on this machine can send them. */
static void our_reports_are_not_judged(void **state)
{
	(void)state;
	static const struct {
		const char *setting, *more, *reply;
	} cases[] = {
		{REPORTS, REPORT "client_address=127.0.0.1\n", DUNNO},
		{REPORTS, REPORT "client_address=::1\n", DUNNO},
		{REPORTS, REPORT, FAILING},
		{REPORTS, REPORT "client_address=127.0.0.1\nsasl_username=u\n", FAILING},
		{REPORTS, "sender=tlsrpt@relay.example\nclient_address=127.0.0.1\n", FAILING},
		{REPORTS, "client_address=127.0.0.1\n", FAILING},
		{NULL, REPORT "client_address=127.0.0.1\n", FAILING},
	};
	for (size_t i = 0; i < COUNT(cases); i++) {
		settings("milter_on_fail=tag", cases[i].setting);
		ask("RCPT", "u@enforce.example", cases[i].more);
		const char *reply = hear(room.fd);
		if (strcmp(reply, cases[i].reply) != 0)
			fail_msg("case %zu: `%s`", i, reply);
	}
}

static void other_states_are_not_judged(void **state)
{
	(void)state;
	static const char *const states[] = {"CONNECT", "EHLO", "MAIL", "DATA", "END-OF-MESSAGE", "VRFY", "ETRN", ""};
	for (size_t i = 0; i < COUNT(states); i++) {
		ask(states[i], "u@enforce.example", "");
		assert_string_equal(hear(room.fd), DUNNO);
	}
}

static void one_message_gets_a_header_once(void **state)
{
	(void)state;
	ask("RCPT", "u@testing.example", "instance=1.2\n");
	assert_string_equal(hear(room.fd), TESTING);
	ask("RCPT", "u@testing-b.example", "instance=1.2\n");
	assert_string_equal(hear(room.fd), DUNNO);
	settings("milter_on_fail=tag", NULL);
	ask("RCPT", "u@enforce.example", "instance=1.2\n");
	assert_string_equal(hear(room.fd), FAILING);
	ask("RCPT", "u@testing.example", "instance=1.3\n");
	assert_string_equal(hear(room.fd), TESTING);
	for (int i = 0; i < 2; i++) {
		ask("RCPT", "u@testing.example", "");
		assert_string_equal(hear(room.fd), TESTING);
	}
}

static void log_is(const char *expected)
{
	char log[FAKE_LOG_SIZE];
	fake_log_copy(log);
	assert_string_equal(log, expected);
	fake_log_forget();
}

#define LINE(domain, reason)                                                                                           \
	"frontend=delegation domain=" domain " policy=none verdict=none reason=" reason " unchecked=yes action=accept\n"

/* Unchecked mail leaves one log line per message and domain, not per recipient. */
static void unchecked_mail_leaves_a_trace(void **state)
{
	(void)state;
	fake_log_forget();
	ask("RCPT", "u@first.example", "instance=2.1\nqueue_id=4QID\n");
	assert_string_equal(hear(room.fd), DUNNO);
	log_is("4QID: " LINE("first.example", "first-contact"));
	ask("RCPT", "v@first.example", "instance=2.1\n");
	assert_string_equal(hear(room.fd), DUNNO);
	ask("RCPT", "u@none.example", "instance=2.1\n");
	assert_string_equal(hear(room.fd), DUNNO);
	log_is("");
	ask("RCPT", "u@exempt.example", "instance=2.1\n");
	assert_string_equal(hear(room.fd), DUNNO);
	log_is(LINE("exempt.example", "exempt"));
	ask("RCPT", "u@first.example", "instance=2.2\n");
	assert_string_equal(hear(room.fd), DUNNO);
	log_is(LINE("first.example", "first-contact"));
	settings("delegation_domain=enforce.example", "exempt_domains=exempt.example"); /* beside a smart host */
	ask("RCPT", "u@exempt.example", "instance=2.3\n");
	assert_string_equal(hear(room.fd), DUNNO);
	log_is(LINE("exempt.example", "exempt"));
}

static void pipelined_requests_are_answered_in_turn(void **state)
{
	(void)state;
	int64_t from_ms = clock_mono_ms();
	ask("RCPT", "u@enforce-300.example", "queue_id=4ZxYq\n");
	ask("RCPT", "u@none.example", "");
	ask("RCPT", "u@testing.example", "");
	assert_string_equal(hear(room.fd),
		"action=DEFER_IF_PERMIT 4.7.5 <enforce-300.example> MTA-STS policy (enforce): "
		"mx.enforce-300.example offers no STARTTLS [starttls-not-supported]; will be "
		"retried");
	assert_true(clock_mono_ms() - from_ms >= 250);
	assert_string_equal(hear(room.fd), DUNNO);
	assert_string_equal(hear(room.fd), TESTING);
}

/* The login is remembered while the inquiry is open. */
static void first_contact_ends_with_lookup_timeout(void **state)
{
	(void)state;
	unsigned before = fake_check_abandoned();
	settings("lookup_timeout=1s", "milter_on_fail_authenticated=tag");
	int64_t from_ms = clock_mono_ms();
	ask("RCPT", "u@enforce-9000.example", "");
	assert_string_equal(hear(room.fd), DUNNO);
	assert_in_range(clock_mono_ms() - from_ms, 950, 6000);
	assert_int_equal(fake_check_abandoned(), before + 1);
	ask("RCPT", "u@enforce-100.example", "sasl_username=u\n");
	assert_string_equal(hear(room.fd), FAILING);
	fake_check_refuse(true);
	ask("RCPT", "u@enforce-100.example", "");
	assert_string_equal(hear(room.fd), DUNNO);
}

/* The slot of a client that is gone belongs to another client when the answer arrives. */
static void late_answers_go_to_nobody(void **state)
{
	(void)state;
	for (int i = 0; i < 10; i++) {
		ask("RCPT", "u@enforce-40.example", "");
		nanosleep(&(struct timespec){.tv_nsec = (i % 2 == 0 ? 5 : 39) * 1000000L}, NULL);
		close(room.fd);
		room.fd = dial();
		ask("RCPT", "u@testing-80.example", "");
		assert_string_equal(hear(room.fd), TESTING);
	}
}

static void malformed_requests_end_the_connection(void **state)
{
	(void)state;
	static const char *const bad[] = {
		"\n", "x\n", "request=other\n\n", "recipient=a\nrecipient=b\n", "GET / HTTP/1.0\r\n\r\n"};
	for (size_t i = 0; i < COUNT(bad); i++) {
		ask("RCPT", "u@testing.example", "");
		assert_string_equal(hear(room.fd), TESTING);
		say(room.fd, bad[i]);
		assert_string_equal(hear(room.fd), "");
		close(room.fd);
		room.fd = dial();
	}
	/* A request without end. */
	char part[1024];
	size_t sent = 0;
	memset(part, 'a', sizeof part);
	while (sent < 64 * sizeof part && send(room.fd, part, sizeof part, MSG_NOSIGNAL) > 0)
		sent += sizeof part;
	assert_string_equal(hear(room.fd), "");
	assert_true(sent >= DELEGATION_REQUEST_MAX);
}

static uint64_t counted(enum deed deed)
{
	return metrics_read(METRIC_DELEGATION_REPLIES, deed, 0, 0);
}

/* Returns how many answers took at most as long as this bucket says, or all. */
static uint64_t timed(unsigned buckets)
{
	uint64_t sum = 0;
	for (unsigned i = 0; i < buckets; i++)
		sum += metrics_read(METRIC_ANSWER_SECONDS, DOOR_DELEGATION, i, 0);
	return sum;
}

static void answers_are_timed(void **state)
{
	(void)state;
	const unsigned half_a_second = 8;
	uint64_t quick = timed(half_a_second), all = timed(METRICS_BUCKETS);
	settings("lookup_timeout=1s", NULL);
	ask("RCPT", "u@enforce-9000.example", "");
	hear(room.fd);
	assert_int_equal(timed(METRICS_BUCKETS), all + 1);
	assert_int_equal(timed(half_a_second), quick);
	ask("RCPT", "u@enforce.example", "");
	hear(room.fd);
	ask("DATA", "", "");
	hear(room.fd);
	assert_int_equal(timed(METRICS_BUCKETS), all + 3);
}

static void replies_are_counted(void **state)
{
	(void)state;
	static const char *const recipients[] = {"u@none.example", "user", "u@testing.example", "u@enforce.example"};
	uint64_t accept = counted(DEED_ACCEPT), tag = counted(DEED_TAG), defer = counted(DEED_DEFER),
		 hold = counted(DEED_QUARANTINE);
	for (size_t i = 0; i < COUNT(recipients); i++) {
		ask("RCPT", recipients[i], "");
		hear(room.fd);
	}
	settings("milter_on_fail=quarantine", NULL);
	ask("RCPT", "u@enforce.example", "");
	hear(room.fd);
	assert_int_equal(counted(DEED_ACCEPT), accept + 2);
	assert_int_equal(counted(DEED_TAG), tag + 1);
	assert_int_equal(counted(DEED_DEFER), defer + 1);
	assert_int_equal(counted(DEED_QUARANTINE), hold + 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, room_open, room_close)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(verdicts_become_actions),
		TEST(our_reports_are_not_judged),
		TEST(other_states_are_not_judged),
		TEST(one_message_gets_a_header_once),
		TEST(unchecked_mail_leaves_a_trace),
		TEST(pipelined_requests_are_answered_in_turn),
		TEST(first_contact_ends_with_lookup_timeout),
		TEST(late_answers_go_to_nobody),
		TEST(malformed_requests_end_the_connection),
		TEST(answers_are_timed),
		TEST(replies_are_counted),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
