/* The sessions of TLS reports that this relay observes itself: which reason has which result type (spec T-15), and what the
 * sessions of fetches and probes contain. */
#include "tlsrpt_observed.h"

#include "cm.h"
#include "policy_strings.h"

#include <openssl/x509_vfy.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NOW INT64_C(1900000000)
#define NONE TLSRPT_RESULTS

/* --- reasons ------------------------------------------------------------------------------------------------------ */

static void result_types_are_those_of_the_rfc(void **state)
{
	(void)state;
	static const struct {
		int code;
		const char *name;
	} rows[] = {{201, "starttls-not-supported"}, {202, "certificate-host-mismatch"},
		{203, "certificate-not-trusted"}, {204, "certificate-expired"}, {205, "validation-failure"},
		{301, "sts-policy-fetch-error"}, {302, "sts-policy-invalid"}, {303, "sts-webpki-invalid"},
		{304, "tlsa-invalid"}, {305, "dnssec-invalid"}, {306, "dane-required"}};
	assert_int_equal(COUNT(rows), TLSRPT_RESULTS);
	for (size_t i = 0; i < COUNT(rows); i++) {
		enum tlsrpt_result result = tlsrpt_result_by_code(rows[i].code);
		assert_int_not_equal(result, NONE);
		assert_string_equal(tlsrpt_result_name(result), rows[i].name);
		assert_int_equal(tlsrpt_result_by_name((struct span){rows[i].name, strlen(rows[i].name)}), result);
		assert_int_equal(tlsrpt_result_code(result), rows[i].code);
	}
	assert_int_equal(tlsrpt_result_by_code(200), NONE);
	assert_int_equal(tlsrpt_result_by_code(INT64_C(201) + (INT64_C(1) << 32)), NONE);
	assert_int_equal(tlsrpt_result_by_name((struct span){"starttls", 8}), NONE);
}

/* Each reason has a line here, so that a new one is decided on purpose. */
static void each_reason_is_decided(void **state)
{
	(void)state;
	static const struct {
		enum reason reason;
		enum tlsrpt_result result;
	} rows[] = {{REASON_OK, NONE}, {REASON_STARTTLS_MISSING, TLSRPT_STARTTLS_NOT_SUPPORTED},
		{REASON_STARTTLS_REFUSED, TLSRPT_VALIDATION_FAILURE},
		{REASON_STARTTLS_INJECTION, TLSRPT_VALIDATION_FAILURE},
		{REASON_CERT_UNTRUSTED, TLSRPT_CERTIFICATE_NOT_TRUSTED},
		{REASON_CERT_EXPIRED, TLSRPT_CERTIFICATE_EXPIRED},
		{REASON_CERT_NOT_YET_VALID, TLSRPT_CERTIFICATE_NOT_TRUSTED},
		{REASON_CERT_HOST_MISMATCH, TLSRPT_CERTIFICATE_HOST_MISMATCH},
		{REASON_CERT_PURPOSE, TLSRPT_CERTIFICATE_NOT_TRUSTED},
		{REASON_CERT_WEAK_KEY, TLSRPT_CERTIFICATE_NOT_TRUSTED},
		{REASON_CERT_REVOKED, TLSRPT_CERTIFICATE_NOT_TRUSTED}, {REASON_TLS_TOO_OLD, TLSRPT_VALIDATION_FAILURE},
		{REASON_TLS_FAILED, TLSRPT_VALIDATION_FAILURE}, {REASON_MX_NOT_IN_POLICY, TLSRPT_VALIDATION_FAILURE},
		{REASON_TLSA_MISMATCH, TLSRPT_TLSA_INVALID}, {REASON_DANE_REQUIRED, NONE},
		/* our own demand, not the domain's; for DANE_REQUIRED mail goes to the other hosts */
		{REASON_HOP_ELSEWHERE, NONE},
		/* before TLS: spec T-14 */
		{REASON_HOP_UNREACHABLE, NONE}, {REASON_HOP_NO_ADDRESS, NONE}, {REASON_HOP_ADDRESS_LOOKUP, NONE},
		{REASON_HOP_ADDRESS_PRIVATE, NONE}, {REASON_HOP_NETWORK_UNKNOWN, NONE}, {REASON_HOP_TIMEOUT, NONE},
		{REASON_HOP_GREETING, NONE}, {REASON_HOP_PROTOCOL, NONE}, {REASON_HOP_INTERNAL, NONE},
		{REASON_TLSA_LOOKUP, NONE}, {REASON_PROBE_BUDGET, NONE}, {REASON_NOT_YET_CHECKED, NONE},
		{REASON_MX_LOOKUP, NONE}, {REASON_NO_SUCH_DOMAIN, NONE}, {REASON_MX_SET_TOO_LARGE, NONE},
		{REASON_NULL_MX, NONE}, {REASON_OWN_HOST, NONE}, {REASON_NO_POLICY_DOMAIN, NONE},
		{REASON_NEXT_HOP_UNREADABLE, NONE}, {REASON_DOMAIN_UNREADABLE, NONE}, {REASON_EXEMPT, NONE},
		/* no policy was announced */
		{REASON_NO_RECORD, NONE}, {REASON_RECORD_INVALID, NONE}, {REASON_RECORD_MANY, NONE},
		{REASON_RECORD_LOOKUP, NONE}, {REASON_RESOLVER, NONE},
		{REASON_POLICY_FETCH, TLSRPT_STS_POLICY_FETCH_ERROR},
		{REASON_POLICY_INVALID, TLSRPT_STS_POLICY_INVALID}, {REASON_POLICY_WEBPKI, TLSRPT_STS_WEBPKI_INVALID},
		{REASON_POLICY_WAIT, NONE}, {REASON_POLICY_MODE_NONE, NONE}, {REASON_POLICY_MODE_TESTING, NONE},
		{REASON_FIRST_CONTACT, NONE}, {REASON_INTERNAL, NONE}, {REASON_OVERRIDE, NONE}};
	assert_int_equal(COUNT(rows), REASON_COUNT);
	for (size_t i = 0; i < COUNT(rows); i++) {
		assert_int_equal(rows[i].reason, i);
		assert_int_equal(tlsrpt_result_of(rows[i].reason), rows[i].result);
		/* What is bad holds mail under an enforce policy, so it must not be kept from the postmaster. */
		if (reason_class(rows[i].reason) == REASON_BAD && rows[i].reason != REASON_HOP_ELSEWHERE &&
			rows[i].reason != REASON_DANE_REQUIRED)
			assert_int_not_equal(rows[i].result, NONE);
	}
}

