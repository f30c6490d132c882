/* The jobs of one event loop. Clients take turns, and the jobs of one client run in the order in which they came:
 * thousands of jobs of one client keep nobody else waiting. Jobs of class WORK_REFRESH run when there are no others, and
 * after every few others. A few jobs run at a time; then the loop looks at its descriptors and timers again. */
#ifndef CHECK_RUNNER_H
#define CHECK_RUNNER_H

#include "loop.h"

enum work_class { WORK_ASKED, WORK_REFRESH };
#define WORK_CLASSES 2
#define WORK_LANES 1024

struct runner;

/* Belongs to its owner, who may push it again once it runs. Not in the queue twice. */
struct job {
	struct loop_task task; /* of runner_post() */
	struct runner *runner; /* that it was given to */
	enum work_class class;
	uint64_t client; /* whose turn it takes; clients whose keys fall on one of WORK_LANES share a turn */
	void (*run)(struct job *job);
	struct job *next; /* the runner's */
};

/* Before the loop starts, or on its thread. */
struct runner *runner_new(struct loop *loop);
/* On the loop's thread; no job is left. */
void runner_free(struct runner **runner);
/* On the loop's thread. */
void runner_push(struct runner *runner, struct job *job);
/* Any thread. */
void runner_post(struct runner *runner, struct job *job);
struct loop *runner_loop(const struct runner *runner);
/* Whether it runs jobs at this moment. Any thread. */
bool runner_is_busy(const struct runner *runner);

#endif
