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
	/* A reset instead of a TIME_WAIT for each nudge, which would use up the ports of the loopback address. */
	struct linger linger = {.l_onoff = 1, .l_linger = 0};
	if (nudge->address.ss_family != AF_UNIX)
		setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof linger);
	int err = 0;
	/* A full queue (EAGAIN) wakes the listener as well. */
	if (connect(fd, (const struct sockaddr *)&nudge->address, nudge->len) != 0 && errno != EINPROGRESS &&
		errno != EAGAIN)
		err = errno;
	close(fd);
	errno = err;
	return err == 0;
}
