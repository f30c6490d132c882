/* A run of bytes that somebody else owns. Not NUL-terminated; may hold any byte. */
#ifndef TEXT_SPAN_H
#define TEXT_SPAN_H

#include <stddef.h>

struct span {
	const char *at;
	size_t len;
};

#endif
