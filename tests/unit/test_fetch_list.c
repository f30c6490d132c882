/* fetch of CRLs against an HTTP server on the real port, in a network namespace of the program's own. */
#include "clock.h"
#include "fetch.h"
#include "netns.h"
#include "trust.h"

#include "cm.h"

#include <arpa/inet.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define BODY "\x30\x03\x02\x01\x05 not a list, but fetch does not read it"
#define PATIENCE_MS 30000 /* for what takes a moment, on a busy machine with a sanitizer */
#define HEAD "HTTP/1.1 200 OK\r\nContent-Type: application/pkix-crl\r\n"
#define MODIFIED "Last-Modified: Sun, 29 Nov 2026 12:00:00 GMT\r\n"
#define MODIFIED_AT 1795953600

enum manner { ANSWER, ANSWER_SLOW, REPEAT, SILENT };

struct server {
	enum manner manner;
	const char *text;
	int listener, stop[2];
	pthread_t thread;
	unsigned connections;
	char request[2048];
};

static void answer(struct server *server, int fd)
{
	size_t len = strlen(server->text);
	if (server->manner == SILENT)
		poll(&(struct pollfd){.fd = server->stop[0], .events = POLLIN}, 1, 5000);
	else if (server->manner == ANSWER_SLOW)
		for (size_t i = 0; i < len && send(fd, server->text + i, 1, MSG_NOSIGNAL) == 1; i++)
			usleep(50 * 1000);
	else
		while (send(fd, server->text, len, MSG_NOSIGNAL) > 0 && server->manner == REPEAT)
			;
}

static void serve(struct server *server)
{
	int fd = accept(server->listener, NULL, NULL);
	ssize_t len = recv(fd, server->request, sizeof server->request - 1, 0);
	server->connections++;
	server->request[len > 0 ? len : 0] = '\0';
	answer(server, fd);
	shutdown(fd, SHUT_WR);
	close(fd);
}

static void *server_run(void *arg)
{
	struct server *server = arg;
	struct pollfd fds[2] = {{.fd = server->listener, .events = POLLIN}, {.fd = server->stop[0], .events = POLLIN}};
	while (poll(fds, 2, -1) > 0 && !fds[1].revents)
		serve(server);
	return NULL;
}

