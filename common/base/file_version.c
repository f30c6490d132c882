#include "file_version.h"

#include <string.h>

struct file_version file_version_of(const struct stat *st)
{
	struct file_version version;
	memset(&version, 0, sizeof version);
	version.device = st->st_dev;
	version.inode = st->st_ino;
	version.size = st->st_size;
	version.changed = st->st_mtim;
	return version;
}

struct file_version file_version_now(const char *path)
{
	struct stat st;
	if (stat(path, &st) == 0)
		return file_version_of(&st);
	memset(&st, 0, sizeof st);
	return file_version_of(&st);
}

bool file_version_same(const struct file_version *a, const struct file_version *b)
{
	return a->device == b->device && a->inode == b->inode && a->size == b->size &&
	       a->changed.tv_sec == b->changed.tv_sec && a->changed.tv_nsec == b->changed.tv_nsec;
}
