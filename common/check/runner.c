#include "runner.h"

#include "memory.h"

#include <stdatomic.h>
#include <stdlib.h>

#define TURN_JOBS 16       /* jobs that run in a row before the loop looks at its descriptors and timers */
#define ASKED_BEFORE_ONE 4 /* jobs of class WORK_ASKED that run before one of class WORK_REFRESH */

/* The jobs of one client. */
struct lane {
	struct job *first, **end;
	struct lane *next; /* the lane with the next turn; valid while this lane has jobs */
};

/* The jobs of one class. The lanes that have jobs take turns. */
struct line {
	struct lane lane[WORK_LANES];
	struct lane *first, **end;
};

struct runner {
	struct loop *loop;
	struct loop_timer *turn;
	bool turn_is_set;
	unsigned asked_since; /* jobs of class WORK_ASKED since the last one of class WORK_REFRESH */
	atomic_bool busy;
	struct line line[WORK_CLASSES];
};

/* Puts the lane at the end of its line: all other lanes have their turns first. */
static void lane_wait(struct line *line, struct lane *lane)
{
	lane->next = NULL;
	*line->end = lane;
	line->end = &lane->next;
}

/* Takes the first job of the lane whose turn it is. Returns NULL if there is no job. */
static struct job *job_take(struct runner *runner)
{
	bool asked_first = runner->asked_since < ASKED_BEFORE_ONE;
	struct line *line = &runner->line[asked_first ? WORK_ASKED : WORK_REFRESH];
	if (!line->first)
		line = &runner->line[asked_first ? WORK_REFRESH : WORK_ASKED];
	struct lane *lane = line->first;
	if (!lane)
		return NULL;
	line->first = lane->next;
	if (!line->first)
		line->end = &line->first;
	struct job *job = lane->first;
	lane->first = job->next;
	if (lane->first)
		lane_wait(line, lane);
	else
		lane->end = &lane->first;
	runner->asked_since = job->class == WORK_ASKED ? runner->asked_since + 1 : 0;
	return job;
}

static void turn_set(struct runner *runner)
{
	if (!runner->turn_is_set)
		loop_timer_set(runner->turn, 0);
	runner->turn_is_set = true;
}

static void turn_run(void *arg)
{
	struct runner *runner = arg;
	struct job *job;
	runner->turn_is_set = false;
	atomic_store(&runner->busy, true);
	for (int i = 0; i < TURN_JOBS && (job = job_take(runner)); i++)
		job->run(job);
	atomic_store(&runner->busy, false);
	if (runner->line[WORK_ASKED].first || runner->line[WORK_REFRESH].first)
		turn_set(runner);
}

struct runner *runner_new(struct loop *loop)
{
	struct runner *runner = xcalloc(1, sizeof *runner);
	runner->loop = loop;
	runner->turn = loop_timer_new(loop, turn_run, runner);
	for (int i = 0; i < WORK_CLASSES; i++) {
		struct line *line = &runner->line[i];
		line->end = &line->first;
		for (unsigned k = 0; k < WORK_LANES; k++)
			line->lane[k].end = &line->lane[k].first;
	}
	return runner;
}

void runner_free(struct runner **runner)
{
	if (!*runner)
		return;
	loop_timer_free(&(*runner)->turn);
	free(*runner);
	*runner = NULL;
}

void runner_push(struct runner *runner, struct job *job)
{
	struct line *line = &runner->line[job->class];
	struct lane *lane = &line->lane[((job->client * 0x9e3779b97f4a7c15u) >> 32) % WORK_LANES];
	if (!lane->first)
		lane_wait(line, lane);
	job->next = NULL;
	*lane->end = job;
	lane->end = &job->next;
	turn_set(runner);
}

static void on_posted(struct loop_task *task)
{
	struct job *job = (struct job *)task;
	runner_push(job->runner, job);
}

void runner_post(struct runner *runner, struct job *job)
{
	job->runner = runner;
	job->task.run = on_posted;
	loop_post(runner->loop, &job->task);
}

bool runner_is_busy(const struct runner *runner)
{
	return atomic_load(&runner->busy);
}
