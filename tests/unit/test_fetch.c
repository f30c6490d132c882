/* fetch against an HTTPS server on the real port, in a network namespace of the program's own. */
#include "clock.h"
#include "fetch.h"
#include "fetch_await.h"
#include "netns.h"
#include "pki.h"
#include "trust.h"

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/ocsp.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sysexits.h>
#include <unistd.h>

#include <cmocka.h>

#define HOST "mta-sts.example.com"
#define POLICY "version: STSv1\nmode: enforce\nmx: mx.example.com\nmax_age: 86400\n"
_Static_assert(sizeof POLICY - 1 == 63, "written as a length below, and as 3f");
#define TYPE "Content-Type: text/plain\r\n"
#define OK_HEAD "HTTP/1.1 200 OK\r\n" TYPE

enum cert {
	CERT_GOOD,
	CERT_WILDCARD,
	CERT_PARTIAL,
	CERT_CN_ONLY,
	CERT_ADDRESS,
	CERT_EXPIRED,
	CERT_FUTURE,
	CERT_OTHER_NAME,
	CERT_SELF_SIGNED,
	CERT_STRANGER,
	CERT_CLIENT,
	CERT_SHORT_KEY,
	CERT_COUNT
};

enum manner {
	ANSWER,       /* the text, with close_notify */
	ANSWER_CUT,   /* the text, then the connection is cut */
	ANSWER_HANG,  /* the text, then nothing */
	ANSWER_SLOW,  /* one octet every 50 ms */
	ANSWER_WHOLE, /* two records of TLS, which arrive together, then nothing */
	REPEAT,       /* the text again and again */
	SILENT_TCP,
	SILENT_HTTP,
	PLAIN, /* no TLS */
	OLD_TLS
};

struct script {
	enum cert cert;
	enum manner manner;
	const char *text;
	size_t len; /* 0: the length of the string */
};

static struct pki_pair ca, stranger, leaves[CERT_COUNT];
static struct trust *trust;
static const struct pki_staple *stapled; /* NULL: the server shows no staple; set while no server runs */

/* The server: one thread, which serves one script at a time. */

struct server {
	const struct script *script;
	int listeners[2]; /* 127.0.0.1 and ::1 */
	int stop[2];
	pthread_t thread;
	unsigned connections;
	char sni[256];
	char request[4096];
};

static void wait_for_end(struct server *server, int fd)
{
	struct pollfd fds[2] = {{.fd = fd, .events = POLLIN}, {.fd = server->stop[0], .events = POLLIN}};

	poll(fds, 2, 10000);
}

static bool read_request(struct server *server, SSL *ssl)
{
	size_t used = 0;
	int len;

	while (used < sizeof server->request - 1) {
		len = SSL_read(ssl, server->request + used, (int)(sizeof server->request - 1 - used));
		if (len <= 0)
			return false;
		used += (size_t)len;
		server->request[used] = '\0';
		if (strstr(server->request, "\r\n\r\n"))
			return true;
	}
	return false;
}

static void answer(const struct script *script, SSL *ssl)
{
	size_t len = script->len ? script->len : strlen(script->text);

	if (script->manner == ANSWER_SLOW) {
		for (size_t i = 0; i < len && SSL_write(ssl, script->text + i, 1) == 1; i++)
			usleep(50 * 1000);
		return;
	}
	if (script->manner == ANSWER_WHOLE) {
		int on = 1;
		setsockopt(SSL_get_fd(ssl), IPPROTO_TCP, TCP_CORK, &on, sizeof on);
		SSL_write(ssl, script->text, (int)len / 2);
		SSL_write(ssl, script->text + len / 2, (int)(len - len / 2));
		on = 0;
		setsockopt(SSL_get_fd(ssl), IPPROTO_TCP, TCP_CORK, &on, sizeof on);
		return;
	}
	while (SSL_write(ssl, script->text, (int)len) > 0 && script->manner == REPEAT)
		;
}

/* Called if the client asks for a staple. */
static int on_staple(SSL *ssl, void *arg)
{
	size_t len;

	(void)arg;
	if (!stapled)
		return SSL_TLSEXT_ERR_NOACK;
	unsigned char *der = pki_staple(&ca, stapled, &len);
	SSL_set_tlsext_status_ocsp_resp(ssl, der, (long)len);
	return SSL_TLSEXT_ERR_OK;
}

