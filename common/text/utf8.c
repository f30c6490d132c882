#include "utf8.h"

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
