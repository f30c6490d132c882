/* Describes the certificates that a hop shows in the probe's look. Part of probe_openssl.c. One thread at a time. */
#ifndef IO_PROBE_LOOK_H
#define IO_PROBE_LOOK_H

#include "look.h"

#include <openssl/ssl.h>

/* Fills the members about the certificate and the chain, except for the dates. After the handshake. Returns what
 * identifies the leaf: the first 8 octets of its SHA-256 (struct evidence: leaf). */
uint64_t look_certificates(struct look *look, SSL *ssl);

#endif
