/* probe against scripted SMTP servers, in a network namespace of the program's own. */
#include "clock.h"
#include "netns.h"
#include "pki.h"
#include "probe.h"
#include "probe_await.h"
#include "smtp.h"
#include "trust.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <openssl/err.h>
#include <openssl/ocsp.h>
#include <openssl/x509v3.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#define HOST "mx.example.com"
#define TIMEOUT_MS 1500
#define LATE_MS 6000 /* extra time for a busy machine; a silent server closes after 10 s */
#define GREETING "220 mx ESMTP\r\n"
#define EHLO "250-mx\r\n250-PIPELINING\r\n250-STARTTLS\r\n250 8BITMIME\r\n"
#define GO "220 go ahead\r\n"
#define HANG NULL /* in place of a reply: send nothing */
#define CUT ""    /* in place of a reply: close */

enum cert {
	CERT_GOOD,
	CERT_WILDCARD,
	CERT_PARTIAL,
	CERT_CN_ONLY,
	CERT_EXPIRED,
	CERT_FUTURE,
	CERT_OTHER_NAME,
	CERT_SELF_SIGNED,
	CERT_STRANGER,
	CERT_EXPIRED_OTHER_NAME,
	CERT_STRANGER_EXPIRED_OTHER_NAME,
	CERT_SHORT_KEY,
	CERT_LONG,
	CERT_ODD_NAMES,
	CERT_VERY_SHORT_KEY,
	CERT_BELOW_SHORT_KEY,
	CERT_SHORT_KEY_OTHER_NAME,
	CERT_SHORT_KEY_CN_ONLY,
	CERT_SHORT_KEY_EXPIRED,
	CERT_CLIENT,
	CERT_EMAIL,
	CERT_BELOW_INTER,
	CERT_SHA1,
	CERT_BELOW_ORG,
	CERT_MUST_STAPLE,
	CERT_COUNT
};

enum manner {
	TLS_GOOD,
	TLS_HANG,
	TLS_CUT,
	TLS_GARBAGE,
	TLS_ALERT,
	TLS_ONLY_1_0,
	TLS_ONLY_1_1,
	TLS_ONLY_1_2,
	TLS_ANONYMOUS,
	TLS_SLOW,
	TLS_FLOOD,
	TLS_VANISH,
	TLS_DEAF /* no reply to EHLO behind TLS */
};

struct script {
	const char *greeting, *ehlo, *starttls;
	enum manner manner;
	enum cert cert;
	unsigned dribble_ms; /* pause between the octets of the greeting */
};

static struct pki_pair ca, stranger, weak, inter, org, leaves[CERT_COUNT];
static struct trust *trust;
static struct probe_room room;
static const char *reply_behind = EHLO;  /* the reply to EHLO behind TLS; set while no server runs */
static const struct pki_staple *stapled; /* NULL: the server shows no staple; set while no server runs */
static bool staple_asked;

struct server {
	const struct script *script;
	int listener, stop[2];
	uint16_t port;
	bool tls_first;
	pthread_t thread;
	char client[64], sni[256], commands[1024], ehlo[64], quit[64];
};

/* The server */

static void hang(struct server *server, int fd)
{
	struct pollfd fds[2] = {{.fd = fd, .events = POLLRDHUP}, {.fd = server->stop[0], .events = POLLIN}};

	poll(fds, 2, 10000);
}

static bool say(struct server *server, int fd, const char *reply, unsigned dribble_ms)
{
	if (reply == HANG) {
		hang(server, fd);
		return false;
	}
	if (!dribble_ms)
		return *reply && send(fd, reply, strlen(reply), MSG_NOSIGNAL) > 0;
	for (; *reply && send(fd, reply, 1, MSG_NOSIGNAL) == 1; reply++)
		usleep(dribble_ms * 1000);
	return true;
}

/* Reads one command line, octet by octet, so that no octet of a ClientHello is read. */
static bool hear(struct server *server, int fd)
{
	size_t used = strlen(server->commands);
	char octet;

	while (used < sizeof server->commands - 1 && recv(fd, &octet, 1, 0) == 1) {
		server->commands[used++] = octet;
		server->commands[used] = '\0';
		if (octet == '\n')
			return true;
	}
	return false;
}

static void answer_raw(struct server *server, int fd, const void *bytes, size_t len)
{
	char hello[4096];

	(void)server;
	recv(fd, hello, sizeof hello, 0);
	send(fd, bytes, len, MSG_NOSIGNAL);
	recv(fd, hello, sizeof hello, 0);
}

/* Called if the client asks for a staple. */
static int on_staple(SSL *ssl, void *arg)
{
	size_t len;

	(void)arg;
	staple_asked = true;
	if (!stapled)
		return SSL_TLSEXT_ERR_NOACK;
	unsigned char *der = pki_staple(&ca, stapled, &len);
	SSL_set_tlsext_status_ocsp_resp(ssl, der, (long)len);
	return SSL_TLSEXT_ERR_OK;
}

static SSL_CTX *server_context(const struct script *script)
{
	SSL_CTX *ctx = pki_server(&leaves[script->cert]);

	SSL_CTX_set_tlsext_status_cb(ctx, on_staple);
	if (script->cert == CERT_BELOW_SHORT_KEY)
		assert_int_equal(SSL_CTX_add1_chain_cert(ctx, weak.cert), 1);
	if (script->cert == CERT_BELOW_ORG)
		assert_int_equal(SSL_CTX_add1_chain_cert(ctx, org.cert), 1);
	if (script->manner == TLS_ONLY_1_0)
		SSL_CTX_set_max_proto_version(ctx, TLS1_VERSION);
	if (script->manner == TLS_ONLY_1_1)
		SSL_CTX_set_max_proto_version(ctx, TLS1_1_VERSION);
	if (script->manner == TLS_ONLY_1_2 || script->manner == TLS_ANONYMOUS)
		SSL_CTX_set_max_proto_version(ctx, TLS1_2_VERSION);
	if (script->manner == TLS_ANONYMOUS) { /* preferred, but others are offered, too */
		SSL_CTX_set_cipher_list(ctx, "aNULL:HIGH:@SECLEVEL=0");
		SSL_CTX_set_options(ctx, SSL_OP_CIPHER_SERVER_PREFERENCE);
		SSL_CTX_set_dh_auto(ctx, 1);
	}
	return ctx;
}

/* Reads a command. */
static bool hear_tls(SSL *ssl, char *command, size_t size)
{
	int len = SSL_read(ssl, command, (int)size - 1);

	command[len > 0 ? len : 0] = '\0';
	return len > 0;
}

/* Serves EHLO, if it comes, and reads QUIT. Returns false if the connection is to be closed. */
static bool serve_commands(struct server *server, int fd, SSL *ssl)
{
	server->ehlo[0] = '\0';
	if (!hear_tls(ssl, server->quit, sizeof server->quit) || strncmp(server->quit, "EHLO", 4) != 0)
		return true;
	memcpy(server->ehlo, server->quit, sizeof server->ehlo);
	if (server->script->manner == TLS_DEAF)
		hang(server, fd);
	else if (*reply_behind)
		SSL_write(ssl, reply_behind, (int)strlen(reply_behind));
	return *reply_behind && hear_tls(ssl, server->quit, sizeof server->quit);
}

