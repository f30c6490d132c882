/* Sockets that the service manager opened and hands over (sd_listen_fds(3)): LISTEN_PID, LISTEN_FDS, LISTEN_FDNAMES.
 * The main thread only, before any other is started and before the process forks: the variables name it by its pid. */
#ifndef LOOP_ACTIVATION_H
#define LOOP_ACTIVATION_H

#include "listener.h"

struct activation_place {
	const char *name; /* FileDescriptorName= of the socket unit */
	struct listener *listener;
	const char *refused; /* why this place cannot take a socket, and what to do; NULL: it can */
};

/* Gives each socket to the listener of its name, non-blocking and close-on-exec; the listener must be on and not be
 * open. Does nothing when the variables are for another process. Unsets them in any case. Fails (EX_CONFIG) for a name
 * that is not among `places`, for one that comes twice, and for anything but a listening stream socket: descriptors
 * that were not given to a listener then stay open, and the process must end. */
bool activation_take(const struct activation_place *places, size_t count, struct failure *why);

/* How many descriptors are handed over, from number 3 on. Call it before activation_take(), which reports what is wrong
 * with them. */
unsigned activation_count(void);

#endif
