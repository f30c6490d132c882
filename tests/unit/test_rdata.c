/* RDATA from the wire, and IP addresses. */
#include "cm.h"

#include "address.h"
#include "corpus.h"
#include "entry.h"
#include "rdata.h"

#include <stdlib.h>
#include <string.h>

struct txt_row {
	const char *rdata;
	size_t len;
	const char *text; /* NULL: malformed */
	size_t text_len;
};

static const struct txt_row txts[] = {
	{LIT("\x03"
	     "abc"),
		LIT("abc")},
	{LIT("\x0bv=STSv1; id\x02=a"), LIT("v=STSv1; id=a")},
	{LIT("\x00"), LIT("")},
	{LIT("\x00\x01x\x00"), LIT("x")},
	{LIT("\x03"
	     "a\0b"),
		LIT("a\0b")},
	{LIT(""), NULL, 0},
	{LIT("\x04"
	     "abc"),
		NULL, 0},
	{LIT("\x01"
	     "ab"),
		NULL, 0},
	{LIT("\xff"), NULL, 0},
};

static void txts_agree(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(txts); i++) {
		char out[64];
		long len = rdata_txt(out, txts[i].len, (const uint8_t *)txts[i].rdata, txts[i].len);

		if (len != (txts[i].text ? (long)txts[i].text_len : -1))
			fail_msg("row %zu: %ld", i, len);
		if (len > 0)
			assert_memory_equal(out, txts[i].text, (size_t)len);
	}
	assert_int_equal(rdata_txt((char[2]){0}, 2, (const uint8_t *)"\x03xyz", 4), -1);
}

struct mx_row {
	const char *rdata;
	size_t len;
	bool ok;
	uint16_t preference;
	bool root;
	const char *exchange;
};

static const struct mx_row mxs[] = {
	{LIT("\x00\x0a\x03mx1\x07"
	     "Example\x03"
	     "COM\x00"),
		true, 10, false, "mx1.example.com"},
	{LIT("\xff\xff\x02mx\x00"), true, 65535, false, "mx"},
	{LIT("\x00\x00\x00"), true, 0, true, "\".\""},
	{LIT("\x00\x01\x03"
	     "a.b\x07"
	     "example\x00"),
		true, 1, false, "\"a\\x00b.example\""}, /* a dot within a label */
	{LIT("\x00\x01\x03"
	     "a_b\x07"
	     "example\x00"),
		true, 1, false, "a_b.example"},
	{LIT("\x00\x01\x01*\x07"
	     "example\x00"),
		true, 1, false, "\"*.example\""},
	{LIT("\x00\x01\x03\"%\\\x07"
	     "example\x00"),
		true, 1, false, "\"\\x22%\\x5c.example\""},
	{LIT("\x00\x01\x02\xc3\xbc\x07"
	     "example\x00"),
		true, 1, false, "\"\\xc3\\xbc.example\""}, /* UTF-8 on the wire is no U-label */
	{LIT("\x00\x01\x03"
	     "192\x01"
	     "0\x01"
	     "2\x01"
	     "1\x00"),
		true, 1, false, "\"192.0.2.1\""},
	{LIT("\x00\x01\x03"
	     "a\0b\x00"),
		true, 1, false, "\"a\\x00b\""},
	{LIT(""), false, 0, false, ""},
	{LIT("\x00\x01"), false, 0, false, ""},
	{LIT("\x00\x01\x02mx"), false, 0, false, ""},
	{LIT("\x00\x01\x03mx\x00"), false, 0, false, ""},
	{LIT("\x00\x01\x02mx\x00x"), false, 0, false, ""},
	{LIT("\x00\x01\x00\x00"), false, 0, false, ""},
	{LIT("\x00\x01\xc0\x0c"), false, 0, false, ""}, /* compressed */
	{LIT("\x00\x01\x02mx\xc0\x00"), false, 0, false, ""},
	{LIT("\x00\x01\x40x\x00"), false, 0, false, ""},
};

static void mxs_agree(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(mxs); i++) {
		struct rdata_mx mx;
		uint8_t *rdata = malloc(mxs[i].len ? mxs[i].len : 1);
		bool ok;

		memcpy(rdata, mxs[i].rdata, mxs[i].len);
		ok = rdata_mx(&mx, rdata, mxs[i].len);
		free(rdata);
		if (ok != mxs[i].ok)
			fail_msg("row %zu: %d", i, ok);
		if (strcmp(mx.exchange.name, mxs[i].exchange) != 0)
			fail_msg("row %zu: %s", i, mx.exchange.name);
		assert_int_equal(mx.root, mxs[i].root);
		assert_int_equal(mx.is_domain, !mx_name_is_not_host(mxs[i].exchange, strlen(mxs[i].exchange)));
		if (ok)
			assert_int_equal(mx.preference, mxs[i].preference);
	}
}

