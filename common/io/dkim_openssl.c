#include "dkim.h"

#include "ascii.h"
#include "dkim_text.h"
#include "domain.h"
#include "memory.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <unistd.h>

#define KEY_FILE_MAX 65536 /* octets */
#define ED25519_OCTETS 32
#define SHA256_OCTETS 32
#define BASE64_SIZE(octets) (((octets) + 2) / 3 * 4 + 1)

struct dkim_key {
	EVP_PKEY *pkey;
	char *domain, *selector;
};

static const char *openssl_words(void)
{
	const char *words = ERR_reason_error_string(ERR_peek_last_error());
	return words ? words : "no reason given";
}

/* --- reading a key ------------------------------------------------------------------------------------------------ */

/* Opens the file. A FIFO or a device must not make the caller wait. */
static FILE *key_open(const char *name, struct failure *why)
{
	struct stat st;
	int fd = open(name, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0) {
		failure_set(why, EX_NOINPUT, "%s cannot be read: %s; the daemon's user must be able to read it", name,
			strerror(errno));
		return NULL;
	}
	if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_size <= KEY_FILE_MAX)
		return xneed(fdopen(fd, "r"));
	failure_set(why, EX_CONFIG, "%s is not a regular file of at most %d octets; name a PEM file with a private key",
		name, KEY_FILE_MAX);
	close(fd);
	return NULL;
}

/* OpenSSL would ask for the passphrase at the terminal. */
static int no_passphrase(char *out, int size, int writing, void *arg)
{
	(void)out, (void)size, (void)writing, (void)arg;
	return -1;
}

static bool pkey_is_usable(const EVP_PKEY *pkey, const char *file, struct failure *why)
{
	int bits = EVP_PKEY_get_bits(pkey);
	if (EVP_PKEY_is_a(pkey, "ED25519"))
		return true;
	if (!EVP_PKEY_is_a(pkey, "RSA"))
		return failure_set(
			why, EX_CONFIG, "%s: the key is neither RSA nor Ed25519, and DKIM knows no other keys", file);
	if (bits < DKIM_RSA_BITS_MIN || bits > DKIM_RSA_BITS_MAX)
		return failure_set(why, EX_CONFIG,
			"%s: the RSA key has %d bits; it must have %d to %d, and should have %d", file, bits,
			DKIM_RSA_BITS_MIN, DKIM_RSA_BITS_MAX, DKIM_RSA_BITS_RECOMMENDED);
	return true;
}

static EVP_PKEY *pkey_read(const char *file, struct failure *why)
{
	FILE *stream = key_open(file, why);
	if (!stream)
		return NULL;
	ERR_clear_error();
	EVP_PKEY *pkey = PEM_read_PrivateKey(stream, NULL, no_passphrase, NULL);
	if (!pkey)
		failure_set(why, EX_CONFIG,
			"%s has no readable key (%s); name a PEM file with a private key, without a passphrase", file,
			openssl_words());
	ERR_clear_error();
	fclose(stream);
	if (pkey && !pkey_is_usable(pkey, file, why)) {
		EVP_PKEY_free(pkey);
		pkey = NULL;
	}
	return pkey;
}

/* Returns whether this is a name of DNS: it must not change the form of the field. */
static bool is_name(const char *name)
{
	size_t len = strlen(name);
	for (size_t i = 0; i < len; i++)
		if (!ascii_is_alnum(name[i]) && !strchr("-_.", name[i]))
			return false;
	return len > 0 && len <= DOMAIN_MAX;
}

struct dkim_key *dkim_key_read(const char *file, const char *domain, const char *selector, struct failure *why)
{
	if (!is_name(domain) || !is_name(selector)) {
		failure_set(why, EX_CONFIG, "the %s of a DKIM signature is missing, or no name of DNS",
			is_name(domain) ? "selector" : "domain");
		return NULL;
	}
	EVP_PKEY *pkey = pkey_read(file, why);
	if (!pkey)
		return NULL;
	struct dkim_key *key = xmalloc(sizeof *key);
	*key = (struct dkim_key){pkey, xstrdup(domain), xstrdup(selector)};
	return key;
}

void dkim_key_free(struct dkim_key **key)
{
	if (!*key)
		return;
	EVP_PKEY_free((*key)->pkey);
	free((*key)->domain);
	free((*key)->selector);
	free(*key);
	*key = NULL;
}

/* --- the public key ----------------------------------------------------------------------------------------------- */

static bool is_rsa(const struct dkim_key *key)
{
	return EVP_PKEY_is_a(key->pkey, "RSA");
}

int dkim_key_bits(const struct dkim_key *key)
{
	return is_rsa(key) ? EVP_PKEY_get_bits(key->pkey) : 0;
}

static void base64_write(char *out, size_t size, const unsigned char *bytes, size_t len)
{
	out[0] = '\0';
	if (BASE64_SIZE(len) <= size)
		EVP_EncodeBlock((unsigned char *)out, bytes, (int)len);
}

