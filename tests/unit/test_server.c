/* The event loop with socketmap and HTTP on UNIX sockets, and a fake check: wire formats, limits, time limits, and a
 * stop. */
#include "conditions.h"
#include "fake_check.h"
#include "fake_log.h"
#include "fake_pages.h"
#include "http_server.h"
#include "metrics.h"
#include "page.h"
#include "refresher.h"
#include "reload.h"
#include "server.h"
#include "socketmap_server.h"

#include "clock.h"

#include "cm.h"

#include <errno.h>
#include <netdb.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#define REPLY_SIZE 65536
#define HURRIED_IDLE_MS 2000
#define HURRIED_PARTIAL_MS 1000

struct room {
	char directory[64];
	char map_text[96], http_text[96], count_text[96], hurried_text[96];
	struct check *check;
	struct server *server;
	struct page *page;
	struct service *map, *http;
	struct service hurried; /* the map's service, with short time limits */
	char map_path[108], http_path[108], count_path[108], hurried_path[108];
};
static struct room room;

static void settings(const char *override)
{
	struct config *config = fake_config((char *[]){(char *) override}, override != NULL);
	if (room.check == NULL)
		room.check = check_new(&(struct check_options){.config = config}, NULL);
	else
		check_reconfigure(room.check, config);
	config_unref(&config);
}

static void place_add(const char *setting, const char *text, struct service *service, char *path)
{
	struct failure why;
	struct listener listener;
	struct listener_access access = {.uid = (uid_t)-1, .gid = (gid_t)-1, .mode = 0600};
	assert_true(listener_init(&listener, setting, text, &why) && listener_open(&listener, &access, &why));
	snprintf(path, sizeof room.map_path, "%s", listener.place.path);
	server_add(room.server, &listener, &service, 1);
}

/* A service with short limits: the reply to a line has as many octets as the line states. */
static size_t count_input(void *arg, struct client *client, struct span in)
{
	(void)arg;
	static const char zeros[100000];
	const char *end = memchr(in.at, '\n', in.len);
	if (end == NULL)
		return 0;
	client_reply(client, (struct span){zeros, (size_t)strtoul(in.at, NULL, 10)});
	return (size_t)(end - in.at) + 1;
}

static struct service count_service = {
	.name = "count", .input_max = 64, .clients_max = 4, .idle_ms = 600, .partial_ms = 300, .input = count_input};

/* A gauge that returns how often it was read. */
static void collect(void *arg)
{
	(void)arg;
	metrics_set(METRIC_WORKERS, 0, 0, 0, metrics_read(METRIC_WORKERS, 0, 0, 0) + 1);
}

static int room_open(void **state)
{
	(void)state;
	static int store;
	struct failure why;
	room = (struct room){.directory = "/tmp/server-test-XXXXXX"};
	signal(SIGPIPE, SIG_IGN);
	fake_store_break(false);
	fake_check_refuse(false);
	assert_non_null(mkdtemp(room.directory));
	settings(NULL);
	room.server = server_new(1, &why);
	assert_non_null(room.server);
	room.page = page_start(&(struct page_parts){.check = room.check, .store = (struct store *)&store}, &why);
	assert_non_null(room.page);
	fake_pages_hold(false);
	fake_pages_break(false);
	fake_pages_row_octets(1);
	const struct front_end_parts parts = {
		.check = room.check, .store = (struct store *)&store, .collect = collect, .page = room.page};
	room.map = socketmap_server_new(&parts);
	room.http = http_server_new(&parts);
	snprintf(room.map_text, sizeof room.map_text, "unix:%s/map", room.directory);
	snprintf(room.http_text, sizeof room.http_text, "unix:%s/http", room.directory);
	place_add("socketmap_socket", room.map_text, room.map, room.map_path);
	place_add("metrics_socket", room.http_text, room.http, room.http_path);
	snprintf(room.count_text, sizeof room.count_text, "unix:%s/count", room.directory);
	place_add("count_socket", room.count_text, &count_service, room.count_path);
	snprintf(room.hurried_text, sizeof room.hurried_text, "unix:%s/hurried", room.directory);
	room.hurried = *room.map;
	room.hurried.idle_ms = HURRIED_IDLE_MS;
	room.hurried.partial_ms = HURRIED_PARTIAL_MS;
	place_add("socketmap_socket", room.hurried_text, &room.hurried, room.hurried_path);
	assert_true(server_start(room.server, &why));
	return 0;
}

static int room_close(void **state)
{
	(void)state;
	fake_pages_hold(false);
	server_stop(room.server, 0);
	server_join(room.server);
	page_stop(&room.page);
	check_free(&room.check);
	server_free(&room.server);
	free(room.map);
	free(room.http);
	/* Empty: the sockets have been removed. */
	return rmdir(room.directory);
}

static int dial(const char *path)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	struct timeval patience = {.tv_sec = 5};
	snprintf(address.sun_path, sizeof address.sun_path, "%s", path);
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
	if (connect(fd, (struct sockaddr *)&address, sizeof address) == 0)
		return fd;
	close(fd);
	return -1;
}

static void say(int fd, const char *bytes, size_t len)
{
	assert_int_equal(send(fd, bytes, len, MSG_NOSIGNAL), len);
}

static void ask(int fd, const char *key)
{
	char request[5000];
	int len = snprintf(request, sizeof request, "%zu:postfix %s,", strlen(key) + 8, key);
	say(fd, request, (size_t)len);
}

/* Reads `len` octets; fewer at the end of the connection or after five seconds. */
static const char *hear(int fd, size_t len)
{
	static char heard[REPLY_SIZE];
	size_t used = 0;
	while (used < len) {
		ssize_t got = recv(fd, heard + used, len - used, 0);
		if (got <= 0)
			break;
		used += (size_t)got;
	}
	heard[used] = '\0';
	return heard;
}

static void expect(int fd, const char *reply)
{
	assert_string_equal(hear(fd, strlen(reply)), reply);
}

static void expect_end(int fd)
{
	assert_string_equal(hear(fd, 1), "");
	char byte;
	assert_int_not_equal(recv(fd, &byte, 1, MSG_DONTWAIT), 1);
}

static void rest(int ms)
{
	nanosleep(&(struct timespec){.tv_sec = ms / 1000, .tv_nsec = (ms % 1000) * 1000000L}, NULL);
}

#define SECURE "65:OK secure match=mx.pass.example:.pass.example servername=hostname,"
#define NOTFOUND "9:NOTFOUND ,"
#define VERIFY "44:OK verify match=hostname servername=hostname,"
#define UNREADABLE "24:TEMP next-hop-unreadable,"
#define NO_NAME "22:TEMP domain-unreadable,"
#define FIRST_CONTACT "18:TEMP first-contact,"

