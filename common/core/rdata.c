#include "rdata.h"

#include "text.h"

#include <string.h>

#define NAME_WIRE_MAX 255  /* RFC 1035 2.3.4, with the length octets and the root */
#define RECEIVED_SHOWN 100 /* characters that are kept of a name that is not a host name */
#define LABEL_MAX 63       /* higher length octets are compression pointers and other label types, not allowed here */

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

/* Writes the name with dots into `text` and returns its length: 0 for the root, -1 if the name is malformed. A dot within
 * a label becomes NUL, so that the result is not taken for a host name. */
static long name_text(char text[NAME_WIRE_MAX], const uint8_t *wire, size_t len)
{
	size_t written = 0;
	size_t at = 0;
	if (!len || len > NAME_WIRE_MAX)
		return -1;
	while (wire[at]) {
		size_t label_len = wire[at++];
		/* The root's octet must still follow the label. */
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
	char text[NAME_WIRE_MAX] = ""; /* for gcc 14, which warns that it may be read uninitialized */
	*out = (struct rdata_mx){0};
	if (len < 3)
		return false;
	out->preference = (uint16_t)(rdata[0] << 8 | rdata[1]);
	long text_len = name_text(text, rdata + 2, len - 2);
	if (text_len < 0)
		return false;
	out->root = !text_len;
	/* domain_is_host() first: eight-bit labels in DNS are not U-labels, so domain_parse() must not convert them. */
	out->is_domain = domain_is_host(text, (size_t)text_len) && domain_parse(&out->exchange, text, (size_t)text_len);
	if (out->is_domain)
		return true;
	/* Always in quotes, even if text_quote() needs none: nobody may take this text for a host name. */
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
