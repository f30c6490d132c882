/* dkim: the canonical forms, key records, the example of RFC 8463, keys, and signatures that another program verifies. */
#include "dkim.h"
#include "dkim_record.h"
#include "dkim_text.h"

#include "cm.h"
#include "dkim_verify.h"

#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <unistd.h>

#define AT 1528637909

static struct span span_of(const char *text)
{
	return (struct span){text, strlen(text)};
}

/* --- text --------------------------------------------------------------------------------------------------------- */

static void bodies_agree(void **state)
{
	static const struct {
		const char *body, *canonical;
	} row[] = {
		{"", ""},
		{"\r\n", ""},
		{"\r\n\r\n \t\r\n", ""},
		{"x", "x\r\n"},
		{"x\r\n", "x\r\n"},
		{"x\r\n\r\n\r\n", "x\r\n"},
		{"\r\nx\r\n", "\r\nx\r\n"},
		{" C \r\nD \t E\r\n\r\n\r\n", " C\r\nD E\r\n"}, /* RFC 6376 3.4.5 */
		{"\t\tx  y \t\r\n \r\nz", " x y\r\n\r\nz\r\n"},
		{"\n\nx\n", "\r\n\r\nx\r\n"},
	};
	(void)state;
	for (size_t i = 0; i < COUNT(row); i++) {
		size_t len;
		char *found = dkim_body(span_of(row[i].body), &len);
		if (len != strlen(row[i].canonical) || memcmp(found, row[i].canonical, len) != 0)
			fail_msg("row %zu: `%.*s`", i, (int)len, found);
		free(found);
	}
}

static void heads_agree(void **state)
{
	static const struct {
		const char *head, *covered[4], *canonical;
	} row[] = {
		{"A: X\r\nB : Y\t\r\n\tZ  \r\n", {"a", "b"}, "a:X\r\nb:Y Z\r\nf:b="}, /* RFC 6376 3.4.5 */
		{"A: X\r\nB : Y\t\r\n\tZ  \r\n", {"B", "A", "C"}, "b:Y Z\r\na:X\r\nf:b="},
		{"A: 1\r\na: 2\r\nAB: 3\r\n", {"A"}, "a:2\r\nf:b="}, /* the lowest first (5.4.2) */
		{"A: 1\r\na: 2\r\nAB: 3\r\n", {"A", "a", "A"}, "a:2\r\na:1\r\nf:b="},
		{"A:\r\n \t \r\n", {"A"}, "a:\r\nf:b="},
		{"A: b:c :d\r\n", {"A"}, "a:b:c :d\r\nf:b="},
		{"", {"A"}, "f:b="},
	};
	(void)state;
	for (size_t i = 0; i < COUNT(row); i++) {
		size_t len, count = 0;
		while (count < 4 && row[i].covered[count])
			count++;
		char *found = dkim_signed(span_of(row[i].head), row[i].covered, count, "F:\r\n\tb=", &len);
		if (len != strlen(row[i].canonical) || memcmp(found, row[i].canonical, len) != 0)
			fail_msg("row %zu: `%.*s`", i, (int)len, found);
		free(found);
	}
}

static void splits_agree(void **state)
{
	static const struct {
		const char *message, *body; /* NULL: it cannot be signed */
	} row[] = {
		{"From: a@b\r\n\r\nx\r\n", "x\r\n"},
		{"From: a@b\r\n\r\n", ""},
		{"To: c@d\r\nfrom : a@b\r\n\r\nx\r\n\r\ny\r\n", "x\r\n\r\ny\r\n"},
		{"To: a@b\r\n\r\nx\r\n", NULL},
		{"To: a@b\r\n From: x\r\n\r\nx\r\n", NULL},
		{" x\r\nFrom: a@b\r\n\r\n", NULL},
		{"From: a@b\r\n", NULL},
		{"From: a@b\r\n\r\nx", NULL},
		{"From: a@b\r\n\r\nx\n", NULL},
		{"From: a@b\n\nx\r\n", NULL},
		{"From: a@b\r\n\r\nx\ry\r\n", NULL},
		{"From: a@b\r\n\r\nx\r", NULL},
		{"\r\nFrom: a@b\r\n\r\n", NULL},
		{"\r\n", NULL},
		{"", NULL},
	};
	(void)state;
	for (size_t i = 0; i < COUNT(row); i++) {
		struct span head, body = {NULL, 0};
		bool split = dkim_split(span_of(row[i].message), &head, &body);
		if (split != (row[i].body != NULL) || (split && !span_is(body, row[i].body)))
			fail_msg("row %zu", i);
	}
}

