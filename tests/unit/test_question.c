/* Recipients and next hops in every form in which MTAs hand them over. */
#include "cm.h"

#include "corpus.h"
#include "question.h"

#include <string.h>

struct row {
	const char *bytes;
	size_t len;
	const char *domain; /* NULL: no policy domain */
	uint16_t port;
	bool mx_lookup;
};

#define NONE NULL, 0, false
#define MX(name) name, 25, true

static const struct row next_hops[] = {
	{LIT("example.com"), MX("example.com")},
	{LIT("Example.COM."), MX("example.com")},
	{LIT("mail.example.com"), MX("mail.example.com")},
	{LIT("B\xc3\x9c"
	     "CHER.test"),
		MX("xn--bcher-kva.test")},
	{LIT("[host.example.com]"), "host.example.com", 25, false},
	{LIT("[Host.example.com.]:587"), "host.example.com", 587, false},
	{LIT("[b\xc3\xbc"
	     "cher.test]:25"),
		"xn--bcher-kva.test", 25, false},
	{LIT("[smart.test]:submission"), "smart.test", 587, false},
	{LIT("[smart.test]:submissions"), "smart.test", 465, false},
	{LIT("[smart.test]:smtps"), "smart.test", 465, false},
	{LIT("[smart.test]:smtp"), "smart.test", 25, false},
	{LIT("relay.example.net:26"), "relay.example.net", 26, true},
	{LIT("relay.example.net.:smtp"), "relay.example.net", 25, true},
	{LIT("relay.example.net:65535"), "relay.example.net", 65535, true},
	{LIT("relay.example.net:0"), NONE},
	{LIT("relay.example.net:65536"), NONE},
	{LIT("relay.example.net:4294967321"), NONE},
	{LIT("relay.example.net:"), NONE},
	{LIT("relay.example.net:+25"), NONE},
	{LIT("relay.example.net:lmtp"), NONE},
	{LIT("relay.example.net:25 "), NONE},
	{LIT("[relay.example.net]:0"), NONE},
	{LIT("[relay.example.net]25"), NONE},
	{LIT("[relay.example.net]:"), NONE},
	{LIT("[relay.example.net"), NONE},
	{LIT("[]"), NONE},
	{LIT("[]:25"), NONE},
	{LIT("["), NONE},
	{LIT("[[a.example]]"), NONE},
	{LIT("[192.0.2.1]"), NONE},
	{LIT("[192.0.2.1]:25"), NONE},
	{LIT("[IPv6:2001:db8::1]"), NONE},
	{LIT("[2001:db8::1]:25"), NONE},
	{LIT("2001:db8::1"), NONE},
	{LIT("192.0.2.1"), NONE},
	{LIT("192.0.2.1:25"), NONE},
	{LIT("unix:/x"), NONE},
	{LIT("unix:25"), NONE},
	{LIT("inet:127.0.0.1:24"), NONE},
	{LIT("/var/run/lmtp"), NONE},
	{LIT(".example.com"), NONE},
	{LIT("localhost"), NONE},
	{LIT("com."), NONE},
	{LIT("[localhost]:25"), NONE},
	{LIT("5.1.1 User unknown in virtual alias table"), NONE},
	{LIT("5.1.1"), NONE},
	{LIT(""), NONE},
	{LIT("exam\0ple.com"), NONE},
	{LIT("example.com\0.evil.example"), NONE},
	{LIT("[a.example]:2\0"), NONE},
	{LIT("\xff\xfe\x80.example"), NONE},
	{LIT("exa mple.com"), NONE},
	{LIT("_spf.example.com"), NONE},
};

