/* doctor: how it judges, and the built tool with settings that are wrong in one way each. */
#include "cm.h"

#include "doctor_judge.h"
#include "nameserver.h"
#include "talk.h"
#include "tool.h"
#include "way_out.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#define M ((uint64_t)1 << 20)

static void test_space(void **state)
{
	(void)state;
	static const struct {
		uint64_t left, file, max;
		enum doctor_result want;
	} rows[] = {
		{2000 * M, M, 1024 * M, DOCTOR_OK},  /* the whole store has room */
		{1278 * M, M, 1024 * M, DOCTOR_OK},  /* not all of it, but it is nearly empty */
		{258 * M, M, 1024 * M, DOCTOR_WARN}, /* not for long */
		{1000 * M, 600 * M, 1024 * M, DOCTOR_OK}, {300 * M, 600 * M, 1024 * M, DOCTOR_WARN},
		{31 * M, M, 1024 * M, DOCTOR_FAIL},                           /* writes fail soon */
		{0, M, 1024 * M, DOCTOR_FAIL}, {10 * M, M, 4 * M, DOCTOR_OK}, /* a small store needs little */
		{0, 5 * M, 4 * M, DOCTOR_OK},                                 /* it has its full size */
	};
	for (size_t i = 0; i < COUNT(rows); i++)
		if (judge_space(rows[i].left, rows[i].file, rows[i].max) != rows[i].want)
			fail_msg("row %zu", i);
}

#define REPLY(protocol, text, ended, want)                                                                             \
	{                                                                                                              \
		protocol, {text, sizeof text - 1}, ended, want                                                         \
	}
static void test_talk(void **state)
{
	(void)state;
	static const struct {
		enum talk_protocol protocol;
		struct span reply;
		bool ended;
		enum talk_end want;
	} rows[] = {
		REPLY(TALK_SOCKETMAP, "", false, TALK_SILENT),
		REPLY(TALK_SOCKETMAP, "9:NOTFOUND", false, TALK_SILENT),
		REPLY(TALK_SOCKETMAP, "9:NOTFOUND ,", false, TALK_ANSWERED),
		REPLY(TALK_SOCKETMAP, "9:TEMP busy,", false, TALK_ANSWERED),
		REPLY(TALK_SOCKETMAP, "8:OK nobody,", false, TALK_STRANGE),
		REPLY(TALK_SOCKETMAP, "6:OK all,", false, TALK_STRANGE),
		REPLY(TALK_SOCKETMAP, "220 mail.example.com ESMTP\r\n", false, TALK_STRANGE),
		REPLY(TALK_DELEGATION, "act", false, TALK_SILENT),
		REPLY(TALK_DELEGATION, "action=DUNNO\n\n", false, TALK_ANSWERED),
		REPLY(TALK_DELEGATION, "HTTP/1.1 400", false, TALK_STRANGE),
		REPLY(TALK_MILTER, "\0\0\0\15", false, TALK_SILENT),
		REPLY(TALK_MILTER, "\0\0\0\15O\0\0\0\6", false, TALK_ANSWERED),
		REPLY(TALK_MILTER, "9:TEMP bad,", false, TALK_STRANGE),
		REPLY(TALK_HTTP, "HTTP/1.1 200 OK\r\n", false, TALK_SILENT),
		REPLY(TALK_HTTP, "HTTP/1.1 200 OK\r\n\r\nok\n", true, TALK_ANSWERED),
		REPLY(TALK_HTTP, "SSH-2.0-OpenSSH", false, TALK_STRANGE),
	};
	for (size_t i = 0; i < COUNT(rows); i++)
		if (talk_judge(rows[i].protocol, rows[i].reply, rows[i].ended) != rows[i].want)
			fail_msg("row %zu", i);
}

/* --- sockets ------------------------------------------------------------------------------------------------------ */

static char socket_directory[64], socket_path[96];

