/* Collects one HTTP response as it arrives, and enforces its limits. Part of fetch_curl.c; knows nothing of libcurl. */
#ifndef IO_FETCH_RESPONSE_H
#define IO_FETCH_RESPONSE_H

#include "text.h"

struct response {
	bool is_list;        /* a CRL, not a policy: it may be larger, and have any Content-Type */
	size_t header_bytes; /* of all headers, including interim responses and trailers */
	bool headers_too_long;
	/* a header line was continued on the next line: obsolete, and a way to hide a value (RFC 9112 5.2) */
	bool folded;
	bool type_seen, type_wrong;
	bool framed;  /* a header shows where the body ends, so that a cut connection is noticed */
	bool encoded; /* a Content-Encoding or Transfer-Encoding that was not requested */
	bool too_large;
	char value[64];     /* the wrong Content-Type or encoding; untrusted */
	char location[160]; /* the target of a redirect, cut to fit; untrusted */
	char *body;         /* owned */
	size_t body_len, body_size;
};

/* Takes one header line, including its line end. Returns false if the response is over its limits; the caller must then
 * end the transfer. */
bool response_header(struct response *response, const char *line, size_t len);
/* Takes a piece of the body. Returns false if it is too large; the caller must then end the transfer. */
bool response_body(struct response *response, const char *bytes, size_t len);
/* Describes why a response with this status is rejected; the status is not 200 (RFC 8461 3.3). */
void response_refuse_status(const struct response *response, long status, struct text *detail);
/* Returns whether a response with status 200 must be rejected, and describes why. */
bool response_refuse(const struct response *response, struct text *detail);
/* Frees the body. */
void response_free(struct response *response);

#endif