static void faults_have_openssls_names(void **state)
{
	(void)state;
#define NAME(error)                                                                                                    \
	{                                                                                                              \
		error, #error                                                                                          \
	}
	static const struct {
		int error;
		const char *name;
	} rows[] = {NAME(X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT), NAME(X509_V_ERR_UNABLE_TO_DECODE_ISSUER_PUBLIC_KEY),
		NAME(X509_V_ERR_CERT_SIGNATURE_FAILURE), NAME(X509_V_ERR_CERT_NOT_YET_VALID),
		NAME(X509_V_ERR_CERT_HAS_EXPIRED), NAME(X509_V_ERR_ERROR_IN_CERT_NOT_BEFORE_FIELD),
		NAME(X509_V_ERR_ERROR_IN_CERT_NOT_AFTER_FIELD), NAME(X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT),
		NAME(X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN), NAME(X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY),
		NAME(X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE), NAME(X509_V_ERR_CERT_CHAIN_TOO_LONG),
		NAME(X509_V_ERR_CERT_REVOKED), NAME(X509_V_ERR_PATH_LENGTH_EXCEEDED), NAME(X509_V_ERR_INVALID_PURPOSE),
		NAME(X509_V_ERR_CERT_UNTRUSTED), NAME(X509_V_ERR_CERT_REJECTED), NAME(X509_V_ERR_KEYUSAGE_NO_CERTSIGN),
		NAME(X509_V_ERR_UNHANDLED_CRITICAL_EXTENSION), NAME(X509_V_ERR_INVALID_NON_CA),
		NAME(X509_V_ERR_KEYUSAGE_NO_DIGITAL_SIGNATURE), NAME(X509_V_ERR_INVALID_EXTENSION),
		NAME(X509_V_ERR_PERMITTED_VIOLATION), NAME(X509_V_ERR_EXCLUDED_VIOLATION),
		NAME(X509_V_ERR_SUBTREE_MINMAX), NAME(X509_V_ERR_UNSUPPORTED_CONSTRAINT_TYPE),
		NAME(X509_V_ERR_HOSTNAME_MISMATCH), NAME(X509_V_ERR_DANE_NO_MATCH), NAME(X509_V_ERR_EE_KEY_TOO_SMALL),
		NAME(X509_V_ERR_CA_KEY_TOO_SMALL), NAME(X509_V_ERR_CA_MD_TOO_WEAK), NAME(X509_V_ERR_INVALID_CA)};
	size_t named = 0;
	for (size_t i = 0; i < COUNT(rows); i++) {
		assert_non_null(tlsrpt_chain_name(rows[i].error));
		assert_string_equal(tlsrpt_chain_name(rows[i].error), rows[i].name);
	}
	for (int32_t error = -1; error < 300; error++)
		named += tlsrpt_chain_name(error) != NULL;
	assert_int_equal(named, COUNT(rows));
}

