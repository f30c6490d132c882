#include "crl_url.h"

#include "ascii.h"

#include <string.h>

#define SCHEME "http://"
#define PORT ":80"

/* Returns whether the octets may stand in the path or the query of a URL (RFC 3986 3.3, 3.4). */
static bool path_is_plain(const char *at, size_t len)
{
	static const char marks[] = "/?-._~!$&'()*+,;=:@%";
	for (size_t i = 0; i < len; i++)
		if (!ascii_is_alnum(at[i]) && (at[i] == '\0' || !strchr(marks, at[i])))
			return false;
	return true;
}

bool crl_url_parse(struct crl_url *url, struct span text)
{
	const size_t scheme_len = sizeof SCHEME - 1, port_len = sizeof PORT - 1;
	struct domain host;
	if (text.len <= scheme_len || text.len >= sizeof url->text || !ascii_same(text.at, SCHEME, scheme_len))
		return false;
	const char *at = text.at + scheme_len;
	size_t left = text.len - scheme_len;
	const char *slash = memchr(at, '/', left);
	if (!slash || !path_is_plain(slash, left - (size_t)(slash - at)))
		return false;
	size_t host_len = (size_t)(slash - at);
	if (host_len > port_len && memcmp(slash - port_len, PORT, port_len) == 0)
		host_len -= port_len;
	for (size_t i = 0; i < host_len; i++)
		if (!ascii_is_alnum(at[i]) && at[i] != '-' && at[i] != '.')
			return false;
	if (!domain_parse(&host, at, host_len) || !strchr(host.name, '.') ||
		domain_is_numeric(host.name, strlen(host.name)))
		return false;
	memcpy(url->text, text.at, text.len);
	url->text[text.len] = '\0';
	memcpy(url->host, host.name, sizeof url->host);
	url->path_at = (uint16_t)(slash - text.at);
	return true;
}
