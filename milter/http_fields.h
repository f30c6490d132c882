/* The header fields of an HTTP/1 request (RFC 9112 5). Pure; any thread. */
#ifndef MILTER_HTTP_FIELDS_H
#define MILTER_HTTP_FIELDS_H

#include "span.h"

#define HTTP_BLANKS " \t\r"

/* Returns the octets before the next separator, without blanks at both ends, and removes them and the separator from
 * `rest`. Without a separator, takes the rest. */
struct span http_part_take(struct span *rest, char separator);
/* Returns whether the octets are this word, whatever the case of its letters. */
bool http_is_word(struct span span, const char *word);

/* Takes the next field off the front of `head`, which is the head of a request: its first line and its fields. Skips the
 * first line, and lines that continue a field. Returns false at the end. Begin with a zeroed struct. */
struct http_fields {
	bool begun;
	struct span name, value;
};
bool http_field_next(struct http_fields *fields, struct span *head);

#endif
