#include "quiet.h"

#include "clock.h"

bool quiet_over(struct quiet *quiet, unsigned *left_out)
{
	int64_t now_ms = clock_mono_ms();
	if (now_ms < quiet->next_ms) {
		quiet->left_out++;
		return false;
	}
	*left_out = quiet->left_out;
	*quiet = (struct quiet){.next_ms = now_ms + QUIET_MS};
	return true;
}
