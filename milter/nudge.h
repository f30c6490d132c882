/* Debian's libmilter serves all sessions from a pool that can leave a ready session behind a callback that waits. One
 * fresh connection to our own socket, closed at once, makes it look again (spec F-7). Any thread, after
 * nudge_init(). */
#ifndef MILTER_NUDGE_H
#define MILTER_NUDGE_H

#include "listener.h"

struct nudge {
	struct sockaddr_storage address;
	socklen_t len;
};
bool nudge_init(struct nudge *nudge, const struct listener *listener, struct failure *why);
/* Never waits. False, with errno, when the socket refuses this process. */
bool nudge_send(const struct nudge *nudge);

#endif
