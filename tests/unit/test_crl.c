/* crl: which addresses are accepted, what a certificate says about its CRL, and which CRLs may be believed. Each case
 * differs from the good one in one thing. */
#include "crl.h"
#include "pki.h"

#include "cm.h"

#include <openssl/x509v3.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define URL "http://c.example.net/13.crl"

static struct pki_pair ca, other, mute, clerk, leaf, next;

/* --- addresses ---------------------------------------------------------------------------------------------------- */

static void test_url(void **state)
{
	static const struct {
		const char *text, *host, *path; /* host NULL: refused */
	} row[] = {
		{URL, "c.example.net", "/13.crl"},
		{"http://C.Example.NET/", "c.example.net", "/"},
		{"HTTP://c.example.net/a?b=c", "c.example.net", "/a?b=c"},
		{"http://c.example.net:80/a%20b", "c.example.net", "/a%20b"},
		{"http://c.example.net./x", "c.example.net", "/x"},
		{"https://c.example.net/13.crl", NULL, NULL},
		{"ldap://c.example.net/13.crl", NULL, NULL},
		{"http://c.example.net", NULL, NULL},
		{"http:///13.crl", NULL, NULL},
		{"http://c.example.net:25/13.crl", NULL, NULL},
		{"http://c.example.net:8080/13.crl", NULL, NULL},
		{"http://c.example.net:/13.crl", NULL, NULL},
		{"http://user@c.example.net/13.crl", NULL, NULL},
		{"http://c.example.net\\@evil.example/13.crl", NULL, NULL},
		{"http://c_x.example.net/13.crl", NULL, NULL},
		{"http://localhost/13.crl", NULL, NULL},
		{"http://127.0.0.1/13.crl", NULL, NULL},
		{"http://0x7f.1/13.crl", NULL, NULL},
		{"http://[::1]/13.crl", NULL, NULL},
		{"http://c.example.net/13.crl#part", NULL, NULL},
		{"http://c.example.net/1 3.crl", NULL, NULL},
		{"http://c.example.net/13.crl\r\nHost: evil", NULL, NULL},
		{"http://c.example.net/\xc3\xa4", NULL, NULL},
		{"http://b\xc3\xbc"
		 "cher.example/13.crl",
			NULL, NULL},
		{"http://c.example.net/{1,2}.crl", NULL, NULL},
	};
	(void)state;
	for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
		struct crl_url url;
		bool read = crl_url_parse(&url, (struct span){row[i].text, strlen(row[i].text)});
		if (read != (row[i].host != NULL))
			fail_msg("%s", row[i].text);
		if (!read)
			continue;
		assert_string_equal(url.text, row[i].text);
		assert_string_equal(url.host, row[i].host);
		assert_string_equal(url.text + url.path_at, row[i].path);
	}
	assert_false(crl_url_parse(&(struct crl_url){.path_at = 0}, (struct span){"http://c.example.net/\0a", 23}));
}

static void test_url_length(void **state)
{
	char text[CRL_URL_SIZE + 1];
	struct crl_url url;
	(void)state;
	memset(text, 'a', sizeof text);
	memcpy(text, "http://c.example.net/", 21);
	assert_true(crl_url_parse(&url, (struct span){text, CRL_URL_SIZE - 1}));
	assert_false(crl_url_parse(&url, (struct span){text, CRL_URL_SIZE}));
}

/* --- certificates ------------------------------------------------------------------------------------------------- */

static bool reads(const char *points, struct crl_leaf *out)
{
	struct pki_pair pair = pki_issue(&ca, &(struct pki_request){.crl = points});
	bool read = crl_leaf_read(out, pair.cert, ca.cert);
	pki_free(&pair);
	return read;
}

static void test_leaf(void **state)
{
	struct crl_leaf one, two, third;
	unsigned char digest[32];
	unsigned len = sizeof digest;
	(void)state;
	assert_true(crl_leaf_read(&one, leaf.cert, ca.cert));
	assert_string_equal(one.url.text, URL);
	assert_true(strlen(one.serial) > 0 && one.not_after > time(NULL) + 29 * 86400);
	assert_int_equal(X509_digest(leaf.cert, EVP_sha256(), digest, &len), 1);
	for (int i = 0; i < 8; i++)
		assert_int_equal((one.leaf >> (56 - 8 * i)) & 0xff, digest[i]);
	/* one list for the leaves of an issuer and an address, another one for another issuer or address */
	assert_true(crl_leaf_read(&two, next.cert, ca.cert));
	assert_true(one.leaf != two.leaf && one.list == two.list);
	assert_true(crl_leaf_read(&two, next.cert, other.cert));
	assert_true(one.list != two.list);
	assert_true(reads("URI:http://c.example.net/14.crl", &third) && third.list != one.list);

	assert_true(reads("URI:ldap://c.example.net/x,URI:https://c.example.net/x,URI:" URL, &one));
	assert_string_equal(one.url.text, URL);
	assert_false(reads(NULL, &one));
	assert_false(reads("URI:https://c.example.net/13.crl", &one));
	assert_false(reads("URI:http://10.0.0.1/13.crl", &one));
}

