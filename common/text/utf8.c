#include "utf8.h"

#include <stdint.h>
#include <string.h>

static bool is_continuation(unsigned char c)
{
	return (c & 0xc0) == 0x80;
}

size_t utf8_len(const char *bytes, size_t len)
{
	const unsigned char *at = (const unsigned char *)bytes;
	if (at[0] < 0x80)
		return 1;
	if (at[0] >= 0xc2 && at[0] <= 0xdf)
		return len >= 2 && is_continuation(at[1]) ? 2 : 0;
	if (at[0] >= 0xe0 && at[0] <= 0xef) {
		if (len < 3 || !is_continuation(at[1]) || !is_continuation(at[2]))
			return 0;
		return (at[0] == 0xe0 && at[1] < 0xa0) || (at[0] == 0xed && at[1] > 0x9f) ? 0 : 3;
	}
	if (at[0] >= 0xf0 && at[0] <= 0xf4) {
		if (len < 4 || !is_continuation(at[1]) || !is_continuation(at[2]) || !is_continuation(at[3]))
			return 0;
		return (at[0] == 0xf0 && at[1] < 0x90) || (at[0] == 0xf4 && at[1] > 0x8f) ? 0 : 4;
	}
	return 0;
}

bool utf8_is_valid(const char *bytes, size_t len)
{
	while (len) {
		size_t used = utf8_len(bytes, len);
		if (!used)
			return false;
		bytes += used;
		len -= used;
	}
	return true;
}

/* Returns the code point of a valid character of `len` octets. */
static uint32_t code_point(const char *bytes, size_t len)
{
	static const unsigned char first_bits[] = {0, 0x7f, 0x1f, 0x0f, 0x07};
	uint32_t point = (unsigned char)bytes[0] & first_bits[len];
	for (size_t i = 1; i < len; i++)
		point = point << 6 | ((unsigned char)bytes[i] & 0x3f);
	return point;
}

size_t utf8_text_len(const char *bytes, size_t len)
{
	size_t used = utf8_len(bytes, len);
	if (!used)
		return 0;
	uint32_t point = code_point(bytes, used);
	bool control = point < 0x20 || (point >= 0x7f && point <= 0x9f);
	bool noncharacter = (point >= 0xfdd0 && point <= 0xfdef) || (point & 0xfffe) == 0xfffe;
	return control || noncharacter ? 0 : used;
}

bool utf8_is_text(const char *bytes, size_t len)
{
	while (len) {
		size_t used = utf8_text_len(bytes, len);
		if (!used)
			return false;
		bytes += used;
		len -= used;
	}
	return true;
}

void utf8_text_copy(char *out, size_t size, const char *bytes, size_t len)
{
	while (len) {
		size_t used = utf8_text_len(bytes, len), taken = used ? used : 1;
		if (taken >= size)
			break;
		memcpy(out, used ? bytes : "?", taken);
		out += taken;
		size -= taken;
		bytes += taken;
		len -= taken;
	}
	*out = '\0';
}
