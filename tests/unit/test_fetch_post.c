/* Reports by https, against a server of the test's own, in a network namespace. */
#include "clock.h"
#include "fetch.h"
#include "netns.h"
#include "pki.h"
#include "trust.h"

#include "cm.h"

#include <arpa/inet.h>
#include <openssl/err.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define BODY_LEN 200000 /* more than the kernel's buffers take at once, and more than libcurl sends without `Expect` */

static struct pki_pair ca, good, other, expired;
static struct trust *trust;
static unsigned char body[BODY_LEN];

struct server {
	const struct pki_pair *leaf;
	const char *answer; /* "": silence */
	int listener, stop[2];
	pthread_t thread;
	unsigned connections;
	char head[4096];
	size_t body_len;
	bool body_same;
};

static bool answered(const struct server *server, SSL *ssl)
{
	char *bytes = calloc(1, BODY_LEN + sizeof server->head);
	size_t used = 0, head = 0;
	int got;
	struct server *out = (struct server *)(uintptr_t)server;
	while (head == 0 || used < head + BODY_LEN) {
		got = SSL_read(ssl, bytes + used, (int)(BODY_LEN + sizeof server->head - 1 - used));
		if (got <= 0)
			break;
		used += (size_t)got;
		char *end = strstr(bytes, "\r\n\r\n");
		if (head == 0 && end) {
			head = (size_t)(end - bytes) + 4;
			snprintf(out->head, sizeof out->head, "%.*s", (int)head, bytes);
		}
	}
	out->body_len = used - head;
	out->body_same = out->body_len == BODY_LEN && memcmp(bytes + head, body, BODY_LEN) == 0;
	free(bytes);
	if (server->answer[0] == '\0')
		poll(&(struct pollfd){.fd = server->stop[0], .events = POLLIN}, 1, 5000);
	return SSL_write(ssl, server->answer, (int)strlen(server->answer)) > 0;
}

static void serve(struct server *server)
{
	int fd = accept(server->listener, NULL, NULL);
	SSL_CTX *ctx = pki_server(server->leaf);
	SSL *ssl = SSL_new(ctx);
	server->connections++;
	SSL_set_fd(ssl, fd);
	if (SSL_accept(ssl) == 1 && answered(server, ssl))
		SSL_shutdown(ssl);
	SSL_free(ssl);
	SSL_CTX_free(ctx);
	ERR_clear_error();
	close(fd);
}

static void *server_run(void *arg)
{
	struct server *server = arg;
	struct pollfd fds[2] = {{.fd = server->listener, .events = POLLIN}, {.fd = server->stop[0], .events = POLLIN}};
	sigset_t pipe_signal;
	sigemptyset(&pipe_signal);
	sigaddset(&pipe_signal, SIGPIPE);
	pthread_sigmask(SIG_BLOCK, &pipe_signal, NULL);
	while (poll(fds, 2, -1) > 0 && !fds[1].revents)
		serve(server);
	return NULL;
}

