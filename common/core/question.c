#include "question.h"

#include "address.h"
#include "ascii.h"
#include "span.h"

#include <limits.h>
#include <string.h>

#define PORT_DIGITS_MAX 5
#define PORT_MAX 65535

static struct span span_from(struct span span, size_t at)
{
	return (struct span){span.at + at, span.len - at};
}

/* Returns whether the text has a dot, or a character that IDNA treats as one (UTS 46 4.5). */
static bool has_dot(struct span text)
{
	static const char *const dots[] = {".", "\xe3\x80\x82", "\xef\xbc\x8e", "\xef\xbd\xa1"};
	for (; text.len; text = span_from(text, 1))
		for (size_t i = 0; i < sizeof dots / sizeof *dots; i++)
			if (text.len >= strlen(dots[i]) && !memcmp(text.at, dots[i], strlen(dots[i])))
				return true;
	return false;
}

/* Fills in the policy domain. There is none if the name is not fully qualified (RFC 8461 3.4), or is too long to put
 * `_mta-sts.` before it. */
static void question_fill(struct question *out, struct span name, uint16_t port, bool mx_lookup)
{
	struct domain domain;
	if (!domain_parse(&domain, name.at, name.len)) {
		/* An MTA whose tables differ from libidn2's may find an A-label where stsgate finds none, and deliver
		 * there. ASCII names have one grammar: a text that violates it is not a name for any MTA (design
		 * 4.9). */
		bool is_eight_bit = false;
		for (size_t i = 0; i < name.len; i++)
			is_eight_bit = is_eight_bit || (unsigned char)name.at[i] > 0x7f;
		out->unreadable = is_eight_bit && name.at[0] != '/' && has_dot(name);
		return;
	}
	size_t len = strlen(domain.name);
	if (len > DOMAIN_POLICY_MAX || !memchr(domain.name, '.', len))
		return;
	out->has_domain = true;
	out->mx_lookup = mx_lookup;
	out->port = port;
	memcpy(out->domain, domain.name, len);
	memcpy(out->host, domain.name, len);
}

/* Reads a port: a number, or a name in Postfix's known_tcp_ports. */
static bool port_parse(uint16_t *port, struct span text)
{
	static const struct {
		const char *name;
		uint16_t port;
	} services[] = {{"smtp", 25}, {"submission", 587}, {"smtps", 465}, {"submissions", 465}, {"lmtp", 24}};

	for (size_t i = 0; i < sizeof services / sizeof *services; i++) {
		if (span_is(text, services[i].name)) {
			*port = services[i].port;
			return true;
		}
	}
	uint32_t number = 0;
	if (text.len > PORT_DIGITS_MAX)
		return false;
	for (size_t i = 0; i < text.len; i++) {
		if (!ascii_is_digit(text.at[i]))
			return false;
		number = number * 10 + (uint32_t)(text.at[i] - '0');
	}
	*port = (uint16_t)number;
	return number && number <= PORT_MAX;
}

/* Reads what follows `host` or `[host]`: nothing, or a colon and a port. A colon alone means no port, as in Postfix. */
static void question_take_port(struct question *out, struct span rest)
{
	if (!out->has_domain || !rest.len)
		return;
	if (rest.at[0] == ':') {
		rest = span_from(rest, 1);
		if (!rest.len || port_parse(&out->port, rest))
			return;
		bool is_service = rest.len < QUESTION_SERVICE_SIZE && !ascii_is_digit(rest.at[0]);
		for (size_t i = 0; i < rest.len; i++)
			is_service = is_service && ascii_is_printable(rest.at[i]) && rest.at[i] != ' ';
		if (is_service)
			memcpy(out->service, rest.at, rest.len);
	}
	out->unreadable = true;
	out->port = QUESTION_PORT;
}

void question_set_port(struct question *out, uint16_t port)
{
	out->port = port;
	out->unreadable = false;
	memset(out->service, 0, sizeof out->service);
}

/* Reads `[host]` or `[host]:port`: the host itself is the hop, without MX lookup (spec S-6). */
static void question_from_brackets(struct question *out, struct span hop)
{
	const char *end = memchr(hop.at, ']', hop.len);
	const char *colon = memchr(hop.at, ':', hop.len);
	if (!end) /* the bracket is not closed, but an MTA may still deliver to the name */
		end = colon ? colon : hop.at + hop.len;
	struct span host = {hop.at + 1, (size_t)(end - hop.at) - 1};
	question_fill(out, host, QUESTION_PORT, false);
	if (end == hop.at + hop.len || *end != ']')
		out->unreadable |= out->has_domain;
	else
		question_take_port(out, span_from(hop, host.len + 2));
}

