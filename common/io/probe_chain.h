/* Judges the certificates that a hop shows, by the trust store (RFC 8461 4.2) or by TLSA records (RFC 7672), and notes
 * what is kept of them. Part of probe_openssl.c. Belongs to one connection: one thread at a time. */
#ifndef IO_PROBE_CHAIN_H
#define IO_PROBE_CHAIN_H

#include "probe.h"
#include "trust.h"

#include <openssl/ssl.h>

/* The first error of each kind that OpenSSL found, as a number of X509_V_ERR_; 0: none. */
struct chain {
	const struct probe_dane *dane; /* NULL: judged by the trust store */
	const char *host;
	size_t records; /* TLSA records that OpenSSL takes */
	int no_match;
	int untrusted;
	int purpose;
	int weak_key;
	bool feeble;                    /* a weak key is so short that no MTA takes it */
	char issuer[TRUST_ISSUER_SIZE]; /* that could not be found, of the first such error; "": none */
	int expired;
	int early;
	int mismatch;
};

bool chain_context(SSL_CTX *ctx);
/* Before the handshake: sets the expected names and records, and SNI. The chain, `host` and `dane` (may be NULL)
 * outlive the connection. False: OpenSSL does not take the name, or has no memory for the records. */
bool chain_expect(struct chain *chain, SSL *ssl, struct trust *trust, const char *host, const struct probe_dane *dane);
/* After the handshake: describes protocol, cipher and leaf in `seen`. */
void chain_show(SSL *ssl, struct evidence *seen);
/* After the handshake: all DNS names that a host may be compared with (struct probe_shown). The caller frees them. */
void chain_names(SSL *ssl, struct names *names);
/* After the handshake. False: `seen` has the reason and the words, and `mta_address` is set if a Postfix that is
 * bound to verified TLS would accept the certificates all the same (doc/design section 10). */
bool chain_judge(const struct chain *chain, SSL *ssl, struct evidence *seen);

#endif