static void server_start(struct server *server, enum manner manner, const char *text)
{
	struct sockaddr_in here = {
		.sin_family = AF_INET, .sin_port = htons(80), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int one = 1;
	*server = (struct server){.manner = manner, .text = text, .listener = socket(AF_INET, SOCK_STREAM, 0)};
	setsockopt(server->listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
	assert_int_equal(bind(server->listener, (struct sockaddr *)&here, sizeof here), 0);
	assert_int_equal(listen(server->listener, 8), 0);
	assert_int_equal(pipe(server->stop), 0);
	assert_int_equal(pthread_create(&server->thread, NULL, server_run, server), 0);
}

static void server_stop(struct server *server)
{
	assert_int_equal(write(server->stop[1], "", 1), 1);
	pthread_join(server->thread, NULL);
	close(server->listener);
	close(server->stop[0]);
	close(server->stop[1]);
}

/* --- one fetch ---------------------------------------------------------------------------------------------------- */

struct awaited {
	struct loop_task task; /* first */
	struct loop *loop;
	struct fetcher *fetcher;
	struct fetch_line *line;
	struct fetch *fetch;
	struct crl_url url;
	int64_t newer_than;
	const char *address; /* NULL: none */
	int timeout_ms;
	bool drop;
	struct fetch_list_found *found;
};

static void on_end(void *arg)
{
	struct awaited *awaited = arg;
	assert_true(awaited->drop || fetch_list_answer(awaited->fetch, awaited->found));
	fetch_drop(&awaited->fetch);
	loop_stop(awaited->loop);
}

static void begin(struct loop_task *task)
{
	struct awaited *awaited = (struct awaited *)task;
	struct address address;
	assert_true(address_parse(&address, awaited->address ? awaited->address : "127.0.0.1"));
	awaited->fetch = fetch_list_begin(awaited->fetcher, awaited->line, &awaited->url, awaited->newer_than, &address,
		awaited->address != NULL, awaited->timeout_ms, (struct wake){.call = on_end, .arg = awaited});
}

static void fetch_within(int timeout_ms, const char *url, int64_t newer_than, const char *address, bool drop,
	struct fetch_list_found *found)
{
	struct failure why;
	struct trust *trust = trust_new(NULL, &why);
	struct fetcher *fetcher = fetcher_new(&(struct fetch_options){.trust = trust}, &why);
	struct awaited awaited = {.task = {.run = begin},
		.loop = loop_new(&why),
		.fetcher = fetcher,
		.address = address,
		.newer_than = newer_than,
		.timeout_ms = timeout_ms,
		.drop = drop,
		.found = found};
	memset(found, 0, sizeof *found);
	assert_true(crl_url_parse(&awaited.url, (struct span){url, strlen(url)}));
	awaited.line = fetch_line_new(awaited.loop);
	assert_true(loop_start(awaited.loop, &why));
	loop_post(awaited.loop, &awaited.task);
	loop_join(awaited.loop);
	fetch_line_free(&awaited.line);
	loop_free(&awaited.loop);
	fetcher_free(&fetcher);
	trust_free(&trust);
}

static void fetch(const char *url, int64_t newer_than, const char *address, bool drop, struct fetch_list_found *found)
{
	fetch_within(PATIENCE_MS, url, newer_than, address, drop, found);
}

/* --- tests -------------------------------------------------------------------------------------------------------- */

static void test_answers(void **state)
{
	static const struct {
		enum manner manner;
		const char *text;
		int64_t newer_than;
		const char *detail; /* NULL: received; "": unchanged */
	} row[] = {
		{ANSWER, HEAD "Content-Length: 44\r\n\r\n" BODY, 0, NULL},
		{ANSWER, HEAD MODIFIED "\r\n" BODY, 0, NULL},
		{ANSWER, HEAD MODIFIED "\r\n" BODY, MODIFIED_AT - 1, NULL},
		{ANSWER, "HTTP/1.1 304 Not Modified\r\n\r\n", MODIFIED_AT, ""},
		{ANSWER, HEAD MODIFIED "\r\n" BODY, MODIFIED_AT, ""},
		{ANSWER, "HTTP/1.1 304 Not Modified\r\n\r\n", 0, "HTTP status 304"},
		{ANSWER, "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n", 0, "HTTP status 404"},
		{ANSWER, "HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1/x\r\nContent-Length: 0\r\n\r\n", 0,
			"redirects are not followed"},
		{ANSWER, HEAD "Content-Length: 45\r\n\r\n" BODY, 0, "with 1 bytes"},
		{ANSWER, HEAD "Content-Encoding: gzip\r\n\r\n" BODY, 0, "encoding"},
		{ANSWER, HEAD "Content-Length: 11534336\r\n\r\n", 0, "with "},
		{REPEAT, HEAD "\r\n" BODY, 0, "larger than 10 MB"},
		{ANSWER_SLOW, HEAD "\r\n" BODY, 0, "no CRL within 1000 ms"},
		{SILENT, "", 0, "no CRL within 1000 ms"},
		{ANSWER, "not HTTP", 0, "HTTP/0.9"},
	};
	(void)state;
	for (size_t i = 0; i < COUNT(row); i++) {
		struct server server;
		struct fetch_list_found found;
		server_start(&server, row[i].manner, row[i].text);
		int64_t begun_ms = clock_mono_ms();
		bool late = row[i].detail && strcmp(row[i].detail, "no CRL within 1000 ms") == 0;
		fetch_within(late ? 1000 : PATIENCE_MS, "http://c.example.net/a/../13.crl", row[i].newer_than,
			"127.0.0.1", false, &found);
		assert_in_range(clock_mono_ms() - begun_ms, 0, PATIENCE_MS);
		server_stop(&server);
		bool received = !row[i].detail, unchanged = row[i].detail && row[i].detail[0] == '\0';
		if (found.received != received || found.unchanged != unchanged ||
			(!received && !strstr(found.detail, row[i].detail)))
			fail_msg("row %zu: %d %d %s", i, found.received, found.unchanged, found.detail);
		assert_int_equal(server.connections, 1);
		assert_non_null(strstr(server.request, "GET /a/../13.crl HTTP/1.1\r\nHost: c.example.net\r\n"));
		assert_int_equal(strstr(server.request, "If-Modified-Since: ") != NULL, row[i].newer_than != 0);
		if (received) {
			assert_int_equal(found.len, sizeof BODY - 1);
			assert_memory_equal(found.bytes, BODY, sizeof BODY - 1);
			assert_int_equal(found.modified_at, strstr(row[i].text, "Last-") ? MODIFIED_AT : 0);
		}
		free(found.bytes);
	}
}

static void test_no_server(void **state)
{
	struct fetch_list_found found;
	(void)state;
	fetch("http://c.example.net/13.crl", 0, "127.0.0.1", false, &found);
	assert_false(found.received || found.unchanged);
	assert_true(found.detail[0] != '\0');
	fetch("http://c.example.net/13.crl", 0, NULL, false, &found);
	assert_string_equal(found.detail, "no usable address");
}

/* A fetch that is dropped with its result frees the octets (under AddressSanitizer). */
static void test_drop(void **state)
{
	struct server server;
	struct fetch_list_found found;
	(void)state;
	server_start(&server, ANSWER, HEAD "\r\n" BODY);
	fetch("http://c.example.net/13.crl", 0, "127.0.0.1", true, &found);
	server_stop(&server);
	assert_false(found.received);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_answers),
		cmocka_unit_test(test_no_server),
		cmocka_unit_test(test_drop),
	};
	netns_enter();
	alarm(120);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
