#include "server.h"

#include "client.h"
#include "clock.h"
#include "lock.h"
#include "log.h"
#include "quiet.h"

#include <assert.h>
#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#define PLACES_MAX 4       /* listening places of one server */
#define ACCEPTS_AT_ONCE 64 /* before the clients that are there get their turn */
#define END_MS 200         /* how often a stopping loop looks whether it is done */

struct place {
	struct server *server;
	struct listener listener;
	struct client_table *clients;
	struct event *readable;
	struct event *pause;
	struct quiet refused;
};

struct server {
	struct event_base *base;
	pthread_t thread;
	bool started;
	struct place place[PLACES_MAX];
	unsigned place_count;
	unsigned held;
	bool stopping;
	int64_t end_ms;
	struct event *posted; /* the pipe's reading end */
	struct event *ending; /* timer, while stopping */
	int wake[2];
	struct lock lock; /* guards what follows; nothing else is taken under it */
	struct server_task *first GUARDED_BY(lock);
	struct server_task **last GUARDED_BY(lock);
	bool stop GUARDED_BY(lock);
	uint32_t grace_ms GUARDED_BY(lock);
};

static void place_refused(struct place *place, int err)
{
	struct timeval pause = {.tv_sec = SERVER_PAUSE_MS / 1000, .tv_usec = (SERVER_PAUSE_MS % 1000) * 1000};
	unsigned left_out;
	if (event_del(place->readable) != 0 || event_add(place->pause, &pause) != 0)
		abort();
	if (quiet_over(&place->refused, &left_out))
		log_error("%s: cannot accept clients now: %s (and %u times before): raise the limits of this process",
			place->listener.setting, strerror(err), left_out);
}

static void on_accept(evutil_socket_t fd, short what, void *arg)
{
	(void)what;
	struct place *place = arg;
	for (int i = 0; i < ACCEPTS_AT_ONCE; i++) {
		int client = accept4(fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
		if (client >= 0) {
			client_table_accept(place->clients, client);
			continue;
		}
		if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM)
			place_refused(place, errno);
		if (errno != EINTR && errno != ECONNABORTED)
			return;
	}
}

static void on_pause_over(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	struct place *place = arg;
	if (!place->server->stopping && event_add(place->readable, NULL) != 0)
		abort();
}

static void server_end_if_done(struct server *server)
{
	unsigned clients = 0;
	for (unsigned i = 0; i < server->place_count; i++)
		clients += client_table_count(server->place[i].clients);
	if (clients == 0 && server->held == 0)
		event_base_loopbreak(server->base);
}

static void server_drain(struct server *server, uint32_t grace_ms)
{
	server->stopping = true;
	server->end_ms = clock_mono_ms() + grace_ms;
	for (unsigned i = 0; i < server->place_count; i++) {
		event_del(server->place[i].readable);
		event_del(server->place[i].pause);
		listener_close(&server->place[i].listener);
		client_table_drain(server->place[i].clients);
	}
	struct timeval often = {.tv_usec = END_MS * 1000};
	if (event_add(server->ending, &often) != 0)
		abort();
}

static void on_ending(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	struct server *server = arg;
	if (clock_mono_ms() >= server->end_ms)
		for (unsigned i = 0; i < server->place_count; i++)
			client_table_end(server->place[i].clients);
	server_end_if_done(server);
}

static void on_posted(evutil_socket_t fd, short what, void *arg)
{
	(void)what;
	struct server *server = arg;
	char bytes[64];
	while (read(fd, bytes, sizeof bytes) > 0)
		continue;
	lock_take(&server->lock);
	struct server_task *task = server->first;
	server->first = NULL;
	server->last = &server->first;
	bool stop = server->stop;
	uint32_t grace_ms = server->grace_ms;
	lock_drop(&server->lock);
	while (task != NULL) {
		struct server_task *next = task->next;
		task->run(task);
		task = next;
	}
	if (stop && !server->stopping)
		server_drain(server, grace_ms);
	if (server->stopping)
		server_end_if_done(server);
}

static void server_wake(struct server *server)
{
	/* A full pipe wakes the loop as well. */
	while (write(server->wake[1], "", 1) < 0 && errno == EINTR)
		continue;
}

