#include "listener.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <netdb.h>
#include <netinet/in.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sysexits.h>
#include <unistd.h>

bool listener_access_find(struct listener_access *out, const char *owner, mode_t mode, const struct identity *identity,
	struct failure *why)
{
	bool given = privileges_to_drop(identity);
	*out = (struct listener_access){.uid = given ? identity->uid : (uid_t)-1,
		.gid = given ? identity->gid : (gid_t)-1,
		.mode = mode,
		.identity = identity};
	const char *colon = strchr(owner, ':');
	size_t user_len = colon ? (size_t)(colon - owner) : strlen(owner);
	char user[256];
	if (user_len >= sizeof user)
		return failure_set(why, EX_CONFIG, "socket_owner: the name is too long");
	snprintf(user, sizeof user, "%.*s", (int)user_len, owner);
	if (user_len > 0) {
		const struct passwd *passwd = getpwnam(user);
		if (!passwd)
			return failure_set(why, EX_NOUSER,
				"socket_owner: this machine has no user `%s`: write user or user:group", user);
		out->uid = passwd->pw_uid;
	}
	if (colon) {
		const struct group *group = getgrnam(colon + 1);
		if (!group)
			return failure_set(why, EX_NOUSER,
				"socket_owner: this machine has no group `%s`: write user or user:group", colon + 1);
		out->gid = group->gr_gid;
	}
	return true;
}

bool listener_init(struct listener *listener, const char *setting, const char *text, struct failure *why)
{
	*listener = (struct listener){.setting = setting, .text = text, .fd = -1};
	return settings_socket_parse(&listener->place, text, why) || failure_prefix(why, "%s", setting);
}

bool listener_init_datagram(struct listener *listener, const char *setting, const char *path, struct failure *why)
{
	*listener = (struct listener){.setting = setting, .text = path, .datagram = true, .fd = -1};
	if (path[0] == '\0')
		return true;
	if (strlen(path) >= sizeof listener->place.path)
		return failure_set(why, EX_CONFIG, "%s: a socket's path must not be longer than %zu bytes", setting,
			sizeof listener->place.path - 1);
	listener->place.family = SOCKET_UNIX;
	memcpy(listener->place.path, path, strlen(path) + 1);
	return true;
}

static int listener_type(const struct listener *listener)
{
	return (listener->datagram ? SOCK_DGRAM : SOCK_STREAM) | SOCK_NONBLOCK | SOCK_CLOEXEC;
}

bool listener_on(const struct listener *listener)
{
	return listener->place.family != SOCKET_OFF;
}

static bool address_unix(const char *path, struct sockaddr_storage *out, socklen_t *len)
{
	struct sockaddr_un *sun = (struct sockaddr_un *)out;
	sun->sun_family = AF_UNIX;
	snprintf(sun->sun_path, sizeof sun->sun_path, "%s", path);
	*len = sizeof *sun;
	return true;
}

bool listener_address(const struct listener *listener, bool to_listen, struct sockaddr_storage *out, socklen_t *len,
	struct failure *why)
{
	const struct settings_socket *place = &listener->place;
	memset(out, 0, sizeof *out);
	if (place->family == SOCKET_UNIX)
		return address_unix(place->path, out, len);
	char port[8];
	snprintf(port, sizeof port, "%u", (unsigned)place->port);
	struct addrinfo hints = {.ai_family = place->family == SOCKET_INET ? AF_INET : AF_INET6,
		.ai_socktype = SOCK_STREAM,
		.ai_flags = AI_NUMERICSERV | (to_listen ? AI_PASSIVE : 0)};
	struct addrinfo *found = NULL;
	int err = getaddrinfo(place->host[0] != '\0' ? place->host : NULL, port, &hints, &found);
	if (err != 0)
		return failure_set(why, EX_UNAVAILABLE, "%s: `%s`: %s: use an address of this machine",
			listener->setting, listener->text, gai_strerror(err));
	memcpy(out, found->ai_addr, found->ai_addrlen);
	*len = found->ai_addrlen;
	freeaddrinfo(found);
	return true;
}

