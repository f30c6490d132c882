/* mapload KEY LOAD CONNECTIONS DEPTH SERVER...: measures socketmap servers in turn. Each connection has DEPTH requests in
 * progress, which leave in one write. SERVER is NAME,PLACE,PID,MAP,SUBJECT:
 *
 * NAME    begins with "null" if the server sends a constant answer
 * PLACE   port of the loopback address, or the path of a UNIX socket
 * MAP     the name of the map. A # at its end stands for a number that changes with each request, so that stsgated never
 *         repeats an answer
 * SUBJECT the domain that is asked about, or the number of domains in the server's store (stock.h)
 *
 * LOAD is `one` (domain 0 of such a store, which has a policy), `none` (domain 1, which has none), `uniform`, or `zipf` (with
 * exponent 1): random domains among those that have a policy. */
#include "lapse.h"
#include "stock.h"

#include "socketmap.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <math.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sysexits.h>
#include <unistd.h>

#define ROUND_NS 300000000
#define CONNECTIONS_MAX 64
#define DEPTH_MAX 64
#define SERVERS_MAX 4
#define REQUEST_SIZE 96
#define REQUESTS 16384 /* made before the first round, asked in turn */
#define REPLY_SIZE (DEPTH_MAX * 256)
#define PATIENCE_MS 20000
#define POLICY_EVERY 10 /* domain with a policy (stock.h) */

struct server {
	char name[16], place[108], map[32], subject[64];
	pid_t pid;
	unsigned requests;
	char (*request)[REQUEST_SIZE];
};

struct connection {
	int fd;
	int64_t sent_ns;
	size_t got;
	unsigned awaited; /* replies */
	char reply[REPLY_SIZE];
};

