/* Clients that wait for an answer: the answer comes from any thread, early or late, or the wait is given up; the client
 * may be gone. */
#include "clock.h"
#include "memory.h"
#include "server.h"

#include "cm.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#define PATIENCE_MS 20000

struct answer {
	struct later later; /* first */
	const char *text;
};

static char directory[64], place[96];
static struct server *server;
static _Atomic(struct answer *) pending; /* of `wait`, until the test takes it */
static atomic_bool may_give_up;
static atomic_uint asked_to_give_up, answered_to_nobody;
static atomic_uint sends; /* calls of send(), by client and server together */
static atomic_bool full;  /* sockets take nothing of the server */

/* Takes the place of the C library's function. */
ssize_t send(int fd, const void *bytes, size_t len, int flags)
{
	atomic_fetch_add(&sends, 1);
	if (atomic_load(&full) && (flags & MSG_DONTWAIT)) {
		errno = EAGAIN;
		return -1;
	}
	return sendto(fd, bytes, len, flags, NULL, 0);
}

/* Of the next client whose address is asked for. */
static struct sockaddr_storage peer;
static socklen_t peer_len; /* 0: the address cannot be found out */

/* Takes the place of the C library's function. */
int getpeername(int fd, struct sockaddr *restrict out, socklen_t *restrict len)
{
	(void)fd;
	if (peer_len == 0 || *len < peer_len)
		return -1;
	memcpy(out, &peer, peer_len);
	*len = peer_len;
	return 0;
}

static void on_answer(void *arg, struct client *client, struct later *later)
{
	(void)arg;
	struct answer *answer = (struct answer *)later;
	if (client)
		client_reply(client, (struct span){answer->text, strlen(answer->text)});
	else
		atomic_fetch_add(&answered_to_nobody, 1);
	free(answer);
}

static bool on_give_up(void *arg, struct later *later)
{
	(void)arg;
	struct answer *answer = (struct answer *)later;
	atomic_fetch_add(&asked_to_give_up, 1);
	if (!atomic_load(&may_give_up))
		return false;
	answer->text = "gave up\n";
	return true;
}

/* One line per request. `wait MS`: the test answers later; `early`: a later answer that is there already; `bad` is
 * malformed; `local`: whether the client is on this machine; other lines are echoed. */
static size_t on_input(void *arg, struct client *client, struct span in)
{
	(void)arg;
	const char *end = memchr(in.at, '\n', in.len);
	if (!end)
		return 0;
	size_t len = (size_t)(end - in.at) + 1;
	if (strncmp(in.at, "bad", 3) == 0)
		return SERVICE_MALFORMED;
	if (strncmp(in.at, "local", 5) == 0) {
		client_reply(client, client_is_local(client) ? (struct span){"yes\n", 4} : (struct span){"no\n", 3});
		return len;
	}
	bool waits = strncmp(in.at, "wait ", 5) == 0, early = strncmp(in.at, "early", 5) == 0;
	if (!waits && !early) {
		client_reply(client, (struct span){in.at, len});
		return len;
	}
	struct answer *answer = xcalloc(1, sizeof *answer);
	answer->text = "later\n";
	later_init(&answer->later, client);
	if (early)
		later_ready(&answer->later);
	client_wait(client, &answer->later, early ? PATIENCE_MS : (uint32_t)strtoul(in.at + 5, NULL, 10));
	if (waits)
		atomic_store(&pending, answer);
	return len;
}

static struct service service = {.name = "test",
	.input_max = 64,
	.clients_max = 4,
	.idle_ms = PATIENCE_MS,
	.partial_ms = PATIENCE_MS,
	.input = on_input,
	.answer = on_answer,
	.give_up = on_give_up};

static int server_open(void **state)
{
	(void)state;
	struct failure why;
	struct listener listener;
	const struct listener_access access = {.uid = (uid_t)-1, .gid = (gid_t)-1, .mode = 0600};
	snprintf(directory, sizeof directory, "/tmp/client-test-XXXXXX");
	assert_non_null(mkdtemp(directory));
	snprintf(place, sizeof place, "unix:%s/socket", directory);
	assert_true(listener_init(&listener, "socket", place, &why) && listener_open(&listener, &access, &why));
	server = server_new(1, &why);
	assert_non_null(server);
	server_add(server, &listener, (struct service *[]){&service}, 1);
	atomic_store(&may_give_up, true);
	atomic_store(&asked_to_give_up, 0);
	atomic_store(&answered_to_nobody, 0);
	assert_true(server_start(server, &why));
	return 0;
}

