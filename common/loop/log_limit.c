#include "log_limit.h"

#include "clock.h"

bool log_limit_passes(struct log_limit *limit, unsigned *left_out)
{
	int64_t now_ms = clock_mono_ms();
	if (now_ms < limit->next_ms) {
		limit->left_out++;
		return false;
	}
	*left_out = limit->left_out;
	*limit = (struct log_limit){.next_ms = now_ms + LOG_LIMIT_MS};
	return true;
}
