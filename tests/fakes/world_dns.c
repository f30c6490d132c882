#include "world.h"

#include <arpa/inet.h>
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define RDATA_MAX 4096

static const struct {
	const char *name;
	enum dns_type type;
} types[] = {
	{"A", DNS_A}, {"MX", DNS_MX}, {"TXT", DNS_TXT}, {"AAAA", DNS_AAAA}, {"TLSA", DNS_TLSA}, {"CNAME", DNS_CNAME}};

bool world_dns_type(const char *word, enum dns_type *type)
{
	for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
		if (strcmp(types[i].name, word) == 0) {
			*type = types[i].type;
			return true;
		}
	}
	return false;
}

const char *world_dns_type_name(enum dns_type type)
{
	for (size_t i = 0; i < sizeof types / sizeof types[0]; i++)
		if (types[i].type == type)
			return types[i].name;
	return "?";
}

/* One string of a TXT record, `len` bytes at `text`, cut into character-strings. */
static size_t put_string(uint8_t *out, size_t at, const char *text, size_t len)
{
	do {
		size_t part = len < 255 ? len : 255;
		assert(at + 1 + part <= RDATA_MAX);
		out[at++] = (uint8_t)part;
		memcpy(out + at, text, part);
		at += part;
		text += part;
		len -= part;
	} while (len > 0);
	return at;
}

static size_t put_txt(uint8_t *out, const char *text)
{
	if (text[0] != '"')
		return put_string(out, 0, text, strlen(text));
	size_t at = 0;
	while (*text == '"') {
		const char *end = strchr(text + 1, '"');
		if (!end)
			return 0;
		at = put_string(out, at, text + 1, (size_t)(end - text - 1));
		text = end + 1 + strspn(end + 1, " ");
	}
	return *text ? 0 : at;
}

static size_t put_name(uint8_t *out, size_t at, const char *name)
{
	while (*name && strcmp(name, ".") != 0) {
		size_t len = strcspn(name, ".");
		if (len == 0 || len > 63 || at + len + 2 > RDATA_MAX)
			return 0;
		out[at++] = (uint8_t)len;
		memcpy(out + at, name, len);
		at += len;
		name += len + (name[len] == '.');
	}
	out[at++] = 0;
	return at;
}

static size_t put_mx(uint8_t *out, const char *text)
{
	char *end;
	unsigned long preference = strtoul(text, &end, 10);
	if (end == text || *end != ' ' || preference > 65535)
		return 0;
	out[0] = (uint8_t)(preference >> 8);
	out[1] = (uint8_t)preference;
	return put_name(out, 2, end + strspn(end, " "));
}

/* `3 1 1 a` is a digest of the right length that has only this letter; several letters are so many bytes. */
static size_t put_tlsa(uint8_t *out, const char *text)
{
	unsigned usage, selector, matching;
	char data[256];
	if (sscanf(text, "%u %u %u %255s", &usage, &selector, &matching, data) != 4)
		return 0;
	size_t len = strlen(data) > 1 ? strlen(data) : matching == 2 ? 64 : 32;
	out[0] = (uint8_t)usage;
	out[1] = (uint8_t)selector;
	out[2] = (uint8_t)matching;
	for (size_t i = 0; i < len; i++)
		out[3 + i] = (uint8_t)data[strlen(data) > 1 ? i : 0];
	return 3 + len;
}

static size_t put_rdata(uint8_t *out, enum dns_type type, const char *text)
{
	switch (type) {
	case DNS_A:
		return inet_pton(AF_INET, text, out) == 1 ? 4 : 0;
	case DNS_AAAA:
		return inet_pton(AF_INET6, text, out) == 1 ? 16 : 0;
	case DNS_TXT:
		return put_txt(out, text);
	case DNS_MX:
		return put_mx(out, text);
	case DNS_TLSA:
		return put_tlsa(out, text);
	case DNS_CNAME: /* world_alias() */
		break;
	}
	return 0;
}

bool world_dns(const char *name, enum dns_type type, uint32_t ttl_s, const char *const *records, size_t count)
{
	size_t head = sizeof(struct dns_answer) + count * sizeof(struct dns_rr);
	struct dns_answer *answer = calloc(1, head + count * RDATA_MAX);
	assert(answer);
	answer->outcome = DNS_OK;
	answer->ttl_s = ttl_s;
	answer->count = count;
	uint8_t *at = (uint8_t *)answer + head;
	for (size_t i = 0; i < count; i++) {
		size_t len = put_rdata(at, type, records[i]);
		if (len == 0) {
			free(answer);
			return false;
		}
		answer->rr[i] = (struct dns_rr){at, len};
		at += len;
	}
	if (count > DNS_RR_MAX) {
		answer->count = DNS_RR_MAX;
		answer->truncated = true;
	}
	world_dns_answer_set(name, type, answer);
	return true;
}
