/* Allocation that never fails: each function ends the process (abort()) when memory runs out, so none returns NULL.
 * The caller owns the result and frees it with free(). Any thread. */
#ifndef TEXT_MEMORY_H
#define TEXT_MEMORY_H

#include <stddef.h>

void *xmalloc(size_t size);
/* Returns zeroed memory. Also ends the process if count * size overflows. */
void *xcalloc(size_t count, size_t size);
void *xrealloc(void *memory, size_t size);
/* Returns `memory`, which a library has allocated, and ends the process if it is NULL. */
void *xneed(void *memory);
/* Returns a copy of `len` bytes. */
void *xmemdup(const void *bytes, size_t len);
char *xstrdup(const char *string);
/* Returns a copy of `len` bytes with a NUL after them. */
char *xstrndup(const char *bytes, size_t len);

#endif
