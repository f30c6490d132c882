#include "activation.h"

#include "text.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>
#include <sysexits.h>
#include <unistd.h>

#define FIRST_FD 3 /* SD_LISTEN_FDS_START */
#define NAMES_SIZE 256
#define PASSED_MAX 1024
#define QUOTED_SIZE 64

struct passed {
	unsigned long count;
	char names[NAMES_SIZE]; /* separated by colons */
};

static bool number_read(unsigned long *out, const char *variable, struct failure *why)
{
	const char *value = getenv(variable);
	char *end;
	errno = 0;
	*out = strtoul(value, &end, 10);
	if (value[0] >= '0' && value[0] <= '9' && *end == '\0' && errno == 0)
		return true;
	return failure_set(why, EX_CONFIG,
		"environment: %s is not a number: unset it, or let the service manager set it (sd_listen_fds(3))",
		variable);
}

static bool environment_read(struct passed *out, struct failure *why)
{
	unsigned long pid;
	*out = (struct passed){.count = 0};
	if (!getenv("LISTEN_PID") || !getenv("LISTEN_FDS"))
		return true;
	if (!number_read(&pid, "LISTEN_PID", why))
		return false;
	if (pid != (unsigned long)getpid())
		return true;
	const char *names = getenv("LISTEN_FDNAMES");
	if (names && strlen(names) >= sizeof out->names)
		return failure_set(why, EX_CONFIG,
			"environment: LISTEN_FDNAMES is too long: give each .socket unit a short FileDescriptorName=");
	snprintf(out->names, sizeof out->names, "%s", names ? names : "");
	return number_read(&out->count, "LISTEN_FDS", why);
}

/* Returns whether the descriptor is a listening stream socket. Makes it non-blocking and close-on-exec. */
static bool socket_prepare(int fd)
{
	int type = 0, accepting = 0;
	socklen_t type_len = sizeof type, accepting_len = sizeof accepting;
	if (getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &type_len) != 0 || type != SOCK_STREAM ||
		getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &accepting, &accepting_len) != 0 || accepting == 0)
		return false;
	int flags = fcntl(fd, F_GETFL);
	return flags >= 0 && fcntl(fd, F_SETFL, flags | O_NONBLOCK) == 0 && fcntl(fd, F_SETFD, FD_CLOEXEC) == 0;
}

/* Writes the socket's address in the form of the settings. */
static bool describe(char *bytes, size_t size, int fd)
{
	struct text out;
	struct sockaddr_storage address;
	socklen_t len = sizeof address;
	char host[64], port[8];
	text_init(&out, bytes, size);
	if (getsockname(fd, (struct sockaddr *)&address, &len) != 0)
		return false;
	if (address.ss_family == AF_UNIX) {
		const char *path = ((const struct sockaddr_un *)&address)->sun_path;
		size_t head = offsetof(struct sockaddr_un, sun_path);
		size_t path_len = len > head ? len - head : 0;
		/* A path ends with NUL. A name that begins with NUL is abstract and may contain more of them. */
		if (path_len > 0 && path[0] != '\0')
			path_len = strnlen(path, path_len);
		text_add(&out, "unix:");
		text_quote(&out, path, path_len, LISTENER_PASSED_SIZE);
		return true;
	}
	if (address.ss_family != AF_INET && address.ss_family != AF_INET6)
		return false;
	if (getnameinfo((struct sockaddr *)&address, len, host, sizeof host, port, sizeof port,
		    NI_NUMERICHOST | NI_NUMERICSERV) != 0)
		return false;
	text_add(&out, address.ss_family == AF_INET ? "inet:" : "inet6:");
	text_add(&out, port);
	text_add(&out, "@");
	text_add(&out, host);
	return true;
}

static bool refuse(const char *name, const char *trouble, struct failure *why)
{
	char quoted[QUOTED_SIZE];
	struct text text;
	text_init(&text, quoted, sizeof quoted);
	text_quote(&text, name, strlen(name), sizeof quoted - 1);
	return failure_set(why, EX_CONFIG, "socket %s from the service manager: %s", quoted, trouble);
}

static bool refuse_unknown(const char *name, const struct activation_slot *slots, size_t count, struct failure *why)
{
	char trouble[256];
	struct text text;
	text_init(&text, trouble, sizeof trouble);
	text_add(&text, "stsgated has no socket of that name: write FileDescriptorName=");
	const char *between = "";
	for (size_t i = 0; i < count; i++) {
		if (slots[i].refused)
			continue;
		text_add(&text, between);
		text_add(&text, slots[i].name);
		between = " or ";
	}
	return refuse(name, trouble, why);
}

static bool socket_take(const struct activation_slot *slot, int fd, struct failure *why)
{
	struct listener *listener = slot->listener;
	if (slot->refused)
		return refuse(slot->name, slot->refused, why);
	if (!listener_on(listener))
		return refuse(slot->name,
			"the setting for this socket is empty: set it to the socket's address, or disable the socket unit",
			why);
	if (listener->fd >= 0)
		return refuse(slot->name,
			"the service manager passed two sockets of this name: write one ListenStream= for each name",
			why);
	if (!socket_prepare(fd) || !describe(listener->passed, sizeof listener->passed, fd))
		return refuse(slot->name, "is not a listening stream socket: write ListenStream= and Accept=no", why);
	listener->fd = fd;
	return true;
}

unsigned activation_count(void)
{
	struct passed passed;
	struct failure ignored;
	if (!environment_read(&passed, &ignored))
		return 0;
	return passed.count < PASSED_MAX ? (unsigned)passed.count : PASSED_MAX;
}

bool activation_take(const struct activation_slot *slots, size_t count, struct failure *why)
{
	static const char *const variables[] = {"LISTEN_PID", "LISTEN_PIDFDID", "LISTEN_FDS", "LISTEN_FDNAMES"};
	struct passed passed;
	bool read = environment_read(&passed, why);
	for (size_t i = 0; i < sizeof variables / sizeof *variables; i++)
		unsetenv(variables[i]);
	if (!read)
		return false;
	char *rest = passed.names;
	/* A wrong count cannot make this loop long: a name that occurs twice is an error. */
	for (unsigned long i = 0; i < passed.count; i++) {
		const char *name = strsep(&rest, ":");
		size_t at = 0;
		if (!name)
			name = "";
		while (at < count && strcmp(slots[at].name, name) != 0)
			at++;
		if (at == count)
			return refuse_unknown(name, slots, count, why);
		if (!socket_take(&slots[at], FIRST_FD + (int)i, why))
			return false;
	}
	return true;
}
