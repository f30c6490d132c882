#include "client.h"

#include "clock.h"
#include "log.h"
#include "log_limit.h"
#include "memory.h"
#include "text.h"

#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define MALFORMED_SHOWN 80 /* characters of a malformed request in the log */
#define BATCH_SEND 65536   /* octets of replies after which the batch is sent before the next request is handled */

enum phase {
	PHASE_IDLE,    /* waits for a request */
	PHASE_PARTIAL, /* has sent a part of a request */
	PHASE_WAITING, /* waits for the service's answer */
	PHASE_SENDING  /* has not taken all of its reply yet */
};

struct client {
	struct client_table *table;
	uint32_t slot;
	struct later *later; /* the answer that the client waits for, or NULL */
	int fd;
	enum phase phase;
	int64_t deadline_ms; /* of the phase */
	int64_t armed_ms;    /* when the timer fires, or 0; see client_phase() */
	struct loop_watch *watch;
	struct loop_timer *timer;
	bool ended;     /* the client sends no more */
	bool finishing; /* hang up once all replies are sent */
	bool closing;   /* hang up now */
	bool busy;      /* client_go() is running for this client */
	bool idled;     /* the phase is idle now, and client_go() has not set its deadline yet */
	size_t in_len;
	char *in;  /* service->input_max octets */
	char *out; /* what the socket did not take */
	size_t out_len, out_sent;
	max_align_t state[];
};

struct client_table {
	struct loop *loop;
	const struct service *service;
	struct client **slot;
	uint32_t *vacant;         /* a stack of free slots */
	atomic_uint vacant_count; /* changed on the loop's thread, read on any */
	unsigned later_count;     /* outstanding answers, including those for clients that are gone */
	/* Replies that are sent together when the requests at hand are handled, of one client at a time. */
	char *batch; /* CLIENT_OUTPUT_MAX octets */
	size_t batch_len;
	struct log_limit malformed;
};

static void client_go(struct client *client);

struct client_table *client_table_new(struct loop *loop, const struct service *service)
{
	struct client_table *table = xcalloc(1, sizeof *table);
	table->loop = loop;
	table->service = service;
	table->batch = xmalloc(CLIENT_OUTPUT_MAX);
	table->slot = xcalloc(service->clients_max, sizeof *table->slot);
	table->vacant = xcalloc(service->clients_max, sizeof *table->vacant);
	for (uint32_t i = service->clients_max; i-- > 0;)
		table->vacant[table->vacant_count++] = i;
	return table;
}

void client_table_free(struct client_table **table)
{
	if (!*table)
		return;
	assert(client_table_count(*table) == 0 && (*table)->later_count == 0);
	free((*table)->batch);
	free((*table)->slot);
	free((*table)->vacant);
	free(*table);
	*table = NULL;
}

unsigned client_table_count(const struct client_table *table)
{
	return table->service->clients_max - table->vacant_count;
}

unsigned client_table_waits(const struct client_table *table)
{
	return table->later_count;
}

void *client_state(struct client *client)
{
	return client->state;
}

/* Ends a wait: the answer has arrived, or the service has given up. `task` is the first member of a struct later. */
static void later_end(struct loop_task *task)
{
	struct later *later = (struct later *)task;
	struct client *client = later->client;
	const struct service *service = later->table->service;
	later->table->later_count--;
	if (client)
		client->later = NULL;
	service->answer(service->arg, client, later);
}

void later_init(struct later *later, struct client *client)
{
	later->task.run = later_end;
	later->table = client->table;
	later->client = NULL;
}

void later_ready(struct later *later)
{
	loop_post(later->table->loop, &later->task);
}

bool client_is_local(const struct client *client)
{
	struct sockaddr_storage peer;
	socklen_t len = sizeof peer;
	if (getpeername(client->fd, (struct sockaddr *)&peer, &len) != 0)
		return false;
	if (peer.ss_family == AF_UNIX)
		return true;
	if (peer.ss_family == AF_INET)
		return (ntohl(((const struct sockaddr_in *)&peer)->sin_addr.s_addr) >> 24) == IN_LOOPBACKNET;
	if (peer.ss_family != AF_INET6)
		return false;
	const struct in6_addr *address = &((const struct sockaddr_in6 *)&peer)->sin6_addr;
	return IN6_IS_ADDR_LOOPBACK(address) ||
	       (IN6_IS_ADDR_V4MAPPED(address) && address->s6_addr[12] == IN_LOOPBACKNET);
}

static void client_free(struct client *client)
{
	struct client_table *table = client->table;
	struct later *later = client->later;
	if (later) {
		later->client = NULL;
		if (table->service->give_up(table->service->arg, later))
			later_end(&later->task);
	}
	loop_watch_free(&client->watch);
	loop_timer_free(&client->timer);
	close(client->fd);
	table->slot[client->slot] = NULL;
	table->vacant[table->vacant_count++] = client->slot;
	free(client->in);
	free(client->out);
	free(client);
}