static void serve_tls(struct server *server, int fd)
{
	SSL_CTX *ctx = server_context(server->script);
	SSL *ssl = SSL_new(ctx);
	const char *sni;

	SSL_set_fd(ssl, fd);
	if (SSL_accept(ssl) == 1) {
		sni = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
		snprintf(server->sni, sizeof server->sni, "%s", sni ? sni : "");
		if (server->tls_first && server->script->greeting && *server->script->greeting)
			SSL_write(ssl, server->script->greeting, (int)strlen(server->script->greeting));
		if (server->tls_first && server->script->greeting == HANG)
			hang(server, fd);
		bool goes_on = serve_commands(server, fd, ssl);
		if (server->script->manner == TLS_SLOW)
			hang(server, fd);
		if (goes_on) {
			SSL_write(ssl, "221 bye\r\n", 9);
			SSL_shutdown(ssl);
		}
	}
	SSL_free(ssl);
	SSL_CTX_free(ctx);
	ERR_clear_error();
}

/* Sends HelloRequests, which a client ignores during a handshake. */
static void flood(struct server *server, int fd)
{
	static const char request[] = "\26\3\3\0\4\0\0\0";
	char hello[4096];

	recv(fd, hello, sizeof hello, 0);
	for (int i = 0; i < 300 * 1024 / (int)sizeof request; i++)
		if (send(fd, request, sizeof request, MSG_NOSIGNAL) < 0)
			return;
	hang(server, fd);
}

static void reset(int fd)
{
	struct linger linger = {.l_onoff = 1, .l_linger = 0};

	setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof linger);
}

/* Sends its part of the handshake and resets the connection: the client's next write would raise SIGPIPE. */
static void vanish(struct server *server, int fd)
{
	SSL_CTX *ctx = server_context(server->script);
	SSL *ssl = SSL_new(ctx);
	struct pollfd readable = {.fd = fd, .events = POLLIN};

	poll(&readable, 1, 5000);
	usleep(20 * 1000);
	fcntl(fd, F_SETFL, O_NONBLOCK);
	SSL_set_fd(ssl, fd);
	SSL_accept(ssl);
	reset(fd);
	SSL_free(ssl);
	SSL_CTX_free(ctx);
}

static void serve_handshake(struct server *server, int fd)
{
	switch (server->script->manner) {
	case TLS_CUT:
		return;
	case TLS_HANG:
		hang(server, fd);
		return;
	case TLS_GARBAGE:
		answer_raw(server, fd, "250 what?\r\n", 11);
		return;
	case TLS_ALERT: /* fatal, protocol_version */
		answer_raw(server, fd, "\25\3\1\0\2\2\106", 7);
		return;
	case TLS_FLOOD:
		flood(server, fd);
		return;
	case TLS_VANISH:
		vanish(server, fd);
		return;
	case TLS_GOOD:
	case TLS_ONLY_1_0:
	case TLS_ONLY_1_1:
	case TLS_ONLY_1_2:
	case TLS_ANONYMOUS:
	case TLS_SLOW:
	case TLS_DEAF:
		serve_tls(server, fd);
	}
}

static void serve(struct server *server, int fd)
{
	const struct script *script = server->script;

	server->commands[0] = '\0';
	if (server->tls_first) {
		serve_handshake(server, fd);
		close(fd);
		return;
	}
	if (say(server, fd, script->greeting, script->dribble_ms) && hear(server, fd) &&
		say(server, fd, script->ehlo, 0) && hear(server, fd) && say(server, fd, script->starttls, 0))
		serve_handshake(server, fd);
	close(fd);
}

static void *server_run(void *arg)
{
	struct server *server = arg;
	struct pollfd fds[2] = {{.fd = server->listener, .events = POLLIN}, {.fd = server->stop[0], .events = POLLIN}};
	sigset_t pipe_signal;

	/* Blocked in this thread only: the product must not depend on it. */
	sigemptyset(&pipe_signal);
	sigaddset(&pipe_signal, SIGPIPE);
	pthread_sigmask(SIG_BLOCK, &pipe_signal, NULL);
	for (;;) {
		struct sockaddr_storage peer;
		socklen_t len = sizeof peer;
		int fd;

		poll(fds, 2, -1);
		if (fds[1].revents)
			return NULL;
		fd = accept(server->listener, (struct sockaddr *)&peer, &len);
		if (peer.ss_family == AF_INET)
			inet_ntop(AF_INET, &((struct sockaddr_in *)&peer)->sin_addr, server->client,
				sizeof server->client);
		serve(server, fd);
	}
}

static int listen_on(const char *address, int backlog, uint16_t *port)
{
	struct sockaddr_in in = {.sin_family = AF_INET};
	struct sockaddr_in6 in6 = {.sin6_family = AF_INET6};
	bool six = strchr(address, ':') != NULL;
	struct sockaddr *here = six ? (struct sockaddr *)&in6 : (struct sockaddr *)&in;
	socklen_t len = six ? sizeof in6 : sizeof in;
	int fd = socket(six ? AF_INET6 : AF_INET, SOCK_STREAM, 0), yes = 1;

	in.sin_port = in6.sin6_port = htons(*port);
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
	assert_int_equal(inet_pton(six ? AF_INET6 : AF_INET, address, six ? (void *)&in6.sin6_addr : &in.sin_addr), 1);
	assert_int_equal(bind(fd, here, len), 0);
	assert_int_equal(listen(fd, backlog), 0);
	assert_int_equal(getsockname(fd, here, &len), 0);
	*port = ntohs(six ? in6.sin6_port : in.sin_port);
	return fd;
}

/* `port` 0: any. */
static void server_start(
	struct server *server, const struct script *script, const char *address, uint16_t port, bool tls_first)
{
	*server = (struct server){.script = script, .tls_first = tls_first, .port = port};
	server->listener = listen_on(address, 16, &server->port);
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

/* Probing */

static struct address address_of(const char *text)
{
	struct address address;

	assert_true(address_parse(&address, text));
	return address;
}

static struct prober *prober_of(const char *bind4)
{
	struct probe_options options = {.trust = trust, .helo = "relay.example"};
	struct failure why = {0};
	struct prober *prober;

	if (bind4)
		options.bind4 = address_of(bind4);
	prober = prober_new(&options, &why);
	if (!prober)
		fail_msg("%s", why.text);
	return prober;
}

static bool passing; /* whether the last failure may be temporary */

static struct evidence probe(const char *bind4, const char *address, uint16_t port)
{
	struct prober *prober = prober_of(bind4);
	struct address to = address_of(address);
	struct evidence seen;

