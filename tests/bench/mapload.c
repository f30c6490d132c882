/* mapload NULL-PORT NULL-PID GATE-PORT GATE-PID: asks two socketmap servers on the loopback address in turn: one with a
 * constant answer, and stsgated with a store that fill made. Each connection has one request in progress. */
#include "lapse.h"
#include "stock.h"

#include "socketmap.h"

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sysexits.h>
#include <unistd.h>

#define ROUND_NS 300000000
#define CONNECTIONS_MAX 16
#define REPLY_SIZE 1024
#define PATIENCE_MS 5000

struct connection {
	int fd;
	int64_t sent_ns;
	size_t got;
	char reply[REPLY_SIZE];
};

struct load {
	const char *request, *expected; /* the first words of the reply; NULL: any */
	int epoll;
	int64_t end_ns;
	unsigned under_way;
	struct lapses lapses;
};

static void die(const char *what)
{
	fprintf(stderr, "mapload: %s\n", what);
	exit(EX_UNAVAILABLE);
}

static void connection_open(struct connection *connection, int epoll, uint16_t port)
{
	struct sockaddr_in place = {
		.sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	struct epoll_event event = {.events = EPOLLIN, .data.ptr = connection};
	int yes = 1;
	*connection = (struct connection){.fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
	setsockopt(connection->fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
	if (connect(connection->fd, (struct sockaddr *)&place, sizeof place) != 0 ||
		epoll_ctl(epoll, EPOLL_CTL_ADD, connection->fd, &event) != 0)
		die("cannot connect");
}

static void request_send(struct load *load, struct connection *connection)
{
	size_t len = strlen(load->request);
	connection->got = 0;
	connection->sent_ns = lapse_now_ns();
	if (send(connection->fd, load->request, len, MSG_NOSIGNAL) != (ssize_t)len)
		die("cannot send");
	load->under_way++;
}

static void reply_read(struct load *load, struct connection *connection)
{
	struct span payload;
	size_t used, room = sizeof connection->reply - connection->got;
	ssize_t got = recv(connection->fd, connection->reply + connection->got, room, 0);
	if (got <= 0)
		die("the server hung up");
	connection->got += (size_t)got;
	struct span in = {connection->reply, connection->got};
	if (netstring_read(in, REPLY_SIZE, &payload, &used) != NETSTRING_OK)
		return;
	int64_t now_ns = lapse_now_ns();
	lapses_add(&load->lapses, now_ns - connection->sent_ns);
	size_t len = load->expected == NULL ? 0 : strlen(load->expected);
	if (payload.len < len || memcmp(payload.at, load->expected, len) != 0)
		die("a wrong answer");
	load->under_way--;
	if (now_ns < load->end_ns)
		request_send(load, connection);
}

struct place {
	uint16_t port;
	pid_t pid;
};

static struct seen round_run(const char *request, const char *expected, unsigned connections, const struct place *place)
{
	struct connection connection[CONNECTIONS_MAX];
	struct epoll_event events[CONNECTIONS_MAX];
	struct load load = {.request = request, .expected = expected, .epoll = epoll_create1(EPOLL_CLOEXEC)};
	for (unsigned i = 0; i < connections; i++)
		connection_open(&connection[i], load.epoll, place->port);
	struct seen_from from = seen_begin(place->pid);
	load.end_ns = from.at_ns + ROUND_NS;
	for (unsigned i = 0; i < connections; i++)
		request_send(&load, &connection[i]);
	while (load.under_way > 0) {
		int count = epoll_wait(load.epoll, events, CONNECTIONS_MAX, PATIENCE_MS);
		if (count <= 0)
			die("no answer");
		for (int i = 0; i < count; i++)
			reply_read(&load, events[i].data.ptr);
	}
	struct seen seen = seen_end(&from, load.lapses.count, &load.lapses);
	for (unsigned i = 0; i < connections; i++)
		close(connection[i].fd);
	close(load.epoll);
	return seen;
}

static void request_make(char *out, size_t size, unsigned i)
{
	struct stock subject;
	char payload[STOCK_NAME_SIZE + 16];
	stock_name(&subject, i);
	snprintf(payload, sizeof payload, "postfix %s", subject.domain);
	snprintf(out, size, "%zu:%s,", strlen(payload), payload);
}

static void row_run(
	const char *name, unsigned subject, const char *expected, unsigned connections, const struct place place[2])
{
	struct seen rounds[2][ROUNDS];
	char request[STOCK_NAME_SIZE + 32];
	request_make(request, sizeof request, subject);
	for (size_t i = 0; i < ROUNDS; i++) {
		rounds[0][i] = round_run(request, NULL, connections, &place[0]);
		rounds[1][i] = round_run(request, expected, connections, &place[1]);
	}
	struct seen a = seen_median(rounds[0]), b = seen_median(rounds[1]);
	printf("  %-16s %5u %8.0f %8.0f %4.0f%% %7.1f %7.1f %6.0f %6.0f %6.0f %6.0f\n", name, connections, a.per_s,
		b.per_s, 100 * b.per_s / a.per_s, a.cpu_us, b.cpu_us, a.p50_us, b.p50_us, a.p99_us, b.p99_us);
	fflush(stdout);
}

int main(int argc, char **argv)
{
	struct place place[2];
	if (argc != 5)
		return EX_USAGE;
	for (int i = 0; i < 2; i++)
		place[i] = (struct place){
			(uint16_t)strtoul(argv[1 + 2 * i], NULL, 10), (pid_t)strtol(argv[2 + 2 * i], NULL, 10)};
	printf("mapload: constant answer and stsgated: answers, CPU of the server, time from request to answer\n");
	printf("  %-16s %5s %23s %15s %13s %13s\n", "", "conns", "per second", "CPU us", "p50 us", "p99 us");
	row_run("enforce, logged", 0, "OK secure match=", 1, place);
	row_run("enforce, logged", 0, "OK secure match=", CONNECTIONS_MAX, place);
	row_run("no policy", 1, "NOTFOUND ", 1, place);
	row_run("no policy", 1, "NOTFOUND ", CONNECTIONS_MAX, place);
	return EX_OK;
}
