/* Replies of the TLS policy map in each dialect: their text, and whether the clients' grammar accepts them. */
#include "map_reply.h"

#include "cm.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static char buffer[MAP_REPLY_MAX + 1];

#define BODY "version: STSv1\nmode: enforce\nmx: MX1.example.com\nmx: *.example.net.\nmax_age: 86400\n"
#define SECURE "OK secure match=mx1.example.com:.example.net servername=hostname"
#define ATTRIBUTES                                                                                                     \
	" policy_type=sts policy_domain=example.com"                                                                   \
	" { policy_string = version: STSv1 } { policy_string = mode: enforce }"                                        \
	" { policy_string = mx: MX1.example.com } { policy_string = mx: *.example.net. }"                              \
	" { policy_string = max_age: 86400 } mx_host_pattern=mx1.example.com mx_host_pattern=*.example.net"

static struct policy policy_made(const char *body, bool with_text)
{
	struct policy policy;
	assert_true(policy_parse(&policy, body, strlen(body), NULL));
	if (with_text)
		policy_set_text(&policy, body, (uint32_t)strlen(body));
	return policy;
}

static enum binding binding = BINDING_SECURE; /* of VERDICT_PASS */

static bool render(enum map_dialect dialect, enum verdict_kind kind, enum reason reason, const struct policy *policy)
{
	struct verdict verdict = {.kind = kind, .reason = reason, .has_policy = policy != NULL};
	verdict.binding = kind == VERDICT_PASS ? binding : BINDING_NONE;
	struct text text;
	snprintf(verdict.domain, sizeof verdict.domain, "example.com");
	text_init(&text, buffer, sizeof buffer);
	bool good = map_reply(&text, dialect, &(struct map_source){.verdict = &verdict, .policy = policy});
	assert_false(text.cut);
	assert_int_equal(strlen(buffer), text.len);
	assert_true(map_reply_valid(dialect, (struct span){buffer, text.len}));
	return good;
}

static void body_is(const char *body, enum map_dialect dialect, const char *wanted)
{
	struct policy policy = policy_made(body, true);
	assert_true(render(dialect, VERDICT_PASS, REASON_OK, &policy));
	assert_string_equal(buffer, wanted);
	policy_free(&policy);
}

static void dialects_are_chosen_by_name(void **state)
{
	(void)state;
	static const struct {
		const char *name;
		enum map_dialect dialect;
	} rows[] = {{"postfix", MAP_PLAIN}, {"QUERY", MAP_PLAIN}, {"myzone", MAP_PLAIN}, {"STS", MAP_PLAIN},
		{"stsx", MAP_PLAIN}, {"querywithtlsrpt", MAP_PLAIN}, {"", MAP_PLAIN}, {"postfix-tlsrpt", MAP_TLSRPT},
		{"QUERYwithTLSRPT", MAP_TLSRPT}, {"sts", MAP_STS}};
	for (size_t i = 0; i < COUNT(rows); i++)
		assert_int_equal(
			map_dialect_by_name((struct span){rows[i].name, strlen(rows[i].name)}), rows[i].dialect);
	for (int i = 0; i < MAP_DIALECTS; i++) {
		const char *name = map_dialect_name((enum map_dialect)i);
		assert_int_equal(map_dialect_by_name((struct span){name, strlen(name)}), i);
	}
}

static void enforce_is_told_in_each_dialect(void **state)
{
	(void)state;
	body_is(BODY, MAP_PLAIN, SECURE);
	body_is(BODY, MAP_STS, SECURE);
	body_is(BODY, MAP_TLSRPT, SECURE ATTRIBUTES);
}

/* Our own sessions report a failed fetch (design 7.27), the map never does. */
static void no_answer_fails_a_delivery(void **state)
{
	(void)state;
	struct policy policy = policy_made(BODY, true);
	for (enum reason reason = 0; reason < REASON_COUNT; reason++)
		for (enum verdict_kind kind = VERDICT_NONE; kind <= VERDICT_DEFER; kind++) {
			render(MAP_TLSRPT, kind, reason, &policy);
			assert_null(strstr(buffer, "policy_failure"));
		}
	policy_free(&policy);
}

