#include "map_grammar.h"

#include "ascii.h"
#include "domain.h"

#include <string.h>

/* Removes `prefix` from the front of `span`; false if it is not there. */
static bool span_take(struct span *span, const char *prefix)
{
	size_t len = strlen(prefix);
	if (span->len < len || memcmp(span->at, prefix, len) != 0)
		return false;
	*span = (struct span){span->at + len, span->len - len};
	return true;
}

/* Removes a word and the separator after it from the front of `rest`; without a separator, the word is all of `rest`.
 * False if `rest` is empty, or if nothing follows the separator. */
static bool span_split(struct span *rest, char separator, struct span *word)
{
	const char *end = rest->len ? memchr(rest->at, separator, rest->len) : NULL;
	*word = *rest;
	if (!rest->len)
		return false;
	if (!end) {
		*rest = (struct span){rest->at + rest->len, 0};
		return true;
	}
	word->len = (size_t)(end - rest->at);
	*rest = (struct span){end + 1, rest->len - word->len - 1};
	return rest->len > 0;
}

enum map_dialect map_dialect_by_name(struct span name)
{
	if (span_is(name, "postfix-tlsrpt") || span_is(name, "QUERYwithTLSRPT"))
		return MAP_TLSRPT;
	return span_is(name, "sts") ? MAP_STS : MAP_PLAIN;
}

const char *map_dialect_name(enum map_dialect dialect)
{
	switch (dialect) {
	case MAP_PLAIN:
		return "postfix";
	case MAP_TLSRPT:
		return "postfix-tlsrpt";
	case MAP_STS:
		return "sts";
	}
	return "";
}

/* Returns whether Sendmail makes a token of its own of this character. */
static bool is_sts_token(char c)
{
	switch (c) {
	case '.':
	case ':':
	case '%':
	case '@':
	case '!':
	case '^':
	case '/':
	case '[':
	case ']':
	case '+':
		return true;
	default:
		return false;
	}
}

size_t map_sts_weight(struct span value)
{
	size_t weight = value.len + 1;
	for (size_t i = 0; i < value.len; i++) {
		char c = value.at[i];
		if (c == ' ' || c == '\t')
			weight++;
		else if (is_sts_token(c))
			weight += 2; /* one NUL ends the token before it, and one ends its own token */
	}
	return weight;
}

bool map_word_is_magic(struct span name)
{
	static const char *const words[] = {"nexthop", "dot-nexthop", "hostname"};
	for (size_t i = 0; i < sizeof words / sizeof *words; i++)
		if (span_is(name, words[i]))
			return true;
	return false;
}

static bool is_printable(struct span text)
{
	for (size_t i = 0; i < text.len; i++)
		if (!ascii_is_printable(text.at[i]))
			return false;
	return true;
}

/* The clients compare names without folding case or removing a trailing dot (spec X-4), so a name must already be in
 * the form of domain_parse(). */
static bool name_valid(struct span name)
{
	return domain_is_parsed(name.at, name.len);
}

static bool match_valid(struct span names)
{
	struct span name;
	do {
		if (!span_split(&names, ':', &name) || map_word_is_magic(name))
			return false;
		(void)span_take(&name, ".");
		if (!name_valid(name))
			return false;
	} while (names.len);
	return true;
}

bool map_policy_line_valid(struct span line)
{
	return line.len && line.len <= MAP_POLICY_LINE_MAX && is_printable(line) && line.at[0] != ' ' &&
	       line.at[line.len - 1] != ' ' && !memchr(line.at, '{', line.len) && !memchr(line.at, '}', line.len);
}

struct attributes {
	unsigned types, domains, lines, patterns;
	struct span match; /* the names of `match=` that no pattern has been compared with yet */
};

/* Takes `{ policy_string = LINE }` and the blank after it off the front of `rest`. Returns whether it is valid. */
static bool braced_valid(struct attributes *seen, struct span *rest)
{
	const char *end = rest->len ? memchr(rest->at, '}', rest->len) : NULL;
	if (!end)
		return false;
	struct span text = {rest->at, (size_t)(end - rest->at) + 1};
	*rest = (struct span){end + 1, rest->len - text.len};
	if (rest->len && (!span_take(rest, " ") || !rest->len))
		return false;
	if (text.len < 2 || !span_take(&text, "{ policy_string = ") || text.len < 2 || text.at[text.len - 2] != ' ')
		return false;
	seen->lines++;
	return map_policy_line_valid((struct span){text.at, text.len - 2});
}

static bool attribute_valid(struct attributes *seen, struct span word)
{
	if (span_take(&word, "policy_type="))
		return !seen->types++ && span_is(word, "sts");
	if (span_take(&word, "policy_domain="))
		return !seen->domains++ && name_valid(word);
	if (!span_take(&word, "mx_host_pattern="))
		return false;
	seen->patterns++;
	/* The patterns must be the names of `match=` in the same order, because Postfix may use either list (spec
	 * T-66). */
	struct span name;
	if (!seen->match.len)
		return false;
	(void)span_split(&seen->match, ':', &name);
	if (span_take(&word, "*") != (name.at[0] == '.'))
		return false;
	return word.len == name.len && !memcmp(word.at, name.at, name.len);
}

/* Returns whether all TLSRPT attributes follow, or none. Some versions of Postfix crash on a policy_type without the
 * other attributes (spec T-52, T-55). */
static bool attributes_valid(struct span rest, struct span match)
{
	struct attributes seen = {.match = match};
	struct span word;
	if (!rest.len)
		return true;
	while (rest.len) {
		if (rest.at[0] == '{') {
			if (!braced_valid(&seen, &rest))
				return false;
			continue;
		}
		if (!span_split(&rest, ' ', &word) || !attribute_valid(&seen, word))
			return false;
	}
	return seen.types && seen.domains && seen.lines && seen.patterns && !seen.match.len;
}

/* Returns whether this is the level `verify` with the name that Postfix compares with the certificate: that of the MX
 * host, which is also the name that it sends (SNI). `match=hostname` is Postfix's default for this level, but
 * smtp_tls_verify_cert_match can change the default (postconf(5)). */
static bool verify_valid(struct span payload)
{
	return span_take(&payload, "verify ") && span_take(&payload, "match=hostname ") &&
	       span_is(payload, "servername=hostname");
}

bool map_reply_valid(enum map_dialect dialect, struct span payload)
{
	if (payload.len > MAP_REPLY_MAX)
		return false;
	if (span_take(&payload, "NOTFOUND "))
		return !payload.len;
	if (span_take(&payload, "TEMP "))
		return payload.len && is_printable(payload);
	if (!span_take(&payload, "OK "))
		return false;
	/* Sendmail does not know these words: it does DANE by itself (spec D-70). */
	if (dialect != MAP_STS && (span_is(payload, "dane") || span_is(payload, "dane-only")))
		return true;
	if (dialect != MAP_STS && verify_valid(payload))
		return true;
	struct span rest = payload, match, server;
	if (!span_take(&rest, "secure ") || !span_split(&rest, ' ', &match) || !span_take(&match, "match=") ||
		!match_valid(match))
		return false;
	if (!span_split(&rest, ' ', &server) || !span_is(server, "servername=hostname"))
		return false;
	switch (dialect) {
	case MAP_PLAIN:
		return !rest.len;
	case MAP_TLSRPT:
		return attributes_valid(rest, match);
	case MAP_STS:
		return !rest.len && map_sts_weight(payload) <= MAP_STS_VALUE_MAX;
	}
	return false;
}
