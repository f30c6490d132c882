/* A hop that speaks SMTP correctly and shows the given certificates, for tests. Any error ends the program. */
#ifndef TESTS_TLS_HOP_H
#define TESTS_TLS_HOP_H

#include "pki.h"

#include <pthread.h>

struct tls_hop {
	/* set before the start */
	const struct pki_pair *leaf;
	const struct pki_pair *sent; /* a further certificate of the chain; NULL: none */
	int tls_max;                 /* the newest TLS version; 0: any */
	bool plain;                  /* offers no STARTTLS */
	/* what the one connection had; set at its end */
	char sni[256];
	/* private */
	uint16_t port;
	int listener;
	pthread_t thread;
};

/* Listens on a port of 127.0.0.1 and serves one connection. */
void tls_hop_start(struct tls_hop *hop);
void tls_hop_end(struct tls_hop *hop); /* waits until that connection has ended */

#endif