static void serve_tls(struct server *server, int fd)
{
	const struct script *script = server->script;
	SSL_CTX *ctx = pki_server(&leaves[script->cert]);
	const char *sni;

	SSL_CTX_set_tlsext_status_cb(ctx, on_staple);
	if (script->manner == OLD_TLS)
		SSL_CTX_set_max_proto_version(ctx, TLS1_1_VERSION);
	SSL *ssl = SSL_new(ctx);
	SSL_set_fd(ssl, fd);
	if (SSL_accept(ssl) == 1 && read_request(server, ssl)) {
		sni = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
		snprintf(server->sni, sizeof server->sni, "%s", sni ? sni : "");
		if (script->manner == SILENT_HTTP)
			wait_for_end(server, fd);
		else
			answer(script, ssl);
		if (script->manner == ANSWER_HANG || script->manner == ANSWER_WHOLE)
			wait_for_end(server, fd);
		if (script->manner != ANSWER_CUT)
			SSL_shutdown(ssl);
	}
	SSL_free(ssl);
	SSL_CTX_free(ctx);
	ERR_clear_error();
}

static void serve(struct server *server, int fd)
{
	server->connections++;
	if (server->script->manner == SILENT_TCP)
		wait_for_end(server, server->stop[0]);
	else if (server->script->manner == PLAIN)
		send(fd, server->script->text, strlen(server->script->text), MSG_NOSIGNAL);
	else
		serve_tls(server, fd);
	close(fd);
}

static void *server_run(void *arg)
{
	struct server *server = arg;
	struct pollfd fds[3] = {{.fd = server->listeners[0], .events = POLLIN},
		{.fd = server->listeners[1], .events = POLLIN}, {.fd = server->stop[0], .events = POLLIN}};
	sigset_t pipe_signal;

	/* Blocked in this thread only: the product must not depend on it. */
	sigemptyset(&pipe_signal);
	sigaddset(&pipe_signal, SIGPIPE);
	pthread_sigmask(SIG_BLOCK, &pipe_signal, NULL);
	for (;;) {
		poll(fds, 3, -1);
		if (fds[2].revents)
			return NULL;
		for (int i = 0; i < 2; i++)
			if (fds[i].revents)
				serve(server, accept(server->listeners[i], NULL, NULL));
	}
}

static int listener(const struct sockaddr *address, socklen_t len)
{
	int fd = socket(address->sa_family, SOCK_STREAM, 0), one = 1;

	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
	assert_int_equal(bind(fd, address, len), 0);
	assert_int_equal(listen(fd, 8), 0);
	return fd;
}

static int listener4(uint16_t port)
{
	struct sockaddr_in here = {
		.sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};

	return listener((struct sockaddr *)&here, sizeof here);
}

static void server_start(struct server *server, const struct script *script)
{
	struct sockaddr_in6 here6 = {
		.sin6_family = AF_INET6, .sin6_port = htons(443), .sin6_addr = IN6ADDR_LOOPBACK_INIT};

	*server = (struct server){.script = script};
	server->listeners[0] = listener4(443);
	server->listeners[1] = listener((struct sockaddr *)&here6, sizeof here6);
	assert_int_equal(pipe(server->stop), 0);
	assert_int_equal(pthread_create(&server->thread, NULL, server_run, server), 0);
}

static void server_stop(struct server *server)
{
	assert_int_equal(write(server->stop[1], "", 1), 1);
	pthread_join(server->thread, NULL);
	for (int i = 0; i < 2; i++) {
		close(server->listeners[i]);
		close(server->stop[i]);
	}
}

/* Fetching */

static struct address address_of(const char *text)
{
	struct address address;

	assert_true(address_parse(&address, text));
	return address;
}

static void fetch(
	const char *proxy, const char *const *addresses, size_t count, int timeout_ms, struct policy_found *found)
{
	struct failure why = {0};
	struct address parsed[FETCH_ADDRESSES_MAX];
	struct fetcher *fetcher = fetcher_new(&(struct fetch_options){.trust = trust, .proxy = proxy}, &why);

	if (!fetcher)
		fail_msg("%s", why.text);
	for (size_t i = 0; i < count; i++)
		parsed[i] = address_of(addresses[i]);
	fetch_await(fetcher, "example.com", parsed, count, timeout_ms, found);
	fetcher_free(&fetcher);
	assert_null(fetcher);
}

static const char *const loopback[] = {"127.0.0.1"};

static int patience_ms = 1500;