	memset(&seen, 0xff, sizeof seen);
	passing = probe_await(&room, prober, HOST, &to, port, TIMEOUT_MS, NULL, &seen);
	prober_free(&prober);
	assert_null(prober);
	return seen;
}

static struct evidence probe_script(const struct script *script, const char *address, struct server *server)
{
	server_start(server, script, address, 0, false);
	int64_t begun_ms = clock_mono_ms();
	struct evidence seen = probe(NULL, address, server->port);
	int64_t took_ms = clock_mono_ms() - begun_ms;
	server_stop(server);
	assert_in_range(took_ms, 0, TIMEOUT_MS + LATE_MS);
	assert_string_equal(seen.address, address);
	return seen;
}

#define LINE_4 "220-4567890123456789012345678901234567890123456789012345678901\r\n" /* 64 octets */
#define LINES_16                                                                                                       \
	LINE_4 LINE_4 LINE_4 LINE_4 LINE_4 LINE_4 LINE_4 LINE_4 LINE_4 LINE_4 LINE_4 LINE_4 LINE_4 LINE_4 LINE_4 LINE_4
#define LINES_48 LINES_16 LINES_16 LINES_16
#define LINES_63                                                                                                       \
	LINES_48 LINE_4 LINE_4 LINE_4 LINE_4 LINE_4 LINE_4 LINE_4 LINE_4 LINE_4 LINE_4 LINE_4 LINE_4 LINE_4 LINE_4     \
		LINE_4
#define LINE_LAST "220 4567890123456789012345678901234567890123456789012345678901\r\n"
_Static_assert(sizeof LINES_63 LINE_LAST - 1 == 4096, "as long as what the probe reads at once");

static const struct {
	const char *name;
	struct script script;
	enum reason reason;
	const char *text;
} rows[] = {
	{"good", {GREETING, EHLO, GO, TLS_GOOD, CERT_GOOD, 0}, REASON_OK, ""},
	{"wildcard", {GREETING, EHLO, GO, TLS_GOOD, CERT_WILDCARD, 0}, REASON_OK, ""},
	{"TLS 1.2", {GREETING, EHLO, GO, TLS_ONLY_1_2, CERT_GOOD, 0}, REASON_OK, ""},
	{"anonymous preferred", {GREETING, EHLO, GO, TLS_ANONYMOUS, CERT_GOOD, 0}, REASON_OK, ""},
	{"no goodbye", {GREETING, EHLO, GO, TLS_SLOW, CERT_GOOD, 0}, REASON_OK, ""},
	{"long greeting", {"220-a\r\n220-b\r\n220 c\r\n", EHLO, GO, TLS_GOOD, CERT_GOOD, 0}, REASON_OK, ""},
	{"lower case", {GREETING, "250-mx\r\n250 starttls\r\n", GO, TLS_GOOD, CERT_GOOD, 0}, REASON_OK, ""},
	/* certificates */
	{"partial wildcard", {GREETING, EHLO, GO, TLS_GOOD, CERT_PARTIAL, 0}, REASON_CERT_HOST_MISMATCH, "mismatch"},
	{"CN only", {GREETING, EHLO, GO, TLS_GOOD, CERT_CN_ONLY, 0}, REASON_CERT_HOST_MISMATCH,
		"mismatch: the host is only in the CN, not in the SAN"},
	{"other name", {GREETING, EHLO, GO, TLS_GOOD, CERT_OTHER_NAME, 0}, REASON_CERT_HOST_MISMATCH, "mismatch"},
	{"expired", {GREETING, EHLO, GO, TLS_GOOD, CERT_EXPIRED, 0}, REASON_CERT_EXPIRED, "expired"},
	{"future", {GREETING, EHLO, GO, TLS_GOOD, CERT_FUTURE, 0}, REASON_CERT_NOT_YET_VALID, "not yet valid"},
	{"self-signed", {GREETING, EHLO, GO, TLS_GOOD, CERT_SELF_SIGNED, 0}, REASON_CERT_UNTRUSTED, "self-signed"},
	{"stranger's CA", {GREETING, EHLO, GO, TLS_GOOD, CERT_STRANGER, 0}, REASON_CERT_UNTRUSTED, "issuer"},
	{"expired, other name", {GREETING, EHLO, GO, TLS_GOOD, CERT_EXPIRED_OTHER_NAME, 0}, REASON_CERT_EXPIRED, ""},
	{"all wrong", {GREETING, EHLO, GO, TLS_GOOD, CERT_STRANGER_EXPIRED_OTHER_NAME, 0}, REASON_CERT_UNTRUSTED, ""},
	{"short key", {GREETING, EHLO, GO, TLS_GOOD, CERT_SHORT_KEY, 0}, REASON_CERT_WEAK_KEY,
		"key too weak: the certificate has 1024 bits"},
	{"very short key", {GREETING, EHLO, GO, TLS_ONLY_1_2, CERT_VERY_SHORT_KEY, 0}, REASON_CERT_WEAK_KEY,
		"key too weak: the certificate has 512 bits"},
	{"issuer's short key", {GREETING, EHLO, GO, TLS_GOOD, CERT_BELOW_SHORT_KEY, 0}, REASON_CERT_WEAK_KEY,
		"key too weak"},
	{"short key, other name", {GREETING, EHLO, GO, TLS_GOOD, CERT_SHORT_KEY_OTHER_NAME, 0}, REASON_CERT_WEAK_KEY,
		"1024 bits"},
	{"short key, CN only", {GREETING, EHLO, GO, TLS_GOOD, CERT_SHORT_KEY_CN_ONLY, 0}, REASON_CERT_WEAK_KEY,
		"1024 bits"},
	{"short key, expired", {GREETING, EHLO, GO, TLS_GOOD, CERT_SHORT_KEY_EXPIRED, 0}, REASON_CERT_EXPIRED, ""},
	{"for clients", {GREETING, EHLO, GO, TLS_GOOD, CERT_CLIENT, 0}, REASON_CERT_PURPOSE,
		": no server authentication, clients only"},
	{"for e-mail", {GREETING, EHLO, GO, TLS_GOOD, CERT_EMAIL, 0}, REASON_CERT_PURPOSE,
		": no server authentication"},
	{"intermediate missing", {GREETING, EHLO, GO, TLS_GOOD, CERT_BELOW_INTER, 0}, REASON_CERT_UNTRUSTED,
		"certificates sent: 1; neither sent nor known here: CN=inter"},
	{"SHA-1", {GREETING, EHLO, GO, TLS_GOOD, CERT_SHA1, 0}, REASON_CERT_UNTRUSTED, "digest algorithm too weak"},
	{"overlong chain", {GREETING, EHLO, GO, TLS_GOOD, CERT_LONG, 0}, REASON_TLS_FAILED, "excessive message size"},
	/* handshakes */
	{"TLS 1.0", {GREETING, EHLO, GO, TLS_ONLY_1_0, CERT_GOOD, 0}, REASON_TLS_TOO_OLD, "TLSv1"},
	{"TLS 1.1", {GREETING, EHLO, GO, TLS_ONLY_1_1, CERT_GOOD, 0}, REASON_TLS_TOO_OLD, "TLSv1.1"},
	{"TLS 1.1, bad certificate", {GREETING, EHLO, GO, TLS_ONLY_1_1, CERT_STRANGER, 0}, REASON_TLS_TOO_OLD, ""},
	{"version alert", {GREETING, EHLO, GO, TLS_ALERT, CERT_GOOD, 0}, REASON_TLS_TOO_OLD, "protocol version"},
	{"garbage", {GREETING, EHLO, GO, TLS_GARBAGE, CERT_GOOD, 0}, REASON_TLS_FAILED, "wrong version number"},
	{"cut", {GREETING, EHLO, GO, TLS_CUT, CERT_GOOD, 0}, REASON_TLS_FAILED, "cut"},
	{"never answered", {GREETING, EHLO, GO, TLS_HANG, CERT_GOOD, 0}, REASON_HOP_TIMEOUT, "handshake"},
	{"flood", {GREETING, EHLO, GO, TLS_FLOOD, CERT_GOOD, 0}, REASON_TLS_FAILED, "too many octets"},
	/* STARTTLS */
	{"not offered", {GREETING, "250-mx\r\n250 8BITMIME\r\n", CUT, TLS_GOOD, CERT_GOOD, 0}, REASON_STARTTLS_MISSING,
		""},
	{"only as name", {GREETING, "250 STARTTLS\r\n", CUT, TLS_GOOD, CERT_GOOD, 0}, REASON_STARTTLS_MISSING, ""},
	{"stripped", {GREETING, "250-mx\r\n250 XXXXXXXX\r\n", CUT, TLS_GOOD, CERT_GOOD, 0}, REASON_STARTTLS_MISSING,
		""},
	{"no EHLO", {GREETING, "502 what?\r\n", CUT, TLS_GOOD, CERT_GOOD, 0}, REASON_STARTTLS_MISSING, "502 what?"},
	{"EHLO unknown", {GREETING, "500 what?\r\n", CUT, TLS_GOOD, CERT_GOOD, 0}, REASON_STARTTLS_MISSING,
		"500 what?"},
	{"refused 454", {GREETING, EHLO, "454 not now\r\n", TLS_GOOD, CERT_GOOD, 0}, REASON_STARTTLS_REFUSED,
		"454 not now"},
	{"refused 421", {GREETING, EHLO, "421 busy\r\n", TLS_GOOD, CERT_GOOD, 0}, REASON_STARTTLS_REFUSED, "421 busy"},
	{"refused 502", {GREETING, EHLO, "502 no\r\n", TLS_GOOD, CERT_GOOD, 0}, REASON_STARTTLS_REFUSED, "502 no"},
	{"injection", {GREETING, EHLO, GO "250 evil\r\n", TLS_GOOD, CERT_GOOD, 0}, REASON_STARTTLS_INJECTION, ""},
	{"injection behind a full buffer", {GREETING, EHLO, LINES_63 LINE_LAST "X", TLS_GOOD, CERT_GOOD, 0},
		REASON_STARTTLS_INJECTION, ""},
	{"odd reply", {GREETING, EHLO, "250 fine\r\n", TLS_GOOD, CERT_GOOD, 0}, REASON_HOP_PROTOCOL, "250 fine"},
	{"cut at STARTTLS", {GREETING, EHLO, CUT, TLS_GOOD, CERT_GOOD, 0}, REASON_HOP_PROTOCOL,
		"closed before the reply to STARTTLS"},
	{"silent at STARTTLS", {GREETING, EHLO, HANG, TLS_GOOD, CERT_GOOD, 0}, REASON_HOP_TIMEOUT, "STARTTLS"},
	/* greeting and EHLO */
	{"554", {"554 go away\r\n", CUT, CUT, TLS_GOOD, CERT_GOOD, 0}, REASON_HOP_GREETING, "554 go away"},
	{"421", {"421 busy\r\n", CUT, CUT, TLS_GOOD, CERT_GOOD, 0}, REASON_HOP_GREETING, "421 busy"},
	{"EHLO 421", {GREETING, "421 busy\r\n", CUT, TLS_GOOD, CERT_GOOD, 0}, REASON_HOP_GREETING, "421 busy"},
	{"EHLO 501", {GREETING, "501 bad name\r\n", CUT, TLS_GOOD, CERT_GOOD, 0}, REASON_HOP_GREETING, "501 bad name"},
	{"EHLO 503", {GREETING, "503 no\r\n", CUT, TLS_GOOD, CERT_GOOD, 0}, REASON_HOP_GREETING, "503 no"},
	{"EHLO 504", {GREETING, "504 need a full name\r\n", CUT, TLS_GOOD, CERT_GOOD, 0}, REASON_HOP_GREETING,
		"504 need a full name"},
	{"EHLO 521", {GREETING, "521 no mail\r\n", CUT, TLS_GOOD, CERT_GOOD, 0}, REASON_HOP_GREETING, "521 no mail"},
	{"EHLO 530", {GREETING, "530 first\r\n", CUT, TLS_GOOD, CERT_GOOD, 0}, REASON_HOP_GREETING, "530 first"},
	{"EHLO 550", {GREETING, "550 who are you\r\n", CUT, TLS_GOOD, CERT_GOOD, 0}, REASON_HOP_GREETING,
		"550 who are you"},
	{"EHLO 554", {GREETING, "554 no\r\n", CUT, TLS_GOOD, CERT_GOOD, 0}, REASON_HOP_GREETING, "554 no"},
	{"250 as greeting", {"250 hi\r\n", CUT, CUT, TLS_GOOD, CERT_GOOD, 0}, REASON_HOP_PROTOCOL, "250 hi"},
	{"not SMTP", {"SSH-2.0-x\r\n", CUT, CUT, TLS_GOOD, CERT_GOOD, 0}, REASON_HOP_PROTOCOL,
		"the greeting is not SMTP"},
	{"closed at once", {CUT, CUT, CUT, TLS_GOOD, CERT_GOOD, 0}, REASON_HOP_PROTOCOL, "closed before the greeting"},
	{"closed at EHLO", {GREETING, CUT, CUT, TLS_GOOD, CERT_GOOD, 0}, REASON_HOP_PROTOCOL,
		"closed before the reply to EHLO"},
	{"silent", {HANG, CUT, CUT, TLS_GOOD, CERT_GOOD, 0}, REASON_HOP_TIMEOUT, "no greeting before the deadline"},
	{"silent at EHLO", {GREETING, HANG, CUT, TLS_GOOD, CERT_GOOD, 0}, REASON_HOP_TIMEOUT,
		"no reply to EHLO before the deadline"},
	{"dribbling", {GREETING, CUT, CUT, TLS_GOOD, CERT_GOOD, 300}, REASON_HOP_TIMEOUT,
		"no greeting before the deadline"},
};

static bool is_one_of(const char *name, const char *const *names)
{
	for (; *names; names++)
		if (strcmp(name, *names) == 0)
			return true;
	return false;
}

/* Returns whether this failure may be temporary. */
static bool may_pass(const char *name)
{
	static const char *const names[] = {"refused 454", "refused 421", "cut", NULL};

	return is_one_of(name, names);
}

/* Returns whether smtp(8) and posttls-finger(1) of Postfix 3.7 verify this at level secure, as measured. */
static bool mta_takes(const char *name)
{
	static const char *const names[] = {"short key", "issuer's short key", "CN only", "short key, CN only", NULL};

	return is_one_of(name, names);
}

static void test_rows(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct server server;
		struct evidence seen = probe_script(&rows[i].script, "127.0.0.1", &server);
		bool no_text = seen.reason == REASON_OK;

		if (seen.reason != rows[i].reason || !strstr(seen.text, rows[i].text) ||
			(seen.text[0] == '\0') != no_text)
			fail_msg("%s: %s, %s", rows[i].name, reason_name(seen.reason), seen.text);
		if (no_text && strcmp(server.quit, "QUIT\r\n") != 0)
			fail_msg("%s: quits with %s", rows[i].name, server.quit);
		if (seen.at != 0)
			fail_msg("%s: at", rows[i].name);
		if (passing != may_pass(rows[i].name))
			fail_msg("%s: passing", rows[i].name);
		if (strcmp(seen.mta_address, mta_takes(rows[i].name) ? "127.0.0.1" : "") != 0)
			fail_msg("%s: for the MTA %s", rows[i].name, seen.mta_address);
	}
}

