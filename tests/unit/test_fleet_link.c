/* The link to the shared store, with a server that is slow, lying, huge, silent, or closes: every command ends, what arrives is
 * bounded, and the link comes back. */
#include "clock.h"
#include "fleet_link.h"
#include "lock.h"
#include "memory.h"

#include "cm.h"
#include "fake_log.h"
#include "store_server.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#define PATIENCE_MS 60000

static struct store_server server;
static struct settings *settings;
static struct loop *loop;
static struct link *tested;
static char password_file[128];

/* --- what the link says, on its own thread ------------------------------------------------------------------------ */

static struct lock told_lock;
static struct signal_cond told;
static bool is_up;
static unsigned ups, downs, heard_count;
static char down_why[512], heard[256];

static void on_change(void *arg, bool up, const char *why)
{
	(void)arg;
	lock_take(&told_lock);
	is_up = up;
	*(up ? &ups : &downs) += 1;
	if (!up)
		snprintf(down_why, sizeof down_why, "%s", why);
	cond_wake_all(&told);
	lock_drop(&told_lock);
}

static void on_heard(void *arg, const char *bytes, size_t len)
{
	(void)arg;
	lock_take(&told_lock);
	snprintf(heard, sizeof heard, "%.*s", (int)len, bytes);
	heard_count++;
	cond_wake_all(&told);
	lock_drop(&told_lock);
}

static void await(bool (*what)(void))
{
	int64_t end = clock_mono_ms() + PATIENCE_MS;
	lock_take(&told_lock);
	while (!what())
		if (!cond_wait_until(&told, &told_lock, end))
			break;
	bool good = what();
	lock_drop(&told_lock);
	assert_true(good);
}

static bool went_up(void)
{
	return is_up;
}
static bool went_down(void)
{
	return downs > 0 && !is_up;
}
static bool heard_one(void)
{
	return heard_count > 0;
}

static bool is_down(void)
{
	lock_take(&told_lock);
	bool down = went_down();
	lock_drop(&told_lock);
	return down;
}

static void never_went_down(void)
{
	lock_take(&told_lock);
	unsigned count = downs;
	lock_drop(&told_lock);
	assert_int_equal(count, 0);
}

static void went_down_because(const char *why)
{
	char told_why[sizeof down_why];
	lock_take(&told_lock);
	memcpy(told_why, down_why, sizeof told_why);
	lock_drop(&told_lock);
	assert_string_equal(told_why, why);
}

/* --- commands ----------------------------------------------------------------------------------------------------- */

struct asked {
	struct loop_task task; /* first */
	const char *words[4];
	size_t count;
	int64_t deadline_ms, took_ms;
	bool done;
	enum link_reply_kind kind;
	int64_t number;
	char text[256];
	size_t len, items, nils;
};

static void on_answer(void *arg, const struct link_reply *reply)
{
	struct asked *asked = arg;
	lock_take(&told_lock);
	assert_false(asked->done);
	asked->kind = reply->kind;
	asked->number = reply->number;
	asked->items = reply->count;
	asked->len = reply->len;
	for (size_t i = 0; i < reply->count; i++)
		asked->nils += reply->item[i].kind == LINK_NIL;
	if (reply->bytes)
		snprintf(asked->text, sizeof asked->text, "%s", reply->bytes);
	asked->took_ms = clock_mono_ms() - asked->took_ms;
	asked->done = true;
	cond_wake_all(&told);
	lock_drop(&told_lock);
}

static void ask_run(struct loop_task *task)
{
	struct asked *asked = (struct asked *)task;
	asked->took_ms = clock_mono_ms();
	link_ask(tested, asked->deadline_ms, on_answer, asked, asked->count, asked->words);
	lock_take(&told_lock);
	assert_false(asked->done);
	lock_drop(&told_lock);
}

static struct asked *ask(int64_t deadline_ms, const char *word, const char *second)
{
	struct asked *asked = xcalloc(1, sizeof *asked);
	*asked = (struct asked){
		.task.run = ask_run, .words = {word, second}, .count = second ? 2 : 1, .deadline_ms = deadline_ms};
	loop_post(loop, &asked->task);
	return asked;
}

