/* Recipients and next hops in every form in which MTAs pass them. */
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
	bool unreadable;
	const char *service; /* NULL: none */
};

#define NONE NULL, 0, false, false, NULL
#define MX(name) name, 25, true, false, NULL
#define HOST(name, port) name, port, false, false, NULL
#define UNREADABLE NULL, 0, false, true, NULL
/* The domain can be read, but the rest of the next hop cannot. */
#define ODD(name) name, 25, true, true, NULL
#define ODD_HOST(name) name, 25, false, true, NULL

static const struct row next_hops[] = {
	{LIT("example.com"), MX("example.com")},
	{LIT("Example.COM."), MX("example.com")},
	{LIT("mail.example.com"), MX("mail.example.com")},
	{LIT("B\xc3\x9c"
	     "CHER.test"),
		MX("xn--bcher-kva.test")},
	{LIT("[host.example.com]"), HOST("host.example.com", 25)},
	{LIT("[Host.example.com.]:587"), HOST("host.example.com", 587)},
	{LIT("[b\xc3\xbc"
	     "cher.test]:25"),
		HOST("xn--bcher-kva.test", 25)},
	{LIT("[smart.test]:submission"), HOST("smart.test", 587)},
	{LIT("[smart.test]:submissions"), HOST("smart.test", 465)},
	{LIT("[smart.test]:smtps"), HOST("smart.test", 465)},
	{LIT("[smart.test]:smtp"), HOST("smart.test", 25)},
	{LIT("[smart.test]:lmtp"), HOST("smart.test", 24)},
	{LIT("relay.example.net:26"), "relay.example.net", 26, true, false, NULL},
	{LIT("relay.example.net.:smtp"), MX("relay.example.net")},
	{LIT("relay.example.net:65535"), "relay.example.net", 65535, true, false, NULL},
	/* In Postfix, a colon with nothing after it means no port. */
	{LIT("relay.example.net:"), MX("relay.example.net")},
	{LIT("[relay.example.net]:"), HOST("relay.example.net", 25)},
	/* Services that only the table of this machine may know. */
	{LIT("relay.example.net:mail"), "relay.example.net", 25, true, true, "mail"},
	{LIT("[relay.example.net]:ssmtp"), "relay.example.net", 25, false, true, "ssmtp"},
	{LIT("relay.example.net:SMTP"), "relay.example.net", 25, true, true, "SMTP"},
	{LIT("relay.example.net:+25"), "relay.example.net", 25, true, true, "+25"},
	{LIT("relay.example.net:a-name-that-is-longer-than-any-service"), ODD("relay.example.net")},
	/* The port is invalid, and the domain keeps its policy. */
	{LIT("relay.example.net:0"), ODD("relay.example.net")},
	{LIT("relay.example.net:65536"), ODD("relay.example.net")},
	{LIT("relay.example.net:4294967321"), ODD("relay.example.net")},
	{LIT("relay.example.net:2x"), ODD("relay.example.net")},
	{LIT("relay.example.net:25 "), ODD("relay.example.net")},
	{LIT("relay.example.net:25:26"), ODD("relay.example.net")},
	{LIT("relay.example.net:s\xc3\xa9"), ODD("relay.example.net")},
	{LIT("[relay.example.net]:0"), ODD_HOST("relay.example.net")},
	{LIT("[relay.example.net]25"), ODD_HOST("relay.example.net")},
	{LIT("[relay.example.net]]"), ODD_HOST("relay.example.net")},
	{LIT("[relay.example.net"), ODD_HOST("relay.example.net")},
	{LIT("[relay.example.net:25"), ODD_HOST("relay.example.net")},
	{LIT("[]"), NONE},
	{LIT("[]:25"), NONE},
	{LIT("["), NONE},
	{LIT("[[a.example]]"), NONE},
	{LIT("[192.0.2.1]"), NONE},
	{LIT("[192.0.2.1]:25"), NONE},
	{LIT("[192.0.2.1]:mail"), NONE},
	{LIT("[192.0.2.1"), NONE},
	{LIT("[::1]"), NONE},
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
	{LIT("[a.example]:2\0"), ODD_HOST("a.example")},
	{LIT("exa mple.com"), NONE},
	{LIT("_spf.example.com"), MX("_spf.example.com")}, /* Postfix accepts underscores in host names */
	{LIT("-a.example"),
		NONE}, /* Postfix rejects such hyphens and wildcards in host names, and no certificate has them */
	{LIT("*.example.com"), NONE},
	{LIT("example.25"), NONE}, /* looks like an address: no URL can name its policy host */
	/* An emoji domain, and one that violates IDNA2008's rule for right-to-left text: UTS 46 accepts both. */
	{LIT("\xf0\x9f\x92\xa9.la"), MX("xn--ls8h.la")},
	{LIT("[\xe2\x98\x83.NET.]:587"), HOST("xn--n3h.net", 587)},
	{LIT("\xd7\x90"
	     "ab.test"),
		MX("xn--ab-uld.test")},
	/* Eight-bit names without an A-label here, for which an MTA may have one. */
	{LIT("\xff\xfe\x80.example"), UNREADABLE},
	{LIT("\xf0\x9f\x91\xa9\xe2\x80\x8d\xf0\x9f\x92\xbb.ws"), UNREADABLE}, /* joined emoji */
	{LIT("[x\xcd\xb8.test]:587"), UNREADABLE},                            /* not assigned */
	{LIT("\xcc\x80y.test"), UNREADABLE},
	{LIT("\xff\xe3\x80\x82test"), UNREADABLE}, /* ideographic full stop */
	{LIT("\xff\xef\xbc\x8etest"), UNREADABLE}, /* full-width full stop */
	{LIT("\xff\xef\xbd\xa1test"), UNREADABLE}, /* half-width ideographic full stop */
	{LIT("gel\xf6scht"), NONE},                /* no dot, so no domain */
	{LIT("/run/\xf6.d/lmtp"), NONE},
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
	{LIT("<u@exa_mple.com>"), MX("exa_mple.com")},
	{LIT("<u@example.com:25>"), NONE},
	{LIT("<u@\xf0\x9f\x92\xa9.la>"), MX("xn--ls8h.la")},
	{LIT("<u@b\xfc"
	     "cher.test>"),
		UNREADABLE},
	{LIT("<u@\xff>"), NONE},
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
	if (question->unreadable != row->unreadable)
		fail_msg("`%s`: unreadable is %d", row->bytes, question->unreadable);
	assert_string_equal(question->service, row->service ? row->service : "");
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

/* Joins the next hops of a list by `|`. */
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
		{"a.example:mail", "a.example:mail|"},
		{"a.example:0,[b.example]:ssmtp c.example:", "a.example:0|[b.example]:ssmtp|c.example|"},
		{"gateway:a.example", "gateway|a.example|"},
		{"smtp:a.example", "smtp|a.example|"},
		{"inet:a.example:24", "inet|a.example:24|"},
		{"a.example:\xe3\x80\x82", "a.example|\xe3\x80\x82|"},
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

/* Makes the address `u@` and a name of `len` octets. */
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
	assert_false(question.unreadable); /* no room for `_mta-sts.`, so there can be no policy */
	memset(bytes, 'u', sizeof bytes);
	memcpy(bytes + QUESTION_BYTES_MAX - 10, "@a.example", 10);
	question_from_recipient(&question, bytes, QUESTION_BYTES_MAX, PURPOSE_DELIVER);
	assert_true(question.has_domain);
	memcpy(bytes + QUESTION_BYTES_MAX - 9, "@a.example", 10);
	question_from_recipient(&question, bytes, QUESTION_BYTES_MAX + 1, PURPOSE_DELIVER);
	assert_false(question.has_domain);
	assert_true(question.unreadable);
	question_from_next_hop(&question, bytes, QUESTION_BYTES_MAX + 1, PURPOSE_DELIVER);
	assert_true(question.unreadable);
	question_from_domain(&question, bytes, QUESTION_BYTES_MAX + 1, PURPOSE_DELIVER);
	assert_true(question.unreadable);
}

