/* Makes libmilter look for ready sessions, before a callback waits.
 *
 * Debian's libmilter serves all sessions from a pool of threads. One waiting callback can hold up a session that is ready.
 * A new connection to the milter's own socket, closed at once, makes libmilter look again (design 6.2, spec F-7). Any
 * thread, after nudge_init(). */
#ifndef MILTER_NUDGE_H
#define MILTER_NUDGE_H

#include "listener.h"

struct nudge {
	struct sockaddr_storage address;
	socklen_t len;
};
/* Finds the address of the milter's socket. */
bool nudge_init(struct nudge *nudge, const struct listener *listener, struct failure *why);
/* Connects and hangs up. Never waits. Returns false and sets errno if this process cannot connect. */
bool nudge_send(const struct nudge *nudge);

#endif
