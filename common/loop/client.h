/* The clients of a service: their slots, buffers and time limits.
 *
 * A service (socketmap, policy delegation, HTTP) defines what a request is, and answers it. struct service describes it.
 * service->input() gets the bytes that a client has sent, and replies with client_reply(). If the answer is not known
 * yet, service->input() calls client_wait() with a struct later instead, and service->answer() replies when it arrives.
 *
 * All functions and callbacks run on the loop's thread, except later_ready(). No lock is held during a callback. */
#ifndef LOOP_CLIENT_H
#define LOOP_CLIENT_H

#include "loop.h"
#include "span.h"

#define CLIENT_IDLE_MS 300000    /* the usual idle_ms */
#define CLIENT_PARTIAL_MS 30000  /* the usual partial_ms */
#define CLIENT_OUTPUT_MAX 327680 /* octets of replies that may wait to be sent to one client */

struct client;
struct later;
struct client_table;

#define SERVICE_MALFORMED SIZE_MAX /* a result of service->input() */

struct service {
	const char *name;     /* for log lines */
	size_t input_max;     /* octets of input buffered for one client; a longer request is an error */
	unsigned clients_max; /* most clients at the same time; the server hangs up on further clients */
	uint32_t idle_ms;     /* limit on the time between two requests */
	uint32_t partial_ms;  /* limit from a request's first octet to its last, and on the time to send a reply */
	size_t state_size;    /* octets of client_state() */
	void *arg;            /* passed to the callbacks */
	/* Reads a request from `in`, the bytes buffered for the client. Returns how many octets it has used. Returns 0
	 * if the request is not complete. Returns SERVICE_MALFORMED to hang up; a log line (at most one in LOG_LIMIT_MS)
	 * then shows the bytes. */
	size_t (*input)(void *arg, struct client *client, struct span in);
	/* The next two are needed only if the service calls client_wait(). `answer` replies to the client and frees
	 * `later`. `client` is NULL if the client is gone. */
	void (*answer)(void *arg, struct client *client, struct later *later);
	/* Asks the service to give up the wait, because its time is over or the client is gone. It may be called twice:
	 * first when the time is over, then when the client goes. Returns true if later_ready() was not called and
	 * never will be; `answer` is then called immediately. Returns false if it is too late to give up; later_ready()
	 * then brings the answer. */
	bool (*give_up)(void *arg, struct later *later);
};

/* Returns the service's own memory for this client: state_size octets, zeroed when the client connects. */
void *client_state(struct client *client);
/* Sends a reply. Replies to requests that arrived together are sent together, when all of them have been handled. Hangs up if
 * more than CLIENT_OUTPUT_MAX octets would have to be buffered. */
void client_reply(struct client *client, struct span bytes);
/* Returns whether the client is on this machine: it has connected to a UNIX socket, or from a loopback address. */
bool client_is_local(const struct client *client);
/* Hangs up once all replies are sent. service->answer() must call it before client_reply(), after which the client may be
 * gone. */
void client_finish(struct client *client);

/* An answer that the service does not know yet, and that another thread or a later event provides. The service
 * allocates this struct, usually inside a larger struct, and frees it in service->answer(). */
struct later {
	struct loop_task task; /* the first member; all members belong to this module */
	struct client_table *table;
	struct client *client;
};
/* Prepares an answer for this client. Call it before any thread may call later_ready(). */
void later_init(struct later *later, struct client *client);
/* Submits the answer: service->answer() is called once, on the loop's thread. Any thread may call this, also before
 * client_wait(). */
void later_ready(struct later *later);
/* Makes the client wait for this answer. Until it arrives, the service gets no further input from this client. After
 * `wait_ms` milliseconds the service is asked to give up. */
void client_wait(struct client *client, struct later *later, uint32_t wait_ms);

/* The rest is for server.c: all clients of one service at one listener. */
struct client_table *client_table_new(struct loop *loop, const struct service *service);
/* Frees a table without clients, and sets the pointer to NULL. */
void client_table_free(struct client_table **table);
/* Adds a client and takes over its descriptor. The table must have less than clients_max clients. */
void client_table_accept(struct client_table *table, int fd);
unsigned client_table_count(const struct client_table *table);
/* Returns the number of outstanding answers, including those for clients that are gone. */
unsigned client_table_waits(const struct client_table *table);
/* Stops reading. Hangs up on each client once the requests that it has sent so far are answered. */
void client_table_drain(struct client_table *table);
/* Makes every wait expire now, and hangs up on all clients. */
void client_table_end(struct client_table *table);

#endif
