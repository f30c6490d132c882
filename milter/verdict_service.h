/* A service that answers by verdicts: at once from the store, else when the lookup that the client waits for has ended or
 * its time (lookup_timeout) is over. A lookup is given up when its client is gone. The loop's thread only. */
#ifndef MILTER_VERDICT_SERVICE_H
#define MILTER_VERDICT_SERVICE_H

#include "front_end.h"

struct verdict_service {
	struct service service; /* first: front_end.h */
	struct check *check;
	/* Replies to a client that has waited. */
	void (*reply)(struct verdict_service *service, struct client *client, const struct outcome *outcome);
};

/* Sets everything but name, sizes and `input` of the service, and `reply`. `service` is what is allocated. */
void verdict_service_init(struct verdict_service *service, const struct front_end_parts *parts);
/* True: `out` is the verdict to reply with now. False: the client waits, and `reply` follows. The caller frees `out`. */
bool verdict_service_ask(
	struct verdict_service *service, struct client *client, const struct question *question, struct outcome *out);

#endif
