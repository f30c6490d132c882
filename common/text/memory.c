#include "memory.h"

#include <stdlib.h>
#include <string.h>

void *xneed(void *memory)
{
	if (!memory)
		abort();
	return memory;
}

/* Allocates one octet for size 0, because malloc(0) may return NULL without being out of memory. */
void *xmalloc(size_t size)
{
	return xneed(malloc(size ? size : 1));
}

void *xcalloc(size_t count, size_t size)
{
	return xneed(count && size ? calloc(count, size) : calloc(1, 1));
}

void *xrealloc(void *memory, size_t size)
{
	return xneed(realloc(memory, size ? size : 1));
}

void *xmemdup(const void *bytes, size_t len)
{
	void *copy = xmalloc(len);
	if (len)
		memcpy(copy, bytes, len);
	return copy;
}

char *xstrdup(const char *string)
{
	return xmemdup(string, strlen(string) + 1);
}

char *xstrndup(const char *bytes, size_t len)
{
	char *copy = xmalloc(len + 1);
	if (len)
		memcpy(copy, bytes, len);
	copy[len] = '\0';
	return copy;
}
