/* The SMTP part of a probe, as a state machine: takes the octets that the peer sends, keeps the greeting and the reply to
 * EHLO in the probe's look, and returns the commands to send. Knows neither sockets nor OpenSSL. Pure; any thread; never allocates. */
#ifndef IO_PROBE_SMTP_H
#define IO_PROBE_SMTP_H

#include "evidence.h"
#include "look.h"
#include "smtp.h"
#include "text.h"

enum dialogue_state {
	DIALOGUE_GREETING, /* waits for the greeting */
	DIALOGUE_EHLO,     /* waits for the reply to EHLO */
	DIALOGUE_STARTTLS, /* waits for the reply to STARTTLS */
	DIALOGUE_READY,    /* succeeded: the handshake may begin, or behind TLS the greeting was good */
	DIALOGUE_FAILED    /* failed: `seen` has the reason and the words */
};

struct dialogue {
	enum dialogue_state state;
	bool behind_tls; /* port 465: TLS is up already, and only the greeting is read */
	bool temporary;  /* the failure may be temporary */
	const char *helo;
	struct evidence *seen;
	struct look *look;
	struct smtp_reader reply;
};

/* The size that the buffer of `say` needs: one call adds fewer octets. */
#define DIALOGUE_SAY_SIZE 512

/* Begins a dialogue, which waits for the greeting. `helo` (at most 255 octets), `seen` and `look` must outlive it. */
void dialogue_begin(
	struct dialogue *dialogue, const char *helo, bool behind_tls, struct evidence *seen, struct look *look);
/* Returns whether the dialogue waits for octets from the peer. */
bool dialogue_waits(const struct dialogue *dialogue);
/* Takes octets from the peer, and adds the commands that follow to `say`. Octets behind the reply to STARTTLS end the
 * dialogue with REASON_STARTTLS_INJECTION. */
void dialogue_feed(struct dialogue *dialogue, const char *bytes, size_t len, struct text *say);

enum dialogue_trouble {
	PEER_CLOSED,    /* the connection was closed */
	PEER_SILENT,    /* no reply came before the deadline */
	PEER_DEAF,      /* a command could not be sent before the deadline */
	PEER_MALFORMED, /* the octets are not an SMTP reply */
	PEER_AHEAD      /* octets arrived between the reply to STARTTLS and the handshake */
};
/* Ends a dialogue with a failure. Call it while the dialogue waits for the peer, or when it is ready and the handshake
 * has not begun. Adds QUIT to `say`, except if there was no greeting or if TLS is up. */
void dialogue_fail(struct dialogue *dialogue, enum dialogue_trouble trouble, struct text *say);

/* Puts `reason` and `words`, cut to fit, into `seen`. Always returns false, for the caller to return. */
bool probe_fail(struct evidence *seen, enum reason reason, const char *words);

#endif