static void name_is_bounded(void **state)
{
	uint8_t rdata[2 + 256] = {0};
	struct rdata_mx mx;

	(void)state;
	/* 63 + 63 + 63 + 61 octets in labels: 255 octets with lengths and root, 253 as text. */
	for (int i = 0; i < 4; i++) {
		rdata[2 + 64 * i] = i < 3 ? 63 : 61;
		memset(rdata + 3 + 64 * i, 'a', rdata[2 + 64 * i]);
	}
	rdata[2 + 254] = 0;
	assert_true(rdata_mx(&mx, rdata, 2 + 255));
	assert_true(mx.is_domain);
	assert_int_equal(strlen(mx.exchange.name), DOMAIN_MAX);
	rdata[2 + 192] = 62;
	rdata[2 + 254] = 'a';
	rdata[2 + 255] = 0;
	assert_false(rdata_mx(&mx, rdata, 2 + 256));
	/* What is no host name is shown cut, and still in quotes. */
	memset(rdata + 3, 0xff, 63);
	rdata[2 + 192] = 61;
	rdata[2 + 254] = 0;
	assert_true(rdata_mx(&mx, rdata, 2 + 255));
	assert_false(mx.is_domain);
	assert_in_range(strlen(mx.exchange.name), 90, 104);
	assert_true(mx_name_is_not_host(mx.exchange.name, strlen(mx.exchange.name)));
}

static void addresses_come_by_length(void **state)
{
	struct address address;
	char text[ADDRESS_TEXT_SIZE];
	uint8_t rdata[17] = {192, 0, 2, 1};

	(void)state;
	assert_true(rdata_address(&address, rdata, 4));
	assert_string_equal(address_format(&address, text), "192.0.2.1");
	assert_true(rdata_address(&address, rdata, 16));
	assert_string_equal(address_format(&address, text), "c000:201::");
	assert_false(rdata_address(&address, rdata, 5));
	assert_false(rdata_address(&address, rdata, 17));
	assert_false(rdata_address(&address, rdata, 0));
}

struct address_row {
	const char *text;
	const char *formatted; /* NULL: the same */
	bool global;
};

static const struct address_row addresses[] = {
	{"8.8.8.8", NULL, true},
	{"0.0.0.0", NULL, false},
	{"0.255.255.255", NULL, false},
	{"1.0.0.0", NULL, true},
	{"9.255.255.255", NULL, true},
	{"10.0.0.0", NULL, false},
	{"10.255.255.255", NULL, false},
	{"100.63.255.255", NULL, true},
	{"100.64.0.0", NULL, false},
	{"100.127.255.255", NULL, false},
	{"100.128.0.0", NULL, true},
	{"127.0.0.1", NULL, false},
	{"169.254.169.254", NULL, false},
	{"172.15.255.255", NULL, true},
	{"172.16.0.0", NULL, false},
	{"172.31.255.255", NULL, false},
	{"172.32.0.0", NULL, true},
	{"192.0.0.8", NULL, false},
	{"192.0.0.9", NULL, true},
	{"192.0.0.10", NULL, true},
	{"192.0.0.11", NULL, false},
	{"192.0.1.1", NULL, true},
	{"192.0.2.1", NULL, false},
	{"192.31.196.1", NULL, true},
	{"192.88.99.1", NULL, false},
	{"192.168.255.255", NULL, false},
	{"192.169.0.0", NULL, true},
	{"198.17.255.255", NULL, true},
	{"198.18.0.0", NULL, false},
	{"198.19.255.255", NULL, false},
	{"198.51.100.1", NULL, false},
	{"203.0.113.255", NULL, false},
	{"223.255.255.255", NULL, true},
	{"224.0.0.1", NULL, false},
	{"240.0.0.1", NULL, false},
	{"255.255.255.255", NULL, false},
	{"2a00:1450:4001:81b::200e", NULL, true},
	{"2606:2800:0220:1:0248:1893:25c8:1946", "2606:2800:220:1:248:1893:25c8:1946", true},
	{"2620:4F:8000::1", "2620:4f:8000::1", true},
	{"::", NULL, false},
	{"::1", NULL, false},
	{"::8.8.8.8", "::808:808", false},
	{"::ffff:8.8.8.8", NULL, true},
	{"::ffff:10.0.0.1", NULL, false},
	{"::ffff:7f00:1", "::ffff:127.0.0.1", false},
	{"64:ff9b::8.8.8.8", "64:ff9b::808:808", true},
	{"64:ff9b::192.168.0.1", "64:ff9b::c0a8:1", false},
	{"64:ff9b:1::8.8.8.8", "64:ff9b:1::808:808", false},
	{"100::1", NULL, false},
	{"2001::1", NULL, false},
	{"2001:1::1", NULL, true},
	{"2001:1::3", NULL, true},
	{"2001:1::4", NULL, false},
	{"2001:2::1", NULL, false},
	{"2001:3::1", NULL, true},
	{"2001:4:112::1", NULL, true},
	{"2001:4:113::1", NULL, false},
	{"2001:10::1", NULL, false},
	{"2001:20::1", NULL, true},
	{"2001:3f::1", NULL, true},
	{"2001:40::1", NULL, false},
	{"2001:1ff:ffff::1", NULL, false},
	{"2001:200::1", NULL, true},
	{"2001:db8::1", NULL, false},
	{"2001:db9::1", NULL, true},
	{"2002:808:808::1", NULL, false},
	{"2003::1", NULL, true},
	{"3fff::1", NULL, false},
	{"3fff:fff:ffff::1", NULL, false},
	{"3fff:1000::1", NULL, true},
	{"1fff::1", NULL, false},
	{"4000::1", NULL, false},
	{"5f00::1", NULL, false},
	{"fc00::1", NULL, false},
	{"fdff::1", NULL, false},
	{"fe80::1", NULL, false},
	{"fec0::1", NULL, false},
	{"ff02::1", NULL, false},
	{"1:0:0:2:0:0:0:3", "1:0:0:2::3", false},
	{"1:0:0:2:0:0:3:4", "1::2:0:0:3:4", false},
	{"1:0:2:3:4:5:6:7", NULL, false},
	{"1:2:3:4:5:6:7::", "1:2:3:4:5:6:7:0", false},
	{"::2:3:4:5:6:7:8", "0:2:3:4:5:6:7:8", false},
	{"1:2:3:4:5:6:255.255.255.255", "1:2:3:4:5:6:ffff:ffff", false},
	{"ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", NULL, false},
};

