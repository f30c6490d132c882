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
struct later;

#define SERVICE_MALFORMED SIZE_MAX

struct service {
	const char *name;     /* for log lines */
	size_t input_max;     /* octets of input kept for one client: its largest request */
	unsigned clients_max; /* at a time; the next is accepted and hung up on */
	uint32_t idle_ms;     /* between requests */
	uint32_t partial_ms;  /* from a request's first octet to its last, and from a reply's first to its last */
	size_t state_size;    /* of client_state(), zeroed at the start */
	void *arg;
	/* Looks at what the client has sent and returns how many octets are done with. 0: the request is not complete.
	 * SERVICE_MALFORMED: the client is hung up on, with a line in the log at most once in QUIET_MS. */
	size_t (*input)(void *arg, struct client *client, struct span in);
	/* Only of a service that calls client_wait(). `answer` replies to the client and frees `later`; the client is
	 * NULL when it is gone. `give_up` is called when the time is over or the client is gone, and again when the
	 * client is gone after that. True: later_ready() was not called and never will be; `answer` follows at once.
	 * False: it is too late to give up, and later_ready() brings the answer. */
	void (*answer)(void *arg, struct client *client, struct later *later);
	bool (*give_up)(void *arg, struct later *later);
};

void *client_state(struct client *client);
/* Sends. Hangs up on a client for which more than SERVER_OUTPUT_MAX would wait to be sent. */
void client_reply(struct client *client, struct span bytes);
/* Hangs up when what waits to be sent is sent. */
void client_finish(struct client *client);

/* An answer that is found out elsewhere. The service owns the memory, until it calls later_ready(). */
struct later {
	struct loop_task task; /* first; this and the rest are the server's */
	struct client_table *table;
	struct client *client;
};
/* Before whoever finds the answer out may call later_ready(). */
void later_init(struct later *later, struct client *client);
/* Has service->answer called on the loop's thread, once. Any thread, also before client_wait(). */
void later_ready(struct later *later);
/* The client waits for this answer, and no more of its input is looked at until then; after `wait_ms` the service is
 * asked to give up. */
void client_wait(struct client *client, struct later *later, uint32_t wait_ms);

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
