#include "steps.h"

#include "memory.h"
#include "question.h"
#include "report.h"

#include <stdlib.h>
#include <string.h>

/* Front ends ask with these purposes. */
static const enum purpose asked[] = {PURPOSE_DELIVER, PURPOSE_MAP};
#define ASKED (sizeof asked / sizeof *asked)

void steps_note(struct metrics_values *step, const struct metrics_values *growth)
{
	for (size_t i = 0; i < ASKED; i++)
		metrics_sum_of(step, growth, METRIC_VERDICTS, asked[i]);
	for (unsigned door = 0; door < STEPS_DOORS; door++)
		metrics_sum_of(step, growth, METRIC_ANSWER_SECONDS, door);
}

static uint64_t verdicts_sum(struct metrics_values *values, enum reason reason)
{
	uint64_t sum = 0;
	for (size_t i = 0; i < ASKED; i++)
		for (unsigned kind = 0; kind <= VERDICT_DEFER; kind++)
			sum += *metrics_in(values, METRIC_VERDICTS, asked[i], kind, reason);
	return sum;
}

static void step_take(struct steps *steps, size_t at, struct metrics_values *values)
{
	struct metrics_durations durations;
	for (enum reason reason = 0; reason < REASON_COUNT; reason++)
		steps->verdicts[reason][at] = verdicts_sum(values, reason);
	for (unsigned door = 0; door < STEPS_DOORS; door++) {
		metrics_durations(&durations, values, METRIC_ANSWER_SECONDS, door, 0);
		steps->answers[door][at] = durations.count;
		steps->p50_us[door][at] = metrics_quantile_us(&durations, 0.5);
		steps->p99_us[door][at] = metrics_quantile_us(&durations, 0.99);
	}
}

struct steps *steps_read(struct store *store, int64_t now, struct failure *why)
{
	struct steps *steps = xcalloc(1, sizeof *steps);
	struct snapshot_counts *counts = xcalloc(1, sizeof *counts);
	struct metrics_values *values = xcalloc(1, sizeof *values);
	int64_t first = now / SNAPSHOT_STEP_S - STEPS_DAY + 1;
	bool read = true;
	steps->from = first * SNAPSHOT_STEP_S;
	for (size_t i = 0; read && i < STEPS_DAY; i++) {
		read = store_step_counts(store, first + (int64_t)i, counts, why) != STORE_FAILED;
		metrics_read_lines(&counters_names, (struct span){counts->lines, strlen(counts->lines)}, values);
		step_take(steps, i, values);
	}
	free(values);
	free(counts);
	if (read)
		return steps;
	free(steps);
	return NULL;
}