/* --- facts -------------------------------------------------------------------------------------------------------- */

static const struct rules rules = {.probe = true};

#define BODY "version: STSv1\r\nmode: %s\r\nmx: MX1.example.com\r\nmx: *.example.net\r\nx: }\r\nmax_age: 86400\r\n"

/* `mode` NULL: there is no policy. */
static void facts_make(struct facts *facts, const char *mode)
{
	struct question question;
	char body[512];
	question_from_next_hop(&question, LIT("example.com"), PURPOSE_DELIVER);
	facts_init(facts, &question, &rules, NOW);
	facts_learn_store(facts, NULL);
	if (!mode)
		return;
	struct policy_found found = {.outcome = REASON_OK};
	int len = snprintf(body, sizeof body, BODY, mode);
	assert_true(policy_parse(&found.policy, body, (size_t)len, NULL));
	found.text = body;
	found.text_len = (uint32_t)len;
	facts_learn_policy(facts, &found, "1");
	policy_free(&found.policy);
}

static void strings_are(const struct names *names, const char *const *wanted, size_t count)
{
	const char *name = NULL;
	assert_int_equal(names->count, count);
	for (size_t i = 0; i < count; i++) {
		name = names_next(names, name);
		assert_string_equal(name, wanted[i]);
	}
}

/* --- fetches ------------------------------------------------------------------------------------------------------ */

/* Observes a fetch, and returns the only failure of its only policy. The caller frees the session. */
static const struct tlsrpt_failure *fetch_observed(
	struct tlsrpt_session *session, const char *mode, enum reason outcome, const char *detail)
{
	struct facts facts;
	facts_make(&facts, mode);
	bool observed = tlsrpt_observe_fetch(session, &facts, outcome, detail);
	facts_free(&facts);
	if (!observed)
		return NULL;
	assert_string_equal(session->domain, "example.com");
	assert_string_equal(session->record, "");
	assert_int_equal(session->count, 1);
	assert_int_equal(session->policy[0].type, TLSRPT_STS);
	assert_string_equal(session->policy[0].domain, "example.com");
	assert_int_equal(session->policy[0].failures, 1);
	return &session->policy[0].failure[0];
}

static void a_fetch_without_a_policy_has_failed(void **state)
{
	(void)state;
	static const struct {
		const char *mode;
		enum reason outcome;
		const char *detail;
		int code;
		const char *reason;
	} rows[] = {{NULL, REASON_POLICY_FETCH, "HTTP status 404", 301, "HTTP status 404"},
		{NULL, REASON_POLICY_INVALID, "line 2: no mode", 302, "line 2: no mode"},
		{NULL, REASON_POLICY_WEBPKI, "certificate has expired", 303, "certificate has expired"},
		{"none", REASON_POLICY_FETCH, "HTTP status 404", 301, "HTTP status 404"},
		/* without quotes, control characters, and times that differ each time */
		{NULL, REASON_POLICY_FETCH, "\"a\n\xc3\xbc\"", 301, "a???"},
		{NULL, REASON_POLICY_FETCH, "Failed after 12 ms: after 3 ms, after x ms", 301, "Failed:, after x ms"}};
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct tlsrpt_session session;
		const struct tlsrpt_failure *failure =
			fetch_observed(&session, rows[i].mode, rows[i].outcome, rows[i].detail);
		assert_non_null(failure);
		assert_true(session.policy[0].failed);
		assert_int_equal(session.policy[0].strings.count, 0);
		assert_int_equal(session.policy[0].patterns.count, 0);
		assert_int_equal(tlsrpt_result_code(failure->result), rows[i].code);
		assert_string_equal(failure->reason, rows[i].reason);
		assert_string_equal(failure->mx_name, "");
		assert_string_equal(failure->sender_address, "");
		tlsrpt_session_free(&session);
	}
}

