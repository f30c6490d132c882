/* Reads and checks the staples that hosts show in the TLS handshake (core/staple). Hides OpenSSL. Nothing here waits or
 * looks anything up.
 *
 * A staple is believed only if it is valid now, is about this certificate, and is signed by the authority that issued the
 * certificate, or by a responder to which that authority has delegated this (RFC 6960 4.2.2.2). Otherwise nothing is known
 * about the certificate, and that never counts against it. Any thread; one thread at a time for one connection. */
#ifndef IO_STAPLE_H
#define IO_STAPLE_H

#include "staple_state.h"

#include <openssl/ssl.h>

#define STAPLE_BYTES_MAX 16384
#define STAPLE_SKEW_S 300 /* by so much the clock of this machine may differ from that of the authority */

/* Asks for a staple in the handshakes of a context or of its connections. */
void staple_ask(SSL_CTX *ctx);
/* Reads the staple of a connection. `issued`: the chain has been verified, so that the issuer in it may be believed. `now`:
 * wall-clock seconds. After the handshake. */
void staple_of(struct staple *out, SSL *ssl, bool issued, int64_t now);
/* Reads a staple: `bytes` are what the host sent (RFC 6960 4.2.1, DER). Leaves out->demanded as it is. */
void staple_read(struct staple *out, const unsigned char *bytes, size_t len, X509 *leaf, X509 *issuer, int64_t now);

#endif
