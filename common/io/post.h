/* Hands one mail to this site's MTA by SMTP (RFC 5321). Hides libcurl. For https, see fetch_post_begin().
 *
 * A call waits for the MTA, for at most its deadline; the server is this site's own. Any thread. Tests of the sender replace this
 * module by a fake. */
#ifndef IO_POST_H
#define IO_POST_H

#include "failure.h"
#include "tlsrpt_send.h"

#include <stdatomic.h>

#define POST_MS 60000       /* the usual deadline */
#define POST_SERVER_PORT 25 /* of a server without a port */

struct post {
	const char *server;            /* host:port; an IPv6 address is in brackets (report_smtp) */
	const char *helo;              /* name of this machine */
	const char *sender, *receiver; /* mailboxes without angle brackets */
	struct span message;           /* lines end in CRLF */
	int timeout_ms;
	const atomic_bool *stop; /* when this becomes true, the call ends within a second; NULL: never */
};
struct posted {
	/* TLSRPT_DONE: the MTA has accepted the mail. TLSRPT_NEVER: it has refused receiver or message with a 5xx reply.
	 * TLSRPT_UNSURE: it got the whole message, but gave no reply. TLSRPT_LATER: anything else. */
	enum tlsrpt_outcome outcome;
	bool unreached;   /* TLSRPT_LATER without a refusal: the MTA does not serve */
	char detail[200]; /* the MTA's reply, quoted, or what failed, for people */
};
void post_smtp(const struct post *post, struct posted *posted);

#endif
