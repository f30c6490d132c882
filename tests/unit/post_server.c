#include "post_server.h"

#include "cm.h"

#include <arpa/inet.h>
#include <openssl/err.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* Reads the head of a request, and the octets of the body that came with it. */
static bool head_read(struct post_server *server, SSL *ssl)
{
	size_t used = 0;
	char *end = NULL;
	while (!end && used < sizeof server->head - 1) {
		int got = SSL_read(ssl, server->head + used, (int)(sizeof server->head - 1 - used));
		if (got <= 0)
			return false;
		used += (size_t)got;
		server->head[used] = '\0';
		end = memmem(server->head, used, "\r\n\r\n", 4);
	}
	if (!end)
		return false;
	server->body_len = used - (size_t)(end + 4 - server->head);
	memcpy(server->body, end + 4, server->body_len);
	end[2] = '\0';
	return true;
}

static bool body_read(struct post_server *server, SSL *ssl)
{
	const char *length = strstr(server->head, "Content-Length: ");
	size_t wanted = length ? strtoul(length + strlen("Content-Length: "), NULL, 10) : 0;
	if (wanted > sizeof server->body)
		return false;
	while (server->body_len < wanted) {
		int got = SSL_read(ssl, server->body + server->body_len, (int)(wanted - server->body_len));
		if (got <= 0)
			return false;
		server->body_len += (size_t)got;
	}
	return true;
}

static bool answered(struct post_server *server, SSL *ssl)
{
	server->body_len = 0;
	if (!head_read(server, ssl) || !body_read(server, ssl))
		return false;
	if (server->answer[0] == '\0')
		poll(&(struct pollfd){.fd = server->stop[0], .events = POLLIN}, 1, 5000);
	return SSL_write(ssl, server->answer, (int)strlen(server->answer)) > 0;
}

static void serve(struct post_server *server)
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
	struct post_server *server = arg;
	struct pollfd fds[2] = {{.fd = server->listener, .events = POLLIN}, {.fd = server->stop[0], .events = POLLIN}};
	sigset_t pipe_signal;
	sigemptyset(&pipe_signal);
	sigaddset(&pipe_signal, SIGPIPE);
	pthread_sigmask(SIG_BLOCK, &pipe_signal, NULL);
	while (poll(fds, 2, -1) > 0 && !fds[1].revents)
		serve(server);
	return NULL;
}

void post_server_start(struct post_server *server, const struct pki_pair *leaf, uint16_t port, const char *answer)
{
	struct sockaddr_in here = {
		.sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int one = 1;
	memset(server, 0, sizeof *server);
	server->leaf = leaf;
	server->answer = answer;
	server->listener = socket(AF_INET, SOCK_STREAM, 0);
	setsockopt(server->listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
	assert_int_equal(bind(server->listener, (struct sockaddr *)&here, sizeof here), 0);
	assert_int_equal(listen(server->listener, 8), 0);
	assert_int_equal(pipe(server->stop), 0);
	assert_int_equal(pthread_create(&server->thread, NULL, server_run, server), 0);
}

void post_server_stop(struct post_server *server)
{
	assert_int_equal(write(server->stop[1], "", 1), 1);
	pthread_join(server->thread, NULL);
	close(server->listener);
	close(server->stop[0]);
	close(server->stop[1]);
}
