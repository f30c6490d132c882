/* Signals as letters in a pipe. libmilter waits for HUP, TERM and INT in a thread of its own and would stop at each;
 * they come here instead as long as the main thread alone has them unblocked and does not wait for them with sigwait()
 * (spec F-7). */
#ifndef MILTER_SIGNALS_H
#define MILTER_SIGNALS_H

#include "failure.h"

enum signals_event {
	SIGNALS_NONE = 'N', /* nothing came in time */
	SIGNALS_STOP = 'T',
	SIGNALS_RELOAD = 'U',
	SIGNALS_HANGUP = 'H',
	SIGNALS_FAILED = 'F'
};

/* Handlers and pipe; blocks the signals, so that threads started afterwards never see them. Before any thread is
 * started. */
bool signals_open(struct failure *why);
/* Unblocks them in the calling thread: the main thread, after all others were started. */
void signals_take(void);
/* The next event; waits for it, `wait_ms` at most. */
enum signals_event signals_next(int wait_ms);
/* Between signals_open() and signals_take(): whether a stop is asked for. */
bool signals_stopping(void);
/* From any thread. */
void signals_post(enum signals_event event);

#endif
