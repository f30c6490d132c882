/* Probes on an event loop: many at once, dropped in every stage, cut in every stage, octet by octet; the time of the
 * wake, and the reply to QUIT. In a network namespace of the program's own. */
#include "cm.h"

#include "clock.h"
#include "netns.h"
#include "pki.h"
#include "probe_await.h"
#include "trust.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define HOST "mx.example.com"
#define LONG_MS 60000 /* longer than each of these tests */
#define CROWD 500
#define HELD_MAX 64

static struct pki_pair ca, leaf;
static struct trust *trust;
static struct prober *prober;
static struct probe_room room;
static unsigned shown; /* called on the loop's thread */

/* --- the peer ----------------------------------------------------------------------------------------------------- */

/* The place where a peer stops. If it cuts the connection, it does so in the middle of what it sends there. */
enum stop {
	STOP_GREETING,
	STOP_EHLO,
	STOP_STARTTLS,
	STOP_HELLO,
	STOP_FLIGHT,
	STOP_BEHIND,      /* port 465: the greeting */
	STOP_EHLO_BEHIND, /* port 25: the reply to EHLO inside TLS */
	STOP_QUIT,
	STOP_NEVER
};

/* Serves one connection after another. A connection in which it falls silent stays open and is not read. */
struct peer {
	/* set before the start */
	enum stop stop;
	bool cut;     /* true: closes at `stop`; false: falls silent */
	bool dribble; /* sends octets one by one */
	bool tls_first;
	/* set while it runs, until the post */
	sem_t stopped; /* a connection has reached `stop` */
	sem_t served;  /* a connection has been closed */
	int held[HELD_MAX];
	unsigned held_count;
	char quit[64];
	/* private */
	uint16_t port;
	int listener;
	pthread_t thread;
};

static void put(const struct peer *peer, int fd, const char *bytes, size_t len)
{
	size_t step = peer->dribble ? 1 : len;
	for (size_t at = 0; at < len; at += step)
		if (send(fd, bytes + at, step, MSG_NOSIGNAL) < 0)
			return;
}

/* Sends a reply, or half of it if the peer cuts the connection there. */
static bool say(struct peer *peer, int fd, enum stop here, const char *reply)
{
	bool stops = peer->stop == here;
	if (!stops || peer->cut)
		put(peer, fd, reply, stops ? strlen(reply) / 2 : strlen(reply));
	return !stops;
}

/* Reads one command, octet by octet, so that no octet of a ClientHello is read. */
static bool hear(int fd)
{
	char octet = '\0';
	while (octet != '\n')
		if (recv(fd, &octet, 1, 0) != 1)
			return false;
	return true;
}

/* Moves octets between the SSL and the socket until the call succeeds. */
static int tls_call(struct peer *peer, SSL *ssl, int fd, int (*call)(SSL *ssl, char *bytes), char *bytes)
{
	for (;;) {
		char in[4096], *out;
		int result = call(ssl, bytes);
		bool more = SSL_get_error(ssl, result) == SSL_ERROR_WANT_READ;
		size_t len = (size_t)BIO_get_mem_data(SSL_get_wbio(ssl), &out);
		bool flight = more && len > 0;
		if (flight && peer->stop == STOP_FLIGHT) {
			put(peer, fd, out, len / 2);
			return -1;
		}
		put(peer, fd, out, len);
		(void)BIO_reset(SSL_get_wbio(ssl));
		if (!more)
			return result;
		ssize_t got = recv(fd, in, sizeof in, 0);
		if (got <= 0 || peer->stop == STOP_HELLO)
			return -1;
		BIO_write(SSL_get_rbio(ssl), in, (int)got);
	}
}

static int call_accept(SSL *ssl, char *bytes)
{
	(void)bytes;
	return SSL_accept(ssl);
}

static int call_read(SSL *ssl, char *bytes)
{
	return SSL_read(ssl, bytes, 63);
}

static int call_write(SSL *ssl, char *bytes)
{
	return SSL_write(ssl, bytes, (int)strlen(bytes));
}

