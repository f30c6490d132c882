/* The child process that checks a store's file, and its reports to the parent. Internal to the store. */
#ifndef IO_STORE_LOOK_H
#define IO_STORE_LOOK_H

#include "store_internal.h"

enum look_kind { LOOK_PROGRESS, LOOK_RESULT };
/* A report, which is sent through the pipe in one write. */
struct look_report {
	enum look_kind kind;
	int result; /* LMDB's or an errno; 0: sound */
	unsigned percent;
	uint32_t unreadable; /* values with a wrong checksum */
};

/* Runs in the child: checks the file at `path`, reports to `pipe_fd`, and exits. Closes all other descriptors. If the
 * child crashes without a result, the contents of the file have crashed LMDB. */
void store_look(const char *path, enum store_look_way way, int pipe_fd) __attribute__((noreturn));

#endif
