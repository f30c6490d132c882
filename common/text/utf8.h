/* UTF-8 (RFC 3629). Pure; any thread. */
#ifndef TEXT_UTF8_H
#define TEXT_UTF8_H

#include <stdbool.h>
#include <stddef.h>

/* Returns the length in octets of the character at the start of `len` > 0 octets, or 0 if it is invalid: an overlong
 * form, a surrogate, a code point above U+10FFFF, or a character that is cut off. */
size_t utf8_len(const char *bytes, size_t len);
/* Returns whether all octets are valid UTF-8. */
bool utf8_is_valid(const char *bytes, size_t len);

/* Text for others, in JSON (RFC 7493 2.1): valid, without control characters (U+0000 to U+001F, U+007F to U+009F) and without
 * noncharacters. utf8_text_len() is utf8_len() with 0 for these characters, too. */
size_t utf8_text_len(const char *bytes, size_t len);
bool utf8_is_text(const char *bytes, size_t len);
/* Copies octets as such text, NUL-terminated: a `?` replaces each octet that is none. Cuts between characters what does not fit
 * into `size` > 0 octets. */
void utf8_text_copy(char *out, size_t size, const char *bytes, size_t len);

#endif
