#include "server.h"

#include "clock.h"
#include "log.h"
#include "log_limit.h"
#include "memory.h"

#include <assert.h>
#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define PLACES_MAX 8       /* listeners of one server */
#define ACCEPTS_AT_ONCE 64 /* after so many accepts, the connected clients get their turn */
#define END_MS 50          /* how often a stopping server checks whether it can end */

/* One thread of a server. The first one accepts the clients for all. */
struct part {
	struct server *server;
	struct loop *loop;
	struct loop_task stop; /* stop.run is NULL until the task is posted */
	int64_t end_ms;
	struct loop_timer *ending; /* checks for the end while stopping */
};

/* A listener and its clients. */
struct place {
	struct server *server;
	struct listener listener;
	unsigned services; /* on the first so many threads */
	const struct service *service[SERVER_THREADS_MAX];
	struct client_table *clients[SERVER_THREADS_MAX];
	atomic_uint moving[SERVER_THREADS_MAX]; /* clients on the way to their thread */
	struct loop_watch *readable;
	struct loop_timer *pause;
	struct log_limit refused, full;
};

struct server {
	unsigned part_count;
	struct part part[SERVER_THREADS_MAX];
	bool started;
	struct place place[PLACES_MAX];
	unsigned place_count;
	uint32_t grace_ms; /* set before the first `stop` is posted */
};

/* A client on the way to its thread. */
struct move {
	struct loop_task task; /* the first member */
	struct client_table *clients;
	atomic_uint *moving; /* counts it */
	int fd;
};

static void on_move(struct loop_task *task)
{
	struct move *move = (struct move *)task;
	client_table_accept(move->clients, move->fd);
	atomic_fetch_sub(move->moving, 1);
	free(move);
}

/* Chooses the thread for a new client: the first one that has less than SERVER_TOGETHER, else the one that has the fewest.
 * `count` has the clients of each. */
static unsigned thread_choose(const unsigned count[], unsigned threads)
{
	unsigned least = 0;
	for (unsigned i = 0; i < threads; i++) {
		if (count[i] < SERVER_TOGETHER)
			return i;
		least = count[i] < count[least] ? i : least;
	}
	return least;
}

/* Gives a client to a thread, on the first thread. */
static void place_take(struct place *place, int fd)
{
	unsigned total = 0, count[SERVER_THREADS_MAX];
	for (unsigned i = 0; i < place->services; i++) {
		count[i] = atomic_load(&place->moving[i]) + client_table_count(place->clients[i]);
		total += count[i];
	}
	unsigned number = thread_choose(count, place->services);
	const struct service *service = place->service[0];
	if (total >= service->clients_max) {
		char more[LOG_LIMIT_WORDS_SIZE];
		unsigned left_out;
		close(fd);
		if (log_limit_passes(&place->full, &left_out))
			log_warning("frontend=%s has %u clients, which is the limit: hung up on a new one%s",
				service->name, service->clients_max, log_limit_words(more, left_out));
		return;
	}
	if (number == 0) {
		client_table_accept(place->clients[0], fd);
		return;
	}
	struct move *move = xmalloc(sizeof *move);
	*move = (struct move){
		.task.run = on_move, .clients = place->clients[number], .moving = &place->moving[number], .fd = fd};
	atomic_fetch_add(move->moving, 1);
	loop_post(place->server->part[number].loop, &move->task);
}