/* --- keys --------------------------------------------------------------------------------------------------------- */

/* RFC 8463 A.1 and A.2. The Ed25519 key is there without the frame of PKCS #8. */
static const char ed25519_pem[] = "-----BEGIN PRIVATE KEY-----\n"
				  "MC4CAQAwBQYDK2VwBCIEIJ1hsZ3v/VpguoRK9JLsLMREScVpezJpGXA7rAMcrn9g\n"
				  "-----END PRIVATE KEY-----\n";
static const char rsa_pem[] = "-----BEGIN RSA PRIVATE KEY-----\n"
			      "MIICXQIBAAKBgQDkHlOQoBTzWRiGs5V6NpP3idY6Wk08a5qhdR6wy5bdOKb2jLQi\n"
			      "Y/J16JYi0Qvx/byYzCNb3W91y3FutACDfzwQ/BC/e/8uBsCR+yz1Lxj+PL6lHvqM\n"
			      "KrM3rG4hstT5QjvHO9PzoxZyVYLzBfO2EeC3Ip3G+2kryOTIKT+l/K4w3QIDAQAB\n"
			      "AoGAH0cxOhFZDgzXWhDhnAJDw5s4roOXN4OhjiXa8W7Y3rhX3FJqmJSPuC8N9vQm\n"
			      "6SVbaLAE4SG5mLMueHlh4KXffEpuLEiNp9Ss3O4YfLiQpbRqE7Tm5SxKjvvQoZZe\n"
			      "zHorimOaChRL2it47iuWxzxSiRMv4c+j70GiWdxXnxe4UoECQQDzJB/0U58W7RZy\n"
			      "6enGVj2kWF732CoWFZWzi1FicudrBFoy63QwcowpoCazKtvZGMNlPWnC7x/6o8Gc\n"
			      "uSe0ga2xAkEA8C7PipPm1/1fTRQvj1o/dDmZp243044ZNyxjg+/OPN0oWCbXIGxy\n"
			      "WvmZbXriOWoSALJTjExEgraHEgnXssuk7QJBALl5ICsYMu6hMxO73gnfNayNgPxd\n"
			      "WFV6Z7ULnKyV7HSVYF0hgYOHjeYe9gaMtiJYoo0zGN+L3AAtNP9huqkWlzECQE1a\n"
			      "licIeVlo1e+qJ6Mgqr0Q7Aa7falZ448ccbSFYEPD6oFxiOl9Y9se9iYHZKKfIcst\n"
			      "o7DUw1/hz2Ck4N5JrgUCQQCyKveNvjzkkd8HjYs0SwM0fPjK16//5qDZ2UiDGnOe\n"
			      "uEzxBDAr518Z8VFbR41in3W4Y3yCDgQlLlcETrS+zYcL\n"
			      "-----END RSA PRIVATE KEY-----\n";
#define ED25519_PUBLIC "11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo="
#define RSA_PUBLIC                                                                                                          \
	"MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQDkHlOQoBTzWRiGs5V6NpP3idY6Wk08a5qhdR6wy5bdOKb2jLQiY/J16JYi0Qvx/byYzCNb3W91y" \
	"3FutACDfzwQ/BC/e/8uBsCR+yz1Lxj+PL6lHvqMKrM3rG4hstT5QjvHO9PzoxZyVYLzBfO2EeC3Ip3G+2kryOTIKT+l/K4w3QIDAQAB"

/* Writes a file of its own into `name`, a template of mkstemp. */
static void file_write(char *name, const char *bytes, size_t len)
{
	int fd = mkstemp(name);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, bytes, len), (ssize_t)len);
	close(fd);
}

