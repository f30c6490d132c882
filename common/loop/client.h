/* The clients of a service: slots, buffers, time limits. The service (socketmap, HTTP) defines what a request is and
 * answers it. No lock is held when a service is called. The loop's thread only, unless a comment says otherwise. */
#ifndef LOOP_CLIENT_H
#define LOOP_CLIENT_H

#include "loop.h"
#include "span.h"

#define CLIENT_IDLE_MS 300000    /* the usual idle_ms */
#define CLIENT_PARTIAL_MS 30000  /* the usual partial_ms */
#define CLIENT_OUTPUT_MAX 131072 /* octets of replies that wait to be sent to one client */

struct client;
struct later;
struct client_table;

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
/* Sends. Hangs up on a client for which more than CLIENT_OUTPUT_MAX would wait to be sent. */
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

/* For the server (server.h). */
struct client_table *client_table_new(struct loop *loop, const struct service *service);
void client_table_free(struct client_table **table);
/* Takes the descriptor over. Full: hangs up. */
void client_table_accept(struct client_table *table, int fd);
unsigned client_table_count(const struct client_table *table);
/* Answers that are still to come, also those to clients that are gone. */
unsigned client_table_waits(const struct client_table *table);
/* Reads no more; hangs up on each client when what it has asked is answered. */
void client_table_drain(struct client_table *table);
/* Lets every wait expire now and hangs up on all. */
void client_table_end(struct client_table *table);

#endif
