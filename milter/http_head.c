#include "http_head.h"

#include <stdio.h>

size_t http_head(char *out, const char *status, const char *type, size_t body_len, const char *fields)
{
	return (size_t)snprintf(out, HTTP_HEAD_SIZE,
		"HTTP/1.1 %s\r\nContent-Type: %s\r\nContent-Length: %zu\r\n"
		"Cache-Control: no-store\r\nConnection: close\r\n%s\r\n",
		status, type, body_len, fields);
}