static struct dkim_key *key_of(const char *pem, const char *domain, const char *selector, struct failure *why)
{
	char name[] = "dkim-key-XXXXXX";
	file_write(name, pem, strlen(pem));
	struct dkim_key *key = dkim_key_read(name, domain, selector, why);
	unlink(name);
	return key;
}

/* Returns a new key as PEM, which the caller frees. */
static char *pem_of(EVP_PKEY *pkey, const EVP_CIPHER *cipher)
{
	BIO *bio = BIO_new(BIO_s_mem());
	char *bytes;
	assert_non_null(pkey);
	assert_int_equal(PEM_write_bio_PrivateKey(bio, pkey, cipher, (const unsigned char *)"word", 4, NULL, NULL), 1);
	long len = BIO_get_mem_data(bio, &bytes);
	char *pem = strndup(bytes, (size_t)len);
	BIO_free(bio);
	EVP_PKEY_free(pkey);
	return pem;
}

static void refuses(char *pem, const char *words)
{
	struct failure why = {0};
	assert_null(key_of(pem, "example.com", "s1", &why));
	assert_int_equal(why.code, EX_CONFIG);
	if (!strstr(why.text, words))
		fail_msg("`%s` lacks `%s`", why.text, words);
	free(pem);
}

static void keys_are_checked(void **state)
{
	struct failure why = {0};
	(void)state;
	refuses(strdup("no key"), "no readable key");
	refuses(strdup(""), "no readable key");
	refuses(pem_of(EVP_RSA_gen(768), NULL), "768 bits");
	refuses(pem_of(EVP_EC_gen("P-256"), NULL), "neither RSA nor Ed25519");
	refuses(pem_of(EVP_PKEY_Q_keygen(NULL, NULL, "ED448"), NULL), "neither RSA nor Ed25519");
	refuses(pem_of(EVP_RSA_gen(1024), EVP_aes_128_cbc()), "without a passphrase");
	assert_null(dkim_key_read("/nowhere/key", "example.com", "s1", &why));
	assert_int_equal(why.code, EX_NOINPUT);
	assert_non_null(strstr(why.text, "/nowhere/key cannot be read: No such file"));
	assert_null(dkim_key_read("/dev/null", "example.com", "s1", &why));
	assert_non_null(strstr(why.text, "not a regular file"));
	assert_null(dkim_key_read(".", "example.com", "s1", &why));
	assert_non_null(strstr(why.text, "not a regular file"));
}

static void names_are_checked(void **state)
{
	static const char *const bad[] = {"", "a b", "a;b", "a\r\nb", "s=1", "b\xc3\xbc"};
	struct failure why = {0};
	(void)state;
	for (size_t i = 0; i < COUNT(bad); i++) {
		assert_null(key_of(ed25519_pem, "example.com", bad[i], &why));
		assert_non_null(strstr(why.text, "the selector"));
		assert_null(key_of(ed25519_pem, bad[i], "s1", &why));
		assert_non_null(strstr(why.text, "the domain"));
	}
}

static void public_keys_are_known(void **state)
{
	char public[DKIM_PUBLIC_SIZE];
	struct dkim_key *rsa = key_of(rsa_pem, "a.example", "s", NULL),
			*ed = key_of(ed25519_pem, "a.example", "s", NULL);
	(void)state;
	dkim_key_public(ed, public);
	assert_string_equal(public, ED25519_PUBLIC);
	assert_true(dkim_key_is(ed, span_of(ED25519_PUBLIC)));
	assert_false(dkim_key_is(ed, span_of(RSA_PUBLIC)));
	assert_false(dkim_key_is(ed, span_of("")));
	assert_int_equal(dkim_key_bits(ed), 0);
	dkim_key_public(rsa, public);
	assert_string_equal(public, RSA_PUBLIC);
	assert_true(dkim_key_is(rsa, span_of(RSA_PUBLIC)));
	/* without the frame of SubjectPublicKeyInfo, whose length is no multiple of three */
	assert_true(dkim_key_is(rsa,
		span_of("MIGJAoGBAOQeU5CgFPNZGIazlXo2k/eJ1jpaTTxrmqF1HrDLlt04pvaMtCJj8nXoliLRC/H9vJjMI1vdb3XLcW60AIN/PBD8EL97"
			"/y4GwJH7LPUvGP48vqUe+owqszesbiGy1PlCO8c70/OjFnJVgvMF87YR4Lcincb7aSvI5MgpP6X8rjDdAgMBAAE=")));
	assert_false(dkim_key_is(rsa, span_of(ED25519_PUBLIC)));
	assert_int_equal(dkim_key_bits(rsa), 1024);
	dkim_key_free(&rsa);
	dkim_key_free(&ed);
}

