#include "page_plots.h"

#include "html.h"
#include "memory.h"
#include "plot.h"
#include "reason.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define STEPS_MAX 512
#define NAME_SIZE 64
#define US_PER_S 1e6

/* A plot with room for its values and names. */
struct drawing {
	struct plot plot;
	double value[PLOT_SERIES_MAX][STEPS_MAX];
	char name[PLOT_SERIES_MAX][NAME_SIZE];
};

static struct drawing *drawing_new(const json_t *plots, struct plot plot)
{
	struct drawing *drawing = xcalloc(1, sizeof *drawing);
	drawing->plot = plot;
	drawing->plot.from = member_number(plots, "from");
	drawing->plot.step_s = (unsigned)member_number(plots, "step_s");
	return drawing;
}

/* Adds a series. Returns its values, which are all unknown. */
static double *series_add(struct drawing *drawing, const char *name, const char *more, size_t count)
{
	size_t i = drawing->plot.series_count++;
	snprintf(drawing->name[i], NAME_SIZE, "%s%s", name, more);
	for (size_t step = 0; step < STEPS_MAX; step++)
		drawing->value[i][step] = NAN;
	drawing->plot.series[i] =
		(struct plot_series){.name = drawing->name[i], .value = drawing->value[i], .colour = (unsigned)i};
	drawing->plot.count = count < STEPS_MAX ? count : STEPS_MAX;
	return drawing->value[i];
}

static double value_at(const json_t *array, size_t step)
{
	const json_t *value = json_array_get(array, step);
	return json_is_integer(value) ? (double)json_integer_value(value) : NAN;
}

/* Adds the numbers of an array to those of a series. */
static void values_sum(double *value, const json_t *array)
{
	for (size_t step = 0; step < json_array_size(array) && step < STEPS_MAX; step++) {
		double one = value_at(array, step);
		if (!isnan(one))
			value[step] = one + (isnan(value[step]) ? 0 : value[step]);
	}
}

/* --- verdicts ----------------------------------------------------------------------------------------------------- */

struct counted {
	const char *reason;
	const json_t *counts;
	double total;
};

static int more_first(const void *a, const void *b)
{
	const struct counted *one = a, *other = b;
	if (one->total != other->total)
		return one->total < other->total ? 1 : -1;
	return strcmp(one->reason, other->reason);
}

/* Returns whether somebody can do something about the reason, here or at the other side. */
static bool needs_work(const char *name)
{
	enum reason reason = reason_by_name((struct span){name, strlen(name)});
	return reason != REASON_COUNT && (*reason_here(reason) || *reason_there(reason));
}

/* Lists the reasons, those that occur most first. Returns how many there are. */
static size_t reasons_list(const json_t *verdicts, bool work_only, struct counted out[REASON_COUNT])
{
	const char *reason;
	json_t *counts;
	size_t count = 0;
	json_object_foreach((json_t *)verdicts, reason, counts)
	{
		if (count == REASON_COUNT || (work_only && !needs_work(reason)))
			continue;
		out[count] = (struct counted){.reason = reason, .counts = counts};
		for (size_t step = 0; step < json_array_size(counts); step++)
			out[count].total += (double)json_integer_value(json_array_get(counts, step));
		count++;
	}
	qsort(out, count, sizeof *out, more_first);
	return count;
}

static void verdicts_add(struct text *out, const json_t *plots, bool work_only)
{
	struct counted reason[REASON_COUNT];
	size_t count = reasons_list(json_object_get(plots, "verdicts"), work_only, reason);
	struct drawing *drawing = drawing_new(plots,
		(struct plot){.id = work_only ? "trouble" : "verdicts",
			.title = work_only ? "Verdicts that call for action, by reason" : "All verdicts, by reason",
			.description =
				"The number of verdicts in each step of five minutes during the last 24 hours. The "
				"reasons are stacked. The table below has the same numbers.",
			.unit = "",
			.areas = true});
	double *value = NULL;
	for (size_t i = 0; i < count; i++) {
		bool rest = count > PLOT_SERIES_MAX && i >= PLOT_SERIES_MAX - 1;
		if (!rest || i == PLOT_SERIES_MAX - 1)
			value = series_add(drawing, rest ? "other reasons" : reason[i].reason, "",
				json_array_size(reason[i].counts));
		values_sum(value, reason[i].counts);
	}
	plot_write(out, &drawing->plot,
		work_only ? "In the last 24 hours no verdict had a reason that calls for action."
			  : "In the last 24 hours there was no verdict.");
	free(drawing);
}

/* --- answers ------------------------------------------------------------------------------------------------------ */

static void answer_add(struct drawing *drawing, const char *front_end, const json_t *us, const char *more, bool thin)
{
	size_t i = drawing->plot.series_count;
	if (i == PLOT_SERIES_MAX)
		return;
	double *value = series_add(drawing, front_end, more, json_array_size(us));
	values_sum(value, us);
	for (size_t step = 0; step < STEPS_MAX; step++)
		value[step] /= US_PER_S;
	drawing->plot.series[i].colour = (unsigned)(i / 2);
	drawing->plot.series[i].thin = thin;
}

static void answers_add(struct text *out, const json_t *plots)
{
	const char *front_end;
	json_t *answers;
	struct drawing *drawing = drawing_new(plots,
		(struct plot){.id = "answers",
			.title = "Time from request to answer",
			.description =
				"For each front end, the median and the 99th percentile in each step of five minutes "
				"during the last 24 hours, on a logarithmic scale. The table below has the same "
				"numbers.",
			.unit = "s"});
	json_object_foreach(json_object_get(plots, "answers"), front_end, answers)
	{
		answer_add(drawing, front_end, json_object_get(answers, "p99_us"), ", 99 of 100 within", false);
		answer_add(drawing, front_end, json_object_get(answers, "p50_us"), ", half within", true);
	}
	plot_write(out, &drawing->plot, "In the last 24 hours no front end has answered.");
	free(drawing);
}

void page_plots_html(struct text *out, const json_t *plots)
{
	text_add(out, "<h2 id=\"plots\">What happened in the last 24 hours?</h2>\n");
	verdicts_add(out, plots, true);
	verdicts_add(out, plots, false);
	answers_add(out, plots);
}
