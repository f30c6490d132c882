/* Judges the certificates that a hop shows, by the trust store (RFC 8461 4.2) or by TLSA records (RFC 7672), and copies
 * their names and dates into the evidence. Part of probe_openssl.c. A chain belongs to one connection; only one thread
 * at a time may use it. */
#ifndef IO_PROBE_CHAIN_H
#define IO_PROBE_CHAIN_H

#include "probe.h"
#include "trust.h"

#include <openssl/ssl.h>

/* For each kind of error, the first error that OpenSSL found: the number of an X509_V_ERR_ constant; 0: none. */
struct chain {
	const struct probe_dane *dane; /* NULL: judged by the trust store */
	const char *host;
	size_t records; /* TLSA records that OpenSSL has accepted */
	int no_match;
	int untrusted;
	int purpose;
	int weak_key;
	bool feeble;                    /* a weak key is so short that Postfix rejects it, too */
	char issuer[TRUST_ISSUER_SIZE]; /* the first issuer that was not found; "": none */
	int expired;
	int early;
	int mismatch;
};

/* Sets up a context for chains. Returns false if OpenSSL has no DANE. */
bool chain_context(SSL_CTX *ctx);
/* Sets SNI, and what the certificates are checked for: the name or the TLSA records. The chain, `host` and `dane` (may
 * be NULL) must outlive the connection. Returns false if OpenSSL does not accept the name, or has no memory for the
 * records. Call this before the handshake, and the functions below after it. */
bool chain_expect(struct chain *chain, SSL *ssl, struct trust *trust, const char *host, const struct probe_dane *dane);
/* Describes the protocol, the cipher and the host's own certificate in `seen`. */
void chain_show(SSL *ssl, struct evidence *seen);
/* Copies the DNS names of the host's certificate, as described at struct probe_shown. The caller frees them with
 * names_free(). */
void chain_names(SSL *ssl, struct names *names);
/* Implements tls_leaf(). */
bool chain_leaf(SSL *ssl, struct crl_leaf *leaf);
/* Judges the certificates. Returns false if they are bad; then `seen` has the reason and the words. If a Postfix that
 * demands verified TLS would still accept the certificates, `mta_address` is set, too (design 10). */
bool chain_judge(const struct chain *chain, SSL *ssl, struct evidence *seen);

#endif