static bool listener_failure(const struct listener *listener, int err, struct failure *why)
{
	const char *advice = "check the system's limits";
	int code = EX_OSERR;
	if (listener->place.family == SOCKET_UNIX) {
		advice = "the directory must exist and be writable for the daemon's user";
		code = EX_CANTCREAT;
	} else if (err == EACCES) {
		advice = "only root may use ports below 1024: start as root, or choose a higher port";
	}
	if (err == EADDRINUSE) {
		advice = "another program listens there: stop it, or choose another address";
		code = EX_UNAVAILABLE;
	} else if (err == EADDRNOTAVAIL) {
		advice = "this machine does not have that address: use one of its own";
		code = EX_UNAVAILABLE;
	}
	return failure_set(why, code, "%s: cannot listen at `%s`: %s: %s", listener->setting, listener->text,
		strerror(err), advice);
}

bool listener_check(struct listener *listener, const struct listener_access *access, struct failure *why)
{
	return listener->place.family != SOCKET_UNIX ||
	       socket_file_init(&listener->file, listener->place.path, access->identity, why) ||
	       failure_prefix(why, "%s: cannot listen at `%s`", listener->setting, listener->text);
}

/* Removes a UNIX socket that a dead process left behind: one that refuses connections. Root itself may try to connect,
 * because that is harmless. The removal happens with the rights of the socket's maker. */
static bool path_clear(const struct listener *listener, struct failure *why)
{
	const char *path = listener->place.path;
	struct stat info;
	if (lstat(path, &info) != 0)
		return errno == ENOENT || listener_failure(listener, errno, why);
	if (!S_ISSOCK(info.st_mode))
		return failure_set(why, EX_CANTCREAT,
			"%s: `%s` exists and is not a socket: remove it, or choose another path", listener->setting,
			listener->text);
	struct sockaddr_storage address = {0};
	socklen_t len;
	address_unix(path, &address, &len);
	int fd = socket(AF_UNIX, listener_type(listener), 0);
	if (fd < 0)
		return listener_failure(listener, errno, why);
	int err = connect(fd, (struct sockaddr *)&address, len) == 0 ? 0 : errno;
	close(fd);
	if (err == 0 || err == EAGAIN)
		return listener_failure(listener, EADDRINUSE, why);
	if (err != ECONNREFUSED && err != ENOENT)
		return listener_failure(listener, err, why);
	if (!socket_file_begin(&listener->file, why))
		return false;
	bool gone = unlink(path) == 0 || errno == ENOENT;
	socket_file_end();
	return gone || listener_failure(listener, errno, why);
}

mode_t listener_umask(const struct listener_access *access)
{
	return ~access->mode & 0777;
}

bool listener_give(const struct listener *listener, const struct listener_access *access, struct failure *why)
{
	return listener->place.family != SOCKET_UNIX ||
	       socket_file_give(&listener->file, access->uid, access->gid, why) ||
	       failure_prefix(why, "%s: `%s`", listener->setting, listener->text);
}

bool listener_open(struct listener *listener, const struct listener_access *access, struct failure *why)
{
	bool file = listener->place.family == SOCKET_UNIX;
	struct sockaddr_storage address;
	socklen_t len;
	if (!listener_check(listener, access, why) || (file && !path_clear(listener, why)) ||
		!listener_address(listener, true, &address, &len, why))
		return false;
	int fd = socket(address.ss_family, listener_type(listener), 0);
	if (fd < 0)
		return listener_failure(listener, errno, why);
	int yes = 1;
	if (!file)
		setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
	if (file && !socket_file_begin(&listener->file, why)) {
		close(fd);
		return false;
	}
	mode_t before = umask(listener_umask(access));
	bool bound = bind(fd, (struct sockaddr *)&address, len) == 0 &&
		     (listener->datagram || listen(fd, LISTENER_BACKLOG) == 0);
	int err = errno;
	umask(before);
	if (file)
		socket_file_end();
	if (!bound) {
		close(fd);
		return listener_failure(listener, err, why);
	}
	listener->fd = fd;
	if (listener_give(listener, access, why))
		return true;
	listener_close(listener);
	return false;
}

void listener_close(struct listener *listener)
{
	if (listener->fd < 0)
		return;
	close(listener->fd);
	listener->fd = -1;
	if (listener->place.family == SOCKET_UNIX && listener->passed[0] == '\0')
		socket_file_remove(&listener->file);
}
