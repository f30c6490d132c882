/* A shared store in a process of its own, as much of a Valkey or Redis server as stsgate uses. Values are text. It ends when the
 * test ends. */
#ifndef TEST_SHARED_STORE_H
#define TEST_SHARED_STORE_H

#include <stdint.h>
#include <sys/types.h>

struct shared_store {
	char directory[64], path[96], setting[128]; /* setting: for -o */
	pid_t pid;
	/* Set these before shared_store_start(). */
	const char *refused;  /* commands that this user may not use, with a blank before and after each; NULL: none */
	const char *info;     /* what INFO says; NULL: a server with enough memory */
	const char *password; /* NULL: none */
	int64_t ahead_s;      /* of its clock */
	const char *lie;      /* what GET answers, whatever was set; NULL: the truth */
};
void shared_store_start(struct shared_store *store);
void shared_store_stop(struct shared_store *store);
/* Sends a command of words, which ends with NULL, and drops the answer. */
void shared_store_tell(const struct shared_store *store, const char *const *words);
#define SHARED_STORE_TELL(store, ...) shared_store_tell(store, (const char *const[]){__VA_ARGS__, NULL})

#endif
