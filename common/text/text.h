/* Text built in a buffer of fixed size, and text_quote(), the only function that makes untrusted bytes printable.
 *
 * Untrusted bytes come from DNS, HTTPS, SMTP peers, sockets and files. They reach a log line, a header, a reply or a
 * terminal through text_quote() only. A text that does not fit is cut, sets `cut`, and is NUL-terminated nevertheless.
 * Pure; any thread; never allocates. */
#ifndef TEXT_TEXT_H
#define TEXT_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct text {
	char *bytes; /* the caller's buffer, always NUL-terminated */
	size_t size; /* of the buffer, at least 1 */
	size_t len;  /* without the NUL */
	bool cut;    /* something did not fit */
};

/* Starts an empty text in the caller's buffer. */
void text_init(struct text *t, char *buffer, size_t size);
/* Append a string, bytes or a decimal number that stsgate itself has made. */
void text_add(struct text *t, const char *string);
void text_add_bytes(struct text *t, const char *bytes, size_t len);
void text_add_number(struct text *t, int64_t number);
/* Appends a time, in seconds since the epoch, as `2026-01-31T12:00:00Z`; a time before 1970 or after 9999 as a number. */
void text_add_time(struct text *t, int64_t at);

/* Appends a duration in the largest unit of which it has at least two, such as `119 minutes` or `2 hours`. */
void text_add_span(struct text *t, int64_t seconds);

/* Appends untrusted bytes as at most `cap` printable characters.
 *
 * If all bytes are letters, digits or characters of `.-_@:+/[]*`, they stay as they are. Otherwise, and if there are no
 * bytes, the result is in double quotes, with `"`, `\` and everything outside printable ASCII as \xNN. If the bytes
 * need more room than `cap` or the buffer has, `...` before the closing quote replaces the rest. `cut` is set only if
 * the buffer was too small. */
void text_quote(struct text *t, const void *bytes, size_t len, size_t cap);

#endif
