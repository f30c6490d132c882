/* Signs the mail that stsgate itself sends with DKIM: rsa-sha256 (RFC 6376) or ed25519-sha256 (RFC 8463). Hides OpenSSL.
 *
 * How to use: dkim_key_read(), dkim_sign() for each message, dkim_key_free(). Nothing here waits for the network.
 *
 * Any thread. Many threads may sign with one key. */
#ifndef IO_DKIM_H
#define IO_DKIM_H

#include "failure.h"
#include "span.h"

#include <stdint.h>

#define DKIM_RSA_BITS_MIN 1024         /* verifiers ignore shorter keys (RFC 8301 3.2) */
#define DKIM_RSA_BITS_RECOMMENDED 2048 /* RFC 8301 3.2 */
#define DKIM_RSA_BITS_MAX 8192
#define DKIM_SIGNATURE_SIZE 1400 /* octets of a signature in base64, with the NUL */
#define DKIM_PUBLIC_SIZE 1600    /* octets of a public key in base64, with the NUL */

struct dkim_key;
/* Reads a private key from a PEM file without a passphrase: RSA or Ed25519. `domain` becomes d=, `selector` becomes s=;
 * both are copied. Returns NULL on failure: EX_NOINPUT if the file cannot be read, EX_CONFIG for anything else. */
struct dkim_key *dkim_key_read(const char *file, const char *domain, const char *selector, struct failure *why);
/* Frees a key and sets the pointer to NULL. */
void dkim_key_free(struct dkim_key **key);

/* Returns the number of bits of an RSA key, or 0 for Ed25519. */
int dkim_key_bits(const struct dkim_key *key);
/* Writes the public key in base64, as p= of the key record has it (RFC 6376 3.6.1, RFC 8463 4). */
void dkim_key_public(const struct dkim_key *key, char out[DKIM_PUBLIC_SIZE]);
/* Returns whether p= of a key record, without blanks, is this key. An RSA key may be there in either form (RFC 6376 3.6.1
 * describes RSAPublicKey, its examples have SubjectPublicKeyInfo). */
bool dkim_key_is(const struct dkim_key *key, struct span public);

/* Returns the message with the field DKIM-Signature in front, and its length; the caller frees it. `at`: the time of
 * signing, seconds since the epoch. Each line of the message must end in CRLF. Returns NULL for a message that
 * dkim_text cannot sign, or if OpenSSL fails; `why` then has EX_SOFTWARE. */
char *dkim_sign(const struct dkim_key *key, struct span message, int64_t at, size_t *len, struct failure *why);
/* Signs a head with a begun field of any form (dkim_signed()), and writes the signature in base64. Returns false if OpenSSL
 * fails. dkim_sign() uses it, and so do tests, whose examples have fields that dkim_sign() would write otherwise. */
bool dkim_signature(const struct dkim_key *key, struct span head, const char *const *covered, size_t count,
	const char *field, char out[DKIM_SIGNATURE_SIZE]);

#endif