static void a_fetch_with_a_cached_policy_has_not_failed(void **state)
{
	(void)state;
	static const char *const lines[] = {
		"version: STSv1", "mode: enforce", "mx: MX1.example.com", "mx: *.example.net", "max_age: 86400"};
	static const char *const patterns[] = {"mx1.example.com", "*.example.net"};
	struct tlsrpt_session session;
	char longest[2 * TLSRPT_REASON_SIZE];
	const struct tlsrpt_failure *failure =
		fetch_observed(&session, "enforce", REASON_POLICY_FETCH, "HTTP status 503");
	assert_non_null(failure);
	assert_false(session.policy[0].failed);
	assert_string_equal(failure->reason, "HTTP status 503+cached-policy");
	strings_are(&session.policy[0].strings, lines, COUNT(lines));
	strings_are(&session.policy[0].patterns, patterns, COUNT(patterns));
	tlsrpt_session_free(&session);
	/* the mark is never cut off */
	memset(longest, 'x', sizeof longest);
	longest[sizeof longest - 1] = '\0';
	failure = fetch_observed(&session, "testing", REASON_POLICY_FETCH, longest);
	assert_int_equal(strlen(failure->reason), TLSRPT_REASON_SIZE - 1);
	assert_string_equal(failure->reason + TLSRPT_REASON_SIZE - 1 - strlen("x+cached-policy"), "x+cached-policy");
	tlsrpt_session_free(&session);
}

static void other_outcomes_are_not_observed(void **state)
{
	(void)state;
	struct tlsrpt_session session;
	assert_null(fetch_observed(&session, NULL, REASON_OK, ""));
	assert_null(fetch_observed(&session, NULL, REASON_RESOLVER, "no resolver answers"));
	assert_null(fetch_observed(&session, "enforce", REASON_RECORD_LOOKUP, ""));
}

/* --- probes ------------------------------------------------------------------------------------------------------- */

static bool hop_observed(struct tlsrpt_hop *hop, const struct evidence *seen, const struct look *look)
{
	struct names records = {.count = 0};
	names_add(&records, LIT("3 1 1 AB"));
	names_add(&records, LIT("2 0 1 CD"));
	const struct tlsrpt_probe probe = {.host = "mx1.example.com",
		.port = 25,
		.seen = seen,
		.look = look,
		.base = "base.example.com",
		.records = &records};
	bool observed = tlsrpt_observe_hop(hop, &probe, false);
	names_free(&records);
	return observed;
}