/* The text of a large policy is not kept, so its lines are made from the parsed policy. */
static void lines_are_written_anew(void **state)
{
	(void)state;
	struct policy policy = policy_made(BODY, false);
	assert_true(render(MAP_TLSRPT, VERDICT_PASS, REASON_OK, &policy));
	assert_string_equal(buffer,
		SECURE " policy_type=sts policy_domain=example.com { policy_string = version: STSv1 }"
		       " { policy_string = mode: enforce } { policy_string = mx: mx1.example.com }"
		       " { policy_string = mx: *.example.net } { policy_string = max_age: 86400 }"
		       " mx_host_pattern=mx1.example.com mx_host_pattern=*.example.net");
	policy_free(&policy);
}

/* Somebody else chooses the text of a policy: lines that would end the braces, or that are not ASCII, are left out. */
static void hostile_lines_are_left_out(void **state)
{
	(void)state;
	body_is("version: STSv1\r\nmode: enforce\r\nx: }\r\ny: { policy_type=none\r\nz: b\xc3\xbc\r\nfine: yes = no\r\n"
		"mx: a.example\r\nmax_age: 1\r\n",
		MAP_TLSRPT,
		"OK secure match=a.example servername=hostname policy_type=sts policy_domain=example.com"
		" { policy_string = version: STSv1 } { policy_string = mode: enforce } { policy_string = fine: yes = "
		"no }"
		" { policy_string = mx: a.example } { policy_string = max_age: 1 } mx_host_pattern=a.example");
	body_is("version: STSv1\nmode: enforce\nmx: nexthop\nmx: a.example\nmx: hostname\nmax_age: 1\n", MAP_TLSRPT,
		"OK secure match=a.example servername=hostname policy_type=sts policy_domain=example.com"
		" { policy_string = version: STSv1 } { policy_string = mode: enforce } { policy_string = mx: nexthop }"
		" { policy_string = mx: a.example } { policy_string = mx: hostname } { policy_string = max_age: 1 }"
		" mx_host_pattern=a.example");
}

static void the_rest_is_the_same_in_all(void **state)
{
	(void)state;
	struct verdict verdict = {.kind = VERDICT_PASS, .binding = BINDING_SECURE};
	struct policy policy = policy_made(BODY, true);
	for (int i = 0; i < MAP_DIALECTS; i++) {
		enum map_dialect dialect = (enum map_dialect)i;
		assert_true(render(dialect, VERDICT_NONE, REASON_NO_RECORD, NULL));
		assert_string_equal(buffer, "NOTFOUND ");
		assert_true(render(dialect, VERDICT_FAIL_TESTING, REASON_OK, &policy));
		assert_string_equal(buffer, "NOTFOUND ");
		assert_true(render(dialect, VERDICT_DEFER, REASON_FIRST_CONTACT, NULL));
		assert_string_equal(buffer, "TEMP first-contact");
		assert_true(render(dialect, VERDICT_PASS, REASON_OK, NULL));
		assert_string_equal(buffer, "TEMP internal");
		struct text text;
		text_init(&text, buffer, sizeof buffer);
		const struct map_source source = {.verdict = &verdict, .policy = &policy, .monitor = true};
		assert_true(map_reply(&text, dialect, &source));
		assert_string_equal(buffer, "NOTFOUND ");
		/* A broken store does not delay mail then either. */
		static const struct verdict broken = {.kind = VERDICT_DEFER, .reason = REASON_INTERNAL};
		text_init(&text, buffer, sizeof buffer);
		assert_true(map_reply(&text, dialect, &(struct map_source){.verdict = &broken, .monitor = true}));
		assert_string_equal(buffer, "NOTFOUND ");
	}
	policy_free(&policy);
}

