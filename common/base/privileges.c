#include "privileges.h"

#include "log.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <unistd.h>

bool privileges_find(struct identity *out, const struct settings *settings, struct failure *why)
{
	*out = (struct identity){.drop = false, .uid = geteuid(), .gid = getegid()};
	if (geteuid() != 0 || strcmp(settings->user, "root") == 0)
		return true;
	const struct passwd *passwd = getpwnam(settings->user);
	if (!passwd)
		return failure_set(why, EX_NOUSER,
			"user: this machine has no user `%s`: create it, or name another (`root` keeps root's rights)",
			settings->user);
	if (passwd->pw_uid == 0)
		return failure_set(why, EX_CONFIG, "user: `%s` is another name for root: write root", settings->user);
	out->drop = true;
	out->uid = passwd->pw_uid;
	snprintf(out->user, sizeof out->user, "%s", settings->user);
	const struct group *group = getgrnam(settings->group);
	if (!group)
		return failure_set(why, EX_NOUSER, "group: this machine has no group `%s`: create it, or name another",
			settings->group);
	out->gid = group->gr_gid;
	return true;
}

bool privileges_drop(const struct identity *identity, struct failure *why)
{
	if (!identity->drop)
		return true;
	if (initgroups(identity->user, identity->gid) != 0 || setgid(identity->gid) != 0 || setuid(identity->uid) != 0)
		return failure_set(why, EX_OSERR, "user: cannot become `%s`: %s", identity->user, strerror(errno));
	bool taken = getuid() == identity->uid && geteuid() == identity->uid && getgid() == identity->gid &&
		     getegid() == identity->gid;
	if (!taken || setuid(0) == 0)
		return failure_set(
			why, EX_OSERR, "user: stsgated still has root's rights after becoming `%s`", identity->user);
	return true;
}

bool privileges_to_drop(const struct identity *identity)
{
	return identity && identity->drop && geteuid() == 0;
}

static bool acting;

void privileges_return(void)
{
	if (!acting)
		return;
	/* The supplementary groups are not set back: root needs none, and privileges_drop() sets them again. */
	if (seteuid(0) != 0 || setegid(0) != 0)
		abort();
	acting = false;
}

bool privileges_act(const struct identity *identity, struct failure *why)
{
	if (!privileges_to_drop(identity))
		return true;
	acting = true;
	if (initgroups(identity->user, identity->gid) == 0 && setegid(identity->gid) == 0 &&
		seteuid(identity->uid) == 0)
		return true;
	int err = errno;
	privileges_return();
	return failure_set(why, EX_OSERR, "user: cannot act as `%s`: %s", identity->user, strerror(err));
}

void privileges_limits(void)
{
	struct rlimit limit;
	if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < limit.rlim_max) {
		limit.rlim_cur = limit.rlim_max;
		if (setrlimit(RLIMIT_NOFILE, &limit) != 0)
			log_warning(
				"cannot raise the limit of open descriptors to its hard limit: %s", strerror(errno));
	}
	signal(SIGPIPE, SIG_IGN);
	umask(027);
}
