/* SMTP replies, whole and octet by octet. */
#include "cm.h"

#include "corpus.h"
#include "smtp.h"

#include <stdlib.h>
#include <string.h>

struct row {
	const char *bytes;
	size_t len;
	enum smtp_state state;
	size_t taken;
	int code;
	bool starttls;
	const char *first;
};

static const struct row rows[] = {
	{LIT("220 mx.example ESMTP\r\n"), SMTP_DONE, 22, 220, false, "mx.example ESMTP"},
	{LIT("220 mx.example ESMTP\n"), SMTP_DONE, 21, 220, false, "mx.example ESMTP"},
	{LIT("220\r\n"), SMTP_DONE, 5, 220, false, ""},
	{LIT("220 \r\n"), SMTP_DONE, 6, 220, false, ""},
	{LIT("250-mx\r\n250-SIZE 1\r\n250 STARTTLS\r\n"), SMTP_DONE, 34, 250, true, "mx"},
	{LIT("250-mx\n250-starttls\n250 HELP\n"), SMTP_DONE, 29, 250, true, "mx"},
	{LIT("250-mx\r\n250-StartTLS \r\n250 X\r\n"), SMTP_DONE, 30, 250, true, "mx"},
	{LIT("250-mx\r\n250 STARTTLS REQUIRED\r\n"), SMTP_DONE, 31, 250, true, "mx"},
	{LIT("250-mx\r\n250 STARTTLSX\r\n"), SMTP_DONE, 23, 250, false, "mx"},
	{LIT("250-mx\r\n250 X-STARTTLS\r\n"), SMTP_DONE, 24, 250, false, "mx"},
	{LIT("250-mx\r\n250  STARTTLS\r\n"), SMTP_DONE, 23, 250, false, "mx"},
	{LIT("250-mx\r\n250 STARTTL\r\n"), SMTP_DONE, 21, 250, false, "mx"},
	{LIT("250 STARTTLS\r\n"), SMTP_DONE, 14, 250, false, "STARTTLS"},
	{LIT("250-STARTTLS\r\n250 STARTTLS\r\n"), SMTP_DONE, 28, 250, true, "STARTTLS"},
	{LIT("220-mx\r\n220 STARTTLS\r\n"), SMTP_DONE, 22, 220, false, "mx"},
	{LIT("451 later\r\n"), SMTP_DONE, 11, 451, false, "later"},
	{LIT("599 x\r\n"), SMTP_DONE, 7, 599, false, "x"},
	{LIT("220 a\x1b[1m\tb\rc\xff\r\n"), SMTP_DONE, 16, 220, false, "a\x1b[1m\tb\rc\xff"},
	{LIT("220 ready\r\nEHLO ahead\r\n"), SMTP_DONE, 11, 220, false, "ready"},
	{LIT("220-a\r\n220 b"), SMTP_MORE, 12, 220, false, "a"},
	{LIT(""), SMTP_MORE, 0, 0, false, ""},
	{LIT("220 a\0b\r\n"), SMTP_MALFORMED, 6, 0, false, ""},
	{LIT("\r\n"), SMTP_MALFORMED, 2, 0, false, ""},
	{LIT("22\r\n"), SMTP_MALFORMED, 4, 0, false, ""},
	{LIT("2200 x\r\n"), SMTP_MALFORMED, 8, 0, false, ""},
	{LIT("220\tx\r\n"), SMTP_MALFORMED, 7, 0, false, ""},
	{LIT("22a x\r\n"), SMTP_MALFORMED, 7, 0, false, ""},
	{LIT("199 x\r\n"), SMTP_MALFORMED, 7, 0, false, ""},
	{LIT("600 x\r\n"), SMTP_MALFORMED, 7, 0, false, ""},
	{LIT(" 220 x\r\n"), SMTP_MALFORMED, 8, 0, false, ""},
	{LIT("HTTP/1.1 400 Bad Request\r\n"), SMTP_MALFORMED, 26, 0, false, ""},
	{LIT("250-a\r\n251 b\r\n"), SMTP_MALFORMED, 14, 250, false, "a"},
	{LIT("250-a\r\n\r\n"), SMTP_MALFORMED, 9, 250, false, "a"},
};

static void rows_agree(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct smtp_reader reader;
		size_t taken;

		smtp_reader_init(&reader);
		taken = smtp_reader_feed(&reader, rows[i].bytes, rows[i].len);
		if (reader.state != rows[i].state || taken != rows[i].taken)
			fail_msg("row %zu `%s`: state %d, %zu taken", i, rows[i].bytes, (int)reader.state, taken);
		if (reader.code != rows[i].code || reader.starttls != rows[i].starttls)
			fail_msg("row %zu `%s`: %d %d", i, rows[i].bytes, reader.code, reader.starttls);
		assert_string_equal(reader.first, rows[i].first);
		if (reader.state != SMTP_MORE)
			assert_int_equal(smtp_reader_feed(&reader, "220 x\r\n", 7), 0);
	}
}