/* Waits for the end of the command, frees it, and returns a copy. */
static struct asked answer(struct asked *asked)
{
	int64_t end = clock_mono_ms() + PATIENCE_MS;
	lock_take(&told_lock);
	while (!asked->done)
		if (!cond_wait_until(&told, &told_lock, end))
			break;
	lock_drop(&told_lock);
	assert_true(asked->done);
	struct asked copy = *asked;
	free(asked);
	return copy;
}

/* --- the start and end of a test ---------------------------------------------------------------------------------- */

static int begin(void **state)
{
	struct failure why;
	(void)state;
	server_open(&server);
	char *set[] = {server.setting, (char[]){"fleet_key_file=/k"}};
	settings = settings_read(NULL, false, set, COUNT(set), &why);
	if (!settings)
		fail_msg("%s", why.text);
	loop = loop_new(&why);
	lock_init(&told_lock);
	cond_init(&told);
	is_up = false;
	ups = downs = heard_count = 0;
	return 0;
}

static void start(void)
{
	struct failure why;
	tested = link_new(&(struct link_options){.settings = settings, .loop = loop, .changed = on_change});
	assert_true(loop_start(loop, &why));
}

/* Accepts the link's connection, and lets it go up. */
static int start_up(void)
{
	start();
	int fd = server_accept(&server, SERVER_PATIENCE_MS);
	server_greet(fd, 0);
	await(went_up);
	return fd;
}

static int end(void **state)
{
	(void)state;
	loop_stop(loop);
	loop_join(loop);
	link_free(&tested);
	loop_free(&loop);
	settings_free(&settings);
	server_close(&server);
	return 0;
}

/* --- tests -------------------------------------------------------------------------------------------------------- */

static void replies_reach_those_who_asked(void **state)
{
	static const struct {
		const char *reply;
		enum link_reply_kind kind;
		int64_t number;
		const char *text;
		size_t items;
	} row[] = {
		{"+OK\r\n", LINK_OK, 0, "OK", 0},
		{"$5\r\nhello\r\n", LINK_BYTES, 0, "hello", 0},
		{"$0\r\n\r\n", LINK_BYTES, 0, "", 0},
		{"$-1\r\n", LINK_NIL, 0, "", 0},
		{":-12\r\n", LINK_NUMBER, -12, "", 0},
		{"*-1\r\n", LINK_NIL, 0, "", 0},
		{"*0\r\n", LINK_LIST, 0, "", 0},
		{"*3\r\n$1\r\na\r\n*2\r\n:1\r\n:2\r\n$-1\r\n", LINK_LIST, 0, "", 3},
		{"-OOM command not allowed\r\n", LINK_REFUSED, 0, "OOM command not allowed", 0},
	};
	int fd = start_up();
	(void)state;
	struct asked *asked[COUNT(row)];
	for (size_t i = 0; i < COUNT(row); i++)
		asked[i] = ask(PATIENCE_MS, "GET", "x");
	for (size_t i = 0; i < COUNT(row); i++) {
		server_expect(fd, "GET x");
		server_say(fd, row[i].reply);
	}
	for (size_t i = 0; i < COUNT(row); i++) {
		struct asked got = answer(asked[i]);
		assert_int_equal(got.kind, row[i].kind);
		assert_int_equal(got.number, row[i].number);
		assert_string_equal(got.text, row[i].text);
		assert_int_equal(got.items, row[i].items);
	}
	never_went_down();
	close(fd);
}

static void a_late_reply_is_nobodys(void **state)
{
	int fd = start_up();
	(void)state;
	struct asked late = answer(ask(100, "GET", "slow"));
	assert_int_equal(late.kind, LINK_NONE);
	assert_true(late.took_ms >= 100);
	server_expect(fd, "GET slow");
	server_say(fd, "$4\r\nlate\r\n");
	struct asked *next = ask(PATIENCE_MS, "GET", "quick");
	server_expect(fd, "GET quick");
	server_say(fd, "$5\r\nquick\r\n");
	assert_string_equal(answer(next).text, "quick");
	never_went_down();
	close(fd);
}

/* A paused server costs callers their deadline for a second; then nobody waits any more. */
static void a_paused_server_breaks_the_link(void **state)
{
	int fd = start_up();
	(void)state;
	int64_t begun = clock_mono_ms();
	while (!is_down() && clock_mono_ms() - begun < PATIENCE_MS)
		assert_int_equal(answer(ask(100, "GET", "x")).kind, LINK_NONE);
	await(went_down);
	went_down_because("it answers too late");
	struct asked at_once = answer(ask(PATIENCE_MS, "GET", "x"));
	assert_int_equal(at_once.kind, LINK_NONE);
	assert_true(at_once.took_ms < 10000);
	/* It rests: nobody connects again soon. */
	assert_int_equal(server_accept(&server, 3000), -1);
	close(fd);
}

