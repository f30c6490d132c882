/* dns_answer_parse() over messages that are correct, odd, and hostile. */
#include "cm.h"
#include "dns_answer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define INSECURE 0
#define BOGUS 1
#define PROVED 2
#define NXDOMAIN 3
#define TC 0x02
#define MESSAGE_MAX 65535
#define NAME_AT_QUESTION "\300\014" /* a pointer to the question's name */

struct message {
	uint8_t bytes[MESSAGE_MAX];
	size_t len;
};

static struct message message;

static void put(const void *bytes, size_t len)
{
	assert_true(message.len + len <= MESSAGE_MAX);
	memcpy(message.bytes + message.len, bytes, len);
	message.len += len;
}

static void put16(unsigned value)
{
	uint8_t bytes[2] = {(uint8_t)(value >> 8), (uint8_t)value};
	put(bytes, 2);
}

static void put32(uint32_t value)
{
	put16(value >> 16);
	put16(value & 0xffff);
}

/* Returns labels of letters, without a final dot. */
static void put_name(const char *name)
{
	while (*name) {
		size_t len = strcspn(name, ".");
		put(&(uint8_t){(uint8_t)len}, 1);
		put(name, len);
		name += len + (name[len] == '.');
	}
	put("", 1);
}

static void count_up(unsigned at)
{
	message.bytes[at + 1]++;
	if (message.bytes[at + 1] == 0)
		message.bytes[at]++;
}

static void begin(const char *name, unsigned type)
{
	static const uint8_t header[12] = {0, 0, 0x81, 0x80, 0, 1};
	message.len = 0;
	put(header, sizeof header);
	put_name(name);
	put16(type);
	put16(1);
}

/* `section` is the offset of the section's count in the header: 6 for answers, 8 for authority. */
static void put_head(unsigned section, unsigned type, unsigned class, uint32_t ttl_s, size_t len)
{
	put16(type);
	put16(class);
	put32(ttl_s);
	put16((unsigned)len);
	count_up(section);
}

static void record(const char *owner, unsigned type, uint32_t ttl_s, const void *data, size_t len)
{
	put_name(owner);
	put_head(6, type, 1, ttl_s, len);
	put(data, len);
}

static void soa(uint32_t ttl_s, uint32_t minimum_s)
{
	put_name("example");
	put_head(8, 6, 1, ttl_s, 22);
	put("\0\0", 2);
	for (int i = 0; i < 4; i++)
		put32(60);
	put32(minimum_s);
}

/* Copies the message into memory of exactly its size, so that a sanitizer finds each access beyond it. */
static struct dns_answer *parsed_to(size_t len, unsigned type, int security)
{
	uint8_t *bytes = malloc(len ? len : 1);
	memcpy(bytes, message.bytes, len);
	struct dns_answer *answer = dns_answer_parse(0, bytes, (int)len, type, security);
	free(bytes);
	return answer;
}

static struct dns_answer *parsed(unsigned type)
{
	return parsed_to(message.len, type, INSECURE);
}

static void expect(unsigned type, enum dns_outcome outcome, size_t count, uint32_t ttl_s, const char *canonical)
{
	struct dns_answer *answer = parsed(type);
	if (answer->outcome != outcome || answer->count != count || answer->ttl_s != ttl_s ||
		strcmp(answer->canonical, canonical) != 0)
		fail_msg("%s, %zu records, ttl %u, canonical `%s'", dns_outcome_name(answer->outcome), answer->count,
			answer->ttl_s, answer->canonical);
	free(answer);
}

static void expect_failed(unsigned type)
{
	expect(type, DNS_FAILED, 0, 0, "");
}

