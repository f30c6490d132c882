/* A server: a thread that accepts clients at several listeners and serves them (client.h).
 *
 * The thread reads requests and sends replies. It never waits for anything else, so one slow client delays no other.
 * Any thread may call server_clients(). All other functions are called by the thread that owns the server, in this
 * order: server_new(), server_add() for each listener, server_start(), server_stop(), server_join(), server_free(). */
#ifndef LOOP_SERVER_H
#define LOOP_SERVER_H

#include "client.h"
#include "listener.h"

#define SERVER_PAUSE_MS 1000 /* pause before the next accept() when the system has no free descriptor */

struct server;

/* Returns NULL on failure (EX_OSERR). */
struct server *server_new(struct failure *why);
/* Adds a listener (at most eight) and the service for its clients. Takes over the listener's descriptor and sets
 * listener->fd to -1. The service must outlive the server. */
void server_add(struct server *server, struct listener *listener, const struct service *service);
/* Starts the thread. Fails with EX_OSERR. */
bool server_start(struct server *server, struct failure *why);
/* Stops accepting clients, and hangs up on all clients that do not wait for an answer. Clients that wait still get
 * their answers. After `grace_ms` milliseconds the services are asked to give up the answers that are still
 * outstanding. The thread ends when all clients are gone and no answer is outstanding. Does not wait. */
void server_stop(struct server *server, uint32_t grace_ms);
/* Waits until the thread has ended. Call it after server_stop(). */
void server_join(struct server *server);
/* Closes the listeners, frees the server, and sets the pointer to NULL. */
void server_free(struct server **server);

/* Returns the number of clients that a service has now. */
unsigned server_clients(const struct server *server, const struct service *service);

#endif
