#include "fetch_response.h"

#include "fetch.h"
#include "memory.h"
#include "span.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* The size that a body's buffer begins with: nearly all policies are shorter. */
#define BODY_BYTES_FIRST 4096

#define BLANKS " \t\r\n"

static bool value_is(struct span value, const char *word)
{
	return value.len == strlen(word) && strncasecmp(value.at, word, value.len) == 0;
}

/* Returns the value of the header `name`; its `at` is NULL if this is the line of another header. */
static struct span header_value(const char *line, size_t len, const char *name)
{
	const char *colon = memchr(line, ':', len);
	if (!colon || !value_is((struct span){line, (size_t)(colon - line)}, name))
		return (struct span){.at = NULL};
	return span_trim((struct span){colon + 1, len - (size_t)(colon + 1 - line)}, BLANKS);
}

/* Checks the media type without its parameters, which are ignored (RFC 8461 3.2). */
static bool media_type_ok(struct span value)
{
	const char *semicolon = memchr(value.at, ';', value.len);
	size_t len = semicolon ? (size_t)(semicolon - value.at) : value.len;
	return value_is(span_trim((struct span){value.at, len}, BLANKS), "text/plain");
}

bool fetch_media_type_ok(const char *content_type)
{
	return content_type && media_type_ok(span_trim((struct span){content_type, strlen(content_type)}, BLANKS));
}

static void keep(char *out, size_t size, struct span value)
{
	size_t len = value.len < size ? value.len : size - 1;
	memcpy(out, value.at, len);
	out[len] = '\0';
}

bool response_header(struct response *response, const char *line, size_t len)
{
	response->header_bytes += len;
	if (response->header_bytes > FETCH_HEADER_BYTES_MAX) {
		response->headers_too_long = true;
		return false;
	}
	if (response->body_len) /* trailers are ignored */
		return true;
	/* a response begins: forget the headers of an interim response */
	if (len >= 5 && memcmp(line, "HTTP/", 5) == 0) {
		response->type_seen = response->type_wrong = false;
		response->folded = response->framed = response->encoded = false;
		response->location[0] = '\0';
		return true;
	}
	if (len && (line[0] == ' ' || line[0] == '\t'))
		response->folded = true;
	struct span type = header_value(line, len, "content-type");
	struct span encoding = header_value(line, len, "content-encoding");
	struct span transfer = header_value(line, len, "transfer-encoding");
	struct span location = header_value(line, len, "location");
	if (location.at)
		keep(response->location, sizeof response->location, location);
	if (transfer.at || header_value(line, len, "content-length").at)
		response->framed = true;
	if (type.at)
		response->type_seen = true;
	if (type.at && !media_type_ok(type)) {
		response->type_wrong = true;
		keep(response->value, sizeof response->value, type);
	}
	if ((encoding.at && !value_is(encoding, "identity")) || (transfer.at && !value_is(transfer, "chunked"))) {
		response->encoded = true;
		keep(response->value, sizeof response->value, encoding.at ? encoding : transfer);
	}
	return true;
}

bool response_body(struct response *response, const char *bytes, size_t len)
{
	size_t most = response->is_list ? CRL_BYTES_MAX : POLICY_BYTES_MAX;
	if (len > most - response->body_len) {
		response->too_large = true; /* never cut: a cut line can be another pattern (RFC 8461 3.3) */
		return false;
	}
	if (!response->body || len > response->body_size - response->body_len) {
		size_t needed = response->body_len + len;
		response->body_size = needed > BODY_BYTES_FIRST ? most : BODY_BYTES_FIRST;
		response->body = xrealloc(response->body, response->body_size);
	}
	if (len)
		memcpy(response->body + response->body_len, bytes, len);
	response->body_len += len;
	return true;
}

void response_refuse_status(const struct response *response, long status, struct text *detail)
{
	text_add(detail, "HTTP status ");
	text_add_number(detail, status);
	if (status < 300 || status > 399 || response->location[0] == '\0')
		return;
	text_add(detail, ", a redirect to ");
	text_quote(detail, response->location, strlen(response->location), 100);
	text_add(detail, response->is_list
				 ? ": redirects are not followed"
				 : ": redirects are never followed (RFC 8461 3.3); the policy host itself must answer");
}

bool response_refuse(const struct response *response, struct text *detail)
{
	if (response->folded) {
		text_add(detail, "a header line is folded");
	} else if (response->encoded) {
		text_add(detail, "an encoding that was not requested: ");
		text_quote(detail, response->value, strlen(response->value), 80);
	} else if (response->is_list) {
		return false;
	} else if (response->type_wrong) {
		text_add(detail, "Content-Type is ");
		text_quote(detail, response->value, strlen(response->value), 80);
		text_add(detail, ", not text/plain");
	} else if (!response->type_seen) {
		text_add(detail, "no Content-Type header");
	} else {
		return false;
	}
	return true;
}

void response_free(struct response *response)
{
	free(response->body);
	response->body = NULL;
}