/* Port 465 (RFC 8314 3.3): no STARTTLS, but everything else is the same. */
static const struct {
	const char *name;
	struct script script;
	bool tls_first;
	enum reason reason;
	const char *text;
} first_rows[] = {
	{"good", {GREETING, CUT, CUT, TLS_GOOD, CERT_GOOD, 0}, true, REASON_OK, ""},
	{"TLS 1.2", {"220-mx\r\n220 mx\r\n", CUT, CUT, TLS_ONLY_1_2, CERT_GOOD, 0}, true, REASON_OK, ""},
	{"other name", {GREETING, CUT, CUT, TLS_GOOD, CERT_OTHER_NAME, 0}, true, REASON_CERT_HOST_MISMATCH, "mismatch"},
	{"stranger's CA", {GREETING, CUT, CUT, TLS_GOOD, CERT_STRANGER, 0}, true, REASON_CERT_UNTRUSTED, "issuer"},
	{"short key", {GREETING, CUT, CUT, TLS_GOOD, CERT_SHORT_KEY, 0}, true, REASON_CERT_WEAK_KEY, "1024 bits"},
	{"TLS 1.1", {GREETING, CUT, CUT, TLS_ONLY_1_1, CERT_GOOD, 0}, true, REASON_TLS_TOO_OLD, "TLSv1.1"},
	{"cut", {GREETING, CUT, CUT, TLS_CUT, CERT_GOOD, 0}, true, REASON_TLS_FAILED, "cut"},
	{"refuses", {"554 go away\r\n", CUT, CUT, TLS_GOOD, CERT_GOOD, 0}, true, REASON_HOP_GREETING, "554 go away"},
	{"not SMTP", {"SSH-2.0-x\r\n", CUT, CUT, TLS_GOOD, CERT_GOOD, 0}, true, REASON_HOP_PROTOCOL,
		"the greeting is not SMTP"},
	{"silent", {HANG, CUT, CUT, TLS_GOOD, CERT_GOOD, 0}, true, REASON_HOP_TIMEOUT, "no greeting"},
	{"STARTTLS there", {GREETING, EHLO, GO, TLS_GOOD, CERT_GOOD, 0}, false, REASON_TLS_FAILED, "wrong version"},
};

