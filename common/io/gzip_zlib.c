#include "gzip.h"
#include "memory.h"

#include <limits.h>
#include <stdlib.h>
#define ZLIB_CONST
#include <zlib.h>

#define WINDOW_GZIP (15 + 16) /* the largest window; 16: with gzip's header, which names no file and no time */
#define MEMORY_LEVEL 8        /* zlib's default */
#define ROOM_MIN 65536

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

static bool is_too_large(const z_stream *stream, struct span bytes, size_t max)
{
	size_t out = stream->total_out;
	return out > max || (out > GZIP_FREE && (out - GZIP_FREE) / GZIP_RATIO_MAX > bytes.len);
}

/* Makes room for more output: doubles it, but never above one octet more than the caller wants. */
static void room_grow(z_stream *stream, char **out, size_t *room, size_t max)
{
	size_t used = *room - stream->avail_out;
	size_t more = *room == 0 ? ROOM_MIN : 2 * *room;
	more = more < max + 1 ? more : max + 1;
	*out = xrealloc(*out, more);
	stream->next_out = (Bytef *)*out + used;
	stream->avail_out = (uInt)(more - used);
	*room = more;
}

/* Starts with the next member. Returns false if there is none. */
static bool member_next(z_stream *stream, unsigned *members)
{
	struct span rest = {(const char *)stream->next_in, stream->avail_in};
	uLong in = stream->total_in, out = stream->total_out;
	if (!gzip_is(rest) || ++*members > GZIP_MEMBERS_MAX || inflateReset(stream) != Z_OK)
		return false;
	stream->total_in = in;
	stream->total_out = out;
	return true;
}

/* Returns NULL at the end, or what is wrong. */
static const char *unpack(z_stream *stream, struct span bytes, size_t max, char **out)
{
	size_t room = 0;
	unsigned members = 1;
	for (int state = Z_OK; state != Z_STREAM_END || member_next(stream, &members);) {
		if (is_too_large(stream, bytes, max))
			return "unpacks to more than a report may have";
		if (stream->avail_out == 0)
			room_grow(stream, out, &room, max);
		state = inflate(stream, Z_NO_FLUSH);
		if (state == Z_BUF_ERROR || (state == Z_OK && stream->avail_in == 0 && stream->avail_out > 0))
			return "is gzip that is cut off";
		if (state != Z_OK && state != Z_STREAM_END)
			return "is damaged gzip";
	}
	if (is_too_large(stream, bytes, max))
		return "unpacks to more than a report may have";
	return members > GZIP_MEMBERS_MAX ? "has too many members of gzip" : NULL;
}

char *gzip_unpack(struct span bytes, size_t max, size_t *len, const char **why)
{
	z_stream stream = {.next_in = (const Bytef *)bytes.at, .avail_in = (uInt)bytes.len};
	char *out = NULL;
	*len = 0;
	*why = "is no gzip of a size that is read";
	if (!gzip_is(bytes) || bytes.len > INT_MAX || max > INT_MAX / 2)
		return NULL;
	if (inflateInit2(&stream, WINDOW_GZIP) != Z_OK)
		abort();
	*why = unpack(&stream, bytes, max, &out);
	*len = stream.total_out;
	inflateEnd(&stream);
	if (!*why)
		return out;
	free(out);
	return NULL;
}