/* Listens at socket_path. Nobody accepts: a connection waits in the queue. */
static int socket_listen(void)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	snprintf(address.sun_path, sizeof address.sun_path, "%s", socket_path);
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);
	assert_true(fd >= 0 && bind(fd, (const struct sockaddr *)&address, sizeof address) == 0 && listen(fd, 4) == 0);
	return fd;
}

/* Asks the map at socket_path. `answer` (may be NULL) is sent to the first connection, which is then closed. */
static struct talk socket_ask(int fd, const char *answer, const char *path, const struct talk_user *user)
{
	struct settings_socket place = {.family = SOCKET_UNIX};
	snprintf(place.path, sizeof place.path, "%s", socket_path);
	pid_t child = answer ? fork() : 0;
	if (answer && child == 0) {
		char question[64];
		alarm(2 * TALK_SECONDS);
		int client = accept(fd, NULL, NULL);
		bool asked = read(client, question, sizeof question) > 0;
		_exit(asked && write(client, answer, strlen(answer)) == (ssize_t)strlen(answer) ? 0 : 1);
	}
	struct talk talk = talk_ask(TALK_SOCKETMAP, &place, path, user);
	int status = 0;
	if (answer)
		assert_true(waitpid(child, &status, 0) == child && status == 0);
	return talk;
}

static void test_ask(void **state)
{
	(void)state;
	static const struct talk_user self = {.change = false};
	snprintf(socket_directory, sizeof socket_directory, "/tmp/test_doctor.XXXXXX");
	assert_non_null(mkdtemp(socket_directory));
	snprintf(socket_path, sizeof socket_path, "%s/map", socket_directory);
	struct talk talk = socket_ask(-1, NULL, NULL, &self);
	assert_true(talk.end == TALK_REFUSED && talk.err == ENOENT);
	int fd = socket_listen();
	assert_int_equal(socket_ask(fd, "9:NOTFOUND ,", NULL, &self).end, TALK_ANSWERED);
	assert_int_equal(socket_ask(fd, "", NULL, &self).end, TALK_CLOSED);
	talk = socket_ask(fd, "220 mail\r\n\33[2J", NULL, &self);
	assert_int_equal(talk.end, TALK_STRANGE);
	assert_string_equal(talk.words, "\"220 mail\\x0d\\x0a\\x1b[2J\"");
	if (geteuid() == 0) {
		/* another user may not enter the directory; inside the chroot the path is another one */
		talk = socket_ask(fd, NULL, NULL, &(struct talk_user){true, 65534, 65534, NULL});
		assert_true(talk.end == TALK_REFUSED && talk.err == EACCES);
		assert_int_equal(chmod(socket_directory, 0755) | chmod(socket_path, 0666), 0);
		const struct talk_user jailed = {true, 65534, 65534, socket_directory};
		assert_int_equal(socket_ask(fd, "9:NOTFOUND ,", "/map", &jailed).end, TALK_ANSWERED);
		talk = socket_ask(fd, NULL, NULL, &jailed);
		assert_true(talk.end == TALK_REFUSED && talk.err == ENOENT);
	}
	assert_int_equal(socket_ask(fd, NULL, NULL, &self).end, TALK_SILENT);
	close(fd);
	talk = socket_ask(-1, NULL, NULL, &self);
	assert_true(talk.end == TALK_REFUSED && talk.err == ECONNREFUSED);
	unlink(socket_path);
	rmdir(socket_directory);
}

/* --- DNS servers -------------------------------------------------------------------------------------------------- */

/* answered, truncated, authentic, rcode, records, signatures */
#define NOTHING                                                                                                        \
	{                                                                                                              \
		.answered = false                                                                                      \
	}
#define WHOLE                                                                                                          \
	{                                                                                                              \
		true, false, true, 0, 3, 1                                                                             \
	}
#define STRIPPED                                                                                                       \
	{                                                                                                              \
		true, false, false, 0, 3, 0                                                                            \
	}
