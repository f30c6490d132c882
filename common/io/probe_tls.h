/* The TLS part of a probe: one client connection over two memory buffers. Its owner moves the octets between these
 * buffers and the socket, which OpenSSL never touches. Hides OpenSSL. One thread at a time; threads may share a
 * context. */
#ifndef IO_PROBE_TLS_H
#define IO_PROBE_TLS_H

#include "look.h"
#include "probe.h"

/* The settings that all probes of a prober share. */
struct tls_context;
/* Creates a context. Returns NULL on failure (EX_SOFTWARE). */
struct tls_context *tls_context_new(struct failure *why);
/* Frees a context (may be NULL). Connections keep references of their own. */
void tls_context_free(struct tls_context *context);

/* Creates a client connection. `host` and `dane` (may be NULL) must outlive it. Returns NULL if OpenSSL does not
 * accept the host name or the TLSA records. */
struct tls;
struct tls *tls_new(struct tls_context *context, struct trust *trust, const char *host, const struct probe_dane *dane);
/* Frees a connection, if there is one, and sets the pointer to NULL. */
void tls_free(struct tls **tls);

/* Takes octets that the peer sent. Returns false if the peer has sent more than a probe accepts. */
bool tls_feed(struct tls *tls, const char *bytes, size_t len);
/* Returns the number of octets to send to the peer, and where they are. They are valid until the next call. */
size_t tls_unsent(struct tls *tls, const char **bytes);
/* Drops the octets that tls_unsent() returned, when the caller has sent or copied them. */
void tls_sent(struct tls *tls);

enum tls_step { TLS_MORE, TLS_DONE, TLS_FAILED };
/* Continues the handshake. Returns TLS_MORE if it needs more octets from the peer; TLS_FAILED if it failed, with the
 * reason and the words in `seen`. */
enum tls_step tls_handshake(struct tls *tls, struct evidence *seen);
/* Describes the certificates in `seen` and `look`, and judges them and the protocol. Returns false if they are bad; then
 * `seen` has the reason. Only after the handshake. */
bool tls_judge(struct tls *tls, struct evidence *seen, struct look *look);
/* Copies the DNS names of the certificate, as described at struct probe_shown. The caller frees them with names_free().
 * Only after the handshake. */
void tls_names(struct tls *tls, struct names *names);
/* Reads what the certificate says about its CRL. Returns false if no CRL can answer for it, or if no authority vouches for
 * it (DANE-EE). Only for a certificate that was judged good; `leaf` is valid as long as the connection. */
bool tls_leaf(struct tls *tls, struct crl_leaf *leaf);

/* Reads from the connection. Returns TLS_DONE if it has read `len` octets, at least one; TLS_MORE if there are none
 * yet; TLS_FAILED if the stream has ended. */
enum tls_step tls_read(struct tls *tls, char *bytes, size_t size, size_t *len);
/* Write text, and the alert that ends the TLS stream. They ignore errors. */
void tls_write(struct tls *tls, const char *text);
void tls_close_notify(struct tls *tls);

#endif
