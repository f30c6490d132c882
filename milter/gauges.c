#include "gauges.h"

#include "clock.h"
#include "front_ends.h"
#include "metrics.h"

static void gauge(enum metric metric, uint64_t value)
{
	metrics_set(metric, 0, 0, 0, value);
}

void gauges_init(struct gauges *gauges, struct check *check, struct store *store, const struct server *server,
	struct service *const *service)
{
	*gauges = (struct gauges){check, store, server, service};
	gauge(METRIC_START_TIME, (uint64_t)clock_wall_s());
	gauge(METRIC_BUILD_INFO, 1);
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
						: server_clients(gauges->server, gauges->service[i]));
	}
	if (!store_usage(gauges->store, &usage, NULL))
		return; /* the store's gauges keep their last values; /healthz reports that the store cannot be read */
	gauge(METRIC_STORE_BYTES, usage.bytes);
	gauge(METRIC_STORE_MAX_BYTES, usage.max_bytes);
	gauge(METRIC_STORE_ENTRIES, usage.entries);
}
