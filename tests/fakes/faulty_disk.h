/* A disk that fails: in a program linked with this file, calls that read, write or sync a store's files fail as a test
 * requests. LMDB's library uses the program's own definitions of these functions. Any thread. */
#ifndef FAKE_FAULTY_DISK_H
#define FAKE_FAULTY_DISK_H

#include <stdbool.h>

enum disk_call {
	DISK_WRITE, /* pwrite, writev, write, also of the file's head (its first pages) */
	DISK_HEAD,  /* of the head only */
	DISK_SYNC,  /* fsync, fdatasync, msync */
	DISK_READ   /* pread */
};
#define DISK_SHORT (-1) /* writes half of the data in place of an error */
#define DISK_FOR_EVER 1000000

struct disk_fault {
	enum disk_call call;
	int error; /* errno, or DISK_SHORT */
	unsigned after, times;
};
void disk_fail(struct disk_fault fault);
/* Makes the disk work again; returns the number of calls that failed. */
unsigned disk_mend(void);

#endif
