/* Sockets that the service manager opened and passes to the daemon (sd_listen_fds(3)).
 *
 * Reads the environment variables LISTEN_PID, LISTEN_FDS and LISTEN_FDNAMES. Call both functions on the main thread,
 * before any other thread is started and before the process forks: the variables name the process by its pid. */
#ifndef LOOP_ACTIVATION_H
#define LOOP_ACTIVATION_H

#include "listener.h"

struct activation_slot {
	const char *name; /* FileDescriptorName= of the socket unit */
	struct listener *listener;
	const char *refused; /* why this listener cannot use a passed socket, and what to do; NULL: it can */
};

/* Gives each passed socket to the listener with its name. Makes the socket non-blocking and close-on-exec. The listener
 * must be on (listener_on()) and not open yet. Does nothing if the variables are meant for another process. Always
 * unsets the variables.
 *
 * Fails with EX_CONFIG for a name that is not among `slots`, for a name that occurs twice, and for a descriptor that is
 * not a listening stream socket. The process must then exit, because the remaining descriptors stay open. */
bool activation_take(const struct activation_slot *slots, size_t count, struct failure *why);

/* Returns how many descriptors were passed; the first has number 3. Returns 0 if the variables are malformed. Call it
 * before activation_take(), which reports errors. */
unsigned activation_count(void);

#endif
