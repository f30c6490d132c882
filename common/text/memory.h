/* Memory that is always there: each of these ends the process (abort) when memory is out, and none returns NULL. The
 * caller owns what is returned and frees it with free(). Any thread. */
#ifndef TEXT_MEMORY_H
#define TEXT_MEMORY_H

#include <stddef.h>

void *xmalloc(size_t size);
/* Zeroed; also ends the process when count * size overflows. */
void *xcalloc(size_t count, size_t size);
void *xrealloc(void *memory, size_t size);
/* `memory`, which a library has allocated. */
void *xneed(void *memory);
/* A copy of `len` bytes. */
void *xmemdup(const void *bytes, size_t len);
char *xstrdup(const char *string);
/* A copy of `len` bytes with a NUL behind them. */
char *xstrndup(const char *bytes, size_t len);

#endif
