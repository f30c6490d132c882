/* Between the process that looks through a store's file and its parent. Internal to the store. */
#ifndef IO_STORE_LOOK_H
#define IO_STORE_LOOK_H

#include "store_internal.h"

enum look_kind { LOOK_PROGRESS, LOOK_RESULT };
/* What goes through the pipe, in one write each. */
struct look_report {
	enum look_kind kind;
	int result; /* LMDB's or errno; 0: sound */
	unsigned percent;
	uint32_t unreadable; /* values whose checksum is wrong */
};

/* The child: reports to the pipe and ends. With `walk` it reads all of the file, else only as much as LMDB does to open
 * it. A child that crashed without a result met what LMDB cannot stand. */
void store_look(const char *path, bool walk, int lock_fd, int pipe_fd) __attribute__((noreturn));

#endif