/* Changes the phase and its deadline. Phases change often and expire rarely. So the timer is set again only if it would
 * fire too late; if it fires too early, on_timer() sets it again. */
static void client_phase(struct client *client, enum phase phase, int64_t wait_ms)
{
	int64_t now_ms = clock_mono_ms();
	client->phase = phase;
	client->deadline_ms = now_ms + wait_ms;
	if (client->armed_ms != 0 && client->armed_ms <= client->deadline_ms)
		return;
	loop_timer_set(client->timer, wait_ms);
	client->armed_ms = client->deadline_ms;
}

void client_finish(struct client *client)
{
	client->finishing = true;
	client_go(client);
}

void client_wait(struct client *client, struct later *later, uint32_t wait_ms)
{
	assert(!client->later);
	client->later = later;
	client->table->later_count++;
	later->client = client;
	client_phase(client, PHASE_WAITING, wait_ms);
}

/* Sends as many octets as the socket takes. Returns how many; `closing` is set if the client is gone. */
static size_t client_send(struct client *client, const char *bytes, size_t len)
{
	size_t done = 0;
	while (done < len) {
		ssize_t sent = send(client->fd, bytes + done, len - done, MSG_NOSIGNAL | MSG_DONTWAIT);
		if (sent < 0 && errno == EINTR)
			continue;
		if (sent < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
			break;
		if (sent <= 0) {
			client->closing = true;
			break;
		}
		done += (size_t)sent;
	}
	return done;
}

/* Sends what the socket did not take before. */
static void client_send_rest(struct client *client)
{
	client->out_sent += client_send(client, client->out + client->out_sent, client->out_len - client->out_sent);
	if (client->out_sent < client->out_len)
		return;
	free(client->out);
	client->out = NULL;
	client->out_len = client->out_sent = 0;
}

/* Sends the batch, after what the client has not taken yet. Buffers the octets that the socket does not take now. */
static void client_flush(struct client *client)
{
	struct client_table *table = client->table;
	size_t sent = client->out_len == 0 ? client_send(client, table->batch, table->batch_len) : 0;
	size_t rest = table->batch_len - sent, waiting = client->out_len - client->out_sent;
	table->batch_len = 0;
	if (waiting + rest > CLIENT_OUTPUT_MAX)
		client->closing = true;
	if (rest == 0 || client->closing)
		return;
	char *out = xmalloc(waiting + rest);
	if (waiting > 0)
		memcpy(out, client->out + client->out_sent, waiting);
	memcpy(out + waiting, table->batch + sent, rest);
	free(client->out);
	client->out = out;
	client->out_len = waiting + rest;
	client->out_sent = 0;
}

void client_reply(struct client *client, struct span bytes)
{
	struct client_table *table = client->table;
	if (bytes.len > CLIENT_OUTPUT_MAX - table->batch_len)
		client->closing = true;
	if (!client->closing) {
		memcpy(table->batch + table->batch_len, bytes.at, bytes.len);
		table->batch_len += bytes.len;
	}
	client->phase = PHASE_IDLE;
	client->idled = true;
	client_go(client);
}

/* `done`: octets of the buffer that requests before this one have used. */
static void client_malformed(struct client *client, size_t done)
{
	unsigned left_out;
	client->closing = true;
	if (!log_limit_passes(&client->table->malformed, &left_out))
		return;
	char shown[4 * MALFORMED_SHOWN + 8], more[LOG_LIMIT_WORDS_SIZE];
	struct text text;
	text_init(&text, shown, sizeof shown);
	text_quote(&text, client->in + done, client->in_len - done, MALFORMED_SHOWN);
	log_warning("frontend=%s hung up on a malformed request%s: %s", client->table->service->name,
		log_limit_words(more, left_out), shown);
}

/* Returns whether the client's next request may be handled: it waits for no answer, and has taken its earlier replies. */
static bool client_is_free(const struct client *client)
{
	return !client->closing && !client->finishing && client->phase != PHASE_WAITING && client->out_len == 0;
}

/* Handles the buffered requests in turn. Sends their replies together, so that a client which sends many requests at once
 * costs one call. */
static void client_requests(struct client *client)
{
	const struct service *service = client->table->service;
	size_t done = 0;
	while (client_is_free(client) && done < client->in_len) {
		size_t used =
			service->input(service->arg, client, (struct span){client->in + done, client->in_len - done});
		if (used == SERVICE_MALFORMED)
			client_malformed(client, done);
		if (used == 0 || used == SERVICE_MALFORMED)
			break;
		assert(used <= client->in_len - done);
		done += used;
		client->idled |= client->phase == PHASE_PARTIAL;
		if (client->phase == PHASE_PARTIAL)
			client->phase = PHASE_IDLE;
		if (client->table->batch_len >= BATCH_SEND)
			client_flush(client);
	}
	client->in_len -= done;
	if (done > 0)
		memmove(client->in, client->in + done, client->in_len);
	if (client->table->batch_len > 0)
		client_flush(client);
	if (client_is_free(client) && client->in_len == service->input_max)
		client->closing = true; /* the request is longer than input_max */
}

/* Does what is due for a client, and frees the client when it is done; no other function frees a client. A call from
 * inside a service's callback returns immediately: the work is done when that callback has returned. */
static void client_go(struct client *client)
{
	if (client->busy)
		return;
	client->busy = true;
	client_requests(client);
	client->busy = false;
	bool answered = client->phase != PHASE_WAITING && client->out_len == 0;
	if (client->closing || (answered && (client->finishing || client->ended))) {
		client_free(client);
		return;
	}
	/* A wait goes on while replies to earlier requests are sent. */
	if (client->out_len > 0 && client->phase != PHASE_SENDING && client->phase != PHASE_WAITING)
		client_phase(client, PHASE_SENDING, client->table->service->partial_ms);
	else if (client->phase == PHASE_IDLE && client->in_len > 0)
		client_phase(client, PHASE_PARTIAL, client->table->service->partial_ms);
	else if (client->phase == PHASE_IDLE && client->idled)
		client_phase(client, PHASE_IDLE, client->table->service->idle_ms);
	client->idled = false;
	bool read_on = !client->ended && client->in_len < client->table->service->input_max;
	loop_watch_set(client->watch, (read_on ? LOOP_READ : 0) | (client->out_len > 0 ? LOOP_WRITE : 0));
}

static void client_receive(struct client *client)
{
	size_t room = client->table->service->input_max - client->in_len;
	ssize_t got = recv(client->fd, client->in + client->in_len, room, MSG_DONTWAIT);
	if (got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR))
		return;
	if (got > 0)
		client->in_len += (size_t)got;
	else if (got == 0)
		client->ended = true;
	else
		client->closing = true;
}

