/* Netstrings and socketmap requests. */
#include "cm.h"

#include "corpus.h"
#include "socketmap.h"

#include <stdlib.h>
#include <string.h>

#define MAX 20

struct netstring_row {
	struct span in;
	enum netstring_state state;
	struct span payload;
	size_t used;
};

#define NOTHING {NULL, 0}, 0

static const struct netstring_row netstrings[] = {
	{{LIT("5:hello,")}, NETSTRING_OK, {LIT("hello")}, 8},
	{{LIT("5:hello,4:next,")}, NETSTRING_OK, {LIT("hello")}, 8},
	{{LIT("0:,")}, NETSTRING_OK, {LIT("")}, 3},
	{{LIT("3:a\0b,")}, NETSTRING_OK, {LIT("a\0b")}, 6},
	{{LIT("3:,,,,")}, NETSTRING_OK, {LIT(",,,")}, 6},
	{{LIT("20:01234567890123456789,")}, NETSTRING_OK, {LIT("01234567890123456789")}, 24},
	{{LIT("")}, NETSTRING_MORE, NOTHING},
	{{LIT("2")}, NETSTRING_MORE, NOTHING},
	{{LIT("20:0123456789012345678")}, NETSTRING_MORE, NOTHING},
	{{LIT("5:hello")}, NETSTRING_MORE, NOTHING},
	{{LIT("5:hellos")}, NETSTRING_MALFORMED, NOTHING},
	{{LIT("5:hell,o")}, NETSTRING_MALFORMED, NOTHING},
	{{LIT("21")}, NETSTRING_MALFORMED, NOTHING},
	{{LIT("99999999999999999999999:")}, NETSTRING_MALFORMED, NOTHING},
	{{LIT("05:hello,")}, NETSTRING_MALFORMED, NOTHING},
	{{LIT("00:,")}, NETSTRING_MALFORMED, NOTHING},
	{{LIT(":,")}, NETSTRING_MALFORMED, NOTHING},
	{{LIT("-1:,")}, NETSTRING_MALFORMED, NOTHING},
	{{LIT(" 1:a,")}, NETSTRING_MALFORMED, NOTHING},
	{{LIT("1 :a,")}, NETSTRING_MALFORMED, NOTHING},
	{{LIT("a")}, NETSTRING_MALFORMED, NOTHING},
};

static void netstrings_agree(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(netstrings); i++) {
		const struct netstring_row *row = &netstrings[i];
		struct span payload = {NULL, 0};
		size_t used = 0;
		enum netstring_state found = netstring_read(row->in, MAX, &payload, &used);

		if (found != row->state)
			fail_msg("row %zu `%s`: %d", i, row->in.at, (int)found);
		assert_int_equal(used, row->used);
		assert_int_equal(payload.len, row->payload.len);
		if (payload.len)
			assert_memory_equal(payload.at, row->payload.at, payload.len);
	}
}

/* A request that was written is read again, and for every shorter part of it the parser asks for more. */
static void written_is_read(void **state)
{
	char bytes[1200], out[1220];

	(void)state;
	memset(bytes, 'x', sizeof bytes);
	for (size_t len = 0; len <= sizeof bytes; len += 1 + len / 3) {
		struct span payload;
		size_t used;
		size_t written = netstring_write(out, sizeof out, (struct span){bytes, len});

		assert_true(written > len);
		assert_int_equal(netstring_read((struct span){out, written}, 4096, &payload, &used), NETSTRING_OK);
		assert_int_equal(payload.len, len);
		assert_int_equal(used, written);
		for (size_t part = 0; part < written; part++)
			assert_int_equal(
				netstring_read((struct span){out, part}, 4096, &payload, &used), NETSTRING_MORE);
		assert_int_equal(netstring_write(out, written, (struct span){bytes, len}), written);
		assert_int_equal(netstring_write(out, written - 1, (struct span){bytes, len}), 0);
	}
	assert_int_equal(netstring_write(out, 0, (struct span){NULL, 0}), 0);
}

struct request_row {
	struct span payload;
	const char *map; /* NULL: refused */
	const char *key;
};

static const struct request_row requests[] = {
	{{LIT("postfix example.com")}, "postfix", "example.com"},
	{{LIT("QUERY ")}, "QUERY", ""},
	{{LIT("a b c ")}, "a", "b c "},
	{{LIT("a  b")}, "a", " b"},
	{{LIT("postfix")}, NULL, NULL},
	{{LIT(" example.com")}, NULL, NULL},
	{{LIT(" ")}, NULL, NULL},
	{{LIT("")}, NULL, NULL},
	{{LIT("postfix\texample.com")}, NULL, NULL},
	{{LIT("postfix b\xc3\xbc"
	      "cher.test")},
		"postfix",
		"b\xc3\xbc"
		"cher.test"},
	{{LIT("postfix b\xfc"
	      "cher.test")},
		NULL, NULL},
	{{LIT("postfix \xed\xa0\x80.test")}, NULL, NULL},
	{{LIT("postfix example.com\0")}, NULL, NULL},
	{{LIT("postfix a\nb")}, NULL, NULL},
	{{LIT("postfix a\x7f")}, NULL, NULL},
	{{LIT("post\0fix example.com")}, NULL, NULL},
	{{LIT("p\xc3\xbc example.com")}, NULL, NULL},
};

static void requests_agree(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(requests); i++) {
		const struct request_row *row = &requests[i];
		struct socketmap_request request;
		bool ok = socketmap_request_parse(&request, row->payload);

		if (ok != (row->map != NULL))
			fail_msg("row %zu: %d", i, ok);
		if (!ok)
			continue;
		assert_int_equal(request.map.len, strlen(row->map));
		assert_memory_equal(request.map.at, row->map, request.map.len);
		assert_int_equal(request.key.len, strlen(row->key));
		if (request.key.len)
			assert_memory_equal(request.key.at, row->key, request.key.len);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(netstrings_agree),
		cmocka_unit_test(written_is_read),
		cmocka_unit_test(requests_agree),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
