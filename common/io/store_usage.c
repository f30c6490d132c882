#include "store_internal.h"

#include <fcntl.h>
#include <sys/stat.h>
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
