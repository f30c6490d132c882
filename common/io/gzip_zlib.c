#include "gzip.h"
#include "memory.h"

#include <stdlib.h>
#define ZLIB_CONST
#include <zlib.h>

#define WINDOW_GZIP (15 + 16) /* the largest window; 16: with gzip's header, which names no file and no time */
#define MEMORY_LEVEL 8        /* zlib's default */

unsigned char *gzip_pack(const void *bytes, size_t len, size_t *packed_len)
{
	z_stream stream = {.zalloc = NULL};
	if (deflateInit2(&stream, Z_BEST_COMPRESSION, Z_DEFLATED, WINDOW_GZIP, MEMORY_LEVEL, Z_DEFAULT_STRATEGY) !=
		Z_OK)
		abort();
	size_t size = deflateBound(&stream, (uLong)len);
	unsigned char *packed = xmalloc(size);
	stream.next_in = bytes;
	stream.avail_in = (uInt)len;
	stream.next_out = packed;
	stream.avail_out = (uInt)size;
	if (deflate(&stream, Z_FINISH) != Z_STREAM_END)
		abort();
	*packed_len = size - stream.avail_out;
	deflateEnd(&stream);
	return packed;
}