void question_from_next_hop(struct question *out, const char *bytes, size_t len, enum purpose purpose)
{
	struct span hop = {bytes, len}, host = hop;
	*out = (struct question){.purpose = purpose};
	out->unreadable = len > QUESTION_BYTES_MAX;
	if (!len || out->unreadable)
		return;
	if (bytes[0] == '[') {
		question_from_brackets(out, hop);
		return;
	}
	const char *colon = memchr(bytes, ':', len);
	if (colon)
		host.len = (size_t)(colon - bytes);
	question_fill(out, host, QUESTION_PORT, true);
	question_take_port(out, span_from(hop, host.len));
}

static bool separates_next_hops(char c)
{
	return c == ',' || ascii_is_blank(c);
}

/* Returns whether the colon at `at` separates two of Sendmail's next hops. It does not if the next word has neither a
 * dot nor a bracket: such a word is a port or a service name (design 4.13). */
static bool colon_separates(struct span list, size_t at)
{
	struct span rest = span_from(list, at + 1);
	size_t len = 0;
	while (len < rest.len && rest.at[len] != ':' && !separates_next_hops(rest.at[len]))
		len++;
	rest.len = len;
	return !len || rest.at[0] == '[' || has_dot(rest);
}

/* The characters after which separates_next_hops() and colon_separates() look; most characters are none. */
static const bool may_end_next_hop[UCHAR_MAX + 1] = {[','] = true, [' '] = true, ['\t'] = true, [':'] = true};

bool question_next_hop(struct span *list, struct span *hop)
{
	while (list->len && (separates_next_hops(list->at[0]) || list->at[0] == ':'))
		*list = span_from(*list, 1);
	const char *bracket = list->len && list->at[0] == '[' ? memchr(list->at, ']', list->len) : NULL;
	size_t len = bracket ? (size_t)(bracket - list->at) : 0;
	while (len < list->len && (!may_end_next_hop[(unsigned char)list->at[len]] ||
					  (list->at[len] == ':' && !colon_separates(*list, len))))
		len++;
	*hop = (struct span){list->at, len};
	*list = span_from(*list, len);
	return len > 0;
}

/* Skips a source route: `@relay1,@relay2:` before the mailbox is ignored (RFC 5321 4.1.1.3). Returns an empty span if
 * the route does not end. */
static struct span route_skip(struct span path)
{
	bool literal = false;
	if (!path.len || path.at[0] != '@')
		return path;
	for (size_t i = 0; i < path.len; i++) {
		if (path.at[i] == '[')
			literal = true;
		else if (path.at[i] == ']')
			literal = false;
		else if (path.at[i] == ':' && !literal)
			return span_from(path, i + 1);
	}
	return (struct span){path.at, 0};
}

/* Returns what follows the last `@` outside quotes, up to `>` or a blank. Sendmail may pass ESMTP arguments after it
 * in the same string (spec N-6). */
static struct span mailbox_domain(struct span mailbox)
{
	struct span domain = {mailbox.at, 0};
	bool quoted = false;
	size_t at = 0;
	size_t i;
	for (i = 0; i < mailbox.len && (quoted || mailbox.at[i] != '>'); i++) {
		if (mailbox.at[i] == '\\')
			i++;
		else if (mailbox.at[i] == '"')
			quoted = !quoted;
		else if (mailbox.at[i] == '@' && !quoted)
			at = i + 1;
		else if (at && !quoted && ascii_is_blank(mailbox.at[i]))
			break;
	}
	/* An `@` at the very start has no local part before it, so there is no address. */
	if (at > 1 && !quoted && i <= mailbox.len)
		domain = (struct span){mailbox.at + at, i - at};
	return domain;
}

void question_from_recipient(struct question *out, const char *bytes, size_t len, enum purpose purpose)
{
	struct span path = {bytes, len};
	*out = (struct question){.purpose = purpose};
	out->unreadable = len > QUESTION_BYTES_MAX;
	if (!len || out->unreadable || memchr(bytes, '\0', len))
		return;
	while (path.len && ascii_is_blank(path.at[0]))
		path = span_from(path, 1);
	if (path.len && path.at[0] == '<')
		path = span_from(path, 1);
	question_fill(out, mailbox_domain(route_skip(path)), QUESTION_PORT, true);
}

void question_from_domain(struct question *out, const char *bytes, size_t len, enum purpose purpose)
{
	*out = (struct question){.purpose = purpose};
	out->unreadable = len > QUESTION_BYTES_MAX;
	if (len > 0 && !out->unreadable)
		question_fill(out, (struct span){bytes, len}, QUESTION_PORT, true);
}

void question_set_client(struct question *question, struct span bytes)
{
	char text[ADDRESS_TEXT_SIZE];
	struct address address;
	question->client = 0;
	if (bytes.len == 0 || bytes.len >= sizeof text)
		return;
	memcpy(text, bytes.at, bytes.len);
	text[bytes.len] = '\0';
	if (address_parse(&address, text))
		question->client = address_network(&address);
}

uint64_t question_destination(const struct question *question)
{
	return ((uint64_t)1 << 63) | domain_hash(domain_registered(question->domain), 0);
}