static void a_silent_server_is_noticed(void **state)
{
	int fd = start_up();
	(void)state;
	struct asked *patient = ask(PATIENCE_MS, "GET", "x");
	await(went_down);
	went_down_because("it does not answer");
	assert_int_equal(answer(patient).kind, LINK_NONE);
	close(fd);
}

static void the_link_comes_back(void **state)
{
	int fd = start_up();
	(void)state;
	struct asked *lost = ask(PATIENCE_MS, "GET", "x");
	server_expect(fd, "GET x");
	server_say(fd, "$5\r\nhal");
	close(fd);
	assert_int_equal(answer(lost).kind, LINK_NONE);
	await(went_down);
	went_down_because("it closed the connection");
	assert_int_equal(answer(ask(PATIENCE_MS, "GET", "x")).kind, LINK_NONE);
	fd = server_accept(&server, SERVER_PATIENCE_MS);
	server_greet(fd, 0);
	await(went_up);
	struct asked *found = ask(PATIENCE_MS, "GET", "y");
	server_expect(fd, "GET y");
	server_say(fd, "$1\r\n1\r\n");
	assert_string_equal(answer(found).text, "1");
	close(fd);
}

static void lies_break_the_link(void **state)
{
	static const struct {
		const char *reply, *why;
	} row[] = {
		{"HTTP/1.1 400 Bad Request\r\n\r\n", "it does not speak the protocol of Valkey and Redis"},
		{"*2147483647\r\n", "it sent a reply that is too long or too deep"},
		{"*4096\r\n*1\r\n", "it sent a reply that is too long or too deep"},
		{"*4097\r\n", "it sent a reply that is too long or too deep"},
		{"*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n", "it sent a reply that is too long or too deep"},
		{"$-7\r\n", "it does not speak the protocol of Valkey and Redis"},
		{"+OK\r\n+OK\r\n", "it sent a reply to no command"},
	};
	const char *how = *state;
	size_t i = (size_t)strtoul(how, NULL, 10);
	assert_true(i < COUNT(row));
	int fd = start_up();
	struct asked *asked = ask(PATIENCE_MS, "GET", "x");
	server_expect(fd, "GET x");
	server_say(fd, row[i].reply);
	await(went_down);
	went_down_because(row[i].why);
	enum link_reply_kind kind = answer(asked).kind;
	assert_int_equal(kind, i == COUNT(row) - 1 ? LINK_OK : LINK_NONE);
	close(fd);
}

/* A text that is longer than anybody reads, a line that never ends, and a length that never ends. */
static void huge_replies_break_the_link(void **state)
{
	static const char *const first[] = {"$1000000000\r\n", "+", "$"};
	const char *how = *state;
	size_t i = (size_t)strtoul(how, NULL, 10);
	static char piece[65536];
	memset(piece, i == 2 ? '0' : 'x', sizeof piece);
	int fd = start_up();
	struct asked *asked = ask(PATIENCE_MS, "GET", "x");
	server_expect(fd, "GET x");
	server_say(fd, first[i]);
	for (size_t sent = 0; sent < 4 * (size_t)LINK_REPLY_MAX && !is_down(); sent += sizeof piece)
		server_write(fd, piece, sizeof piece);
	await(went_down);
	went_down_because("it sent a reply that is too long or too deep");
	assert_int_equal(answer(asked).kind, LINK_NONE);
	close(fd);
}

