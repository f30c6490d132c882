/* world CA-FILE: runs the servers for cold on all addresses of the loopback network: DNS (port 53), policy hosts (443) and
 * mail hosts (25). Writes the certificate of its authority to CA-FILE, then serves until it is ended.
 *
 * Every domain has a record, an enforce policy and one mail host. Each policy host and mail host has its own certificate,
 * and the hosts are spread over many networks. Name servers of domains that begin with quiet-dns, policy hosts of
 * quiet-https and mail hosts of quiet-smtp accept connections and never answer. */
#include "pki.h"

#include <arpa/inet.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sysexits.h>
#include <unistd.h>

#define SERVE_S 600 /* then it ends by itself */
#define THREADS 8   /* of each port */
#define PACKET_SIZE 1232
#define NAME_SIZE 256
#define LINE_SIZE 512
#define TTL 60

enum { TYPE_A = 1, TYPE_MX = 15, TYPE_TXT = 16 };
enum { NET_HTTPS = 16, NET_SMTP = 32, QUIET = 64 }; /* second octets of addresses; QUIET is added */

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

/* 127.NET.x.y, one of 4096 networks. */
static uint32_t address_of(const char *name, unsigned net)
{
	uint32_t hash = 2166136261u;
	for (const char *at = name; *at; at++)
		hash = (hash ^ (unsigned char)*at) * 16777619u;
	net += hash >> 8 & 15;
	return 127u << 24 | net << 16 | (hash & 255) << 8 | 1;
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

/* Makes the answer to a question; returns false if there is to be none. */
static bool dns_answer(struct packet *packet)
{
	static const char record[] = "v=STSv1; id=1;";
	char name[NAME_SIZE];
	size_t end = packet->len > 12 ? name_read(packet, name) : 0;
	if (end == 0)
		return false;
	unsigned type = packet->at[end + 1];
	const char *domain = strchr(name, '.') ? strchr(name, '.') + 1 : name;
	if (starts_with(name, "quiet-dns") || starts_with(domain, "quiet-dns"))
		return false;
	packet->len = end + 4;
	packet->at[2] = 0x85; /* an authoritative answer; recursion desired and available */
	packet->at[3] = 0x80;
	memset(packet->at + 6, 0, 6);
	if (type == TYPE_TXT && starts_with(name, "_mta-sts.")) {
		record_begin(packet, type, sizeof record);
		put_number(packet, sizeof record - 1, 1);
		memcpy(packet->at + packet->len, record, sizeof record - 1);
		packet->len += sizeof record - 1;
	} else if (type == TYPE_A && starts_with(name, "mta-sts.")) {
		record_begin(packet, type, 4);
		put_number(packet, address_of(name, NET_HTTPS + (starts_with(domain, "quiet-https") ? QUIET : 0)), 4);
	} else if (type == TYPE_A && starts_with(name, "mx.")) {
		record_begin(packet, type, 4);
		put_number(packet, address_of(name, NET_SMTP + (starts_with(domain, "quiet-smtp") ? QUIET : 0)), 4);
	} else if (type == TYPE_MX) {
		record_begin(packet, type, 7);
		put_number(packet, 10, 2);
		put_number(packet, 2, 1);
		memcpy(packet->at + packet->len, "mx", 2);
		packet->len += 2;
		put_number(packet, 0xc00c, 2);
	}
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

static int on_server_name(SSL *ssl, int *alert, void *arg)
{
	char san[NAME_SIZE + 8];
	const char *name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
	(void)alert, (void)arg;
	if (!name || strlen(name) >= NAME_SIZE)
		return SSL_TLSEXT_ERR_ALERT_FATAL;
	snprintf(san, sizeof san, "DNS:%s", name);
	pthread_mutex_lock(&issuing);
	struct pki_pair pair = pki_issue(&authority, &(struct pki_request){.san = san});
	pthread_mutex_unlock(&issuing);
	bool good = SSL_use_certificate(ssl, pair.cert) == 1 && SSL_use_PrivateKey(ssl, pair.key) == 1;
	pki_free(&pair);
	return good ? SSL_TLSEXT_ERR_OK : SSL_TLSEXT_ERR_ALERT_FATAL;
}

struct door {
	int fd;
	SSL_CTX *ctx;
	void (*serve)(int fd, SSL_CTX *ctx);
};

static SSL *tls_begin(int fd, SSL_CTX *ctx)
{
	SSL *ssl = SSL_new(ctx);
	if (!ssl)
		abort();
	SSL_set_fd(ssl, fd);
	if (SSL_accept(ssl) == 1)
		return ssl;
	SSL_free(ssl);
	return NULL;
}

static void https_serve(int fd, SSL_CTX *ctx)
{
	char request[4096], body[NAME_SIZE + 128], reply[sizeof body + 128];
	SSL *ssl = tls_begin(fd, ctx);
	if (!ssl)
		return;
	const char *name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
	if (SSL_read(ssl, request, sizeof request) > 0 && name && starts_with(name, "mta-sts.")) {
		int len = snprintf(body, sizeof body,
			"version: STSv1\r\nmode: enforce\r\nmx: mx.%s\r\nmax_age: 604800\r\n",
			name + strlen("mta-sts."));
		len = snprintf(reply, sizeof reply,
			"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: %d\r\n\r\n%s", len, body);
		SSL_write(ssl, reply, len);
		SSL_shutdown(ssl);
	}
	SSL_free(ssl);
}

static bool say(int fd, SSL *ssl, const char *words)
{
	int len = (int)strlen(words);
	return (ssl ? SSL_write(ssl, words, len) : (int)send(fd, words, (size_t)len, MSG_NOSIGNAL)) == len;
}

/* Clients send one command and wait. */
static void smtp_serve(int fd, SSL_CTX *ctx)
{
	char line[LINE_SIZE];
	SSL *ssl = NULL;
	bool goes_on = say(fd, NULL, "220 mail host\r\n");
	while (goes_on) {
		int got = ssl ? SSL_read(ssl, line, sizeof line - 1) : (int)recv(fd, line, sizeof line - 1, 0);
		line[got > 0 ? got : 0] = '\0';
		if (starts_with(line, "EHLO"))
			goes_on = say(fd, ssl, ssl ? "250 mail host\r\n" : "250-mail host\r\n250 STARTTLS\r\n");
		else if (starts_with(line, "STARTTLS") && !ssl)
			goes_on = say(fd, NULL, "220 go on\r\n") && (ssl = tls_begin(fd, ctx)) != NULL;
		else
			goes_on = starts_with(line, "QUIT") && say(fd, ssl, "221 bye\r\n") && false;
	}
	SSL_free(ssl);
}

static bool is_quiet(int fd)
{
	struct sockaddr_in here;
	socklen_t len = sizeof here;
	return getsockname(fd, (struct sockaddr *)&here, &len) == 0 && (ntohl(here.sin_addr.s_addr) >> 16 & QUIET);
}

/* A connection to a quiet host stays open and is ignored. */
static void *door_serve(void *arg)
{
	const struct door *door = arg;
	for (;;) {
		int fd = accept(door->fd, NULL, NULL);
		if (fd < 0 || is_quiet(fd))
			continue;
		setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &(struct timeval){.tv_sec = 5}, sizeof(struct timeval));
		door->serve(fd, door->ctx);
		close(fd);
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
		die("world");
	if (type == SOCK_DGRAM)
		setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof room);
	return fd;
}

static void threads_start(unsigned count, void *(*run)(void *arg), void *arg)
{
	pthread_t thread;
	for (unsigned i = 0; i < count; i++)
		if (pthread_create(&thread, NULL, run, arg) != 0)
			die("world");
}

int main(int argc, char **argv)
{
	struct rlimit limit;
	if (argc != 2)
		return EX_USAGE;
	signal(SIGPIPE, SIG_IGN);
	if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
		limit.rlim_cur = limit.rlim_max;
		setrlimit(RLIMIT_NOFILE, &limit);
	}
	authority = pki_ca("bench");
	struct pki_pair nobody = pki_issue(&authority, &(struct pki_request){.san = "DNS:nobody.example"});
	SSL_CTX *ctx = pki_server(&nobody);
	SSL_CTX_set_tlsext_servername_callback(ctx, on_server_name);
	int dns = listen_at(SOCK_DGRAM, 53);
	struct door https = {listen_at(SOCK_STREAM, 443), ctx, https_serve};
	struct door smtp = {listen_at(SOCK_STREAM, 25), ctx, smtp_serve};
	threads_start(1, dns_serve, &dns);
	threads_start(THREADS, door_serve, &https);
	threads_start(THREADS, door_serve, &smtp);
	pki_write(&authority, argv[1]);
	sleep(SERVE_S);
	return EX_OK;
}
