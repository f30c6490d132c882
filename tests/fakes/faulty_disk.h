/* A disk that fails: in a program linked with it, calls that read, write or sync a store's files fail as told. The
 * program's own definitions of these functions are those that LMDB's library finds. Any thread. */
#ifndef FAKE_FAULTY_DISK_H
#define FAKE_FAULTY_DISK_H

#include <stdbool.h>

enum disk_call {
	DISK_WRITE, /* pwrite, writev, write; of the file's head (its first pages), too */
	DISK_HEAD,  /* of the head only */
	DISK_SYNC,  /* fsync, fdatasync, msync */
	DISK_READ   /* pread */
};
#define DISK_SHORT (-1) /* in place of an error: half of it is written */
#define DISK_FOR_EVER 1000000

struct disk_fault {
	enum disk_call call;
	int error; /* errno, or DISK_SHORT */
	unsigned after, times;
};
void disk_fail(struct disk_fault fault);
/* It works again; returns how many calls have failed. */
unsigned disk_mend(void);

#endif