static const struct {
	const char *key, *reply;
} by_key[] = {
	{"pass.example", SECURE},
	{"PASS.Example", SECURE},
	{"[pass.example]:587", SECURE},
	{"pass.example:26", SECURE},
	{"pass.example.", SECURE},
	{"none.example", NOTFOUND},
	{"level.example", VERIFY},
	{"level.example:no-such-service", VERIFY},
	{"level.example, none.example", VERIFY},
	{"none.example, level.example", VERIFY},
	{"level.example, pass.example", UNREADABLE},
	{"testing.example", NOTFOUND},
	{"defer.example", "20:TEMP not-yet-checked,"},
	{".pass.example", NOTFOUND},
	{".example", NOTFOUND},
	{"[192.0.2.1]", NOTFOUND},
	{"[192.0.2.1]:25", NOTFOUND},
	{"unix:/run/socket", NOTFOUND},
	{"pass", NOTFOUND},
	{"", NOTFOUND},
	{"a b c", NOTFOUND},
	/* The domain keeps its policy, whatever else the next hop contains. */
	{"pass.example:", SECURE},
	{"[pass.example]:", SECURE},
	{"pass.example:no-such-service", UNREADABLE},
	{"[pass.example]:no-such-service", UNREADABLE},
	{"[pass.example", UNREADABLE},
	{"[pass.example]25", UNREADABLE},
	{"pass.example:0", UNREADABLE},
	{"pass.example:65536", UNREADABLE},
	{"smtp:pass.example", UNREADABLE},
	{"inet:pass.example:25", UNREADABLE},
	{"none.example, pass.example", UNREADABLE},
	{"none.example:[pass.example]", UNREADABLE},
	{"none.example:no-such-service", NOTFOUND},
	{"testing.example:0", NOTFOUND},
	{"a.example, none.example", NOTFOUND},
	{"inet:192.0.2.1:25", NOTFOUND},
	{"[::1]:25", NOTFOUND},
	{"a b c d e f g h i j k l m n o p q r s t u v w x y z 1 2 3 4 5 pass.example", UNREADABLE},
	{"a b c d e f g h i j k l m n o p q r s t u v w x y z 1 2 3 4 5 6 7", NO_NAME},
	/* A name that this machine cannot convert may have a policy. */
	{"\xf0\x9f\x91\xa9\xe2\x80\x8d\xf0\x9f\x92\xbb.ws", NO_NAME},
};

static void map_answers_by_key(void **state)
{
	(void)state;
	unsigned before = fake_check_unreadable();
	int fd = dial(room.map_path);
	for (size_t i = 0; i < COUNT(by_key); i++) {
		ask(fd, by_key[i].key);
		expect(fd, by_key[i].reply);
	}
	assert_int_equal(fake_check_unreadable(), before + 14);
	say(fd, "14:x pass.example,", 18);
	expect(fd, SECURE);
	close(fd);
}

/* The same replies, whether or not check can repeat its answers, and each of them is counted. */
static void map_repeats_answers(void **state)
{
	(void)state;
	static const char request[] = "25:postfix passmagic.example,";
	unsigned repeated = fake_check_repeated(), refused = fake_check_refused();
	uint64_t good = metrics_read(METRIC_MAP_REPLIES, 0, 0, 0), verdicts = 0;
	fake_check_repeat(true);
	int fd = dial(room.map_path);
	for (size_t i = 0; i < 5 * COUNT(by_key); i++) {
		ask(fd, by_key[i % COUNT(by_key)].key);
		expect(fd, by_key[i % COUNT(by_key)].reply);
	}
	/* A key is kept when it comes again. Keys that are lists, that are unreadable or that have a colon are not. */
	unsigned first = fake_check_repeated() - repeated;
	for (int i = 0; i < 5; i++) {
		ask(fd, "pass.example");
		expect(fd, SECURE);
	}
	assert_int_equal(first, 3 * 7);
	assert_in_range(fake_check_repeated() - repeated, first + 4, first + 5);
	good = metrics_read(METRIC_MAP_REPLIES, 0, 0, 0) - good;
	for (size_t i = 0; i < COUNT(by_key); i++)
		verdicts += strcmp(by_key[i].reply, SECURE) == 0 || strcmp(by_key[i].reply, VERIFY) == 0;
	assert_int_equal(good, 5 * verdicts + 5);
	for (int i = 0; i < 5; i++) {
		say(fd, request, sizeof request - 1);
		expect(fd, "13:TEMP internal,");
	}
	assert_int_equal(fake_check_refused(), refused + 5);
	fake_check_repeat(false);
	unsigned before = fake_check_repeated();
	ask(fd, "pass.example");
	expect(fd, SECURE);
	assert_int_equal(fake_check_repeated(), before);
	close(fd);
}

/* If one domain of a list has no policy, another one may still have one. */
static void map_says_temp_until_a_whole_list_is_known(void **state)
{
	(void)state;
	int fd = dial(room.map_path);
	ask(fd, "none-50.example, pass.example");
	ask(fd, "pass.example");
	ask(fd, "none-50.example:0");
	expect(fd, FIRST_CONTACT SECURE NOTFOUND);
	close(fd);
}

static void map_knows_the_machines_services(void **state)
{
	(void)state;
	char key[128] = "";
	struct servent *service;
	while (key[0] == '\0' && (service = getservent()) != NULL)
		if (strcmp(service->s_proto, "tcp") == 0 && strlen(service->s_name) < QUESTION_SERVICE_SIZE)
			snprintf(key, sizeof key, "[pass.example]:%s", service->s_name);
	endservent();
	if (key[0] == '\0')
		skip();
	int fd = dial(room.map_path);
	ask(fd, key);
	expect(fd, SECURE);
	close(fd);
}

/* Sends a request to the map of this name. */
static void ask_map(int fd, const char *map, const char *key)
{
	char request[512];
	int len = snprintf(request, sizeof request, "%zu:%s %s,", strlen(map) + 1 + strlen(key), map, key);
	say(fd, request, (size_t)len);
}

#define TLSRPT                                                                                                         \
	"354:OK secure match=mx.pass.example:.pass.example servername=hostname policy_type=sts"                        \
	" policy_domain=pass.example { policy_string = version: STSv1 } { policy_string = mode: enforce }"             \
	" { policy_string = mx: mx.pass.example } { policy_string = mx: *.pass.example }"                              \
	" { policy_string = max_age: 86400 } mx_host_pattern=mx.pass.example mx_host_pattern=*.pass.example,"

static void map_answers_by_dialect(void **state)
{
	(void)state;
	static const struct {
		const char *map, *reply;
	} cases[] = {{"postfix", SECURE}, {"QUERY", SECURE}, {"zone", SECURE}, {"sts", SECURE},
		{"postfix-tlsrpt", TLSRPT}, {"QUERYwithTLSRPT", TLSRPT}, {"postfix", SECURE}};
	int fd = dial(room.map_path);
	for (size_t i = 0; i < COUNT(cases); i++) {
		ask_map(fd, cases[i].map, "pass.example");
		expect(fd, cases[i].reply);
		ask_map(fd, cases[i].map, ".pass.example");
		expect(fd, NOTFOUND);
	}
	/* Also after a wait. */
	ask_map(fd, "QUERYwithTLSRPT", "none-50.example");
	ask_map(fd, "sts", "pass.example");
	expect(fd, NOTFOUND SECURE);
	close(fd);
}

static void map_says_temp_for_what_cannot_be_told(void **state)
{
	(void)state;
	unsigned before = fake_check_refused();
	int fd = dial(room.map_path);
	ask(fd, "passmagic.example");
	ask(fd, "pass.example");
	expect(fd, "13:TEMP internal," SECURE);
	assert_int_equal(fake_check_refused(), before + 1);
	close(fd);
}

