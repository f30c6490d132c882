#include "clients.h"

#include "clock.h"
#include "model.h"
#include "socketmap.h"
#include "watch.h"

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sysexits.h>
#include <time.h>
#include <unistd.h>

#define MAP_PORT 38461
#define MILTER_PORT 38462
#define CLIENTS_MAX 4096
#define BUFFER_SIZE 2048
#define PATIENCE_MS 60000 /* for an answer */
#define RELOAD_MS 3000
#define LOOK_MS 250
#define WAIT_MS 5          /* for events, at most */
#define QUESTIONS_MOST 100 /* of a connection, on average; then it is closed and made anew */
#define LEAVES 500         /* one client of so many hangs up before the answer */
#define WRONG_MAX 20       /* wrong answers printed */
#define MILTER_STEPS 0x1fffff

struct client {
	int fd;
	bool is_milter, waits;
	unsigned number, domain;
	int64_t asked_ms;
	size_t got;
	char in[BUFFER_SIZE + 1];
};

/* One storm that is under way. */
struct run {
	const struct storm *storm;
	struct tally *tally;
	int epoll;
	int64_t begun_ms, now_ms;
	unsigned long asked;
	unsigned clients, waiting, idle, contacts;
	struct client *idlers[CLIENTS_MAX]; /* a ring: who has been idle longest asks next */
	unsigned idle_from;
};

static struct client clients[CLIENTS_MAX];

static void die(const char *what)
{
	fprintf(stderr, "storm: %s\n", what);
	perror("storm");
	exit(EX_UNAVAILABLE);
}

static unsigned chance(unsigned below)
{
	static uint64_t state = 1;
	state = state * 6364136223846793005u + 1442695040888963407u;
	return (unsigned)((state >> 33) % below);
}

/* --- connections -------------------------------------------------------------------------------------------------- */

static void send_all(const struct client *client, const char *bytes, size_t len)
{
	if (send(client->fd, bytes, len, MSG_NOSIGNAL) != (ssize_t)len)
		die("cannot send");
}

static size_t frame_put(char *out, char command, const void *data, size_t len)
{
	uint32_t size = htonl((uint32_t)len + 1);
	memcpy(out, &size, 4);
	out[4] = command;
	memcpy(out + 5, data, len);
	return len + 5;
}

static void negotiate(const struct client *client)
{
	const uint32_t offer[3] = {htonl(6), htonl(0x1ff), htonl(MILTER_STEPS)};
	char out[32];
	send_all(client, out, frame_put(out, 'O', offer, sizeof offer));
}

