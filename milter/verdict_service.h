/* The common part of the services that answer with verdicts: socketmap and policy delegation.
 *
 * A question is answered from the store at once if possible. Otherwise the client waits until its lookup has ended, or
 * until lookup_timeout has passed. A lookup is given up when its client is gone. All functions run on the loop's thread. */
#ifndef MILTER_VERDICT_SERVICE_H
#define MILTER_VERDICT_SERVICE_H

#include "front_end.h"

struct verdict_service {
	struct service service; /* the first member (front_end.h) */
	struct check *check;
	/* Replies to a client that has waited. The outcome stays the caller's. */
	void (*reply)(struct verdict_service *service, struct client *client, const struct outcome *outcome);
};

/* Initializes an allocated service. The caller then sets the service's name, its sizes and `input`, and `reply`. */
void verdict_service_init(struct verdict_service *service, const struct front_end_parts *parts);
/* Asks a question for a client. Returns true if `out` is the verdict to reply with now. Returns false if the client waits;
 * service->reply() is called later. The caller frees `out` with outcome_free() in both cases. */
bool verdict_service_ask(
	struct verdict_service *service, struct client *client, const struct question *question, struct outcome *out);

#endif
