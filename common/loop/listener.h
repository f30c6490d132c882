/* Places to listen at: opened, given to their owner, taken away again. Every failure names the setting, the place, what
 * the system said and what to do. Any thread. */
#ifndef LOOP_LISTENER_H
#define LOOP_LISTENER_H

#include "failure.h"
#include "settings.h"
#include "socket_file.h"

#include <sys/socket.h>

#define LISTENER_BACKLOG 1024
#define LISTENER_HANDED_SIZE 512 /* octets of an address, quoted */

struct listener {
	const char *setting; /* the setting's name */
	const char *text;    /* its value; "" is off */
	struct settings_socket place;
	struct socket_file file;           /* of a UNIX socket; see listener_place() */
	int fd;                            /* -1: not open */
	char handed[LISTENER_HANDED_SIZE]; /* where it listens, if the service manager opened it; else "" */
};

/* Owner and mode of UNIX sockets. (uid_t)-1 and (gid_t)-1: left as they are. */
struct listener_access {
	uid_t uid;
	gid_t gid;
	mode_t mode;
	const struct identity *identity; /* who the daemon will be; outlives the listeners */
};
/* `owner`: user, user:group, :group, or "". What it leaves out is the user and group that root will become: the daemon
 * itself must reach its sockets. */
bool listener_access_find(struct listener_access *out, const char *owner, mode_t mode, const struct identity *identity,
	struct failure *why);

/* Parses; opens nothing. */
bool listener_init(struct listener *listener, const char *setting, const char *text, struct failure *why);
bool listener_on(const struct listener *listener);
/* Whether a UNIX socket can be made there, and with whose rights; listener_open() does it, too. */
bool listener_place(struct listener *listener, const struct listener_access *access, struct failure *why);
/* Non-blocking, close-on-exec. A UNIX socket that a dead process left behind is removed; anything else at its path is a
 * failure. */
bool listener_open(struct listener *listener, const struct listener_access *access, struct failure *why);
/* Gives an existing UNIX socket its owner; others need none. The mode comes from the umask of whoever binds: see
 * listener_umask(). */
bool listener_give(const struct listener *listener, const struct listener_access *access, struct failure *why);
/* The umask under which a UNIX socket gets its mode at once, without a moment in which it is too open. */
mode_t listener_umask(const struct listener_access *access);
/* Closes the descriptor and removes the UNIX socket, unless it is the service manager's. */
void listener_close(struct listener *listener);

/* An address to connect to: the place itself, or the loopback address where it listens at every address. */
bool listener_address(const struct listener *listener, bool to_listen, struct sockaddr_storage *out, socklen_t *len,
	struct failure *why);

#endif