static void a_service_gets_its_port(void **state)
{
	struct question question;

	(void)state;
	question_from_next_hop(&question, LIT("[a.example]:ssmtp"), PURPOSE_MAP);
	assert_true(question.unreadable);
	question_set_port(&question, 465);
	assert_false(question.unreadable);
	assert_int_equal(question.port, 465);
	assert_string_equal(question.service, "");
	assert_string_equal(question.domain, "a.example");
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

/* The domain whose quota a question of the map uses. */
static void destinations_are_told_apart(void **state)
{
	(void)state;
	static const struct {
		const char *one, *other;
		bool same;
	} rows[] = {
		{"a.example.com", "b.example.com", true},
		{"example.com", "a.b.c.example.com", true},
		{"example.com", "example.net", false},
		{"example.com", "example.org.com", false},
		{"a.example.co.uk", "b.example.co.uk", true},
		{"example.co.uk", "other.co.uk", false},
		{"a.example.com.br", "b.other.com.br", false},
		{"a.gov.uk", "b.gov.uk", false},
		{"a.bund.de", "b.bund.de", true},
		{"co.uk", "com.br", false},
	};
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct question one, other;
		question_from_next_hop(&one, rows[i].one, strlen(rows[i].one), PURPOSE_MAP);
		question_from_next_hop(&other, rows[i].other, strlen(rows[i].other), PURPOSE_MAP);
		assert_true(one.has_domain && other.has_domain);
		if ((question_destination(&one) == question_destination(&other)) != rows[i].same)
			fail_msg("%s and %s", rows[i].one, rows[i].other);
		assert_true(question_destination(&one) != 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(next_hops_agree),
		cmocka_unit_test(lists_come_apart),
		cmocka_unit_test(recipients_agree),
		cmocka_unit_test(length_is_bounded),
		cmocka_unit_test(a_service_gets_its_port),
		cmocka_unit_test(any_bytes_keep_the_promise),
		cmocka_unit_test(destinations_are_told_apart),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
