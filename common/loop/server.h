/* Clients of an event loop's thread: accepts them, reads their requests and sends the replies, and never waits for
 * anything else. A service (socketmap, HTTP) defines what a request is and answers it; the server bounds the number of
 * clients, what is kept of each and how long each may take.
 *
 * server_new(), server_add(), server_start(), server_stop(), server_join() and server_free() belong to the thread that
 * owns the server. Everything else is called on the loop's thread. No lock is held when a service is called. */
#ifndef LOOP_SERVER_H
#define LOOP_SERVER_H

#include "listener.h"
#include "loop.h"
#include "span.h"

#define SERVER_IDLE_MS 300000    /* the usual idle_ms; Postfix itself hangs up after 10 s */
#define SERVER_PARTIAL_MS 30000  /* the usual partial_ms */
#define SERVER_PAUSE_MS 1000     /* between tries to accept, when the system has no descriptor to give */
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

/* NULL on failure. */
struct server *server_new(struct failure *why);
/* Takes the listener's descriptor over. The service must outlive the server. Before server_start(). */
void server_add(struct server *server, struct listener *listener, const struct service *service);
bool server_start(struct server *server, struct failure *why);
/* Stops accepting and hangs up on the clients that do not wait for an answer. The others get their answers, or after
 * `grace_ms` whatever `expired` gives them. The thread ends when all clients are gone and no hold is left. */
void server_stop(struct server *server, uint32_t grace_ms);
/* Waits until the thread has ended. After server_stop(). */
void server_join(struct server *server);
void server_free(struct server **server);

/* Where tasks for the server's thread are posted. Any thread. */
struct loop *server_loop(struct server *server);

/* The client of this name, or NULL. Must be called by the service that it belongs to. */
struct client *server_client(struct server *server, const struct service *service, client_name name);

/* How many clients a service has now. */
unsigned server_clients(const struct server *server, const struct service *service);

/* While held, the loop does not end: a task is still to come. */
void server_hold(struct server *server);
void server_release(struct server *server);

#endif
