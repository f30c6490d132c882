#include "faulty_disk.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#define HEAD_OCTETS 8192

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct disk_fault fault;
static bool armed;
static unsigned calls, failed;

void disk_fail(struct disk_fault wanted)
{
	pthread_mutex_lock(&lock);
	fault = wanted;
	armed = true;
	calls = failed = 0;
	pthread_mutex_unlock(&lock);
}

unsigned disk_mend(void)
{
	unsigned count;

	pthread_mutex_lock(&lock);
	armed = false;
	count = failed;
	pthread_mutex_unlock(&lock);
	return count;
}

static bool is_store(int fd)
{
	char link[64], path[512];
	ssize_t len;

	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	len = readlink(link, path, sizeof(path) - 1);
	if (len < 0)
		return false;
	path[len] = '\0';
	return strstr(path, "/policies.mdb") != NULL;
}

static bool is_meant(enum disk_call call, long at)
{
	return call == fault.call || (call == DISK_WRITE && fault.call == DISK_HEAD && at >= 0 && at < HEAD_OCTETS);
}

/* The error that this call must return; 0: none. */
static int call_error(enum disk_call call, int fd, long at)
{
	int error = 0;

	pthread_mutex_lock(&lock);
	if (armed && is_meant(call, at) && (fd < 0 || is_store(fd))) {
		if (calls >= fault.after && calls - fault.after < fault.times) {
			error = fault.error;
			failed++;
		}
		calls++;
	}
	pthread_mutex_unlock(&lock);
	return error;
}

static long error_return(int error)
{
	errno = error;
	return -1;
}

ssize_t pread(int fd, void *bytes, size_t len, off_t at)
{
	int error = call_error(DISK_READ, fd, (long)at);

	if (error > 0)
		return error_return(error);
	return syscall(SYS_pread64, fd, bytes, len, at);
}

/* clang calls this function under _FORTIFY_SOURCE, since Debian 13. */
ssize_t __pread_chk(int fd, void *bytes, size_t len, off_t at, size_t room);
ssize_t __pread_chk(int fd, void *bytes, size_t len, off_t at, size_t room)
{
	if (len > room)
		abort();
	return pread(fd, bytes, len, at);
}

ssize_t pwrite(int fd, const void *bytes, size_t len, off_t at)
{
	int error = call_error(DISK_WRITE, fd, (long)at);

	if (error > 0)
		return error_return(error);
	return syscall(SYS_pwrite64, fd, bytes, error == DISK_SHORT ? len / 2 : len, at);
}

ssize_t write(int fd, const void *bytes, size_t len)
{
	int error = call_error(DISK_WRITE, fd, -1);

	if (error > 0)
		return error_return(error);
	return syscall(SYS_write, fd, bytes, error == DISK_SHORT ? len / 2 : len);
}

ssize_t writev(int fd, const struct iovec *parts, int count)
{
	int error = call_error(DISK_WRITE, fd, -1);

	if (error > 0)
		return error_return(error);
	return syscall(SYS_writev, fd, parts, error == DISK_SHORT ? (count + 1) / 2 : count);
}

int fsync(int fd)
{
	int error = call_error(DISK_SYNC, fd, -1);

	return error > 0 ? (int)error_return(error) : (int)syscall(SYS_fsync, fd);
}

int fdatasync(int fd)
{
	int error = call_error(DISK_SYNC, fd, -1);

	return error > 0 ? (int)error_return(error) : (int)syscall(SYS_fdatasync, fd);
}

int msync(void *at, size_t len, int flags)
{
	int error = call_error(DISK_SYNC, -1, -1);

	return error > 0 ? (int)error_return(error) : (int)syscall(SYS_msync, at, len, flags);
}
