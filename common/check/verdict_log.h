/* The log line of a verdict that a front end acts on. Any thread. */
#ifndef CHECK_VERDICT_LOG_H
#define CHECK_VERDICT_LOG_H

#include "action.h"
#include "span.h"

/* The domains of one message of which it has been told that they go unchecked: one line each, however many recipients
 * there are. Beyond the room a line is told again, never left out. A zeroed struct is that of a new message. */
#define VERDICT_LOGGED_MAX 16
struct verdict_logged {
	uint32_t domain[VERDICT_LOGGED_MAX]; /* hashes */
	unsigned count;
};

/* `QUEUEID: frontend=… domain=… … action=… would=…`, for a verdict that is not none, or lets mail through unchecked.
 * `queue_id` is somebody else's and may be empty; `would` is told where it is not what is done. */
void verdict_log(const char *frontend, struct span queue_id, const struct verdict *verdict,
	const struct decision *decision, struct verdict_logged *told);

#endif
