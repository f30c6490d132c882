/* Sockets that the service manager opened and hands over (sd_listen_fds(3)): LISTEN_PID, LISTEN_FDS, LISTEN_FDNAMES.
 * The main thread only, before any other is started and before the process forks: the variables name it by its pid. */
#ifndef MILTER_ACTIVATION_H
#define MILTER_ACTIVATION_H

#include "listener.h"

struct activation_place {
	const char *name; /* FileDescriptorName= of the socket unit */
	struct listener *listener;
};

/* Gives each socket to the listener of its name, non-blocking and close-on-exec; the listener must be on and not be
 * open. Nothing is done when the variables are for another process. They are unset in any case. A name that is not
 * among `places`, one that comes twice, and what is no listening stream socket are failures (EX_CONFIG): descriptors
 * that were not given to a listener then stay open, and the process must end. */
bool activation_take(const struct activation_place *places, size_t count, struct failure *why);

/* How many descriptors are handed over, from the third on. Before activation_take(), which judges what is odd about
 * them. */
unsigned activation_count(void);

#endif
