/* The common part of the services that answer with verdicts: socketmap and policy delegation.
 *
 * A question is answered from the store immediately if possible. Otherwise the client waits until its lookup has ended,
 * or until lookup_timeout has passed. If the client disconnects, the service stops waiting for its lookup. All functions
 * run on the thread of the client. */
#ifndef MILTER_VERDICT_SERVICE_H
#define MILTER_VERDICT_SERVICE_H

#include "front_end.h"

struct verdict_service {
	struct service service; /* the first member (front_end.h) */
	struct check *check;
	/* Replies to a client that has waited. The caller frees the outcome. */
	void (*reply)(struct verdict_service *service, struct client *client, const struct outcome *outcome);
};

/* Initializes a zeroed struct. The caller then sets `reply`, and the name, the sizes and `input` of the member
 * `service`. */
void verdict_service_init(struct verdict_service *service, const struct front_end_parts *parts);
/* Asks a question for a client. Returns true if the caller must reply now, with the verdict in `out`. Returns false if
 * the client waits: service->reply() is called later, unless the client disconnects before. In both cases the caller
 * frees `out` with outcome_free(). */
bool verdict_service_ask(
	struct verdict_service *service, struct client *client, const struct question *question, struct outcome *out);

#endif