static void test_tls_first(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof first_rows / sizeof *first_rows; i++) {
		struct server server;

		server_start(&server, &first_rows[i].script, "127.0.0.1", PROBE_PORT_TLS, first_rows[i].tls_first);
		struct evidence seen = probe(NULL, "127.0.0.1", PROBE_PORT_TLS);
		server_stop(&server);
		if (seen.reason != first_rows[i].reason || !strstr(seen.text, first_rows[i].text))
			fail_msg("%s: %s, %s", first_rows[i].name, reason_name(seen.reason), seen.text);
		if (seen.reason == REASON_OK && (strcmp(server.quit, "QUIT\r\n") != 0 || strcmp(server.sni, HOST) != 0))
			fail_msg("%s: quits with %s", first_rows[i].name, server.quit);
		if (passing != (strcmp(first_rows[i].name, "cut") == 0))
			fail_msg("%s: passing", first_rows[i].name);
	}
}

static void test_evidence(void **state)
{
	static const struct script good = {GREETING, EHLO, GO, TLS_GOOD, CERT_ODD_NAMES, 0};
	static const struct script expired = {GREETING, EHLO, GO, TLS_ONLY_1_2, CERT_EXPIRED, 0};
	struct server server;
	(void)state;

	struct evidence seen = probe_script(&good, "127.0.0.1", &server);
	assert_int_equal(seen.reason, REASON_OK);
	assert_int_equal(seen.protocol, 0x0304);
	assert_int_equal(seen.chain, X509_V_OK);
	assert_in_range(seen.not_after, time(NULL) + 29 * 86400, time(NULL) + 31 * 86400);
	assert_in_range(seen.not_before, time(NULL) - 2 * 86400, time(NULL));
	assert_non_null(strstr(seen.issuers, "CN="));
	assert_ptr_equal(strstr(seen.cipher, "TLS_"), seen.cipher);
	assert_string_equal(seen.names, "a?b?c.example mx.example.com *.example.net");
	assert_string_equal(server.sni, HOST);
	assert_string_equal(server.commands, "EHLO relay.example\r\nSTARTTLS\r\n");
	assert_string_equal(server.client, "127.0.0.1");

	seen = probe_script(&expired, "127.0.0.1", &server);
	assert_int_equal(seen.protocol, 0x0303);
	assert_int_equal(seen.chain, X509_V_ERR_CERT_HAS_EXPIRED);
	assert_in_range(seen.not_after, time(NULL) - 120, time(NULL));
	assert_string_equal(seen.names, HOST);
}

static const struct script good_script = {GREETING, EHLO, GO, TLS_GOOD, CERT_GOOD, 0};

/* Each probe asks for a staple; a revoked certificate is good evidence as long as nobody decides otherwise. */
static void test_staple(void **state)
{
	static const struct script must = {GREETING, EHLO, GO, TLS_GOOD, CERT_MUST_STAPLE, 0};
	static const struct script old = {GREETING, EHLO, GO, TLS_ONLY_1_2, CERT_GOOD, 0};
	static const struct script other = {GREETING, EHLO, GO, TLS_GOOD, CERT_OTHER_NAME, 0};
	static const struct script strange = {GREETING, EHLO, GO, TLS_ONLY_1_1, CERT_STRANGER, 0};
	const struct {
		const struct script *script;
		int cert; /* the staple is about it; -1: no staple */
		int status;
		enum staple_state expected;
	} shown[] = {
		{&good_script, -1, 0, STAPLE_NONE},
		{&must, -1, 0, STAPLE_NONE},
		{&must, CERT_MUST_STAPLE, V_OCSP_CERTSTATUS_GOOD, STAPLE_GOOD},
		{&good_script, CERT_GOOD, V_OCSP_CERTSTATUS_REVOKED, STAPLE_REVOKED},
		{&old, CERT_GOOD, V_OCSP_CERTSTATUS_REVOKED, STAPLE_REVOKED},
		{&good_script, CERT_WILDCARD, V_OCSP_CERTSTATUS_REVOKED, STAPLE_UNUSABLE},
		{&other, CERT_OTHER_NAME, V_OCSP_CERTSTATUS_REVOKED, STAPLE_REVOKED},
		/* no authority that is trusted speaks for it */
		{&strange, CERT_STRANGER, V_OCSP_CERTSTATUS_GOOD, STAPLE_UNUSABLE},
	};
	(void)state;
	for (size_t i = 0; i < sizeof shown / sizeof *shown; i++) {
		bool none = shown[i].cert < 0,
		     used = shown[i].expected == STAPLE_GOOD || shown[i].expected == STAPLE_REVOKED;
		const struct pki_staple staple = {
			leaves[none ? 0 : shown[i].cert].cert, ca.cert, shown[i].status, -3600, 7200, NULL, false};
		struct server server;

		staple_asked = false;
		stapled = none ? NULL : &staple;
		struct evidence seen = probe_script(shown[i].script, "127.0.0.1", &server);
		stapled = NULL;
		assert_true(staple_asked);
		if (seen.staple != shown[i].expected)
			fail_msg("row %zu: %s, %s", i, staple_state_name(seen.staple), room.look.staple_why);
		assert_int_equal(seen.staple_demanded, shown[i].script == &must);
		assert_int_equal(seen.reason == REASON_OK, shown[i].script != &other && shown[i].script != &strange);
		assert_int_equal(seen.revoked_at != 0, shown[i].expected == STAPLE_REVOKED);
		assert_int_equal(room.look.staple_why[0] != '\0', shown[i].expected == STAPLE_UNUSABLE);
		assert_int_equal(room.look.staple_until - room.look.staple_from, used ? 10800 : 0);
	}
}

static void hex_of(char *out, const unsigned char *octets, size_t len)
{
	for (size_t i = 0; i < len; i++)
		sprintf(out + 2 * i, "%02x", octets[i]);
}

static void assert_sha256(const char *hex, const unsigned char *bytes, int len)
{
	unsigned char hash[32];
	char expected[65];

	assert_int_equal(EVP_Digest(bytes, (size_t)len, hash, NULL, EVP_sha256(), NULL), 1);
	hex_of(expected, hash, sizeof hash);
	assert_string_equal(hex, expected);
}

