#include "spare.h"

#include "clock.h"
#include "metrics.h"

#ifdef __GLIBC__
#include <malloc.h>
#endif

bool spare_is_due(struct spare *spare, const struct spare_seen *seen)
{
	bool worth = seen->changes - spare->changes >= SPARE_CHANGES || seen->ended != spare->ended;
	spare->peak = seen->open > spare->peak ? seen->open : spare->peak;
	bool calm = seen->open <= SPARE_OPEN_MAX || seen->open <= spare->peak / SPARE_PEAK_PART;
	if (!worth || !calm || seen->now_ms - spare->at_ms < SPARE_REST_MS)
		return false;
	*spare = (struct spare){.changes = seen->changes, .ended = seen->ended, .at_ms = seen->now_ms};
	return true;
}

void spare_round(struct spare *spare, struct check *check)
{
	struct spare_seen seen = {.open = check_load(check).inquiries,
		.changes = metrics_read(METRIC_STORE_WRITES, 0, 0, 0),
		.ended = config_ended(),
		.now_ms = clock_mono_ms()};
	if (!spare_is_due(spare, &seen))
		return;
#ifdef __GLIBC__
	malloc_trim(0);
#endif
}
