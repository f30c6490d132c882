/* Compressed octets are one plain member of gzip, which zlib expands to the same octets. What is unpacked is limited. */
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

/* --- unpacking ---------------------------------------------------------------------------------------------------- */

#define ROOM (4 * BYTES_MAX)
static char packed[ROOM];
static size_t packed_len;

static void member_add(const void *bytes, size_t len)
{
	size_t member_len;
	unsigned char *member = gzip_pack(bytes, len, &member_len);
	assert_true(packed_len + member_len <= ROOM);
	memcpy(packed + packed_len, member, member_len);
	packed_len += member_len;
	free(member);
}

/* Unpacks what is in `packed`; `want` is the beginning of `why`, or NULL if it must succeed with `len` octets. */
static void unpack_check(size_t max, const char *want, size_t len)
{
	size_t got_len = 0;
	const char *why = NULL;
	char *got = gzip_unpack((struct span){packed, packed_len}, max, &got_len, &why);
	if (!got != (want != NULL) || !why != (want == NULL) || (want && strcmp(why, want) != 0))
		fail_msg("%zu octets, at most %zu: %s, not %s", packed_len, max, why ? why : "good",
			want ? want : "good");
	if (!want)
		assert_int_equal(got_len, len);
	free(got);
}

static void unpacks(void **state)
{
	static char random_bytes[BYTES_MAX];
	uint32_t random = 1;
	(void)state;
	for (size_t i = 0; i < BYTES_MAX; i++)
		random_bytes[i] = (char)corpus_random(&random);
	static const size_t sizes[] = {0, 1, 100, 65535, 65536, 65537, BYTES_MAX};
	for (size_t i = 0; i < COUNT(sizes); i++) {
		packed_len = 0;
		member_add(random_bytes, sizes[i]);
		unpack_check(BYTES_MAX, NULL, sizes[i]);
		unpack_check(sizes[i], NULL, sizes[i]);
		if (sizes[i] > 0)
			unpack_check(sizes[i] - 1, "unpacks to more than a report may have", 0);
		size_t whole = packed_len;
		packed_len = whole - 1;
		unpack_check(BYTES_MAX, "is gzip that is cut off", 0);
		packed_len = whole;
		packed[whole - 5] ^= 1; /* the CRC */
		unpack_check(BYTES_MAX, "is damaged gzip", 0);
	}
}

/* Several members are one text; what follows them is ignored. The number of members is limited. */
static void members_are_limited(void **state)
{
	(void)state;
	packed_len = 0;
	for (int i = 0; i < GZIP_MEMBERS_MAX; i++)
		member_add("abc", 3);
	unpack_check(1000, NULL, 3 * GZIP_MEMBERS_MAX);
	unpack_check(3 * GZIP_MEMBERS_MAX - 1, "unpacks to more than a report may have", 0);
	memcpy(packed + packed_len, "\r\n\0\0", 4);
	packed_len += 4;
	unpack_check(1000, NULL, 3 * GZIP_MEMBERS_MAX);
	packed_len -= 4;
	member_add("abc", 3);
	unpack_check(1000, "has too many members of gzip", 0);
}

static void bombs_are_refused(void **state)
{
	static char zeros[ROOM];
	(void)state;
	packed_len = 0;
	member_add(zeros, GZIP_FREE);
	unpack_check(ROOM, NULL, GZIP_FREE);
	packed_len = 0;
	member_add(zeros, sizeof zeros); /* about 1000 : 1 */
	unpack_check(ROOM, "unpacks to more than a report may have", 0);
	packed_len = 0;
	member_add("x", 1);
	member_add(zeros, sizeof zeros);
	unpack_check(ROOM, "unpacks to more than a report may have", 0);
}

static void others_are_refused(void **state)
{
	static const char *const texts[] = {"", "\x1f\x8b", "{}", "PK\3\4", "\x1f\x8b\x07 not deflate"};
	(void)state;
	for (size_t i = 0; i < COUNT(texts); i++) {
		packed_len = strlen(texts[i]);
		memcpy(packed, texts[i], packed_len);
		unpack_check(1000, "is no gzip of a size that is read", 0);
	}
	packed_len = 3;
	memcpy(packed, "\x1f\x8b\x08", 3);
	unpack_check(1000, "is gzip that is cut off", 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(round_trips), cmocka_unit_test(text_shrinks),
		cmocka_unit_test(unpacks), cmocka_unit_test(members_are_limited), cmocka_unit_test(bombs_are_refused),
		cmocka_unit_test(others_are_refused)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
