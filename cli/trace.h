/* The trace of one inquiry: its steps as they are taken, and the newest facts. Steps are printed at once, or kept for
 * JSON. Usage: trace_init(), then for each question trace_open(), the inquiry, trace_close(); at last trace_free().
 * trace_observe() runs on the event loops of check; all other functions are for the main thread. */
#ifndef CLI_TRACE_H
#define CLI_TRACE_H

#include "lock.h"
#include "output.h"
#include "verdict.h"

struct trace {
	struct lock lock; /* guards all members below while the trace is open */
	struct signal_cond changed;
	bool json;          /* keep the steps, rather than print them */
	bool open;          /* new steps are recorded */
	bool ended;         /* the facts suffice for a verdict */
	struct facts facts; /* for the main thread alone once the trace is closed */
	json_t *steps;      /* an array */
};

void trace_init(struct trace *trace, bool json);
void trace_free(struct trace *trace);
/* Forgets the previous question and records the inquiry of this one. `rules` outlive the trace. */
void trace_open(struct trace *trace, const struct question *question, const struct rules *rules);
/* Records a step; a check_options.observe. `arg` is the trace. */
void trace_observe(void *arg, const struct want *want, const struct facts *facts);
/* Waits until the facts suffice for a verdict. Returns false when `wait_ms` have passed before that. */
bool trace_await(struct trace *trace, int wait_ms);
/* Ends the recording; later steps are ignored. */
void trace_close(struct trace *trace);

#endif
