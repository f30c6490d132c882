/* Runs the jobs of one event loop in a fair order. Clients take turns, and the jobs of one client run in the order in
 * which they came, so thousands of jobs of one client delay nobody else. Jobs of class WORK_REFRESH run when there are
 * no other jobs. Otherwise one of them runs after every few other jobs. After a few jobs the loop looks at its
 * descriptors and timers again. */
#ifndef CHECK_RUNNER_H
#define CHECK_RUNNER_H

#include "loop.h"

enum work_class {
	WORK_ASKED,  /* somebody may wait for it */
	WORK_REFRESH /* nobody waits for it */
};
#define WORK_CLASSES 2
#define WORK_LANES 1024

struct runner;

/* Owned by the caller. A job may be pushed again while it runs, but must not be in the queue twice. */
struct job {
	struct loop_task task; /* for runner_post() */
	struct runner *runner; /* for runner_post() */
	enum work_class class;
	uint64_t client; /* the job uses this client's turn. Clients whose keys hash to the same lane share a turn. */
	void (*run)(struct job *job);
	struct job *next; /* for the runner */
};

/* Call before the loop starts, or on its thread. */
struct runner *runner_new(struct loop *loop);
/* Call on the loop's thread, when no job is left. */
void runner_free(struct runner **runner);
/* Queues a job. On the loop's thread. */
void runner_push(struct runner *runner, struct job *job);
/* Queues a job from any thread. */
void runner_post(struct runner *runner, struct job *job);
/* Returns whether a job is running at this moment. Any thread. */
bool runner_is_busy(const struct runner *runner);

#endif
