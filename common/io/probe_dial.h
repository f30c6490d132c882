/* One connection of a probe: a state machine over a non-blocking socket. It never waits and knows no event loop.
 *
 * How to use: call dial_begin(). While dial_wants() is not 0, wait until the socket is ready to be read or written, as
 * dial_wants() states, and call dial_go(). Call dial_late() at the deadline. In the stage DIAL_ANSWERED call
 * dial_quit() or dial_close(), in DIAL_OVER dial_close(). One thread at a time. */
#ifndef IO_PROBE_DIAL_H
#define IO_PROBE_DIAL_H

#include "probe.h"
#include "probe_smtp.h"
#include "probe_tls.h"

struct prober {
	struct trust *trust;
	struct tls_context *context;
	char *helo;
	struct address bind4, bind6;
	void (*shown)(void *arg, const struct probe_shown *shown);
	void *shown_arg;
	void (*leaf)(void *arg, const struct crl_leaf *leaf);
	void *leaf_arg;
};

enum dial_stage {
	DIAL_CONNECT,   /* waits for the connection */
	DIAL_PLAIN,     /* the dialogue up to STARTTLS */
	DIAL_HANDSHAKE, /* TLS */
	DIAL_GREETING,  /* port 465: the greeting behind TLS */
	DIAL_EHLO,      /* `seen` is complete, except that the reply to EHLO inside TLS may show REQUIRETLS */
	DIAL_ANSWERED,  /* `seen` is complete, and TLS is up */
	DIAL_QUIT,      /* waits for the reply to QUIT */
	DIAL_OVER       /* `seen` is complete, and the connection can no longer be used */
};

struct dane_copy;
struct dial {
	const struct prober *prober;
	enum dial_stage stage;
	int fd; /* -1: none */
	struct address address;
	uint16_t port;
	bool temporary; /* the failure may be temporary */
	char host[DOMAIN_SIZE];
	struct dane_copy *dane; /* NULL: the trust store judges */
	struct tls *tls;        /* from DIAL_HANDSHAKE on */
	char *unsent;           /* octets that the socket has not accepted yet */
	size_t unsent_len;
	struct dialogue dialogue;
	struct evidence seen; /* complete except for `at` */
	struct look look;     /* the same */
};

/* Starts to connect. Copies everything except the prober, which must exist until the dial has reached DIAL_ANSWERED or
 * DIAL_OVER. The dial must not move in memory afterwards. */
void dial_begin(struct dial *dial, const struct prober *prober, const char *host, const struct address *address,
	uint16_t port, const struct probe_dane *dane);
enum { DIAL_READ = 1, DIAL_WRITE = 2 };
/* Returns what to wait for: DIAL_READ or DIAL_WRITE; 0: nothing. */
unsigned dial_wants(const struct dial *dial);
/* Continues as far as possible without waiting. Reads from the socket at most once. */
void dial_go(struct dial *dial);
/* Ends the dial because the deadline has passed: the stage becomes DIAL_OVER; after DIAL_EHLO, DIAL_ANSWERED. */
void dial_late(struct dial *dial);
/* Sends QUIT, as SMTP demands. Only in the stage DIAL_ANSWERED; `seen` does not change any more. */
void dial_quit(struct dial *dial);
/* Closes the socket and frees everything except `seen`, `look`, `temporary` and the stage. In any stage. */
void dial_close(struct dial *dial);

#endif
