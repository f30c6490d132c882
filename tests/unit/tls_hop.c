#include "tls_hop.h"

#include <arpa/inet.h>
#include <openssl/err.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static void must(bool good)
{
	if (!good) {
		fprintf(stderr, "tls_hop: something failed\n");
		abort();
	}
}

static void say(int fd, const char *line)
{
	(void)!send(fd, line, strlen(line), MSG_NOSIGNAL);
}

/* Reads one line, octet by octet, so that no octet of a ClientHello is read. */
static void hear(int fd)
{
	char octet = '\0';

	while (octet != '\n' && recv(fd, &octet, 1, 0) == 1)
		continue;
}

static SSL_CTX *context(const struct tls_hop *hop)
{
	SSL_CTX *ctx = pki_server(hop->leaf);

	if (hop->sent)
		must(SSL_CTX_add1_chain_cert(ctx, hop->sent->cert) == 1);
	must(SSL_CTX_set_max_proto_version(ctx, hop->tls_max) == 1);
	return ctx;
}

static void serve_tls(struct tls_hop *hop, int fd)
{
	SSL_CTX *ctx = context(hop);
	SSL *ssl = SSL_new(ctx);
	char command[64];

	must(ssl && SSL_set_fd(ssl, fd) == 1);
	if (SSL_accept(ssl) == 1) {
		const char *sni = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);

		snprintf(hop->sni, sizeof hop->sni, "%s", sni ? sni : "");
		SSL_read(ssl, command, sizeof command);
		SSL_write(ssl, "221 bye\r\n", 9);
		SSL_shutdown(ssl);
	}
	SSL_free(ssl);
	SSL_CTX_free(ctx);
	ERR_clear_error();
}

static void *hop_run(void *arg)
{
	struct tls_hop *hop = arg;
	int fd = accept(hop->listener, NULL, NULL);
	sigset_t pipe_signal;

	/* Blocked in this thread only: the product must not depend on it. */
	sigemptyset(&pipe_signal);
	sigaddset(&pipe_signal, SIGPIPE);
	pthread_sigmask(SIG_BLOCK, &pipe_signal, NULL);
	must(fd >= 0);
	say(fd, "220 hop ESMTP\r\n");
	hear(fd);
	say(fd, hop->plain ? "250 hop\r\n" : "250-hop\r\n250 STARTTLS\r\n");
	hear(fd);
	if (!hop->plain) {
		say(fd, "220 go ahead\r\n");
		serve_tls(hop, fd);
	}
	close(fd);
	return NULL;
}

void tls_hop_start(struct tls_hop *hop)
{
	struct sockaddr_in here = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof here;

	hop->sni[0] = '\0';
	hop->listener = socket(AF_INET, SOCK_STREAM, 0);
	must(hop->listener >= 0 && bind(hop->listener, (struct sockaddr *)&here, len) == 0);
	must(listen(hop->listener, 1) == 0 && getsockname(hop->listener, (struct sockaddr *)&here, &len) == 0);
	hop->port = ntohs(here.sin_port);
	must(pthread_create(&hop->thread, NULL, hop_run, hop) == 0);
}

void tls_hop_end(struct tls_hop *hop)
{
	pthread_join(hop->thread, NULL);
	close(hop->listener);
}
