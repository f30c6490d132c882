#include "gauges.h"

#include "clock.h"
#include "front_ends.h"
#include "metrics.h"

#include <stdlib.h>
#include <string.h>

static void gauge(enum metric metric, uint64_t value)
{
	metrics_set(metric, 0, 0, 0, value);
}

void gauges_init(struct gauges *gauges, struct check *check, struct store *store, const struct server *server,
	struct service *const (*service)[SERVER_THREADS_MAX])
{
	*gauges = (struct gauges){check, store, server, service};
	gauge(METRIC_START_TIME, (uint64_t)clock_wall_s());
	gauge(METRIC_BUILD_INFO, 1);
}

static void gauges_overrides(struct store *store)
{
	uint64_t in_force[LABEL_OVERRIDE_VALUES] = {0};
	int64_t now = clock_wall_s();
	size_t count = 0;
	bool all = false;
	struct override *rows = store_overrides(store, &count, NULL);
	if (!rows)
		return;
	for (size_t i = 0; i < count; i++) {
		bool applies = override_in_force(&rows[i], now);
		in_force[rows[i].kind] += applies;
		all = all || (applies && strcmp(rows[i].domain, OVERRIDE_ALL) == 0);
	}
	free(rows);
	for (unsigned kind = 0; kind < LABEL_OVERRIDE_VALUES; kind++)
		metrics_set(METRIC_OVERRIDES, kind, 0, 0, in_force[kind]);
	gauge(METRIC_OVERRIDE_ALL, all);
}

void gauges_collect(void *arg)
{
	const struct gauges *gauges = arg;
	struct check_load load = check_load(gauges->check);
	struct store_usage usage;
	gauge(METRIC_WORKERS, load.loops);
	gauge(METRIC_WORKERS_BUSY, load.busy);
	gauge(METRIC_CASES_OPEN, load.inquiries);
	for (size_t i = 0; i < front_ends_count; i++) {
		const struct front_end *front_end = &front_ends[i];
		if (front_end->gauge != NO_GAUGE)
			gauge((enum metric)front_end->gauge,
				front_end->load ? front_end->load()
						: server_clients(gauges->server, gauges->service[i][0]));
	}
	if (!store_usage(gauges->store, &usage, NULL))
		return; /* the store's gauges keep their last values; /healthz reports that the store cannot be read */
	gauge(METRIC_STORE_BYTES, usage.bytes);
	gauge(METRIC_STORE_MAX_BYTES, usage.max_bytes);
	gauge(METRIC_STORE_ENTRIES, usage.entries);
	gauges_overrides(gauges->store);
}
