/* The steps of one case as they are taken, and the facts as they stand: told at once to a person, or kept for JSON. The
 * observer is called by the event loops of check; all else by the main thread. */
#ifndef CLI_TRACE_H
#define CLI_TRACE_H

#include "lock.h"
#include "output.h"
#include "verdict.h"

struct trace {
	struct lock lock;
	struct signal_cond changed;
	bool json;
	bool open;          /* steps are taken in */
	bool ended;         /* the facts are enough to judge by */
	struct facts facts; /* once the trace is closed, the main thread's alone */
	json_t *steps;
};

void trace_init(struct trace *trace, bool json);
void trace_free(struct trace *trace);
/* Begins with a new question, and forgets the one before. `rules` outlive the trace. */
void trace_open(struct trace *trace, const struct question *question, const struct rules *rules);
/* For check_options.observe; `arg` is the trace. */
void trace_observe(void *arg, const struct want *want, const struct facts *facts);
/* Waits until the case has been judged. False: `wait_ms` have passed. */
bool trace_await(struct trace *trace, int wait_ms);
/* What is observed later is not taken in. */
void trace_close(struct trace *trace);

#endif
