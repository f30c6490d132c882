/* Probes one address of a hop (RFC 8461 4.2, RFC 7672 2.2): connects, reads the greeting, sends EHLO and STARTTLS, makes
 * the handshake with SNI, judges the certificates, sends QUIT. At port 465 TLS comes first (RFC 8314 3.3), then the
 * greeting. Hides OpenSSL. Offers TLS versions down to 1.0, so that "too old" can be told from "broken". Keeps nothing
 * that the peer sent before the handshake. Never sends mail.
 *
 * Loops on several threads may share a prober. A line and its probes belong to the thread of their loop. Scenario tests
 * replace this module by a fake. */
#ifndef IO_PROBE_H
#define IO_PROBE_H

#include "address.h"
#include "evidence.h"
#include "failure.h"
#include "loop.h"
#include "names.h"
#include "tlsa.h"

#define PROBE_PORT_TLS 465

#define PROBE_NAMES_MAX 512
#define PROBE_NAMES_BYTES_MAX (16 * 1024)

/* What a probe by the trust store saw that nothing is wrong with but, maybe, the name: STARTTLS, TLS 1.2 or newer, a
 * trusted chain that is valid now. `names` are the certificate's DNS names, those in the form of domain_parse() or with
 * `*.` before it, at most PROBE_NAMES_MAX of them and PROBE_NAMES_BYTES_MAX octets. */
struct probe_shown {
	const char *host;
	const struct address *address;
	uint16_t port;
	const struct evidence *seen;
	const struct names *names;
};

struct trust;
struct probe_options {
	struct trust *trust; /* outlives the prober */
	const char *helo;    /* a host name, or an address in brackets: printable, without blanks; sent as it is */
	struct address bind4, bind6; /* len 0: the system chooses */
	/* Called on the loop's thread before the answer is there; drops no probe. May be NULL. */
	void (*shown)(void *arg, const struct probe_shown *shown);
	void *shown_arg;
};
struct prober;
struct prober *prober_new(const struct probe_options *options, struct failure *why);
void prober_free(struct prober **prober);

/* Under DANE a hop is judged by usable TLSA records, at least one, and not by the trust store. `base` is the TLSA base
 * domain: the name in SNI, and the one that DANE-TA(2) asks for. A record in whose data OpenSSL reads no certificate or
 * key matches nothing. */
struct probe_dane {
	const struct tlsa_set *set;
	const char *base;
};

/* The probes on one loop, which outlives the line. After an answer a probe still sends QUIT and waits up to two seconds
 * for the reply; the line keeps up to PROBE_LEAVING_MAX connections for that, and the next ones close at once. */
#define PROBE_LEAVING_MAX 32
struct probe_line;
struct probe_line *probe_line_new(struct loop *loop);
/* Closes the connections that still wait for a reply to QUIT. All probes have been dropped by then. On the loop's
 * thread, or when that has ended. */
void probe_line_free(struct probe_line **line);

/* Begins to probe. One deadline over everything but QUIT. `dane` NULL: the trust store judges the chain, and the name
 * must be `host`. Copies host, address and dane (with set and base); the prober must live until the probe is dropped. */
struct probe;
struct probe *probe_begin(struct prober *prober, struct probe_line *line, const char *host,
	const struct address *address, uint16_t port, int timeout_ms, const struct probe_dane *dane, struct wake wake);
/* False: there is no answer yet. Sets all of `seen` but `at`, which the caller sets. `may_pass`: the finding may pass by
 * itself (a 4xx reply to STARTTLS, a connection cut in the handshake), and counts only if a probe some seconds later
 * sees it too. */
bool probe_answer(const struct probe *probe, struct evidence *seen, bool *may_pass);
/* Cancels the probe, and closes its socket at once, or frees it after its answer. Sets the pointer to NULL. */
void probe_drop(struct probe **probe);

#endif