static int server_end(void **state)
{
	(void)state;
	server_stop(server, 0);
	server_join(server);
	server_free(&server);
	return rmdir(directory);
}

static int dial(void)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	struct timeval patience = {.tv_sec = PATIENCE_MS / 1000};
	snprintf(address.sun_path, sizeof address.sun_path, "%s/socket", directory);
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
	assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof address), 0);
	return fd;
}

static void say(int fd, const char *text)
{
	assert_int_equal(send(fd, text, strlen(text), MSG_NOSIGNAL), strlen(text));
}

static void expect(int fd, const char *text)
{
	char heard[64] = "";
	size_t used = 0, len = strlen(text);
	while (used < len) {
		ssize_t got = recv(fd, heard + used, len - used, 0);
		if (got <= 0)
			break;
		used += (size_t)got;
	}
	assert_string_equal(heard, text);
}

static void rest(void)
{
	nanosleep(&(struct timespec){.tv_nsec = 2000000}, NULL);
}

static struct answer *await_pending(void)
{
	struct answer *answer;
	while (!(answer = atomic_exchange(&pending, NULL)))
		rest();
	return answer;
}

static void await(atomic_uint *count)
{
	for (int64_t until_ms = clock_mono_ms() + PATIENCE_MS; atomic_load(count) == 0 && clock_mono_ms() < until_ms;)
		rest();
	assert_int_equal(atomic_load(count), 1);
}

static void an_answer_comes_from_another_thread(void **state)
{
	(void)state;
	int fd = dial();
	say(fd, "wait 20000\nnext\n");
	struct answer *answer = await_pending();
	char byte;
	assert_int_equal(recv(fd, &byte, 1, MSG_DONTWAIT), -1);
	later_ready(&answer->later);
	expect(fd, "later\nnext\n");
	close(fd);
}

static void an_answer_may_be_there_before_the_wait(void **state)
{
	(void)state;
	int fd = dial();
	say(fd, "early\nnext\nearly\n");
	expect(fd, "later\nnext\nlater\n");
	close(fd);
}

static void an_answer_is_given_up_in_time(void **state)
{
	(void)state;
	int fd = dial();
	say(fd, "wait 50\nnext\n");
	expect(fd, "gave up\nnext\n");
	assert_int_equal(atomic_load(&asked_to_give_up), 1);
	await_pending();
	close(fd);
}

static void an_answer_that_is_on_its_way_is_waited_for(void **state)
{
	(void)state;
	int fd = dial();
	atomic_store(&may_give_up, false);
	say(fd, "wait 20\n");
	struct answer *answer = await_pending();
	await(&asked_to_give_up);
	later_ready(&answer->later);
	expect(fd, "later\n");
	assert_int_equal(atomic_load(&asked_to_give_up), 1);
	close(fd);
}

/* If a reply was not read when the socket is closed, the connection is reset. */
static int dial_and_leave(void)
{
	int fd = dial();
	say(fd, "unread\n");
	say(fd, "wait 20000\n");
	return fd;
}

static void a_client_that_is_gone_gives_up(void **state)
{
	(void)state;
	int fd = dial_and_leave();
	await_pending();
	close(fd);
	await(&answered_to_nobody);
	assert_int_equal(atomic_load(&asked_to_give_up), 1);
}

static void the_answer_to_a_client_that_is_gone_is_freed(void **state)
{
	(void)state;
	atomic_store(&may_give_up, false);
	int fd = dial_and_leave();
	struct answer *answer = await_pending();
	close(fd);
	await(&asked_to_give_up);
	assert_int_equal(atomic_load(&answered_to_nobody), 0);
	later_ready(&answer->later);
	await(&answered_to_nobody);
}

static void a_stop_waits_for_answers_that_are_on_their_way(void **state)
{
	(void)state;
	int fd = dial();
	atomic_store(&may_give_up, false);
	say(fd, "wait 20000\n");
	struct answer *answer = await_pending();
	server_stop(server, 0);
	char byte;
	assert_int_equal(recv(fd, &byte, 1, 0), 0);
	assert_int_equal(atomic_load(&answered_to_nobody), 0);
	later_ready(&answer->later);
	server_join(server);
	assert_int_equal(atomic_load(&answered_to_nobody), 1);
	close(fd);
}

