/* The TLS part of a probe: one connection over two memory buffers. Its owner moves the octets between these and a
 * socket, so OpenSSL never touches one. Hides OpenSSL. One thread at a time; contexts may be shared by threads. */
#ifndef IO_PROBE_TLS_H
#define IO_PROBE_TLS_H

#include "probe.h"

/* What all probes of a prober share (an SSL_CTX). A connection keeps a reference of its own. */
struct tls_context;
struct tls_context *tls_context_new(struct failure *why); /* NULL on failure (EX_SOFTWARE) */
void tls_context_free(struct tls_context *context);

/* Sets up a client. `host` and `dane` (may be NULL) outlive it. NULL: OpenSSL does not take the host name or the TLSA
 * records. */
struct tls;
struct tls *tls_new(struct tls_context *context, struct trust *trust, const char *host, const struct probe_dane *dane);
void tls_free(struct tls **tls);

/* Takes octets that the peer sent. False: more than a probe takes. */
bool tls_feed(struct tls *tls, const char *bytes, size_t len);
/* The octets to send to the peer, until the next call; tls_sent() drops them. */
size_t tls_unsent(struct tls *tls, const char **bytes);
void tls_sent(struct tls *tls);

enum tls_step { TLS_MORE, TLS_DONE, TLS_FAILED };
/* Goes on with the handshake with the octets that are there. TLS_MORE: it needs more of the peer's. TLS_FAILED: `seen`
 * has the reason and the words. */
enum tls_step tls_handshake(struct tls *tls, struct evidence *seen);
/* After the handshake: describes and judges the certificates and the protocol in `seen`. False: it has a reason. */
bool tls_judge(struct tls *tls, struct evidence *seen);
/* After the handshake: the DNS names of the certificate (struct probe_shown). The caller frees them. */
void tls_names(struct tls *tls, struct names *names);

/* TLS_DONE: `len` octets were read, at least one. TLS_FAILED: the stream has ended. */
enum tls_step tls_read(struct tls *tls, char *bytes, size_t size, size_t *len);
/* Both may fail without notice. */
void tls_write(struct tls *tls, const char *text);
void tls_close_notify(struct tls *tls);

#endif
