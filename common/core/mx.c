#include "ascii.h"
#include "domain.h"
#include "policy.h"

#include <string.h>

static bool is_wildcard(const char *bytes, size_t len)
{
	return len > 2 && bytes[0] == '*' && bytes[1] == '.';
}

bool mx_is_pattern(const char *bytes, size_t len)
{
	if (len > DOMAIN_MAX)
		return false;
	if (is_wildcard(bytes, len))
		return domain_is_grammatical(bytes + 2, len - 2);
	return domain_is_grammatical(bytes, len);
}

/* RFC 8461 4.1: a wildcard stands for exactly one label, the leftmost. Otherwise the names must be equal, ignoring
 * case. */
bool mx_matches(const char *pattern, const char *host)
{
	size_t pattern_len = strlen(pattern);
	size_t host_len = strlen(host);
	if (host_len && host[host_len - 1] == '.')
		host_len--;
	if (!mx_is_pattern(pattern, pattern_len) || !domain_is_host(host, host_len))
		return false;
	if (is_wildcard(pattern, pattern_len)) {
		const char *dot = memchr(host, '.', host_len);
		if (!dot)
			return false;
		host_len -= (size_t)(dot - host);
		host = dot;
		pattern++;
		pattern_len--;
	}
	return pattern_len == host_len && ascii_same(pattern, host, host_len);
}

/* Does the same as mx_matches(), for names that policy_parse() and domain_parse() have produced. It must be fast: a
 * domain may have 256 mail hosts and ten thousand patterns, and each message calls this several times. So a long list
 * of patterns has an index, and the only two patterns that can match are looked up in it. */
bool policy_allows(const struct policy *policy, const char *host)
{
	char wildcard[DOMAIN_SIZE];
	/* An MX name that is not a host name is kept in quotes (mx_name_is_not_host()), and no pattern has quotes. */
	return names_have(&policy->mx, host) || (mx_wildcard(wildcard, host) && names_have(&policy->mx, wildcard));
}

bool mx_wildcard(char out[DOMAIN_SIZE], const char *host)
{
	const char *parent = strchr(host, '.');
	size_t len = parent ? strlen(parent) : 0;
	if (!len || parent == host || len + 1 >= DOMAIN_SIZE)
		return false;
	out[0] = '*';
	memcpy(out + 1, parent, len + 1);
	return true;
}

bool certificate_covers(const char *name, const char *host)
{
	if (strchr(host, '_') || strchr(name, '_'))
		return false;
	if (name[0] == '*' && (name[1] != '.' || !strchr(name + 2, '.')))
		return false;
	return mx_matches(name, host);
}
