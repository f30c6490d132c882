/* The head of an HTTP reply. Pure; any thread. */
#ifndef MILTER_HTTP_HEAD_H
#define MILTER_HTTP_HEAD_H

#include <stddef.h>

#define HTTP_HEAD_SIZE 1024

/* Writes a head with its empty line into `out`, which has room for HTTP_HEAD_SIZE octets. `status`: code and phrase. `fields`:
 * further fields, each with its end of line. Returns the length. */
size_t http_head(char *out, const char *status, const char *type, size_t body_len, const char *fields);

#endif