static void replies_to_what_arrived_together_leave_together(void **state)
{
	(void)state;
	int fd = dial();
	atomic_store(&sends, 0);
	say(fd, "one\ntwo\nthree\n");
	expect(fd, "one\ntwo\nthree\n");
	assert_int_equal(atomic_load(&sends), 2);
	close(fd);
}

static void replies_before_a_wait_do_not_wait(void **state)
{
	(void)state;
	int fd = dial();
	say(fd, "one\ntwo\nwait 60000\nlast\n");
	expect(fd, "one\ntwo\n");
	later_ready(&await_pending()->later);
	expect(fd, "later\nlast\n");
	close(fd);
}

static void a_wait_outlasts_the_sending_of_earlier_replies(void **state)
{
	(void)state;
	int fd = dial();
	atomic_store(&sends, 0);
	atomic_store(&full, true);
	say(fd, "one\nwait 60000\n");
	struct answer *answer = await_pending();
	while (atomic_load(&sends) < 4)
		rest();
	atomic_store(&full, false);
	expect(fd, "one\n");
	say(fd, "next\n");
	for (int i = 0; i < 50; i++)
		rest();
	char byte;
	assert_int_equal(recv(fd, &byte, 1, MSG_DONTWAIT), -1);
	later_ready(&answer->later);
	expect(fd, "later\nnext\n");
	close(fd);
}

static void replies_before_a_malformed_request_are_sent(void **state)
{
	(void)state;
	char octet;
	int fd = dial();
	say(fd, "one\ntwo\nbad\nlast\n");
	expect(fd, "one\ntwo\n");
	assert_int_equal(recv(fd, &octet, 1, 0), 0);
	close(fd);
}

static void peer_set(const char *host)
{
	struct sockaddr_in *v4 = (struct sockaddr_in *)&peer;
	struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)&peer;
	peer = (struct sockaddr_storage){.ss_family = AF_UNIX};
	peer_len = sizeof(sa_family_t); /* as for a UNIX socket without a name */
	if (inet_pton(AF_INET, host, &v4->sin_addr) == 1) {
		peer.ss_family = AF_INET;
		peer_len = sizeof *v4;
	} else if (inet_pton(AF_INET6, host, &v6->sin6_addr) == 1) {
		peer.ss_family = AF_INET6;
		peer_len = sizeof *v6;
	}
}

static void clients_on_this_machine_are_known(void **state)
{
	static const struct {
		const char *peer, *reply;
	} cases[] = {{"unix", "yes\n"}, {"127.0.0.1", "yes\n"}, {"127.3.4.5", "yes\n"}, {"::1", "yes\n"},
		{"::ffff:127.0.0.1", "yes\n"}, {"192.0.2.1", "no\n"}, {"10.0.0.127", "no\n"}, {"1.0.0.127", "no\n"},
		{"2001:db8::1", "no\n"}, {"::", "no\n"}, {"::127.0.0.1", "no\n"}, {"::ffff:192.0.2.1", "no\n"},
		{"fe80::1", "no\n"}};
	(void)state;
	int fd = dial();
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		peer_set(cases[i].peer);
		say(fd, "local\n");
		expect(fd, cases[i].reply);
	}
	peer_len = 0;
	say(fd, "local\n");
	expect(fd, "no\n");
	close(fd);
}

/* --- several threads ---------------------------------------------------------------------------------------------- */

#define THREADS 3
#define CLIENTS (THREADS * SERVER_TOGETHER + 7)

static _Atomic(pthread_t) thread_of[THREADS];

/* Replies with the number of the service's instance, and notes its thread. */
static size_t on_who(void *arg, struct client *client, struct span in)
{
	unsigned number = (unsigned)(uintptr_t)arg;
	char text[8];
	atomic_store(&thread_of[number], pthread_self());
	snprintf(text, sizeof text, "%u\n", number);
	client_reply(client, (struct span){text, strlen(text)});
	return in.len;
}

