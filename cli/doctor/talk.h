/* Connects to one of the daemon's sockets as another user, perhaps inside a chroot, and asks one question in the socket's
 * protocol. The work is done in a child process, which gives up root before it connects. */
#ifndef CLI_TALK_H
#define CLI_TALK_H

#include "settings.h"
#include "span.h"

#define TALK_SECONDS 4 /* the longest time for one question */
#define TALK_WORDS_SIZE 512

/* TALK_DATAGRAM: a UNIX datagram socket, which gives no answers; being able to connect to it counts as an answer. */
enum talk_protocol { TALK_MILTER, TALK_SOCKETMAP, TALK_DELEGATION, TALK_HTTP, TALK_DATAGRAM };

/* Who connects. */
struct talk_user {
	bool change; /* become `uid` and `gid`, without other groups; needs root */
	uid_t uid;
	gid_t gid;
	const char *root; /* enter this directory by chroot(2) first; NULL: no chroot */
};

enum talk_end {
	TALK_ANSWERED, /* a valid reply of the protocol */
	TALK_STRANGE,  /* a reply that is not valid in the protocol; `words` is its beginning */
	TALK_CLOSED,   /* the connection was closed without a reply */
	TALK_SILENT,   /* no reply in time */
	TALK_REFUSED,  /* no connection; `err` is the errno */
	TALK_FAILED    /* a failure of this machine before that; `err` is the errno */
};
struct talk {
	enum talk_end end;
	int err;
	/* TALK_STRANGE: the reply. TALK_ANSWERED by HTTP: the status and the first line of the body. Quoted. */
	char words[TALK_WORDS_SIZE];
};

/* Connects to the socket and asks. `path` (may be NULL) replaces the path of a UNIX socket: its name inside the chroot. */
struct talk talk_ask(enum talk_protocol protocol, const struct settings_socket *place, const char *path,
	const struct talk_user *user);

/* Looks at the octets that have arrived so far. Returns TALK_SILENT if more are needed. For HTTP, `ended` states that
 * the peer has closed the connection, which is what ends a reply. Pure. */
enum talk_end talk_judge(enum talk_protocol protocol, struct span reply, bool ended);

#endif
