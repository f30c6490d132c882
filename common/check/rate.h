/* Rates by key, as buckets of tokens that fill evenly: what may happen at most so often a second, and in one burst.
 * Keys that fall on one slot share it: stricter, never laxer. Any thread. */
#ifndef CHECK_RATE_H
#define CHECK_RATE_H

#include <stdbool.h>
#include <stdint.h>

#define RATE_SLOTS 4096

struct rate;
struct rate *rate_new(unsigned a_second, unsigned burst);
void rate_free(struct rate **rate);
/* False: not at this moment. Key 0 has no bounds. */
bool rate_take(struct rate *rate, uint64_t key, int64_t now_ms);

#endif
