/* Reports verdicts and work: the log line of a verdict that a front end acts on, the counters behind the metrics, and
 * the names of the metrics' label values. Any thread; never waits.
 *
 * A verdict is counted once each time a front end acts on it: by check_ask() if the front end does not wait, else when
 * the wait ends. A refresh has no waiter and is counted when it ends. */
#ifndef CHECK_REPORT_H
#define CHECK_REPORT_H

#include "action.h"
#include "metrics.h"
#include "obtain.h"
#include "span.h"
#include "verdict.h"

/* --- the log line of a verdict ------------------------------------------------------------------------------------ */

/* The domains of one message that have been logged as unchecked: one line per domain, for any number of recipients.
 * Domains beyond this number are logged again for each recipient, never left out. Zeroed for a new message. */
#define VERDICT_LOGGED_MAX 16
struct verdict_logged {
	uint32_t domain[VERDICT_LOGGED_MAX]; /* hashes */
	unsigned count;
};

/* Logs `QUEUEID: frontend=… domain=… … action=…`, and `would=…` if mode = monitor changes the action. Verdicts of kind none
 * are logged only if they let mail through unchecked, and once per message and domain. `queue_id` is untrusted and may be
 * empty. */
void verdict_log(const char *frontend, struct span queue_id, const struct verdict *verdict,
	const struct decision *decision, struct verdict_logged *logged);

/* --- counters ----------------------------------------------------------------------------------------------------- */

void counters_verdict(enum purpose purpose, const struct verdict *verdict);
/* Counts the result of one flight, once, however many inquiries share it. */
void counters_found(const struct found *found);
void counters_action(const struct decision *decision);
void counters_delegation(enum deed deed);
/* Counts a reply of the map by its first word. */
void counters_map_reply(struct span payload);

/* For metrics_render(): functions that return the name of a label's value. */
extern const struct metrics_names counters_names;

#endif
