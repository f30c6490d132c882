/* Character classes of US-ASCII, independent of the locale. Pure; any thread. */
#ifndef TEXT_ASCII_H
#define TEXT_ASCII_H

#include <stdbool.h>
#include <stddef.h>

static inline bool ascii_is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static inline bool ascii_is_alnum(char c)
{
	char lower = (char)(c | 0x20); /* of a letter; no other character becomes one */
	return (lower >= 'a' && lower <= 'z') || ascii_is_digit(c);
}

/* Returns whether the character is a space or a tab. */
static inline bool ascii_is_blank(char c)
{
	return c == ' ' || c == '\t';
}

/* Returns whether the character is printable; the space is. */
static inline bool ascii_is_printable(char c)
{
	return c >= 0x20 && c <= 0x7e;
}

static inline char ascii_lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

/* Returns whether two runs of `len` bytes are equal if the case of letters is ignored. */
static inline bool ascii_same(const char *a, const char *b, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (ascii_lower(a[i]) != ascii_lower(b[i]))
			return false;
	return true;
}

#endif
