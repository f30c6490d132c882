/* Compressed octets are one plain member of gzip, which zlib expands to the same octets. */
#include "cm.h"

#include "corpus.h"
#include "gzip.h"

#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#define BYTES_MAX (300 * 1024)

/* Expands exactly one member, which must be all of the octets. */
static size_t expand(unsigned char *packed, size_t len, unsigned char *out)
{
	z_stream stream = {.next_in = packed, .avail_in = (uInt)len, .next_out = out, .avail_out = BYTES_MAX};
	gz_header header = {.done = 0};
	assert_int_equal(inflateInit2(&stream, 15 + 16), Z_OK);
	assert_int_equal(inflateGetHeader(&stream, &header), Z_OK);
	assert_int_equal(inflate(&stream, Z_FINISH), Z_STREAM_END);
	assert_int_equal(stream.avail_in, 0);
	assert_int_equal(header.time, 0);
	inflateEnd(&stream);
	return BYTES_MAX - stream.avail_out;
}

static void round_trips(void **state)
{
	static const size_t sizes[] = {0, 1, 100, 65536, BYTES_MAX};
	unsigned char *bytes = malloc(BYTES_MAX), *back = malloc(BYTES_MAX);
	uint32_t random = 1;
	(void)state;
	for (size_t i = 0; i < BYTES_MAX; i++)
		bytes[i] = (unsigned char)corpus_random(&random);
	for (size_t i = 0; i < COUNT(sizes); i++) {
		size_t len, again_len;
		unsigned char *packed = gzip_pack(bytes, sizes[i], &len),
			      *again = gzip_pack(bytes, sizes[i], &again_len);
		assert_int_equal(packed[3], 0); /* no name, no comment, no extra field */
		assert_int_equal(expand(packed, len, back), sizes[i]);
		assert_memory_equal(bytes, back, sizes[i]);
		assert_int_equal(len, again_len);
		assert_memory_equal(packed, again, len);
		free(packed);
		free(again);
	}
	free(bytes);
	free(back);
}

static void text_shrinks(void **state)
{
	char text[4096];
	size_t len;
	(void)state;
	memset(text, 'a', sizeof text);
	free(gzip_pack(text, sizeof text, &len));
	assert_in_range(len, 1, 100);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(round_trips), cmocka_unit_test(text_shrinks)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
