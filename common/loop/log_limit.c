#include "log_limit.h"

#include "clock.h"

#include <stdio.h>

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

const char *log_limit_words(char out[LOG_LIMIT_WORDS_SIZE], unsigned left_out)
{
	out[0] = '\0';
	if (left_out > 0)
		snprintf(out, LOG_LIMIT_WORDS_SIZE, " (and %u more since the last such line)", left_out);
	return out;
}
