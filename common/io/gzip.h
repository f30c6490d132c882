/* Compresses with zlib as gzip (RFC 1952). Any thread; ends the process if memory runs out. */
#ifndef IO_GZIP_H
#define IO_GZIP_H

#include <stddef.h>

/* Returns the octets as one member without name and time, so that equal octets have equal results: from malloc(); its length becomes
 * `packed_len`. `len` is at most 1 GiB. */
unsigned char *gzip_pack(const void *bytes, size_t len, size_t *packed_len);

#endif
