/* Deliveries in the log of an MTA: what Postfix (3.7 to 3.11) and Sendmail log when they have tried to deliver a message
 * over SMTP. The text is hostile: recipients, hosts and replies in it come from other machines. Pure; any thread. */
#ifndef CLI_MAILLOG_H
#define CLI_MAILLOG_H

#include "span.h"

#include <stdbool.h>

enum maillog_outcome { MAILLOG_SENT, MAILLOG_DEFERRED, MAILLOG_BOUNCED };
#define MAILLOG_OUTCOMES 3
#define MAILLOG_WORD_MAX 64 /* octets of a TLS word; a longer word counts as none */

/* A delivery of one message. All spans are parts of the line that was parsed. */
struct maillog_delivery {
	enum maillog_outcome outcome;
	struct span queue_id;
	struct span recipients; /* one address or more: see maillog_recipient() */
	struct span relay;      /* the name of the host that the MTA connected to; empty: none */
	/* Postfix 3.11 only: the level of TLS, with the lower level after a colon if it was lowered (`may:none`). It
	 * has only lower-case letters, digits, hyphens and colons. Empty: unknown. */
	struct span tls;
};

/* Parse one line of a syslog file (either time format), or the text of one message and the name of the program that
 * logged it (`postfix/smtp`). Return false if this is no delivery over SMTP to another machine. A delivery to this
 * machine's own loopback address does not count: a content filter or the queue of sendmail(8)'s submission program hands the
 * message to the MTA there, which delivers it again. */
bool maillog_line(struct maillog_delivery *out, struct span line);
bool maillog_message(struct maillog_delivery *out, struct span program, struct span text);

/* Takes the next address off a list of recipients; returns false if none is left. The address may be in angle brackets,
 * and its local part may be quoted. */
bool maillog_recipient(struct span *recipients, struct span *address);

#endif
