/* The context for keys of certificates reads each kind of key as OpenSSL's own context does, offers the same in a handshake,
 * and is not used if OpenSSL is configured in an unusual way. The context is made once, so each case has a process of its
 * own. */
#include "cm.h"

#include "key_context.h"

#include <openssl/decoder.h>
#include <openssl/evp.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define REMEMBERS 0x30200000ul

static bool is_expected(void)
{
	return OpenSSL_version_num() < REMEMBERS;
}

static void count(OSSL_DECODER *decoder, void *arg)
{
	unsigned *number = arg;
	(void)decoder;
	++*number;
}

static unsigned decoders_of(OSSL_LIB_CTX *context)
{
	unsigned number = 0;
	OSSL_DECODER_do_all_provided(context, count, &number);
	return number;
}

static EVP_PKEY *key_read(OSSL_LIB_CTX *context, const unsigned char *bytes, int len)
{
	return d2i_PUBKEY_ex(NULL, &bytes, len, context, NULL);
}

static bool reads_same(EVP_PKEY *key)
{
	unsigned char *bytes = NULL;
	int len = i2d_PUBKEY(key, &bytes);
	EVP_PKEY *own = key_read(NULL, bytes, len), *ours = key_read(key_context(), bytes, len);
	bool same = own && ours && EVP_PKEY_eq(own, ours) == 1 && EVP_PKEY_eq(key, ours) == 1;
	EVP_PKEY_free(own);
	EVP_PKEY_free(ours);
	EVP_PKEY_free(key);
	OPENSSL_free(bytes);
	return same;
}

static bool offers_same(void)
{
	SSL_CTX *of[] = {SSL_CTX_new(TLS_client_method()), SSL_CTX_new_ex(key_context(), NULL, TLS_client_method())};
	STACK_OF(SSL_CIPHER) *own = SSL_CTX_get_ciphers(of[0]), *ours = SSL_CTX_get_ciphers(of[1]);
	bool same = sk_SSL_CIPHER_num(own) > 0 && sk_SSL_CIPHER_num(own) == sk_SSL_CIPHER_num(ours);
	for (int i = 0; same && i < sk_SSL_CIPHER_num(own); i++)
		same = sk_SSL_CIPHER_value(own, i) == sk_SSL_CIPHER_value(ours, i);
	same = same && SSL_CTX_set1_groups_list(of[1], "X25519:P-256:X448:P-521:P-384:ffdhe2048") == 1 &&
	       SSL_CTX_set1_sigalgs_list(of[1], "ed25519:ed448:ECDSA+SHA256:RSA-PSS+SHA512:RSA+SHA1") == 1;
	SSL_CTX_free(of[0]);
	SSL_CTX_free(of[1]);
	return same;
}

/* Returns the number of the first check that fails, or 0. */
static int check_usual(void)
{
	OSSL_LIB_CTX *context = key_context();
	if (key_context() != context || (context != NULL) != is_expected())
		return 1;
	if (context && (decoders_of(context) == 0 || decoders_of(context) >= decoders_of(NULL)))
		return 2;
	if (!offers_same())
		return 3;
	if (!reads_same(EVP_PKEY_Q_keygen(NULL, NULL, "RSA", (size_t)2048)))
		return 4;
	if (!reads_same(EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-256")) ||
		!reads_same(EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-521")) ||
		!reads_same(EVP_PKEY_Q_keygen(NULL, NULL, "EC", "brainpoolP256r1")))
		return 5;
	return reads_same(EVP_PKEY_Q_keygen(NULL, NULL, "ED25519")) &&
			       reads_same(EVP_PKEY_Q_keygen(NULL, NULL, "ED448")) &&
			       reads_same(EVP_PKEY_Q_keygen(NULL, NULL, "X25519"))
		       ? 0
		       : 6;
}

static int check_absent(void)
{
	return key_context() == NULL ? 0 : 1;
}

/* Runs the check in a process whose OpenSSL has the configuration `words`. */
static int run(const char *words, int (*check)(void))
{
	char file[] = "/tmp/stsgate-test.XXXXXX";
	int status, fd = mkstemp(file);
	assert_true(fd >= 0 && write(fd, words, strlen(words)) == (ssize_t)strlen(words));
	close(fd);
	pid_t child = fork();
	if (child == 0) {
		setenv("OPENSSL_CONF", file, 1);
		_exit(check());
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	unlink(file);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static void usual(void **state)
{
	static const char *const configurations[] = {
		"",
		"[other]\nproviders = a\n",
		"openssl_conf = a\n[a]\nproviders = b\n[b]\ndefault = c\n[c]\nactivate = 1\n",
		"openssl_conf = a\n[a]\nssl_conf = b\n[b]\nsystem_default = c\n[c]\nMinProtocol = TLSv1.2\n",
	};
	(void)state;
	for (size_t i = 0; i < COUNT(configurations); i++)
		assert_int_equal(run(configurations[i], check_usual), 0);
}

static void no_configuration(void **state)
{
	(void)state;
	pid_t child = fork();
	if (child == 0) {
		setenv("OPENSSL_CONF", "/nonexistent/openssl.cnf", 1);
		_exit(check_usual());
	}
	int status;
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
}

static void unusual(void **state)
{
	static const char *const configurations[] = {
		"openssl_conf = a\n[a]\nproviders = b\n[b]\ndefault = c\nbase = c\n[c]\nactivate = 1\n",
		"openssl_conf = a\n[a]\nproviders = b\n[b]\nbase = c\n[c]\nactivate = 1\n",
		"openssl_conf = a\n[a]\nalg_section = b\n[b]\ndefault_properties = fips=yes\n",
		"openssl_conf = a\n[a]\nalg_section = b\n[b]\ndefault_properties = provider=default\n",
		"openssl_conf = a\n[a]\nrandom = b\n[b]\nrandom = HASH-DRBG\n",
		"openssl_conf = a\n[a]\nengines = b\n[b]\n",
	};
	(void)state;
	for (size_t i = 0; i < COUNT(configurations); i++)
		assert_int_equal(run(configurations[i], check_absent), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(usual),
		cmocka_unit_test(no_configuration),
		cmocka_unit_test(unusual),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
