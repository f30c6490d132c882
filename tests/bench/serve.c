#include "serve.h"

#include "pki.h"

#include <arpa/inet.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sysexits.h>
#include <unistd.h>

#define PACKET_SIZE 1232
#define NAME_SIZE 256
#define LINE_SIZE 512
#define TTL 60
#define SILENT_MAX 8192 /* connections that a silent host keeps open; then the oldest is closed */

enum { TYPE_A = 1, TYPE_MX = 15, TYPE_TXT = 16 };

static const struct serve_rules *rules;
static struct pki_pair authority;
static pthread_mutex_t issuing = PTHREAD_MUTEX_INITIALIZER;

static void die(const char *what)
{
	perror(what);
	exit(EX_UNAVAILABLE);
}

static bool starts_with(const char *text, const char *start)
{
	return strncmp(text, start, strlen(start)) == 0;
}

/* --- DNS ---------------------------------------------------------------------------------------------------------- */

struct packet {
	unsigned char at[PACKET_SIZE];
	size_t len;
};

static void put_number(struct packet *packet, uint32_t number, size_t octets)
{
	while (octets-- > 0)
		packet->at[packet->len++] = (unsigned char)(number >> 8 * octets);
}

/* Gets the name in the question, with dots; returns the position after it, or 0. */
static size_t name_read(const struct packet *packet, char name[NAME_SIZE])
{
	size_t at = 12, len = 0;
	while (at < packet->len && packet->at[at] != 0) {
		size_t label = packet->at[at++];
		if (label > 63 || at + label > packet->len || len + label + 2 > NAME_SIZE)
			return 0;
		memcpy(name + len, packet->at + at, label);
		name[len + label] = '.';
		len += label + 1;
		at += label;
	}
	name[len > 0 ? len - 1 : 0] = '\0';
	return at + 5 <= packet->len ? at + 1 : 0;
}

static void record_begin(struct packet *packet, unsigned type, size_t len)
{
	packet->at[7] = 1; /* one answer */
	put_number(packet, 0xc00c, 2);
	put_number(packet, type, 2);
	put_number(packet, 1, 2);
	put_number(packet, TTL, 4);
	put_number(packet, (uint32_t)len, 2);
}

static void record_put(struct packet *packet, const char *name, unsigned type)
{
	static const char record[] = "v=STSv1; id=1;";
	const char *domain = strchr(name, '.') ? strchr(name, '.') + 1 : name;
	if (type == TYPE_TXT && starts_with(name, "_mta-sts.") && rules->has_record(domain)) {
		record_begin(packet, type, sizeof record);
		put_number(packet, sizeof record - 1, 1);
		memcpy(packet->at + packet->len, record, sizeof record - 1);
		packet->len += sizeof record - 1;
	} else if (type == TYPE_A && (starts_with(name, "mta-sts.") || starts_with(name, "mx."))) {
		record_begin(packet, type, 4);
		put_number(packet, rules->address(name), 4);
	} else if (type == TYPE_MX) {
		record_begin(packet, type, 7);
		put_number(packet, 10, 2);
		put_number(packet, 2, 1);
		memcpy(packet->at + packet->len, "mx", 2);
		packet->len += 2;
		put_number(packet, 0xc00c, 2);
	}
}

/* Makes the answer to a question; returns false if there is to be none. */
static bool dns_answer(struct packet *packet)
{
	char name[NAME_SIZE];
	size_t end = packet->len > 12 ? name_read(packet, name) : 0;
	if (end == 0 || (rules->dns_is_silent && rules->dns_is_silent(name)))
		return false;
	unsigned type = packet->at[end + 1];
	packet->len = end + 4;
	packet->at[2] = 0x85; /* an authoritative answer; recursion desired and available */
	packet->at[3] = 0x80;
	memset(packet->at + 6, 0, 6);
	record_put(packet, name, type);
	return true;
}

static void *dns_serve(void *arg)
{
	int fd = *(int *)arg;
	for (;;) {
		struct packet packet;
		struct sockaddr_in from;
		socklen_t len = sizeof from;
		ssize_t got = recvfrom(fd, packet.at, PACKET_SIZE / 2, 0, (struct sockaddr *)&from, &len);
		packet.len = got > 0 ? (size_t)got : 0;
		if (dns_answer(&packet))
			sendto(fd, packet.at, packet.len, 0, (struct sockaddr *)&from, len);
	}
	return NULL;
}

