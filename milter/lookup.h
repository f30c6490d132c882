/* A look-up that a client of the server waits for, on nobody's thread: begun when check_fresh() has no final verdict,
 * answered once, when it is done or its time is over, and given up when the client is gone. The loop's thread only. */
#ifndef MILTER_LOOKUP_H
#define MILTER_LOOKUP_H

#include "check.h"
#include "server.h"

struct lookup;

/* Whose clients wait. It and the service outlive all look-ups. */
struct lookup_desk {
	struct server *server;
	struct check *check;
	const struct service *service;
	void *arg;
	void (*answer)(void *arg, struct client *client, const struct outcome *outcome);
};

/* Stands first in the service's client_state(). */
struct lookup_place {
	struct lookup *lookup; /* NULL: the client waits for nothing */
};

/* `so_far` is what check_fresh() said. Answers at once when there is no room. A verdict that is not worth waiting for
 * is answered without a wait; the look-up goes on all the same. */
void lookup_begin(const struct lookup_desk *desk, struct client *client, const struct question *question,
	const struct outcome *so_far, uint32_t wait_ms);
/* Of the service: its `expired` and `gone`. */
void lookup_expired(const struct lookup_desk *desk, struct client *client);
void lookup_gone(const struct lookup_desk *desk, struct client *client);

#endif
