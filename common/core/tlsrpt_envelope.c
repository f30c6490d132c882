#include "tlsrpt_envelope.h"

#include "address.h"
#include "ascii.h"

#include <string.h>

#define IPV6_TAG "IPv6:"

void tlsrpt_envelope_sender(struct text *out, const char *from, const char *token)
{
	const char *at = strrchr(from, '@');
	text_add_bytes(out, from, at ? (size_t)(at - from) : strlen(from));
	text_add(out, "+");
	text_add(out, token);
	text_add(out, at ? at : "");
}

static bool token_is_valid(struct span token)
{
	for (size_t i = 0; i < token.len; i++)
		if (!ascii_is_alnum(token.at[i]))
			return false;
	return token.len && token.len <= TLSRPT_TOKEN_MAX;
}

bool tlsrpt_envelope_token(struct span sender, const char *from, struct span *token)
{
	const char *at = strrchr(from, '@');
	if (!at)
		return false;
	if (sender.len >= 2 && sender.at[0] == '<' && sender.at[sender.len - 1] == '>')
		sender = (struct span){sender.at + 1, sender.len - 2};
	size_t local = (size_t)(at - from), domain = strlen(at);
	if (sender.len <= local + 1 + domain || memcmp(sender.at, from, local) || sender.at[local] != '+' ||
		!ascii_same(sender.at + sender.len - domain, at, domain))
		return false;
	*token = (struct span){sender.at + local + 1, sender.len - local - 1 - domain};
	return token_is_valid(*token);
}

bool tlsrpt_envelope_local(struct span client)
{
	static const uint8_t mapped[13] = {[10] = 0xff, [11] = 0xff, [12] = 127}, loopback[16] = {[15] = 1};
	char text[ADDRESS_TEXT_SIZE];
	struct address address;
	size_t tag = sizeof IPV6_TAG - 1;
	if (client.len > tag && ascii_same(client.at, IPV6_TAG, tag))
		client = (struct span){client.at + tag, client.len - tag};
	if (!client.len || client.len >= sizeof text)
		return false;
	memcpy(text, client.at, client.len);
	text[client.len] = '\0';
	if (!address_parse(&address, text))
		return false;
	if (address.len == 4)
		return address.bytes[0] == mapped[12];
	return !memcmp(address.bytes, loopback, sizeof loopback) || !memcmp(address.bytes, mapped, sizeof mapped);
}