/* RFC 7672, spec D-68, D-69: the level is sent alone. Sendmail does DANE by itself, and does not accept this word. */
static void dane_is_told_alone(void **state)
{
	(void)state;
	static const char *const words[] = {[BINDING_DANE] = "OK dane", [BINDING_DANE_ONLY] = "OK dane-only"};
	struct policy policy = policy_made(BODY, true);
	for (int i = BINDING_DANE; i <= BINDING_DANE_ONLY; i++) {
		binding = (enum binding)i;
		assert_true(render(MAP_PLAIN, VERDICT_PASS, REASON_OK, &policy));
		assert_string_equal(buffer, words[i]);
		assert_true(render(MAP_TLSRPT, VERDICT_PASS, REASON_OK, NULL));
		assert_string_equal(buffer, words[i]);
		assert_false(render(MAP_STS, VERDICT_PASS, REASON_OK, &policy));
		assert_string_equal(buffer, "TEMP internal");
	}
	binding = BINDING_NONE;
	assert_true(render(MAP_PLAIN, VERDICT_PASS, REASON_OK, &policy));
	assert_string_equal(buffer, "TEMP internal");
	binding = BINDING_SECURE;
	policy_free(&policy);
}

/* default_level = verify (design 4.19). Sendmail has no such level: it gets the names of the mail hosts. */
static void every_domain_is_verified(void **state)
{
	(void)state;
	struct policy names = {.mode = POLICY_NONE};
	names_add(&names.mx, "mx1.example.com", strlen("mx1.example.com"));
	names_add(&names.mx, "mx.example.net", strlen("mx.example.net"));
	binding = BINDING_VERIFY;
	for (int i = 0; i < 2; i++) {
		const struct policy *policy = i == 0 ? NULL : &names;
		assert_true(render(MAP_PLAIN, VERDICT_PASS, REASON_NO_RECORD, policy));
		assert_string_equal(buffer, "OK verify match=hostname servername=hostname");
		assert_true(render(MAP_TLSRPT, VERDICT_PASS, REASON_NO_RECORD, policy));
		assert_string_equal(buffer, "OK verify match=hostname servername=hostname");
	}
	assert_true(render(MAP_STS, VERDICT_PASS, REASON_NO_RECORD, &names));
	assert_string_equal(buffer, "OK secure match=mx1.example.com:mx.example.net servername=hostname");
	assert_true(render(MAP_STS, VERDICT_PASS, REASON_NO_RECORD, NULL));
	assert_string_equal(buffer, "TEMP internal");
	/* What Sendmail cannot read is left out, the last hosts first. */
	for (int i = 0; i < 100; i++) {
		char host[40];
		int len = snprintf(host, sizeof host, "mx%d.example.org", i);
		names_add(&names.mx, host, (size_t)len);
	}
	assert_true(render(MAP_STS, VERDICT_PASS, REASON_NO_RECORD, &names));
	assert_non_null(strstr(buffer, "match=mx1.example.com:mx.example.net:mx0.example.org:"));
	assert_null(strstr(buffer, "mx99."));
	binding = BINDING_SECURE;
	names_free(&names.mx);
}

/* A policy whose names would have another meaning in the reply. */
static void never_invalid(void **state)
{
	(void)state;
	static const char *const words[] = {"nexthop", "dot-nexthop", "hostname"};
	for (size_t i = 0; i < COUNT(words); i++) {
		char body[128];
		snprintf(body, sizeof body, "version: STSv1\nmode: enforce\nmx: %s\nmax_age: 86400\n", words[i]);
		struct policy policy = policy_made(body, true);
		for (int d = 0; d < MAP_DIALECTS; d++) {
			assert_false(render((enum map_dialect)d, VERDICT_PASS, REASON_OK, &policy));
			assert_string_equal(buffer, "TEMP internal");
		}
		policy_free(&policy);
	}
}

static size_t count(const char *word)
{
	size_t found = 0;
	for (const char *at = strstr(buffer, word); at; at = strstr(at + 1, word))
		found++;
	return found;
}

#define LARGE 256

