/* A thread that accepts clients at several places and serves them (client.h): it reads requests, sends replies, and
 * never waits for anything else. server_clients() is called on that thread, everything else by the thread that owns the
 * server. */
#ifndef LOOP_SERVER_H
#define LOOP_SERVER_H

#include "client.h"
#include "listener.h"

#define SERVER_PAUSE_MS 1000 /* between tries to accept, when the system has no descriptor to give */

struct server;

/* NULL on failure. */
struct server *server_new(struct failure *why);
/* Takes the listener's descriptor over. The service must outlive the server. Before server_start(). */
void server_add(struct server *server, struct listener *listener, const struct service *service);
bool server_start(struct server *server, struct failure *why);
/* Stops accepting and hangs up on the clients that do not wait for an answer. The others get their answers; after
 * `grace_ms` the service is asked to give these up. The thread ends when all clients are gone and no answer is still to
 * come. */
void server_stop(struct server *server, uint32_t grace_ms);
/* Waits until the thread has ended. After server_stop(). */
void server_join(struct server *server);
void server_free(struct server **server);

/* How many clients a service has now. */
unsigned server_clients(const struct server *server, const struct service *service);

#endif