static void test_records(void **state)
{
	(void)state;
	begin("www.example", DNS_A);
	record("WWW.Example", DNS_A, 77, "\300\0\2\1", 4);
	record("www.example", DNS_A, 70, "\300\0\2\2", 4);
	record("www.example", 46, 60, "signature", 9);
	record("other.example", DNS_A, 90, "\300\0\2\3", 4);
	struct dns_answer *answer = parsed(DNS_A);
	assert_int_equal(answer->outcome, DNS_OK);
	assert_int_equal(answer->count, 2);
	assert_int_equal(answer->ttl_s, 60);
	assert_memory_equal(answer->rr[0].data, "\300\0\2\1", answer->rr[0].len);
	assert_memory_equal(answer->rr[1].data, "\300\0\2\2", answer->rr[1].len);
	assert_false(answer->secure || answer->truncated);
	free(answer);

	answer = parsed_to(message.len, DNS_A, PROVED);
	assert_true(answer->secure);
	free(answer);
	answer = parsed_to(message.len, DNS_A, BOGUS);
	assert_int_equal(answer->outcome, DNS_BOGUS);
	assert_int_equal(answer->count, 0);
	free(answer);
	answer = dns_answer_parse(2, message.bytes, (int)message.len, DNS_A, INSECURE);
	assert_int_equal(answer->outcome, DNS_FAILED);
	free(answer);
	answer = dns_answer_parse(0, NULL, 0, DNS_A, INSECURE);
	assert_int_equal(answer->outcome, DNS_FAILED);
	free(answer);
}

static void test_names_in_records(void **state)
{
	static const char mail[] = "\0\12\4mail" NAME_AT_QUESTION, whole[] = "\0\12\4mail\7example";
	(void)state;
	begin("example", DNS_MX);
	record("example", DNS_MX, 60, mail, sizeof mail - 1);
	record("example", DNS_MX, 60, "\0\0\0", 3); /* RFC 7505 */
	struct dns_answer *answer = parsed(DNS_MX);
	assert_int_equal(answer->count, 2);
	assert_int_equal(answer->rr[0].len, sizeof whole);
	assert_memory_equal(answer->rr[0].data, whole, sizeof whole);
	assert_int_equal(answer->rr[1].len, 3);
	free(answer);

	begin("a.example", DNS_CNAME);
	record("a.example", DNS_CNAME, 60, "\1b\300\016", 4);
	answer = parsed(DNS_CNAME);
	assert_int_equal(answer->count, 1);
	assert_int_equal(answer->rr[0].len, 11);
	assert_memory_equal(answer->rr[0].data, "\1b\7example", 11);
	assert_string_equal(answer->canonical, "");
	free(answer);

	static const struct {
		unsigned type;
		const char *data;
		size_t len;
	} malformed[] = {
		{DNS_MX, "", 0},
		{DNS_MX, "\0", 1},
		{DNS_MX, "\0\12", 2},
		{DNS_MX, "\0\12\4mai", 6},
		{DNS_MX, "\0\12\4mail", 7},   /* runs beyond the record */
		{DNS_MX, "\0\12\1a\0\0", 6},  /* octets after the name */
		{DNS_MX, "\0\12\300", 3},     /* half a pointer */
		{DNS_MX, "\0\12\377\377", 4}, /* a pointer beyond the message */
		{DNS_MX, "\0\12\100a\0", 5},  /* a label of an unused type */
		{DNS_CNAME, "", 0},
		{DNS_CNAME, "\1a\0x", 4},
		{DNS_CNAME, "\300\300", 2},
	};
	for (size_t i = 0; i < COUNT(malformed); i++) {
		begin("example", malformed[i].type);
		record("example", malformed[i].type, 60, malformed[i].data, malformed[i].len);
		expect_failed(malformed[i].type);
		begin("example", malformed[i].type);
		record("example", malformed[i].type, 60, malformed[i].data, malformed[i].len);
		record("example", DNS_TXT, 60, "\0\0\0\0", 4);
		expect_failed(malformed[i].type);
	}
}

static void test_aliases(void **state)
{
	(void)state;
	begin("a.example", DNS_TXT);
	record("a.example", DNS_CNAME, 50, "\1b\7example", 11);
	record("B.example", DNS_CNAME, 40, "\1C\7Example", 11);
	record("c.example", DNS_TXT, 90, "\1x", 2);
	expect(DNS_TXT, DNS_OK, 1, 40, "c.example");

	/* libunbound puts a chain in order. */
	begin("a.example", DNS_TXT);
	record("b.example", DNS_CNAME, 40, "\1c\7example", 11);
	record("a.example", DNS_CNAME, 50, "\1b\7example", 11);
	record("c.example", DNS_TXT, 90, "\1x", 2);
	expect(DNS_TXT, DNS_NODATA, 0, 300, "b.example");

	begin("a.example", DNS_TXT);
	record("a.example", DNS_CNAME, 50, "\1a\7example", 11);
	soa(60, 60);
	expect(DNS_TXT, DNS_NODATA, 0, 50, "a.example");

	begin("a.example", DNS_TXT);
	record("a.example", DNS_CNAME, 50, "\3a b\3\0.-\2_*", 12);
	soa(60, 60);
	expect(DNS_TXT, DNS_NODATA, 0, 50,
		"a?b.?"
		"?-._*");

	begin("a.example", DNS_TXT);
	record("a.example", DNS_CNAME, 50, "", 1);
	soa(60, 60);
	expect(DNS_TXT, DNS_NODATA, 0, 50, ".");
}