/* --- key records --------------------------------------------------------------------------------------------------- */

static void records_agree(void **state)
{
	static const struct {
		const char *text, *key; /* NULL: no key record */
		bool names, serves, sha256, testing;
	} row[] = {
		{"v=DKIM1; k=rsa; p=abc=", "abc=", false, true, true, false},
		{"p=a b\t c\r\n d", "abcd", false, true, true, false},
		{" v = DKIM1 ; p = x ; s = tlsrpt : email ;", "x", true, true, true, false},
		{"v=DKIM1;s=tlsrpt;p=x", "x", true, true, true, false},
		{"v=DKIM1;s=email;p=x", "x", false, false, true, false},
		{"v=DKIM1;s=email:*;p=x", "x", false, true, true, false},
		{"v=DKIM1;s=tlsrptx;p=x", "x", false, false, true, false},
		{"v=DKIM1;s=;p=x", "x", false, false, true, false},
		{"v=DKIM1;h=sha1;t=s;p=x", "x", false, true, false, false},
		{"v=DKIM1;h=sha1:sha256;t=s:y;n=a note;p=x", "x", false, true, true, true},
		{"v=DKIM1;p=", "", false, true, true, false},
		{"v=DKIM2;p=x", NULL, false, false, false, false},
		{"k=rsa;v=DKIM1;p=x", NULL, false, false, false, false},
		{"v=DKIM1;p=x;p=y", NULL, false, false, false, false},
		{"v=DKIM1;k=rsa", NULL, false, false, false, false},
		{"v=DKIM1;;p=x", NULL, false, false, false, false},
		{"v=DKIM1;p=x;rest", NULL, false, false, false, false},
		{"v=spf1 -all", NULL, false, false, false, false},
		{"", NULL, false, false, false, false},
	};
	(void)state;
	for (size_t i = 0; i < COUNT(row); i++) {
		struct dkim_record record;
		bool read = dkim_record_read(&record, span_of(row[i].text));
		if (read != (row[i].key != NULL))
			fail_msg("%s", row[i].text);
		if (!read)
			continue;
		assert_string_equal(record.key, row[i].key);
		assert_int_equal(record.revoked, row[i].key[0] == '\0');
		assert_int_equal(dkim_record_names(&record, "tlsrpt"), row[i].names);
		assert_int_equal(dkim_record_serves(&record, "tlsrpt"), row[i].serves);
		assert_int_equal(record.sha256, row[i].sha256);
		assert_int_equal(record.testing, row[i].testing);
	}
	char text[DKIM_RECORD_KEY_SIZE + 3];
	struct dkim_record record;
	memset(text, 'a', sizeof text);
	memcpy(text, "p=", 2);
	assert_true(dkim_record_read(&record, (struct span){text, DKIM_RECORD_KEY_SIZE + 1}));
	assert_false(dkim_record_read(&record, (struct span){text, DKIM_RECORD_KEY_SIZE + 2}));
	assert_false(
		dkim_record_read(&record, (struct span){"p=\0=x;\0", 7}) && record.key[0] == '\0' && !record.revoked);
}

/* --- the example of RFC 8463 --------------------------------------------------------------------------------------- */

