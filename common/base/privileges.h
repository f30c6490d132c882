/* Who the daemon runs as: looked up as root, taken for good, verified. Before any thread is started. */
#ifndef BASE_PRIVILEGES_H
#define BASE_PRIVILEGES_H

#include "failure.h"
#include "settings.h"

#include <sys/types.h>

struct identity {
	bool drop; /* false: not started as root, or `user = root` was asked for */
	uid_t uid;
	gid_t gid;
	char user[256];
};

/* When not run as root: always succeeds, nothing to drop. EX_NOUSER for names that the system does not know. */
bool privileges_find(struct identity *out, const struct settings *settings, struct failure *why);
/* Takes groups, group and user, and proves that the way back to root is closed. */
bool privileges_drop(const struct identity *identity, struct failure *why);
/* Whether this process is root, and will be this user. */
bool privileges_to_drop(const struct identity *identity);
/* Between the two, root has the rights of that user alone; a process that is not root, or stays it, has its own. Before
 * any thread is started. */
bool privileges_act(const struct identity *identity, struct failure *why);
void privileges_return(void);
/* Raises the number of descriptors to the hard limit, ignores SIGPIPE, umask 027. */
void privileges_limits(void);

#endif