/* --- TLS ---------------------------------------------------------------------------------------------------------- */

/* The client's connection, and how it is treated. */
struct guest {
	int fd;
	uint32_t address; /* of the host */
	enum conduct conduct;
	bool whole;
	SSL_CTX *ctx;
	SSL *ssl; /* after the handshake */
};

static int on_server_name(SSL *ssl, int *alert, void *arg)
{
	char san[NAME_SIZE + 16];
	const struct guest *guest = SSL_get_app_data(ssl);
	const char *name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
	(void)alert, (void)arg;
	if (!name || strlen(name) >= NAME_SIZE)
		return SSL_TLSEXT_ERR_ALERT_FATAL;
	snprintf(san, sizeof san, "DNS:%s%s", guest->conduct == CONDUCT_OTHER ? "other." : "", name);
	pthread_mutex_lock(&issuing);
	struct pki_pair pair = pki_issue(&authority, &(struct pki_request){.san = san});
	pthread_mutex_unlock(&issuing);
	bool good = SSL_use_certificate(ssl, pair.cert) == 1 && SSL_use_PrivateKey(ssl, pair.key) == 1;
	pki_free(&pair);
	return good ? SSL_TLSEXT_ERR_OK : SSL_TLSEXT_ERR_ALERT_FATAL;
}

static bool tls_begin(struct guest *guest)
{
	guest->ssl = SSL_new(guest->ctx);
	if (!guest->ssl)
		abort();
	SSL_set_app_data(guest->ssl, guest);
	SSL_set_fd(guest->ssl, guest->fd);
	return SSL_accept(guest->ssl) == 1;
}

static int policy_write(const struct guest *guest, char *out, size_t size, const char *domain)
{
	char body[NAME_SIZE + 128];
	if (guest->conduct == CONDUCT_REFUSE)
		return snprintf(
			out, size, "HTTP/1.1 503 Busy\r\nContent-Type: text/plain\r\nContent-Length: 0\r\n\r\n");
	int len = snprintf(body, sizeof body, "version: STSv1\r\nmode: %s\r\nmx: mx.%s\r\nmax_age: 604800\r\n",
		rules->mode(domain), domain);
	return snprintf(
		out, size, "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: %d\r\n\r\n%s", len, body);
}

static void https_serve(struct guest *guest)
{
	char request[4096], reply[NAME_SIZE + 512];
	const char *name = tls_begin(guest) ? SSL_get_servername(guest->ssl, TLSEXT_NAMETYPE_host_name) : NULL;
	if (!name || !starts_with(name, "mta-sts.") || SSL_read(guest->ssl, request, sizeof request) <= 0)
		return;
	int len = policy_write(guest, reply, sizeof reply, name + strlen("mta-sts."));
	guest->whole = SSL_write(guest->ssl, reply, len) == len;
	SSL_shutdown(guest->ssl);
	if (rules->met) /* the client closes it when it has read everything */
		guest->whole = guest->whole && SSL_read(guest->ssl, request, sizeof request) <= 0;
}

static bool say(const struct guest *guest, const char *words)
{
	int len = (int)strlen(words);
	return (guest->ssl ? SSL_write(guest->ssl, words, len)
			   : (int)send(guest->fd, words, (size_t)len, MSG_NOSIGNAL)) == len;
}

/* Clients send one command and wait. */
static void smtp_serve(struct guest *guest)
{
	char line[LINE_SIZE];
	bool goes_on = say(guest, guest->conduct == CONDUCT_REFUSE ? "421 busy\r\n" : "220 mail host\r\n");
	while (goes_on) {
		int got = guest->ssl ? SSL_read(guest->ssl, line, sizeof line - 1)
				     : (int)recv(guest->fd, line, sizeof line - 1, 0);
		line[got > 0 ? got : 0] = '\0';
		if (starts_with(line, "EHLO")) {
			bool offers = !guest->ssl && guest->conduct != CONDUCT_CLEAR;
			goes_on = say(guest, offers ? "250-mail host\r\n250 STARTTLS\r\n" : "250 mail host\r\n");
		} else if (starts_with(line, "STARTTLS") && !guest->ssl) {
			goes_on = say(guest, "220 go on\r\n") && tls_begin(guest);
		} else {
			guest->whole = starts_with(line, "QUIT");
			goes_on = guest->whole && say(guest, "221 bye\r\n") && false;
		}
	}
}

