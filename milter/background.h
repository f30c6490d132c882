/* Going into the background, so that whoever started the daemon learns how the start went. Before any thread is
 * started. */
#ifndef MILTER_BACKGROUND_H
#define MILTER_BACKGROUND_H

#include "failure.h"

/* Before anything is opened: closes what was inherited beyond 0, 1, 2 and `kept` descriptors behind them, and has
 * /dev/null take the place of any of those three that is closed, so that no socket of ours gets its number. */
void background_descriptors(unsigned kept);
/* Forks. The parent never returns: it waits until the child is ready (exit status 0) or has ended (its status). The
 * child gets a session of its own, leaves the directory that it was started in, so that it holds up no unmounting and
 * drops no core there, and keeps stderr until background_ready(). False: could not fork. */
bool background_enter(struct failure *why);
void background_ready(void);

#endif
