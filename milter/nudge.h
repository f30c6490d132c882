/* Keeps a callback that waits from holding up other sessions of the milter.
 *
 * Debian's libmilter serves all sessions from a pool of threads, in which one waiting callback can hold up a session that
 * has input. A nudge makes libmilter look for such sessions: it is a connection to the milter's own socket that is closed
 * immediately (design 6.2, spec F-7). Send one before a callback waits. Any thread, after nudge_init(). */
#ifndef MILTER_NUDGE_H
#define MILTER_NUDGE_H

#include "listener.h"

struct nudge {
	struct sockaddr_storage address;
	socklen_t len;
};
/* Finds the address of the milter's socket. */
bool nudge_init(struct nudge *nudge, const struct listener *listener, struct failure *why);
/* Opens and closes a connection. Never waits. Returns false and sets errno if this process cannot connect. */
bool nudge_send(const struct nudge *nudge);

#endif