static void map_answers_notfound_in_monitor_mode(void **state)
{
	(void)state;
	int fd = dial(room.map_path);
	settings("mode=monitor");
	ask(fd, "pass.example");
	ask(fd, "defer.example");
	expect(fd, NOTFOUND NOTFOUND);
	close(fd);
}

static void map_takes_octet_after_octet(void **state)
{
	(void)state;
	int fd = dial(room.map_path);
	for (const char *at = "20:postfix pass.example,"; *at != '\0'; at++) {
		say(fd, at, 1);
		rest(2);
	}
	expect(fd, SECURE);
	close(fd);
}

static void map_answers_pipelined_requests_in_turn(void **state)
{
	(void)state;
	int fd = dial(room.map_path);
	int64_t from_ms = clock_mono_ms();
	ask(fd, "pass.example");
	ask(fd, "none-300.example");
	ask(fd, "pass.example");
	ask(fd, ".example");
	expect(fd, SECURE NOTFOUND SECURE NOTFOUND);
	assert_true(clock_mono_ms() - from_ms >= 250);
	close(fd);
	fd = dial(room.map_path);
	for (int i = 0; i < 400; i++)
		ask(fd, ".example");
	for (int i = 0; i < 400; i++)
		expect(fd, NOTFOUND);
	close(fd);
}

static void map_hangs_up_on_malformed_requests(void **state)
{
	(void)state;
	static const char *const bad[] = {"x", "01:a,", "5:a b c;", ":,",
		"-1:", "4097:", "99999999999999999999:", "7:postfix,", "0:,", "3: ab,", "\r\n",
		"GET / HTTP/1.0\r\n\r\n"};
	for (size_t i = 0; i < COUNT(bad); i++) {
		int fd = dial(room.map_path);
		ask(fd, "pass.example");
		expect(fd, SECURE);
		say(fd, bad[i], strlen(bad[i]));
		expect_end(fd);
		close(fd);
	}
}

static unsigned said(const char *words)
{
	static char log[FAKE_LOG_SIZE];
	unsigned found = 0;
	fake_log_copy(log);
	for (const char *at = strstr(log, words); at != NULL; at = strstr(at + 1, words))
		found++;
	return found;
}

/* The map judges no hop, so it says `bound`, not `pass`, and that only on request. In mode monitor it answers NOTFOUND and
 * logs what it would have answered. */
static void map_logs_what_it_binds(void **state)
{
	(void)state;
	int fd = dial(room.map_path);
	fake_log_forget();
	ask(fd, "pass.example");
	expect(fd, SECURE);
	assert_int_equal(said("frontend=socketmap"), 0);
	ask(fd, "unknown.example");
	expect(fd, FIRST_CONTACT);
	assert_int_equal(
		said("frontend=socketmap domain=unknown.example policy=none verdict=defer reason=first-contact "
		     "action=temp\n"),
		1);
	settings("log_verdicts=all");
	ask(fd, "pass.example");
	expect(fd, SECURE);
	assert_int_equal(said("frontend=socketmap domain=pass.example policy=enforce verdict=bound reason=ok "
			      "mx=mx.pass.example action=secure\n"),
		1);
	ask(fd, "level.example");
	expect(fd, VERIFY);
	assert_int_equal(said("frontend=socketmap domain=level.example policy=none verdict=bound reason=no-record "
			      "action=verify\n"),
		1);
	settings("mode=monitor");
	ask(fd, "level.example");
	expect(fd, NOTFOUND);
	ask(fd, "unknown.example");
	expect(fd, NOTFOUND);
	assert_int_equal(said("domain=unknown.example policy=none verdict=defer reason=first-contact action=notfound "
			      "would=temp\n"),
		1);
	settings(NULL);
	close(fd);
}

/* A flood of malformed requests causes one log line. A key may contain UTF-8 without control characters. */
static void map_tells_malformed_requests_once(void **state)
{
	(void)state;
	static const struct span bad[] = {{LIT("11:postfix a\0b,")}, {LIT("11:postfix a\nb,")},
		{LIT("11:postfix a\xfc"
		     "b,")},
		{LIT("9:p\xc3\xbcstfi a,")}, {LIT("1073741824:postfix ")}};
	fake_log_forget();
	for (int i = 0; i < 50; i++) {
		int fd = dial(room.map_path);
		say(fd, bad[i % COUNT(bad)].at, bad[i % COUNT(bad)].len);
		expect_end(fd);
		close(fd);
	}
	assert_int_equal(said("malformed request"), 1);
}

/* Many MiB: the client is disconnected long before it has sent everything. */
static void map_takes_no_flood(void **state)
{
	(void)state;
	static char flood[65536];
	memset(flood, '1', sizeof flood);
	int fd = dial(room.map_path);
	size_t sent = 0;
	for (int i = 0; i < 128; i++) {
		ssize_t part = send(fd, flood, sizeof flood, MSG_NOSIGNAL);
		if (part < 0)
			break;
		sent += (size_t)part;
	}
	assert_in_range(sent, 0, 1 << 20);
	close(fd);
}

/* Each idle client has a descriptor; another client is still answered. */
static void map_keeps_a_thousand_idle_clients(void **state)
{
	(void)state;
	enum { IDLE = 1000 };
	static int idle[IDLE];
	struct rlimit limit;
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
	limit.rlim_cur = limit.rlim_max;
	setrlimit(RLIMIT_NOFILE, &limit);
	if (limit.rlim_cur < 2 * IDLE + 100)
		skip(); /* this process has both ends */
	for (int i = 0; i < IDLE; i++)
		assert_true((idle[i] = dial(room.map_path)) >= 0);
	int fd = dial(room.map_path);
	int64_t from_ms = clock_mono_ms();
	for (int i = 0; i < 100; i++) {
		ask(fd, "pass.example");
		expect(fd, SECURE);
	}
	assert_in_range(clock_mono_ms() - from_ms, 0, 10000);
	assert_int_equal(server_clients(room.server, room.map), IDLE + 1);
	ask(idle[IDLE - 1], "pass.example");
	expect(idle[IDLE - 1], SECURE);
	for (int i = 0; i < IDLE; i++)
		close(idle[i]);
	close(fd);
}

static void map_takes_the_longest_request(void **state)
{
	(void)state;
	char request[4200];
	size_t len = (size_t)snprintf(request, sizeof request, "4096:postfix ");
	memset(request + len, 'a', 4096 - 8);
	len += 4096 - 8;
	request[len++] = ',';
	int fd = dial(room.map_path);
	say(fd, request, len);
	say(fd, request, len);
	expect(fd, NOTFOUND NOTFOUND);
	close(fd);
}

static void map_answers_who_has_said_all(void **state)
{
	(void)state;
	int fd = dial(room.map_path);
	ask(fd, "none-200.example");
	ask(fd, "pass.example");
	shutdown(fd, SHUT_WR);
	expect(fd, NOTFOUND SECURE);
	expect_end(fd);
	close(fd);
}

