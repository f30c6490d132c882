/* The event loop: one thread that accepts clients, reads requests and sends replies, and never waits for anything else.
 * Hides libevent. A service (socketmap, HTTP) says what a request is and answers it; the server keeps the clients
 * within bounds.
 *
 * Everything here is called on the loop's thread, but for server_new(), server_add(), server_start(), server_stop(),
 * server_free(), which belong to the thread that owns the server, and server_post(), which any thread may call. No lock
 * is held when a service is called. */
#ifndef MILTER_SERVER_H
#define MILTER_SERVER_H

#include "listener.h"
#include "span.h"

#define SERVER_IDLE_MS 300000    /* what services give a client that asks nothing; Postfix itself hangs up after 10 s */
#define SERVER_PARTIAL_MS 30000  /* and a client from a request's first octet to its last */
#define SERVER_PAUSE_MS 1000     /* no accepting after the system refused a descriptor */
#define SERVER_OUTPUT_MAX 131072 /* octets of replies that wait to be sent to one client */

struct server;
struct client;

/* Names a client for as long as it lives: slot and generation. A name that is over finds nobody. */
typedef uint64_t client_name;

struct service {
	const char *name;     /* for log lines */
	size_t input_max;     /* octets of input kept for one client: its largest request */
	unsigned clients_max; /* at a time; the next is accepted and hung up on */
	uint32_t idle_ms;     /* between requests */
	uint32_t partial_ms;  /* from a request's first octet to its last, and from a reply's first to its last */
	size_t state_size;    /* of client_state(), zeroed at the start */
	void *arg;
	/* Looks at what the client has sent and returns how many octets are done with. 0: the request is not whole yet.
	 */
	size_t (*input)(void *arg, struct client *client, struct span in);
	void (*expired)(void *arg, struct client *client); /* the time given to client_wait() is over */
	void (*gone)(void *arg, struct client *client);    /* is being hung up on; may be NULL */
};

void *client_state(struct client *client);
client_name client_name_of(const struct client *client);
/* Sends. Ends the waiting of client_wait(). A client for which too much is waiting to be sent is hung up on. */
void client_reply(struct client *client, struct span bytes);
/* No more input is looked at until client_reply(); service->expired is called in `wait_ms`, once. */
void client_wait(struct client *client, uint32_t wait_ms);
/* Hangs up: at once, or after what waits to be sent. */
void client_close(struct client *client);
void client_finish(struct client *client);

struct server *server_new(struct failure *why);
/* Takes the listener's descriptor over. `service` outlives the server. Before server_start(). */
bool server_add(struct server *server, struct listener *listener, const struct service *service, struct failure *why);
bool server_start(struct server *server, struct failure *why);
/* Makes it stop accepting, hang up on clients that do not wait for an answer, give the others `grace_ms`, then let
 * their waits expire. */
void server_stop(struct server *server, uint32_t grace_ms);
void server_join(struct server *server); /* after server_stop(): until the thread has ended */
void server_free(struct server **server);

/* The client of this name, or NULL. Must be called by the service that it belongs to. */
struct client *server_client(struct server *server, const struct service *service, client_name name);

/* How many clients a service has now. */
unsigned server_clients(const struct server *server, const struct service *service);

/* Something to be done on the loop's thread. The caller's memory, until `run` is called. */
struct server_task {
	void (*run)(struct server_task *task);
	struct server_task *next;
};
void server_post(struct server *server, struct server_task *task);
/* While held, the loop does not end: a task is still to come. */
void server_hold(struct server *server);
void server_release(struct server *server);

#endif