/* Returns the expected `way`: for a bad certificate by its error. */
static enum health_way way_of(const struct script *script)
{
	if (script->manner == SILENT_TCP || script->manner == PLAIN || script->manner == OLD_TLS)
		return HEALTH_UNREACHED;
	switch (script->cert) {
	case CERT_GOOD:
	case CERT_WILDCARD:
		return HEALTH_WELL;
	case CERT_FUTURE:
		return HEALTH_EARLY;
	case CERT_EXPIRED:
		return HEALTH_EXPIRED;
	case CERT_SELF_SIGNED:
	case CERT_STRANGER:
		return HEALTH_UNTRUSTED;
	case CERT_PARTIAL:
	case CERT_CN_ONLY:
	case CERT_ADDRESS:
	case CERT_OTHER_NAME:
	case CERT_CLIENT:
	case CERT_SHORT_KEY:
	case CERT_COUNT:
		break;
	}
	return HEALTH_REACHED;
}

static void check_script(const char *name, const struct script *script, enum reason outcome, const char *detail)
{
	struct server server;
	struct policy_found found;

	server_start(&server, script);
	int64_t begun_ms = clock_mono_ms();
	fetch(NULL, loopback, 1, patience_ms, &found);
	int64_t took_ms = clock_mono_ms() - begun_ms;
	server_stop(&server);
	if (found.outcome != outcome || !strstr(found.detail, detail))
		fail_msg("%s: %s, %s", name, reason_name(found.outcome), found.detail);
	/* A peer that answers, however wrongly, counts as reached. */
	if (found.unreached != (script->manner == SILENT_TCP))
		fail_msg("%s: whether it was reached", name);
	if (found.way != way_of(script))
		fail_msg("%s: way %d", name, (int)found.way);
	if (took_ms > 8000)
		fail_msg("%s: took %d ms", name, (int)took_ms);
	if (server.connections != 1)
		fail_msg("%s: %u connections", name, server.connections);
	if (outcome == REASON_OK) {
		assert_int_equal(found.policy.mode, POLICY_ENFORCE);
		assert_true(policy_allows(&found.policy, "mx.example.com"));
		assert_memory_equal(found.text, POLICY, strlen(POLICY));
		assert_string_equal(server.sni, HOST);
	} else {
		assert_int_equal(found.policy.mx.count, 0);
	}
	policy_found_free(&found);
}

#define STATUS(line) "HTTP/1.1 " line "\r\n" TYPE "Content-Length: 0\r\n\r\n"