/* --- connections -------------------------------------------------------------------------------------------------- */

struct door {
	int fd;
	uint16_t port;
	SSL_CTX *ctx;
	void (*serve)(struct guest *guest);
};

static struct {
	pthread_mutex_t lock;
	int fd[SILENT_MAX]; /* 0: none */
	unsigned next;
} silent = {.lock = PTHREAD_MUTEX_INITIALIZER};

/* Keeps the connection open. */
static void be_silent(int fd)
{
	pthread_mutex_lock(&silent.lock);
	int *place = &silent.fd[silent.next++ % SILENT_MAX], oldest = *place;
	*place = fd;
	pthread_mutex_unlock(&silent.lock);
	if (oldest > 0)
		close(oldest);
}

void serve_hang_up(void)
{
	pthread_mutex_lock(&silent.lock);
	for (unsigned i = 0; i < SILENT_MAX; i++) {
		if (silent.fd[i] > 0)
			close(silent.fd[i]);
		silent.fd[i] = 0;
	}
	pthread_mutex_unlock(&silent.lock);
}

static void guest_serve(struct guest *guest, const struct door *door)
{
	struct timeval patience = {.tv_sec = 5};
	setsockopt(guest->fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
	if (guest->conduct != CONDUCT_HANGUP)
		door->serve(guest);
	SSL_free(guest->ssl);
	close(guest->fd);
}

static void *door_serve(void *arg)
{
	const struct door *door = arg;
	for (;;) {
		struct sockaddr_in here;
		socklen_t len = sizeof here;
		struct guest guest = {.fd = accept(door->fd, NULL, NULL), .ctx = door->ctx};
		if (guest.fd < 0 || getsockname(guest.fd, (struct sockaddr *)&here, &len) != 0)
			continue;
		guest.address = ntohl(here.sin_addr.s_addr);
		guest.conduct = rules->meet(guest.address, door->port);
		if (guest.conduct == CONDUCT_SILENT)
			be_silent(guest.fd);
		else
			guest_serve(&guest, door);
		if (rules->met)
			rules->met(guest.address, door->port, guest.conduct, guest.whole);
	}
	return NULL;
}

/* --- the start ---------------------------------------------------------------------------------------------------- */

static int listen_at(int type, uint16_t port)
{
	int fd = socket(AF_INET, type | SOCK_CLOEXEC, 0), yes = 1, room = 4 << 20;
	struct sockaddr_in place = {.sin_family = AF_INET, .sin_port = htons(port)};
	if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes) != 0 ||
		bind(fd, (struct sockaddr *)&place, sizeof place) != 0 ||
		(type == SOCK_STREAM && listen(fd, 1024) != 0))
		die("serve");
	if (type == SOCK_DGRAM)
		setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof room);
	return fd;
}

static void threads_start(unsigned count, void *(*run)(void *arg), void *arg)
{
	pthread_t thread;
	for (unsigned i = 0; i < count; i++)
		if (pthread_create(&thread, NULL, run, arg) != 0)
			die("serve");
}

void serve_start(const struct serve_rules *of_program, const char *ca_file)
{
	static int dns;
	static struct door https = {.port = SERVE_HTTPS, .serve = https_serve},
			   smtp = {.port = SERVE_SMTP, .serve = smtp_serve};
	struct rlimit limit;
	rules = of_program;
	signal(SIGPIPE, SIG_IGN);
	if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
		limit.rlim_cur = limit.rlim_max;
		setrlimit(RLIMIT_NOFILE, &limit);
	}
	authority = pki_ca("bench");
	struct pki_pair nobody = pki_issue(&authority, &(struct pki_request){.san = "DNS:nobody.example"});
	https.ctx = smtp.ctx = pki_server(&nobody);
	SSL_CTX_set_tlsext_servername_callback(https.ctx, on_server_name);
	dns = listen_at(SOCK_DGRAM, SERVE_DNS);
	https.fd = listen_at(SOCK_STREAM, SERVE_HTTPS);
	smtp.fd = listen_at(SOCK_STREAM, SERVE_SMTP);
	threads_start(1, dns_serve, &dns);
	threads_start(rules->threads, door_serve, &https);
	threads_start(rules->threads, door_serve, &smtp);
	pki_write(&authority, ca_file);
}
