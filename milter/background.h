/* Moves the daemon into the background. The command that started it exits only when the daemon is ready or has failed.
 *
 * Call background_descriptors() first, background_enter() before any thread is started, and background_ready() at the end
 * of the start. */
#ifndef MILTER_BACKGROUND_H
#define MILTER_BACKGROUND_H

#include "failure.h"

/* Closes all inherited descriptors except 0, 1, 2 and the `kept` descriptors from 3 on. Opens /dev/null for any of 0, 1
 * and 2 that is closed, so that no socket gets one of these numbers. Call it before anything is opened. */
void background_descriptors(unsigned kept);
/* Forks. The parent does not return: it exits with 0 when the child calls background_ready(), or with the child's status
 * when the child ends. The child gets its own session and changes to /, so that it blocks no unmount and leaves no core
 * file in the starting directory. The child keeps stderr until background_ready(). Fails with EX_OSERR. */
bool background_enter(struct failure *why);
/* Reports to the waiting parent that the daemon is ready, and points 0, 1 and 2 to /dev/null. Does nothing in the
 * foreground. */
void background_ready(void);

#endif
