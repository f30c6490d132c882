/* Signals for the main thread, as letters in a pipe.
 *
 * libmilter waits for HUP, TERM and INT on a thread of its own, and would stop when it gets one of them. These functions
 * handle the signals instead: all other threads block them, so the system delivers them to handlers on the main thread.
 * The main thread must not use sigwait(), because libmilter might then get a signal (design 6.1, spec F-7). */
#ifndef MILTER_SIGNALS_H
#define MILTER_SIGNALS_H

#include "failure.h"

enum signals_event {
	SIGNALS_NONE = 'N',   /* no event within the time */
	SIGNALS_STOP = 'T',   /* SIGTERM or SIGINT */
	SIGNALS_RELOAD = 'U', /* SIGUSR1 */
	SIGNALS_HANGUP = 'H', /* SIGHUP */
	SIGNALS_FAILED = 'F'  /* libmilter has ended */
};

/* Installs the handlers and blocks all signals, so that threads started later never get them. Call it before any thread
 * is started. Fails with EX_OSERR. */
bool signals_open(struct failure *why);
/* Unblocks the signals on the calling thread. Call it on the main thread when all other threads have been started. */
void signals_take(void);
/* Waits for the next event for at most `wait_ms` milliseconds, and returns it. Main thread. */
enum signals_event signals_next(int wait_ms);
/* Returns whether SIGTERM or SIGINT is pending. Works only between signals_open() and signals_take(), while these signals
 * are blocked. */
bool signals_stopping(void);
/* Submits an event. Any thread, also from a signal handler. */
void signals_post(enum signals_event event);

#endif
