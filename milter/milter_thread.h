/* The thread on which libmilter serves. Call both functions on the main thread. */
#ifndef MILTER_MILTER_THREAD_H
#define MILTER_MILTER_THREAD_H

#include "check.h"

/* Starts the thread and waits until libmilter serves. Call it after milter_open(). Fails with EX_OSERR. */
bool milter_thread_start(struct check *check, struct failure *why);
/* Lets waiting callbacks finish for at most `grace_ms` milliseconds, then ends libmilter. Does nothing if the thread was
 * not started. Returns false if a callback did not end: the check must then not be freed. */
bool milter_thread_stop(uint32_t grace_ms);

#endif
