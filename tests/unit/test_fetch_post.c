/* Reports by https, against a server of the test's own, in a network namespace. */
#include "clock.h"
#include "fetch.h"
#include "netns.h"
#include "pki.h"
#include "post_server.h"
#include "trust.h"

#include "cm.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define BODY_LEN 200000 /* more than the kernel's buffers take at once, and more than libcurl sends without `Expect` */

static struct pki_pair ca, good, other, expired;
static struct trust *trust;
static unsigned char body[BODY_LEN];

static struct post_server server;

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
	struct fetch_posted posted;
	(void)state;
	post_server_start(&server, &good, 8443, "HTTP/1.1 201 Created\r\nContent-Length: 2\r\n\r\nok");
	post("https://reports.example.com:8443/v1?x=y", 1, &posted);
	post_server_stop(&server);
	assert_string_equal(posted.detail, "HTTP status 201");
	assert_int_equal(posted.outcome, TLSRPT_DONE);
	assert_int_equal(strncmp(server.head, LIT("POST /v1?x=y HTTP/1.1\r\nHost: reports.example.com:8443\r\n")), 0);
	assert_non_null(strstr(server.head, "\r\nContent-Type: application/tlsrpt+gzip\r\n"));
	assert_non_null(strstr(server.head, "\r\nContent-Length: 200000\r\n"));
	assert_null(strstr(server.head, "Expect"));
	assert_null(strstr(server.head, "Content-Encoding"));
	assert_int_equal(server.body_len, BODY_LEN);
	assert_memory_equal(server.body, body, BODY_LEN);
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
		struct fetch_posted posted;
		post_server_start(&server, rows[i].leaf, 443, rows[i].answer);
		post("https://reports.example.com", 1, &posted);
		post_server_stop(&server);
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