static void probes_give_what_they_know(void **state)
{
	(void)state;
	static const struct {
		enum reason reason;
		int32_t chain;
		const char *text, *ehlo, *from;
		const char *wanted_reason, *wanted_helo, *wanted_from;
	} rows[] = {
		{REASON_STARTTLS_MISSING, 0, "", "mx.example.net", "8.8.8.8", "", "mx.example.net", "8.8.8.8"},
		{REASON_CERT_EXPIRED, 10, "", "mx", "2a00::1", "X509_V_ERR_CERT_HAS_EXPIRED", "mx", "2a00::1"},
		{REASON_CERT_UNTRUSTED, 20, "untrusted words", "", "", "X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY",
			"", ""},
		{REASON_CERT_WEAK_KEY, 9999, "", "", "", "certificate-key-too-weak", "", ""},
		{REASON_CERT_REVOKED, 23, "", "", "", "X509_V_ERR_CERT_REVOKED", "", ""},
		{REASON_STARTTLS_REFUSED, 0, "454 not now, id 4711", "", "", "starttls-refused", "", ""},
		{REASON_TLS_FAILED, 0, "sslv3 alert handshake failure", "", "",
			"tls-handshake-failure: sslv3 alert handshake failure", "", ""},
		{REASON_TLS_TOO_OLD, 10, "TLSv1", "", "", "tls-too-old: TLSv1", "", ""},
		{REASON_TLS_FAILED, 0, "", "", "", "tls-handshake-failure", "", ""},
		/* our own address is a private one; the peer's name is none */
		{REASON_STARTTLS_MISSING, 0, "", "\x1b[2J", "192.168.1.1", "", "", ""},
		{REASON_STARTTLS_MISSING, 0, "", "a b", "10.0.0.1", "", "", ""},
		{REASON_STARTTLS_MISSING, 0, "", "[8.0.1.1]", "x", "", "[8.0.1.1]", ""},
	};
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct tlsrpt_hop hop;
		struct look look = {.at = NOW};
		struct evidence seen = {
			.at = NOW, .reason = rows[i].reason, .chain = rows[i].chain, .address = "8.0.1.1"};
		snprintf(seen.text, sizeof seen.text, "%s", rows[i].text);
		snprintf(look.ehlo_name, sizeof look.ehlo_name, "%s", rows[i].ehlo);
		snprintf(look.from, sizeof look.from, "%s", rows[i].from);
		assert_true(hop_observed(&hop, &seen, &look));
		assert_int_equal(hop.at, NOW);
		assert_string_equal(hop.failure.mx_name, "mx1.example.com");
		assert_string_equal(hop.failure.mx_address, "8.0.1.1");
		assert_string_equal(hop.failure.reason, rows[i].wanted_reason);
		assert_string_equal(hop.failure.mx_helo, rows[i].wanted_helo);
		assert_string_equal(hop.failure.sender_address, rows[i].wanted_from);
		assert_true(hop_observed(&hop, &seen, NULL));
		assert_string_equal(hop.failure.mx_helo, "");
	}
}

static void some_results_are_no_sessions(void **state)
{
	(void)state;
	struct tlsrpt_hop hop;
	struct evidence seen = {.at = NOW, .reason = REASON_OK};
	assert_true(hop_observed(&hop, &seen, NULL));
	assert_int_equal(hop.failure.result, NONE);
	seen.seen_for[0] = 'x'; /* inferred from a probe of another host */
	assert_false(hop_observed(&hop, &seen, NULL));
	seen = (struct evidence){.reason = REASON_OK};
	assert_false(hop_observed(&hop, &seen, NULL));
	for (enum reason reason = 0; reason < REASON_COUNT; reason++) {
		seen = (struct evidence){.at = NOW, .reason = reason};
		if (reason_class(reason) == REASON_INCONCLUSIVE || reason == REASON_HOP_ELSEWHERE)
			assert_false(hop_observed(&hop, &seen, NULL));
	}
}

static void the_scope_decides_which_sessions_count(void **state)
{
	(void)state;
	static const struct {
		const char *mode;
		enum override_kind override;
		enum tlsrpt_scope scope;
		bool counts;
	} rows[] = {
		{"testing", OVERRIDE_NONE, TLSRPT_SCOPE_TESTING, true},
		{"testing", OVERRIDE_NONE, TLSRPT_SCOPE_ALL, true},
		{"testing", OVERRIDE_NONE, TLSRPT_SCOPE_OFF, false},
		{"testing", OVERRIDE_ENFORCE, TLSRPT_SCOPE_TESTING, false},
		{"testing", OVERRIDE_ENFORCE, TLSRPT_SCOPE_ALL, true},
		{"enforce", OVERRIDE_NONE, TLSRPT_SCOPE_TESTING, false},
		{"enforce", OVERRIDE_NONE, TLSRPT_SCOPE_ALL, true},
		{"enforce", OVERRIDE_NONE, TLSRPT_SCOPE_OFF, false},
		{"none", OVERRIDE_NONE, TLSRPT_SCOPE_TESTING, false},
		{"none", OVERRIDE_NONE, TLSRPT_SCOPE_ALL, false},
		{NULL, OVERRIDE_NONE, TLSRPT_SCOPE_ALL, false},
	};
	const struct evidence seen = {.at = NOW, .reason = REASON_STARTTLS_MISSING};
	struct tlsrpt_hop hop;
	assert_true(hop_observed(&hop, &seen, NULL));
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct tlsrpt_session session;
		struct facts facts;
		facts_make(&facts, rows[i].mode);
		facts.override.kind = rows[i].override;
		assert_int_equal(tlsrpt_observe_session(&session, &facts, rows[i].scope, &hop), rows[i].counts);
		if (rows[i].counts) {
			assert_true(session.policy[0].failed);
			assert_int_equal(session.policy[0].strings.count, 5);
			assert_string_equal(session.policy[0].failure[0].mx_name, "mx1.example.com");
			tlsrpt_session_free(&session);
		}
		bool outside = tlsrpt_observe_outside(&session, &facts, rows[i].scope, "other.example.org");
		assert_int_equal(outside, rows[i].counts);
		if (outside) {
			const struct tlsrpt_failure *failure = &session.policy[0].failure[0];
			assert_int_equal(tlsrpt_result_code(failure->result), 205);
			assert_string_equal(failure->reason, "mx-not-in-policy");
			assert_string_equal(failure->mx_name, "other.example.org");
			tlsrpt_session_free(&session);
		}
		assert_false(tlsrpt_observe_outside(&session, &facts, rows[i].scope, "mx1.example.com"));
		facts_free(&facts);
	}
}

