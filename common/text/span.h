/* A run of bytes that somebody else owns. It is not NUL-terminated and may hold any byte. Pure; any thread. */
#ifndef TEXT_SPAN_H
#define TEXT_SPAN_H

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

struct span {
	const char *at;
	size_t len;
};

/* Returns whether the bytes equal a string. */
static inline bool span_is(struct span span, const char *word)
{
	return span.len == strlen(word) && (!span.len || !memcmp(span.at, word, span.len));
}

/* Removes the characters in `what` from both ends. */
static inline struct span span_trim(struct span span, const char *what)
{
	for (; span.len && span.at[0] && strchr(what, span.at[0]); span.at++)
		span.len--;
	while (span.len && span.at[span.len - 1] && strchr(what, span.at[span.len - 1]))
		span.len--;
	return span;
}
/* The same for a string, which is changed in place. Returns the new beginning. */
static inline char *string_trim(char *string, const char *what)
{
	struct span rest = span_trim((struct span){string, strlen(string)}, what);
	char *begin = string + (rest.at - string);
	begin[rest.len] = '\0';
	return begin;
}

/* Takes the bytes before the next `end`, and the `end` itself, off the front of `in`. Without an `end`, takes the rest. */
static inline struct span span_until(struct span *in, char end)
{
	const char *found = in->len ? memchr(in->at, end, in->len) : NULL;
	size_t len = found ? (size_t)(found - in->at) : in->len;
	struct span part = {in->at, len};
	size_t taken = found ? len + 1 : len;
	*in = (struct span){in->at + taken, in->len - taken};
	return part;
}

#endif