void dkim_key_public(const struct dkim_key *key, char out[DKIM_PUBLIC_SIZE])
{
	unsigned char raw[ED25519_OCTETS], *der = NULL;
	size_t raw_len = sizeof raw;
	if (!is_rsa(key)) {
		bool got = EVP_PKEY_get_raw_public_key(key->pkey, raw, &raw_len) == 1;
		base64_write(out, DKIM_PUBLIC_SIZE, raw, got ? raw_len : 0);
		return;
	}
	int len = i2d_PUBKEY(key->pkey, &der);
	base64_write(out, DKIM_PUBLIC_SIZE, der, len > 0 ? (size_t)len : 0);
	OPENSSL_free(der);
}

bool dkim_key_is(const struct dkim_key *key, struct span public)
{
	char own[DKIM_PUBLIC_SIZE];
	unsigned char *der = NULL;
	dkim_key_public(key, own);
	if (own[0] && span_is(public, own))
		return true;
	int len = is_rsa(key) ? i2d_PublicKey(key->pkey, &der) : 0;
	base64_write(own, sizeof own, der, len > 0 ? (size_t)len : 0);
	OPENSSL_free(der);
	return own[0] && span_is(public, own);
}

/* --- signing ------------------------------------------------------------------------------------------------------ */

static bool sha256(const char *bytes, size_t len, unsigned char out[SHA256_OCTETS])
{
	return EVP_Digest(bytes, len, out, NULL, EVP_sha256(), NULL) == 1;
}

/* Writes the hash for bh= in base64. */
static bool body_hash(struct span body, char out[BASE64_SIZE(SHA256_OCTETS)])
{
	unsigned char hash[SHA256_OCTETS];
	size_t len;
	char *canonical = dkim_body(body, &len);
	bool done = sha256(canonical, len, hash);
	base64_write(out, BASE64_SIZE(SHA256_OCTETS), hash, sizeof hash);
	free(canonical);
	return done;
}

/* Signs in the way of the key: RSA signs the text's SHA-256 in PKCS #1 v1.5; Ed25519 takes that hash for the message, and
 * hashes it again in its own way (RFC 8463 3). */
static bool text_sign(const struct dkim_key *key, const char *text, size_t len, unsigned char *out, size_t *size)
{
	unsigned char hash[SHA256_OCTETS];
	EVP_MD_CTX *ctx = xneed(EVP_MD_CTX_new());
	bool rsa = is_rsa(key);
	bool done = sha256(text, len, hash) &&
		    EVP_DigestSignInit(ctx, NULL, rsa ? EVP_sha256() : NULL, NULL, key->pkey) == 1 &&
		    (rsa ? EVP_DigestSign(ctx, out, size, (const unsigned char *)text, len)
			 : EVP_DigestSign(ctx, out, size, hash, sizeof hash)) == 1;
	EVP_MD_CTX_free(ctx);
	return done;
}

bool dkim_signature(const struct dkim_key *key, struct span head, const char *const *covered, size_t count,
	const char *field, char out[DKIM_SIGNATURE_SIZE])
{
	unsigned char signature[DKIM_RSA_BITS_MAX / 8];
	size_t len, signature_len = sizeof signature;
	char *text = dkim_signed(head, covered, count, field, &len);
	bool done = text_sign(key, text, len, signature, &signature_len);
	base64_write(out, DKIM_SIGNATURE_SIZE, signature, done ? signature_len : 0);
	free(text);
	return done;
}

char *dkim_sign(const struct dkim_key *key, struct span message, int64_t at, size_t *len, struct failure *why)
{
	char bytes[DKIM_FIELD_SIZE], hash[BASE64_SIZE(SHA256_OCTETS)], signature[DKIM_SIGNATURE_SIZE];
	struct span head, body;
	struct text field;
	text_init(&field, bytes, sizeof bytes);
	if (!dkim_split(message, &head, &body)) {
		failure_set(why, EX_SOFTWARE,
			"a message that lacks From, or has a line that does not end in CRLF, cannot be signed");
		return NULL;
	}
	ERR_clear_error();
	bool done = body_hash(body, hash);
	dkim_field_begin(&field, is_rsa(key) ? "rsa-sha256" : "ed25519-sha256", key->domain, key->selector, at, hash);
	done = done && dkim_signature(key, head, dkim_covered, DKIM_COVERED, field.bytes, signature);
	if (!done) {
		failure_set(why, EX_SOFTWARE, "OpenSSL cannot sign: %s", openssl_words());
		ERR_clear_error();
		return NULL;
	}
	dkim_field_end(&field, signature);
	char *out = xmalloc(field.len + message.len);
	memcpy(out, field.bytes, field.len);
	memcpy(out + field.len, message.at, message.len);
	*len = field.len + message.len;
	return out;
}