static void on_ready(void *arg, int fd, unsigned what)
{
	(void)fd;
	struct client *client = arg;
	if (what & LOOP_READ)
		client_receive(client);
	if (what & LOOP_WRITE)
		client_send_rest(client);
	if (client->out_len == 0 && client->phase == PHASE_SENDING)
		client_phase(client, PHASE_IDLE, client->table->service->idle_ms);
	client_go(client);
}

static void client_expire(struct client *client)
{
	const struct service *service = client->table->service;
	if (client->phase != PHASE_WAITING) {
		client->closing = true;
		return;
	}
	client->deadline_ms = INT64_MAX; /* a wait expires only once */
	if (service->give_up(service->arg, client->later))
		later_end(&client->later->task);
}

static void on_timer(void *arg)
{
	struct client *client = arg;
	int64_t left_ms = client->deadline_ms - clock_mono_ms();
	client->armed_ms = 0;
	if (left_ms > 0) {
		client_phase(client, client->phase, left_ms);
		return;
	}
	client->busy = true;
	client_expire(client);
	client->busy = false;
	client_go(client);
}

void client_table_accept(struct client_table *table, int fd)
{
	const struct service *service = table->service;
	assert(table->vacant_count > 0);
	struct client *client = xcalloc(1, sizeof *client + service->state_size);
	client->table = table;
	client->fd = fd;
	client->slot = table->vacant[--table->vacant_count];
	client->in = xcalloc(1, service->input_max);
	client->watch = loop_watch_new(table->loop, fd, LOOP_READ, on_ready, client);
	client->timer = loop_timer_new(table->loop, on_timer, client);
	table->slot[client->slot] = client;
	client_phase(client, PHASE_IDLE, service->idle_ms);
	client_go(client);
}

void client_table_drain(struct client_table *table)
{
	for (uint32_t i = 0; i < table->service->clients_max; i++) {
		struct client *client = table->slot[i];
		if (!client)
			continue;
		if (!client->ended && client->in_len < table->service->input_max)
			client_receive(client);
		client->ended = true; /* requests in the buffer are still answered */
		client_go(client);
	}
}

void client_table_end(struct client_table *table)
{
	for (uint32_t i = 0; i < table->service->clients_max; i++) {
		struct client *client = table->slot[i];
		if (!client)
			continue;
		client->finishing = true;
		client->busy = true;
		if (client->phase == PHASE_WAITING)
			client_expire(client);
		client->busy = false;
		client_flush(client);
		client->closing = true;
		client_go(client);
	}
}
