#include "socketmap.h"

#include "ascii.h"
#include "domain.h"

#include <stdio.h>
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
	char head[24];
	size_t head_len = (size_t)snprintf(head, sizeof head, "%zu:", payload.len);

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
	if (!blank || blank == payload.at)
		return false;
	out->map = (struct span){payload.at, (size_t)(blank - payload.at)};
	out->key = (struct span){blank + 1, payload.len - out->map.len - 1};
	return true;
}

/* Takes `prefix` off the front of `span`. */
static bool span_take(struct span *span, const char *prefix)
{
	size_t len = strlen(prefix);

	if (span->len < len || memcmp(span->at, prefix, len) != 0)
		return false;
	*span = (struct span){span->at + len, span->len - len};
	return true;
}

/* postconf(5) smtp_tls_verify_cert_match: words that Postfix replaces by names of its own. */
static bool is_magic(struct span name)
{
	static const char *const words[] = {"nexthop", "dot-nexthop", "hostname"};

	for (size_t i = 0; i < sizeof words / sizeof *words; i++)
		if (strlen(words[i]) == name.len && !memcmp(words[i], name.at, name.len))
			return true;
	return false;
}

/* Postfix folds neither case nor trailing dots in match names (spec X-4), so they stand in domain_parse()'s form
 * already. */
static bool match_name_valid(struct span name)
{
	struct domain domain;

	if (is_magic(name))
		return false;
	if (name.len && name.at[0] == '.')
		name = (struct span){name.at + 1, name.len - 1};
	return domain_is_grammatical(name.at, name.len) && domain_parse(&domain, name.at, name.len) &&
	       !memcmp(domain.name, name.at, name.len);
}

static bool match_valid(struct span match)
{
	for (;;) {
		const char *colon = match.len ? memchr(match.at, ':', match.len) : NULL;
		size_t len = colon ? (size_t)(colon - match.at) : match.len;

		if (!match_name_valid((struct span){match.at, len}))
			return false;
		if (!colon)
			return true;
		match = (struct span){colon + 1, match.len - len - 1};
	}
}

static bool is_printable(struct span text)
{
	for (size_t i = 0; i < text.len; i++)
		if (!ascii_is_printable(text.at[i]))
			return false;
	return true;
}

bool socketmap_reply_valid(struct span payload)
{
	static const char tail[] = " servername=hostname";
	size_t tail_len = sizeof tail - 1;

	if (payload.len > SOCKETMAP_REPLY_MAX)
		return false;
	if (span_take(&payload, "NOTFOUND "))
		return !payload.len;
	if (span_take(&payload, "TEMP "))
		return payload.len && is_printable(payload);
	if (!span_take(&payload, "OK secure match=") || payload.len < tail_len)
		return false;
	payload.len -= tail_len;
	return !memcmp(payload.at + payload.len, tail, tail_len) && match_valid(payload);
}
