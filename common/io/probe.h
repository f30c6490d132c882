/* Probing one address of a hop (RFC 8461 4.2, RFC 7672 2.2): connect, greeting, EHLO, STARTTLS, handshake with SNI, a
 * look at the certificates, QUIT. At port 465 TLS comes first (RFC 8314 3.3), then the greeting. Hides OpenSSL. TLS
 * versions down to 1.0 are offered so that "too old" can be told apart; nothing that the peer sent before the handshake
 * survives it. No mail is ever sent. A prober may be used by many threads at once. Replaced by a fake in scenario tests.
 */
#ifndef IO_PROBE_H
#define IO_PROBE_H

#include "address.h"
#include "evidence.h"
#include "failure.h"
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
	const char *helo;
	struct address bind4, bind6;                               /* len 0: the system chooses */
	void (*shown)(void *arg, const struct probe_shown *shown); /* called by the thread that probes; may be NULL */
	void *shown_arg;
};
struct prober;
struct prober *prober_new(const struct probe_options *options, struct failure *why);
void prober_free(struct prober **prober);

/* What a hop is judged by under DANE, and the trust store not at all: usable records, one at least, and the TLSA base
 * domain, which is the name in SNI and the one that DANE-TA(2) asks for. A record in whose data OpenSSL reads no
 * certificate or key matches nothing. */
struct probe_dane {
	const struct tlsa_set *set;
	const char *base;
};

/* `dane` NULL: chain by the trust store, name by the MX host name. Fills `seen` whole but for `at`, which the caller
 * sets. One deadline over everything. True: what it saw may pass by itself (a 4xx reply to STARTTLS, a connection cut
 * in the handshake), and counts only if a probe some seconds later sees it too. */
bool probe_address(struct prober *prober, const char *host, const struct address *address, uint16_t port,
	int timeout_ms, const struct probe_dane *dane, struct evidence *seen);

#endif
