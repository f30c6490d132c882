/* The plots of the status page as JSON: the last 24 hours in steps of five minutes (check/steps.h). Any thread. */
#ifndef SHOWN_PLOTS_H
#define SHOWN_PLOTS_H

#include "json_value.h"
#include "store.h"

/* Returns an object, which the caller owns, or NULL if the store cannot be read:
 *
 *   {"step_s": 300, "from": 1796040000,
 *    "verdicts": {"ok": [0, 12, ...], ...},
 *    "answers": {"socketmap": {"count": [0, 12, ...], "p50_us": [null, 75, ...], "p99_us": [null, 480, ...]}, ...}}
 *
 * Each array has an element for each step, oldest first; the first step begins at `from` (wall-clock seconds), and the last one
 * is not over at `now`. `verdicts` has an array for each reason that occurs, and `answers` an object for each front end that has
 * answered; both may be empty. p50_us and p99_us are whole microseconds, null in a step without an answer. */
json_t *plots_json(struct store *store, int64_t now, struct failure *why);

#endif
