/* Reports verdicts and work: the log line of a verdict that a front end acts on, the counters, and the names of the
 * metrics' label values. A verdict is counted once each time a front end acts on it: by check_ask() if it is final there,
 * else when the wait ends. A refresh has no client and is counted when it ends. Any thread; never waits. */
#ifndef CHECK_REPORT_H
#define CHECK_REPORT_H

#include "action.h"
#include "metrics.h"
#include "obtain.h"
#include "span.h"
#include "verdict.h"

/* --- the log line of a verdict ----------------------------------------------------------------------------------- */

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

/* --- counters ---------------------------------------------------------------------------------------------------- */

void counters_verdict(enum purpose purpose, const struct verdict *verdict);
void counters_found(const struct found *found); /* what a flight brought, once, however many inquiries share it */
void counters_action(const struct decision *decision);
void counters_delegation(enum deed deed);
void counters_map_reply(struct span payload); /* by its first word (socketmap) */

extern const struct metrics_names counters_names;

#endif
