/* The SMTP part of a probe as a state machine: it is fed with the octets of the peer and gives back the commands to
 * send. Knows neither sockets nor OpenSSL. Pure; any thread; never allocates. */
#ifndef IO_PROBE_SMTP_H
#define IO_PROBE_SMTP_H

#include "evidence.h"
#include "smtp.h"
#include "text.h"

enum dialogue_state {
	DIALOGUE_GREETING, /* waits for the greeting */
	DIALOGUE_EHLO,     /* waits for the reply to EHLO */
	DIALOGUE_STARTTLS, /* waits for the reply to STARTTLS */
	DIALOGUE_READY,    /* has ended well: the next octets are the handshake's */
	DIALOGUE_FAILED    /* has ended: `seen` has the reason and the words */
};

struct dialogue {
	enum dialogue_state state;
	bool behind_tls; /* port 465: TLS is up already, and the greeting is all that is waited for */
	bool may_pass;   /* the reason for the failure may pass by itself */
	const char *helo;
	struct evidence *seen;
	struct smtp_reader reply;
};

/* Octets of the commands that one call may add to `say`, at most, with a NUL. */
#define DIALOGUE_SAY_SIZE 512

/* `helo` (at most 255 octets) and `seen` outlive the dialogue. */
void dialogue_begin(struct dialogue *dialogue, const char *helo, bool behind_tls, struct evidence *seen);
/* Whether the dialogue waits for octets of the peer. */
bool dialogue_waits(const struct dialogue *dialogue);
/* Takes octets of the peer. Octets behind the reply to STARTTLS end the dialogue with REASON_STARTTLS_INJECTION. */
void dialogue_feed(struct dialogue *dialogue, const char *bytes, size_t len, struct text *say);

enum dialogue_trouble {
	PEER_CLOSED,    /* the connection was closed */
	PEER_SILENT,    /* no reply came before the deadline */
	PEER_DEAF,      /* a command could not be sent before the deadline */
	PEER_MALFORMED, /* the octets are no SMTP reply */
	PEER_AHEAD      /* octets came between the reply to STARTTLS and the handshake */
};
/* Ends a dialogue that waits, or that is ready and whose handshake has not begun. */
void dialogue_fail(struct dialogue *dialogue, enum dialogue_trouble trouble, struct text *say);

/* Sets a reason and the words for it, cut to fit. Returns false. */
bool probe_fail(struct evidence *seen, enum reason reason, const char *words);

#endif
