/* Keeps the certificate authorities against which certificates are checked, and sets up the check of a certificate's
 * host name in one way for all users.
 *
 * The authorities are a PEM bundle, parsed once and shared by all users. The file is read again when it has changed;
 * trust_store() looks for a change at most once in TRUST_LOOK_S seconds. If the file cannot be read, the old
 * authorities stay, and the log has a warning.
 *
 * Threads: any. */
#ifndef IO_TRUST_H
#define IO_TRUST_H

#include "failure.h"

#include <openssl/ssl.h>

#define TRUST_LOOK_S 30

struct trust;
/* Reads the authorities from `file` (copied), or those of the system if NULL. Returns NULL on failure: EX_CONFIG if the
 * file holds no certificate, EX_NOINPUT if it cannot be read, EX_OSERR if the system has no usable store. */
struct trust *trust_new(const char *file, struct failure *why);
/* Frees the authorities and sets the pointer to NULL. Stores that trust_store() returned stay valid. */
void trust_free(struct trust **trust);
/* Returns the current authorities. The caller owns a reference and drops it with X509_STORE_free(). Reads the file
 * again if that is due, which takes some ten milliseconds. */
X509_STORE *trust_store(struct trust *trust);
struct trust_count {
	unsigned authorities, expired;
	/* The system has a directory of authorities, which is read only when one of them is needed: they are not counted. */
	bool directory;
};
/* Counts the authorities. */
struct trust_count trust_count(struct trust *trust);
/* Demands that a certificate covers `host` by a DNS name of its SAN; the CN does not count, and a wildcard must be a
 * whole label (RFC 8461 3.3, 4.2). `param` belongs to a connection or its context. The caller sets the store and SNI
 * itself. Returns false if OpenSSL does not accept the name. */
bool trust_check_host(X509_VERIFY_PARAM *param, const char *host);

/* Adds a description of a certificate error to `text`: OpenSSL's words, and what these leave out (the purposes or the
 * key size of `leaf`, or `sent`, the number of certificates that the peer sent). Returns true if the caller must then
 * add the name of the issuer that was not found; see trust_issuer(). The caller must quote that name, unless the whole
 * text is quoted later. */
struct text;
bool trust_explain(struct text *text, int error, X509 *leaf, int sent);
/* Returns whether `error` means that a certificate's issuer was not found. */
bool trust_lacks_issuer(int error);
/* Writes the name of the issuer of `cert`, cut to fit. It is untrusted text. */
#define TRUST_ISSUER_SIZE 64
void trust_issuer(char out[TRUST_ISSUER_SIZE], const X509 *cert);

#endif
