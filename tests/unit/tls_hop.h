/* A hop that speaks SMTP well and shows what certificates it is given, for tests. What goes wrong in here ends the
 * program. */
#ifndef TESTS_TLS_HOP_H
#define TESTS_TLS_HOP_H

#include "pki.h"

#include <pthread.h>

struct tls_hop {
	/* set before the start */
	const struct pki_pair *leaf;
	const struct pki_pair *sent; /* one more certificate in the chain; NULL: none */
	int tls_max;                 /* newest version; 0: any */
	bool plain;                  /* offers no STARTTLS */
	/* of the one connection, after the end */
	char sni[256];
	/* its own */
	uint16_t port;
	int listener;
	pthread_t thread;
};

/* Listens at a port of 127.0.0.1 and serves one connection. */
void tls_hop_start(struct tls_hop *hop);
void tls_hop_end(struct tls_hop *hop); /* waits for that connection's end */

#endif