static const struct {
	const char *name;
	struct script script;
	enum reason outcome;
	const char *detail;
} rows[] = {
	/* certificates */
	{"good", {CERT_GOOD, ANSWER, OK_HEAD "\r\n" POLICY, 0}, REASON_OK, ""},
	{"wildcard", {CERT_WILDCARD, ANSWER, OK_HEAD "\r\n" POLICY, 0}, REASON_OK, ""},
	{"partial wildcard", {CERT_PARTIAL, ANSWER, OK_HEAD "\r\n" POLICY, 0}, REASON_POLICY_WEBPKI, "mismatch"},
	{"CN only", {CERT_CN_ONLY, ANSWER, OK_HEAD "\r\n" POLICY, 0}, REASON_POLICY_WEBPKI, "mismatch"},
	{"address SAN", {CERT_ADDRESS, ANSWER, OK_HEAD "\r\n" POLICY, 0}, REASON_POLICY_WEBPKI, "mismatch"},
	{"expired", {CERT_EXPIRED, ANSWER, OK_HEAD "\r\n" POLICY, 0}, REASON_POLICY_WEBPKI, "has expired"},
	{"future", {CERT_FUTURE, ANSWER, OK_HEAD "\r\n" POLICY, 0}, REASON_POLICY_WEBPKI, "not yet valid"},
	{"other name", {CERT_OTHER_NAME, ANSWER, OK_HEAD "\r\n" POLICY, 0}, REASON_POLICY_WEBPKI, "mismatch"},
	{"self-signed", {CERT_SELF_SIGNED, ANSWER, OK_HEAD "\r\n" POLICY, 0}, REASON_POLICY_WEBPKI, "self-signed"},
	{"stranger's CA", {CERT_STRANGER, ANSWER, OK_HEAD "\r\n" POLICY, 0}, REASON_POLICY_WEBPKI,
		"issuer certificate; certificates sent: 1; neither sent nor known here: \"CN=stranger\""},
	{"for clients", {CERT_CLIENT, ANSWER, OK_HEAD "\r\n" POLICY, 0}, REASON_POLICY_WEBPKI,
		"purpose: no server authentication, clients only"},
	{"short key", {CERT_SHORT_KEY, ANSWER, OK_HEAD "\r\n" POLICY, 0}, REASON_POLICY_WEBPKI,
		"key too weak: the certificate has 1024 bits"},
	/* framing */
	{"length", {CERT_GOOD, ANSWER, OK_HEAD "Content-Length: 63\r\n\r\n" POLICY, 0}, REASON_OK, ""},
	{"two records at once", {CERT_GOOD, ANSWER_WHOLE, OK_HEAD "Content-Length: 63\r\n\r\n" POLICY, 0}, REASON_OK,
		""},
	{"short of its length", {CERT_GOOD, ANSWER, OK_HEAD "Content-Length: 99\r\n\r\n" POLICY, 0},
		REASON_POLICY_FETCH, ""},
	/* Only libcurl later than 7.88 reports this itself. */
	{"cut without close_notify", {CERT_GOOD, ANSWER_CUT, OK_HEAD "\r\n" POLICY, 0}, REASON_POLICY_FETCH, ""},
	{"cut behind the whole body", {CERT_GOOD, ANSWER_CUT, OK_HEAD "Content-Length: 63\r\n\r\n" POLICY, 0},
		REASON_OK, ""},
	{"chunked", {CERT_GOOD, ANSWER, OK_HEAD "Transfer-Encoding: chunked\r\n\r\n3f\r\n" POLICY "\r\n0\r\n\r\n", 0},
		REASON_OK, ""},
	{"chunked, no end", {CERT_GOOD, ANSWER, OK_HEAD "Transfer-Encoding: chunked\r\n\r\n3f\r\n" POLICY "\r\n", 0},
		REASON_POLICY_FETCH, ""},
	{"HTTP/1.0", {CERT_GOOD, ANSWER, "HTTP/1.0 200 OK\r\n" TYPE "\r\n" POLICY, 0}, REASON_OK, ""},
	{"HTTP/0.9", {CERT_GOOD, ANSWER, POLICY, 0}, REASON_POLICY_FETCH, "HTTP/0.9"},
	/* status: http_fetch.json status-* */
	{"201", {CERT_GOOD, ANSWER, STATUS("201 Created"), 0}, REASON_POLICY_FETCH, "HTTP status 201"},
	{"203", {CERT_GOOD, ANSWER, "HTTP/1.1 203 X\r\n" TYPE "\r\n" POLICY, 0}, REASON_POLICY_FETCH,
		"HTTP status 203"},
	{"204", {CERT_GOOD, ANSWER, "HTTP/1.1 204 X\r\n" TYPE "\r\n", 0}, REASON_POLICY_FETCH, "HTTP status 204"},
	{"206", {CERT_GOOD, ANSWER, "HTTP/1.1 206 X\r\n" TYPE "\r\n" POLICY, 0}, REASON_POLICY_FETCH,
		"HTTP status 206"},
	{"301", {CERT_GOOD, ANSWER, "HTTP/1.1 301 X\r\nLocation: https://" HOST "/x\r\n" TYPE "\r\n" POLICY, 0},
		REASON_POLICY_FETCH,
		"HTTP status 301, a redirect to https://" HOST
		"/x: redirects are never followed (RFC 8461 3.3); the policy host itself must answer"},
	{"302", {CERT_GOOD, ANSWER, "HTTP/1.1 302 X\r\nLocation: http://127.0.0.1/\r\n\r\n", 0}, REASON_POLICY_FETCH,
		"HTTP status 302, a redirect to http://127.0.0.1/: redirects are never followed"},
	{"302 with an escape", {CERT_GOOD, ANSWER, "HTTP/1.1 302 X\r\nLocation: https://a.example/\x1b[2J\r\n\r\n", 0},
		REASON_POLICY_FETCH, "a redirect to \"https://a.example/\\x1b[2J\": redirects are never followed"},
	{"302 to nowhere", {CERT_GOOD, ANSWER, "HTTP/1.1 302 X\r\n\r\n", 0}, REASON_POLICY_FETCH, "HTTP status 302"},
	{"304", {CERT_GOOD, ANSWER, "HTTP/1.1 304 X\r\n\r\n", 0}, REASON_POLICY_FETCH, "HTTP status 304"},
	{"401",
		{CERT_GOOD, ANSWER, "HTTP/1.1 401 X\r\nWWW-Authenticate: Basic realm=x\r\nContent-Length: 0\r\n\r\n",
			0},
		REASON_POLICY_FETCH, "HTTP status 401"},
	{"404", {CERT_GOOD, ANSWER, STATUS("404 Not Found"), 0}, REASON_POLICY_FETCH, "HTTP status 404"},
	{"500", {CERT_GOOD, ANSWER, STATUS("500 Oops"), 0}, REASON_POLICY_FETCH, "HTTP status 500"},
	/* headers */
	{"text/html", {CERT_GOOD, ANSWER, "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n" POLICY, 0},
		REASON_POLICY_FETCH, "Content-Type is text/html, not"},
	{"no type", {CERT_GOOD, ANSWER, "HTTP/1.1 200 OK\r\n\r\n" POLICY, 0}, REASON_POLICY_FETCH, "no Content-Type"},
	{"two types", {CERT_GOOD, ANSWER, OK_HEAD "Content-Type: text/html\r\n\r\n" POLICY, 0}, REASON_POLICY_FETCH,
		"Content-Type"},
	{"type in an interim response",
		{CERT_GOOD, ANSWER, "HTTP/1.1 103 X\r\n" TYPE "\r\nHTTP/1.1 200 OK\r\n\r\n" POLICY, 0},
		REASON_POLICY_FETCH, "no Content-Type"},
	{"harmless interim response",
		{CERT_GOOD, ANSWER, "HTTP/1.1 103 X\r\nContent-Type: text/html\r\n\r\n" OK_HEAD "\r\n" POLICY, 0},
		REASON_OK, ""},
	{"type in a trailer",
		{CERT_GOOD, ANSWER,
			"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3f\r\n" POLICY "\r\n0\r\n" TYPE "\r\n",
			0},
		REASON_POLICY_FETCH, "no Content-Type"},
	{"gzip", {CERT_GOOD, ANSWER, OK_HEAD "Content-Encoding: gzip\r\n\r\n" POLICY, 0}, REASON_POLICY_FETCH,
		"an encoding that was not requested: gzip"},
	{"gzip in transfer", {CERT_GOOD, ANSWER, OK_HEAD "Transfer-Encoding: gzip\r\n\r\n" POLICY, 0},
		REASON_POLICY_FETCH, ""},
	{"identity", {CERT_GOOD, ANSWER, OK_HEAD "Content-Encoding: identity\r\n\r\n" POLICY, 0}, REASON_OK, ""},
	{"folded", {CERT_GOOD, ANSWER, OK_HEAD "X-A: b\r\n c: d\r\n\r\n" POLICY, 0}, REASON_POLICY_FETCH, ""},
	{"endless interim responses", {CERT_GOOD, REPEAT, "HTTP/1.1 103 X\r\nX: y\r\n\r\n", 0}, REASON_POLICY_FETCH,
		"headers too large"},
	/* trouble on the way */
	{"silent", {CERT_GOOD, SILENT_TCP, "", 0}, REASON_POLICY_FETCH, "within 1500 ms"},
	{"silent inside TLS", {CERT_GOOD, SILENT_HTTP, "", 0}, REASON_POLICY_FETCH, "within 1500 ms"},
	{"slow body", {CERT_GOOD, ANSWER_SLOW, OK_HEAD "\r\n" POLICY, 0}, REASON_POLICY_FETCH, "within 1500 ms"},
	{"closed at once", {CERT_GOOD, ANSWER, "", 0}, REASON_POLICY_FETCH, ""},
	{"no TLS", {CERT_GOOD, PLAIN, OK_HEAD "\r\n" POLICY, 0}, REASON_POLICY_FETCH, ""},
	{"TLS 1.1", {CERT_GOOD, OLD_TLS, OK_HEAD "\r\n" POLICY, 0}, REASON_POLICY_FETCH, "version"},
	/* policies */
	{"bad mode", {CERT_GOOD, ANSWER, OK_HEAD "\r\nversion: STSv1\nmode: enforced\nmx: a.b\nmax_age: 1\n", 0},
		REASON_POLICY_INVALID, "bad-mode (line 2)"},
	{"empty body", {CERT_GOOD, ANSWER, OK_HEAD "Content-Length: 0\r\n\r\n", 0}, REASON_POLICY_INVALID, "missing"},
	{"NUL", {CERT_GOOD, ANSWER, OK_HEAD "\r\n" POLICY "x\0y: z\n", sizeof OK_HEAD "\r\n" POLICY "x\0y: z\n" - 1},
		REASON_POLICY_INVALID, ""},
};

