/* rcptload KEY DOMAIN CONNECTIONS FIRST-NAME FIRST-SOCKET FIRST-PID NAME SOCKET PID: sends messages to two milters in turn;
 * usually the first does nothing, and the second is stsgated with a store that fill made. All recipients are of domain number
 * DOMAIN. Measures the time of each RCPT except a message's first, which also waits for MAIL. A socket is the path of a UNIX
 * socket, or a port of the loopback address. */
#include "lapse.h"
#include "stock.h"

#include "milter_client.h"

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>
#include <sysexits.h>

#define ROUND_NS 300000000
#define CONNECTIONS_MAX 16
#define RECIPIENTS 20 /* of a message */
#define FRAMES_SIZE 1024

static void die(const char *what)
{
	fprintf(stderr, "rcptload: %s\n", what);
	exit(EX_UNAVAILABLE);
}

static void connect_to(struct milter_client *client, const char *place)
{
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int yes = 1;
	if (place[0] == '/') {
		if (!milter_client_open(client, place))
			die("cannot connect to the path");
		return;
	}
	address.sin_port = htons((uint16_t)strtoul(place, NULL, 10));
	if (!milter_client_connect(client, (struct sockaddr *)&address, sizeof address))
		die("cannot connect to the port");
	setsockopt(client->fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
}

static size_t frame_put(char *out, char command, const char *data, size_t len)
{
	uint32_t size = htonl((uint32_t)len + 1);
	memcpy(out, &size, 4);
	out[4] = command;
	memcpy(out + 5, data, len);
	return len + 5;
}

/* Macros and RCPT in one piece, as Postfix sends them. */
static size_t recipient_frames(char out[FRAMES_SIZE], const char *domain)
{
	char macros[512], argument[128];
	int len = snprintf(macros, sizeof macros,
		"Ri%c4dBench1%c{rcpt_mailer}%csmtp%c{rcpt_host}%c%s%c{rcpt_addr}%cuser@%s", 0, 0, 0, 0, 0, domain, 0, 0,
		domain);
	size_t used = frame_put(out, 'D', macros, (size_t)len + 1);
	len = snprintf(argument, sizeof argument, "<user@%s>", domain);
	return used + frame_put(out + used, 'R', argument, (size_t)len + 1);
}

/* One connection for one round. */
struct sender {
	pthread_t thread;
	const char *place, *frames;
	size_t frames_len;
	struct lapses lapses;
};

static void recipient_send(struct sender *sender, struct milter_client *client, bool first)
{
	char reply[MILTER_REPLY_SIZE];
	size_t len;
	int64_t begun_ns = lapse_now_ns();
	if (send(client->fd, sender->frames, sender->frames_len, MSG_NOSIGNAL) != (ssize_t)sender->frames_len)
		die("cannot send");
	if (milter_client_read(client, reply, &len) != 'c')
		die("a recipient was not let pass");
	if (!first)
		lapses_add(&sender->lapses, lapse_now_ns() - begun_ns);
}

static void *sender_run(void *arg)
{
	struct sender *sender = arg;
	struct milter_client client;
	char reply[MILTER_REPLY_SIZE];
	int64_t end_ns = lapse_now_ns() + ROUND_NS;
	connect_to(&client, sender->place);
	do {
		if (!milter_client_mail(&client, NULL))
			die("cannot send MAIL");
		for (int i = 0; i < RECIPIENTS; i++)
			recipient_send(sender, &client, i == 0);
		if (strcmp(milter_client_end(&client, "4dBench1", reply), "c") != 0)
			die("a message was not let pass");
	} while (lapse_now_ns() < end_ns);
	milter_client_close(&client);
	return NULL;
}

struct place {
	const char *name, *socket;
	pid_t pid;
};

static struct seen round_run(const struct place *place, unsigned connections, const char *frames, size_t frames_len)
{
	struct sender sender[CONNECTIONS_MAX];
	struct lapses all = {.ns = NULL};
	struct seen_from from = seen_begin(place->pid);
	for (unsigned i = 0; i < connections; i++) {
		sender[i] = (struct sender){.place = place->socket, .frames = frames, .frames_len = frames_len};
		if (pthread_create(&sender[i].thread, NULL, sender_run, &sender[i]) != 0)
			abort();
	}
	for (unsigned i = 0; i < connections; i++) {
		pthread_join(sender[i].thread, NULL);
		for (size_t k = 0; k < sender[i].lapses.count; k++)
			lapses_add(&all, sender[i].lapses.ns[k]);
		free(sender[i].lapses.ns);
	}
	return seen_end(&from, all.count / (RECIPIENTS - 1) * RECIPIENTS, &all);
}

static void row_run(const char *key, unsigned i, unsigned connections, const struct place place[2])
{
	struct seen rounds[2][ROUNDS];
	struct stock subject;
	char frames[FRAMES_SIZE];
	stock_name(&subject, i);
	size_t len = recipient_frames(frames, subject.domain);
	for (size_t round = 0; round < ROUNDS; round++)
		for (size_t which = 0; which < 2; which++)
			rounds[which][round] = round_run(&place[which], connections, frames, len);
	for (size_t which = 0; which < 2; which++) {
		struct seen seen = seen_median(rounds[which]);
		seen_put(key, place[which].name, &seen);
		printf("  %-26s %-8s %8.0f %8.1f %8.0f %8.0f\n", key, place[which].name, seen.per_s, seen.cpu_us,
			seen.p50_us, seen.p99_us);
	}
}

int main(int argc, char **argv)
{
	struct place place[2];
	unsigned connections = argc == 10 ? (unsigned)strtoul(argv[3], NULL, 10) : 0;
	if (connections == 0 || connections > CONNECTIONS_MAX)
		return EX_USAGE;
	for (int i = 0; i < 2; i++)
		place[i] = (struct place){argv[4 + 3 * i], argv[5 + 3 * i], (pid_t)strtol(argv[6 + 3 * i], NULL, 10)};
	row_run(argv[1], (unsigned)strtoul(argv[2], NULL, 10), connections, place);
	return EX_OK;
}
