/* Text put together in a buffer of fixed size, and the one quoting function.
 *
 * Untrusted bytes (from DNS, HTTPS, SMTP peers, sockets, files) reach a log line, a header, a reply or a terminal only
 * through text_quote(). Pure; any thread; never allocates. A text that does not fit is cut, `cut` says so, and it
 * is NUL-terminated all the same. */
#ifndef TEXT_TEXT_H
#define TEXT_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct text {
	char *bytes; /* the caller's buffer */
	size_t size; /* of the buffer, at least 1 */
	size_t len;  /* without the NUL */
	bool cut;
};

void text_init(struct text *t, char *buffer, size_t size);
void text_add(struct text *t, const char *string);
void text_add_bytes(struct text *t, const char *bytes, size_t len);
void text_add_number(struct text *t, int64_t number);

/* Adds at most `cap` characters for `len` untrusted bytes. Plain when all of them are letters, digits or one of
 * `.-_@:+/[]*` and there is at least one; else in double quotes, with `"`, `\` and everything outside printable ASCII
 * as \xNN. What is over the cap is replaced by `...` inside the quotes. */
void text_quote(struct text *t, const void *bytes, size_t len, size_t cap);

#endif