/* The certificate and its key are those of openssl x509 -fingerprint -sha256, and of a record `TLSA 3 1 1`. */
static void assert_looks_like(const struct look *look, const struct evidence *seen, X509 *cert)
{
	unsigned char *der = NULL, *key = NULL;
	char first[17], serial[65];
	const ASN1_INTEGER *number = X509_get0_serialNumber(cert);
	int len = i2d_X509(cert, &der);

	assert_sha256(look->fingerprint, der, len);
	snprintf(first, sizeof first, "%016llx", (unsigned long long)seen->leaf);
	assert_memory_equal(first, look->fingerprint, 16);
	len = i2d_PUBKEY(X509_get0_pubkey(cert), &key);
	assert_sha256(look->spki, key, len);
	hex_of(serial, ASN1_STRING_get0_data(number), (size_t)ASN1_STRING_length(number));
	assert_string_equal(look->serial, serial);
	assert_int_equal(look->not_before, seen->not_before);
	assert_int_equal(look->not_after, seen->not_after);
	OPENSSL_free(der);
	OPENSSL_free(key);
}

static void test_look_good(void **state)
{
	static const struct script plain = {"220-a\r\n220 mx ESMTP\r\n", EHLO, GO, TLS_GOOD, CERT_GOOD, 0};
	static const struct script below = {
		GREETING, "250-MX.example hello\r\n250 STARTTLS\r\n", GO, TLS_ONLY_1_2, CERT_BELOW_ORG, 0};
	const struct look *look = &room.look;
	struct server server;
	(void)state;

	struct evidence seen = probe_script(&plain, "127.0.0.1", &server);
	assert_int_equal(seen.reason, REASON_OK);
	assert_string_equal(server.ehlo, "EHLO relay.example\r\n");
	assert_int_equal(look->at, 0);
	assert_string_equal(look->address, "127.0.0.1");
	assert_string_equal(look->from, "127.0.0.1");
	assert_string_equal(look->greeting, "220-a\n220 mx ESMTP\n");
	assert_string_equal(look->ehlo, "250-mx\n250-PIPELINING\n250-STARTTLS\n250 8BITMIME\n");
	assert_string_equal(look->ehlo_tls, "");
	assert_string_equal(look->ehlo_name, "mx");
	assert_false(look->rewritten);
	assert_string_equal(look->authority, "test");
	assert_string_equal(look->chain, "CN=leaf; CN=test");
	assert_looks_like(look, &seen, leaves[CERT_GOOD].cert);

	seen = probe_script(&below, "127.0.0.1", &server);
	assert_int_equal(seen.reason, REASON_OK);
	assert_string_equal(look->ehlo_name, "MX.example");
	assert_string_equal(look->authority, "Good?Certs \xc3\xa4");
	assert_string_equal(
		look->chain, "CN=leaf; O=Good\\07Certs \\C3\\A4,CN=org\nO=Good\\07Certs \\C3\\A4,CN=org; CN=test");
	assert_looks_like(look, &seen, leaves[CERT_BELOW_ORG].cert);
}

static const struct script bad_script = {GREETING, EHLO, GO, TLS_GOOD, CERT_STRANGER, 0};
static const struct script old_script = {GREETING, EHLO, GO, TLS_ONLY_1_1, CERT_STRANGER, 0};
static const struct script deaf_good_script = {GREETING, EHLO, GO, TLS_DEAF, CERT_GOOD, 0};
static const struct script deaf_script = {GREETING, EHLO, GO, TLS_DEAF, CERT_STRANGER, 0};

static const struct {
	const struct script *script;
	const char *reply, *kept;
} behind[] = {
	{&bad_script, EHLO, "250-mx\n250-PIPELINING\n250-STARTTLS\n250 8BITMIME\n"},
	{&old_script, "250-other.example hi\r\n250 HELP\r\n", "250-other.example hi\n250 HELP\n"},
	{&bad_script, "554 go away\r\n", "554 go away\n"},
	{&bad_script, "SSH-2.0-x\r\n", "SSH-2.0-x\n"},
	{&bad_script, "250 mx\r\n250 more\r\n", "250 mx\n"},
	{&bad_script, LINES_16 LINES_16, NULL}, /* cut to fit, and never complete */
	{&bad_script, CUT, ""},
	{&deaf_script, EHLO, ""},
};

/* After a bad certificate one more reply is kept, and the answer is the same without it. */
static void test_look_bad(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof behind / sizeof *behind; i++) {
		bool old = behind[i].script == &old_script;
		struct server server;

		reply_behind = behind[i].reply;
		struct evidence seen = probe_script(behind[i].script, "127.0.0.1", &server);
		assert_int_equal(seen.reason, old ? REASON_TLS_TOO_OLD : REASON_CERT_UNTRUSTED);
		assert_false(passing);
		assert_string_equal(server.ehlo, "EHLO relay.example\r\n");
		if (behind[i].kept && strcmp(room.look.ehlo_tls, behind[i].kept) != 0)
			fail_msg("row %zu: %s", i, room.look.ehlo_tls);
		if (!behind[i].kept)
			assert_int_equal(strlen(room.look.ehlo_tls), LOOK_EHLO_SIZE - 1);
		else if (*behind[i].kept)
			assert_string_equal(server.quit, "QUIT\r\n");
		assert_string_equal(room.look.ehlo_name, "mx");
		assert_string_equal(room.look.authority, "stranger");
		assert_looks_like(&room.look, &seen, leaves[CERT_STRANGER].cert);
	}
	reply_behind = EHLO;
}

/* Two seconds are enough for a reply that only the look keeps; mail may wait for a good answer, so one second. */
static void test_look_in_time(void **state)
{
	static const struct {
		const struct script *script;
		enum reason reason;
		int64_t ms;
	} deaf[] = {{&deaf_script, REASON_CERT_UNTRUSTED, 2000}, {&deaf_good_script, REASON_OK, 1000}};
	struct address to = address_of("127.0.0.1");
	struct prober *prober = prober_of(NULL);
	(void)state;

	for (size_t i = 0; i < sizeof deaf / sizeof *deaf; i++) {
		struct evidence seen;
		struct server server;
		server_start(&server, deaf[i].script, "127.0.0.1", 0, false);
		int64_t begun_ms = clock_mono_ms();
		probe_await(&room, prober, HOST, &to, server.port, 60000, NULL, &seen);
		assert_in_range(clock_mono_ms() - begun_ms, deaf[i].ms - 10, deaf[i].ms + LATE_MS);
		assert_int_equal(seen.reason, deaf[i].reason);
		assert_int_equal(seen.requiretls, REQUIRETLS_UNKNOWN);
		server_stop(&server);
	}
	prober_free(&prober);
}

#define EHLO_CLEAR "250-mx\r\n250-REQUIRETLS\r\n250 STARTTLS\r\n" /* RFC 8689 2: means nothing before TLS */
static const struct script clear_script = {GREETING, EHLO_CLEAR, GO, TLS_GOOD, CERT_GOOD, 0};
static const struct script clear_bad_script = {GREETING, EHLO_CLEAR, GO, TLS_GOOD, CERT_STRANGER, 0};
static const struct script clear_deaf_script = {GREETING, EHLO_CLEAR, GO, TLS_DEAF, CERT_GOOD, 0};

