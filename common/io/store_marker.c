/* The marker beside the file. It exists while an owner has the store open, and stays after an unclean end.
 *
 * Its contents tell the end of a process from the end of a machine. All that a process has written is in the kernel, so
 * if only the process was killed, the file is what the running daemon had before its eyes; if the machine was, the
 * file is what its disk has kept. So the marker names the boot of the machine and the file. It is empty if the file has
 * to be checked before it is used. */
#include "log.h"
#include "store_internal.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <unistd.h>

#define BOOT_FILE "/proc/sys/kernel/random/boot_id"
#define BOOT_VARIABLE "STSGATED_BOOT_ID" /* for a process that cannot see that file; see the unit */
#define BOOT_DIGITS 32
#define LINE_SIZE 160

/* Copies the digits of a boot's ID, which is written with or without hyphens. Returns false if it is not an ID. */
static bool digits_copy(char out[BOOT_DIGITS + 1], const char *text)
{
	size_t count = 0;
	for (; isxdigit((unsigned char)*text) || *text == '-'; text++) {
		if (*text == '-')
			continue;
		if (count == BOOT_DIGITS)
			return false;
		out[count++] = *text;
	}
	out[count] = '\0';
	return count == BOOT_DIGITS && (*text == '\0' || *text == '\n');
}

/* Reads the start of a small file. Returns false if it cannot be read. */
static bool file_get(int fd, char out[LINE_SIZE])
{
	ssize_t got = fd >= 0 ? pread(fd, out, LINE_SIZE - 1, 0) : -1;
	out[got > 0 ? got : 0] = '\0';
	return got > 0;
}

static bool boot_get(char out[BOOT_DIGITS + 1])
{
	char text[LINE_SIZE];
	int fd = open(BOOT_FILE, O_RDONLY | O_CLOEXEC);
	bool found = file_get(fd, text) && digits_copy(out, text);
	if (fd >= 0)
		close(fd);
	const char *given = found ? NULL : getenv(BOOT_VARIABLE);
	return found || (given && digits_copy(out, given));
}

/* Names this boot and the file. The file is named by its inode and the time at which that was made, because file systems use
 * the number of a removed file for the next one: so a copy of a store that was in use is none that was left here. Returns
 * false if the boot has no name, or there is no file. */
static bool line_make(const struct store *store, char line[LINE_SIZE])
{
	char boot[BOOT_DIGITS + 1];
	struct statx file;
	if (!boot_get(boot) ||
		statx(store->directory_fd, STORE_FILE, AT_SYMLINK_NOFOLLOW, STATX_INO | STATX_BTIME, &file) != 0)
		return false;
	bool dated = file.stx_mask & STATX_BTIME;
	snprintf(line, LINE_SIZE, "boot %s file %u:%u %ju %jd.%u\n", boot, file.stx_dev_major, file.stx_dev_minor,
		(uintmax_t)file.stx_ino, dated ? (intmax_t)file.stx_btime.tv_sec : 0,
		dated ? file.stx_btime.tv_nsec : 0);
	return true;
}

bool store_marker_found(const struct store *store)
{
	return faccessat(store->directory_fd, STORE_MARKER, F_OK, AT_EACCESS) == 0;
}

bool store_marker_is_trusted(const struct store *store)
{
	char found[LINE_SIZE], line[LINE_SIZE];
	int fd = openat(store->directory_fd, STORE_MARKER, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	bool same = file_get(fd, found) && line_make(store, line) && strcmp(found, line) == 0;
	if (fd >= 0)
		close(fd);
	return same;
}

bool store_marker_set(struct store *store, struct failure *why)
{
	store->marker_fd =
		openat(store->directory_fd, STORE_MARKER, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0640);
	if (store->marker_fd < 0)
		return failure_set(why, EX_CANTCREAT, "store %s: %s cannot be created beside it: %s", store->path,
			STORE_MARKER, strerror(errno));
	fsync(store->directory_fd);
	return true;
}

void store_marker_trust(struct store *store)
{
	char line[LINE_SIZE];
	if (!atomic_load(&store->doubted) && line_make(store, line) &&
		pwrite(store->marker_fd, line, strlen(line), 0) != (ssize_t)strlen(line))
		store_marker_doubt(store);
	if (atomic_load(&store->doubted)) /* another thread may have called store_marker_doubt() meanwhile */
		store_marker_doubt(store);
}

void store_marker_doubt(struct store *store)
{
	atomic_store(&store->doubted, true);
	if (store->marker_fd >= 0 && ftruncate(store->marker_fd, 0) != 0)
		log_error("store %s: %s beside it cannot be emptied: %s; remove it, and start stsgated again",
			store->path, STORE_MARKER, strerror(errno));
}

void store_marker_remove(struct store *store)
{
	unlinkat(store->directory_fd, STORE_MARKER, 0);
}
