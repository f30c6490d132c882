#include "report_record.h"

#include "ascii.h"

#define REPORT_VERSION "v=TLSRPTv1"
#define BLANKS " \t"

/* Returns the octets before the next separator, without blanks at both ends, and removes them from `rest`. */
static struct span part_take(struct span *rest, char separator)
{
	const char *end = rest->len > 0 ? memchr(rest->at, separator, rest->len) : NULL;
	struct span part = {rest->at, end ? (size_t)(end - rest->at) : rest->len};
	size_t used = end ? part.len + 1 : part.len;
	*rest = (struct span){rest->at + used, rest->len - used};
	return span_trim(part, BLANKS);
}

static bool begins(struct span span, const char *word)
{
	return span.len > strlen(word) && ascii_same(span.at, word, strlen(word));
}

static bool uri_is_good(struct span uri)
{
	for (size_t i = 0; i < uri.len; i++)
		if (!ascii_is_printable(uri.at[i]) || uri.at[i] == ' ' || uri.at[i] == '!')
			return false;
	if (begins(uri, "https://"))
		return uri.at[strlen("https://")] != '/';
	if (!begins(uri, "mailto:"))
		return false;
	struct span address = {uri.at + strlen("mailto:"), uri.len - strlen("mailto:")};
	struct span local = part_take(&address, '@');
	return local.len > 0 && address.len > 0 && address.at[0] != '?';
}

enum report_record report_record_parse(const char *bytes, size_t len, struct span *where)
{
	struct span rest = {bytes, len};
	*where = (struct span){.at = NULL};
	if (!len || !memchr(bytes, ';', len) ||
		memcmp(bytes, REPORT_VERSION, len < strlen(REPORT_VERSION) ? len : strlen(REPORT_VERSION)) != 0 ||
		!span_is(part_take(&rest, ';'), REPORT_VERSION))
		return REPORT_RECORD_NONE;
	while (rest.len > 0) {
		struct span value = part_take(&rest, ';'), name = part_take(&value, '=');
		if (!span_is(name, "rua"))
			continue;
		do {
			*where = part_take(&value, ',');
			if (!uri_is_good(*where))
				return REPORT_RECORD_BAD_URI;
		} while (value.len > 0);
		*where = (struct span){.at = NULL};
		return REPORT_RECORD_OK;
	}
	return REPORT_RECORD_NO_RUA;
}