/* What the reply to EHLO inside TLS says about REQUIRETLS. The certificate is judged as without it. */
static void test_requiretls(void **state)
{
	static const struct {
		const struct script *script;
		const char *reply;
		enum requiretls_offer expected;
	} shown[] = {
		{&good_script, EHLO, REQUIRETLS_ABSENT},
		{&good_script, "250-mx\r\n250-REQUIRETLS\r\n250 HELP\r\n", REQUIRETLS_OFFERED},
		{&good_script, "250-mx\r\n250 requiretls\r\n", REQUIRETLS_OFFERED},
		{&good_script, "250-mx\r\n250 REQUIRETLS now\r\n", REQUIRETLS_ABSENT},
		{&good_script, "250 REQUIRETLS\r\n", REQUIRETLS_ABSENT},
		{&clear_script, EHLO, REQUIRETLS_ABSENT},
		{&clear_script, "554 go away\r\n", REQUIRETLS_UNKNOWN},
		{&clear_script, "554-go\r\n554 REQUIRETLS\r\n", REQUIRETLS_UNKNOWN},
		{&clear_script, "SSH-2.0-x\r\n", REQUIRETLS_UNKNOWN},
		{&clear_script, CUT, REQUIRETLS_UNKNOWN},
		{&clear_script, "250-mx\r\n250-REQUIRETLS\r\n", REQUIRETLS_UNKNOWN}, /* never complete */
		{&clear_deaf_script, EHLO, REQUIRETLS_UNKNOWN},
		{&bad_script, "250-mx\r\n250 REQUIRETLS\r\n", REQUIRETLS_OFFERED},
		{&clear_bad_script, EHLO, REQUIRETLS_ABSENT},
	};
	(void)state;
	for (size_t i = 0; i < sizeof shown / sizeof *shown; i++) {
		struct server server;
		reply_behind = shown[i].reply;
		struct evidence seen = probe_script(shown[i].script, "127.0.0.1", &server);
		if (seen.requiretls != shown[i].expected)
			fail_msg("row %zu: %s", i, requiretls_name(seen.requiretls));
		bool bad = shown[i].script == &bad_script || shown[i].script == &clear_bad_script;
		assert_int_equal(seen.reason, bad ? REASON_CERT_UNTRUSTED : REASON_OK);
		assert_string_equal(seen.text, bad ? seen.text : "");
		assert_false(passing);
		assert_int_equal(room.look.ehlo_tls[0] != '\0', bad);
	}
	reply_behind = EHLO;
}

/* What is kept if the probe ends before TLS. */
static void test_look_before_tls(void **state)
{
	static const struct script stripped = {GREETING, "250-mx\r\n250 XXXXXXXA\r\n", CUT, TLS_GOOD, CERT_GOOD, 0};
	static const struct script refused = {"554-go\r\n554 away\r\n", CUT, CUT, TLS_GOOD, CERT_GOOD, 0};
	static const struct script cut = {"220 mx\r\n", "250-mx\r\n250-SI", CUT, TLS_GOOD, CERT_GOOD, 0};
	const struct look *look = &room.look;
	struct server server;
	(void)state;

	assert_int_equal(probe_script(&stripped, "127.0.0.1", &server).leaf, 0);
	assert_string_equal(look->ehlo, "250-mx\n250 XXXXXXXA\n");
	assert_string_equal(look->ehlo_name, "mx");
	assert_true(look->rewritten);
	assert_string_equal(look->fingerprint, "");
	probe_script(&refused, "127.0.0.1", &server);
	assert_string_equal(look->greeting, "554-go\n554 away\n");
	assert_string_equal(look->ehlo, "");
	assert_false(look->rewritten);
	probe_script(&cut, "127.0.0.1", &server);
	assert_string_equal(look->ehlo, "250-mx\n250-SI");
	assert_string_equal(look->ehlo_name, "");
}

static void test_plaintext_quit(void **state)
{
	static const struct script script = {GREETING, "250 mx\r\n", CUT, TLS_GOOD, CERT_GOOD, 0};
	struct server server;
	(void)state;

	probe_script(&script, "127.0.0.1", &server);
	assert_string_equal(server.commands, "EHLO relay.example\r\nQUIT\r\n");
}

static void test_no_sigpipe(void **state)
{
	static const struct script script = {GREETING, EHLO, GO, TLS_VANISH, CERT_GOOD, 0};
	struct server server;
	(void)state;

	/* The peer has shown everything that a probe needs. */
	assert_int_equal(probe_script(&script, "127.0.0.1", &server).reason, REASON_OK);
}

static void test_ipv6(void **state)
{
	struct server server;
	(void)state;
	assert_int_equal(probe_script(&good_script, "::1", &server).reason, REASON_OK);
}

static void test_bind(void **state)
{
	struct server server;
	(void)state;

	server_start(&server, &good_script, "127.0.0.1", 0, false);
	struct evidence bound = probe("127.0.0.5", "127.0.0.1", server.port);
	struct evidence unbound = probe("192.0.2.77", "127.0.0.1", server.port);
	server_stop(&server);
	assert_int_equal(bound.reason, REASON_OK);
	assert_string_equal(server.client, "127.0.0.5");
	assert_int_equal(unbound.reason, REASON_HOP_INTERNAL);
}

static void test_unreachable(void **state)
{
	uint16_t port = 0;
	int fd = listen_on("127.0.0.1", 1, &port);
	(void)state;

	close(fd);
	assert_int_equal(probe(NULL, "127.0.0.1", port).reason, REASON_HOP_UNREACHABLE);
	assert_int_equal(probe(NULL, "192.0.2.1", 25).reason, REASON_HOP_UNREACHABLE);
	assert_int_equal(probe(NULL, "2001:db8::1", 25).reason, REASON_HOP_UNREACHABLE);
}