/* The largest policies: complete in the plain dialect, plain where the attributes do not fit, cut for Sendmail. */
static void large_policies_are_bounded(void **state)
{
	(void)state;
	static char body[POLICY_BYTES_MAX + 1];
	size_t len = (size_t)snprintf(body, sizeof body, "version: STSv1\nmode: enforce\nmax_age: 86400\n");
	for (int i = 0; i < LARGE; i++)
		len += (size_t)snprintf(
			body + len, sizeof body - len, "mx: *.h%d.%063d.%063d.%050d.example.com\n", i, 1, 2, 3);
	struct policy policy = policy_made(body, false);
	assert_true(render(MAP_PLAIN, VERDICT_PASS, REASON_OK, &policy));
	assert_int_equal(strncmp(buffer, "OK secure match=.h0.", 20), 0);
	assert_int_equal(count("example.com"), LARGE);
	assert_true(render(MAP_TLSRPT, VERDICT_PASS, REASON_OK, &policy));
	assert_int_equal(count("example.com"), LARGE);
	assert_int_equal(count("policy_"), 0);
	assert_true(render(MAP_STS, VERDICT_PASS, REASON_OK, &policy));
	assert_in_range(count("example.com"), 3, 6);
	assert_non_null(strstr(buffer, "example.com servername=hostname"));
	policy_free(&policy);
	/* The longest name alone still fits. */
	len = (size_t)snprintf(body, sizeof body, "version: STSv1\nmode: enforce\nmax_age: 86400\nmx: ");
	for (int i = 0; i < 126; i++)
		len += (size_t)snprintf(body + len, sizeof body - len, "a.");
	snprintf(body + len, sizeof body - len, "b\n");
	policy = policy_made(body, true);
	assert_true(render(MAP_STS, VERDICT_PASS, REASON_OK, &policy));
	assert_int_equal(strncmp(buffer, "OK secure match=a.a.", 20), 0);
	policy_free(&policy);
}

#define HEAD "OK secure match=a.example:.b.example servername=hostname"
#define TYPE " policy_type=sts"
#define DOMAIN_ " policy_domain=d.example"
#define LINE " { policy_string = mode: enforce }"
#define PATTERNS " mx_host_pattern=a.example mx_host_pattern=*.b.example"

enum { PLAIN = 1 << MAP_PLAIN, TLSRPT = 1 << MAP_TLSRPT, STS = 1 << MAP_STS, ALL = PLAIN | TLSRPT | STS };