static void map_says_temp_when_its_time_is_over(void **state)
{
	(void)state;
	unsigned before = fake_check_abandoned();
	int fd = dial(room.map_path);
	settings("lookup_timeout=1s");
	int64_t from_ms = clock_mono_ms();
	ask(fd, "none-9000.example");
	ask(fd, "pass.example");
	expect(fd, FIRST_CONTACT SECURE);
	assert_in_range(clock_mono_ms() - from_ms, 950, 6000);
	assert_int_equal(fake_check_abandoned(), before + 1);
	settings("lookup_timeout=0");
	ask(fd, "none-9000.example");
	expect(fd, FIRST_CONTACT);
	assert_int_equal(fake_check_abandoned(), before + 2);
	close(fd);
}

/* The deadline passes at the moment when the answer arrives: one of the two is the reply, never an answer that check
 * did not give. */
static void map_tells_the_answer_or_that_time_is_over(void **state)
{
	(void)state;
	int fds[400];
	settings("lookup_timeout=1s");
	for (size_t i = 0; i < COUNT(fds); i++) {
		fds[i] = dial(room.map_path);
		ask(fds[i], i % 2 == 0 ? "defer-1000.example" : "defer-1001.example");
	}
	for (size_t i = 0; i < COUNT(fds); i++) {
		const char *reply = hear(fds[i], strlen(FIRST_CONTACT));
		if (strcmp(reply, FIRST_CONTACT) != 0)
			assert_string_equal(reply, "20:TEMP not-yet-checke");
		close(fds[i]);
	}
}

static void map_says_temp_when_there_is_no_room(void **state)
{
	(void)state;
	int fd = dial(room.map_path);
	fake_check_refuse(true);
	ask(fd, "none-300.example");
	expect(fd, FIRST_CONTACT);
	fake_check_refuse(false);
	close(fd);
}

/* The slot of a client that is gone belongs to another client when the answer arrives. */
static void map_gives_no_late_answer_to_another_client(void **state)
{
	(void)state;
	unsigned before = fake_check_abandoned();
	for (int i = 0; i < 20; i++) {
		int gone = dial(room.map_path);
		/* If a reply was not read, the close is a reset instead of an end. */
		ask(gone, ".example");
		ask(gone, "none-40.example");
		rest(i % 2 == 0 ? 5 : 38); /* also at the moment when the answer arrives */
		close(gone);
		int next = dial(room.map_path);
		ask(next, "pass-80.example");
		expect(next, "71:OK secure match=mx.pass-80.example:.pass-80.example servername=hostname,");
		close(next);
	}
	assert_in_range(fake_check_abandoned() - before, 10, 20);
}

static void map_serves_many_clients_beside_waiting_ones(void **state)
{
	(void)state;
	int waiting[100], fd = dial(room.map_path);
	for (int i = 0; i < 100; i++) {
		waiting[i] = dial(room.map_path);
		ask(waiting[i], "none-3000.example");
	}
	int64_t from_ms = clock_mono_ms();
	ask(fd, "pass.example");
	expect(fd, SECURE);
	assert_in_range(clock_mono_ms() - from_ms, 0, 2500);
	for (int i = 0; i < 100; i++) {
		expect(waiting[i], NOTFOUND);
		close(waiting[i]);
	}
	close(fd);
}

/* Returns how long it takes until the server disconnects. */
static int64_t hung_up_after_ms(int fd, int64_t from_ms)
{
	char bytes[4096];
	while (recv(fd, bytes, sizeof bytes, 0) > 0)
		continue;
	return clock_mono_ms() - from_ms;
}

static void idle_clients_are_hung_up_on(void **state)
{
	(void)state;
	int fd = dial(room.count_path);
	int64_t from_ms = clock_mono_ms();
	for (int i = 0; i < 3; i++) {
		say(fd, "1\n", 2);
		rest(300);
	}
	assert_in_range(hung_up_after_ms(fd, from_ms), 1150, 10000);
	close(fd);
}

static void requests_that_trickle_in_are_hung_up_on(void **state)
{
	(void)state;
	int fd = dial(room.count_path);
	int64_t from_ms = clock_mono_ms();
	for (int i = 0; i < 20; i++) {
		(void)!send(fd, "1", 1, MSG_NOSIGNAL);
		rest(50);
	}
	(void)!send(fd, "\n", 1, MSG_NOSIGNAL);
	assert_string_equal(hear(fd, 1), "");
	assert_in_range(hung_up_after_ms(fd, from_ms), 300, 10000);
	close(fd);
}

static void replies_that_nobody_reads_are_bounded(void **state)
{
	(void)state;
	int fd = dial(room.count_path);
	/* The replies are more than the system's buffers hold: later requests wait until the first replies are read. */
	for (int i = 0; i < 5; i++)
		say(fd, "100000\n", 7);
	rest(100);
	size_t heard = 0;
	while (heard < 500000) {
		char bytes[4096];
		ssize_t got = recv(fd, bytes, sizeof bytes, 0);
		assert_true(got > 0);
		heard += (size_t)got;
	}
	for (int i = 0; i < 8; i++)
		say(fd, "100000\n", 7);
	rest(600);
	heard = 0;
	for (char bytes[4096]; recv(fd, bytes, sizeof bytes, 0) > 0;)
		heard += sizeof bytes;
	assert_in_range(heard, 1, 790000);
	close(fd);
}

static void stop_finishes_waits_in_hand(void **state)
{
	(void)state;
	int fd = dial(room.map_path), idle = dial(room.map_path);
	ask(fd, "none-1500.example");
	rest(100);
	int64_t from_ms = clock_mono_ms();
	server_stop(room.server, 3000);
	server_join(room.server);
	assert_true(clock_mono_ms() - from_ms >= 200);
	expect(fd, NOTFOUND);
	expect_end(fd);
	expect_end(idle);
	assert_int_equal(dial(room.map_path), -1);
	close(fd);
	close(idle);
}

/* Requests after one that waits get an answer, too. */
static void stop_answers_what_was_asked(void **state)
{
	(void)state;
	int fd = dial(room.map_path);
	ask(fd, "none-300.example");
	ask(fd, "pass.example");
	ask_map(fd, "sts", "pass.example");
	rest(100);
	server_stop(room.server, 3000);
	server_join(room.server);
	expect(fd, NOTFOUND SECURE SECURE);
	expect_end(fd);
	close(fd);
}

static void stop_ends_waits_that_take_too_long(void **state)
{
	(void)state;
	int fd = dial(room.map_path);
	ask(fd, "none-20000.example");
	rest(100);
	int64_t from_ms = clock_mono_ms();
	server_stop(room.server, 300);
	server_join(room.server);
	assert_in_range(clock_mono_ms() - from_ms, 250, 10000);
	expect(fd, FIRST_CONTACT);
	expect_end(fd);
	close(fd);
}

static void http_is(const char *request, const char *status, const char *body)
{
	int fd = dial(room.http_path);
	say(fd, request, strlen(request));
	const char *reply = hear(fd, REPLY_SIZE - 1);
	const char *rest_of = strstr(reply, "\r\n\r\n");
	if (strncmp(reply, "HTTP/1.1 ", 9) != 0 || strncmp(reply + 9, status, strlen(status)) != 0 || rest_of == NULL)
		fail_msg("`%s` got `%s`", request, reply);
	assert_string_equal(rest_of + 4, body);
	close(fd);
}

