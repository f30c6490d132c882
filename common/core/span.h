/* A run of bytes that somebody else owns. Not NUL-terminated; may hold any byte. */
#ifndef CORE_SPAN_H
#define CORE_SPAN_H

#include <stddef.h>

struct span {
	const char *at;
	size_t len;
};

#endif
