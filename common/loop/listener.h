/* Listening sockets: an address from a setting, opened, given to its owner, and closed again.
 *
 * Call listener_init(), then listener_open(), then listener_close(). Every failure names the setting, the address, the
 * system's error and what to do. No global state; opening a UNIX socket changes the umask and the effective user for a
 * moment (socket_file.h), so open listeners before other threads are started. */
#ifndef LOOP_LISTENER_H
#define LOOP_LISTENER_H

#include "failure.h"
#include "settings.h"
#include "socket_file.h"

#include <sys/socket.h>

#define LISTENER_BACKLOG 1024
#define LISTENER_PASSED_SIZE 512 /* octets of an address, quoted */

struct listener {
	const char *setting; /* the setting's name; kept, not copied */
	const char *text;    /* the setting's value; "" is off; kept, not copied */
	struct settings_socket place;
	bool datagram;                     /* a UNIX datagram socket, which is bound only */
	struct socket_file file;           /* of a UNIX socket; set by listener_check() */
	int fd;                            /* -1: not open */
	char passed[LISTENER_PASSED_SIZE]; /* the address of a socket that the service manager passed, or "" */
};

/* Owner and mode for UNIX sockets. (uid_t)-1 or (gid_t)-1 leaves the user or group as it is. */
struct listener_access {
	uid_t uid;
	gid_t gid;
	mode_t mode;
	const struct identity *identity; /* the user that the daemon will become; must outlive the listeners */
};
/* Looks up the setting socket_owner: user, user:group, :group, or "". For a missing part it takes the user or group
 * that a root process will become, because the daemon must be able to connect to its own sockets. Fails with EX_NOUSER
 * for an unknown name. */
bool listener_access_find(struct listener_access *out, const char *owner, mode_t mode, const struct identity *identity,
	struct failure *why);

/* Parses the setting's value. Opens nothing. */
bool listener_init(struct listener *listener, const char *setting, const char *text, struct failure *why);
/* The same for a datagram socket, whose setting has only the path, or is empty. */
bool listener_init_datagram(struct listener *listener, const char *setting, const char *path, struct failure *why);
/* Returns whether the setting's value is not empty. */
bool listener_on(const struct listener *listener);
/* Checks that a UNIX socket can be made at its path, and decides whose rights will make it. listener_open() calls this,
 * too. */
bool listener_check(struct listener *listener, const struct listener_access *access, struct failure *why);
/* Opens the socket, non-blocking and close-on-exec. Removes a UNIX socket on which nobody listens any more; fails if
 * anything else is at the path. */
bool listener_open(struct listener *listener, const struct listener_access *access, struct failure *why);
/* Sets the owner of an existing UNIX socket. Does nothing for other sockets. The mode comes from the umask during
 * bind(): see listener_umask(). */
bool listener_give(const struct listener *listener, const struct listener_access *access, struct failure *why);
/* Returns the umask that gives a UNIX socket its mode already in bind(), so that it is never more open than it should
 * be. */
mode_t listener_umask(const struct listener_access *access);
/* Closes the descriptor. Removes a UNIX socket, unless the service manager made it. */
void listener_close(struct listener *listener);

/* Finds the socket address: to listen on if `to_listen`, otherwise to connect to. If the setting has no host, the
 * address to connect to is the loopback address. */
bool listener_address(const struct listener *listener, bool to_listen, struct sockaddr_storage *out, socklen_t *len,
	struct failure *why);

#endif