static void healthz_tells_whether_the_store_is_readable(void **state)
{
	(void)state;
	http_is("GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n", "200 OK", "ok\n");
	http_is("GET /healthz?probe HTTP/1.0\n\n", "200 OK", "ok\n");
	http_is("HEAD /healthz HTTP/1.1\r\n\r\n", "200 OK", "");
	fake_override_all(true);
	http_is("GET /healthz HTTP/1.1\r\n\r\n", "200 OK",
		"ok\noverride: pass for all domains until 2025-10-09T09:53:20Z, set by alice: \"an attack\"\n");
	fake_override_all(false);
	fake_store_break(true);
	http_is("GET /healthz HTTP/1.1\r\n\r\n", "503 Service Unavailable", "the store is broken\n");
	http_is("HEAD /healthz HTTP/1.1\r\n\r\n", "503 Service Unavailable", "");
	fake_store_break(false);
}

/* A farm that silently shares nothing looks healthy. */
static void healthz_tells_since_when_nothing_is_shared(void **state)
{
	(void)state;
	metrics_set(METRIC_FLEET_CHANGED, 0, 0, 0, 1796000000);
	http_is("GET /healthz HTTP/1.1\r\n\r\n", "200 OK", "ok\nsharing: off since 2026-11-30T00:53:20Z\n");
	metrics_set(METRIC_FLEET_UP, 0, 0, 0, 1);
	http_is("GET /healthz HTTP/1.1\r\n\r\n", "200 OK", "ok\n");
	metrics_set(METRIC_FLEET_UP, 0, 0, 0, 0);
	metrics_set(METRIC_FLEET_CHANGED, 0, 0, 0, 0);
}

/* The daemon still serves, so the status is 200, but an operator must act. */
static void healthz_tells_what_the_gate_lacks(void **state)
{
	(void)state;
	metrics_set(METRIC_DEGRADED, CONDITION_HEALTH + HEALTH_CLOCK_BEHIND, 0, 0, 1);
	http_is("GET /healthz HTTP/1.1\r\n\r\n", "200 OK", "degraded: clock-behind\n");
	metrics_set(METRIC_DEGRADED, CONDITION_RESOLVER_DEAD, 0, 0, 1);
	http_is("GET /healthz HTTP/1.1\r\n\r\n", "200 OK", "degraded: resolver-trouble clock-behind\n");
	for (unsigned i = 0; i < CONDITION_COUNT; i++)
		metrics_set(METRIC_DEGRADED, i, 0, 0, 1);
	http_is("GET /healthz HTTP/1.1\r\n\r\n", "200 OK",
		"degraded: store-unreadable store-unwritable resolver-trouble lookups-failing dnssec-failing "
		"fetches-failing fetches-untrusted probes-failing probes-untrusted clock-behind clock-ahead "
		"tls-intercepted-here hops-turned-bad policy-hosts-turned-bad records-turned-bad fleet-unreachable\n");
	fake_store_break(true);
	http_is("GET /healthz HTTP/1.1\r\n\r\n", "503 Service Unavailable", "the store is broken\n");
	fake_store_break(false);
	for (unsigned i = 0; i < CONDITION_COUNT; i++)
		metrics_set(METRIC_DEGRADED, i, 0, 0, 0);
	http_is("GET /healthz HTTP/1.1\r\n\r\n", "200 OK", "ok\n");
}

/* Returns the number after `sample` in the metrics, or -1. */
static long long metric(const char *sample)
{
	char line[256];
	int fd = dial(room.http_path);
	snprintf(line, sizeof line, "GET /metrics HTTP/1.1\r\n\r\n");
	say(fd, line, strlen(line));
	const char *reply = hear(fd, REPLY_SIZE - 1);
	close(fd);
	snprintf(line, sizeof line, "\n%s ", sample);
	const char *at = strstr(reply, line);
	return at != NULL ? strtoll(at + strlen(line), NULL, 10) : -1;
}

static void metrics_are_told(void **state)
{
	(void)state;
	int fd = dial(room.http_path);
	const char *request = "GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n";
	say(fd, request, strlen(request));
	const char *reply = hear(fd, REPLY_SIZE - 1), *head_end = strstr(reply, "\r\n\r\n");
	close(fd);
	assert_non_null(head_end);
	size_t body_len = strlen(head_end + 4);
	assert_int_equal(strncmp(reply, "HTTP/1.1 200 OK\r\n", 17), 0);
	assert_non_null(
		strstr(reply, "\r\nContent-Type: text/plain; version=0.0.4; charset=utf-8\r\nContent-Length: "));
	assert_int_equal(strtoul(strstr(reply, "Content-Length: ") + 16, NULL, 10), body_len);
	assert_int_equal(strncmp(head_end + 4, "# HELP ", 7), 0);
	assert_true(body_len > 6);
	assert_null(strstr(head_end, "# EOF"));
	long long asked = metric("stsgate_workers");
	assert_true(asked > 0);
	http_is("HEAD /metrics HTTP/1.1\r\n\r\n", "200 OK", "");
	assert_int_equal(metric("stsgate_workers"), asked + 2);
	fake_store_break(true);
	assert_int_equal(metric("stsgate_workers"), asked + 3);
	fake_store_break(false);
}

/* The Accept fields decide between the two formats (RFC 9110 12.5.1). */
static void metrics_have_two_formats(void **state)
{
	(void)state;
	static const struct {
		const char *fields;
		bool openmetrics;
	} wishes[] = {
		{"", false}, {"Accept: */*\r\n", false}, {"Accept: text/plain\r\n", false},
		{"Accept: application/openmetrics-text\r\n", true},
		{"ACCEPT:application/OpenMetrics-Text ; charset=utf-8\r\n", true},
		/* Prometheus 2.42 and 3.0 */
		{"Accept: application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,"
		 "text/plain;version=0.0.4;q=0.5,*/*;q=0.1\r\n",
			true},
		{"Accept: application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,"
		 "application/openmetrics-text;version=0.0.1;q=0.5,text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4,"
		 "text/plain;version=0.0.4;q=0.3,*/*;q=0.2\r\n",
			true},
		{"Accept: application/openmetrics-text;version=0.0.1\r\n", false},
		{"Accept: application/openmetrics-text;q=0.3, text/plain;q=0.5\r\n", false},
		{"Accept: text/plain;q=0.5, application/openmetrics-text;q=0.5\r\n", true},
		{"Accept: text/plain;q=0.5\r\nX: y\r\nAccept: application/openmetrics-text;q=0.501\r\n", true},
		{"Accept: application/openmetrics-text;q=0\r\n", false},
		{"Accept: application/openmetrics-text;q=0.0\r\n", false},
		{"Accept: application/openmetrics-text;q=\r\n", false},
		{"Accept: application/openmetrics-text;q=2\r\n", false},
		{"Accept: application/openmetrics-text;q=1.001\r\n", false},
		{"Accept: application/openmetrics-text;q=0.1111\r\n", false},
		{"Accept: application/openmetrics-text;q=1.\r\n", true},
		{"Accept: application/openmetrics-text;q=0x1\r\n", false},
		{"Accept: ,;,=;q,;=, application/openmetrics-text;;=;\r\n", true},
		{"Accepts: application/openmetrics-text\r\n", false},
		{"X: y\r\n Accept: application/openmetrics-text\r\n", false}, /* the field X goes on */
	};
	for (size_t i = 0; i < COUNT(wishes); i++) {
		char request[1024];
		int fd = dial(room.http_path);
		snprintf(request, sizeof request, "GET /metrics HTTP/1.1\r\nHost: x\r\n%s\r\n", wishes[i].fields);
		say(fd, request, strlen(request));
		const char *reply = hear(fd, REPLY_SIZE - 1);
		close(fd);
		bool openmetrics =
			strstr(reply, "\r\nContent-Type: application/openmetrics-text; version=1.0.0") != NULL;
		bool ended = strstr(reply, "\n# EOF\n") != NULL;
		if (openmetrics != wishes[i].openmetrics || ended != openmetrics)
			fail_msg("row %zu: %.200s", i, reply);
	}
}

