/* Probes one address of a hop (RFC 8461 4.2, RFC 7672 2.2) on an event loop. Hides OpenSSL.
 *
 * A probe connects, reads the greeting, sends EHLO and STARTTLS, makes the TLS handshake with SNI, judges the
 * certificates, sends EHLO again (RFC 3207 4.2), and sends QUIT. At port 465 TLS comes first (RFC 8314 3.3), then the greeting,
 * and there is no EHLO. A probe never sends mail. It believes nothing that the peer sent before the handshake. It offers
 * TLS versions down to 1.0, so that a hop with an old version gets the reason "too old" and not "TLS failed".
 *
 * How to use: prober_new() once, probe_line_new() for each loop; then probe_begin(), wait for the `wake`,
 * probe_answer(), probe_drop().
 *
 * Threads: a prober may be shared by loops on several threads. A line and its probes belong to the thread of their
 * loop. Scenario tests replace this module by a fake. */
#ifndef IO_PROBE_H
#define IO_PROBE_H

#include "address.h"
#include "crl.h"
#include "evidence.h"
#include "failure.h"
#include "look.h"
#include "loop.h"
#include "names.h"
#include "tlsa.h"

#define PROBE_PORT_TLS 465 /* TLS from the first octet */

#define PROBE_NAMES_MAX 512
#define PROBE_NAMES_BYTES_MAX (16 * 1024)

/* A certificate that has no fault, except perhaps that it does not cover the host's name. The connection used TLS 1.2
 * or newer, and the chain is trusted and valid now. Probes under DANE report no certificate. All pointers are valid
 * only during the call. */
struct probe_shown {
	const char *host;
	const struct address *address;
	uint16_t port;
	const struct evidence *seen; /* complete except for `at` */
	/* The certificate's DNS names in lower case. A name with an octet that no host name may have is left out; a
	 * wildcard name is not. At most PROBE_NAMES_MAX names and PROBE_NAMES_BYTES_MAX octets; further names are left
	 * out. */
	const struct names *names;
};

struct trust;
struct probe_options {
	struct trust *trust; /* the authorities; must outlive the prober */
	const char *helo; /* a host name, or an address in brackets; printable, no blanks. Copied, and sent unchanged */
	struct address bind4, bind6; /* the local addresses to connect from; len 0: the system chooses */
	/* Called on the loop's thread, before probe_answer() has an answer. Must not drop a probe. May be NULL. */
	void (*shown)(void *arg, const struct probe_shown *shown);
	void *shown_arg;
	/* Called in the same way with a good certificate that an authority vouches for and that names its CRL. The leaf is
	 * valid only during the call. May be NULL. */
	void (*leaf)(void *arg, const struct crl_leaf *leaf);
	void *leaf_arg;
};
/* The settings that probes share. */
struct prober;
/* Creates a prober. Returns NULL on failure (EX_SOFTWARE: OpenSSL refuses the protocols or ciphers). Any thread. */
struct prober *prober_new(const struct probe_options *options, struct failure *why);
/* Frees a prober and sets the pointer to NULL. All its probes must have been dropped. */
void prober_free(struct prober **prober);

/* The TLSA records by which a hop is judged under DANE, in place of the trust store. `set` has at least one usable
 * record. A usable record in which OpenSSL can read no certificate or key matches nothing. `base` is the TLSA base
 * domain: the name that is sent as SNI (RFC 7672 8.1), and that a certificate must cover under DANE-TA(2). */
struct probe_dane {
	const struct tlsa_set *set;
	const char *base;
};

/* A line holds the probes of one loop. When a probe has its answer, it still sends QUIT and waits up to two seconds for
 * the reply. At most PROBE_LEAVING_MAX connections of a line wait for this reply at the same time. Further connections
 * are closed right after QUIT. */
#define PROBE_LEAVING_MAX 32
struct probe_line;
/* Creates a line for a loop, which must outlive it. */
struct probe_line *probe_line_new(struct loop *loop);
/* Frees a line, closes the connections that still wait for a reply to QUIT, and sets the pointer to NULL. All probes
 * must have been dropped. Must be called on the loop's thread, or after that thread has ended. */
void probe_line_free(struct probe_line **line);

/* Begins a probe. Copies host, address and dane with its set and base. The prober must outlive the probe.
 *
 * If `dane` is NULL, the certificates are judged by the trust store and must cover `host`.
 *
 * Calls `wake` once when there is an answer, at the latest after `timeout_ms`, and never from inside this function. The
 * exchange of QUIT comes after the answer. `wake` may drop any probe and begin others. */
struct probe;
struct probe *probe_begin(struct prober *prober, struct probe_line *line, const char *host,
	const struct address *address, uint16_t port, int timeout_ms, const struct probe_dane *dane, struct wake wake);
/* Copies the answer and returns true; returns false if there is none yet. Sets all of `seen` except `at`, which the
 * caller sets.
 *
 * `temporary`: the failure may go away by itself (a 4xx reply to STARTTLS, a connection cut in the handshake). The
 * caller must not use such a failure unless a second probe, some seconds later, fails too. */
bool probe_answer(const struct probe *probe, struct evidence *seen, bool *temporary);
/* Returns what the probe saw in detail: all of the look except `at`, `dns` and the network. It belongs to the probe. Only
 * after probe_answer() has returned true.
 *
 * If TLS is up, the probe asks for one more reply, that to EHLO inside TLS. It shows whether the host offers REQUIRETLS, and, if
 * the certificate is bad, who is at the other end. The probe waits for this reply at most one second if the certificate is good,
 * two seconds if it is bad, and never beyond the probe's deadline. Without the reply the answer is the same, except that
 * `requiretls` is unknown. At port 465 the probe asks for nothing more. */
const struct look *probe_look(const struct probe *probe);
/* Drops a probe and sets the pointer to NULL. `wake` is not called any more. If there is no answer yet, this closes the
 * connection immediately. Otherwise the connection may still wait for the reply to QUIT. */
void probe_drop(struct probe **probe);

#endif