static const char example[] = "From: Joe SixPack <joe@football.example.com>\r\n"
			      "To: Suzie Q <suzie@shopping.example.net>\r\n"
			      "Subject: Is dinner ready?\r\n"
			      "Date: Fri, 11 Jul 2003 21:00:37 -0700 (PDT)\r\n"
			      "Message-ID: <20030712040037.46341.5F8J@football.example.com>\r\n"
			      "\r\n"
			      "Hi.\r\n"
			      "\r\n"
			      "We lost the game.  Are you hungry yet?\r\n"
			      "\r\n"
			      "Joe.\r\n";

static void example_agrees(void **state)
{
	static const char *const covered[] = {"from", "to", "subject", "date", "message-id", "from", "subject", "date"};
	static const struct {
		const char *pem, *field, *signature;
	} row[] = {
		{ed25519_pem,
			"DKIM-Signature: v=1; a=ed25519-sha256; c=relaxed/relaxed;\r\n"
			" d=football.example.com; i=@football.example.com;\r\n"
			" q=dns/txt; s=brisbane; t=1528637909; h=from : to :\r\n"
			" subject : date : message-id : from : subject : date;\r\n"
			" bh=2jUSOH9NhtVGCQWNr9BrIAPreKQjO6Sn7XIkfJVOzv8=;\r\n"
			" b=",
			"/gCrinpcQOoIfuHNQIbq4pgh9kyIK3AQUdt9OdqQehSwhEIug4D11BusFa3bT3FY5OsU7ZbnKELq+eXdp1Q1Dw=="},
		{rsa_pem,
			"DKIM-Signature: v=1; a=rsa-sha256; c=relaxed/relaxed;\r\n"
			" d=football.example.com; i=@football.example.com;\r\n"
			" q=dns/txt; s=test; t=1528637909; h=from : to : subject :\r\n"
			" date : message-id : from : subject : date;\r\n"
			" bh=2jUSOH9NhtVGCQWNr9BrIAPreKQjO6Sn7XIkfJVOzv8=;\r\n"
			" b=",
			"F45dVWDfMbQDGHJFlXUNB2HKfbCeLRyhDXgFpEL8GwpsRe0IeIixNTe3DhCVlUrSjV4BwcVcOF6+FF3Zo9Rpo1tFOeS9mPYQTn"
			"GdaSGsgeefOsk2JzdA+L10TeYt9BgDfQNZtKdN1WO//KgIqXP7OdEFE4LjFYNcUxZQ4FADY+8="},
	};
	struct span head, body;
	char signature[DKIM_SIGNATURE_SIZE];
	(void)state;
	assert_true(dkim_split(span_of(example), &head, &body));
	for (size_t i = 0; i < COUNT(row); i++) {
		struct dkim_key *key = key_of(row[i].pem, "football.example.com", "s", NULL);
		assert_true(dkim_signature(key, head, covered, COUNT(covered), row[i].field, signature));
		assert_string_equal(signature, row[i].signature);
		dkim_key_free(&key);
	}
}

/* --- signed messages ---------------------------------------------------------------------------------------------- */

static const char report[] = "From: =?utf-8?q?B=C3=BCro?= <tls-reports@relay.example>\r\n"
			     "To: reports@example.com\r\n"
			     "Subject: Report Domain: example.com\r\n"
			     "  Submitter: relay.example\r\n"
			     "\tReport-ID: <2026-11-29.x1@relay.example>\r\n"
			     "Date: Mon, 30 Nov 2026 00:13:20 +0000\r\n"
			     "Message-ID: <2026-11-29.x1@relay.example>\r\n"
			     "MIME-Version: 1.0\r\n"
			     "TLS-Required: No\r\n"
			     "TLS-Report-Domain: example.com\r\n"
			     "TLS-Report-Submitter: relay.example\r\n"
			     "Content-Type: multipart/report; report-type=\"tlsrpt\";\r\n"
			     "\tboundary=\"=_x\"\r\n"
			     "\r\n"
			     "--=_x\r\n"
			     "Content-Type: text/plain\r\n"
			     "\r\n"
			     "A  report \r\n"
			     ".\r\n"
			     "--=_x--\r\n"
			     "\r\n"
			     "\r\n";