#define CUT                                                                                                            \
	{                                                                                                              \
		true, true, false, 0, 0, 0                                                                             \
	}
#define EMPTY                                                                                                          \
	{                                                                                                              \
		true, false, false, 0, 0, 0                                                                            \
	}
#define ABSENT                                                                                                         \
	{                                                                                                              \
		true, false, false, 3, 0, 0                                                                            \
	}
#define SERVFAIL                                                                                                       \
	{                                                                                                              \
		true, false, false, 2, 0, 0                                                                            \
	}

static void test_server(void **state)
{
	(void)state;
	static const struct {
		struct server_seen seen;
		enum server_state want;
		enum signature_state signatures;
	} rows[] = {
		{{CUT, WHOLE, WHOLE}, SERVER_WELL, SIGNATURES_PASS},
		{{CUT, CUT, WHOLE}, SERVER_WELL, SIGNATURES_PASS},
		{{CUT, STRIPPED, STRIPPED}, SERVER_WELL, SIGNATURES_STRIPPED},
		{{CUT, WHOLE, NOTHING}, SERVER_NO_TCP, SIGNATURES_PASS},
		{{CUT, NOTHING, WHOLE}, SERVER_NO_UDP, SIGNATURES_PASS},
		{{CUT, NOTHING, STRIPPED}, SERVER_NO_UDP, SIGNATURES_STRIPPED},
		{{CUT, CUT, NOTHING}, SERVER_NO_LARGE, SIGNATURES_UNKNOWN},
		{{CUT, NOTHING, NOTHING}, SERVER_NO_LARGE, SIGNATURES_UNKNOWN},
		{{NOTHING, NOTHING, NOTHING}, SERVER_DEAD, SIGNATURES_UNKNOWN},
		{{SERVFAIL, SERVFAIL, SERVFAIL}, SERVER_ERRS, SIGNATURES_UNKNOWN},
		{{ABSENT, ABSENT, ABSENT}, SERVER_SMALL, SIGNATURES_UNKNOWN},
		{{EMPTY, EMPTY, NOTHING}, SERVER_SMALL, SIGNATURES_UNKNOWN},
	};
	for (size_t i = 0; i < COUNT(rows); i++)
		if (judge_server(&rows[i].seen) != rows[i].want ||
			judge_signatures(&rows[i].seen) != rows[i].signatures)
			fail_msg("row %zu", i);
}

static void test_dnssec(void **state)
{
	(void)state;
	static const struct server_seen well = {CUT, WHOLE, WHOLE}, dead = {NOTHING, NOTHING, NOTHING},
					stripped = {CUT, STRIPPED, STRIPPED}, absent = {ABSENT, ABSENT, ABSENT};
	const struct {
		struct server_seen seen[2];
		bool validates;
		enum dnssec_state want;
	} rows[] = {
		{{well, well}, true, DNSSEC_VALID},
		{{well, dead}, true, DNSSEC_VALID},
		{{well, well}, false, DNSSEC_BOGUS},
		{{well, stripped}, true, DNSSEC_STRIPPED}, /* lookups that the second one answers are bogus */
		{{stripped, stripped}, false, DNSSEC_STRIPPED},
		{{dead, dead}, false, DNSSEC_NO_ANSWER},
		{{absent, dead}, false, DNSSEC_UNSURE},
	};
	for (size_t i = 0; i < COUNT(rows); i++)
		if (judge_dnssec(rows[i].seen, 2, rows[i].validates) != rows[i].want)
			fail_msg("row %zu", i);
}

