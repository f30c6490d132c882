#include "socketmap.h"

#include "ascii.h"
#include "utf8.h"

#include <string.h>

enum netstring_state netstring_read(struct span in, size_t max, struct span *payload, size_t *used)
{
	size_t payload_len = 0;
	size_t at = 0;
	while (at < in.len && ascii_is_digit(in.at[at])) {
		if (at && !payload_len) /* a leading zero */
			return NETSTRING_MALFORMED;
		payload_len = payload_len * 10 + (size_t)(in.at[at++] - '0');
		if (payload_len > max)
			return NETSTRING_MALFORMED;
	}
	if (at == in.len)
		return NETSTRING_MORE;
	if (!at || in.at[at++] != ':')
		return NETSTRING_MALFORMED;
	if (in.len - at <= payload_len)
		return NETSTRING_MORE;
	if (in.at[at + payload_len] != ',')
		return NETSTRING_MALFORMED;
	*payload = (struct span){in.at + at, payload_len};
	*used = at + payload_len + 1;
	return NETSTRING_OK;
}

size_t netstring_write(char *out, size_t size, struct span payload)
{
	char buffer[24], *head = buffer + sizeof buffer;
	size_t rest = payload.len;
	*--head = ':';
	do
		*--head = (char)('0' + rest % 10);
	while ((rest /= 10) > 0);
	size_t head_len = (size_t)(buffer + sizeof buffer - head);
	if (payload.len >= size || size - payload.len < head_len + 1)
		return 0;
	memcpy(out, head, head_len);
	if (payload.len)
		memcpy(out + head_len, payload.at, payload.len);
	out[head_len + payload.len] = ',';
	return head_len + payload.len + 1;
}

bool socketmap_request_parse(struct socketmap_request *out, struct span payload)
{
	const char *blank = payload.len ? memchr(payload.at, ' ', payload.len) : NULL;
	*out = (struct socketmap_request){0};
	if (!blank)
		return false;
	out->map = (struct span){payload.at, (size_t)(blank - payload.at)};
	out->key = (struct span){blank + 1, payload.len - out->map.len - 1};
	for (size_t i = 0; i < out->map.len; i++)
		if (!ascii_is_printable(out->map.at[i]))
			return false;
	bool ascii = true; /* then it is UTF-8, too */
	for (size_t i = 0; i < out->key.len; i++) {
		unsigned char c = (unsigned char)out->key.at[i];
		if (c < ' ' || c == 0x7f)
			return false;
		ascii = ascii && c < 0x7f;
	}
	return out->map.len > 0 && (ascii || utf8_is_valid(out->key.at, out->key.len));
}
