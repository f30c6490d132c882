/* The text of a DKIM signature (RFC 6376), canonicalization relaxed/relaxed: what is hashed, and the field DKIM-Signature.
 * The hashes and the signature itself are made elsewhere (dkim_openssl).
 *
 * Only mail that stsgate itself has written is signed, so a message must have the plainest form: each line ends in CRLF,
 * and no other CR or LF occurs. Pure; any thread. */
#ifndef CORE_DKIM_TEXT_H
#define CORE_DKIM_TEXT_H

#include "span.h"
#include "text.h"

#include <stdint.h>

/* The fields that a signature covers, in the order of h=. A field that the message does not have is covered, too: nobody
 * can add it (5.4). RFC 8460 5.3 asks for the last two. */
#define DKIM_COVERED 9
extern const char *const dkim_covered[DKIM_COVERED];

#define DKIM_FIELD_SIZE 4096 /* octets of a field with an RSA signature of 8192 bits, with the NUL */

/* Splits a message at its first empty line. The head is all lines before that. Returns false for a message that cannot be
 * signed: a line does not end in CRLF, the empty line or From is missing, or the first line of the head is no field. */
bool dkim_split(struct span message, struct span *head, struct span *body);

/* Returns the body as it is hashed for bh= (3.4.4). The caller frees it. */
char *dkim_body(struct span body, size_t *len);

/* Begins the field, up to an empty `b=`, without a line end. `body_hash` is in base64. `at`: seconds since the epoch.
 * `algorithm` is a value of a=. */
void dkim_field_begin(struct text *field, const char *algorithm, const char *domain, const char *selector, int64_t at,
	const char *body_hash);
/* Returns what is signed (3.7): the covered fields of the head, then the begun field without a line end. A name that is
 * listed again means the next field of that name further up (5.4.2). The caller frees the result. */
char *dkim_signed(struct span head, const char *const *covered, size_t count, const char *field, size_t *len);
/* Ends the field with the signature in base64, folded, and a line end. */
void dkim_field_end(struct text *field, const char *signature);

#endif