static const struct row recipients[] = {
	{LIT("<u@example.com>"), MX("example.com")},
	{LIT("u@example.com"), MX("example.com")},
	{LIT("<U@Example.COM.>"), MX("example.com")},
	{LIT("  <u@example.com>"), MX("example.com")},
	{LIT("<u@example.com> SIZE=100 NOTIFY=<x@evil.example>"), MX("example.com")},
	{LIT("<u@example.com>trailing@evil.example"), MX("example.com")},
	{LIT("u@example.com SIZE=100"), MX("example.com")},
	{LIT("<u@example.com"), MX("example.com")},
	{LIT("<j\xc3\xb6rg@b\xc3\xbc"
	     "cher.test>"),
		MX("xn--bcher-kva.test")},
	{LIT("<\xff@example.com>"), MX("example.com")},
	{LIT("\"quo@ted\"@example.com"), MX("example.com")},
	{LIT("<\"quo>ted\"@example.com>"), MX("example.com")},
	{LIT("<\"a\\\"b@c\"@example.com>"), MX("example.com")},
	{LIT("<\"a b\"@example.com>"), MX("example.com")},
	{LIT("<a b@example.com>"), MX("example.com")},
	{LIT("<a\\@b@example.com>"), MX("example.com")},
	{LIT("<a@b@example.com>"), MX("example.com")},
	{LIT("<a%other.example@example.com>"), MX("example.com")},
	{LIT("<a@[192.0.2.1]@example.com>"), MX("example.com")},
	{LIT("<@relay1.example,@relay2.example:u@example.com>"), MX("example.com")},
	{LIT("@relay1.example:u@example.com"), MX("example.com")},
	{LIT("<@[IPv6:2001:db8::1],@b.example:u@example.com>"), MX("example.com")},
	{LIT("<@relay1.example:\"x:y\"@example.com>"), MX("example.com")},
	{LIT("<@relay1.example:>"), NONE},
	{LIT("<@relay1.example>"), NONE},
	{LIT("<@[IPv6:2001:db8::1],@b.example>"), NONE},
	{LIT("<@relay1.example:@example.com>"), NONE},
	{LIT("<u@[192.0.2.1]>"), NONE},
	{LIT("<u@[IPv6:2001:db8::1]>"), NONE},
	{LIT("<u@192.0.2.1>"), NONE},
	{LIT("<bob>"), NONE},
	{LIT("bob"), NONE},
	{LIT("<>"), NONE},
	{LIT("<postmaster>"), NONE},
	{LIT("<postmaster> x@example.com"), NONE},
	{LIT("<u@localhost>"), NONE},
	{LIT("<u@>"), NONE},
	{LIT("<u@ example.com>"), NONE},
	{LIT("<u@.example.com>"), NONE},
	{LIT("<u@exa_mple.com>"), NONE},
	{LIT("<u@example.com:25>"), NONE},
	{LIT("<\"u@example.com>"), NONE},
	{LIT("\"unclosed@example.com"), NONE},
	{LIT("<u@example.com\\"), NONE},
	{LIT("<u\\@example.com>"), NONE},
	{LIT("<(comment)u@example.com(comment)>"), NONE},
	{LIT("<u\0@example.com>"), NONE},
	{LIT("<u@example.com\0>"), NONE},
	{LIT(""), NONE},
	{LIT("<"), NONE},
	{LIT("   "), NONE},
	{LIT("@"), NONE},
};

static void assert_question(const struct question *question, const struct row *row)
{
	const char *domain = row->domain ? row->domain : "";

	if (question->has_domain != (row->domain != NULL) || strcmp(question->domain, domain) != 0)
		fail_msg("`%s`: `%s`", row->bytes, question->domain);
	assert_string_equal(question->host, domain);
	assert_int_equal(question->port, row->port);
	assert_int_equal(question->mx_lookup, row->mx_lookup);
}

static void next_hops_agree(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(next_hops); i++) {
		struct question question;

		memset(&question, 0xaa, sizeof question);
		question_from_next_hop(&question, next_hops[i].bytes, next_hops[i].len, PURPOSE_MAP);
		assert_question(&question, &next_hops[i]);
		assert_int_equal(question.purpose, PURPOSE_MAP);
	}
}