static int call_shutdown(SSL *ssl, char *bytes)
{
	(void)bytes;
	SSL_shutdown(ssl);
	return 1;
}

/* The same for EHLO inside TLS. */
static bool serve_ehlo(struct peer *peer, int fd, SSL *ssl)
{
	char command[64], reply[] = "250-mx\r\n250 REQUIRETLS\r\n", half[] = "250-mx\r\n250 REQ";
	if (tls_call(peer, ssl, fd, call_read, command) <= 0)
		return false;
	bool stops = peer->stop == STOP_EHLO_BEHIND;
	if (!stops || peer->cut)
		tls_call(peer, ssl, fd, call_write, stops ? half : reply);
	return !stops;
}

/* Returns false if the peer has stopped. */
static bool serve_tls(struct peer *peer, int fd, SSL *ssl)
{
	char greeting[] = "220 mx\r\n", half[] = "220", bye[] = "221 bye\r\n";
	if (tls_call(peer, ssl, fd, call_accept, NULL) != 1)
		return false;
	if (peer->stop == STOP_BEHIND) {
		if (peer->cut)
			tls_call(peer, ssl, fd, call_write, half);
		return false;
	}
	if (peer->tls_first)
		tls_call(peer, ssl, fd, call_write, greeting);
	else if (!serve_ehlo(peer, fd, ssl))
		return false;
	memset(peer->quit, 0, sizeof peer->quit);
	if (tls_call(peer, ssl, fd, call_read, peer->quit) <= 0 || peer->stop == STOP_QUIT)
		return false;
	tls_call(peer, ssl, fd, call_write, bye);
	tls_call(peer, ssl, fd, call_shutdown, NULL);
	return true;
}

static bool serve(struct peer *peer, int fd)
{
	if (!peer->tls_first && !(say(peer, fd, STOP_GREETING, "220 mx ESMTP\r\n") && hear(fd) &&
					say(peer, fd, STOP_EHLO, "250-mx\r\n250-STARTTLS\r\n250 8BITMIME\r\n") &&
					hear(fd) && say(peer, fd, STOP_STARTTLS, "220 go\r\n")))
		return false;
	SSL_CTX *ctx = pki_server(&leaf);
	SSL *ssl = SSL_new(ctx);
	SSL_set_bio(ssl, BIO_new(BIO_s_mem()), BIO_new(BIO_s_mem()));
	bool served = serve_tls(peer, fd, ssl);
	SSL_free(ssl);
	SSL_CTX_free(ctx);
	ERR_clear_error();
	return served;
}

static void *peer_run(void *arg)
{
	struct peer *peer = arg;
	int fd, yes = 1;
	while ((fd = accept(peer->listener, NULL, NULL)) >= 0) {
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
		bool served = serve(peer, fd);
		if (served || peer->cut || peer->held_count == HELD_MAX) {
			close(fd);
			sem_post(&peer->served);
		} else {
			peer->held[peer->held_count++] = fd;
			sem_post(&peer->stopped);
		}
	}
	return NULL;
}