static void test_way(void **state)
{
	(void)state;
	/* tried, connected, starttls, plain, mangled */
	static const struct {
		struct way_count count;
		enum way_state smtp, https;
	} rows[] = {
		{{0, 0, 0, 0, 0}, WAY_UNTRIED, WAY_UNTRIED},
		{{5, 0, 0, 0, 0}, WAY_BLOCKED, WAY_BLOCKED},
		{{1, 0, 0, 0, 0}, WAY_MAYBE_BLOCKED, WAY_MAYBE_BLOCKED},
		{{5, 5, 5, 0, 0}, WAY_OPEN, WAY_OPEN},
		{{5, 1, 1, 0, 0}, WAY_OPEN, WAY_OPEN},
		{{5, 5, 1, 4, 0}, WAY_OPEN, WAY_OPEN}, /* nothing on the way does that to some hosts only */
		{{5, 3, 0, 3, 0}, WAY_STRIPPED, WAY_OPEN},
		{{5, 1, 0, 1, 0}, WAY_MAYBE_STRIPPED, WAY_OPEN},
		{{1, 1, 0, 1, 1}, WAY_STRIPPED, WAY_OPEN},
		{{3, 3, 0, 0, 0}, WAY_UNCLEAR, WAY_OPEN},
	};
	for (size_t i = 0; i < COUNT(rows); i++)
		if (judge_way(&rows[i].count, true) != rows[i].smtp ||
			judge_way(&rows[i].count, false) != rows[i].https)
			fail_msg("row %zu", i);
}

/* Reads an answer of these octets to a question of type MX with id 0x0102. */
#define READ(reply, octets)                                                                                            \
	(memset(reply, 0, sizeof *reply), (reply)->type = 15, (reply)->len = sizeof octets - 1,                        \
		memcpy((reply)->bytes, octets, sizeof octets - 1), nameserver_reply_read(reply, 0x0102))
#define HEAD(flags, answers) "\1\2" flags "\0\1\0" answers "\0\0\0\0\1a\0\0\17\0\1"
#define RR(type, data) "\300\14\0" type "\0\1\0\0\0\1\0" data

static void test_reply(void **state)
{
	(void)state;
	struct nameserver_reply *reply = calloc(1, sizeof *reply);
	struct domain mx[4];
	struct address addresses[4];
	assert_non_null(reply);
	assert_true(READ(reply, HEAD("\201\240", "\2") RR("\17", "\5\0\12\1b\0") RR("\17", "\4\0\24\300\14")));
	assert_int_equal(reply->records, 2);
	assert_true(reply->authentic && !reply->truncated && reply->rcode == 0);
	assert_int_equal(nameserver_mx(reply, mx, COUNT(mx)), 2);
	assert_string_equal(mx[0].name, "b");
	assert_string_equal(mx[1].name, "a");
	assert_int_equal(nameserver_mx(reply, mx, 1), 1);
	assert_true(READ(reply, HEAD("\203\202", "\0")));
	assert_true(reply->truncated && reply->rcode == 2 && reply->records == 0);
	assert_true(READ(reply, HEAD("\201\200", "\2") RR("\1", "\4\300\0\2\1") RR("\56", "\2\0\1")));
	assert_int_equal(reply->signatures, 1);
	assert_int_equal(nameserver_addresses(reply, addresses, COUNT(addresses)), 1);
	assert_false(READ(reply, HEAD("\1\0", "\0"))); /* a question */
	assert_false(READ(reply, "\1\3"
				 "\201\200\0\0\0\0\0\0\0\0"));            /* another id */
	assert_false(READ(reply, HEAD("\201\200", "\1") "\300\14\0\17")); /* cut off */
	assert_false(READ(reply, ""));
	free(reply);
}

/* --- the built tool ----------------------------------------------------------------------------------------------- */

static char directory[64], config[96];

static int directory_make(void **state)
{
	(void)state;
	snprintf(directory, sizeof directory, "/tmp/test_doctor.XXXXXX");
	assert_non_null(mkdtemp(directory));
	snprintf(config, sizeof config, "%s/conf", directory);
	return 0;
}

static int directory_remove(void **state)
{
	(void)state;
	unlink(config);
	return rmdir(directory);
}