/* What anybody may write into the shared store does not break the link: one long text, and many that are long together. */
static void long_texts_are_cut(void **state)
{
	static char piece[1 << 20];
	(void)state;
	memset(piece, '$', sizeof piece);
	int fd = start_up();
	struct asked *text = ask(PATIENCE_MS, "GET", "x"), *list = ask(PATIENCE_MS, "GET", "y"),
		     *last = ask(PATIENCE_MS, "GET", "z");
	server_expect(fd, "GET x");
	server_say(fd, "$3145728\r\n");
	for (int i = 0; i < 3; i++)
		server_write(fd, piece, sizeof piece);
	server_say(fd, "\r\n*24\r\n$1\r\n1\r\n");
	for (int i = 0; i < 22; i++) {
		server_say(fd, "$65536\r\n");
		server_write(fd, piece, 65536);
		server_say(fd, "\r\n");
	}
	server_say(fd, "$1\r\n2\r\n$4\r\nlast\r\n");
	struct asked got = answer(text);
	assert_int_equal(got.kind, LINK_BYTES);
	assert_int_equal(got.len, LINK_TEXT_MAX);
	got = answer(list);
	assert_int_equal(got.kind, LINK_LIST);
	assert_int_equal(got.items, 24);
	assert_int_equal(got.nils, 7); /* what is beyond LINK_REPLY_MAX */
	assert_string_equal(answer(last).text, "last");
	never_went_down();
	close(fd);
}

static void the_largest_value_arrives(void **state)
{
	static char value[262144 + 32];
	int fd = start_up();
	(void)state;
	struct asked *asked = ask(PATIENCE_MS, "GET", "x");
	server_expect(fd, "GET x");
	int len = snprintf(value, sizeof value, "$262144\r\n");
	memset(value + len, 'v', 262144);
	server_write(fd, value, (size_t)len + 262144);
	server_say(fd, "\r\n");
	assert_int_equal(answer(asked).kind, LINK_BYTES);
	close(fd);
}

/* A server that floods the channel costs a second of work, and then nothing for half a minute. */
static void a_flood_of_news_breaks_the_channel(void **state)
{
	static char news[65536];
	struct failure why;
	(void)state;
	tested = link_new(&(struct link_options){.settings = settings, .loop = loop, .changed = on_change});
	link_listen(tested, "c", on_heard, NULL);
	assert_true(loop_start(loop, &why));
	int fd[2];
	char words[64];
	for (int i = 0; i < 2; i++) {
		int accepted = server_accept(&server, SERVER_PATIENCE_MS);
		assert_true(server_read(accepted, words, sizeof words));
		bool channel = strcmp(words, "SUBSCRIBE c") == 0;
		fd[channel] = accepted;
		server_say(accepted, channel ? "*3\r\n$9\r\nsubscribe\r\n$1\r\nc\r\n:1\r\n"
					     : "*2\r\n$10\r\n1700000000\r\n$1\r\n0\r\n");
	}
	await(went_up);
	size_t len = 0, sent = 0;
	while (len + 2048 < sizeof news)
		len += (size_t)snprintf(news + len, 2048, "*3\r\n$7\r\nmessage\r\n$1\r\nc\r\n$1000\r\n%01000d\r\n", 0);
	/* The other side closes the connection, so that a write fails. */
	while (sent < (size_t)1 << 30 && send(fd[1], news, len, MSG_NOSIGNAL) == (ssize_t)len)
		sent += len;
	assert_true(sent < (size_t)1 << 30);
	assert_int_equal(server_accept(&server, 2000), -1);
	never_went_down();
	close(fd[0]);
	close(fd[1]);
}

/* More commands than may wait, and no reply to any of them: all end, and each once. */
static void too_many_commands_end_at_once(void **state)
{
	enum { COUNT_MAX = LINK_WAITING_MAX + 100 };
	static struct asked *asked[COUNT_MAX];
	int fd = start_up();
	(void)state;
	for (size_t i = 0; i < COUNT_MAX; i++)
		asked[i] = ask(PATIENCE_MS, "GET", "x");
	for (size_t i = LINK_WAITING_MAX; i < COUNT_MAX; i++)
		assert_int_equal(answer(asked[i]).kind, LINK_NONE);
	never_went_down();
	close(fd);
	for (size_t i = 0; i < LINK_WAITING_MAX; i++)
		assert_int_equal(answer(asked[i]).kind, LINK_NONE);
}

/* The end of the link ends what waits. */
static void the_end_ends_commands(void **state)
{
	int fd = start_up();
	struct asked *asked = ask(PATIENCE_MS, "GET", "x");
	server_expect(fd, "GET x");
	end(state);
	assert_int_equal(answer(asked).kind, LINK_NONE);
	close(fd);
	begin(state);
	start();
}