static void on_connection(void *arg, int fd, unsigned what)
{
	(void)what;
	struct place *place = arg;
	for (int i = 0; i < ACCEPTS_AT_ONCE; i++) {
		int client = accept4(fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
		if (client >= 0) {
			place_take(place, client);
			continue;
		}
		int err = errno;
		if (err == EINTR || err == ECONNABORTED)
			continue;
		if (err != EMFILE && err != ENFILE && err != ENOBUFS && err != ENOMEM)
			return;
		char more[LOG_LIMIT_WORDS_SIZE];
		unsigned left_out;
		loop_watch_set(place->readable, 0);
		loop_timer_set(place->pause, SERVER_PAUSE_MS);
		if (log_limit_passes(&place->refused, &left_out))
			log_error("%s: cannot accept clients now: %s%s: raise this process's limits",
				place->listener.setting, strerror(err), log_limit_words(more, left_out));
		return;
	}
}

static void on_pause_over(void *arg)
{
	struct place *place = arg;
	loop_watch_set(place->readable, LOOP_READ);
}

static void part_end_if_done(struct part *part)
{
	const struct server *server = part->server;
	unsigned clients = 0, number = (unsigned)(part - server->part);
	for (unsigned i = 0; i < server->place_count; i++)
		if (number < server->place[i].services)
			clients += client_table_count(server->place[i].clients[number]) +
				   client_table_waits(server->place[i].clients[number]);
	if (clients == 0)
		loop_stop(part->loop);
}

/* Calls `call` for each table of a thread. */
static void part_each(const struct part *part, void (*call)(struct client_table *clients))
{
	const struct server *server = part->server;
	unsigned number = (unsigned)(part - server->part);
	for (unsigned i = 0; i < server->place_count; i++)
		if (number < server->place[i].services)
			call(server->place[i].clients[number]);
}

static void on_stop(struct loop_task *task);

static void part_stop(struct part *part)
{
	part->stop.run = on_stop;
	loop_post(part->loop, &part->stop);
}

/* On the first thread: stops accepting, and then tells the other threads to stop. So they have taken all their clients
 * before. */
static void accepting_stop(struct server *server)
{
	for (unsigned i = 0; i < server->place_count; i++) {
		loop_watch_free(&server->place[i].readable);
		loop_timer_stop(server->place[i].pause);
		listener_close(&server->place[i].listener);
	}
	for (unsigned i = 1; i < server->part_count; i++)
		part_stop(&server->part[i]);
}

static void on_stop(struct loop_task *task)
{
	struct part *part = (struct part *)((char *)task - offsetof(struct part, stop));
	struct server *server = part->server;
	if (part == server->part)
		accepting_stop(server);
	part->end_ms = clock_mono_ms() + server->grace_ms;
	part_each(part, client_table_drain);
	loop_timer_set(part->ending, END_MS);
	part_end_if_done(part);
}

static void on_ending(void *arg)
{
	struct part *part = arg;
	if (clock_mono_ms() >= part->end_ms)
		part_each(part, client_table_end);
	loop_timer_set(part->ending, END_MS);
	part_end_if_done(part);
}

unsigned server_clients(const struct server *server, const struct service *service)
{
	unsigned clients = 0;
	for (unsigned i = 0; i < server->place_count; i++)
		for (unsigned k = 0; k < server->place[i].services && server->place[i].service[0] == service; k++)
			clients += client_table_count(server->place[i].clients[k]);
	return clients;
}

struct server *server_new(unsigned threads, struct failure *why)
{
	struct server *server = xcalloc(1, sizeof *server);
	assert(threads >= 1 && threads <= SERVER_THREADS_MAX);
	for (unsigned i = 0; i < threads; i++) {
		struct part *part = &server->part[i];
		part->server = server;
		part->loop = loop_new(why);
		if (!part->loop) {
			server_free(&server);
			return NULL;
		}
		part->ending = loop_timer_new(part->loop, on_ending, part);
		server->part_count++;
	}
	return server;
}

unsigned server_threads(const struct server *server)
{
	return server->part_count;
}

void server_add(struct server *server, struct listener *listener, struct service *const *service, unsigned services)
{
	assert(server->place_count < PLACES_MAX && !server->started && services <= server->part_count);
	struct place *place = &server->place[server->place_count++];
	struct loop *loop = server->part[0].loop;
	place->server = server;
	place->listener = *listener;
	place->services = services;
	for (unsigned i = 0; i < services; i++) {
		place->service[i] = service[i];
		place->clients[i] = client_table_new(server->part[i].loop, service[i]);
	}
	place->readable = loop_watch_new(loop, listener->fd, LOOP_READ, on_connection, place);
	place->pause = loop_timer_new(loop, on_pause_over, place);
	listener->fd = -1;
}

/* The first thread, which accepts clients, is started last. */
bool server_start(struct server *server, struct failure *why)
{
	unsigned i = server->part_count;
	while (i > 0 && loop_start(server->part[i - 1].loop, why))
		i--;
	server->started = i == 0;
	for (; i < server->part_count && !server->started; i++) {
		loop_stop(server->part[i].loop);
		loop_join(server->part[i].loop);
	}
	return server->started;
}

void server_stop(struct server *server, uint32_t grace_ms)
{
	if (!server->started || server->part[0].stop.run)
		return;
	server->grace_ms = grace_ms;
	part_stop(&server->part[0]);
}

void server_join(struct server *server)
{
	for (unsigned i = 0; i < server->part_count; i++)
		loop_join(server->part[i].loop);
	server->started = false;
}

void server_free(struct server **slot)
{
	struct server *server = *slot;
	if (!server)
		return;
	assert(!server->started);
	for (unsigned i = 0; i < server->place_count; i++) {
		struct place *place = &server->place[i];
		loop_watch_free(&place->readable);
		loop_timer_free(&place->pause);
		listener_close(&place->listener);
		for (unsigned k = 0; k < place->services; k++)
			client_table_free(&place->clients[k]);
	}
	for (unsigned i = 0; i < server->part_count; i++) {
		loop_timer_free(&server->part[i].ending);
		loop_free(&server->part[i].loop);
	}
	free(server);
	*slot = NULL;
}
