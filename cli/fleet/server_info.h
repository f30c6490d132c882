/* Reads what a Valkey or Redis server says of itself (INFO): lines `name:value`. The text is hostile. Pure; any thread. */
#ifndef CLI_SERVER_INFO_H
#define CLI_SERVER_INFO_H

#include "span.h"

#include <stdint.h>

#define SERVER_INFO_WORD_SIZE 32

struct server_info {
	char name[SERVER_INFO_WORD_SIZE];    /* "valkey" or "redis" */
	char version[SERVER_INFO_WORD_SIZE]; /* like all words here, printable; "" if the server does not say it */
	char policy[SERVER_INFO_WORD_SIZE];  /* what it removes when its memory is full (maxmemory_policy) */
	bool memory_known;
	uint64_t used, limit; /* octets of memory; limit 0: none */
	bool replica;         /* it follows another server, and takes no changes */
	bool save_failed;     /* it could not write its data to the disk */
};
/* Takes what it finds, the first of several lines with one name. What is missing stays zero. */
void server_info_read(struct server_info *out, struct span text);

#endif
