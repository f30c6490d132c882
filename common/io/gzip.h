/* Packs and unpacks gzip (RFC 1952), with zlib. What is unpacked is hostile: a few octets of it may stand for very many. Any thread;
 * ends the process if memory runs out. */
#ifndef IO_GZIP_H
#define IO_GZIP_H

#include "span.h"

#include <stdbool.h>
#include <stddef.h>

#define GZIP_RATIO_MAX 256  /* octets out for each octet in, beyond the first GZIP_FREE; real reports stay below 100 */
#define GZIP_FREE 65536     /* octets out that any input may stand for */
#define GZIP_MEMBERS_MAX 16 /* members in a row, which are unpacked to one text */

/* Returns the octets as one member without name and time, so that equal octets have equal results: from malloc(); its length becomes
 * `packed_len`. `len` is at most 1 GiB. */
unsigned char *gzip_pack(const void *bytes, size_t len, size_t *packed_len);

/* Returns whether the bytes begin as gzip does. */
static inline bool gzip_is(struct span bytes)
{
	return bytes.len >= 3 && memcmp(bytes.at, "\x1f\x8b\x08", 3) == 0;
}

/* Unpacks at most `max` octets. Returns memory that the caller frees. File names and comments in it are ignored, and so is what
 * follows the last member. Returns NULL if the bytes are not gzip, are incomplete or damaged, or exceed a limit; `why` is then a
 * static phrase such as "is damaged gzip", otherwise NULL. In any case `len` becomes the number of octets that were unpacked. Any
 * thread. */
char *gzip_unpack(struct span bytes, size_t max, size_t *len, const char **why);

#endif