/* The parts of a list of next hops, with `|` between them. */
static void lists_come_apart(void **state)
{
	static const struct {
		const char *list, *parts;
	} lists[] = {
		{"", ""},
		{" , :", ""},
		{"a.example", "a.example|"},
		{"a.example:587", "a.example:587|"},
		{"[a.example]:submission, b.example:25", "[a.example]:submission|b.example:25|"},
		{"a.example b.example,,c.example,", "a.example|b.example|c.example|"},
		{"a.example:b.example", "a.example|b.example|"},
		{"a.example.:[b.example]:c.example:", "a.example.|[b.example]|c.example|"},
		{"a.example:587:b.example", "a.example:587|b.example|"},
		{"a.example:backup", "a.example|backup|"},
		{"[IPv6:2001:db8::1]:b.example", "[IPv6:2001:db8::1]|b.example|"},
		{"[2001:db8::1]:25", "[2001:db8::1]:25|"},
		{"[a.example:b.example", "[a.example|b.example|"},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(lists); i++) {
		struct span list = {lists[i].list, strlen(lists[i].list)}, hop;
		char parts[128] = "";

		while (question_next_hop(&list, &hop)) {
			strncat(parts, hop.at, hop.len);
			strncat(parts, "|", 2);
		}
		assert_string_equal(parts, lists[i].parts);
		assert_int_equal(list.len, 0);
	}
}

static void recipients_agree(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(recipients); i++) {
		struct question question;

		memset(&question, 0xaa, sizeof question);
		question_from_recipient(&question, recipients[i].bytes, recipients[i].len, PURPOSE_DELIVER);
		assert_question(&question, &recipients[i]);
		assert_int_equal(question.purpose, PURPOSE_DELIVER);
	}
}

/* `u@` and a name of `len` octets. */
static void ask_long(struct question *question, size_t len)
{
	char bytes[512];

	memset(bytes, 'a', sizeof bytes);
	memcpy(bytes, "u@", 2);
	for (size_t at = 2 + 60; at < 2 + len - 1; at += 61)
		bytes[at] = '.';
	question_from_recipient(question, bytes, 2 + len, PURPOSE_DELIVER);
}

static void length_is_bounded(void **state)
{
	struct question question;
	char bytes[QUESTION_BYTES_MAX + 1];

	(void)state;
	ask_long(&question, DOMAIN_POLICY_MAX);
	assert_true(question.has_domain);
	assert_int_equal(strlen(question.domain), DOMAIN_POLICY_MAX);
	ask_long(&question, DOMAIN_POLICY_MAX + 1);
	assert_false(question.has_domain);
	memset(bytes, 'u', sizeof bytes);
	memcpy(bytes + QUESTION_BYTES_MAX - 10, "@a.example", 10);
	question_from_recipient(&question, bytes, QUESTION_BYTES_MAX, PURPOSE_DELIVER);
	assert_true(question.has_domain);
	memcpy(bytes + QUESTION_BYTES_MAX - 9, "@a.example", 10);
	question_from_recipient(&question, bytes, QUESTION_BYTES_MAX + 1, PURPOSE_DELIVER);
	assert_false(question.has_domain);
}

static void any_bytes_keep_the_promise(void **state)
{
	static const char spice[] = "<>@\"\\[]:., a.b-9\xc3\xbc";
	uint32_t random = 822;

	(void)state;
	for (int round = 0; round < 50000; round++) {
		char bytes[32];
		size_t len = corpus_random(&random) % sizeof bytes;
		struct question question;
		struct domain domain;

		for (size_t i = 0; i < len; i++)
			bytes[i] = spice[corpus_random(&random) % sizeof spice];
		if (round % 2)
			question_from_recipient(&question, bytes, len, PURPOSE_DELIVER);
		else
			question_from_next_hop(&question, bytes, len, PURPOSE_DELIVER);
		assert_string_equal(question.domain, question.host);
		assert_int_equal(question.has_domain, question.domain[0] != '\0');
		assert_int_equal(question.has_domain, question.port != 0);
		if (question.has_domain) {
			assert_true(domain_parse(&domain, question.domain, strlen(question.domain)));
			assert_string_equal(domain.name, question.domain);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(next_hops_agree),
		cmocka_unit_test(lists_come_apart),
		cmocka_unit_test(recipients_agree),
		cmocka_unit_test(length_is_bounded),
		cmocka_unit_test(any_bytes_keep_the_promise),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
