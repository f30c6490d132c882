/* The daemon's gauges: metrics that are set when they are asked for. On the event loop's thread. */
#ifndef MILTER_GAUGES_H
#define MILTER_GAUGES_H

#include "check.h"
#include "server.h"
#include "store.h"

struct gauges {
	struct check *check;
	struct store *store;
	const struct server *server;
	struct service *const *service; /* one for each of front_ends */
};

/* What is passed outlives the gauges. Sets those that never change. */
void gauges_init(struct gauges *gauges, struct check *check, struct store *store, const struct server *server,
	struct service *const *service);
void gauges_collect(void *gauges);

#endif
