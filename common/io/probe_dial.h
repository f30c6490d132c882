/* One connection of a probe: a non-blocking socket and what passes over it, stage by stage. It never waits. Its owner
 * waits until the socket is ready for dial_wants(), then calls dial_go(); or calls dial_late() at the deadline. Knows
 * no event loop. One thread at a time. */
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
};

enum dial_stage {
	DIAL_CONNECT,   /* waits for the connection */
	DIAL_PLAIN,     /* the dialogue up to STARTTLS */
	DIAL_HANDSHAKE, /* TLS */
	DIAL_GREETING,  /* port 465: the greeting behind TLS */
	DIAL_ANSWERED,  /* `seen` is complete, and TLS is up: dial_quit() or dial_close() is next */
	DIAL_QUIT,      /* waits for the reply to QUIT */
	DIAL_OVER       /* `seen` is complete: dial_close() is next */
};

struct dane_copy;
struct dial {
	const struct prober *prober;
	enum dial_stage stage;
	int fd; /* -1: none */
	struct address address;
	uint16_t port;
	bool may_pass; /* what was seen may pass by itself */
	char host[DOMAIN_SIZE];
	struct dane_copy *dane; /* NULL: the trust store judges */
	struct tls *tls;        /* from DIAL_HANDSHAKE on */
	char *unsent;           /* that the socket did not take yet */
	size_t unsent_len;
	struct dialogue dialogue;
	struct evidence seen; /* without `at` */
};

/* Starts to connect. Copies all but the prober, which must outlive the stage DIAL_ANSWERED. The dial must stay where it
 * is in memory. */
void dial_begin(struct dial *dial, const struct prober *prober, const char *host, const struct address *address,
	uint16_t port, const struct probe_dane *dane);
enum { DIAL_READ = 1, DIAL_WRITE = 2 };
/* What to wait for; 0: nothing. */
unsigned dial_wants(const struct dial *dial);
/* Goes on as far as it gets without waiting. Reads from the socket once. */
void dial_go(struct dial *dial);
/* The deadline has passed: the stage becomes DIAL_OVER. */
void dial_late(struct dial *dial);
/* From DIAL_ANSWERED: takes leave of the peer, for good manners; `seen` does not change any more. */
void dial_quit(struct dial *dial);
/* In any stage: closes the socket and frees all but `seen`, `may_pass` and the stage. */
void dial_close(struct dial *dial);

#endif
