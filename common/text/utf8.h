/* UTF-8 (RFC 3629). Pure; any thread. */
#ifndef TEXT_UTF8_H
#define TEXT_UTF8_H

#include <stdbool.h>
#include <stddef.h>

/* Octets of the sequence at the start of `len` > 0 octets, 0 when it is none: no overlong form, no surrogate, nothing
 * over U+10FFFF. */
size_t utf8_len(const char *bytes, size_t len);
bool utf8_is_valid(const char *bytes, size_t len);

#endif
