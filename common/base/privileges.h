/* The user and group that the daemon runs as.
 *
 * A daemon that is started as root looks up the user (privileges_find), opens its sockets, and then gives up root
 * permanently (privileges_drop). Between these two calls it can act with the user's rights for a moment
 * (privileges_act). Call all of this on the main thread, before any other thread is started, because the whole process
 * has one user and one group. */
#ifndef BASE_PRIVILEGES_H
#define BASE_PRIVILEGES_H

#include "failure.h"
#include "settings.h"

#include <sys/types.h>

struct identity {
	bool drop; /* false: the process was not started as root, or the setting is user = root */
	uid_t uid;
	gid_t gid;
	char user[256];
};

/* Looks up the settings `user` and `group`. Always succeeds in a process that is not root: there is nothing to drop.
 * Fails with EX_NOUSER if the system does not know a name. */
bool privileges_find(struct identity *out, const struct settings *settings, struct failure *why);
/* Sets the supplementary groups, the group and the user, and checks that the process cannot become root again. Does
 * nothing if identity->drop is false. */
bool privileges_drop(const struct identity *identity, struct failure *why);
/* Returns whether this process is root now and will become this user. `identity` may be NULL. */
bool privileges_to_drop(const struct identity *identity);
/* Between privileges_act() and privileges_return(), root has the effective user, group and supplementary groups of
 * `identity`. Both functions do nothing in a process that is not root or that stays root. privileges_return() aborts if
 * root's rights do not come back. */
bool privileges_act(const struct identity *identity, struct failure *why);
void privileges_return(void);
/* Raises the limit of open descriptors to its hard limit, ignores SIGPIPE, and sets umask 027. */
void privileges_limits(void);

#endif