static const struct {
	const char *reply;
	bool offered;
} offers[] = {
	{"250-mx\r\n250 REQUIRETLS\r\n", true},
	{"250-mx\n250-requiretls\n250 HELP\n", true},
	{"250-mx\r\n250-RequireTLS \t\r\n250 STARTTLS\r\n", true},
	{"250-mx\r\n250-REQUIRETLS\r\n250 REQUIRETLS 1\r\n", true},
	{"250-mx\r\n250 REQUIRETLS 1\r\n", false},
	{"250-mx\r\n250 REQUIRETLS=1\r\n", false},
	{"250-mx\r\n250 REQUIRETLSX\r\n", false},
	{"250-mx\r\n250 REQUIRETL\r\n", false},
	{"250-mx\r\n250  REQUIRETLS\r\n", false},
	{"250-mx\r\n250 STARTTLS REQUIRETLS\r\n", false},
	{"250 REQUIRETLS\r\n", false},
	{"220-mx\r\n220 REQUIRETLS\r\n", false},
	{"550-mx\r\n550 REQUIRETLS\r\n", false},
};

/* RFC 8689 2: REQUIRETLS has no parameters. */
static void requiretls_is_seen(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(offers); i++) {
		struct smtp_reader reader;
		smtp_reader_init(&reader);
		assert_int_equal(
			smtp_reader_feed(&reader, offers[i].reply, strlen(offers[i].reply)), strlen(offers[i].reply));
		assert_int_equal(reader.state, SMTP_DONE);
		if (reader.requiretls != offers[i].offered)
			fail_msg("row %zu `%s`", i, offers[i].reply);
	}
}

/* In portions of any size the same comes out as at once. */
static void assert_portions_agree(const char *bytes, size_t len, uint32_t *random, uint32_t longest)
{
	struct smtp_reader whole, parts;
	size_t whole_taken, parts_taken = 0;

	smtp_reader_init(&whole);
	smtp_reader_init(&parts);
	whole_taken = smtp_reader_feed(&whole, bytes, len);
	while (parts_taken < len && parts.state == SMTP_MORE) {
		size_t portion = 1 + corpus_random(random) % longest;

		if (portion > len - parts_taken)
			portion = len - parts_taken;
		parts_taken += smtp_reader_feed(&parts, bytes + parts_taken, portion);
	}
	assert_int_equal(parts_taken, whole_taken);
	assert_int_equal(parts.state, whole.state);
	assert_int_equal(parts.code, whole.code);
	assert_int_equal(parts.starttls, whole.starttls);
	assert_int_equal(parts.requiretls, whole.requiretls);
	assert_string_equal(parts.first, whole.first);
}

static void portions_do_not_matter(void **state)
{
	static const char *const parts[] = {
		"250-", "250 ", "250", "220 ", "starttls", "STARTTLS", "REQUIRETLS", "\r\n", "\n", "\r", "x", " ", "-"};
	uint32_t random = 3207;

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++)
		assert_portions_agree(rows[i].bytes, rows[i].len, &random, 1);
	for (int round = 0; round < 20000; round++) {
		char bytes[256] = "";

		for (uint32_t n = corpus_random(&random) % 16; n; n--)
			strncat(bytes, parts[corpus_random(&random) % COUNT(parts)], 10);
		assert_portions_agree(bytes, strlen(bytes), &random, 1 + (uint32_t)round % 9);
	}
}

static void line_is_bounded(void **state)
{
	char bytes[SMTP_LINE_MAX + 1];
	struct smtp_reader reader;

	(void)state;
	memset(bytes, 'x', sizeof bytes);
	memcpy(bytes, "220 ", 4);
	memcpy(bytes + SMTP_LINE_MAX - 2, "\r\n", 2);
	smtp_reader_init(&reader);
	smtp_reader_feed(&reader, bytes, SMTP_LINE_MAX);
	assert_int_equal(reader.state, SMTP_DONE);
	assert_int_equal(strlen(reader.first), sizeof reader.first - 1);
	memcpy(bytes + SMTP_LINE_MAX - 2, "xx\n", 3);
	smtp_reader_init(&reader);
	smtp_reader_feed(&reader, bytes, SMTP_LINE_MAX + 1);
	assert_int_equal(reader.state, SMTP_MALFORMED);
}