/* A distribution point for some reasons only, or one whose list another authority signs, is passed over. */
static void test_leaf_partial(void **state)
{
	(void)state;
	for (int way = 0; way < 3; way++) {
		struct pki_pair pair = pki_issue(&ca, &(struct pki_request){.crl = "URI:" URL});
		CRL_DIST_POINTS *points = X509_get_ext_d2i(pair.cert, NID_crl_distribution_points, NULL, NULL);
		DIST_POINT *point = sk_DIST_POINT_value(points, 0);
		struct crl_leaf out;
		if (way == 1) {
			point->reasons = ASN1_BIT_STRING_new();
			ASN1_BIT_STRING_set_bit(point->reasons, 1, 1);
		} else if (way == 2) {
			point->CRLissuer = GENERAL_NAMES_new();
			GENERAL_NAME *name = GENERAL_NAME_new();
			name->type = GEN_DIRNAME;
			name->d.directoryName = X509_NAME_dup(X509_get_subject_name(other.cert));
			sk_GENERAL_NAME_push(point->CRLissuer, name);
		}
		assert_int_equal(
			X509_add1_ext_i2d(pair.cert, NID_crl_distribution_points, points, 0, X509V3_ADD_REPLACE), 1);
		assert_int_equal(crl_leaf_read(&out, pair.cert, ca.cert), way == 0);
		CRL_DIST_POINTS_free(points);
		pki_free(&pair);
	}
}

static void test_serial(void **state)
{
	static const struct {
		const char *hex;
		bool read;
	} row[] = {
		{"00", true},
		{"7fffffffffffffffffffffffffffffffffffffff", true},
		{"0100000000000000000000000000000000000000ff", false},
		{"-05", false},
	};
	(void)state;
	for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
		struct pki_pair pair = pki_issue(&ca, &(struct pki_request){.crl = "URI:" URL});
		struct crl_leaf out;
		BIGNUM *number = NULL;
		assert_true(BN_hex2bn(&number, row[i].hex) > 0);
		assert_non_null(BN_to_ASN1_INTEGER(number, X509_get_serialNumber(pair.cert)));
		assert_int_equal(crl_leaf_read(&out, pair.cert, ca.cert), row[i].read);
		BN_free(number);
		pki_free(&pair);
	}
}

/* --- lists -------------------------------------------------------------------------------------------------------- */

static const struct pki_crl good = {.scope = "critical,fullname:URI:" URL ",onlyuser:TRUE", .reason = 1};

/* Makes a CRL as `from` describes it, with the leaf as revoked, and reads it. */
static struct crl *read_one(
	const struct pki_crl *from, const struct pki_pair *signer, struct pki_pair *issuer, const char **why)
{
	struct pki_crl whole = *from;
	size_t len;
	whole.revoked = leaf.cert;
	unsigned char *bytes = pki_crl(signer, &whole, &len);
	struct crl *crl = crl_read(bytes, len, (struct crl_issuer *)issuer->cert, URL, time(NULL), why);
	free(bytes);
	return crl;
}

static void test_good(void **state)
{
	static const char *const scopes[] = {NULL, "critical,fullname:URI:" URL, "critical,onlyuser:TRUE",
		"critical,fullname:URI:" URL ",onlyuser:TRUE"};
	struct crl_leaf revoked, unlisted;
	(void)state;
	assert_true(crl_leaf_read(&revoked, leaf.cert, ca.cert) && crl_leaf_read(&unlisted, next.cert, ca.cert));
	for (size_t i = 0; i < sizeof scopes / sizeof *scopes; i++) {
		struct pki_crl crl = good;
		const char *why;
		int64_t at = 0, now = time(NULL);
		crl.scope = scopes[i];
		crl.others = 50;
		struct crl *read = read_one(&crl, &ca, &ca, &why);
		if (!read)
			fail_msg("%s: %s", scopes[i], why);
		assert_true(crl_lists(read, revoked.serial, &at));
		assert_in_range(at, now - 7300, now - 7100);
		assert_false(crl_lists(read, unlisted.serial, &at));
		assert_in_range(crl_times(read).this_update, now - 3700, now - 3500);
		assert_in_range(crl_times(read).next_update, now + 6 * 86400, now + 8 * 86400);
		crl_free(&read);
	}
}

