/* A server: threads that serve the clients of several listeners (client.h).
 *
 * The first thread accepts the clients. It gives each to the first thread that has less than SERVER_TOGETHER, or if all have
 * more, to the one that has the fewest; the client stays there. So few clients share a thread, and requests that arrive at the
 * same time cost one wake-up together. The threads read requests and send replies. They never wait for anything else, so one slow client delays no other.
 * Any thread may call server_clients(). All other functions are called by the thread that owns the server, in this
 * order: server_new(), server_add() for each listener, server_start(), server_stop(), server_join(), server_free(). */
#ifndef LOOP_SERVER_H
#define LOOP_SERVER_H

#include "client.h"
#include "listener.h"

#define SERVER_THREADS_MAX 16
#define SERVER_TOGETHER 16
#define SERVER_PAUSE_MS 1000 /* pause before the next accept() when the system has no free descriptor */

struct server;

/* `threads`: 1 to SERVER_THREADS_MAX. Returns NULL on failure (EX_OSERR). */
struct server *server_new(unsigned threads, struct failure *why);
unsigned server_threads(const struct server *server);
/* Adds a listener (at most eight) and the service for its clients: one instance for each of the first `services` threads, which
 * must be equal except for their memory. clients_max of the first is the limit for all together. Takes over the listener's
 * descriptor and sets listener->fd to -1. The services must outlive the server. */
void server_add(struct server *server, struct listener *listener, struct service *const *service, unsigned services);
/* Starts the threads. Fails with EX_OSERR. */
bool server_start(struct server *server, struct failure *why);
/* Stops accepting clients, and hangs up on all clients that do not wait for an answer. Clients that wait still get
 * their answers. After `grace_ms` milliseconds the services are asked to give up the answers that are still
 * outstanding. The threads end when all clients are gone and no answer is outstanding. Does not wait. */
void server_stop(struct server *server, uint32_t grace_ms);
/* Waits until the threads have ended. Call it after server_stop(). */
void server_join(struct server *server);
/* Closes the listeners, frees the server, and sets the pointer to NULL. */
void server_free(struct server **server);

/* Returns the number of clients that a service has now, all its instances together. `service`: the first instance. */
unsigned server_clients(const struct server *server, const struct service *service);

#endif
