/* How a probe judges the certificates that a hop shows, by the trust store (RFC 8461 4.2) or by TLSA records (RFC
 * 7672), and what is kept of them. Part of probe_openssl.c. Of one connection: one thread at a time. */
#ifndef IO_PROBE_CHAIN_H
#define IO_PROBE_CHAIN_H

#include "probe.h"
#include "trust.h"

#include <openssl/ssl.h>

/* Numbers of X509_V_ERR_, the first of each kind that OpenSSL found; 0 none. */
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
/* Says before the handshake what is expected, and sets SNI. The chain and what `dane` points to outlive the connection.
 * False: OpenSSL does not take the name, or has no memory for the records. */
bool chain_expect(struct chain *chain, SSL *ssl, struct trust *trust, const char *host, const struct probe_dane *dane);
/* After a handshake: what was shown; then what it is worth. False: `seen` says why not; and by `mta_address` that a
 * Postfix bound to verified TLS would take it all the same (doc/design section 10). */
void chain_show(SSL *ssl, struct evidence *seen);
/* All DNS names that a host may be compared with (struct probe_shown); the caller frees. */
void chain_names(SSL *ssl, struct names *names);
bool chain_judge(const struct chain *chain, SSL *ssl, struct evidence *seen);

#endif
