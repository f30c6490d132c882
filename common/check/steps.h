/* What was counted in each step of five minutes, for the plots of the status page: verdicts by reason, and how long the answers
 * of each front end took. The recorder writes the steps into the store, which keeps seven days of them (core/snapshot.h).
 *
 * Any thread. steps_read() opens a short view of the store for each step. */
#ifndef CHECK_STEPS_H
#define CHECK_STEPS_H

#include "metrics.h"
#include "reason.h"
#include "snapshot.h"
#include "store.h"
#include "verdict_record.h"

#define STEPS_DAY (86400 / SNAPSHOT_STEP_S) /* steps of 24 hours */
#define STEPS_DOORS (DOOR_DELEGATION + 1)

/* The steps of the last 24 hours, oldest first. The last one is not over yet. A step in which no daemon ran has counted
 * nothing. */
struct steps {
	int64_t from; /* when the first step began, wall-clock seconds; a multiple of SNAPSHOT_STEP_S */
	/* Verdicts that front ends acted on, by reason; those of refreshes are not among them. */
	uint64_t verdicts[REASON_COUNT][STEPS_DAY];
	/* Answers of each front end (enum verdict_door): how many, and the microseconds that half of them and 99 of 100 did not
	 * exceed; -1 without an answer. */
	uint64_t answers[STEPS_DOORS][STEPS_DAY];
	int64_t p50_us[STEPS_DOORS][STEPS_DAY];
	int64_t p99_us[STEPS_DOORS][STEPS_DAY];
};
/* Reads the steps of the 24 hours that end with the step of `now` (wall-clock seconds). The caller frees the result with
 * free(). Returns NULL if the store cannot be read. */
struct steps *steps_read(struct store *store, int64_t now, struct failure *why);

/* Adds to `step` what a step keeps of `growth`: the counts that steps_read() needs. */
void steps_note(struct metrics_values *step, const struct metrics_values *growth);

#endif
