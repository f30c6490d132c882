#include "dns_port.h"

#include "cm.h"

#include <arpa/inet.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static void serve_udp(const struct dns_port *port, uint8_t *reply)
{
	uint8_t query[1500];
	struct sockaddr_in peer;
	socklen_t peer_len = sizeof peer;
	ssize_t len = recvfrom(port->udp, query, sizeof query, 0, (struct sockaddr *)&peer, &peer_len);
	size_t size = len > 0 ? port->respond(port->arg, query, (size_t)len, reply, true) : 0;

	if (size)
		sendto(port->udp, reply, size, 0, (struct sockaddr *)&peer, peer_len);
}

static void serve_tcp(const struct dns_port *port, uint8_t *reply)
{
	uint8_t query[1500];
	int fd = accept(port->tcp, NULL, NULL);
	ssize_t len = recv(fd, query, sizeof query, 0);
	size_t size = len > 2 ? port->respond(port->arg, query + 2, (size_t)len - 2, reply, false) : 0;
	uint8_t prefix[2] = {(uint8_t)(size >> 8), (uint8_t)size};

	if (size && send(fd, prefix, 2, MSG_NOSIGNAL | MSG_MORE) == 2)
		send(fd, reply, size, MSG_NOSIGNAL);
	close(fd);
}

static void *port_run(void *arg)
{
	const struct dns_port *port = arg;
	struct pollfd fds[3] = {{.fd = port->udp, .events = POLLIN}, {.fd = port->tcp, .events = POLLIN},
		{.fd = port->stop[0], .events = POLLIN}};
	uint8_t *reply = malloc(DNS_PORT_MAX);

	for (;;) {
		poll(fds, 3, -1);
		if (fds[2].revents)
			break;
		if (fds[0].revents)
			serve_udp(port, reply);
		if (fds[1].revents)
			serve_tcp(port, reply);
	}
	free(reply);
	return NULL;
}

/* Returns false if the UDP port of this number is in use. */
static bool ports_bind(struct dns_port *port)
{
	struct sockaddr_in here = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof here;
	port->tcp = socket(AF_INET, SOCK_STREAM, 0);
	port->udp = socket(AF_INET, SOCK_DGRAM, 0);
	assert_int_equal(bind(port->tcp, (struct sockaddr *)&here, sizeof here), 0);
	assert_int_equal(getsockname(port->tcp, (struct sockaddr *)&here, &len), 0);
	port->number = ntohs(here.sin_port);
	if (bind(port->udp, (struct sockaddr *)&here, sizeof here) == 0)
		return true;
	close(port->tcp);
	close(port->udp);
	return false;
}

void dns_port_open(struct dns_port *port, dns_port_respond *respond, void *arg)
{
	int room = 16 << 20; /* for thousands of queries at once */
	port->respond = respond;
	port->arg = arg;
	while (!ports_bind(port))
		continue;
	assert_int_equal(listen(port->tcp, 16), 0);
	if (setsockopt(port->udp, SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof room) != 0)
		setsockopt(port->udp, SOL_SOCKET, SO_RCVBUF, &room, sizeof room);
	assert_int_equal(pipe(port->stop), 0);
	assert_int_equal(pthread_create(&port->thread, NULL, port_run, port), 0);
}

void dns_port_close(struct dns_port *port)
{
	assert_int_equal(write(port->stop[1], "", 1), 1);
	pthread_join(port->thread, NULL);
	close(port->udp);
	close(port->tcp);
	close(port->stop[0]);
	close(port->stop[1]);
}

size_t dns_port_loopback(void *arg, const uint8_t *query, size_t len, uint8_t reply[DNS_PORT_MAX], bool udp)
{
	static const uint8_t record[] = {0xc0, 12, 0, 1, 0, 1, 0, 0, 1, 44, 0, 4, 127, 0, 0, 1};
	size_t at = 12;
	(void)arg, (void)udp;
	while (at < len && query[at] != 0)
		at += query[at] + 1u;
	at += 5;
	if (at > len)
		return 0;
	memcpy(reply, query, at);
	memset(reply + 6, 0, 6);
	reply[2] = 0x81;
	reply[3] = 0x80;
	if (query[at - 3] != 1)
		return at;
	reply[7] = 1;
	memcpy(reply + at, record, sizeof record);
	return at + sizeof record;
}