static char *sign(const struct dkim_key *key, const char *message)
{
	size_t len;
	struct failure why = {0};
	char *made = dkim_sign(key, span_of(message), AT, &len, &why);
	if (!made)
		fail_msg("%s", why.text);
	char *text = strndup(made, len);
	free(made);
	return text;
}

static void field_has_its_form(void **state)
{
	struct dkim_key *key = key_of(rsa_pem, "relay.example", "s1", NULL);
	char *text = sign(key, report), *rest = strstr(text, report);
	(void)state;
	assert_non_null(rest);
	assert_string_equal(rest, report);
	static const char begin[] = "DKIM-Signature: v=1; a=rsa-sha256; c=relaxed/relaxed; d=relay.example;\r\n"
				    "\ts=s1; t=1528637909;\r\n"
				    "\th=From:To:Subject:Date:\r\n"
				    "\tMessage-ID:MIME-Version:Content-Type:TLS-Report-Domain:TLS-Report-Submitter;\r\n"
				    "\tbh=";
	assert_memory_equal(text, begin, sizeof begin - 1);
	*rest = '\0';
	assert_null(strstr(text, "l=")); /* spec T-35 */
	for (char *line = text, *end; (end = strstr(line, "\r\n")); line = end + 2)
		assert_in_range(end - line, 1, 80);
	free(text);
	assert_null(dkim_sign(key, span_of("From: a@b\n\nx\n"), AT, &(size_t){0}, &(struct failure){.code = 0}));
	dkim_key_free(&key);
}

/* Verifies the message after one byte of it has been changed. The signature covers some bytes, and not others. */
static int verify_changed(const char *text, const char *where, const char *type, const char *public)
{
	char *changed = strdup(text), *at = strstr(changed, where);
	assert_non_null(at);
	at[strlen(where)] ^= 1;
	int status = dkim_verify(changed, type, public);
	free(changed);
	return status;
}

static void verify_all(char *pem, const char *type)
{
	char public[DKIM_PUBLIC_SIZE];
	struct dkim_key *key = key_of(pem, "relay.example", "s1", NULL);
	char *text = sign(key, report), *plain = sign(key, "From: a@relay.example\r\n\r\n");
	dkim_key_public(key, public);
	assert_int_equal(dkim_verify(text, type, public), 0);
	assert_int_equal(dkim_verify(plain, type, public), 0);
	static const char *const covered[] = {"To: ", "Subject: Re", "tls-report", "Date: ", "\nMessage-ID: <",
		"\nMIME-Version: ", "multipart/", "\nTLS-Report-Domain: ", "\nTLS-Report-Submitter: ", "A  ", "bh="};
	for (size_t i = 0; i < COUNT(covered); i++)
		if (verify_changed(text, covered[i], type, public) != 1)
			fail_msg("%s is not covered by %s", covered[i], type);
	assert_int_equal(verify_changed(text, "TLS-Required: ", type, public), 0);
	free(plain);
	free(text);
	free(pem);
	dkim_key_free(&key);
}

static void signatures_are_verified_elsewhere(void **state)
{
	(void)state;
	if (dkim_verify("", "rsa", "") == DKIM_VERIFY_MISSING)
		skip(); /* Debian's python3-dkim is not installed */
	verify_all(pem_of(EVP_RSA_gen(2048), NULL), "rsa");
	verify_all(pem_of(EVP_RSA_gen(4096), NULL), "rsa");
	verify_all(pem_of(EVP_PKEY_Q_keygen(NULL, NULL, "ED25519"), NULL), "ed25519");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(bodies_agree),
		cmocka_unit_test(heads_agree),
		cmocka_unit_test(splits_agree),
		cmocka_unit_test(keys_are_checked),
		cmocka_unit_test(names_are_checked),
		cmocka_unit_test(public_keys_are_known),
		cmocka_unit_test(records_agree),
		cmocka_unit_test(example_agrees),
		cmocka_unit_test(field_has_its_form),
		cmocka_unit_test(signatures_are_verified_elsewhere),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
