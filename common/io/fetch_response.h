/* One HTTP response as it comes in, within its limits. Part of fetch_curl.c; knows nothing of libcurl. */
#ifndef IO_FETCH_RESPONSE_H
#define IO_FETCH_RESPONSE_H

#include "text.h"

struct response {
	size_t header_bytes; /* of all headers, interim responses and trailers too */
	bool headers_too_long;
	bool folded; /* a header line continued: obsolete, and a way to hide a value (RFC 9112 5.2) */
	bool type_seen, type_wrong;
	bool framed;  /* its end can be told without the connection's */
	bool encoded; /* Content-Encoding or Transfer-Encoding that nobody asked for */
	bool too_large;
	char value[64];     /* the Content-Type or encoding that is wrong: untrusted */
	char location[160]; /* where a redirect leads, cut: untrusted */
	char *body;         /* owned */
	size_t body_len, body_size;
};

/* One header line, with its end. False: give up. */
bool response_header(struct response *response, const char *line, size_t len);
/* A piece of the body. False: give up. */
bool response_body(struct response *response, const char *bytes, size_t len);
/* Says why a response of this status counts for nothing (RFC 8461 3.3). */
void response_refuse_status(const struct response *response, long status, struct text *detail);
/* Says what is wrong with a response of status 200; false when nothing is. */
bool response_refuse(const struct response *response, struct text *detail);
void response_free(struct response *response);

#endif
