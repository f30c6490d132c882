/* The thread that libmilter serves on. The main thread only. */
#ifndef MILTER_MILTER_THREAD_H
#define MILTER_MILTER_THREAD_H

#include "check.h"

/* After milter_open(). Returns when libmilter serves; false when it does not. */
bool milter_thread_start(struct check *check, struct failure *why);
/* Lets waiting callbacks finish for at most `grace_ms`, then ends libmilter. Does nothing when it was not started.
 * False: a callback did not end, and check must not be freed. */
bool milter_thread_stop(uint32_t grace_ms);

#endif
