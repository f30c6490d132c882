#include "socket_file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <unistd.h>

/* Returns whether only root can change what the path leads to: root owns every directory on the way, and nobody else may
 * write to any of them. */
static bool directory_is_roots(const char *directory)
{
	char path[PATH_MAX];
	struct stat info;
	if (!realpath(directory, path))
		return false;
	for (;;) {
		if (lstat(path, &info) != 0 || info.st_uid != 0 || (info.st_mode & (S_IWGRP | S_IWOTH)) != 0)
			return false;
		if (path[1] == '\0')
			return true;
		char *slash = strrchr(path, '/');
		slash[slash == path ? 1 : 0] = '\0';
	}
}

static bool directory_failure(const char *directory, const struct identity *identity, int err, struct failure *why)
{
	char advice[PATH_MAX + 128];
	const struct passwd *passwd = getpwuid(identity ? identity->uid : geteuid());
	const char *user = passwd ? passwd->pw_name : "the user that stsgated runs as";
	if (err == ENOENT)
		snprintf(advice, sizeof advice,
			"create it: install -d -o %s -m 0755 %s (for Postfix: -g postfix -m 2750)", user, directory);
	else if (err == ENOTDIR)
		snprintf(advice, sizeof advice, "choose another path");
	else if (err == EROFS)
		snprintf(advice, sizeof advice,
			"let the service write there (ReadWritePaths=%s in its unit), or choose a path below "
			"/run/stsgate",
			directory);
	else
		snprintf(advice, sizeof advice, "%s must be able to write there: chown %s %s, or choose another path",
			user, user, directory);
	return failure_set(why, EX_CANTCREAT, "directory `%s`: %s: %s", directory, strerror(err), advice);
}

bool socket_file_init(struct socket_file *file, const char *path, const struct identity *identity, struct failure *why)
{
	char directory[PATH_MAX], inside[PATH_MAX + 2];
	*file = (struct socket_file){.maker = identity};
	snprintf(file->path, sizeof file->path, "%s", path);
	/* The directory of "/name" is "/". */
	const char *slash = strrchr(path, '/');
	snprintf(directory, sizeof directory, "%.*s", !slash || slash == path ? 1 : (int)(slash - path), path);
	snprintf(inside, sizeof inside, "%s/.", directory);
	if (!privileges_act(identity, why))
		return false;
	int err = faccessat(AT_FDCWD, inside, W_OK | X_OK, AT_EACCESS) == 0 ? 0 : errno;
	privileges_return();
	if (err == 0)
		return true;
	if (err != EACCES || !privileges_to_drop(identity) || !directory_is_roots(directory))
		return directory_failure(directory, identity, err, why);
	file->maker = NULL;
	return true;
}

bool socket_file_begin(const struct socket_file *file, struct failure *why)
{
	return privileges_act(file->maker, why);
}

void socket_file_end(void)
{
	int err = errno;
	privileges_return();
	errno = err;
}

bool socket_file_give(const struct socket_file *file, uid_t uid, gid_t gid, struct failure *why)
{
	struct stat info;
	if (uid == (uid_t)-1 && gid == (gid_t)-1)
		return true;
	/* The file is opened with the maker's rights. The checks below come before root changes anything. */
	if (!socket_file_begin(file, why))
		return false;
	uid_t maker = geteuid();
	int fd = open(file->path, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	int err = errno;
	socket_file_end();
	if (fd < 0)
		return failure_set(why, EX_CANTCREAT, "cannot open the socket that was just made: %s", strerror(err));
	bool genuine = fstat(fd, &info) == 0 && S_ISSOCK(info.st_mode) && info.st_uid == maker;
	bool own = genuine && (uid == (uid_t)-1 || uid == info.st_uid) && (gid == (gid_t)-1 || gid == info.st_gid);
	bool given = own || (genuine && fchownat(fd, "", uid, gid, AT_EMPTY_PATH) == 0);
	err = errno;
	close(fd);
	if (!genuine)
		return failure_set(why, EX_CANTCREAT,
			"something has replaced the socket that was just made: find out who writes to its directory");
	return given || failure_set(why, EX_CANTCREAT,
				"cannot set its owner to socket_owner: %s: start as root, or name a group that the "
				"daemon's user is in",
				strerror(err));
}

void socket_file_remove(const struct socket_file *file)
{
	struct failure why;
	if (!socket_file_begin(file, &why))
		return;
	unlink(file->path);
	socket_file_end();
}
