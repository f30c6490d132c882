/* mapnull PORT|PATH: the ceiling of mapload. A socketmap server with libevent, like stsgated's, that sends a constant answer
 * whenever a request seems to end. The answers to one read leave in one write. */
#include <arpa/inet.h>
#include <event2/event.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sysexits.h>
#include <unistd.h>

#define BACKLOG 64
#define IN_SIZE 4096
#define SERVE_S 600 /* then it ends by itself */

static const char answer[] = "67:OK secure match=mx1.domain-000000.bench.example servername=hostname,";
_Static_assert(sizeof answer == 3 + 67 + 1 + 1, "the length stands before the answer");

struct client {
	struct event *readable;
};

static void on_readable(evutil_socket_t fd, short what, void *arg)
{
	struct client *client = arg;
	static char out[IN_SIZE * sizeof answer];
	char in[IN_SIZE];
	size_t len = 0;
	ssize_t got = recv(fd, in, sizeof in, MSG_DONTWAIT);
	(void)what;
	for (ssize_t i = 0; i < got; i++)
		if (in[i] == ',') {
			memcpy(out + len, answer, sizeof answer - 1);
			len += sizeof answer - 1;
		}
	if (len > 0 && send(fd, out, len, MSG_NOSIGNAL) != (ssize_t)len)
		got = 0;
	if (got > 0)
		return;
	event_free(client->readable);
	close(fd);
	free(client);
}

static void on_accept(evutil_socket_t fd, short what, void *arg)
{
	struct client *client = calloc(1, sizeof *client);
	int peer = accept4(fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	(void)what;
	if (client == NULL || peer < 0)
		abort();
	client->readable = event_new(arg, peer, EV_READ | EV_PERSIST, on_readable, client);
	event_add(client->readable, NULL);
}

static bool bind_to(int fd, const char *name)
{
	struct sockaddr_in port = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	struct sockaddr_un path = {.sun_family = AF_UNIX};
	int yes = 1;
	if (name[0] == '/') {
		snprintf(path.sun_path, sizeof path.sun_path, "%s", name);
		return bind(fd, (struct sockaddr *)&path, sizeof path) == 0;
	}
	port.sin_port = htons((uint16_t)strtoul(name, NULL, 10));
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
	return bind(fd, (struct sockaddr *)&port, sizeof port) == 0;
}

int main(int argc, char **argv)
{
	struct event_base *base = event_base_new();
	if (argc != 2 || base == NULL)
		return EX_USAGE;
	int fd = socket(argv[1][0] == '/' ? AF_UNIX : AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (!bind_to(fd, argv[1]) || listen(fd, BACKLOG) != 0) {
		perror("mapnull");
		return EX_UNAVAILABLE;
	}
	struct event *readable = event_new(base, fd, EV_READ | EV_PERSIST, on_accept, base);
	event_add(readable, NULL);
	event_base_loopexit(base, &(struct timeval){.tv_sec = SERVE_S});
	event_base_dispatch(base);
	return EX_OK;
}
