/* Sets those metrics that are gauges. Call gauges_collect() before the metrics are written out. Any thread. */
#ifndef MILTER_GAUGES_H
#define MILTER_GAUGES_H

#include "check.h"
#include "server.h"
#include "store.h"

struct gauges {
	struct check *check;
	struct store *store;
	const struct server *server;
	struct service *const (*service)
		[SERVER_THREADS_MAX]; /* one pointer for each row of front_ends; NULL: the row has no service */
};

/* Sets the gauges that never change. All arguments must outlive the gauges. */
void gauges_init(struct gauges *gauges, struct check *check, struct store *store, const struct server *server,
	struct service *const (*service)[SERVER_THREADS_MAX]);
/* Sets all other gauges. `gauges` is a struct gauges. */
void gauges_collect(void *gauges);

#endif
