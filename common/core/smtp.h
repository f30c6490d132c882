/* Reads SMTP replies (RFC 5321 4.2) from octets in pieces of any size, and recognizes replies that were rewritten.
 *
 * For each reply: smtp_reader_init(), then smtp_reader_feed() with each piece until `state` is no longer SMTP_MORE. Pure;
 * any thread. */
#ifndef CORE_SMTP_H
#define CORE_SMTP_H

#include <stdbool.h>
#include <stddef.h>

#define SMTP_LINE_MAX 2048         /* octets of one line with its end; a longer one is malformed */
#define SMTP_REPLY_BYTES_MAX 65536 /* octets of one reply; a longer one is malformed */

enum smtp_state { SMTP_MORE, SMTP_DONE, SMTP_MALFORMED };

struct smtp_reader {
	enum smtp_state state;
	int code;        /* 200 to 599; 0 until the first line is complete */
	bool starttls;   /* a line after the first one of a 250 reply is the keyword STARTTLS, in any case (RFC 3207) */
	bool requiretls; /* the same for REQUIRETLS (RFC 8689 2); means something only in a reply inside TLS */
	char first[256]; /* text of the first line, cut, NUL-terminated; untrusted: quote it */
	size_t total;
	size_t line_len;
	char line[SMTP_LINE_MAX];
	bool first_done;
};

void smtp_reader_init(struct smtp_reader *reader);
/* Reads octets until the reply is complete or malformed, and returns how many it has read. If octets are left after
 * SMTP_DONE, the peer has sent more than a reply: before a TLS handshake this is an attack or a fault (RFC 3207 4.2). */
size_t smtp_reader_feed(struct smtp_reader *reader, const char *bytes, size_t len);

/* Appends octets of a reply to `kept`, a NUL-terminated buffer of `size` octets, as far as they fit. CR LF becomes `\n`.
 * The octets are those that smtp_reader_feed() has taken, so they end at the reply's end; a NUL ends them earlier. */
void smtp_keep(char *kept, size_t size, const char *bytes, size_t len);
/* Returns whether something on the path rewrites SMTP, as some firewalls do: nothing is left of the greeting but `*`, a
 * keyword in the reply to EHLO is overwritten with X (`250-XXXXXXXA`), or the server has received EHLO as `XXXX`. Both
 * replies are as smtp_keep() leaves them, with their codes; "": none. */
bool smtp_is_rewritten(const char *greeting, const char *ehlo);

#endif