static void server_start(struct server *server, const struct pki_pair *leaf, uint16_t port, const char *answer)
{
	struct sockaddr_in here = {
		.sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int one = 1;
	*server = (struct server){.leaf = leaf, .answer = answer, .listener = socket(AF_INET, SOCK_STREAM, 0)};
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

/* --- one post ----------------------------------------------------------------------------------------------------- */

struct awaited {
	struct loop_task task; /* first */
	struct loop *loop;
	struct fetcher *fetcher;
	struct fetch_line *line;
	struct fetch *fetch;
	struct report_address to;
	size_t count; /* of addresses */
	struct fetch_posted *posted;
};

static void on_end(void *arg)
{
	struct awaited *awaited = arg;
	assert_true(fetch_post_answer(awaited->fetch, awaited->posted));
	assert_false(fetch_post_answer(awaited->fetch, awaited->posted));
	fetch_drop(&awaited->fetch);
	loop_stop(awaited->loop);
}

static void begin(struct loop_task *task)
{
	struct awaited *awaited = (struct awaited *)task;
	struct address address;
	assert_true(address_parse(&address, "127.0.0.1"));
	awaited->fetch = fetch_post_begin(awaited->fetcher, awaited->line, &awaited->to, "application/tlsrpt+gzip",
		body, sizeof body, &address, awaited->count, 1000, (struct wake){.call = on_end, .arg = awaited});
}

static void post(const char *uri, size_t count, struct fetch_posted *posted)
{
	struct failure why;
	struct fetcher *fetcher = fetcher_new(&(struct fetch_options){.trust = trust}, &why);
	struct awaited awaited = {
		.task = {.run = begin}, .loop = loop_new(&why), .fetcher = fetcher, .count = count, .posted = posted};
	assert_true(report_address_read(&awaited.to, uri, strlen(uri)));
	awaited.line = fetch_line_new(awaited.loop);
	assert_true(loop_start(awaited.loop, &why));
	loop_post(awaited.loop, &awaited.task);
	loop_join(awaited.loop);
	fetch_line_free(&awaited.line);
	loop_free(&awaited.loop);
	fetcher_free(&fetcher);
}

static void a_report_is_posted(void **state)
{
	struct server server;
	struct fetch_posted posted;
	(void)state;
	server_start(&server, &good, 8443, "HTTP/1.1 201 Created\r\nContent-Length: 2\r\n\r\nok");
	post("https://reports.example.com:8443/v1?x=y", 1, &posted);
	server_stop(&server);
	assert_string_equal(posted.detail, "HTTP status 201");
	assert_int_equal(posted.outcome, TLSRPT_DONE);
	assert_int_equal(strncmp(server.head, LIT("POST /v1?x=y HTTP/1.1\r\nHost: reports.example.com:8443\r\n")), 0);
	assert_non_null(strstr(server.head, "\r\nContent-Type: application/tlsrpt+gzip\r\n"));
	assert_non_null(strstr(server.head, "\r\nContent-Length: 200000\r\n"));
	assert_null(strstr(server.head, "Expect"));
	assert_null(strstr(server.head, "Content-Encoding"));
	assert_true(server.body_same);
}

static void answers(void **state)
{
	(void)state;
	static const struct {
		const struct pki_pair *leaf;
		const char *answer;
		enum tlsrpt_outcome outcome;
		const char *detail;
	} rows[] = {
		{&good, "HTTP/1.1 200 OK\r\n\r\n", TLSRPT_DONE, "HTTP status 200"},
		{&good, "HTTP/1.1 204 No Content\r\n\r\n", TLSRPT_DONE, "HTTP status 204"},
		{&good, "HTTP/1.1 200 OK\r\nContent-Length: 999\r\n\r\ncut", TLSRPT_DONE, "HTTP status 200"},
		{&good, "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n\r\n", TLSRPT_DONE, "HTTP status 200"},
		{&good, "HTTP/1.1 302 Found\r\nLocation: https://a.example/\r\n\r\n", TLSRPT_NEVER,
			"HTTP status 302, a redirect, which is not followed, to https://a.example/"},
		{&good, "HTTP/1.1 400 Bad\r\n\r\n", TLSRPT_NEVER, "HTTP status 400"},
		{&good, "HTTP/1.1 404 No\r\n\r\n", TLSRPT_NEVER, "HTTP status 404"},
		{&good, "HTTP/1.1 429 Slow\r\n\r\n", TLSRPT_LATER, "HTTP status 429"},
		{&good, "HTTP/1.1 503 Later\r\n\r\n", TLSRPT_LATER, "HTTP status 503"},
		{&good, "no HTTP\r\n\r\n", TLSRPT_LATER, NULL},
		{&good, "", TLSRPT_LATER, NULL},
		{&other, "HTTP/1.1 200 OK\r\n\r\n", TLSRPT_LATER, NULL},
		{&expired, "HTTP/1.1 200 OK\r\n\r\n", TLSRPT_LATER, NULL},
	};
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct server server;
		struct fetch_posted posted;
		server_start(&server, rows[i].leaf, 443, rows[i].answer);
		post("https://reports.example.com", 1, &posted);
		server_stop(&server);
		if (posted.outcome != rows[i].outcome || posted.detail[0] == '\0' ||
			(rows[i].detail && strcmp(posted.detail, rows[i].detail) != 0) || server.connections != 1)
			fail_msg("row %zu: %d %s", i, (int)posted.outcome, posted.detail);
		if (rows[i].leaf != &good)
			assert_int_equal(server.body_len, 0);
	}
}

static void nobody_answers(void **state)
{
	struct fetch_posted posted;
	(void)state;
	post("https://reports.example.com/", 1, &posted);
	assert_int_equal(posted.outcome, TLSRPT_LATER);
	assert_true(posted.detail[0] != '\0');
	post("https://reports.example.com/", 0, &posted);
	assert_int_equal(posted.outcome, TLSRPT_LATER);
	assert_string_equal(posted.detail, "no usable address");
}

int main(void)
{
	char file[] = "/tmp/stsgate-ca-XXXXXX";
	struct failure why;
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_report_is_posted), cmocka_unit_test(answers), cmocka_unit_test(nobody_answers)};
	netns_enter();
	ca = pki_ca("test authority");
	good = pki_issue(&ca, &(struct pki_request){.san = "DNS:reports.example.com"});
	other = pki_issue(&ca, &(struct pki_request){.san = "DNS:other.example.com"});
	expired = pki_issue(
		&ca, &(struct pki_request){.san = "DNS:reports.example.com", .from_s = -7200, .until_s = -60});
	pki_write_temporary(&ca, file);
	trust = trust_new(file, &why);
	for (size_t i = 0; i < sizeof body; i++)
		body[i] = (unsigned char)(i * 7);
	int failed = cmocka_run_group_tests(tests, NULL, NULL);
	trust_free(&trust);
	unlink(file);
	pki_free(&ca);
	pki_free(&good);
	pki_free(&other);
	pki_free(&expired);
	return failed;
}
