/* Staples: which of them are believed. Each case differs from the good one in one thing. */
#include "pki.h"
#include "staple.h"

#include "cm.h"

#include <openssl/ocsp.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define DAY 86400

static struct pki_pair ca, other, clerk, mate, foreign, leaf, next;

static struct staple read_der(const unsigned char *der, size_t len)
{
	struct staple staple = {.state = STAPLE_REVOKED, .demanded = true};

	staple_read(&staple, der, len, leaf.cert, ca.cert, time(NULL));
	assert_true(staple.demanded);
	assert_int_equal(staple.state == STAPLE_UNUSABLE, staple.why != NULL);
	return staple;
}

static void test_rows(void **state)
{
	const struct {
		const char *name;
		const struct pki_pair *signer;
		struct pki_staple staple;
		enum staple_state expected;
		const char *why;
	} rows[] = {
		{"good", &ca, {leaf.cert, ca.cert, V_OCSP_CERTSTATUS_GOOD, -DAY, DAY, NULL, false}, STAPLE_GOOD, NULL},
		{"revoked", &ca, {leaf.cert, ca.cert, V_OCSP_CERTSTATUS_REVOKED, -DAY, DAY, NULL, false},
			STAPLE_REVOKED, NULL},
		{"SHA-256 of the names", &ca,
			{leaf.cert, ca.cert, V_OCSP_CERTSTATUS_GOOD, -DAY, DAY, EVP_sha256(), false}, STAPLE_GOOD,
			NULL},
		{"by an appointed responder", &clerk,
			{leaf.cert, ca.cert, V_OCSP_CERTSTATUS_REVOKED, -DAY, DAY, NULL, false}, STAPLE_REVOKED, NULL},
		{"the clocks differ a little", &ca, {leaf.cert, ca.cert, V_OCSP_CERTSTATUS_GOOD, 200, DAY, NULL, false},
			STAPLE_GOOD, NULL},
		{"just over", &ca, {leaf.cert, ca.cert, V_OCSP_CERTSTATUS_GOOD, -DAY, -200, NULL, false}, STAPLE_GOOD,
			NULL},
		{"not valid yet", &ca, {leaf.cert, ca.cert, V_OCSP_CERTSTATUS_GOOD, 400, DAY, NULL, false},
			STAPLE_UNUSABLE, "not valid yet"},
		{"too old", &ca, {leaf.cert, ca.cert, V_OCSP_CERTSTATUS_GOOD, -DAY, -400, NULL, false}, STAPLE_UNUSABLE,
			"too old"},
		{"revoked, but too old", &ca, {leaf.cert, ca.cert, V_OCSP_CERTSTATUS_REVOKED, -DAY, -400, NULL, false},
			STAPLE_UNUSABLE, "too old"},
		{"no end", &ca, {leaf.cert, ca.cert, V_OCSP_CERTSTATUS_GOOD, -DAY, 0, NULL, false}, STAPLE_UNUSABLE,
			"how long"},
		{"unknown", &ca, {leaf.cert, ca.cert, V_OCSP_CERTSTATUS_UNKNOWN, -DAY, DAY, NULL, false},
			STAPLE_UNUSABLE, "does not know"},
		{"another certificate", &ca, {next.cert, ca.cert, V_OCSP_CERTSTATUS_GOOD, -DAY, DAY, NULL, false},
			STAPLE_UNUSABLE, "another certificate"},
		{"another issuer", &ca, {leaf.cert, other.cert, V_OCSP_CERTSTATUS_REVOKED, -DAY, DAY, NULL, false},
			STAPLE_UNUSABLE, "another certificate"},
		{"by another authority", &other,
			{leaf.cert, ca.cert, V_OCSP_CERTSTATUS_REVOKED, -DAY, DAY, NULL, false}, STAPLE_UNUSABLE,
			"not signed"},
		{"by another authority's responder", &foreign,
			{leaf.cert, ca.cert, V_OCSP_CERTSTATUS_REVOKED, -DAY, DAY, NULL, false}, STAPLE_UNUSABLE,
			"not signed"},
		{"by another customer", &mate, {leaf.cert, ca.cert, V_OCSP_CERTSTATUS_REVOKED, -DAY, DAY, NULL, false},
			STAPLE_UNUSABLE, "not signed"},
		{"by the certificate itself", &leaf,
			{leaf.cert, ca.cert, V_OCSP_CERTSTATUS_GOOD, -DAY, DAY, NULL, false}, STAPLE_UNUSABLE,
			"not signed"},
		{"error report", &ca, {leaf.cert, ca.cert, V_OCSP_CERTSTATUS_GOOD, -DAY, DAY, NULL, true},
			STAPLE_UNUSABLE, "error report"},
	};
	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		size_t len;
		unsigned char *der = pki_staple(rows[i].signer, &rows[i].staple, &len);
		struct staple staple = read_der(der, len);

		if (staple.state != rows[i].expected || (rows[i].why && !strstr(staple.why, rows[i].why)))
			fail_msg("%s: %s, %s", rows[i].name, staple_state_name(staple.state), staple.why);
		if (staple.state == STAPLE_UNUSABLE) {
			assert_true(staple.this_update == 0 && staple.next_update == 0 && staple.revoked_at == 0);
		} else {
			assert_in_range(staple.this_update, time(NULL) - DAY - 5, time(NULL) + 300);
			assert_true(staple.next_update > staple.this_update);
			assert_int_equal(staple.revoked_at != 0, staple.state == STAPLE_REVOKED);
		}
		OPENSSL_free(der);
	}
}

/* A staple is read as a whole. */
static void test_hostile_bytes(void **state)
{
	const struct pki_staple good = {leaf.cert, ca.cert, V_OCSP_CERTSTATUS_GOOD, -DAY, DAY, NULL, false};
	static unsigned char large[STAPLE_BYTES_MAX + 1];
	size_t len;
	unsigned char *der = pki_staple(&ca, &good, &len);
	(void)state;
	memcpy(large, der, len);
	assert_int_equal(read_der(large, len).state, STAPLE_GOOD);
	assert_int_equal(read_der(large, len + 1).state, STAPLE_UNUSABLE);
	assert_string_equal(read_der(large, sizeof large).why, "it is too long");
	for (size_t cut = 0; cut < len; cut++)
		assert_int_equal(read_der(der, cut).state, STAPLE_UNUSABLE);
	for (size_t at = 0; at < len; at++) {
		der[at] ^= 1;
		/* Some octets are not signed, and do not matter. */
		if (read_der(der, len).state == STAPLE_REVOKED)
			fail_msg("octet %zu", at);
		der[at] ^= 1;
	}
	OPENSSL_free(der);
}

static int set_up(void **state)
{
	(void)state;
	ca = pki_ca("ca");
	other = pki_ca("other");
	clerk = pki_issue(&ca, &(struct pki_request){.cn = "clerk", .usage = "OCSPSigning"});
	foreign = pki_issue(&other, &(struct pki_request){.cn = "foreign", .usage = "OCSPSigning"});
	mate = pki_issue(&ca, &(struct pki_request){.cn = "mate", .usage = "serverAuth"});
	leaf = pki_issue(&ca, &(struct pki_request){.san = "DNS:mx.example.com"});
	next = pki_issue(&ca, &(struct pki_request){.san = "DNS:mx.example.com"});
	return 0;
}

static int tear_down(void **state)
{
	struct pki_pair *const all[] = {&ca, &other, &clerk, &mate, &foreign, &leaf, &next};
	(void)state;
	for (size_t i = 0; i < COUNT(all); i++)
		pki_free(all[i]);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_rows), cmocka_unit_test(test_hostile_bytes)};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
