/* SMTP replies as a probe reads them (RFC 5321 4.2): a reader that is fed bytes as they come. Pure; any thread. */
#ifndef CORE_SMTP_H
#define CORE_SMTP_H

#include <stdbool.h>
#include <stddef.h>

#define SMTP_LINE_MAX 2048         /* octets of one line with its end; a longer one is malformed */
#define SMTP_REPLY_BYTES_MAX 65536 /* octets of one reply; a longer one is malformed */

enum smtp_state { SMTP_MORE, SMTP_DONE, SMTP_MALFORMED };

struct smtp_reader {
	enum smtp_state state;
	int code;        /* of the reply: 200 to 599, once a line is complete */
	bool starttls;   /* a line of the reply after the first is the keyword STARTTLS (any case, RFC 3207) */
	char first[256]; /* text of the first line, cut, untrusted: quote it */
	size_t total;
	size_t line_len;
	char line[SMTP_LINE_MAX];
	bool first_done;
};

void smtp_reader_init(struct smtp_reader *reader);
/* Takes bytes until the reply is complete or malformed; returns how many were taken. Bytes left over after SMTP_DONE
 * were sent ahead by the peer: before a TLS handshake that is an attack or a fault (RFC 3207 4.2). */
size_t smtp_reader_feed(struct smtp_reader *reader, const char *bytes, size_t len);

#endif
