#include "store_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <unistd.h>

bool store_usage(struct store *store, struct store_usage *out, struct failure *why)
{
	MDB_stat stat;
	struct store_view *view = store_view_begin(store, why);
	if (!view)
		return false;
	int result = store_used(store, view->txn, &out->bytes);
	if (result == 0)
		result = mdb_stat(view->txn, store->entries, &stat);
	store_view_end(&view);
	if (result != 0)
		return store_fail(store, result, "cannot be read", why);
	out->max_bytes = store_bound(store);
	out->entries = stat.ms_entries;
	return true;
}

int64_t store_changed_at(const char *directory)
{
	struct stat info;
	int dir = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	bool there = dir >= 0 && fstatat(dir, STORE_FILE, &info, 0) == 0;
	if (dir >= 0)
		close(dir);
	return there ? (int64_t)info.st_mtime : 0;
}

enum store_owner_state store_owner(const char *directory, struct failure *why)
{
	enum store_owner_state state = STORE_OWNER_UNKNOWN;
	int dir = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int fd = dir >= 0 ? openat(dir, STORE_OWNER_LOCK, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK) : -1;
	if (fd < 0 && errno == ENOENT)
		state = STORE_NEVER_OWNED;
	else if (fd < 0)
		failure_set(why, EX_NOPERM, "the owner's lock in %s cannot be opened: %s", directory, strerror(errno));
	else if (flock(fd, LOCK_SH | LOCK_NB) == 0)
		state = faccessat(dir, STORE_MARKER, F_OK, 0) == 0 ? STORE_LEFT : STORE_CLOSED;
	else if (errno == EWOULDBLOCK)
		state = STORE_OWNED;
	else
		failure_set(why, EX_OSERR, "the owner's lock in %s cannot be tried: %s", directory, strerror(errno));
	if (fd >= 0)
		close(fd);
	if (dir >= 0)
		close(dir);
	return state;
}
