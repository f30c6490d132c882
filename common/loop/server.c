#include "server.h"

#include "clock.h"
#include "log.h"
#include "log_limit.h"
#include "memory.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#define PLACES_MAX 8       /* listeners of one server */
#define ACCEPTS_AT_ONCE 64 /* after so many accepts, the connected clients get their turn */
#define END_MS 50          /* how often a stopping server checks whether it can end */

struct place {
	struct server *server;
	struct listener listener;
	const struct service *service;
	struct client_table *clients;
	struct loop_watch *readable;
	struct loop_timer *pause;
	struct log_limit refused;
};

struct server {
	struct loop *loop;
	bool started;
	struct place place[PLACES_MAX];
	unsigned place_count;
	bool stopping;
	struct loop_task stop; /* stop.run is NULL until server_stop() posts the task */
	uint32_t grace_ms;     /* set before `stop` is posted */
	int64_t end_ms;
	struct loop_timer *ending; /* checks for the end while stopping */
};

static void on_connection(void *arg, int fd, unsigned what)
{
	(void)what;
	struct place *place = arg;
	for (int i = 0; i < ACCEPTS_AT_ONCE; i++) {
		int client = accept4(fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
		if (client >= 0) {
			client_table_accept(place->clients, client);
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

static void server_end_if_done(struct server *server)
{
	unsigned clients = 0;
	for (unsigned i = 0; i < server->place_count; i++)
		clients += client_table_count(server->place[i].clients) + client_table_waits(server->place[i].clients);
	if (clients == 0)
		loop_stop(server->loop);
}

static void on_stop(struct loop_task *task)
{
	struct server *server = (struct server *)((char *)task - offsetof(struct server, stop));
	server->stopping = true;
	server->end_ms = clock_mono_ms() + server->grace_ms;
	for (unsigned i = 0; i < server->place_count; i++) {
		loop_watch_free(&server->place[i].readable);
		loop_timer_stop(server->place[i].pause);
		listener_close(&server->place[i].listener);
		client_table_drain(server->place[i].clients);
	}
	loop_timer_set(server->ending, END_MS);
	server_end_if_done(server);
}

static void on_ending(void *arg)
{
	struct server *server = arg;
	if (clock_mono_ms() >= server->end_ms)
		for (unsigned i = 0; i < server->place_count; i++)
			client_table_end(server->place[i].clients);
	loop_timer_set(server->ending, END_MS);
	server_end_if_done(server);
}

unsigned server_clients(const struct server *server, const struct service *service)
{
	unsigned clients = 0;
	for (unsigned i = 0; i < server->place_count; i++)
		if (server->place[i].service == service)
			clients += client_table_count(server->place[i].clients);
	return clients;
}

struct server *server_new(struct failure *why)
{
	struct loop *loop = loop_new(why);
	if (!loop)
		return NULL;
	struct server *server = xcalloc(1, sizeof *server);
	server->loop = loop;
	server->ending = loop_timer_new(loop, on_ending, server);
	return server;
}

void server_add(struct server *server, struct listener *listener, const struct service *service)
{
	assert(server->place_count < PLACES_MAX && !server->started);
	struct place *place = &server->place[server->place_count++];
	place->server = server;
	place->listener = *listener;
	place->service = service;
	place->clients = client_table_new(server->loop, service);
	place->readable = loop_watch_new(server->loop, listener->fd, LOOP_READ, on_connection, place);
	place->pause = loop_timer_new(server->loop, on_pause_over, place);
	listener->fd = -1;
}

bool server_start(struct server *server, struct failure *why)
{
	server->started = loop_start(server->loop, why);
	return server->started;
}

void server_stop(struct server *server, uint32_t grace_ms)
{
	if (!server->started || server->stop.run)
		return;
	server->stop.run = on_stop;
	server->grace_ms = grace_ms;
	loop_post(server->loop, &server->stop);
}

void server_join(struct server *server)
{
	loop_join(server->loop);
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
		client_table_free(&place->clients);
	}
	loop_timer_free(&server->ending);
	loop_free(&server->loop);
	free(server);
	*slot = NULL;
}
