/* Probing one address of a hop (RFC 8461 4.2): connect, greeting, EHLO, STARTTLS, handshake with SNI, chain and name
 * check against the MX host name, QUIT. Hides OpenSSL. TLS versions down to 1.0 are offered so that "too old" can be
 * told apart; nothing that the peer sent before the handshake survives it. No mail is ever sent. A prober may be used
 * by many threads at once. Replaced by a fake in scenario tests. */
#ifndef IO_PROBE_H
#define IO_PROBE_H

#include "address.h"
#include "evidence.h"
#include "failure.h"

struct trust;
struct probe_options {
	struct trust *trust; /* outlives the prober */
	const char *helo;
	struct address bind4, bind6; /* len 0: the system chooses */
};
struct prober;
struct prober *prober_new(const struct probe_options *options, struct failure *why);
void prober_free(struct prober **prober);

/* Fills `seen` whole but for `at`, which the caller sets. One deadline over everything. */
void probe_address(struct prober *prober, const char *host, const struct address *address, uint16_t port,
	int timeout_ms, struct evidence *seen);

#endif