static long long replies(const char *word)
{
	char sample[80];
	snprintf(sample, sizeof sample, "stsgate_map_replies_total{reply=\"%s\"}", word);
	long long count = metric(sample);
	return count < 0 ? 0 : count;
}

/* Replies to keys that are not judged count, too, and so does a first contact without room, whose verdict is not
 * counted elsewhere. */
/* An answer that waits counts from its request, not from the one before, and one that does not wait has a duration, too. */
static void map_answers_are_timed(void **state)
{
	(void)state;
	static const char all[] = "stsgate_answer_seconds_count{front_end=\"socketmap\"}";
	static const char quick[] = "stsgate_answer_seconds_bucket{front_end=\"socketmap\",le=\"0.5\"}";
	static const char slow[] = "stsgate_answer_seconds_bucket{front_end=\"socketmap\",le=\"5.0\"}";
	int fd = dial(room.map_path);
	settings("lookup_timeout=1s");
	ask(fd, "[192.0.2.1]");
	expect(fd, NOTFOUND);
	long long all_before = metric(all), quick_before = metric(quick), slow_before = metric(slow);
	ask(fd, "none-9000.example");
	ask(fd, "pass.example");
	expect(fd, FIRST_CONTACT SECURE);
	for (int i = 0; i < 10; i++) {
		ask(fd, "pass.example");
		expect(fd, SECURE);
	}
	assert_int_equal(metric(all), all_before + 12);
	assert_in_range(metric(quick), quick_before + 1, quick_before + 11); /* a busy machine may be slow */
	assert_in_range(metric(slow), slow_before + 12, slow_before + 12);
	settings("lookup_timeout=0");
	close(fd);
}

static void map_replies_are_counted(void **state)
{
	(void)state;
	static const char refused[] =
		"stsgate_verdicts_total{purpose=\"map\",verdict=\"defer\",reason=\"first-contact\"}";
	long long ok = replies("ok"), notfound = replies("notfound"), temp = replies("temp"), before = metric(refused);
	int fd = dial(room.map_path);
	ask(fd, "pass.example");
	expect(fd, SECURE);
	ask(fd, "none.example");
	expect(fd, NOTFOUND);
	ask(fd, "[192.0.2.1]");
	expect(fd, NOTFOUND);
	fake_check_refuse(true);
	ask(fd, "none-9000.example");
	expect(fd, FIRST_CONTACT);
	fake_check_refuse(false);
	assert_int_equal(replies("ok"), ok + 1);
	assert_int_equal(replies("notfound"), notfound + 2);
	assert_int_equal(replies("temp"), temp + 1);
	assert_int_equal(metric(refused), (before < 0 ? 0 : before) + 1);
	close(fd);
}

static void http_refuses_the_rest(void **state)
{
	(void)state;
	http_is("GET / HTTP/1.1\r\n\r\n", "404 Not Found", "only /healthz and /metrics exist\n");
	http_is("GET /healthz/ HTTP/1.1\r\n\r\n", "404 Not Found", "only /healthz and /metrics exist\n");
	http_is("POST /healthz HTTP/1.1\r\n\r\n", "405 Method Not Allowed", "only GET and HEAD are allowed\n");
	http_is("GET /healthz\r\n\r\n", "400 Bad Request", "not an HTTP/1 request\n");
	http_is("GET /healthz HTTP/2.0\r\n\r\n", "400 Bad Request", "not an HTTP/1 request\n");
	http_is("\r\n\r\n", "400 Bad Request", "not an HTTP/1 request\n");
	int fd = dial(room.http_path);
	char flood[5000];
	memset(flood, 'a', sizeof flood);
	(void)!send(fd, flood, sizeof flood, MSG_NOSIGNAL);
	expect_end(fd);
	close(fd);
}

/* --- the status page ---------------------------------------------------------------------------------------------- */

static void page_is_off_unless_it_is_wanted(void **state)
{
	(void)state;
	http_is("GET /style.css HTTP/1.1\r\n\r\n", "404 Not Found", "only /healthz and /metrics exist\n");
	settings("status_page=yes");
	http_is("GET /nothing HTTP/1.1\r\n\r\n", "404 Not Found",
		"only /, /domain/NAME, /healthz and /metrics exist\n");
	fake_pages_row_octets(0);
	http_is("GET / HTTP/1.1\r\n\r\n", "200 OK", "100");
	settings(NULL);
	http_is("GET / HTTP/1.1\r\n\r\n", "404 Not Found", "only /healthz and /metrics exist\n");
}

static void page_answers_html_and_json(void **state)
{
	(void)state;
	settings("status_page=yes");
	fake_pages_row_octets(0);
	http_is("GET /?x HTTP/1.1\r\nHost: localhost:9461\r\nAccept: text/html\r\n\r\n", "200 OK", "100");
	http_is("GET / HTTP/1.1\r\nAccept: application/json\r\n\r\n", "200 OK", "{\"rows\": 100}\n");
	http_is("HEAD / HTTP/1.1\r\n\r\n", "200 OK", "");
	http_is("POST / HTTP/1.1\r\n\r\n", "405 Method Not Allowed", "only GET and HEAD are allowed\n");
	fake_pages_break(true);
	http_is("GET / HTTP/1.1\r\n\r\n", "503 Service Unavailable", "the store is broken\n");
}

static void page_is_only_for_local_names(void **state)
{
	(void)state;
	const char *names = "the status page has only the names localhost, 127.0.0.1 and [::1]\n";
	unsigned before = fake_pages_rendered();
	settings("status_page=yes");
	http_is("GET / HTTP/1.1\r\nHost: rebound.example\r\n\r\n", "403 Forbidden", names);
	http_is("GET /style.css HTTP/1.1\r\nHost: rebound.example\r\n\r\n", "403 Forbidden", names);
	http_is("HEAD / HTTP/1.1\r\nHost: rebound.example\r\n\r\n", "403 Forbidden", "");
	assert_int_equal(fake_pages_rendered(), before);
	http_is("GET /healthz HTTP/1.1\r\nHost: relay.example\r\n\r\n", "200 OK", "ok\n");
}