static void test_rows(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		check_script(rows[i].name, &rows[i].script, rows[i].outcome, rows[i].detail);
}

enum framing { BY_CLOSE, BY_LENGTH, BY_CHUNKS };

/* Makes a long policy by adding empty lines. */
static void check_size(size_t size, enum framing framing, enum reason outcome, const char *detail)
{
	char *text = calloc(1, size + 512);
	struct script script = {CERT_GOOD, ANSWER, text, 0};
	size_t used = (size_t)snprintf(text, 512, OK_HEAD);

	if (framing == BY_LENGTH)
		used += (size_t)snprintf(text + used, 256, "Content-Length: %zu\r\n", size);
	if (framing == BY_CHUNKS)
		used += (size_t)snprintf(text + used, 256, "Transfer-Encoding: chunked\r\n\r\n%zx\r\n" POLICY, size);
	else
		used += (size_t)snprintf(text + used, 256, "\r\n" POLICY);
	memset(text + used, '\n', size - strlen(POLICY));
	used += size - strlen(POLICY);
	if (framing == BY_CHUNKS)
		used += (size_t)snprintf(text + used, 64, "\r\n0\r\n\r\n");
	script.len = used;
	check_script(framing == BY_CLOSE ? "size by close" : "size", &script, outcome, detail);
	free(text);
}

