/* What the milter remembers about one message from MAIL to the end of the message.
 *
 * Not locked: libmilter runs only one callback of a session at a time. A zeroed struct is valid and holds no message. */
#ifndef MILTER_MESSAGE_H
#define MILTER_MESSAGE_H

#include "answer.h"
#include "config.h"
#include "report.h"
#include "text.h"
#include "verdict.h"

#define MESSAGE_TAGS_MAX 100 /* verdicts remembered for header fields, one for each policy domain */

struct message {
	struct config *config;        /* the settings for this message, also after a reload; NULL: no message */
	int64_t waited_ms;            /* the part of milter_wait that is used up */
	unsigned forged;              /* header fields with our name that came with the message */
	bool unjudged;                /* the daemon was stopping, and a recipient was accepted without a verdict */
	bool held;                    /* the message must be quarantined */
	struct verdict held_for;      /* the first verdict that demanded it */
	struct verdict_logged logged; /* domains whose unchecked delivery was logged */
	unsigned recipients;
	bool many_domains; /* the recipients are in more than one domain */
	char first_domain[DOMAIN_SIZE];
	struct verdict *tag; /* the verdicts for header fields */
	unsigned tag_count, tag_room;
	unsigned tags_left_out; /* verdicts beyond MESSAGE_TAGS_MAX */
};

/* Starts a message; a message before it ends. Takes over the caller's reference to `config`. */
void message_begin(struct message *message, struct config *config);
/* Ends a message and frees what belongs to it. */
void message_end(struct message *message);
/* Notes a recipient's domain, whether the recipient is judged or not. */
void message_recipient(struct message *message, const char *recipient);
/* Remembers a verdict for a header field. Keeps the worse of two verdicts for one policy domain. */
void message_tag(struct message *message, const struct verdict *verdict);
/* Remembers that the message must be quarantined for this verdict. */
void message_hold(struct message *message, const struct verdict *verdict);
/* Writes the header field for verdict `i` into `out`. Returns false if an earlier verdict has the same text. */
bool message_header(const struct message *message, unsigned i, struct text *out);

#endif