static void test_refused(void **state)
{
	const struct {
		const char *words;
		struct pki_crl crl;
		const struct pki_pair *signer;
		struct pki_pair *issuer;
	} row[] = {
		{"another authority", good, &other, &ca},
		{"signature is wrong", good, &mute, &ca}, /* has the same name, and another key */
		{"may not sign", good, &clerk, &clerk},
		{"too weak", {.sha1 = true}, &ca, &ca},
		{"expired", {.from_s = -7200, .until_s = -1}, &ca, &ca},
		{"not valid yet", {.from_s = 120}, &ca, &ca},
		{"does not say when", {.until_s = PKI_NEVER}, &ca, &ca},
		{"another address", {.scope = "critical,fullname:URI:http://c.example.net/14.crl"}, &ca, &ca},
		{"other certificates", {.scope = "critical,fullname:URI:" URL ",onlyCA:TRUE"}, &ca, &ca},
		{"other certificates", {.scope = "critical,fullname:URI:" URL ",onlyAA:TRUE"}, &ca, &ca},
		{"other certificates", {.scope = "critical,fullname:URI:" URL ",indirectCRL:TRUE"}, &ca, &ca},
		{"some of the reasons", {.scope = "critical,fullname:URI:" URL ",onlysomereasons:keyCompromise"}, &ca,
			&ca},
		{"the changes since", {.delta = true}, &ca, &ca},
		{"critical extension", {.unknown = true}, &ca, &ca},
		{"an entry", {.unknown_entry = true}, &ca, &ca},
	};
	(void)state;
	for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
		const char *why = "believed";
		struct crl *read = read_one(&row[i].crl, row[i].signer, row[i].issuer, &why);
		if (read || !strstr(why, row[i].words))
			fail_msg("%s: %s", row[i].words, why);
	}
}

/* Cut off at any octet, changed at any octet, or with an octet behind it: never believed. */
static void test_damaged(void **state)
{
	struct pki_crl whole = good;
	const char *why;
	size_t len;
	(void)state;
	whole.revoked = leaf.cert;
	unsigned char *bytes = pki_crl(&ca, &whole, &len);
	struct crl_issuer *issuer = (struct crl_issuer *)ca.cert;
	for (size_t i = 0; i < len; i++) {
		assert_null(crl_read(bytes, i, issuer, URL, time(NULL), &why));
		bytes[i] ^= 1;
		struct crl *read = crl_read(bytes, len, issuer, URL, time(NULL), &why);
		assert_true(!read || i > len - 80); /* a signature may have a second form that is as good */
		crl_free(&read);
		bytes[i] ^= 1;
	}
	unsigned char *longer = malloc(len + 1);
	assert_non_null(longer);
	memcpy(longer, bytes, len);
	longer[len] = 0;
	assert_null(crl_read(longer, len + 1, issuer, URL, time(NULL), &why));
	free(longer);
	free(bytes);
}

/* Above the limit nothing is parsed, even if it would be good. */
static void test_large(void **state)
{
	struct pki_crl crl = {.others = 430000};
	const char *why;
	size_t len;
	(void)state;
	unsigned char *bytes = pki_crl(&ca, &crl, &len);
	assert_true(len > CRL_BYTES_MAX);
	assert_null(crl_read(bytes, len, (struct crl_issuer *)ca.cert, URL, time(NULL), &why));
	free(bytes);
}

static int setup(void **state)
{
	(void)state;
	ca = pki_ca("authority");
	other = pki_ca("other authority");
	mute = pki_ca("authority");
	clerk = pki_issue(NULL, &(struct pki_request){.cn = "clerk", .key_usage = "critical,keyCertSign"});
	leaf = pki_issue(&ca, &(struct pki_request){.crl = "URI:" URL});
	next = pki_issue(&ca, &(struct pki_request){.crl = "URI:" URL});
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	pki_free(&ca);
	pki_free(&other);
	pki_free(&mute);
	pki_free(&clerk);
	pki_free(&leaf);
	pki_free(&next);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_url),
		cmocka_unit_test(test_url_length),
		cmocka_unit_test(test_leaf),
		cmocka_unit_test(test_leaf_partial),
		cmocka_unit_test(test_serial),
		cmocka_unit_test(test_good),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_damaged),
		cmocka_unit_test(test_large),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