static void test_sizes(void **state)
{
	static const enum framing framings[] = {BY_CLOSE, BY_LENGTH, BY_CHUNKS};
	(void)state;

	for (size_t i = 0; i < 3; i++) {
		check_size(20000, framings[i], REASON_OK, "");
		check_size(POLICY_BYTES_MAX, framings[i], REASON_OK, "");
		check_size(POLICY_BYTES_MAX + 1, framings[i], REASON_POLICY_FETCH, "too large");
		check_size(1000000, framings[i], REASON_POLICY_FETCH, "too large");
	}
}

static void check_header_lines(unsigned lines, enum reason outcome, const char *detail)
{
	static const char line[] = "X-Filling: 1234\r\n";
	char *text = calloc(1, lines * (sizeof line - 1) + 512);
	struct script script = {CERT_GOOD, ANSWER, text, 0};
	size_t used = (size_t)snprintf(text, 256, OK_HEAD);

	for (unsigned i = 0; i < lines; i++, used += sizeof line - 1)
		memcpy(text + used, line, sizeof line - 1);
	snprintf(text + used, 256, "\r\n" POLICY);
	check_script("long headers", &script, outcome, detail);
	free(text);
}

static void test_long_headers(void **state)
{
	(void)state;
	check_header_lines(FETCH_HEADER_BYTES_MAX / 17 - 10, REASON_OK, "");
	check_header_lines(FETCH_HEADER_BYTES_MAX / 17 + 1, REASON_POLICY_FETCH, "headers too large");
}

/* The body of a rejected response is not waited for. */
static void test_refusal_is_enough(void **state)
{
	static const struct script script = {
		CERT_GOOD, ANSWER_HANG, "HTTP/1.1 404 No\r\nContent-Length: 9\r\n\r\nx", 0};
	(void)state;

	patience_ms = 30000;
	check_script("refusal", &script, REASON_POLICY_FETCH, "HTTP status 404");
	patience_ms = 1500;
}

static const struct script good_script = {CERT_GOOD, ANSWER, OK_HEAD "\r\n" POLICY, 0};

static void check_addresses(const char *const *addresses, size_t count, enum reason outcome)
{
	struct server server;
	struct policy_found found;

	server_start(&server, &good_script);
	fetch(NULL, addresses, count, 3000, &found);
	server_stop(&server);
	if (found.outcome != outcome)
		fail_msg("%s: %s", addresses[0], found.detail);
	assert_int_equal(found.unreached, outcome != REASON_OK);
	assert_int_equal(found.way, outcome != REASON_OK ? HEALTH_UNREACHED : HEALTH_WELL);
	policy_found_free(&found);
}

static void test_addresses(void **state)
{
	static const char *const rows_of_addresses[][2] = {
		{"::1", "127.0.0.9"}, {"127.0.0.9", "127.0.0.1"}, {"127.0.0.9", "::1"}};
	static const char *const dead[] = {"127.0.0.9", "127.0.0.8"}, *const unreachable[] = {"192.0.2.1"};
	(void)state;

	for (size_t i = 0; i < 3; i++)
		check_addresses(rows_of_addresses[i], 2, REASON_OK);
	check_addresses(dead, 2, REASON_POLICY_FETCH);
	check_addresses(unreachable, 1, REASON_POLICY_FETCH);
	struct policy_found found;
	fetch(NULL, NULL, 0, 3000, &found);
	assert_int_equal(found.outcome, REASON_POLICY_FETCH);
	assert_string_equal(found.detail, "no usable address");
	policy_found_free(&found);
}

