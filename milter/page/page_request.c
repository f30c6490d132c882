#include "page_request.h"

#include "ascii.h"
#include "http_fields.h"

#define DOMAIN_PREFIX "/domain/"

static int hex_digit(char c)
{
	if (ascii_is_digit(c))
		return c - '0';
	c = ascii_lower(c);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Decodes %XX (RFC 3986 2.1) into `out`, which has room for `in`. Returns false if a % has no two digits. */
static bool percent_decode(struct span in, char *out, size_t *len)
{
	*len = 0;
	for (size_t i = 0; i < in.len; i++) {
		char c = in.at[i];
		if (c == '%') {
			int high = i + 2 < in.len ? hex_digit(in.at[i + 1]) : -1;
			int low = i + 2 < in.len ? hex_digit(in.at[i + 2]) : -1;
			if (high < 0 || low < 0)
				return false;
			c = (char)(high * 16 + low);
			i += 2;
		}
		out[(*len)++] = c;
	}
	return true;
}

void page_request_route(struct page_request *request, struct span path)
{
	size_t prefix = strlen(DOMAIN_PREFIX);
	request->route = PAGE_NONE;
	request->name_len = 0;
	request->name[0] = '\0';
	if (span_is(path, "/"))
		request->route = PAGE_OVERVIEW;
	else if (span_is(path, "/style.css"))
		request->route = PAGE_STYLE;
	if (path.len <= prefix || path.len - prefix > PAGE_NAME_MAX || memcmp(path.at, DOMAIN_PREFIX, prefix) != 0)
		return;
	struct span name = {path.at + prefix, path.len - prefix};
	request->route = PAGE_DOMAIN;
	if (!percent_decode(name, request->name, &request->name_len)) {
		memcpy(request->name, name.at, name.len);
		request->name_len = name.len;
	}
	request->name[request->name_len] = '\0';
}

/* Returns whether the octets are an address of 127.0.0.0/8 in four decimal numbers. */
static bool is_loopback_v4(struct span address)
{
	for (unsigned part = 0; part < 4; part++) {
		struct span number = part < 3 ? span_until(&address, '.') : address;
		unsigned value = 0;
		for (size_t i = 0; i < number.len && value <= 255; i++)
			value = ascii_is_digit(number.at[i]) ? value * 10 + (unsigned)(number.at[i] - '0') : 256;
		bool padded = number.len > 1 && number.at[0] == '0'; /* some programs read it as octal */
		if (number.len == 0 || padded || value > 255 || (part == 0 && value != 127))
			return false;
	}
	return true;
}

static bool is_port(struct span port)
{
	for (size_t i = 0; i < port.len; i++)
		if (!ascii_is_digit(port.at[i]))
			return false;
	return port.len <= 5;
}

/* uri-host [ ":" port ] (RFC 9110 7.2) */
static bool host_is_local(struct span value)
{
	static const char v6[] = "[::1]";
	size_t len = strlen(v6);
	if (value.len >= len && memcmp(value.at, v6, len) == 0) {
		struct span rest = {value.at + len, value.len - len};
		return rest.len == 0 || (rest.at[0] == ':' && is_port((struct span){rest.at + 1, rest.len - 1}));
	}
	struct span name = span_until(&value, ':');
	return is_port(value) && (http_is_word(name, "localhost") || is_loopback_v4(name));
}

bool page_host_is_local(struct span head)
{
	struct http_fields fields = {0};
	while (http_field_next(&fields, &head))
		if (http_is_word(fields.name, "host") && !host_is_local(fields.value))
			return false;
	return true;
}