/* Header fields that keep a browser from doing anything with the page but show it. */
static void page_has_strict_header_fields(void **state)
{
	(void)state;
	static const char *const requests[] = {"GET / HTTP/1.1\r\n\r\n", "HEAD /style.css HTTP/1.1\r\n\r\n"};
	static const char *const fields[] = {"Content-Security-Policy: default-src 'none'; style-src 'self'; ",
		"base-uri 'none'; form-action 'none'; frame-ancestors 'none'\r\n",
		"X-Content-Type-Options: nosniff\r\n", "Referrer-Policy: no-referrer\r\n",
		"Cache-Control: no-store\r\n", "Cross-Origin-Resource-Policy: same-origin\r\n",
		"Cross-Origin-Opener-Policy: same-origin\r\n"};
	settings("status_page=yes");
	for (size_t i = 0; i < COUNT(requests); i++) {
		int fd = dial(room.http_path);
		say(fd, requests[i], strlen(requests[i]));
		const char *reply = hear(fd, REPLY_SIZE - 1);
		for (size_t k = 0; k < COUNT(fields); k++)
			if (!strstr(reply, fields[k]))
				fail_msg("`%s` lacks `%s`", reply, fields[k]);
		assert_null(strstr(reply, "Set-Cookie"));
		assert_non_null(strstr(reply, i == 0 ? "\r\nContent-Type: text/html; charset=utf-8\r\n"
						     : "\r\nContent-Type: text/css; charset=utf-8\r\n"));
		close(fd);
	}
}

/* A page that is too large for a reply has fewer rows. */
static void page_gets_fewer_rows_if_it_is_too_large(void **state)
{
	(void)state;
	char request[] = "GET / HTTP/1.1\r\n\r\n", status[32], number[8];
	settings("status_page=yes");
	fake_pages_row_octets(10000);
	int fd = dial(room.http_path);
	say(fd, request, strlen(request));
	const char *reply = hear(fd, 30000), *body = strstr(reply, "\r\n\r\n");
	snprintf(status, sizeof status, "%.15s", reply);
	snprintf(number, sizeof number, "%.2s", body ? body + 4 : "");
	close(fd);
	assert_string_equal(status, "HTTP/1.1 200 OK");
	assert_string_equal(number, "25");
	fake_pages_row_octets(CLIENT_OUTPUT_MAX);
	http_is("GET / HTTP/1.1\r\n\r\n", "500 Internal Server Error", "the page is too large\n");
}

/* While pages are rendered the map answers, and requests for further pages are refused. */
static void page_never_holds_the_map_up(void **state)
{
	(void)state;
	int fds[PAGE_WAITING_MAX + 1];
	unsigned before = fake_pages_rendered();
	settings("status_page=yes");
	fake_pages_hold(true);
	for (int i = 0; i <= PAGE_WAITING_MAX; i++) {
		fds[i] = dial(room.http_path);
		say(fds[i], "GET / HTTP/1.1\r\n\r\n", 18);
		if (i == 0) /* the thread takes this one; the others wait */
			while (fake_pages_rendered() == before)
				rest(1);
	}
	rest(100);
	http_is("GET / HTTP/1.1\r\n\r\n", "503 Service Unavailable", PAGE_BUSY_TEXT "\n");
	http_is("GET /healthz HTTP/1.1\r\n\r\n", "200 OK", "ok\n");
	int fd = dial(room.map_path);
	ask(fd, "pass.example");
	expect(fd, SECURE);
	close(fd);
	/* One client hangs up; the others get their pages. */
	close(fds[PAGE_WAITING_MAX]);
	fake_pages_hold(false);
	for (int i = 0; i < PAGE_WAITING_MAX; i++) {
		assert_int_equal(strncmp(hear(fds[i], 15), "HTTP/1.1 200 OK", 15), 0);
		close(fds[i]);
	}
}

/* A stop does not wait for pages that were not begun. */
static void stop_refuses_pages_that_wait(void **state)
{
	(void)state;
	int fds[2];
	settings("status_page=yes");
	unsigned before = fake_pages_rendered();
	fake_pages_hold(true);
	for (int i = 0; i < 2; i++) {
		fds[i] = dial(room.http_path);
		say(fds[i], "GET / HTTP/1.1\r\n\r\n", 18);
		while (fake_pages_rendered() == before)
			rest(1);
	}
	rest(100);
	server_stop(room.server, 100);
	assert_int_equal(strncmp(hear(fds[1], 12), "HTTP/1.1 503", 12), 0);
	fake_pages_hold(false);
	server_join(room.server);
	page_stop(&room.page);
	assert_int_equal(fake_pages_rendered(), before + 1);
	close(fds[0]);
	close(fds[1]);
}

static void clients_beyond_the_limit_are_hung_up_on(void **state)
{
	(void)state;
	int fds[HTTP_CLIENTS_MAX + 1];
	for (int i = 0; i <= HTTP_CLIENTS_MAX; i++)
		fds[i] = dial(room.http_path);
	expect_end(fds[HTTP_CLIENTS_MAX]);
	close(fds[0]);
	rest(100);
	http_is("GET /healthz HTTP/1.1\r\n\r\n", "200 OK", "ok\n");
	for (int i = 1; i <= HTTP_CLIENTS_MAX; i++)
		close(fds[i]);
	rest(100);
	int fd = dial(room.map_path);
	ask(fd, "pass.example");
	expect(fd, SECURE);
	close(fd);
}

/* Silent clients, and clients in the middle of a request, use all places. Further clients are disconnected with one log
 * line, and existing clients are served. */
static void map_clients_beyond_the_limit_are_hung_up_on(void **state)
{
	(void)state;
	static int fds[SOCKETMAP_CLIENTS_MAX];
	struct rlimit limit;
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
	limit.rlim_cur = limit.rlim_max;
	setrlimit(RLIMIT_NOFILE, &limit);
	if (limit.rlim_cur < 2 * SOCKETMAP_CLIENTS_MAX + 100)
		skip(); /* this process has both ends */
	fake_log_forget();
	for (int i = 0; i < SOCKETMAP_CLIENTS_MAX; i++) {
		assert_true((fds[i] = dial(room.map_path)) >= 0);
		if (i % 2 == 1)
			say(fds[i], "20:postfix pass", 15);
	}
	ask(fds[0], "pass.example");
	expect(fds[0], SECURE);
	assert_int_equal(said("clients, which is the limit"), 0);
	for (int i = 0; i < 50; i++) {
		int fd = dial(room.map_path);
		expect_end(fd);
		close(fd);
	}
	assert_int_equal(said("frontend=socketmap has 4096 clients, which is the limit"), 1);
	assert_int_equal(said("clients, which is the limit"), 1);
	say(fds[SOCKETMAP_CLIENTS_MAX - 1], ".example,", 9);
	expect(fds[SOCKETMAP_CLIENTS_MAX - 1], SECURE);
	http_is("GET /healthz HTTP/1.1\r\n\r\n", "200 OK", "ok\n");
	close(fds[0]);
	rest(100);
	fds[0] = dial(room.map_path);
	ask(fds[0], "pass.example");
	expect(fds[0], SECURE);
	for (int i = 0; i < SOCKETMAP_CLIENTS_MAX; i++)
		close(fds[i]);
}

