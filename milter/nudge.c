#include "nudge.h"

#include <errno.h>
#include <unistd.h>

bool nudge_init(struct nudge *nudge, const struct listener *listener, struct failure *why)
{
	return listener_address(listener, false, &nudge->address, &nudge->len, why);
}

bool nudge_send(const struct nudge *nudge)
{
	int fd = socket(nudge->address.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return false;
	/* Close with a reset. Otherwise each nudge would leave a socket in TIME_WAIT and use up the loopback ports. */
	struct linger linger = {.l_onoff = 1, .l_linger = 0};
	if (nudge->address.ss_family != AF_UNIX)
		setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof linger);
	int err = 0;
	/* EAGAIN is no failure: the queue of the UNIX socket is full, and the connections in it wake the listener. */
	if (connect(fd, (const struct sockaddr *)&nudge->address, nudge->len) != 0 && errno != EINPROGRESS &&
		errno != EAGAIN)
		err = errno;
	close(fd);
	errno = err;
	return err == 0;
}