/* Makes the server listen on a TCP port of this machine. Returns whether that is possible. */
static bool server_by_tcp(int family)
{
	struct sockaddr_storage at = {.ss_family = (sa_family_t)family};
	struct sockaddr_in *in = (struct sockaddr_in *)&at;
	struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)&at;
	socklen_t len = family == AF_INET ? sizeof *in : sizeof *in6;
	if (family == AF_INET)
		in->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	else
		in6->sin6_addr = in6addr_loopback;
	int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0 || bind(fd, (struct sockaddr *)&at, len) != 0) {
		close(fd);
		return false;
	}
	assert_int_equal(listen(fd, 16), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&at, &len), 0);
	close(server.listening);
	server.listening = fd;
	snprintf(server.setting, sizeof server.setting,
		family == AF_INET ? "fleet_server=inet:%u@127.0.0.1" : "fleet_server=inet6:%u@::1",
		ntohs(family == AF_INET ? in->sin_port : in6->sin6_port));
	return true;
}

static void the_link_speaks_tcp(void **state)
{
	struct failure why;
	int family = strcmp(*state, "6") == 0 ? AF_INET6 : AF_INET;
	if (!server_by_tcp(family)) {
		start();
		skip();
	}
	char *set[] = {server.setting, (char[]){"fleet_key_file=/k"}};
	settings_free(&settings);
	settings = settings_read(NULL, false, set, COUNT(set), &why);
	assert_non_null(settings);
	int fd = start_up();
	struct asked *asked = ask(PATIENCE_MS, "GET", "x");
	server_expect(fd, "GET x");
	server_say(fd, "$1\r\n1\r\n");
	assert_string_equal(answer(asked).text, "1");
	close(fd);
}

static void password_write(const char *text, mode_t mode)
{
	FILE *file = fopen(password_file, "w");
	fputs(text, file);
	fclose(file);
	chmod(password_file, mode);
}

static void the_link_logs_in(void **state)
{
	struct failure why;
	char file[160];
	(void)state;
	snprintf(password_file, sizeof password_file, "%s/password", server.directory);
	snprintf(file, sizeof file, "fleet_password_file=%s", password_file);
	char *set[] = {server.setting, (char[]){"fleet_key_file=/k"}, file, (char[]){"fleet_user=relay"}};
	settings_free(&settings);
	settings = settings_read(NULL, false, set, COUNT(set), &why);
	assert_non_null(settings);
	password_write("wrong\nsecond line\n", 0600);
	start();
	int fd = server_accept(&server, SERVER_PATIENCE_MS);
	server_expect(fd, "AUTH relay wrong");
	server_say(fd, "-WRONGPASS invalid \x1b[1m pair\r\n");
	await(went_down);
	went_down_because("it refuses the login: \"WRONGPASS invalid \\x1b[1m pair\"");
	close(fd);
	password_write("right\n", 0600);
	fd = server_accept(&server, SERVER_PATIENCE_MS);
	server_expect(fd, "AUTH relay right");
	server_say(fd, "+OK\r\n");
	server_greet(fd, 0);
	await(went_up);
	unlink(password_file);
	close(fd);
}

static void a_server_that_loads_its_data_is_not_up(void **state)
{
	(void)state;
	start();
	int fd = server_accept(&server, SERVER_PATIENCE_MS);
	server_expect(fd, "TIME");
	server_say(fd, "-LOADING Redis is loading the dataset in memory\r\n");
	await(went_down);
	went_down_because("it does not work: \"LOADING Redis is loading the dataset in memory\"");
	close(fd);
}

static void clock_run(struct loop_task *task)
{
	struct asked *asked = (struct asked *)task;
	asked->kind = link_clock(tested, &asked->number) ? LINK_NUMBER : LINK_NIL;
	lock_take(&told_lock);
	asked->done = true;
	cond_wake_all(&told);
	lock_drop(&told_lock);
}

static void the_clocks_are_compared(void **state)
{
	(void)state;
	start();
	int fd = server_accept(&server, SERVER_PATIENCE_MS);
	server_greet(fd, -7200);
	await(went_up);
	struct asked *asked = xcalloc(1, sizeof *asked);
	asked->task.run = clock_run;
	loop_post(loop, &asked->task);
	struct asked got = answer(asked);
	assert_int_equal(got.kind, LINK_NUMBER);
	assert_in_range(got.number + 7205, 0, 6);
	close(fd);
}