static const struct {
	struct span reply;
	int taken_by;
} replies[] = {
	{{LIT("NOTFOUND ")}, ALL},
	{{LIT("OK dane")}, PLAIN | TLSRPT},
	{{LIT("OK dane-only")}, PLAIN | TLSRPT},
	{{LIT("OK dane ")}, 0},
	{{LIT("OK dane-only servername=hostname")}, 0},
	{{LIT("OK dane match=a.example")}, 0},
	{{LIT("OK danes")}, 0},
	{{LIT("TEMP try again")}, ALL},
	{{LIT("OK secure match=a.example servername=hostname")}, ALL},
	{{LIT("OK secure match=a.example:.b.example:xn--bcher-kva.test servername=hostname")}, ALL},
	{{LIT("OK secure match=.example servername=hostname")}, ALL},
	{{LIT("OK secure match=single servername=hostname")}, ALL},
	{{LIT("OK secure match=hostname.example servername=hostname")}, ALL},
	{{LIT(HEAD TYPE DOMAIN_ LINE PATTERNS)}, TLSRPT},
	{{LIT(HEAD PATTERNS LINE LINE DOMAIN_ TYPE)}, TLSRPT},
	{{LIT(HEAD TYPE DOMAIN_ PATTERNS)}, 0},
	{{LIT(HEAD TYPE DOMAIN_ LINE)}, 0},
	{{LIT(HEAD TYPE LINE PATTERNS)}, 0},
	{{LIT(HEAD DOMAIN_ LINE PATTERNS)}, 0},
	{{LIT(HEAD TYPE)}, 0},
	{{LIT(HEAD PATTERNS)}, 0},
	{{LIT(HEAD TYPE TYPE DOMAIN_ LINE PATTERNS)}, 0},
	{{LIT(HEAD TYPE DOMAIN_ DOMAIN_ LINE PATTERNS)}, 0},
	{{LIT(HEAD TYPE DOMAIN_ LINE PATTERNS PATTERNS)}, 0},
	{{LIT(HEAD TYPE DOMAIN_ LINE " mx_host_pattern=a.example")}, 0},
	{{LIT(HEAD TYPE DOMAIN_ LINE " mx_host_pattern=*.b.example mx_host_pattern=a.example")}, 0},
	{{LIT(HEAD TYPE DOMAIN_ LINE " mx_host_pattern=a.example mx_host_pattern=.b.example")}, 0},
	{{LIT(HEAD TYPE DOMAIN_ LINE " mx_host_pattern=*a.example mx_host_pattern=*.b.example")}, 0},
	{{LIT(HEAD " policy_type=none" DOMAIN_ LINE PATTERNS)}, 0},
	{{LIT(HEAD TYPE " policy_domain=D.example" LINE PATTERNS)}, 0},
	{{LIT(HEAD TYPE " policy_domain=" LINE PATTERNS)}, 0},
	{{LIT(HEAD TYPE DOMAIN_ LINE PATTERNS " policy_ttl=1")}, 0},
	{{LIT(HEAD TYPE DOMAIN_ LINE PATTERNS " policy_failure=sts-policy-invalid")}, 0},
	{{LIT(HEAD TYPE DOMAIN_ LINE PATTERNS " ")}, 0},
	{{LIT(HEAD TYPE DOMAIN_ LINE PATTERNS " {")}, 0},
	{{LIT(HEAD TYPE DOMAIN_ LINE PATTERNS " }")}, 0},
	{{LIT(HEAD TYPE DOMAIN_ LINE PATTERNS " {}")}, 0},
	{{LIT(HEAD TYPE DOMAIN_ " { policy_string =  }" PATTERNS)}, 0},
	{{LIT(HEAD TYPE DOMAIN_ " { policy_string = }" PATTERNS)}, 0},
	{{LIT(HEAD TYPE DOMAIN_ " { policy_string = a}" PATTERNS)}, 0},
	{{LIT(HEAD TYPE DOMAIN_ " { policy_string = a } x }" PATTERNS)}, 0},
	{{LIT(HEAD TYPE DOMAIN_ " { policy_string = a { }" PATTERNS)}, 0},
	{{LIT(HEAD TYPE DOMAIN_ " { policy_string = a\n }" PATTERNS)}, 0},
	{{LIT(HEAD TYPE DOMAIN_ " { policy_string = b\xc3\xbc }" PATTERNS)}, 0},
	{{LIT(HEAD TYPE DOMAIN_ LINE "mx_host_pattern=a.example mx_host_pattern=*.b.example")}, 0},
	{{LIT("")}, 0},
	{{LIT("NOTFOUND")}, 0},
	{{LIT("NOTFOUND x")}, 0},
	{{LIT("notfound ")}, 0},
	{{LIT("TEMP")}, 0},
	{{LIT("TEMP ")}, 0},
	{{LIT("TEMP a\nb")}, 0},
	{{LIT("TEMP a\0b")}, 0},
	{{LIT("TEMP \xc3\xa4")}, 0},
	{{LIT("PERM never")}, 0},
	{{LIT("TIMEOUT later")}, 0},
	{{LIT("OK")}, 0},
	{{LIT("OK ")}, 0},
	{{LIT("OK secure")}, 0},
	{{LIT("OK may")}, 0},
	{{LIT("OK secure match=a.example")}, 0},
	{{LIT("OK secure match= servername=hostname")}, 0},
	{{LIT("OK secure match=servername=hostname")}, 0},
	{{LIT("OK secure match=: servername=hostname")}, 0},
	{{LIT("OK secure match=a.example: servername=hostname")}, 0},
	{{LIT("OK secure match=:a.example servername=hostname")}, 0},
	{{LIT("OK secure match=a.example::b.example servername=hostname")}, 0},
	{{LIT("OK secure match=a.example,b.example servername=hostname")}, 0},
	{{LIT("OK secure match=a.example b.example servername=hostname")}, 0},
	{{LIT("OK secure match=a.example  servername=hostname")}, 0},
	{{LIT("OK secure match=a.example servername=hostname ")}, 0},
	{{LIT("OK secure match=a.example servername=a.example")}, 0},
	{{LIT("OK secure match=a.example policy_type=sts servername=hostname")}, 0},
	{{LIT("OK secure match=*.example servername=hostname")}, 0},
	{{LIT("OK secure match=..example servername=hostname")}, 0},
	{{LIT("OK secure match=. servername=hostname")}, 0},
	{{LIT("OK secure match=A.example servername=hostname")}, 0},
	{{LIT("OK secure match=a.example. servername=hostname")}, 0},
	{{LIT("OK secure match=a_b.example servername=hostname")}, ALL},
	{{LIT("OK secure match=192.0.2.1 servername=hostname")}, 0},
	{{LIT("OK secure match=b\xc3\xbc"
	      "cher.test servername=hostname")},
		0},
	{{LIT("OK secure match=a.example\0 servername=hostname")}, 0},
	{{LIT("OK secure match=nexthop servername=hostname")}, 0},
	{{LIT("OK secure match=a.example:dot-nexthop servername=hostname")}, 0},
	{{LIT("OK secure match=hostname:a.example servername=hostname")}, 0},
	{{LIT("OK encrypt match=a.example servername=hostname")}, 0},
	{{LIT("OK verify match=hostname servername=hostname")}, ALL & ~(1 << MAP_STS)},
	{{LIT("OK verify")}, 0},
	{{LIT("OK verify match=hostname")}, 0},
	{{LIT("OK verify servername=hostname")}, 0},
	{{LIT("OK verify match=nexthop servername=hostname")}, 0},
	{{LIT("OK verify match=hostname:a.example servername=hostname")}, 0},
	{{LIT("OK verify match=hostname servername=hostname ")}, 0},
	{{LIT("OK verify match=hostname servername=a.example")}, 0},
};

