/* Going into the background, so that whoever started the daemon learns how the start went. Before any thread is
 * started. */
#ifndef MILTER_BACKGROUND_H
#define MILTER_BACKGROUND_H

#include "failure.h"

/* Forks. The parent never returns: it waits until the child is ready (exit status 0) or has ended (its status). The
 * child gets a session of its own and keeps stderr until background_ready(). False: could not fork. */
bool background_enter(struct failure *why);
void background_ready(void);

#endif
