#include "probe_look.h"

#include "memory.h"

#include <openssl/evp.h>
#include <openssl/sha.h>
#include <openssl/x509.h>
#include <string.h>

/* Writes octets in hexadecimal, cut to fit. */
static void hex_put(char *out, size_t size, const unsigned char *octets, size_t len)
{
	static const char digits[] = "0123456789abcdef";
	size_t used = 0;
	for (size_t i = 0; i < len && used + 2 < size; i++) {
		out[used++] = digits[octets[i] >> 4];
		out[used++] = digits[octets[i] & 0xf];
	}
	out[used] = '\0';
}

/* The hash of the whole SubjectPublicKeyInfo, as in TLSA records `3 1 1`. */
static void spki_hash(char out[LOOK_HASH_SIZE], const X509 *cert)
{
	unsigned char hash[SHA256_DIGEST_LENGTH], *der = NULL;
	int len = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(cert), &der);
	if (len > 0)
		hex_put(out, LOOK_HASH_SIZE, SHA256(der, (size_t)len, hash), sizeof hash);
	OPENSSL_free(der);
}

/* Copies a part of a name, such as the organization. Returns false if the name has no such part. A control character
 * becomes `?`: people compare what is shown. */
static bool name_part(char out[LOOK_NAME_SIZE], const X509_NAME *name, int nid)
{
	unsigned char *utf8 = NULL;
	int at = X509_NAME_get_index_by_NID(name, nid, -1);
	int len = at < 0 ? -1 : ASN1_STRING_to_UTF8(&utf8, X509_NAME_ENTRY_get_data(X509_NAME_get_entry(name, at)));
	if (len <= 0) {
		OPENSSL_free(utf8);
		return false;
	}
	size_t kept = (size_t)len < LOOK_NAME_SIZE ? (size_t)len : LOOK_NAME_SIZE - 1;
	for (size_t i = 0; i < kept; i++)
		out[i] = utf8[i] < ' ' || utf8[i] == 0x7f ? '?' : (char)utf8[i];
	out[kept] = '\0';
	OPENSSL_free(utf8);
	return true;
}

/* Adds a line for each certificate that the peer sent: `subject; issuer`. OpenSSL escapes in a name everything that is
 * not printable. */
static void chain_put(char out[LOOK_CHAIN_SIZE], STACK_OF(X509) * sent)
{
	BIO *bio = xneed(BIO_new(BIO_s_mem()));
	char *bytes = NULL;
	for (int i = 0; i < sk_X509_num(sent) && BIO_pending(bio) < LOOK_CHAIN_SIZE; i++) {
		X509 *cert = sk_X509_value(sent, i);
		BIO_puts(bio, i > 0 ? "\n" : "");
		X509_NAME_print_ex(bio, X509_get_subject_name(cert), 0, XN_FLAG_RFC2253);
		BIO_puts(bio, "; ");
		X509_NAME_print_ex(bio, X509_get_issuer_name(cert), 0, XN_FLAG_RFC2253);
	}
	long len = BIO_get_mem_data(bio, &bytes);
	size_t kept = len < LOOK_CHAIN_SIZE ? (size_t)len : LOOK_CHAIN_SIZE - 1;
	if (kept > 0)
		memcpy(out, bytes, kept);
	out[kept] = '\0';
	BIO_free(bio);
}

uint64_t look_certificates(struct look *look, SSL *ssl)
{
	X509 *cert = SSL_get0_peer_certificate(ssl);
	unsigned char hash[SHA256_DIGEST_LENGTH];
	const ASN1_INTEGER *serial = X509_get0_serialNumber(cert);
	uint64_t leaf = 0;
	if (X509_digest(cert, EVP_sha256(), hash, NULL) == 1) {
		hex_put(look->fingerprint, sizeof look->fingerprint, hash, sizeof hash);
		for (size_t i = 0; i < sizeof leaf; i++)
			leaf = leaf << 8 | hash[i];
	}
	spki_hash(look->spki, cert);
	hex_put(look->serial, sizeof look->serial, ASN1_STRING_get0_data(serial), (size_t)ASN1_STRING_length(serial));
	const X509_NAME *issuer = X509_get_issuer_name(cert);
	if (!name_part(look->authority, issuer, NID_organizationName))
		name_part(look->authority, issuer, NID_commonName);
	chain_put(look->chain, SSL_get_peer_cert_chain(ssl));
	return leaf;
}