static void grammars_agree(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(replies); i++)
		for (int d = 0; d < MAP_DIALECTS; d++)
			if (map_reply_valid((enum map_dialect)d, replies[i].reply) != !!(replies[i].taken_by & 1 << d))
				fail_msg("%s: `%s`", map_dialect_name((enum map_dialect)d), replies[i].reply.at);
}

static void replies_are_bounded(void **state)
{
	(void)state;
	static char bytes[MAP_REPLY_MAX + 1];
	memset(bytes, 'x', sizeof bytes);
	memcpy(bytes, "TEMP ", 5);
	for (int d = 0; d < MAP_DIALECTS; d++) {
		assert_true(map_reply_valid((enum map_dialect)d, (struct span){bytes, MAP_REPLY_MAX}));
		assert_false(map_reply_valid((enum map_dialect)d, (struct span){bytes, MAP_REPLY_MAX + 1}));
	}
	size_t len = (size_t)snprintf(bytes, sizeof bytes, "OK secure match=a.b.c.d");
	for (int i = 0; i < 100; i++)
		len += (size_t)snprintf(bytes + len, sizeof bytes - len, ":a.b.c.d");
	len += (size_t)snprintf(bytes + len, sizeof bytes - len, " servername=hostname");
	assert_true(map_reply_valid(MAP_PLAIN, (struct span){bytes, len}));
	assert_false(map_reply_valid(MAP_STS, (struct span){bytes, len}));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(dialects_are_chosen_by_name),
		cmocka_unit_test(enforce_is_told_in_each_dialect),
		cmocka_unit_test(no_answer_fails_a_delivery),
		cmocka_unit_test(lines_are_written_anew),
		cmocka_unit_test(hostile_lines_are_left_out),
		cmocka_unit_test(the_rest_is_the_same_in_all),
		cmocka_unit_test(dane_is_told_alone),
		cmocka_unit_test(every_domain_is_verified),
		cmocka_unit_test(never_invalid),
		cmocka_unit_test(large_policies_are_bounded),
		cmocka_unit_test(grammars_agree),
		cmocka_unit_test(replies_are_bounded),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