static int listen_on(uint16_t *port, int backlog)
{
	struct sockaddr_in here = {
		.sin_family = AF_INET, .sin_port = htons(*port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof here;
	int fd = socket(AF_INET, SOCK_STREAM, 0), yes = 1;
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
	assert_int_equal(bind(fd, (struct sockaddr *)&here, len), 0);
	assert_int_equal(listen(fd, backlog), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&here, &len), 0);
	*port = ntohs(here.sin_port);
	return fd;
}

static void peer_start(struct peer *peer)
{
	peer->port = peer->tls_first ? PROBE_PORT_TLS : 0;
	peer->listener = listen_on(&peer->port, 64);
	sem_init(&peer->stopped, 0, 0);
	sem_init(&peer->served, 0, 0);
	assert_int_equal(pthread_create(&peer->thread, NULL, peer_run, peer), 0);
}

static void peer_end(struct peer *peer)
{
	shutdown(peer->listener, SHUT_RDWR);
	pthread_join(peer->thread, NULL);
	close(peer->listener);
	for (unsigned i = 0; i < peer->held_count; i++)
		close(peer->held[i]);
	sem_destroy(&peer->stopped);
	sem_destroy(&peer->served);
}

/* Reads until the client closes. Returns false if `flags` is MSG_DONTWAIT and the client has not closed. */
static bool sees_end(int fd, int flags)
{
	char bytes[4096];
	ssize_t got;
	while ((got = recv(fd, bytes, sizeof bytes, flags)) > 0)
		continue;
	return got == 0 || errno == ECONNRESET;
}

/* --- probes ------------------------------------------------------------------------------------------------------- */

static struct awaited awaited_of(uint16_t port)
{
	struct awaited awaited = {.prober = prober, .host = HOST, .port = port, .timeout_ms = LONG_MS};
	assert_true(address_parse(&awaited.address, "127.0.0.1"));
	return awaited;
}

static void on_shown(void *arg, const struct probe_shown *what)
{
	(void)arg;
	await_must(what->seen->reason == REASON_OK && strcmp(what->host, HOST) == 0, "shown something else");
	shown++;
}

static unsigned descriptors(void)
{
	DIR *directory = opendir("/proc/self/fd");
	unsigned count = 0;
	assert_non_null(directory);
	while (readdir(directory))
		count++;
	closedir(directory);
	return count;
}

/* --- tests -------------------------------------------------------------------------------------------------------- */

struct crowd {
	struct awaited good, silent[CROWD];
	unsigned answered, shown;
};

static void crowd_begin(void *arg)
{
	struct crowd *crowd = arg;
	for (unsigned i = 0; i < CROWD; i++)
		awaited_begin(&crowd->silent[i]);
	awaited_begin(&crowd->good);
}

static void crowd_count(struct awaited *good)
{
	struct crowd *crowd = (struct crowd *)good; /* its first member */
	struct evidence seen;
	bool may_pass;
	for (unsigned i = 0; i < CROWD; i++)
		crowd->answered += probe_answer(crowd->silent[i].probe, &seen, &may_pass);
	crowd->shown = shown;
}

static void crowd_drop(void *arg)
{
	struct crowd *crowd = arg;
	for (unsigned i = 0; i < CROWD; i++)
		awaited_drop(&crowd->silent[i]);
	awaited_drop(&crowd->good);
}

/* Hops that never greet do not delay other probes. */
static void test_crowd(void **state)
{
	static struct crowd crowd;
	struct peer peer = {.stop = STOP_NEVER};
	uint16_t port = 0;
	int silent = listen_on(&port, 2 * CROWD); /* the connections stay in the listener's queue */
	unsigned before = descriptors();
	(void)state;
	peer_start(&peer);
	crowd.good = awaited_of(peer.port);
	crowd.good.then = crowd_count;
	room_prepare(&room, &crowd.good);
	for (unsigned i = 0; i < CROWD; i++) {
		crowd.silent[i] = awaited_of(port);
		room_prepare(&room, &crowd.silent[i]);
	}
	shown = 0;
	room_run(&room, crowd_begin, &crowd);
	sem_wait(&crowd.good.woken);
	assert_int_equal(crowd.good.seen.reason, REASON_OK);
	assert_int_equal(crowd.answered, 0);
	assert_int_equal(crowd.shown, 1); /* before the answer */
	assert_true(descriptors() >= before + CROWD);
	room_run(&room, crowd_drop, &crowd);
	sem_wait(&peer.served);
	assert_string_equal(peer.quit, "QUIT\r\n");
	peer_end(&peer);
	/* The peer has closed its end of the connection; the loop closes the other end a moment later. */
	for (int i = 0; i < 500 && descriptors() != before; i++)
		nanosleep(&(struct timespec){.tv_nsec = 10000000}, NULL);
	assert_int_equal(descriptors(), before);
	close(silent);
}

/* Returns whether a peer with or without TLS from the start never comes to this place. */
static bool is_elsewhere(enum stop stop, bool tls_first)
{
	return tls_first ? stop < STOP_HELLO || stop == STOP_EHLO_BEHIND : stop == STOP_BEHIND;
}

/* A probe that is dropped closes its socket without a wake, in each stage. */
static void test_drops(void **state)
{
	(void)state;
	for (int first = 0; first < 2; first++) {
		for (enum stop stop = STOP_GREETING; stop < STOP_QUIT; stop++) {
			struct peer peer = {.stop = stop, .tls_first = first};
			if (is_elsewhere(stop, first))
				continue;
			peer_start(&peer);
			struct awaited awaited = awaited_of(peer.port);
			room_begin(&room, &awaited);
			sem_wait(&peer.stopped);
			room_drop(&room, &awaited);
			assert_true(sees_end(peer.held[0], MSG_DONTWAIT));
			assert_int_equal(awaited.wakes, 0);
			peer_end(&peer);
		}
	}
}

static void begin_and_drop(void *arg)
{
	awaited_begin(arg);
	awaited_drop(arg);
}

/* The same before anything has happened, also if the probe has failed already. */
static void test_dropped_at_once(void **state)
{
	uint16_t port = 0;
	int silent = listen_on(&port, 16);
	unsigned before = descriptors();
	(void)state;
	for (int i = 0; i < 2; i++) {
		struct awaited awaited = awaited_of(i ? port : 25), other = awaited_of(25);
		if (!i)
			assert_true(address_parse(&awaited.address, "192.0.2.1")); /* no route */
		room_prepare(&room, &awaited);
		room_run(&room, begin_and_drop, &awaited);
		/* Another probe ends normally on the same loop. */
		room_begin(&room, &other);
		sem_wait(&other.woken);
		assert_int_equal(other.seen.reason, REASON_HOP_UNREACHABLE);
		room_drop(&room, &other);
		assert_int_equal(awaited.wakes, 0);
		assert_int_equal(descriptors(), before);
	}
	close(silent);
}

/* A failure in probe_begin() is reported by a wake, too (awaited_wake() checks when). */
static void test_fails_at_once(void **state)
{
	struct awaited awaited = awaited_of(25);
	(void)state;
	assert_true(address_parse(&awaited.address, "192.0.2.1"));
	room_begin(&room, &awaited);
	sem_wait(&awaited.woken);
	assert_int_equal(awaited.seen.reason, REASON_HOP_UNREACHABLE);
	assert_string_equal(awaited.seen.address, "192.0.2.1");
	assert_false(awaited.may_pass);
	room_drop(&room, &awaited);
}

static void test_cuts(void **state)
{
	static const struct {
		enum reason reason;
		const char *text;
	} rows[] = {
		[STOP_GREETING] = {REASON_HOP_PROTOCOL, "connection closed before the greeting"},
		[STOP_EHLO] = {REASON_HOP_PROTOCOL, "connection closed before the reply to EHLO"},
		[STOP_STARTTLS] = {REASON_HOP_PROTOCOL, "connection closed before the reply to STARTTLS"},
		[STOP_HELLO] = {REASON_TLS_FAILED, "connection cut in the TLS handshake"},
		[STOP_FLIGHT] = {REASON_TLS_FAILED, "connection cut in the TLS handshake"},
		[STOP_BEHIND] = {REASON_HOP_PROTOCOL, "connection closed before the greeting"},
		[STOP_EHLO_BEHIND] = {REASON_OK, ""},
		[STOP_QUIT] = {REASON_OK, ""},
	};
	(void)state;
	for (int first = 0; first < 2; first++) {
		for (enum stop stop = STOP_GREETING; stop < STOP_NEVER; stop++) {
			struct peer peer = {.stop = stop, .cut = true, .tls_first = first};
			if (is_elsewhere(stop, first))
				continue;
			peer_start(&peer);
			struct awaited awaited = awaited_of(peer.port);
			room_begin(&room, &awaited);
			sem_wait(&awaited.woken);
			room_drop(&room, &awaited);
			peer_end(&peer);
			if (awaited.seen.reason != rows[stop].reason || strcmp(awaited.seen.text, rows[stop].text) != 0)
				fail_msg("%d: %s, %s", stop, reason_name(awaited.seen.reason), awaited.seen.text);
			bool offered = stop > STOP_EHLO_BEHIND && !first;
			assert_int_equal(awaited.seen.requiretls, offered ? REQUIRETLS_OFFERED : REQUIRETLS_UNKNOWN);
			if (awaited.may_pass != (rows[stop].reason == REASON_TLS_FAILED))
				fail_msg("%d: may pass", stop);
		}
	}
}

/* The answer is the same if octets arrive one by one. */
static void test_octets(void **state)
{
	(void)state;
	for (int first = 0; first < 2; first++) {
		struct peer peer = {.stop = STOP_NEVER, .dribble = true, .tls_first = first};
		peer_start(&peer);
		struct awaited awaited = awaited_of(peer.port);
		room_begin(&room, &awaited);
		sem_wait(&awaited.woken);
		room_drop(&room, &awaited);
		sem_wait(&peer.served);
		assert_int_equal(awaited.seen.reason, REASON_OK);
		assert_string_equal(awaited.seen.names, HOST);
		assert_string_equal(peer.quit, "QUIT\r\n");
		peer_end(&peer);
	}
}

static struct awaited *victim, *successor;

static void drop_and_begin(struct awaited *awaited)
{
	awaited_drop(victim);
	awaited_drop(awaited);
	awaited_begin(successor);
}

/* A wake drops its own probe and another one, and begins a third. */
static void test_wake_drops(void **state)
{
	uint16_t port = 0;
	int silent = listen_on(&port, 16);
	(void)state;
	for (int late = 0; late < 2; late++) { /* one is over at once; one still has to send QUIT */
		struct peer peer = {.stop = STOP_NEVER};
		peer_start(&peer);
		struct awaited one = awaited_of(late ? peer.port : 25), two = awaited_of(port);
		struct awaited three = awaited_of(peer.port);
		one.then = drop_and_begin;
		victim = &two;
		successor = &three;
		room_prepare(&room, &three);
		room_begin(&room, &two);
		room_begin(&room, &one);
		sem_wait(&three.woken);
		assert_int_equal(three.seen.reason, REASON_OK);
		assert_int_equal(two.wakes, 0);
		room_drop(&room, &three);
		sem_wait(&peer.served);
		peer_end(&peer);
	}
	close(silent);
}

static struct peer *left_peer;
static bool open_at_wake;

/* Blocks the loop's thread, so that no timer of the loop closes the connection meanwhile. */
static void look_at_peer(struct awaited *awaited)
{
	(void)awaited;
	sem_wait(&left_peer->stopped);
	open_at_wake = !sees_end(left_peer->held[left_peer->held_count - 1], MSG_DONTWAIT);
}

/* The answer comes before the reply to QUIT. Without a reply the connection closes after some time. */
static void test_leave(void **state)
{
	struct peer peer = {.stop = STOP_QUIT};
	(void)state;
	peer_start(&peer);
	left_peer = &peer;
	for (unsigned round = 0; round < 2;
		round++) { /* drops the probe before the connection has closed; afterwards */
		struct awaited awaited = awaited_of(peer.port);
		awaited.then = look_at_peer;
		room_begin(&room, &awaited);
		sem_wait(&awaited.woken);
		assert_int_equal(awaited.seen.reason, REASON_OK);
		assert_string_equal(peer.quit, "QUIT\r\n");
		assert_true(open_at_wake);
		if (round == 0)
			room_drop(&room, &awaited);
		assert_true(sees_end(peer.held[round], 0));
		if (round == 1)
			room_drop(&room, &awaited);
		assert_int_equal(awaited.wakes, 1);
	}
	peer_end(&peer);
}

/* At most so many connections wait for the reply to QUIT, and none is left after the line is freed. */
static void test_leave_many(void **state)
{
	struct peer peer = {.stop = STOP_QUIT};
	struct probe_room own;
	int64_t begun_ms = clock_mono_ms();
	(void)state;
	_Static_assert(PROBE_LEAVING_MAX + 4 <= HELD_MAX, "the peer can hold them");
	probe_room_open(&own);
	peer_start(&peer);
	for (unsigned i = 0; i < PROBE_LEAVING_MAX + 4; i++) {
		struct awaited awaited = awaited_of(peer.port);
		room_begin(&own, &awaited);
		sem_wait(&awaited.woken);
		assert_int_equal(awaited.seen.reason, REASON_OK);
		room_drop(&own, &awaited);
		sem_wait(&peer.stopped);
		/* On a slow machine the first ones may have closed by now, which makes room. */
		if (i >= PROBE_LEAVING_MAX && clock_mono_ms() - begun_ms < 1900)
			assert_true(sees_end(peer.held[i], MSG_DONTWAIT));
	}
	probe_room_close(&own);
	for (unsigned i = 0; i < peer.held_count; i++)
		assert_true(sees_end(peer.held[i], MSG_DONTWAIT));
	peer_end(&peer);
}

/* A host that is silent after the handshake does not change the answer, which comes at the deadline. The probe still sends
 * QUIT. */
static void test_late_behind(void **state)
{
	struct peer peer = {.stop = STOP_EHLO_BEHIND};
	(void)state;
	peer_start(&peer);
	struct awaited awaited = awaited_of(peer.port);
	awaited.timeout_ms = 300;
	int64_t begun_ms = clock_mono_ms();
	room_begin(&room, &awaited);
	sem_wait(&awaited.woken);
	assert_true(clock_mono_ms() - begun_ms >= 290);
	assert_int_equal(awaited.seen.reason, REASON_OK);
	assert_int_equal(awaited.seen.requiretls, REQUIRETLS_UNKNOWN);
	assert_false(awaited.may_pass);
	sem_wait(&peer.stopped);
	room_drop(&room, &awaited);
	assert_true(sees_end(peer.held[0], 0));
	assert_int_equal(awaited.wakes, 1);
	peer_end(&peer);
}

/* At the deadline the connection closes, and the probe has an answer. */
static void test_late(void **state)
{
	(void)state;
	for (enum stop stop = STOP_GREETING; stop <= STOP_FLIGHT; stop++) {
		struct peer peer = {.stop = stop};
		peer_start(&peer);
		struct awaited awaited = awaited_of(peer.port);
		awaited.timeout_ms = 300;
		room_begin(&room, &awaited);
		sem_wait(&awaited.woken);
		assert_int_equal(awaited.seen.reason, REASON_HOP_TIMEOUT);
		assert_false(awaited.may_pass);
		sem_wait(&peer.stopped);
		assert_true(sees_end(peer.held[0], MSG_DONTWAIT));
		room_drop(&room, &awaited);
		peer_end(&peer);
	}
}

static int set_up(void **state)
{
	char file[] = "/tmp/stsgate-test-probe-loop-XXXXXX";
	struct failure why = {0};
	(void)state;
	ca = pki_ca("test");
	leaf = pki_issue(&ca, &(struct pki_request){.san = "DNS:" HOST});
	pki_write_temporary(&ca, file);
	trust = trust_new(file, &why);
	unlink(file);
	prober = prober_new(&(struct probe_options){.trust = trust, .helo = "relay.example", .shown = on_shown}, &why);
	if (!prober)
		fail_msg("%s", why.text);
	probe_room_open(&room);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	probe_room_close(&room);
	prober_free(&prober);
	trust_free(&trust);
	pki_free(&leaf);
	pki_free(&ca);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_crowd),
		cmocka_unit_test(test_drops),
		cmocka_unit_test(test_dropped_at_once),
		cmocka_unit_test(test_fails_at_once),
		cmocka_unit_test(test_cuts),
		cmocka_unit_test(test_octets),
		cmocka_unit_test(test_wake_drops),
		cmocka_unit_test(test_leave),
		cmocka_unit_test(test_leave_many),
		cmocka_unit_test(test_late),
		cmocka_unit_test(test_late_behind),
	};
	struct rlimit files;

	getrlimit(RLIMIT_NOFILE, &files);
	files.rlim_cur = files.rlim_max;
	setrlimit(RLIMIT_NOFILE, &files);
	signal(SIGPIPE, SIG_DFL);
	netns_enter();
	alarm(120);
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
