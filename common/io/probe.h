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
#include "tlsa.h"

#define PROBE_PORT_TLS 465

struct trust;
struct probe_options {
	struct trust *trust; /* outlives the prober */
	const char *helo;
	struct address bind4, bind6; /* len 0: the system chooses */
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