/* RFC 8460 4.4: the base domain and the records. They count only if the MTA reports nothing itself. */
static void tlsa_records_are_a_policy(void **state)
{
	(void)state;
	static const char *const records[] = {"3 1 1 AB", "2 0 1 CD"};
	static const enum reason reasons[] = {REASON_OK, REASON_TLSA_MISMATCH};
	for (size_t i = 0; i < COUNT(reasons); i++) {
		const struct evidence seen = {.at = NOW, .reason = reasons[i], .tlsa_id = 7, .chain = i ? 65 : 0};
		struct tlsrpt_session session;
		struct tlsrpt_hop hop;
		struct facts facts;
		facts_make(&facts, i ? "testing" : NULL);
		assert_true(hop_observed(&hop, &seen, NULL));
		assert_false(tlsrpt_observe_session(&session, &facts, TLSRPT_SCOPE_TESTING, &hop));
		assert_true(tlsrpt_observe_session(&session, &facts, TLSRPT_SCOPE_ALL, &hop));
		const struct tlsrpt_policy *policy = &session.policy[0];
		assert_int_equal(policy->type, TLSRPT_TLSA);
		assert_string_equal(policy->domain, "base.example.com");
		strings_are(&policy->strings, records, COUNT(records));
		assert_int_equal(policy->patterns.count, 0);
		assert_int_equal(policy->failed, i);
		assert_int_equal(policy->failures, i);
		if (i) {
			assert_int_equal(tlsrpt_result_code(policy->failure[0].result), 304);
			assert_string_equal(policy->failure[0].reason, "X509_V_ERR_DANE_NO_MATCH");
		}
		tlsrpt_session_free(&session);
		tlsrpt_hop_free(&hop);
		facts_free(&facts);
	}
}

static void a_name_that_is_no_host_is_left_out(void **state)
{
	(void)state;
	static const char *const names[] = {"", MX_ROOT, "\"\\x00.example\""};
	for (size_t i = 0; i < COUNT(names); i++) {
		struct tlsrpt_session session;
		struct facts facts;
		facts_make(&facts, "testing");
		assert_true(tlsrpt_observe_outside(&session, &facts, TLSRPT_SCOPE_TESTING, names[i]));
		assert_string_equal(session.policy[0].failure[0].mx_name, "");
		tlsrpt_session_free(&session);
		facts_free(&facts);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(result_types_are_those_of_the_rfc),
		cmocka_unit_test(each_reason_is_decided), cmocka_unit_test(faults_have_openssls_names),
		cmocka_unit_test(a_fetch_without_a_policy_has_failed),
		cmocka_unit_test(a_fetch_with_a_cached_policy_has_not_failed),
		cmocka_unit_test(other_outcomes_are_not_observed), cmocka_unit_test(probes_give_what_they_know),
		cmocka_unit_test(some_results_are_no_sessions),
		cmocka_unit_test(the_scope_decides_which_sessions_count),
		cmocka_unit_test(a_name_that_is_no_host_is_left_out), cmocka_unit_test(tlsa_records_are_a_policy)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