void server_post(struct server *server, struct server_task *task)
{
	task->next = NULL;
	lock_take(&server->lock);
	bool first = server->first == NULL;
	*server->last = task;
	server->last = &task->next;
	/* Under the lock: once it is dropped, the task may run, and with it the last hold on the server may go. */
	if (first)
		server_wake(server);
	lock_drop(&server->lock);
}

void server_hold(struct server *server)
{
	server->held++;
}

void server_release(struct server *server)
{
	assert(server->held > 0);
	server->held--;
}

struct client *server_client(struct server *server, const struct service *service, client_name name)
{
	for (unsigned i = 0; i < server->place_count; i++)
		if (client_table_service(server->place[i].clients) == service)
			return client_table_find(server->place[i].clients, name);
	return NULL;
}

unsigned server_clients(const struct server *server, const struct service *service)
{
	unsigned clients = 0;
	for (unsigned i = 0; i < server->place_count; i++)
		if (client_table_service(server->place[i].clients) == service)
			clients += client_table_count(server->place[i].clients);
	return clients;
}

struct server *server_new(struct failure *why)
{
	struct server *server = calloc(1, sizeof *server);
	if (server == NULL)
		abort();
	lock_init(&server->lock);
	server->wake[0] = server->wake[1] = -1;
	lock_take(&server->lock);
	server->last = &server->first;
	lock_drop(&server->lock);
	bool made = pipe2(server->wake, O_NONBLOCK | O_CLOEXEC) == 0;
	server->base = made ? event_base_new() : NULL;
	if (server->base != NULL) {
		server->posted = event_new(server->base, server->wake[0], EV_READ | EV_PERSIST, on_posted, server);
		server->ending = event_new(server->base, -1, EV_PERSIST, on_ending, server);
		if (server->posted != NULL && server->ending != NULL && event_add(server->posted, NULL) == 0)
			return server;
	}
	failure_set(why, EX_OSERR, "cannot set up the event loop: %s", strerror(errno));
	server_free(&server);
	return NULL;
}

bool server_add(struct server *server, struct listener *listener, const struct service *service, struct failure *why)
{
	assert(server->place_count < PLACES_MAX && !server->started);
	struct place *place = &server->place[server->place_count];
	place->readable = event_new(server->base, listener->fd, EV_READ | EV_PERSIST, on_accept, place);
	place->pause = event_new(server->base, -1, 0, on_pause_over, place);
	if (place->readable == NULL || place->pause == NULL || event_add(place->readable, NULL) != 0)
		return failure_set(why, EX_OSERR, "%s: cannot watch the socket", listener->setting);
	place->server = server;
	place->listener = *listener;
	place->clients = client_table_new(server->base, service);
	listener->fd = -1;
	server->place_count++;
	return true;
}

static void *server_main(void *arg)
{
	struct server *server = arg;
	if (event_base_dispatch(server->base) < 0)
		log_error("the event loop failed");
	return NULL;
}

bool server_start(struct server *server, struct failure *why)
{
	int err = pthread_create(&server->thread, NULL, server_main, server);
	server->started = err == 0;
	return server->started || failure_set(why, EX_OSERR, "cannot start a thread: %s", strerror(err));
}

void server_stop(struct server *server, uint32_t grace_ms)
{
	if (!server->started)
		return;
	lock_take(&server->lock);
	server->stop = true;
	server->grace_ms = grace_ms;
	server_wake(server);
	lock_drop(&server->lock);
}

void server_join(struct server *server)
{
	if (!server->started)
		return;
	pthread_join(server->thread, NULL);
	server->started = false;
}

static void place_free(struct place *place)
{
	if (place->readable != NULL)
		event_free(place->readable);
	if (place->pause != NULL)
		event_free(place->pause);
	listener_close(&place->listener);
	client_table_free(&place->clients);
}

void server_free(struct server **slot)
{
	struct server *server = *slot;
	if (server == NULL)
		return;
	assert(!server->started);
	for (unsigned i = 0; i < server->place_count; i++)
		place_free(&server->place[i]);
	if (server->posted != NULL)
		event_free(server->posted);
	if (server->ending != NULL)
		event_free(server->ending);
	if (server->base != NULL)
		event_base_free(server->base);
	for (int i = 0; i < 2; i++)
		if (server->wake[i] >= 0)
			close(server->wake[i]);
	lock_destroy(&server->lock);
	free(server);
	*slot = NULL;
}