struct load {
	const struct server *server;
	const char *expected; /* the first words of the reply; NULL: any */
	unsigned depth, next;
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

static int connect_to(const char *name)
{
	struct sockaddr_in port = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	struct sockaddr_un path = {.sun_family = AF_UNIX};
	bool local = name[0] == '/';
	int fd = socket(local ? AF_UNIX : AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), yes = 1, done;
	if (local) {
		snprintf(path.sun_path, sizeof path.sun_path, "%s", name);
		done = connect(fd, (struct sockaddr *)&path, sizeof path);
	} else {
		port.sin_port = htons((uint16_t)strtoul(name, NULL, 10));
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
		done = connect(fd, (struct sockaddr *)&port, sizeof port);
	}
	if (done != 0)
		die("cannot connect");
	return fd;
}

static void connection_open(struct connection *connection, const struct load *load)
{
	struct epoll_event event = {.events = EPOLLIN, .data.ptr = connection};
	connection->fd = connect_to(load->server->place);
	connection->got = connection->awaited = 0;
	if (epoll_ctl(load->epoll, EPOLL_CTL_ADD, connection->fd, &event) != 0)
		die("epoll");
}

static void requests_send(struct load *load, struct connection *connection)
{
	char out[DEPTH_MAX * REQUEST_SIZE];
	size_t len = 0;
	for (unsigned i = 0; i < load->depth; i++) {
		const char *request = load->server->request[load->next++ % load->server->requests];
		size_t more = strlen(request);
		memcpy(out + len, request, more);
		len += more;
	}
	connection->sent_ns = lapse_now_ns();
	if (send(connection->fd, out, len, MSG_NOSIGNAL) != (ssize_t)len)
		die("cannot send");
	connection->awaited = load->depth;
	load->under_way++;
}

/* Takes one whole reply out of the buffer; returns false if there is none. */
static bool reply_take(const struct load *load, struct connection *connection, size_t *at)
{
	struct span payload, in = {connection->reply + *at, connection->got - *at};
	size_t used;
	if (connection->awaited == 0 || netstring_read(in, REPLY_SIZE, &payload, &used) != NETSTRING_OK)
		return false;
	size_t len = load->expected ? strlen(load->expected) : 0;
	if (payload.len < len || memcmp(payload.at, load->expected, len) != 0) {
		fprintf(stderr, "mapload: %s: %.*s\n", load->server->name, (int)payload.len, payload.at);
		die("a wrong answer");
	}
	*at += used;
	connection->awaited--;
	return true;
}

static void replies_read(struct load *load, struct connection *connection)
{
	size_t at = 0, room = sizeof connection->reply - connection->got;
	ssize_t got = recv(connection->fd, connection->reply + connection->got, room, 0);
	if (got <= 0)
		die("the server hung up");
	connection->got += (size_t)got;
	int64_t now_ns = lapse_now_ns();
	while (reply_take(load, connection, &at))
		lapses_add(&load->lapses, now_ns - connection->sent_ns);
	connection->got -= at;
	memmove(connection->reply, connection->reply + at, connection->got);
	if (connection->awaited > 0)
		return;
	load->under_way--;
	if (now_ns < load->end_ns)
		requests_send(load, connection);
}

/* One round with one server. */
static struct seen round_run(struct load load, unsigned connections, size_t *answers)
{
	static struct connection connection[CONNECTIONS_MAX];
	struct epoll_event events[CONNECTIONS_MAX];
	load.epoll = epoll_create1(EPOLL_CLOEXEC);
	for (unsigned i = 0; i < connections; i++)
		connection_open(&connection[i], &load);
	struct seen_from from = seen_begin(load.server->pid);
	load.end_ns = from.at_ns + ROUND_NS;
	for (unsigned i = 0; i < connections; i++)
		requests_send(&load, &connection[i]);
	while (load.under_way > 0) {
		int count = epoll_wait(load.epoll, events, CONNECTIONS_MAX, PATIENCE_MS);
		if (count <= 0)
			die("no answer");
		for (int i = 0; i < count; i++)
			replies_read(&load, events[i].data.ptr);
	}
	*answers += load.lapses.count;
	struct seen seen = seen_end(&from, load.lapses.count, &load.lapses);
	for (unsigned i = 0; i < connections; i++)
		close(connection[i].fd);
	close(load.epoll);
	return seen;
}

/* --- requests ----------------------------------------------------------------------------------------------------- */

/* A random number below `count`; small numbers are frequent if `zipf`. The same order in every run. */
static unsigned rank_next(uint64_t *state, unsigned count, bool zipf)
{
	*state = *state * 6364136223846793005u + 1442695040888963407u;
	double share = (double)(*state >> 11) / (double)(UINT64_C(1) << 53);
	unsigned rank = (unsigned)(zipf ? pow(count, share) - 1 : share * count);
	return rank < count ? rank : count - 1;
}

static void request_make(char out[REQUEST_SIZE], const char *map, unsigned number, const char *domain)
{
	char payload[REQUEST_SIZE - 8], digits[12] = "";
	int len = (int)strcspn(map, "#");
	if (map[len] == '#')
		snprintf(digits, sizeof digits, "%u", number);
	snprintf(payload, sizeof payload, "%.*s%s %s", len, map, digits, domain);
	snprintf(out, REQUEST_SIZE, "%zu:%s,", strlen(payload), payload);
}

static void requests_make(struct server *server, const char *how)
{
	unsigned number = (unsigned)strtoul(server->subject, NULL, 10) / POLICY_EVERY;
	bool fixed = !isdigit((unsigned char)server->subject[0]), zipf = strcmp(how, "zipf") == 0;
	bool any = !fixed && number > 0 && (zipf || strcmp(how, "uniform") == 0);
	uint64_t state = 1;
	server->requests = any || strchr(server->map, '#') ? REQUESTS : 1;
	server->request = calloc(server->requests, sizeof *server->request);
	if (!server->request)
		abort();
	for (unsigned i = 0; i < server->requests; i++) {
		struct stock stock;
		/* Frequent domains are spread over the store: 7919 is prime. */
		unsigned rank = any ? rank_next(&state, number, zipf) : 0;
		unsigned subject = any ? (unsigned)((uint64_t)rank * 7919 % number) * POLICY_EVERY : 0;
		stock_name(&stock, strcmp(how, "none") == 0 ? 1 : subject);
		request_make(server->request[i], server->map, i, fixed ? server->subject : stock.domain);
	}
}

static void server_parse(struct server *out, const char *text)
{
	long pid;
	if (sscanf(text, "%15[^,],%107[^,],%ld,%31[^,],%63s", out->name, out->place, &pid, out->map, out->subject) != 5)
		die("a server is NAME,PLACE,PID,MAP,SUBJECT");
	out->pid = (pid_t)pid;
}

int main(int argc, char **argv)
{
	static struct server server[SERVERS_MAX];
	static struct seen rounds[SERVERS_MAX][ROUNDS];
	size_t answers[SERVERS_MAX] = {0};
	unsigned connections = argc > 4 ? (unsigned)strtoul(argv[3], NULL, 10) : 0;
	unsigned depth = argc > 4 ? (unsigned)strtoul(argv[4], NULL, 10) : 0,
		 servers = argc > 5 ? (unsigned)argc - 5 : 0;
	if (servers == 0 || servers > SERVERS_MAX || connections == 0 || connections > CONNECTIONS_MAX || depth == 0 ||
		depth > DEPTH_MAX)
		return EX_USAGE;
	for (unsigned i = 0; i < servers; i++) {
		server_parse(&server[i], argv[5 + i]);
		requests_make(&server[i], argv[2]);
	}
	const char *expected = strcmp(argv[2], "none") == 0 ? "NOTFOUND " : "OK secure match=";
	for (unsigned round = 0; round < ROUNDS; round++)
		for (unsigned i = 0; i < servers; i++) {
			bool null = strncmp(server[i].name, "null", 4) == 0;
			struct load load = {.server = &server[i], .expected = null ? NULL : expected, .depth = depth};
			rounds[i][round] = round_run(load, connections, &answers[i]);
		}
	for (unsigned i = 0; i < servers; i++) {
		struct seen seen = seen_median(rounds[i]);
		char key[128];
		seen_put(argv[1], server[i].name, &seen);
		snprintf(key, sizeof key, "%.80s.%.15s", argv[1], server[i].name);
		fact_put(key, "answers", (double)answers[i]);
		printf("  %-26s %-8s %8.0f %8.1f %8.0f %8.0f\n", argv[1], server[i].name, seen.per_s, seen.cpu_us,
			seen.p50_us, seen.p99_us);
		free(server[i].request);
	}
	return EX_OK;
}