static void config_write(const char *text)
{
	FILE *file = fopen(config, "w");
	assert_non_null(file);
	fprintf(file, "store_path = %s/absent\n%s%s", directory, strstr(text, "user =") ? "" : "user = root\n", text);
	fclose(file);
	assert_int_equal(chmod(config, 0644), 0);
}

/* Runs one check, whose lines must contain these words. */
static void check_run(const char *check, int status, const char *words)
{
	struct tool_run run = TOOL("-c", config, "doctor", check);
	if (run.status != status || !strstr(run.out, words))
		fail_msg("%s: status %d, not %d; no `%s` in: %s%s", check, run.status, status, words, run.out, run.err);
	tool_run_free(&run);
}

static void test_settings(void **state)
{
	(void)state;
	config_write("");
	check_run("settings", 0, "ok    settings ");
	check_run("mode", 0, "ok    mode ");
	assert_int_equal(chmod(config, 0666), 0);
	check_run("settings", 2, "fail  settings ");
	config_write("mode = monitor\n");
	check_run("mode", 1, "warn  mode ");
	config_write("mode = mild\n");
	check_run("mode", 2, "fail  settings ");
	config_write("user = nobody-has-this-name\n");
	if (geteuid() == 0)
		check_run("user", 2, "fail  user ");
	if (geteuid() == 0) {
		char store[96];
		snprintf(store, sizeof store, "%s/absent", directory);
		assert_int_equal(mkdir(store, 0700), 0);
		config_write("user = nobody\ngroup = nogroup\n");
		check_run("store-owner", 2, "does not belong to the user nobody");
		assert_int_equal(chown(store, 65534, 65534), 0);
		check_run("store-owner", 0, "ok    store-owner ");
		assert_int_equal(chmod(store, 0777), 0);
		check_run("store-owner", 2, "every user");
		assert_int_equal(rmdir(store), 0);
	}
	config_write("fetch_ca_file = /nonexistent/ca.pem\n");
	check_run("authorities", 2, "fail  authorities         fetch_ca_file: /nonexistent/ca.pem cannot be read");
	config_write("fetch_ca_file = /dev/null\n");
	check_run("authorities", 2, "is not a regular file");
}

/* With the program in a directory that everybody may enter, as the daemon's user must. */
static void test_event_command(void **state)
{
	char place[96], program[128], line[256];
	(void)state;
	snprintf(place, sizeof place, "%s/command", directory);
	snprintf(program, sizeof program, "%s/alarm", place);
	snprintf(line, sizeof line, "user = nobody\ngroup = nogroup\nevent_command = %s --to postmaster\n", program);
	assert_int_equal(chmod(directory, 0755) | mkdir(place, 0755), 0);
	config_write("");
	check_run("event-command", 0, "skip  event-command       no event_command is set");
	config_write("user = root\nevent_command = /bin/true\n");
	check_run("event-command", 1,
		"warn  event-command       event_command is not run, because stsgated runs as root");
	config_write(line);
	check_run("event-command", 1, "alarm cannot be run: No such file or directory");
	assert_int_equal(mkdir(program, 0755), 0);
	check_run("event-command", 1, "alarm is not a program");
	assert_int_equal(rmdir(program), 0);
	FILE *file = fopen(program, "w");
	assert_non_null(file);
	fclose(file);
	assert_int_equal(chmod(program, 0644), 0);
	check_run("event-command", 1, "alarm cannot be run: Permission denied");
	assert_int_equal(chmod(program, 0755), 0);
	check_run("event-command", 0, "ok    event-command ");
	assert_int_equal(chmod(program, 0757), 0);
	check_run("event-command", 2, "command/alarm\n");
	assert_int_equal(chmod(program, 0755) | chmod(place, 0777), 0);
	check_run("event-command", 2, "/command\n");
	assert_int_equal(chmod(place, 01777), 0);
	check_run("event-command", 0, "ok    event-command ");
	assert_int_equal(remove(program) | rmdir(place), 0);
}

