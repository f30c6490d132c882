/* The daemon's gauges: metrics that are looked at when somebody asks for them. On the event loop's thread. */
#ifndef MILTER_GAUGES_H
#define MILTER_GAUGES_H

#include "check.h"
#include "server.h"

struct gauges {
	struct check *check;
	struct store *store;
	const struct server *server;
	const struct service *map;
};

/* What is given outlives the gauges. Sets those that never change. */
void gauges_init(struct gauges *gauges, struct check *check, struct store *store, const struct server *server,
	const struct service *map);
void gauges_collect(void *gauges);

#endif