static void test_longest_name(void **state)
{
	uint8_t name[256];
	char text[254];
	(void)state;
	/* 255 octets: 63, 63, 63, 61 letters */
	memset(name, 'x', sizeof name);
	memset(text, 'x', sizeof text);
	for (unsigned i = 0; i < 4; i++) {
		name[64 * i] = i < 3 ? 63 : 61;
		text[64 * i + (i < 3 ? 63 : 61)] = i < 3 ? '.' : '\0';
	}
	name[254] = 0;
	begin("a", DNS_A);
	record("a", DNS_CNAME, 60, name, 255);
	soa(60, 60);
	expect(DNS_A, DNS_NODATA, 0, 60, text);

	name[192] = 62;
	name[255] = 0;
	begin("a", DNS_A);
	record("a", DNS_CNAME, 60, name, 256);
	expect_failed(DNS_A);
}

static void test_absence(void **state)
{
	(void)state;
	begin("none.example", DNS_A);
	soa(500, 123);
	expect(DNS_A, DNS_NODATA, 0, 123, "");
	message.bytes[3] |= NXDOMAIN;
	expect(DNS_A, DNS_NXDOMAIN, 0, 123, "");
	begin("none.example", DNS_A);
	soa(100, 999);
	expect(DNS_A, DNS_NODATA, 0, 100, "");
	begin("none.example", DNS_A);
	expect(DNS_A, DNS_NODATA, 0, 300, "");
	/* Records in an NXDOMAIN answer are ignored, and a SOA that is cut before its minimum counts with its own
	 * TTL. */
	begin("none.example", DNS_A);
	message.bytes[3] |= NXDOMAIN;
	record("none.example", DNS_A, 60, "\300\0\2\1", 4);
	put_name("example");
	put_head(8, 6, 1, 44, 2);
	put("\0\0", 2);
	expect(DNS_A, DNS_NXDOMAIN, 0, 44, "");
	for (uint8_t rcode = 1; rcode < 16; rcode++) {
		if (rcode == NXDOMAIN)
			continue;
		begin("www.example", DNS_A);
		record("www.example", DNS_A, 77, "\300\0\2\1", 4);
		message.bytes[3] |= rcode;
		expect_failed(DNS_A);
	}
}

static void test_other_questions(void **state)
{
	(void)state;
	begin("www.example", DNS_AAAA);
	expect_failed(DNS_A);
	begin("www.example", DNS_A);
	message.bytes[message.len - 1] = 3; /* class CHAOS */
	expect_failed(DNS_A);
	begin("www.example", DNS_A);
	message.bytes[5] = 0;
	expect_failed(DNS_A);
	begin("www.example", DNS_A);
	put_name("www.example");
	put16(DNS_A);
	put16(1);
	message.bytes[5] = 2;
	expect_failed(DNS_A);
	/* A record of another class */
	begin("www.example", DNS_A);
	put_name("www.example");
	put_head(6, DNS_A, 3, 60, 4);
	put("\300\0\2\1", 4);
	expect(DNS_A, DNS_NODATA, 0, 300, "");
}

static void test_cut_messages(void **state)
{
	(void)state;
	begin("www.example", DNS_A);
	record("www.example", DNS_A, 77, "\300\0\2\1", 4);
	message.bytes[2] |= TC;
	struct dns_answer *answer = parsed(DNS_A);
	assert_int_equal(answer->outcome, DNS_OK);
	assert_true(answer->truncated);
	free(answer);
	begin("www.example", DNS_A);
	message.bytes[2] |= TC; /* not NODATA: the records did not fit */
	expect_failed(DNS_A);

	begin("a.example", DNS_MX);
	record("a.example", DNS_CNAME, 50, "\1b\7example", 11);
	record("b.example", DNS_MX, 60, "\0\12\4mail" NAME_AT_QUESTION, 9);
	soa(60, 60);
	expect(DNS_MX, DNS_OK, 1, 50, "b.example");
	for (size_t len = 0; len < message.len; len++) {
		answer = parsed_to(len, DNS_MX, INSECURE);
		assert_int_equal(answer->outcome, DNS_FAILED);
		assert_int_equal(answer->count, 0);
		free(answer);
	}
	put("x", 1);
	expect_failed(DNS_MX); /* octets after the message */
}