#define COLLECT "tlsrpt = collect\ntlsrpt_socket = /nonexistent/t\n"
#define REPORTS COLLECT "report_from = a@relay.example\nreport_organization = Relay\n"

static void test_reports(void **state)
{
	(void)state;
	config_write("");
	check_run("tlsrpt", 0, "skip  tlsrpt              tlsrpt = off\n");
	check_run("tlsrpt-socket", 0, "skip  tlsrpt-socket       tlsrpt = off\n");
	config_write("report_from = a@relay.example\n");
	check_run("tlsrpt", 1, "tlsrpt = off: the settings of reports have no effect");
	config_write("tlsrpt = feed\ntlsrpt_socket = /nonexistent/t\n");
	check_run("tlsrpt", 0, "the collector at /nonexistent/t gets what stsgated finds out");
	check_run("tlsrpt-socket", 1, "tlsrpt_socket: nothing listens at /nonexistent/t (No such file or directory)");
	config_write("tlsrpt = feed\ntlsrpt_socket = /nonexistent/t\nreport_organization = Relay\n");
	check_run("tlsrpt", 1, "tlsrpt = feed: the settings of reports have no effect");
	char line[200];
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	snprintf(address.sun_path, sizeof address.sun_path, "%s/t", directory);
	snprintf(line, sizeof line, "tlsrpt = feed\ntlsrpt_socket = %s\n", address.sun_path);
	config_write(line);
	int fd = socket(AF_UNIX, SOCK_DGRAM, 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof address), 0);
	check_run("tlsrpt-socket", 0, "this user can write to ");
	close(fd);
	check_run("tlsrpt-socket", 1, "/t (Connection refused)");
	assert_int_equal(unlink(address.sun_path), 0);
	config_write(COLLECT);
	check_run("tlsrpt", 0, "sessions are counted; no reports are sent");
	config_write(COLLECT "report_from = a@relay.example\n");
	check_run("tlsrpt", 1, "report_organization is empty, so no reports are sent");
	config_write(COLLECT "report_organization = Relay\n");
	check_run("tlsrpt", 1, "report_from is empty, so no reports are sent");
	config_write("tlsrpt = collect\nreport_probes = off\n");
	check_run("tlsrpt", 1, "only policies that cannot be fetched are counted");
	config_write(REPORTS);
	check_run("tlsrpt", 0, "a@relay.example sends the reports by 127.0.0.1:25");
	check_run("tlsrpt-socket", 0, "tlsrpt_socket: stsgated does not run");
	check_run("report-key", 0, "skip  report-key          report_dkim_key is empty");
}

static void key_write(const char *name, const char *words)
{
	char command[512];
	unlink(name);
	snprintf(command, sizeof command,
		"openssl genpkey -quiet -algorithm %s -out %s 2>/dev/null || openssl genpkey -algorithm %s -out %s 2>/dev/null",
		words, name, words, name);
	assert_int_equal(system(command), 0);
	assert_int_equal(chmod(name, 0640), 0);
}

static void test_report_key(void **state)
{
	char key[96], line[512];
	(void)state;
	snprintf(key, sizeof key, "%s/key.pem", directory);
	snprintf(line, sizeof line, REPORTS "report_dkim_key = %s\nreport_dkim_selector = s1\n", key);
	config_write(line);
	check_run("report-key", 1, "key.pem cannot be read: No such file or directory");
	key_write(key, "RSA -pkeyopt rsa_keygen_bits:2048");
	check_run("report-key", 0, "key.pem is an RSA key of 2048 bits");
	assert_int_equal(chmod(key, 0644), 0);
	check_run("report-key", 1, "every user of this machine can read or change ");
	key_write(key, "RSA -pkeyopt rsa_keygen_bits:1024");
	check_run("report-key", 1, "key.pem is an RSA key of only 1024 bits");
	key_write(key, "ED25519");
	check_run("report-key", 0, "is an Ed25519 key, which not all receivers know");
	key_write(key, "EC -pkeyopt ec_paramgen_curve:P-256");
	check_run("report-key", 1, "neither RSA nor Ed25519");
	snprintf(line, sizeof line,
		REPORTS "user = nobody\ngroup = nogroup\nreport_dkim_key = %s\nreport_dkim_selector = s1\n", key);
	config_write(line);
	if (geteuid() == 0)
		check_run("report-key", 1, "let the user nobody read the file");
	assert_int_equal(unlink(key), 0);
}