static int threads_open(void **state)
{
	static struct service of_thread[THREADS];
	struct service *instance[THREADS];
	struct failure why;
	struct listener listener;
	const struct listener_access access = {.uid = (uid_t)-1, .gid = (gid_t)-1, .mode = 0600};
	(void)state;
	for (unsigned i = 0; i < THREADS; i++) {
		of_thread[i] = (struct service){.name = "test",
			.input_max = 64,
			.clients_max = CLIENTS,
			.idle_ms = PATIENCE_MS,
			.partial_ms = PATIENCE_MS,
			.arg = (void *)(uintptr_t)i,
			.input = on_who};
		instance[i] = &of_thread[i];
	}
	snprintf(directory, sizeof directory, "/tmp/client-test-XXXXXX");
	assert_non_null(mkdtemp(directory));
	snprintf(place, sizeof place, "unix:%s/socket", directory);
	assert_true(listener_init(&listener, "socket", place, &why) && listener_open(&listener, &access, &why));
	server = server_new(THREADS, &why);
	assert_non_null(server);
	server_add(server, &listener, instance, THREADS);
	assert_true(server_start(server, &why));
	return 0;
}

/* Asks which instance serves the client. */
static unsigned who(int fd)
{
	char text[2] = "";
	say(fd, "who");
	assert_int_equal(recv(fd, text, sizeof text, MSG_WAITALL), 2);
	assert_in_range(text[0], '0', '0' + THREADS - 1);
	return (unsigned)(text[0] - '0');
}

/* Each thread in turn gets so many clients that they may share its wake-ups. The others are spread evenly. */
static void clients_are_spread_over_the_threads(void **state)
{
	unsigned clients[THREADS] = {0}, again[THREADS] = {0};
	int fd[CLIENTS];
	char octet;
	(void)state;
	for (unsigned i = 0; i < CLIENTS; i++) {
		fd[i] = dial();
		unsigned number = who(fd[i]);
		clients[number]++;
		assert_int_equal(who(fd[i]), number);
		if (i < THREADS * SERVER_TOGETHER)
			assert_int_equal(number, i / SERVER_TOGETHER);
	}
	for (unsigned i = 0; i < THREADS; i++) {
		assert_in_range(clients[i], CLIENTS / THREADS, CLIENTS / THREADS + 1);
		for (unsigned k = 0; k < i; k++)
			assert_false(pthread_equal(atomic_load(&thread_of[i]), atomic_load(&thread_of[k])));
	}
	/* The limit is that of all threads together. */
	int more = dial();
	assert_int_equal(recv(more, &octet, 1, 0), 0);
	close(more);
	for (unsigned i = 0; i < CLIENTS; i++)
		again[who(fd[i])]++;
	assert_memory_equal(again, clients, sizeof clients);
	for (unsigned i = 0; i < CLIENTS; i++)
		close(fd[i]);
}

static void a_stop_ends_all_threads(void **state)
{
	int fd[CLIENTS];
	char octet;
	(void)state;
	for (unsigned i = 0; i < CLIENTS; i++)
		fd[i] = dial(); /* some may still be on the way to their thread */
	server_stop(server, 0);
	server_join(server);
	for (unsigned i = 0; i < CLIENTS; i++) {
		assert_true(recv(fd[i], &octet, 1, 0) <= 0);
		close(fd[i]);
	}
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, server_open, server_end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(an_answer_comes_from_another_thread),
		TEST(an_answer_may_be_there_before_the_wait),
		TEST(an_answer_is_given_up_in_time),
		TEST(an_answer_that_is_on_its_way_is_waited_for),
		TEST(a_client_that_is_gone_gives_up),
		TEST(the_answer_to_a_client_that_is_gone_is_freed),
		TEST(a_stop_waits_for_answers_that_are_on_their_way),
		TEST(replies_to_what_arrived_together_leave_together),
		TEST(replies_before_a_wait_do_not_wait),
		TEST(a_wait_outlasts_the_sending_of_earlier_replies),
		TEST(replies_before_a_malformed_request_are_sent),
		cmocka_unit_test_setup_teardown(clients_are_spread_over_the_threads, threads_open, server_end),
		cmocka_unit_test_setup_teardown(a_stop_ends_all_threads, threads_open, server_end),
		TEST(clients_on_this_machine_are_known),
	};
	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
