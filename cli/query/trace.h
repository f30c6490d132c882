/* The trace of one inquiry: its steps and the newest facts. A step is printed when it begins and when it has ended, or is
 * kept for JSON when it has ended. If standard output is not a terminal, only whole lines are printed.
 *
 * Call trace_init() first; for each question, trace_open(), then run the inquiry, then trace_close(); and trace_free() at
 * the end. trace_observe() runs on the event loops of the check. All other functions are for the main thread. */
#ifndef CLI_TRACE_H
#define CLI_TRACE_H

#include "check.h"
#include "lock.h"
#include "output.h"

/* An address of a hop. */
struct trace_address {
	char host[DOMAIN_SIZE];
	uint16_t port;
	char address[ADDRESS_TEXT_SIZE];
	bool probed;
	struct evidence seen; /* if it was probed */
};
#define TRACE_ADDRESSES_MAX 64 /* further ones are left out */

struct trace {
	struct lock lock; /* guards all members below while the trace is open */
	struct signal_cond changed;
	bool json;                     /* keep the steps instead of printing them */
	bool terminal;                 /* standard output is a terminal */
	bool open;                     /* new steps are recorded */
	bool ended;                    /* the facts suffice for a verdict */
	bool begun;                    /* a step has begun and has not ended */
	struct want want;              /* of that step */
	int64_t begun_ms;              /* when it began; monotonic clock */
	struct facts facts;            /* after trace_close() the main thread may use them without the lock */
	json_t *steps;                 /* an array */
	struct trace_address *address; /* owned */
	size_t address_count;
};

void trace_init(struct trace *trace, bool json);
void trace_free(struct trace *trace);
/* Discards the trace of the previous question, and begins to record the inquiry for this question. `rules` must outlive
 * the trace. */
void trace_open(struct trace *trace, const struct question *question, const struct rules *rules);
/* Records a moment of a step. This is the callback for check_options.observe; `arg` is the trace. */
void trace_observe(void *arg, enum check_moment moment, const struct want *want, const struct facts *facts);
/* Records an address of a hop. This is the callback for check_on_dialled(); `arg` is the trace. */
void trace_dialled(void *arg, const struct want *want, const char *address, const struct evidence *seen);
/* Waits until the facts suffice for a verdict. Returns false if they do not suffice within `wait_ms` milliseconds. */
bool trace_await(struct trace *trace, int wait_ms);
/* Ends the recording; later steps are ignored. A step that has not ended is recorded as `unfinished`. */
void trace_close(struct trace *trace);

#endif