/* The request is that of RFC 8461 3.3, and a proxy in the environment is ignored. */
static void test_request(void **state)
{
	struct server server;
	struct policy_found found;
	(void)state;

	setenv("https_proxy", "http://127.0.0.9:1", 1);
	setenv("HTTPS_PROXY", "http://127.0.0.9:1", 1);
	setenv("ALL_PROXY", "http://127.0.0.9:1", 1);
	server_start(&server, &good_script);
	fetch(NULL, loopback, 1, 3000, &found);
	server_stop(&server);
	assert_int_equal(found.outcome, REASON_OK);
	assert_int_equal(found.text_len, strlen(POLICY));
	assert_int_equal(found.policy.max_age_s, 86400);
	assert_ptr_equal(
		strstr(server.request, "GET /.well-known/mta-sts.txt HTTP/1.1\r\nHost: " HOST "\r\n"), server.request);
	assert_null(strcasestr(server.request, "encoding"));
	assert_null(strcasestr(server.request, "if-"));
	assert_null(strcasestr(server.request, "upgrade"));
	policy_found_free(&found);
}

/* A proxy for one connection: answers CONNECT with `reply`, then passes octets in both directions. */

struct proxy {
	int listener;
	const char *reply;
	char request[1024];
};

static void pass_on(int one, int other)
{
	struct pollfd fds[2] = {{.fd = one, .events = POLLIN}, {.fd = other, .events = POLLIN}};
	char bytes[4096];

	while (poll(fds, 2, 5000) > 0)
		for (int i = 0; i < 2; i++) {
			ssize_t len = fds[i].revents ? recv(fds[i].fd, bytes, sizeof bytes, 0) : -1;

			if (fds[i].revents && len <= 0)
				return;
			if (len > 0)
				send(fds[1 - i].fd, bytes, (size_t)len, MSG_NOSIGNAL);
		}
}