/* A listener with a full queue drops new connections. */
static void test_connect_timeout(void **state)
{
	struct sockaddr_in there = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	uint16_t port = 0;
	int fd = listen_on("127.0.0.1", 0, &port), filling[3];
	(void)state;

	there.sin_port = htons(port);
	for (int i = 0; i < 3; i++) {
		filling[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
		(void)!connect(filling[i], (struct sockaddr *)&there, sizeof there);
	}
	int64_t begun_ms = clock_mono_ms();
	struct evidence seen = probe(NULL, "127.0.0.1", port);
	assert_in_range(clock_mono_ms() - begun_ms, TIMEOUT_MS - 10, TIMEOUT_MS + LATE_MS);
	assert_int_equal(seen.reason, REASON_HOP_TIMEOUT);
	for (int i = 0; i < 3; i++)
		close(filling[i]);
	close(fd);
}

static void test_no_descriptors(void **state)
{
	struct prober *prober = prober_of(NULL);
	struct address to = address_of("127.0.0.1");
	struct rlimit old, none;
	struct evidence seen;
	(void)state;

	getrlimit(RLIMIT_NOFILE, &old);
	none = old;
	none.rlim_cur = 0;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
	probe_await(&room, prober, HOST, &to, 25, TIMEOUT_MS, NULL, &seen);
	setrlimit(RLIMIT_NOFILE, &old);
	assert_int_equal(seen.reason, REASON_HOP_INTERNAL);
	prober_free(&prober);
}

/* A reply that never ends. */
static void test_endless_reply(void **state)
{
	size_t size = SMTP_REPLY_BYTES_MAX + 1000;
	char *greeting = malloc(size + 1);
	struct script script = {greeting, CUT, CUT, TLS_GOOD, CERT_GOOD, 0};
	struct server server;
	(void)state;

	for (size_t i = 0; i < size; i++)
		greeting[i] = "220-x\r\n"[i % 7];
	greeting[size] = '\0';
	assert_int_equal(probe_script(&script, "127.0.0.1", &server).reason, REASON_HOP_PROTOCOL);
	memset(greeting, '2', size);
	assert_int_equal(probe_script(&script, "127.0.0.1", &server).reason, REASON_HOP_PROTOCOL);
	free(greeting);
}

/* The same inside TLS, after a good certificate: the evidence stays good. */
static void test_endless_reply_behind(void **state)
{
	static const char line[] = "250-REQUIRETLS\r\n";
	size_t size = SMTP_REPLY_BYTES_MAX + 1000;
	char *reply = calloc(1, size + 1);
	struct server server;
	(void)state;

	for (size_t i = 0; i < size; i++)
		reply[i] = line[i % (sizeof line - 1)];
	reply_behind = reply;
	struct evidence seen = probe_script(&good_script, "127.0.0.1", &server);
	reply_behind = EHLO;
	assert_int_equal(seen.reason, REASON_OK);
	assert_int_equal(seen.requiretls, REQUIRETLS_UNKNOWN);
	free(reply);
}

struct job {
	struct prober *prober;
	uint16_t port;
	enum reason reason;
};

static void *job_run(void *arg)
{
	struct job *job = arg;
	struct address to = address_of("127.0.0.1");
	struct probe_room own;
	struct evidence seen;

	probe_room_open(&own);
	probe_await(&own, job->prober, HOST, &to, job->port, 8000, NULL, &seen);
	job->reason = seen.reason;
	probe_room_close(&own);
	return NULL;
}

/* One prober on the loops of eight threads. */
static void test_threads(void **state)
{
	struct prober *prober = prober_of(NULL);
	struct server server;
	struct job jobs[8];
	pthread_t threads[8];
	(void)state;

	server_start(&server, &good_script, "127.0.0.1", 0, false);
	for (int i = 0; i < 8; i++) {
		jobs[i] = (struct job){.prober = prober, .port = server.port};
		assert_int_equal(pthread_create(&threads[i], NULL, job_run, &jobs[i]), 0);
	}
	for (int i = 0; i < 8; i++) {
		pthread_join(threads[i], NULL);
		assert_int_equal(jobs[i].reason, REASON_OK);
	}
	server_stop(&server);
	prober_free(&prober);
}

static const struct pki_pair *issuer_of(int cert)
{
	switch (cert) {
	case CERT_SELF_SIGNED:
		return NULL;
	case CERT_STRANGER:
	case CERT_STRANGER_EXPIRED_OTHER_NAME:
		return &stranger;
	case CERT_BELOW_SHORT_KEY:
		return &weak;
	case CERT_BELOW_INTER:
		return &inter;
	case CERT_BELOW_ORG:
		return &org;
	default:
		return &ca;
	}
}

static int set_up(void **state)
{
	static const struct pki_request requests[CERT_COUNT] = {
		[CERT_GOOD] = {.san = "DNS:" HOST},
		[CERT_WILDCARD] = {.san = "DNS:*.example.com"},
		[CERT_PARTIAL] = {.san = "DNS:m*.example.com"},
		[CERT_CN_ONLY] = {.cn = HOST},
		[CERT_EXPIRED] = {.san = "DNS:" HOST, .from_s = -7200, .until_s = -60},
		[CERT_FUTURE] = {.san = "DNS:" HOST, .from_s = 3600},
		[CERT_OTHER_NAME] = {.cn = HOST, .san = "DNS:other.example.com"},
		[CERT_SELF_SIGNED] = {.san = "DNS:" HOST},
		[CERT_STRANGER] = {.san = "DNS:" HOST},
		[CERT_EXPIRED_OTHER_NAME] = {.san = "DNS:other.example.com", .from_s = -7200, .until_s = -60},
		[CERT_STRANGER_EXPIRED_OTHER_NAME] = {.san = "DNS:other.example.com", .from_s = -7200, .until_s = -60},
		[CERT_SHORT_KEY] = {.san = "DNS:" HOST, .rsa_bits = 1024},
		[CERT_VERY_SHORT_KEY] = {.san = "DNS:" HOST, .rsa_bits = 512},
		[CERT_BELOW_SHORT_KEY] = {.san = "DNS:" HOST},
		[CERT_SHORT_KEY_OTHER_NAME] = {.san = "DNS:other.example.com", .rsa_bits = 1024},
		[CERT_SHORT_KEY_CN_ONLY] = {.cn = HOST, .rsa_bits = 1024},
		[CERT_SHORT_KEY_EXPIRED] = {.san = "DNS:" HOST, .rsa_bits = 1024, .from_s = -7200, .until_s = -60},
		[CERT_CLIENT] = {.san = "DNS:" HOST, .usage = "clientAuth"},
		[CERT_EMAIL] = {.san = "DNS:" HOST, .usage = "emailProtection"},
		[CERT_BELOW_INTER] = {.san = "DNS:" HOST},
		[CERT_SHA1] = {.san = "DNS:" HOST, .sha1 = true},
		[CERT_BELOW_ORG] = {.san = "DNS:" HOST},
		[CERT_MUST_STAPLE] = {.san = "DNS:" HOST, .must_staple = true},
		[CERT_LONG] = {.san = "DNS:" HOST, .padding = 110 * 1024},
		[CERT_ODD_NAMES] = {.san = "DNS:a b\ac.example,IP:192.0.2.1,DNS:" HOST ",DNS:*.example.net"},
	};
	char ca_file[] = "/tmp/stsgate-test-probe-XXXXXX";
	struct failure why = {0};
	(void)state;

	ca = pki_ca("test");
	stranger = pki_ca("stranger");
	weak = pki_issue(&ca, &(struct pki_request){.cn = "weak", .rsa_bits = 1024, .authority = true});
	inter = pki_issue(&ca, &(struct pki_request){.cn = "inter", .authority = true});
	org = pki_issue(&ca, &(struct pki_request){.cn = "org", .org = "Good\aCerts \xc3\xa4", .authority = true});
	pki_write_temporary(&ca, ca_file);
	trust = trust_new(ca_file, &why);
	unlink(ca_file);
	if (!trust)
		fail_msg("%s", why.text);
	probe_room_open(&room);
	for (int i = 0; i < CERT_COUNT; i++) {
		leaves[i] = pki_issue(issuer_of(i), &requests[i]);
	}
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	probe_room_close(&room);
	pki_free(&ca);
	pki_free(&stranger);
	pki_free(&weak);
	pki_free(&inter);
	pki_free(&org);
	for (int i = 0; i < CERT_COUNT; i++)
		pki_free(&leaves[i]);
	trust_free(&trust);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rows),
		cmocka_unit_test(test_tls_first),
		cmocka_unit_test(test_evidence),
		cmocka_unit_test(test_staple),
		cmocka_unit_test(test_look_good),
		cmocka_unit_test(test_look_bad),
		cmocka_unit_test(test_look_in_time),
		cmocka_unit_test(test_look_before_tls),
		cmocka_unit_test(test_plaintext_quit),
		cmocka_unit_test(test_no_sigpipe),
		cmocka_unit_test(test_ipv6),
		cmocka_unit_test(test_bind),
		cmocka_unit_test(test_unreachable),
		cmocka_unit_test(test_connect_timeout),
		cmocka_unit_test(test_no_descriptors),
		cmocka_unit_test(test_endless_reply),
		cmocka_unit_test(test_endless_reply_behind),
		cmocka_unit_test(test_requiretls),
		cmocka_unit_test(test_threads),
	};

	netns_enter();
	alarm(120);
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