static void reply_is_bounded(void **state)
{
	struct smtp_reader reader;
	size_t taken = 0;

	(void)state;
	smtp_reader_init(&reader);
	for (int i = 0; i < 20000 && reader.state == SMTP_MORE; i++)
		taken += smtp_reader_feed(&reader, "250-line\r\n", 10);
	assert_int_equal(reader.state, SMTP_MALFORMED);
	assert_int_equal(taken, SMTP_REPLY_BYTES_MAX + 1);
}

static void kept_as_received(void **state)
{
	static const char reply[] = "250-mx\r\n250-a\rb\n250 \xff \r\n";
	char kept[64], small[12];

	(void)state;
	for (size_t piece = 1; piece < sizeof reply; piece++) {
		kept[0] = small[0] = '\0';
		for (size_t at = 0; at < sizeof reply - 1; at += piece) {
			size_t len = sizeof reply - 1 - at < piece ? sizeof reply - 1 - at : piece;

			smtp_keep(kept, sizeof kept, reply + at, len);
			smtp_keep(small, sizeof small, reply + at, len);
		}
		assert_string_equal(kept, "250-mx\n250-a\rb\n250 \xff \n");
		assert_string_equal(small, "250-mx\n250-");
	}
	kept[0] = '\0';
	smtp_keep(kept, sizeof kept, "220 a\0b", 7);
	assert_string_equal(kept, "220 a");
}

static const struct {
	const char *greeting, *ehlo;
	bool rewritten;
} masks[] = {
	{"220 mx ESMTP\n", "250-mx\n250-XXXXXXXA\n250 8BITMIME\n", true},
	{"220 mx ESMTP\n", "250-mx\n250-XXXA\n250-XXXXXXXB\n250 XXXXXXXXXXXXXXXXXXC\n", true},
	{"220 mx ESMTP\n", "250-mx\n250-SIZE 1\n250 XXXXXXXX\n", true},
	{"220 mx ESMTP\n", "250-mx\n250 XXXX 123\n", true},
	{"220 ****\n", "", true},
	{"220 **************************************************0*0*2****** 2002 **0*00\n", "250 mx\n", true},
	{"220-********\n220 ********\n", "250 mx\n", true},
	{"220 ********\n", "502 no\n", true},
	{"220 mx ESMTP\n", "500 5.5.1 Command unrecognized: \"XXXX relay.example\"\n", true},
	{"220 mx ESMTP\n", "502 XXXX\n", true},
	/* near misses */
	{"", "", false},
	{"220\n", "250\n", false},
	{"220 mx ESMTP\n", "250-mx\n250-XCLIENT NAME ADDR\n250-XFORWARD NAME\n250 STARTTLS\n", false},
	{"220 mx ESMTP\n", "250-mx\n250-X-EXPS GSSAPI\n250-XEXCH50\n250-XRDST\n250 XXX\n", false},
	{"220 mx ESMTP\n", "250-mx\n250-XXXAB\n250-XXXX-TEST\n250-XXX1\n250-xxxxxxxa\n250 XXa\n", false},
	{"220 mx ESMTP\n", "250-mx\n250 SIZE XXXXXXXX\n", false},
	{"220 XXXX.example ESMTP\n", "250-XXXXXXXX\n250 STARTTLS\n", false},
	{"220 XXXX ESMTP\n", "250 XXXX\n", false},
	{"220-************************\n220-* Welcome *\n220 ************************\n", "250 mx\n", false},
	{"220 ***\n", "250 mx\n", false},
	{"220 mx.example ****************\n", "250 mx\n", false},
	{"220 2020 0202\n", "250 mx\n", false},
	{"554 ********\n", "", false},
	{"220 mx ESMTP\n", "500 Command unrecognized: EHLO XXXX.example\n", false},
	{"220 mx ESMTP\n", "550 XXXX is not welcome\n", false},
	{"220 mx ESMTP\n", "500 XXXXX XXX xxxx\n", false},
};

static void masks_are_seen(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(masks); i++)
		if (smtp_is_rewritten(masks[i].greeting, masks[i].ehlo) != masks[i].rewritten)
			fail_msg("row %zu `%s` `%s`", i, masks[i].greeting, masks[i].ehlo);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rows_agree),
		cmocka_unit_test(requiretls_is_seen),
		cmocka_unit_test(portions_do_not_matter),
		cmocka_unit_test(line_is_bounded),
		cmocka_unit_test(reply_is_bounded),
		cmocka_unit_test(kept_as_received),
		cmocka_unit_test(masks_are_seen),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