static void test_counts_that_lie(void **state)
{
	(void)state;
	for (unsigned section = 4; section <= 10; section += 2) {
		begin("www.example", DNS_A);
		record("www.example", DNS_A, 77, "\300\0\2\1", 4);
		message.bytes[section] = 0xff;
		expect_failed(DNS_A);
	}
}

static void test_many_records(void **state)
{
	(void)state;
	begin("www.example", DNS_TXT);
	for (unsigned i = 0; i < DNS_RR_MAX; i++)
		record("www.example", DNS_TXT, 77, "\1x", 2);
	struct dns_answer *answer = parsed(DNS_TXT);
	assert_int_equal(answer->count, DNS_RR_MAX);
	assert_false(answer->truncated);
	free(answer);
	record("www.example", DNS_TXT, 77, "\1x", 2);
	answer = parsed(DNS_TXT);
	assert_int_equal(answer->outcome, DNS_OK);
	assert_int_equal(answer->count, DNS_RR_MAX);
	assert_true(answer->truncated);
	free(answer);
}

/* Each MX record of 4 octets grows to 257. */
static void test_names_that_swell(void **state)
{
	char name[254];
	(void)state;
	memset(name, 'x', sizeof name);
	name[63] = name[127] = name[191] = '.';
	name[253] = '\0';
	begin(name, DNS_MX);
	for (unsigned i = 0; i < 2 * DNS_RR_MAX; i++) {
		put(NAME_AT_QUESTION, 2);
		put_head(6, DNS_MX, 1, 60, 4);
		put("\0\12" NAME_AT_QUESTION, 4);
	}
	struct dns_answer *answer = parsed(DNS_MX);
	assert_int_equal(answer->count, DNS_RR_MAX);
	assert_true(answer->truncated);
	for (size_t i = 0; i < answer->count; i++)
		assert_int_equal(answer->rr[i].len, 257);
	free(answer);
}

/* Flips each bit of a message: nothing may be read or written outside its memory. */
static void test_flipped_bits(void **state)
{
	(void)state;
	begin("a.example", DNS_MX);
	record("a.example", DNS_CNAME, 50, "\1b\7example", 11);
	record("b.example", DNS_MX, 60, "\0\12\4mail" NAME_AT_QUESTION, 9);
	soa(60, 60);
	for (size_t bit = 0; bit < 8 * message.len; bit++) {
		message.bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
		free(parsed(DNS_MX));
		message.bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
}

static void test_names_that_fit(void **state)
{
	char name[300];
	(void)state;
	assert_true(dns_name_fits("example"));
	assert_true(dns_name_fits("_mta-sts.example."));
	assert_true(dns_name_fits("."));
	assert_false(dns_name_fits("a..example"));
	assert_false(dns_name_fits(".example"));
	memset(name, 'x', sizeof name);
	name[63] = name[127] = name[191] = '.';
	name[253] = '\0';
	assert_true(dns_name_fits(name));
	name[253] = 'x';
	name[254] = '\0';
	assert_false(dns_name_fits(name));
	memset(name, 'x', 64);
	name[64] = '\0';
	assert_false(dns_name_fits(name));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_records),
		cmocka_unit_test(test_names_in_records),
		cmocka_unit_test(test_aliases),
		cmocka_unit_test(test_longest_name),
		cmocka_unit_test(test_absence),
		cmocka_unit_test(test_other_questions),
		cmocka_unit_test(test_cut_messages),
		cmocka_unit_test(test_counts_that_lie),
		cmocka_unit_test(test_many_records),
		cmocka_unit_test(test_names_that_swell),
		cmocka_unit_test(test_flipped_bits),
		cmocka_unit_test(test_names_that_fit),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
