/* What is counted of verdicts and work, and what the values of the metrics' labels are called. A verdict is counted
 * once for each time a front end was given it to act on: by check_fresh() when it is final, else by whatever ends the
 * waiting; a refresh, which nobody waits for, when it ends. Any thread; never waits. */
#ifndef CHECK_COUNTERS_H
#define CHECK_COUNTERS_H

#include "action.h"
#include "metrics.h"
#include "obtain.h"
#include "span.h"
#include "verdict.h"

void counters_verdict(enum purpose purpose, const struct verdict *verdict);
void counters_found(const struct found *found); /* what a flight brought, once, however many inquiries share it */
void counters_action(const struct decision *decision);
void counters_delegation(enum deed deed);
void counters_map_reply(struct span payload); /* by its first word (socketmap) */

extern const struct metrics_names counters_names;

#endif
