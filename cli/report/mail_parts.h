/* The parts of a mail (RFC 5322, MIME: RFC 2045 to 2047), decoded.
 *
 * The mail is hostile: depth, number of parts and the size of its header are bounded, and nothing of it is followed or executed. What
 * breaks the RFCs is read as far as it makes sense. Pure; any thread. */
#ifndef CLI_MAIL_PARTS_H
#define CLI_MAIL_PARTS_H

#include "span.h"

#include <stdbool.h>
#include <stddef.h>

#define MAIL_DEPTH_MAX 8             /* parts in parts */
#define MAIL_PARTS_MAX 64            /* of one mail; further ones are left out */
#define MAIL_HEADER_MAX (256 * 1024) /* octets of a header; what follows counts as the body */
#define MAIL_FIELD_SIZE 1024         /* of the value of a field, with its NUL; the rest is cut */

/* A part without parts of its own. All texts are valid during the call only. */
struct mail_part {
	const char *type; /* such as `application/tlsrpt+gzip`, in lower case */
	struct span body; /* decoded */
	struct span mail; /* that the part belongs to: the whole mail, or one that is attached to it */
};
/* Is called for each part, in order. Returns false to skip the rest of the mail. */
typedef bool mail_take(void *arg, const struct mail_part *part);

/* Calls `take` for each part of a mail. A mail that is attached to it counts as a part with parts. */
void mail_parts(struct span mail, mail_take *take, void *arg);

/* Copies the value of the first field of that name, without line breaks and without blanks at its ends. Returns false if the mail's
 * header has no such field; `value` is then "". */
bool mail_field(struct span mail, const char *name, char value[MAIL_FIELD_SIZE]);

/* Takes the next mail off the front of an mbox: a file of mails, each behind a line that begins with `From `. */
struct span mbox_next(struct span *mbox);

#endif
