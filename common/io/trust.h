/* The authorities that certificates are checked against: a PEM bundle parsed once, shared by all users, read again when
 * the file changes (looked at no more than once in TRUST_LOOK_S seconds; what cannot be read keeps the old one and says
 * so in the log). And the one host check: DNS names of the SAN only, no CN, no partial wildcards (RFC 8461 3.3, 4.2).
 * Any thread. */
#ifndef IO_TRUST_H
#define IO_TRUST_H

#include "failure.h"

#include <openssl/ssl.h>

#define TRUST_LOOK_S 30

struct trust;
struct trust *trust_new(const char *file, struct failure *why); /* NULL: the system's store */
void trust_free(struct trust **trust);
/* The current store, with a reference of the caller's own (X509_STORE_free). */
X509_STORE *trust_store(struct trust *trust);
/* Sets peer name and host flags on the parameters of a connection or its context. Store and SNI are the caller's to
 * set. */
bool trust_check_host(X509_VERIFY_PARAM *param, const char *host);

/* What a certificate's error is, in OpenSSL's words and with what they leave out: what the leaf is made for, the bits of
 * its key, how many certificates were sent. True: the issuer that was not found belongs behind it, quoted if need be. */
struct text;
bool trust_explain(struct text *text, int error, X509 *leaf, int sent);
bool trust_lacks_issuer(int error);
/* The issuer's name, cut; untrusted. */
#define TRUST_ISSUER_SIZE 64
void trust_issuer(char out[TRUST_ISSUER_SIZE], const X509 *cert);

#endif
