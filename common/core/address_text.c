#include "address.h"

#include "ascii.h"

#include <stdio.h>
#include <string.h>

#define GROUPS 8
#define GROUP_DIGITS_MAX 4

static unsigned group_at(const uint8_t *bytes, int group)
{
	return (unsigned)bytes[2 * group] << 8 | bytes[2 * group + 1];
}

static void format4(const uint8_t *bytes, char *out, size_t size)
{
	snprintf(out, size, "%u.%u.%u.%u", bytes[0], bytes[1], bytes[2], bytes[3]);
}

/* RFC 5952 4.2: `::` replaces the longest run of two or more zero groups, and the first one of equal runs. */
static void format6(const uint8_t *bytes, char out[ADDRESS_TEXT_SIZE])
{
	int start = GROUPS, zeros = 0;
	for (int group = 0; group < GROUPS; group++) {
		int run = 0;
		while (group + run < GROUPS && !group_at(bytes, group + run))
			run++;
		if (run > zeros && run > 1) {
			zeros = run;
			start = group;
		}
		group += run;
	}
	size_t len = 0;
	for (int group = 0; group < GROUPS; group++) {
		if (group == start) {
			len += (size_t)snprintf(out + len, ADDRESS_TEXT_SIZE - len, "::");
			group += zeros - 1;
			continue;
		}
		len += (size_t)snprintf(out + len, ADDRESS_TEXT_SIZE - len, "%s%x",
			group && out[len - 1] != ':' ? ":" : "", group_at(bytes, group));
	}
}

const char *address_format(const struct address *address, char out[ADDRESS_TEXT_SIZE])
{
	static const uint8_t mapped_prefix[12] = {[10] = 0xff, [11] = 0xff};
	if (address->len == 4) {
		format4(address->bytes, out, ADDRESS_TEXT_SIZE);
	} else if (!memcmp(address->bytes, mapped_prefix, sizeof mapped_prefix)) {
		snprintf(out, ADDRESS_TEXT_SIZE, "::ffff:");
		format4(address->bytes + 12, out + 7, ADDRESS_TEXT_SIZE - 7);
	} else {
		format6(address->bytes, out);
	}
	return out;
}

const char *address_network_format(uint64_t network, char out[ADDRESS_NETWORK_SIZE])
{
	bool v4 = network >> 63;
	struct address address = {.len = v4 ? 4 : 16};
	for (int i = 0, octets = v4 ? 3 : 6; i < octets; i++)
		address.bytes[i] = (uint8_t)(network >> 8 * (octets - 1 - i));
	address_format(&address, out);
	memcpy(out + strlen(out), v4 ? "/24" : "/48", sizeof "/24");
	return out;
}

/* Reads four decimal numbers without leading zeros. Nothing may follow them. */
static bool parse4(uint8_t bytes[4], const char *text)
{
	for (int i = 0; i < 4; i++) {
		unsigned number = 0;
		int digits = 0;
		if (i && *text++ != '.')
			return false;
		for (; ascii_is_digit(*text); text++, digits++) {
			if (digits && !number)
				return false;
			number = number * 10 + (unsigned)(*text - '0');
			if (number > 255)
				return false;
		}
		if (!digits)
			return false;
		bytes[i] = (uint8_t)number;
	}
	return !*text;
}

static int hex_value(char c)
{
	if (ascii_is_digit(c))
		return c - '0';
	c = ascii_lower(c);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Reads groups of up to four hexadecimal digits between single colons, up to `::` or the end. The last one may be an IPv4
 * address. Returns the number of octets, -1 if the text is malformed. */
static int parse_groups(uint8_t bytes[16], const char **text)
{
	int len = 0;
	if (!**text || **text == ':')
		return 0;
	for (;;) {
		if (len <= 12 && parse4(bytes + len, *text)) {
			*text += strlen(*text);
			return len + 4;
		}
		unsigned number = 0;
		int digits = 0;
		for (; digits < GROUP_DIGITS_MAX && hex_value(**text) >= 0; digits++)
			number = number << 4 | (unsigned)hex_value(*(*text)++);
		if (len > 14 || !digits)
			return -1;
		bytes[len++] = (uint8_t)(number >> 8);
		bytes[len++] = (uint8_t)number;
		if (**text != ':' || (*text)[1] == ':')
			return len;
		++*text;
	}
}

static bool parse6(uint8_t bytes[16], const char *text)
{
	uint8_t tail[16];
	int head_len = parse_groups(bytes, &text);
	int tail_len = 0;
	if (head_len < 0)
		return false;
	if (!*text)
		return head_len == 16;
	if (text[0] != ':' || text[1] != ':')
		return false;
	text += 2;
	tail_len = parse_groups(tail, &text);
	if (tail_len < 0 || *text || head_len + tail_len > 14)
		return false;
	memset(bytes + head_len, 0, (size_t)(16 - head_len - tail_len));
	memcpy(bytes + 16 - tail_len, tail, (size_t)tail_len);
	return true;
}

bool address_parse(struct address *out, const char *text)
{
	*out = (struct address){0};
	if (parse4(out->bytes, text))
		out->len = 4;
	else if (parse6(out->bytes, text))
		out->len = 16;
	else
		*out = (struct address){0};
	return out->len;
}