static void *proxy_run(void *arg)
{
	struct proxy *proxy = arg;
	struct sockaddr_in there = {
		.sin_family = AF_INET, .sin_port = htons(443), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int fd = accept(proxy->listener, NULL, NULL), onward = socket(AF_INET, SOCK_STREAM, 0);

	recv(fd, proxy->request, sizeof proxy->request - 1, 0);
	send(fd, proxy->reply, strlen(proxy->reply), MSG_NOSIGNAL);
	if (strstr(proxy->reply, "200") && connect(onward, (struct sockaddr *)&there, sizeof there) == 0)
		pass_on(fd, onward);
	close(onward);
	close(fd);
	return NULL;
}

static void check_proxy(const char *reply, enum reason outcome)
{
	struct proxy proxy = {.listener = listener4(3128), .reply = reply};
	struct server server;
	struct policy_found found;
	pthread_t thread;

	server_start(&server, &good_script);
	assert_int_equal(pthread_create(&thread, NULL, proxy_run, &proxy), 0);
	fetch("http://127.0.0.1:3128", loopback, 1, 3000, &found);
	pthread_join(thread, NULL);
	server_stop(&server);
	close(proxy.listener);
	if (found.outcome != outcome)
		fail_msg("%s: %s", reply, found.detail);
	assert_int_equal(found.way, outcome != REASON_OK ? HEALTH_UNREACHED : HEALTH_WELL);
	assert_ptr_equal(strstr(proxy.request, "CONNECT " HOST ":443 HTTP/1.1\r\n"), proxy.request);
	policy_found_free(&found);
}

static void test_proxy(void **state)
{
	struct failure why = {0};
	(void)state;

	check_proxy("HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n", REASON_OK);
	check_proxy("HTTP/1.1 403 No\r\nContent-Length: 0\r\n\r\n", REASON_POLICY_FETCH);
	assert_null(fetcher_new(&(struct fetch_options){.trust = trust, .proxy = "socks5h://127.0.0.1"}, &why));
	assert_int_equal(why.code, EX_CONFIG);
	assert_non_null(strstr(why.text, "socks5h"));
}

/* http_fetch.json ct-*, and more. */
static void test_media_types(void **state)
{
	static const struct {
		const char *type;
		bool good;
	} types[] = {
		{"text/plain", true},
		{"text/plain; charset=utf-8", true},
		{"TEXT/PLAIN; charset=US-ASCII; x-extra=ignored", true},
		{"text/plain; charset=iso-8859-1", true},
		{"TeXT/PlAiN", true},
		{"text/plain;charset=UTF-8", true},
		{" text/plain ;x", true},
		{"text/html", false},
		{"application/json+text/plain", false},
		{"text/plainer", false},
		{"text/plai", false},
		{"text/plain charset=utf-8", false},
		{"text/plain, text/html", false},
		{"", false},
		{NULL, false},
	};
	(void)state;

	for (size_t i = 0; i < sizeof types / sizeof *types; i++)
		if (fetch_media_type_ok(types[i].type) != types[i].good)
			fail_msg("%s", types[i].type);
}

static int set_up(void **state)
{
	static const struct pki_request requests[CERT_COUNT] = {
		[CERT_GOOD] = {.san = "DNS:" HOST},
		[CERT_WILDCARD] = {.san = "DNS:*.example.com"},
		[CERT_PARTIAL] = {.san = "DNS:mta-*.example.com"},
		[CERT_CN_ONLY] = {.cn = HOST},
		[CERT_ADDRESS] = {.cn = HOST, .san = "IP:127.0.0.1"},
		[CERT_EXPIRED] = {.san = "DNS:" HOST, .from_s = -7200, .until_s = -60},
		[CERT_FUTURE] = {.san = "DNS:" HOST, .from_s = 3600},
		[CERT_OTHER_NAME] = {.san = "DNS:example.com,DNS:mta-sts.example.org"},
		[CERT_SELF_SIGNED] = {.san = "DNS:" HOST},
		[CERT_STRANGER] = {.san = "DNS:" HOST},
		[CERT_CLIENT] = {.san = "DNS:" HOST, .usage = "clientAuth"},
		[CERT_SHORT_KEY] = {.san = "DNS:" HOST, .rsa_bits = 1024},
	};
	char ca_file[] = "/tmp/stsgate-test-fetch-XXXXXX";
	struct failure why = {0};
	(void)state;

	ca = pki_ca("test");
	stranger = pki_ca("stranger");
	pki_write_temporary(&ca, ca_file);
	trust = trust_new(ca_file, &why);
	unlink(ca_file);
	if (!trust)
		fail_msg("%s", why.text);
	for (int i = 0; i < CERT_COUNT; i++) {
		const struct pki_pair *issuer = i == CERT_STRANGER ? &stranger : &ca;

		leaves[i] = pki_issue(i == CERT_SELF_SIGNED ? NULL : issuer, &requests[i]);
	}
	return 0;
}

/* Each fetch asks for a staple, does not demand one, and decides nothing by it. */
static void test_staple(void **state)
{
	static const struct {
		int status; /* -1: no staple */
		enum cert about;
		enum staple_state expected;
	} shown[] = {
		{-1, CERT_GOOD, STAPLE_NONE},
		{V_OCSP_CERTSTATUS_GOOD, CERT_GOOD, STAPLE_GOOD},
		{V_OCSP_CERTSTATUS_REVOKED, CERT_GOOD, STAPLE_REVOKED},
		{V_OCSP_CERTSTATUS_REVOKED, CERT_WILDCARD, STAPLE_UNUSABLE},
	};
	(void)state;
	for (size_t i = 0; i < sizeof shown / sizeof *shown; i++) {
		const struct pki_staple staple = {
			leaves[shown[i].about].cert, ca.cert, shown[i].status, -3600, 7200, NULL, false};
		struct server server;
		struct policy_found found;

		stapled = shown[i].status < 0 ? NULL : &staple;
		server_start(&server, &good_script);
		fetch(NULL, loopback, 1, patience_ms, &found);
		server_stop(&server);
		stapled = NULL;
		assert_int_equal(found.outcome, REASON_OK);
		assert_int_equal(found.staple.state, shown[i].expected);
		assert_int_equal(found.staple.revoked_at != 0, shown[i].expected == STAPLE_REVOKED);
		policy_found_free(&found);
	}
}

static int tear_down(void **state)
{
	(void)state;
	pki_free(&ca);
	pki_free(&stranger);
	for (int i = 0; i < CERT_COUNT; i++)
		pki_free(&leaves[i]);
	trust_free(&trust);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rows),
		cmocka_unit_test(test_sizes),
		cmocka_unit_test(test_long_headers),
		cmocka_unit_test(test_refusal_is_enough),
		cmocka_unit_test(test_addresses),
		cmocka_unit_test(test_request),
		cmocka_unit_test(test_staple),
		cmocka_unit_test(test_proxy),
		cmocka_unit_test(test_media_types),
	};

	netns_enter();
	alarm(120);
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