static void client_open(struct run *run, struct client *client)
{
	struct sockaddr_in place = {.sin_family = AF_INET,
		.sin_port = htons(client->is_milter ? MILTER_PORT : MAP_PORT),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	struct epoll_event event = {.events = EPOLLIN, .data.ptr = client};
	int yes = 1;
	client->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	setsockopt(client->fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
	if (connect(client->fd, (struct sockaddr *)&place, sizeof place) != 0)
		die("cannot connect");
	if (epoll_ctl(run->epoll, EPOLL_CTL_ADD, client->fd, &event) != 0)
		die("epoll");
	client->got = 0;
	client->waits = false;
	if (client->is_milter)
		negotiate(client); /* its answer is read before the first one */
}

static void client_idle(struct run *run, struct client *client)
{
	run->idlers[(run->idle_from + run->idle++) % CLIENTS_MAX] = client;
}

static void client_renew(struct run *run, struct client *client)
{
	close(client->fd);
	client_open(run, client);
	client_idle(run, client);
}

/* --- questions ---------------------------------------------------------------------------------------------------- */

static unsigned cold_domain(unsigned which)
{
	return which * 10 + 9;
}

/* First contacts are spread over the first four fifths of the storm. */
static bool contact_is_due(const struct run *run)
{
	const struct storm *storm = run->storm;
	int64_t passed_ms = run->now_ms - run->begun_ms;
	return run->contacts < storm->cold && run->contacts < storm->cold * passed_ms * 5 / (storm->ms * 4) + 1;
}

/* The next first contact, or a random domain among those that are warm or have been asked about. */
static unsigned domain_choose(struct run *run)
{
	const struct storm *storm = run->storm;
	if (contact_is_due(run))
		return cold_domain(storm->first_cold + run->contacts++);
	unsigned known = storm->first_cold + run->contacts;
	if (known > 0 && chance(10) == 0)
		return cold_domain(chance(known));
	unsigned domain = chance(storm->domains);
	return model_is_warm(domain) ? domain : domain - 9; /* which has a policy */
}

static void map_ask(const struct client *client, const char *domain)
{
	char out[128];
	int len = snprintf(out, sizeof out, "%zu:postfix %s,", strlen("postfix ") + strlen(domain), domain);
	send_all(client, out, (size_t)len);
}

/* MAIL, macros and RCPT in one piece. The message before it ends without a delivery. */
static void milter_ask(const struct client *client, const char *domain)
{
	char out[1024], data[512];
	size_t used = frame_put(out, 'A', "", 0);
	int len = snprintf(
		data, sizeof data, "M{client_addr}%c10.%u.%u.1", 0, client->number / 256, client->number % 256);
	used += frame_put(out + used, 'D', data, (size_t)len + 1);
	used += frame_put(out + used, 'M', "<me@sender.example>", sizeof "<me@sender.example>");
	len = snprintf(data, sizeof data, "R{rcpt_mailer}%csmtp%c{rcpt_host}%c%s", 0, 0, 0, domain);
	used += frame_put(out + used, 'D', data, (size_t)len + 1);
	len = snprintf(data, sizeof data, "<user@%s>", domain);
	used += frame_put(out + used, 'R', data, (size_t)len + 1);
	send_all(client, out, used);
}

static void question_send(struct run *run, struct client *client)
{
	char domain[MODEL_NAME_SIZE];
	client->domain = domain_choose(run);
	client->asked_ms = run->now_ms;
	model_name(domain, client->domain);
	if (client->is_milter)
		milter_ask(client, domain);
	else
		map_ask(client, domain);
	run->asked++;
	if (chance(LEAVES) == 0) {
		run->tally->left++;
		client_renew(run, client);
		return;
	}
	client->waits = true;
	run->waiting++;
}

static void questions_send(struct run *run)
{
	const struct storm *storm = run->storm;
	int64_t passed_ms = run->now_ms - run->begun_ms;
	while (run->idle > 0 && passed_ms < storm->ms &&
		(storm->per_s == 0 || run->asked < (unsigned long)(passed_ms * storm->per_s / 1000))) {
		struct client *client = run->idlers[run->idle_from++ % CLIENTS_MAX];
		run->idle--;
		question_send(run, client);
	}
}

/* --- answers ------------------------------------------------------------------------------------------------------ */

/* Takes one answer out of the buffer, as text; returns false if there is none yet. */
static bool answer_take(struct client *client, char out[BUFFER_SIZE])
{
	struct span payload, in = {client->in, client->got};
	size_t used = 0;
	if (client->is_milter) {
		uint32_t size = 0;
		if (client->got >= 4)
			memcpy(&size, client->in, 4);
		size = ntohl(size);
		if (client->got < 4 || size > BUFFER_SIZE - 4 || client->got < 4 + size)
			return false;
		payload = (struct span){client->in + 4, size};
		used = 4 + size;
	} else if (netstring_read(in, BUFFER_SIZE, &payload, &used) != NETSTRING_OK) {
		return false;
	}
	snprintf(out, BUFFER_SIZE, "%.*s", (int)payload.len, payload.at);
	client->got -= used;
	memmove(client->in, client->in + used, client->got);
	return true;
}

static void answer_judge(struct run *run, const struct client *client, const char *answer)
{
	struct tally *tally = run->tally;
	bool right = (client->is_milter ? model_milter_is_right : model_map_is_right)(
		client->domain, answer, client->asked_ms, run->now_ms);
	unsigned took_ms = (unsigned)(run->now_ms - client->asked_ms);
	tally->answers++;
	tally->delayed += answer[0] == 'y' || answer[0] == 'T';
	unsigned *slowest_ms = client->is_milter ? &tally->milter_ms : &tally->map_ms;
	*slowest_ms = took_ms > *slowest_ms ? took_ms : *slowest_ms;
	if (right || tally->wrong++ >= WRONG_MAX)
		return;
	printf("  WRONG, after %u ms, %s: %s\n", took_ms, client->is_milter ? "milter" : "map", answer);
	model_explain(client->domain);
}

static void answers_read(struct run *run, struct client *client)
{
	char answer[BUFFER_SIZE];
	ssize_t got = recv(client->fd, client->in + client->got, BUFFER_SIZE - client->got, 0);
	if (got <= 0)
		die("stsgated hung up");
	client->got += (size_t)got;
	while (answer_take(client, answer)) {
		if (client->is_milter && answer[0] == 'O')
			continue;
		if (!client->waits)
			die("an answer without a question");
		answer_judge(run, client, answer);
		client->waits = false;
		run->waiting--;
		if (chance(QUESTIONS_MOST) == 0)
			client_renew(run, client);
		else
			client_idle(run, client);
	}
}

/* --- a storm ------------------------------------------------------------------------------------------------------ */

static void look(struct tally *tally)
{
	struct held held = watch_held();
	tally->memory_kib = held.memory_kib > tally->memory_kib ? held.memory_kib : tally->memory_kib;
	tally->descriptors = held.descriptors > tally->descriptors ? held.descriptors : tally->descriptors;
	if (!watch_is_running())
		die("stsgated has ended");
}

static void events_wait(struct run *run)
{
	static struct epoll_event events[CLIENTS_MAX];
	int64_t before_ms = run->now_ms;
	int count = epoll_wait(run->epoll, events, CLIENTS_MAX, WAIT_MS);
	run->now_ms = clock_mono_ms();
	unsigned late_ms = (unsigned)(run->now_ms - before_ms);
	model_late(late_ms);
	run->tally->late_ms = late_ms > run->tally->late_ms ? late_ms : run->tally->late_ms;
	for (int i = 0; i < count; i++)
		answers_read(run, events[i].data.ptr);
}

void clients_run(const struct storm *storm, void (*reload)(unsigned count), struct tally *tally)
{
	static struct run run;
	run = (struct run){.storm = storm, .tally = tally, .clients = storm->milters + storm->maps};
	run.epoll = epoll_create1(EPOLL_CLOEXEC);
	for (unsigned i = 0; i < run.clients; i++) {
		clients[i] = (struct client){.number = i, .is_milter = i < storm->milters};
		client_open(&run, &clients[i]);
		client_idle(&run, &clients[i]);
	}
	run.begun_ms = run.now_ms = clock_mono_ms();
	int64_t looked_ms = run.begun_ms, end_ms = run.begun_ms + storm->ms;
	while (run.now_ms < end_ms || (run.waiting > 0 && run.now_ms < end_ms + PATIENCE_MS)) {
		questions_send(&run);
		events_wait(&run);
		if (run.now_ms < end_ms && run.now_ms - run.begun_ms > (int64_t)(tally->reloads + 1) * RELOAD_MS)
			reload(++tally->reloads);
		if (run.now_ms - looked_ms < LOOK_MS)
			continue;
		looked_ms = run.now_ms;
		look(tally);
	}
	tally->contacts = run.contacts;
	for (unsigned i = 0; i < run.clients; i++)
		close(clients[i].fd);
	close(run.epoll);
	if (run.waiting > 0) {
		printf("  WRONG: %u questions without an answer\n", run.waiting);
		tally->wrong += run.waiting;
	}
}