static void test_no_daemon(void **state)
{
	(void)state;
	config_write("delegation_socket =\n");
	check_run("daemon", 2, "fail  daemon              no stsgated has ever run");
	check_run("store", 2, "fail  store               there is no store in");
	check_run("milter", 0, "skip  milter              milter_socket: stsgated does not run\n");
	check_run("sockets", 2, "skip  delegation          delegation_socket is empty: not in use\n");
}

/* A policy host or mail host whose address points into this network gets no connection, as from the daemon. */
static void test_way_out_choose(void **state)
{
	(void)state;
	static const char *const texts[] = {"127.0.0.1", "10.0.0.1", "::1", "1.1.1.1"};
	static const struct {
		bool smtp, proxy, fetch_private, probe_private;
		const char *first, *local; /* chosen from all addresses, and from all but the last */
	} rows[] = {{false, false, false, true, "1.1.1.1", NULL}, {true, false, true, false, "1.1.1.1", NULL},
		{false, false, true, false, "127.0.0.1", "127.0.0.1"},
		{true, false, false, true, "127.0.0.1", "127.0.0.1"},
		{false, true, false, false, "127.0.0.1", "127.0.0.1"}};
	struct address list[COUNT(texts)];
	for (size_t i = 0; i < COUNT(texts); i++)
		assert_true(address_parse(&list[i], texts[i]));
	for (size_t i = 0; i < COUNT(rows); i++) {
		const struct settings settings = {
			.fetch_private = rows[i].fetch_private, .probe_private = rows[i].probe_private};
		struct way_out target = {.smtp = rows[i].smtp, .proxy = rows[i].proxy};
		char text[ADDRESS_TEXT_SIZE];
		assert_true(way_out_choose(&target, list, COUNT(list), &settings));
		assert_string_equal(address_format(&target.address, text), rows[i].first);
		assert_true(way_out_choose(&target, list, COUNT(list) - 1, &settings) == !!rows[i].local);
		if (rows[i].local)
			assert_string_equal(address_format(&target.address, text), rows[i].local);
	}
}

static void test_words(void **state)
{
	(void)state;
	config_write("");
	struct tool_run run = TOOL("-c", config, "doctor", "mode", "moods");
	assert_int_equal(run.status, 64);
	assert_string_equal(
		run.err, "stsgate: moods is neither a check nor a group of checks; stsgate(1) lists them\n");
	tool_run_free(&run);
	run = TOOL("-c", config, "--json", "doctor", "mode", "user");
	json_t *got = tool_json(&run);
	assert_int_equal(json_array_size(json_object_get(got, "checks")), 2);
	json_decref(got);
	tool_run_free(&run);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_space),
		cmocka_unit_test(test_talk),
		cmocka_unit_test(test_ask),
		cmocka_unit_test(test_server),
		cmocka_unit_test(test_dnssec),
		cmocka_unit_test(test_way),
		cmocka_unit_test(test_way_out_choose),
		cmocka_unit_test(test_reply),
		cmocka_unit_test(test_settings),
		cmocka_unit_test(test_event_command),
		cmocka_unit_test(test_reports),
		cmocka_unit_test(test_report_key),
		cmocka_unit_test(test_no_daemon),
		cmocka_unit_test(test_words),
	};
	return cmocka_run_group_tests(tests, directory_make, directory_remove);
}
