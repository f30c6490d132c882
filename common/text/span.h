/* A run of bytes that somebody else owns. Not NUL-terminated; may hold any byte. */
#ifndef TEXT_SPAN_H
#define TEXT_SPAN_H

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

struct span {
	const char *at;
	size_t len;
};

static inline bool span_is(struct span span, const char *word)
{
	return span.len == strlen(word) && (!span.len || !memcmp(span.at, word, span.len));
}

/* Takes the characters in `what` off both ends. */
static inline struct span span_trim(struct span span, const char *what)
{
	for (; span.len && span.at[0] && strchr(what, span.at[0]); span.at++)
		span.len--;
	while (span.len && span.at[span.len - 1] && strchr(what, span.at[span.len - 1]))
		span.len--;
	return span;
}

#endif
