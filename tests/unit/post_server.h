/* An HTTPS server on a port of 127.0.0.1 that takes one POST at a time, for tests in a network namespace. */
#ifndef TESTS_POST_SERVER_H
#define TESTS_POST_SERVER_H

#include "pki.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stddef.h>

#define POST_SERVER_BODY_MAX 262144

struct post_server {
	const struct pki_pair *leaf;
	const char *answer; /* "": silence until the stop */
	atomic_uint connections;
	/* of the newest request */
	char head[4096];
	size_t body_len;
	unsigned char body[POST_SERVER_BODY_MAX];
	int listener, stop[2];
	pthread_t thread;
};
void post_server_start(struct post_server *server, const struct pki_pair *leaf, uint16_t port, const char *answer);
void post_server_stop(struct post_server *server);

#endif
