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

/* What a client offers in its first message, beside the names of its algorithms in OpenSSL. */
struct offer {
	unsigned char bytes[1024];
	size_t len;
};

static void offer_add(struct offer *offer, const unsigned char *bytes, size_t len)
{
	if (len > sizeof offer->bytes - offer->len)
		abort();
	memcpy(offer->bytes + offer->len, bytes, len);
	offer->len += len;
}

static int on_hello(SSL *ssl, int *alert, void *arg)
{
	static const unsigned lists[] = {TLSEXT_TYPE_supported_groups, TLSEXT_TYPE_signature_algorithms,
		TLSEXT_TYPE_supported_versions, TLSEXT_TYPE_ec_point_formats};
	struct offer *offer = arg;
	const unsigned char *bytes;
	size_t len = SSL_client_hello_get0_ciphers(ssl, &bytes);
	offer_add(offer, bytes, len);
	for (size_t i = 0; i < COUNT(lists); i++)
		if (SSL_client_hello_get0_ext(ssl, lists[i], &bytes, &len) == 1)
			offer_add(offer, bytes, len);
	*alert = SSL_AD_INTERNAL_ERROR;
	return SSL_CLIENT_HELLO_ERROR;
}

static void offer_take(struct offer *offer, OSSL_LIB_CTX *context)
{
	SSL_CTX *client_ctx = SSL_CTX_new_ex(context, NULL, TLS_client_method()),
		*server_ctx = SSL_CTX_new(TLS_server_method());
	SSL *client = SSL_new(client_ctx), *server = SSL_new(server_ctx);
	BIO *wire = BIO_new(BIO_s_mem()), *none = BIO_new(BIO_s_mem());
	BIO_up_ref(wire);
	BIO_up_ref(none);
	SSL_set_bio(client, none, wire);
	SSL_set_bio(server, wire, none);
	SSL_CTX_set_client_hello_cb(server_ctx, on_hello, offer);
	SSL_connect(client);
	SSL_accept(server);
	SSL_free(client);
	SSL_free(server);
	SSL_CTX_free(client_ctx);
	SSL_CTX_free(server_ctx);
}

static bool offers_same(void)
{
	struct offer own = {.len = 0}, ours = {.len = 0};
	offer_take(&own, NULL);
	offer_take(&ours, key_context());
	return own.len > 100 && own.len == ours.len && memcmp(own.bytes, ours.bytes, own.len) == 0;
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
		"openssl_conf = a\n[a]\nssl_conf = b\n[b]\nsystem_default = c\n[c]\nGroups = brainpoolP384r1:P-256\n",
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
