/* The log line of a verdict that a front end acts on. Any thread. */
#ifndef CHECK_JOURNAL_H
#define CHECK_JOURNAL_H

#include "action.h"
#include "span.h"

/* `QUEUEID: frontend=… domain=… … action=… would=…`, for a verdict that is not none. `queue_id` is somebody else's and
 * may be empty; `would` is told where it is not what is done. */
void journal_verdict(
	const char *frontend, struct span queue_id, const struct verdict *verdict, const struct decision *decision);

#endif