static void a_server_may_keep_its_time_to_itself(void **state)
{
	(void)state;
	start();
	int fd = server_accept(&server, SERVER_PATIENCE_MS);
	server_expect(fd, "TIME");
	server_say(fd, "-NOPERM this user has no permissions to run the 'time' command\r\n");
	await(went_up);
	close(fd);
}

static void messages_are_heard(void **state)
{
	struct failure why;
	(void)state;
	tested = link_new(&(struct link_options){.settings = settings, .loop = loop, .changed = on_change});
	link_listen(tested, "farm:decisions", on_heard, NULL);
	assert_true(loop_start(loop, &why));
	int fd[2];
	char words[64];
	for (int i = 0; i < 2; i++) {
		int accepted = server_accept(&server, SERVER_PATIENCE_MS);
		assert_true(server_read(accepted, words, sizeof words));
		bool channel = strcmp(words, "SUBSCRIBE farm:decisions") == 0;
		fd[channel] = accepted;
		/* The confirmation and a message at once. */
		server_say(accepted, channel ? "*3\r\n$9\r\nsubscribe\r\n$14\r\nfarm:decisions\r\n:1\r\n"
					       "*3\r\n$7\r\nmessage\r\n$14\r\nfarm:decisions\r\n$4\r\nnews\r\n"
					     : "*2\r\n$10\r\n1700000000\r\n$1\r\n0\r\n");
	}
	await(went_up);
	await(heard_one);
	assert_string_equal(heard, "news");
	close(fd[0]);
	close(fd[1]);
}

/* Without the right to the channel the link works, and the log says what is missing. */
static void a_refused_channel_is_told(void **state)
{
	static char log[FAKE_LOG_SIZE];
	struct failure why;
	(void)state;
	fake_log_forget();
	tested = link_new(&(struct link_options){.settings = settings, .loop = loop, .changed = on_change});
	link_listen(tested, "c", on_heard, NULL);
	assert_true(loop_start(loop, &why));
	int commands = -1;
	for (int i = 0; i < 4; i++) {
		char words[64];
		int fd = server_accept(&server, SERVER_PATIENCE_MS);
		assert_true(server_read(fd, words, sizeof words));
		if (strcmp(words, "TIME") == 0) {
			commands = fd;
			server_say(fd, "*2\r\n$10\r\n1700000000\r\n$1\r\n0\r\n");
			await(went_up);
			continue;
		}
		server_say(fd, "-NOPERM No permissions to access a channel\r\n");
		assert_false(server_read(fd, words, sizeof words));
		close(fd);
	}
	fake_log_copy(log);
	assert_non_null(strstr(log, "no news by the channel c, so decisions of other relays come later: it refuses the "
				    "channel: \"NOPERM No permissions to access a channel\""));
	never_went_down();
	close(commands);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, begin, end)
#define TEST_OF(function, number) cmocka_unit_test_prestate_setup_teardown(function, begin, end, (void *)(number))

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(replies_reach_those_who_asked),
		TEST(a_late_reply_is_nobodys),
		TEST(a_paused_server_breaks_the_link),
		TEST(a_silent_server_is_noticed),
		TEST(the_link_comes_back),
		TEST_OF(lies_break_the_link, "0"),
		TEST_OF(lies_break_the_link, "1"),
		TEST_OF(lies_break_the_link, "2"),
		TEST_OF(lies_break_the_link, "3"),
		TEST_OF(lies_break_the_link, "4"),
		TEST_OF(lies_break_the_link, "5"),
		TEST_OF(lies_break_the_link, "6"),
		TEST_OF(huge_replies_break_the_link, "0"),
		TEST_OF(huge_replies_break_the_link, "1"),
		TEST_OF(huge_replies_break_the_link, "2"),
		TEST(long_texts_are_cut),
		TEST(the_largest_value_arrives),
		TEST(a_flood_of_news_breaks_the_channel),
		TEST(too_many_commands_end_at_once),
		TEST(the_end_ends_commands),
		TEST_OF(the_link_speaks_tcp, "4"),
		TEST_OF(the_link_speaks_tcp, "6"),
		TEST(the_link_logs_in),
		TEST(a_server_that_loads_its_data_is_not_up),
		TEST(the_clocks_are_compared),
		TEST(a_server_may_keep_its_time_to_itself),
		TEST(messages_are_heard),
		TEST(a_refused_channel_is_told),
	};
	return cmocka_run_group_tests_name("fleet_link", tests, NULL, NULL);
}
