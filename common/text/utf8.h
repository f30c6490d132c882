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

#endif
