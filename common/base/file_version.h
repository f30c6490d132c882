/* Tells whether the file at a path has been replaced or changed. Any thread. */
#ifndef BASE_FILE_VERSION_H
#define BASE_FILE_VERSION_H

#include <stdbool.h>
#include <sys/stat.h>
#include <sys/types.h>

/* A version of a file. All zero: there is no file, or stat() failed. */
struct file_version {
	dev_t device;
	ino_t inode;
	off_t size;
	struct timespec changed;
};

struct file_version file_version_of(const struct stat *st);
struct file_version file_version_now(const char *path);
bool file_version_same(const struct file_version *a, const struct file_version *b);

#endif
