#include "rdata.h"

#include "text.h"

#include <string.h>

#define NAME_WIRE_MAX 255  /* RFC 1035 2.3.4, with the length octets and the root */
#define RECEIVED_SHOWN 100 /* characters of what is no host name */
#define LABEL_MAX 63       /* above: compression pointers and label types that no RDATA may hold here */

long rdata_txt(char *out, size_t size, const uint8_t *rdata, size_t len)
{
	size_t written = 0;
	if (!len)
		return -1;
	for (size_t at = 0; at < len;) {
		size_t string_len = rdata[at++];
		if (string_len > len - at || string_len > size - written)
			return -1;
		if (string_len)
			memcpy(out + written, rdata + at, string_len);
		written += string_len;
		at += string_len;
	}
	return (long)written;
}

/* Writes the name with dots into `text` and returns its length, 0 for the root, -1 when malformed. A dot within a label
 * becomes NUL, which no host name holds. */
static long name_text(char text[NAME_WIRE_MAX], const uint8_t *wire, size_t len)
{
	size_t written = 0;
	size_t at = 0;
	if (!len || len > NAME_WIRE_MAX)
		return -1;
	while (wire[at]) {
		size_t label_len = wire[at++];
		/* The root's octet must still follow. */
		if (label_len > LABEL_MAX || label_len >= len - at)
			return -1;
		if (written)
			text[written++] = '.';
		for (size_t i = 0; i < label_len; i++)
			text[written++] = wire[at + i] == '.' ? '\0' : (char)wire[at + i];
		at += label_len;
	}
	return at + 1 == len ? (long)written : -1;
}

bool rdata_mx(struct rdata_mx *out, const uint8_t *rdata, size_t len)
{
	char text[NAME_WIRE_MAX] = ""; /* gcc 14 cannot tell that the root leaves it unread */
	*out = (struct rdata_mx){0};
	if (len < 3)
		return false;
	out->preference = (uint16_t)(rdata[0] << 8 | rdata[1]);
	long text_len = name_text(text, rdata + 2, len - 2);
	if (text_len < 0)
		return false;
	out->root = !text_len;
	/* The grammar first: 8-bit labels on the wire are no U-labels, so IDNA must not see them. */
	out->is_domain = domain_is_host(text, (size_t)text_len) && domain_parse(&out->exchange, text, (size_t)text_len);
	if (out->is_domain)
		return true;
	/* What is no host name must not look like one to anybody: quotes, also where text_quote() needs none. */
	char shown[RECEIVED_SHOWN + 1];
	struct text quoted, exchange;
	text_init(&quoted, shown, sizeof shown);
	text_quote(&quoted, out->root ? "." : text, out->root ? 1 : (size_t)text_len, RECEIVED_SHOWN);
	text_init(&exchange, out->exchange.name, sizeof out->exchange.name);
	text_add(&exchange, shown[0] == '"' ? "" : "\"");
	text_add(&exchange, shown);
	text_add(&exchange, shown[0] == '"' ? "" : "\"");
	return true;
}

bool rdata_address(struct address *out, const uint8_t *rdata, size_t len)
{
	*out = (struct address){0};
	if (len != 4 && len != 16)
		return false;
	memcpy(out->bytes, rdata, len);
	out->len = (uint8_t)len;
	return true;
}