static bool is_open(int fd)
{
	char octet;
	return recv(fd, &octet, 1, MSG_PEEK | MSG_DONTWAIT) < 0 && errno == EAGAIN;
}

/* A silent client, and one that sends a request octet by octet, lose their places; a client that asks keeps its place.
 * */
static void map_clients_that_take_too_long_are_hung_up_on(void **state)
{
	(void)state;
	static const char request[] = "20:postfix pass.example,";
	int silent = dial(room.hurried_path), slow = dial(room.hurried_path), busy = dial(room.hurried_path);
	int64_t until_ms = clock_mono_ms() + HURRIED_IDLE_MS + 200;
	for (size_t i = 0; clock_mono_ms() < until_ms; i++) {
		if (i < sizeof request - 2)
			(void)!send(slow, request + i, 1, MSG_NOSIGNAL);
		ask(busy, "pass.example");
		expect(busy, SECURE);
		if (i == 0)
			assert_true(is_open(slow) && is_open(silent));
		rest(150);
	}
	expect_end(slow);
	expect_end(silent);
	close(slow);
	close(silent);
	close(busy);
}

static void refresher_hands_over_what_is_due(void **state)
{
	(void)state;
	struct failure why;
	unsigned before = fake_check_refreshed();
	fake_store_due("pass.example");
	struct refresher *refresher = refresher_start(room.check, NULL, NULL, NULL, &why);
	rest(200);
	assert_int_equal(fake_check_refreshed(), before + 1);
	refresher_stop(&refresher);
	assert_null(refresher);
	fake_store_due(NULL);
}

static void reload_tells_what_needs_a_restart(void **state)
{
	(void)state;
	char names[256];
	char *changed[] = {
		(char *)"lookups_max=64", (char *)"mode=monitor", (char *)"store_path=/x", (char *)"user=root"};
	struct config *before = fake_config(NULL, 0), *after = fake_config(changed, COUNT(changed));
	assert_int_equal(reload_restart_names(before->settings, after->settings, names, sizeof names), 3);
	assert_string_equal(names, "store_path lookups_max user");
	assert_int_equal(reload_restart_names(before->settings, before->settings, names, sizeof names), 0);
	config_unref(&after);
	/* A bad value changes nothing; a good one takes effect. */
	struct settings_source source = {.overrides = (char *[]){(char *)"mode=sometimes"}, .override_count = 1};
	assert_false(reload_run(room.check, NULL, &source, before->settings));
	struct config *now = check_config(room.check);
	assert_int_equal(now->settings->mode, MODE_ENFORCE);
	config_unref(&now);
	source.overrides = (char *[]){(char *)"mode=monitor", (char *)"workers=64"};
	source.override_count = 2;
	fake_log_forget();
	assert_true(reload_run(room.check, NULL, &source, before->settings));
	assert_int_equal(said("warning: -o: workers has no effect"), 1);
	assert_int_equal(said("reloaded the settings: mode: enforce -> monitor; mode monitor"), 1);
	assert_true(reload_run(room.check, NULL, &source, before->settings));
	assert_int_equal(said("reloaded the settings: nothing changed; mode monitor"), 1);
	now = check_config(room.check);
	assert_int_equal(now->settings->mode, MODE_MONITOR);
	config_unref(&now);
	config_unref(&before);
}

/* Values are quoted, and many changes are cut to what fits. */
static void reload_tells_what_changed(void **state)
{
	(void)state;
	char out[256];
	char *changed[] = {(char *)"probe_ttl_ok=2h", (char *)"exempt_domains=a.example b.example",
		(char *)"lookups_max=64", (char *)"probe_helo="};
	struct config *before = fake_config((char *[]){(char *)"probe_helo=x.example"}, 1),
		      *after = fake_config(changed, COUNT(changed));
	assert_int_equal(reload_changes(before->settings, after->settings, out, sizeof out), 3);
	assert_string_equal(out, "exempt_domains: \"\" -> \"a.example b.example\", probe_ttl_ok: 4h -> 2h, "
				 "probe_helo: x.example -> \"\"");
	assert_int_equal(reload_changes(before->settings, after->settings, out, 100), 3);
	assert_string_equal(out, "exempt_domains: \"\" -> \"a.example b.example\", probe_ttl_ok: 4h -> 2h, and 1 more");
	assert_int_equal(reload_changes(before->settings, after->settings, out, 64), 3);
	assert_string_equal(out, "exempt_domains: \"\" -> \"a.example b.example\", and 2 more");
	assert_int_equal(reload_changes(after->settings, after->settings, out, sizeof out), 0);
	assert_string_equal(out, "");
	config_unref(&after);
	config_unref(&before);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, room_open, room_close)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(map_answers_by_key),
		TEST(map_repeats_answers),
		TEST(map_says_temp_until_a_whole_list_is_known),
		TEST(map_knows_the_machines_services),
		TEST(map_answers_by_dialect),
		TEST(map_says_temp_for_what_cannot_be_told),
		TEST(map_answers_notfound_in_monitor_mode),
		TEST(map_logs_what_it_binds),
		TEST(map_tells_malformed_requests_once),
		TEST(map_takes_no_flood),
		TEST(map_keeps_a_thousand_idle_clients),
		TEST(map_takes_octet_after_octet),
		TEST(map_answers_pipelined_requests_in_turn),
		TEST(map_hangs_up_on_malformed_requests),
		TEST(map_takes_the_longest_request),
		TEST(map_answers_who_has_said_all),
		TEST(map_says_temp_when_its_time_is_over),
		TEST(map_tells_the_answer_or_that_time_is_over),
		TEST(map_says_temp_when_there_is_no_room),
		TEST(map_gives_no_late_answer_to_another_client),
		TEST(map_serves_many_clients_beside_waiting_ones),
		TEST(idle_clients_are_hung_up_on),
		TEST(requests_that_trickle_in_are_hung_up_on),
		TEST(replies_that_nobody_reads_are_bounded),
		TEST(stop_finishes_waits_in_hand),
		TEST(stop_answers_what_was_asked),
		TEST(stop_ends_waits_that_take_too_long),
		TEST(healthz_tells_whether_the_store_is_readable),
		TEST(healthz_tells_since_when_nothing_is_shared),
		TEST(healthz_tells_what_the_gate_lacks),
		TEST(metrics_are_told),
		TEST(metrics_have_two_formats),
		TEST(map_replies_are_counted),
		TEST(map_answers_are_timed),
		TEST(http_refuses_the_rest),
		TEST(page_is_off_unless_it_is_wanted),
		TEST(page_answers_html_and_json),
		TEST(page_is_only_for_local_names),
		TEST(page_has_strict_header_fields),
		TEST(page_gets_fewer_rows_if_it_is_too_large),
		TEST(page_never_holds_the_map_up),
		TEST(stop_refuses_pages_that_wait),
		TEST(clients_beyond_the_limit_are_hung_up_on),
		TEST(map_clients_beyond_the_limit_are_hung_up_on),
		TEST(map_clients_that_take_too_long_are_hung_up_on),
		TEST(refresher_hands_over_what_is_due),
		TEST(reload_tells_what_needs_a_restart),
		TEST(reload_tells_what_changed),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
