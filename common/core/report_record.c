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

/* Finds the value of the first field rua. */
static enum report_record rua_find(const char *bytes, size_t len, struct span *rua)
{
	struct span rest = {bytes, len};
	if (!len || !memchr(bytes, ';', len) ||
		memcmp(bytes, REPORT_VERSION, len < strlen(REPORT_VERSION) ? len : strlen(REPORT_VERSION)) != 0 ||
		!span_is(part_take(&rest, ';'), REPORT_VERSION))
		return REPORT_RECORD_NONE;
	while (rest.len > 0) {
		struct span name;
		*rua = part_take(&rest, ';');
		name = part_take(rua, '=');
		if (span_is(name, "rua"))
			return REPORT_RECORD_OK;
	}
	return REPORT_RECORD_NO_RUA;
}

enum report_record report_record_parse(const char *bytes, size_t len, struct span *where)
{
	struct span rua;
	enum report_record found = rua_find(bytes, len, &rua);
	*where = (struct span){.at = NULL};
	if (found != REPORT_RECORD_OK)
		return found;
	do {
		*where = part_take(&rua, ',');
		if (!uri_is_good(*where))
			return REPORT_RECORD_BAD_URI;
	} while (rua.len > 0);
	*where = (struct span){.at = NULL};
	return REPORT_RECORD_OK;
}

bool report_record_choose(const struct span *txt, size_t count, struct span *record)
{
	struct span where;
	size_t found = 0;
	*record = (struct span){.at = NULL};
	for (size_t i = 0; i < count; i++) {
		if (report_record_parse(txt[i].at, txt[i].len, &where) == REPORT_RECORD_NONE)
			continue;
		*record = txt[i];
		found++;
	}
	return found == 1 && report_record_parse(record->at, record->len, &where) != REPORT_RECORD_NO_RUA;
}

/* --- addresses that can be used ----------------------------------------------------------------------------------- */

static int hex_value(char c)
{
	if (ascii_is_digit(c))
		return c - '0';
	char lower = ascii_lower(c);
	return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

/* Decodes %XX into `out`, which has room for `size` octets. Returns how many octets there are, or 0 if one of them is not
 * printable ASCII or a blank, if there are too many, or if a %XX is wrong. */
static size_t percent_decode(struct span in, char *out, size_t size)
{
	size_t len = 0;
	for (size_t i = 0; i < in.len; i++) {
		char c = in.at[i];
		if (c == '%') {
			int high = i + 2 < in.len ? hex_value(in.at[i + 1]) : -1,
			    low = high >= 0 ? hex_value(in.at[i + 2]) : -1;
			if (low < 0)
				return 0;
			c = (char)(high * 16 + low);
			i += 2;
		}
		if (!ascii_is_printable(c) || c == ' ' || len == size)
			return 0;
		out[len++] = c;
	}
	return len;
}

/* Returns whether the octets are a dot-atom (RFC 5322 3.2.3), without the characters by which some MTAs mean a route, a pipe or a
 * pattern, and without those that are decoded or cut off in a URI. */
static bool is_dot_atom(struct span text)
{
	for (size_t i = 0; i < text.len; i++) {
		bool dot = text.at[i] == '.';
		if (dot && (i == 0 || i + 1 == text.len || text.at[i + 1] == '.'))
			return false;
		if (!dot && !ascii_is_alnum(text.at[i]) && !(text.at[i] && strchr("&'+-=_~", text.at[i])))
			return false;
	}
	return text.len > 0;
}

/* Reads the name of a host that anybody can look up: no address, no single label. */
static bool host_read(char out[DOMAIN_SIZE], struct span name)
{
	struct domain host;
	if (!domain_is_grammatical(name.at, name.len) || domain_is_numeric(name.at, name.len) ||
		!domain_parse(&host, name.at, name.len) || !strchr(host.name, '.'))
		return false;
	memcpy(out, host.name, strlen(host.name) + 1);
	return true;
}

bool report_mailbox_read(char host[DOMAIN_SIZE], const char *bytes, size_t len)
{
	struct span domain = {bytes, len};
	struct span local = span_until(&domain, '@');
	return local.len <= REPORT_LOCAL_MAX && is_dot_atom(local) && host_read(host, domain);
}

/* RFC 6068: the address is what stands before `?`. One address only: no comma can be left, since no dot-atom has one. */
static bool mailto_read(struct report_address *out, struct span rest)
{
	char address[REPORT_ADDRESS_SIZE];
	size_t len = percent_decode(span_until(&rest, '?'), address, REPORT_ADDRESS_SIZE - sizeof "mailto:");
	if (!report_mailbox_read(out->host, address, len))
		return false;
	out->by_mail = true;
	memcpy(out->text, "mailto:", strlen("mailto:"));
	memcpy(out->text + strlen("mailto:"), address, len);
	return true;
}

/* Returns a port that a web server may have: 443, or one that no other well-known service has. 0: any other text. */
static uint16_t port_read(struct span text)
{
	uint32_t port = 0;
	for (size_t i = 0; i < text.len; i++) {
		if (!ascii_is_digit(text.at[i]) || i == 5)
			return 0;
		port = 10 * port + (uint32_t)(text.at[i] - '0');
	}
	return port == 443 || (port >= 1024 && port <= UINT16_MAX) ? (uint16_t)port : 0;
}

static bool https_read(struct report_address *out, struct span uri)
{
	struct span rest = {uri.at + strlen("https://"), uri.len - strlen("https://")};
	size_t len = 0;
	while (len < rest.len && !strchr("/?#", rest.at[len]))
		len++;
	struct span authority = {rest.at, len}, host = span_until(&authority, ':');
	out->port = host.len < len ? port_read(authority) : 443;
	if (out->port == 0 || uri.len >= REPORT_ADDRESS_SIZE || memchr(uri.at, '#', uri.len) ||
		!host_read(out->host, host))
		return false;
	memcpy(out->text, uri.at, uri.len);
	out->path_at = (uint16_t)(strlen("https://") + len);
	return true;
}

bool report_address_read(struct report_address *out, const char *bytes, size_t len)
{
	struct span uri = {bytes, len};
	memset(out, 0, sizeof *out);
	for (size_t i = 0; i < len; i++)
		if (!ascii_is_printable(bytes[i]) || (bytes[i] && strchr(" !\"<>\\^`{|}", bytes[i])))
			return false;
	bool read = begins(uri, "mailto:")
			    ? mailto_read(out, (struct span){bytes + strlen("mailto:"), len - strlen("mailto:")})
			    : begins(uri, "https://") && https_read(out, uri);
	if (!read)
		memset(out, 0, sizeof *out);
	return read;
}

size_t report_record_addresses(const char *bytes, size_t len, struct report_address out[REPORT_ADDRESSES_MAX])
{
	struct span rua;
	size_t count = 0;
	if (rua_find(bytes, len, &rua) != REPORT_RECORD_OK)
		return 0;
	while (rua.len > 0 && count < REPORT_ADDRESSES_MAX) {
		struct span uri = part_take(&rua, ',');
		bool is_new = report_address_read(&out[count], uri.at, uri.len);
		for (size_t i = 0; is_new && i < count; i++)
			is_new = strcmp(out[i].text, out[count].text) != 0;
		count += is_new;
	}
	return count;
}