static const char *const no_addresses[] = {"", "1", "1.2.3", "1.2.3.4.5", "1.2.3.256", "01.2.3.4", "1.2.3.4 ",
	" 1.2.3.4", "1..2.3", "1.2.3.", "0x1.2.3.4", "a.b.c.d", ":", ":::", "1:", ":1", "1::2::3", "1:2:3:4:5:6:7",
	"1:2:3:4:5:6:7:8:9", "1:2:3:4:5:6:7:8::", "::1:2:3:4:5:6:7:8", "12345::", "g::", "fe80::1%lo", "[::1]",
	"::1.2.3", "1.2.3.4::", "1:2:3:4:5:6:7:1.2.3.4", "::1.2.3.4:5", "1::2:", "1:2:3:4:5:6:7:8:"};

static void addresses_agree(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(addresses); i++) {
		const struct address_row *row = &addresses[i];
		struct address address;
		char text[ADDRESS_TEXT_SIZE];

		if (!address_parse(&address, row->text))
			fail_msg("%s is refused", row->text);
		if (address_is_global(&address) != row->global)
			fail_msg("%s: global is %d", row->text, !row->global);
		assert_string_equal(address_format(&address, text), row->formatted ? row->formatted : row->text);
	}
	for (size_t i = 0; i < COUNT(no_addresses); i++) {
		struct address address;

		if (address_parse(&address, no_addresses[i]))
			fail_msg("%s is taken", no_addresses[i]);
		assert_int_equal(address.len, 0);
	}
}

static void formatted_is_parsed(void **state)
{
	uint32_t random = 5952;

	(void)state;
	for (int round = 0; round < 20000; round++) {
		struct address address = {.len = round % 2 ? 16 : 4}, again;
		char text[ADDRESS_TEXT_SIZE];

		for (int i = 0; i < address.len; i++)
			address.bytes[i] = corpus_random(&random) % 3 ? 0 : (uint8_t)corpus_random(&random);
		assert_true(address_parse(&again, address_format(&address, text)));
		assert_int_equal(again.len, address.len);
		assert_memory_equal(again.bytes, address.bytes, sizeof again.bytes);
	}
}

static uint64_t network_of(const char *text)
{
	struct address address;

	assert_true(address_parse(&address, text));
	return address_network(&address);
}

static void networks_are_apart(void **state)
{
	(void)state;
	assert_true(network_of("8.8.8.8") == network_of("8.8.8.255"));
	assert_true(network_of("8.8.8.8") == network_of("::ffff:8.8.8.9"));
	assert_true(network_of("8.8.8.8") != network_of("8.8.9.8"));
	assert_true(network_of("2a00:1:2::1") == network_of("2a00:1:2:ffff::2"));
	assert_true(network_of("2a00:1:2::1") != network_of("2a00:1:3::1"));
	assert_true(network_of("0.0.8.8") != network_of("::"));
	assert_true(network_of("8.8.8.8") != network_of("0:8:808::"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(txts_agree),
		cmocka_unit_test(mxs_agree),
		cmocka_unit_test(name_is_bounded),
		cmocka_unit_test(addresses_come_by_length),
		cmocka_unit_test(addresses_agree),
		cmocka_unit_test(formatted_is_parsed),
		cmocka_unit_test(networks_are_apart),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
