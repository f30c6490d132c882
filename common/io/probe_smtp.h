/* The plaintext part of a probe: a socket under one deadline and the dialogue up to STARTTLS. Part of probe_openssl.c;
 * knows nothing of OpenSSL. */
#ifndef IO_PROBE_SMTP_H
#define IO_PROBE_SMTP_H

#include "address.h"
#include "evidence.h"

#include <sys/types.h>

#define WIRE_BUFFER_SIZE 4096

struct wire {
	int fd;
	int64_t deadline_ms;
	bool passing;        /* what went wrong may pass by itself */
	size_t used, filled; /* of the buffer: read and not looked at yet */
	char buffer[WIRE_BUFFER_SIZE];
};

enum wire_end { WIRE_GOOD, WIRE_CLOSED, WIRE_TIMEOUT };

/* Sets a reason and words, and returns false. */
bool probe_tell(struct evidence *seen, enum reason reason, const char *words);

/* Connects from `from` (NULL: the system chooses). False: `seen` says why; the wire is closed. */
bool wire_open(
	struct wire *wire, const struct address *to, uint16_t port, const struct address *from, struct evidence *seen);
void wire_close(struct wire *wire);
/* No SIGPIPE. */
enum wire_end wire_send(struct wire *wire, const char *bytes, size_t len);
enum wire_end wire_receive(struct wire *wire, char *bytes, size_t size, size_t *len);

/* Whether this reply greets. False: `seen` says why not. */
struct smtp_reader;
bool smtp_greets(const struct smtp_reader *reply, struct evidence *seen);

/* Greeting, EHLO, STARTTLS. True: the next octets are the handshake's, and none of the peer's is left over. False:
 * `seen` says why. */
bool smtp_dialogue(struct wire *wire, const char *helo, struct evidence *seen);

#endif
