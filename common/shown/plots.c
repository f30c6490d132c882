#include "plots.h"

#include "steps.h"

#include <stdlib.h>

/* Returns an array of the steps' numbers, or NULL if all of them are `nothing`. A number `nothing` below 0 becomes null. */
static json_t *numbers_json(const int64_t numbers[STEPS_DAY], int64_t nothing)
{
	json_t *array = json_made(json_array());
	bool any = false;
	for (size_t i = 0; i < STEPS_DAY; i++) {
		any = any || numbers[i] != nothing;
		json_add(array, json_made(numbers[i] < 0 ? json_null() : json_integer(numbers[i])));
	}
	if (any)
		return array;
	json_decref(array);
	return NULL;
}

static json_t *counts_json(const uint64_t counts[STEPS_DAY])
{
	int64_t numbers[STEPS_DAY];
	for (size_t i = 0; i < STEPS_DAY; i++)
		numbers[i] = counts[i] > INT64_MAX ? INT64_MAX : (int64_t)counts[i];
	return numbers_json(numbers, 0);
}

static json_t *verdicts_json(const struct steps *steps)
{
	json_t *object = json_made(json_object());
	for (enum reason reason = 0; reason < REASON_COUNT; reason++) {
		json_t *counts = counts_json(steps->verdicts[reason]);
		if (counts)
			json_put(object, reason_name(reason), counts);
	}
	return object;
}

static json_t *answers_json(const struct steps *steps)
{
	json_t *object = json_made(json_object());
	for (unsigned door = 0; door < STEPS_DOORS; door++) {
		json_t *counts = counts_json(steps->answers[door]);
		if (!counts)
			continue;
		json_t *answers = json_made(json_object());
		json_put(answers, "count", counts);
		json_put(answers, "p50_us", numbers_json(steps->p50_us[door], -1));
		json_put(answers, "p99_us", numbers_json(steps->p99_us[door], -1));
		json_put(object, verdict_door_name((enum verdict_door)door), answers);
	}
	return object;
}

json_t *plots_json(struct store *store, int64_t now, struct failure *why)
{
	struct steps *steps = steps_read(store, now, why);
	if (!steps)
		return NULL;
	json_t *object = json_made(json_object());
	json_put(object, "step_s", json_made(json_integer(SNAPSHOT_STEP_S)));
	json_put(object, "from", json_made(json_integer(steps->from)));
	json_put(object, "verdicts", verdicts_json(steps));
	json_put(object, "answers", answers_json(steps));
	free(steps);
	return object;
}
