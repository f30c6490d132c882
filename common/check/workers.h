/* The pool of threads that wait for the network. Clients take turns, each client's jobs are run in the order in which
 * they come: who queues thousands keeps nobody else waiting. At most half of the threads run jobs of class WORK_REFRESH
 * at a time, so that what somebody asks for always finds a thread. A job belongs to its owner and may be pushed again
 * once it runs. Any thread. */
#ifndef CHECK_WORKERS_H
#define CHECK_WORKERS_H

#include "failure.h"

#include <stdint.h>

enum work_class { WORK_ASKED, WORK_REFRESH };
#define WORK_CLASSES 2
#define WORK_LANES 1024

struct job {
	enum work_class class;
	uint64_t client; /* whose turn it takes; clients whose keys fall on one of WORK_LANES share it */
	void (*run)(struct job *job);
	struct job *next;      /* of the pool */
	int64_t not_before_ms; /* of the pool */
};

struct workers;
struct workers *workers_new(unsigned count, struct failure *why);
void workers_push(struct workers *workers, struct job *job);
void workers_push_later(struct workers *workers, struct job *job, int delay_ms);
unsigned workers_busy(struct workers *workers); /* threads that run a job */
/* Runs what is queued, what runs pushes and what was put off included, then joins the threads. Not from a worker. */
void workers_free(struct workers **workers);

#endif
