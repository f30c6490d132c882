/* The checks beyond a row's type and range: the form of each value's text, and whether two values contradict each
 * other. */
#include "ascii.h"
#include "memory.h"
#include "settings_values.h"
#include "utf8.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sysexits.h>

#define OWNER_CHARACTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-"
#define HOST_CHARACTERS OWNER_CHARACTERS ":"
#define HELO_CHARACTERS HOST_CHARACTERS "[]"
#define HELO_MAX 255
#define BLANKS " \t"
#define HEADER_NAME_MAX 64
#define DNS_CHARACTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-"
#define SELECTOR_CHARACTERS DNS_CHARACTERS "_."
/* RFC 5322 3.2.3 */
#define LOCAL_CHARACTERS DNS_CHARACTERS "!#$%&'*+/=?^_`{|}~."
#define LOCAL_MAX 31 /* a token of 32 characters and a plus follow in the envelope; RFC 5321 4.5.3.1.1 allows 64 */
#define DNS_NAME_MAX 253
#define PEOPLE_MAX 200
#define FLEET_NAME_MAX 64

static bool consists_of(const char *text, const char *characters)
{
	return text[0] != '\0' && text[strspn(text, characters)] == '\0';
}

/* Returns a port number from 1 to 65535 written in digits only, or 0 for any other text. */
static uint16_t port_parse(const char *text, size_t len)
{
	uint32_t port = 0;
	if (len == 0 || len > 5)
		return 0;
	for (size_t i = 0; i < len; i++) {
		if (!ascii_is_digit(text[i]))
			return 0;
		port = 10 * port + (uint32_t)(text[i] - '0');
	}
	return port <= UINT16_MAX ? (uint16_t)port : 0;
}

bool settings_socket_parse(struct settings_socket *out, const char *value, struct failure *why)
{
	*out = (struct settings_socket){.family = SOCKET_OFF};
	if (value[0] == '\0')
		return true;
	const char *colon = strchr(value, ':');
	size_t len = colon ? (size_t)(colon - value) : 0;
	if (len == 4 && memcmp(value, "inet", 4) == 0)
		out->family = SOCKET_INET;
	else if (len == 5 && memcmp(value, "inet6", 5) == 0)
		out->family = SOCKET_INET6;
	else if ((len == 4 && memcmp(value, "unix", 4) == 0) || (len == 5 && memcmp(value, "local", 5) == 0))
		out->family = SOCKET_UNIX;
	else
		return failure_set(why, EX_CONFIG, "is not inet:port@host, inet6:port@host or unix:path");
	const char *rest = colon + 1;
	if (out->family == SOCKET_UNIX) {
		if (rest[0] != '/')
			return failure_set(why, EX_CONFIG, "a socket's path must begin with /");
		if (strlen(rest) >= sizeof out->path)
			return failure_set(why, EX_CONFIG, "a socket's path must not be longer than %zu bytes",
				sizeof out->path - 1);
		memcpy(out->path, rest, strlen(rest) + 1);
		return true;
	}
	const char *at = strchr(rest, '@');
	out->port = port_parse(rest, at ? (size_t)(at - rest) : strlen(rest));
	if (out->port == 0)
		return failure_set(
			why, EX_CONFIG, "the port must be a number from 1 to 65535, as in inet:8462@127.0.0.1");
	if (!at)
		return true;
	const char *host = at + 1;
	if (!consists_of(host, HOST_CHARACTERS) || strlen(host) >= sizeof out->host)
		return failure_set(why, EX_CONFIG, "after @ there must be a host name or an address without brackets");
	if (out->family == SOCKET_INET && strchr(host, ':'))
		return failure_set(why, EX_CONFIG, "an IPv6 address needs inet6:port@host");
	struct in_addr address;
	if (out->family == SOCKET_INET6 && inet_pton(AF_INET, host, &address) == 1)
		return failure_set(why, EX_CONFIG, "an IPv4 address needs inet:port@host");
	memcpy(out->host, host, strlen(host) + 1);
	return true;
}

/* The form SOCKET. Two settings must not name the same address; if they do, the later row is reported. */
static bool socket_check(const struct settings *settings, const struct settings_row *row, struct failure *why)
{
	struct settings_socket own, other;
	if (!settings_socket_parse(&own, *(char *const *)settings_value(settings, row), why))
		return false;
	for (const struct settings_row *before = settings_table; before < row; before++) {
		if (before->form != FORM_SOCKET ||
			!settings_socket_parse(&other, *(char *const *)settings_value(settings, before), NULL))
			continue;
		bool same_host = own.host[0] == '\0' || other.host[0] == '\0' || strcmp(own.host, other.host) == 0;
		bool same = own.family == SOCKET_UNIX ? strcmp(own.path, other.path) == 0
						      : own.port == other.port && same_host;
		if (own.family != SOCKET_OFF && own.family == other.family && same)
			return failure_set(why, EX_CONFIG,
				"is also the address of %s; give each setting its own address", before->name);
	}
	return true;
}

/* The form HEADER (RFC 5322 3.6.8): printable characters without a colon. The milter removes fields of this name from
 * every message, so the name must not be that of a field that mail needs. */
static bool header_check(const char *name, struct failure *why)
{
	/* A name that ends in "-" means all names that begin with it. RFC 5322 3.6, 2045, 6376, 8601, 8617, 2369. */
	static const char *const needed[] = {"Date", "From", "Sender", "Reply-To", "To", "Cc", "Bcc", "Message-ID",
		"In-Reply-To", "References", "Subject", "Comments", "Keywords", "Resent-", "Return-Path", "Received",
		"MIME-Version", "Content-", "DKIM-Signature", "Authentication-Results", "ARC-", "List-"};
	bool good = name[0] != '\0' && strlen(name) <= HEADER_NAME_MAX;
	for (const char *at = name; *at; at++)
		good = good && *at > ' ' && *at <= '~' && *at != ':';
	if (!good)
		return failure_set(why, EX_CONFIG,
			"is not the name of a header field: 1 to %d printable characters, no blank, no colon",
			HEADER_NAME_MAX);
	for (size_t i = 0; i < sizeof needed / sizeof *needed; i++) {
		size_t len = strlen(needed[i]);
		bool open_end = needed[i][len - 1] == '-';
		if (strncasecmp(name, needed[i], len) == 0 && (open_end || name[len] == '\0'))
			return failure_set(why, EX_CONFIG,
				"is a field that mail needs, and the milter would remove it from every message; choose "
				"another name, such as X-STS-Gate");
	}
	return true;
}

/* The form OWNER: empty, user, user:group or :group. */
static bool owner_check(const char *owner, struct failure *why)
{
	size_t user = strcspn(owner, ":");
	const char *group = owner[user] ? owner + user + 1 : NULL;
	bool good = strspn(owner, OWNER_CHARACTERS) == user && owner[0] != '-';
	good = good && (!group || (consists_of(group, OWNER_CHARACTERS) && group[0] != '-'));
	return good || failure_set(why, EX_CONFIG, "is not user, user:group or :group");
}

/* Returns AF_INET or AF_INET6, or AF_UNSPEC if the text is not an address. */
static int address_family(const char *text, size_t len)
{
	char copy[INET6_ADDRSTRLEN];
	unsigned char address[sizeof(struct in6_addr)];
	if (len >= sizeof copy)
		return AF_UNSPEC;
	memcpy(copy, text, len);
	copy[len] = '\0';
	if (inet_pton(AF_INET, copy, address) == 1)
		return AF_INET;
	return inet_pton(AF_INET6, copy, address) == 1 ? AF_INET6 : AF_UNSPEC;
}

/* The form SERVERS: addresses, each with an optional @port. */
static bool servers_check(const struct settings_list *list, struct failure *why)
{
	for (size_t i = 0; i < list->count; i++) {
		const char *server = list->item[i];
		size_t len = strcspn(server, "@");
		const char *port = server + len;
		if (address_family(server, len) == AF_UNSPEC || (*port && port_parse(port + 1, strlen(port + 1)) == 0))
			return failure_set(why, EX_CONFIG, "\"%.80s\" is not an address or address@port", server);
	}
	return true;
}

/* The form ADDRESSES: at most one of each family. */
static bool addresses_check(const struct settings_list *list, struct failure *why)
{
	unsigned inet = 0, inet6 = 0;
	for (size_t i = 0; i < list->count; i++) {
		int family = address_family(list->item[i], strlen(list->item[i]));
		if (family == AF_UNSPEC)
			return failure_set(why, EX_CONFIG,
				"\"%.80s\" is not an address: write one such as 192.0.2.1 or 2001:db8::1",
				list->item[i]);
		inet += family == AF_INET;
		inet6 += family == AF_INET6;
	}
	if (inet > 1 || inet6 > 1)
		return failure_set(
			why, EX_CONFIG, "has two addresses of one family; give at most one IPv4 and one IPv6 address");
	return true;
}

/* Returns whether the text is host:port; an IPv6 address needs brackets. */
static bool is_server(const char *host)
{
	const char *colon = host + strspn(host, OWNER_CHARACTERS);
	bool good = colon != host;
	if (host[0] == '[') {
		size_t len = strcspn(host, "]");
		good = host[len] == ']' && address_family(host + 1, len - 1) == AF_INET6;
		colon = host + len + (host[len] == ']');
	}
	return good && *colon == ':' && port_parse(colon + 1, strlen(colon + 1)) != 0;
}

/* The form PROXY: empty, or http://host:port. */
static bool proxy_check(const char *proxy, struct failure *why)
{
	static const char scheme[] = "http://";
	bool good = strncmp(proxy, scheme, sizeof scheme - 1) == 0 && is_server(proxy + sizeof scheme - 1);
	return good || proxy[0] == '\0' || failure_set(why, EX_CONFIG, "is not of the form http://host:port");
}

/* Returns whether no part between dots is empty. */
static bool has_whole_labels(const char *text, size_t len)
{
	bool dot = true;
	for (size_t i = 0; i < len; i++) {
		if (dot && text[i] == '.')
			return false;
		dot = text[i] == '.';
	}
	return !dot;
}

/* The form SELECTOR: empty, or labels of DNS, so that nothing in it can change a field of a message. */
static bool selector_check(const char *selector, struct failure *why)
{
	bool good = consists_of(selector, SELECTOR_CHARACTERS) && strlen(selector) <= DNS_NAME_MAX &&
		    has_whole_labels(selector, strlen(selector));
	return good || selector[0] == '\0' ||
	       failure_set(why, EX_CONFIG, "is not a selector: letters, digits, hyphens and dots, such as tlsrpt1");
}

/* Returns whether the text is a name of DNS with a dot inside. */
static bool is_domain(const char *text)
{
	size_t len = strlen(text);
	return consists_of(text, DNS_CHARACTERS ".") && strchr(text, '.') && len <= DNS_NAME_MAX &&
	       has_whole_labels(text, len);
}

/* The form MAILBOX: empty, or an address whose parts need no quotes. */
static bool mailbox_check(const char *mailbox, struct failure *why)
{
	size_t local = strspn(mailbox, LOCAL_CHARACTERS);
	bool good = mailbox[local] == '@' && has_whole_labels(mailbox, local) && is_domain(mailbox + local + 1);
	if (!good && mailbox[0] != '\0')
		return failure_set(why, EX_CONFIG, "is not an address such as tlsrpt@example.com");
	return local <= LOCAL_MAX || failure_set(why, EX_CONFIG, "has more than %d characters before @", LOCAL_MAX);
}

/* The form SENDERS: addresses whose parts need no quotes, `@` and a domain, or `<>`. */
static bool senders_check(const struct settings_list *list, struct failure *why)
{
	for (size_t i = 0; i < list->count; i++) {
		const char *item = list->item[i];
		size_t local = strspn(item, LOCAL_CHARACTERS);
		bool whole = local == 0 || has_whole_labels(item, local);
		if (strcmp(item, "<>") != 0 && (!whole || item[local] != '@' || !is_domain(item + local + 1)))
			return failure_set(
				why, EX_CONFIG, "\"%.80s\" is not user@example.com, @example.com or <>", item);
	}
	return true;
}

/* The form PEOPLE. */
static bool people_check(const char *text, struct failure *why)
{
	size_t len = strlen(text);
	if (len > PEOPLE_MAX)
		return failure_set(why, EX_CONFIG, "is longer than %d octets", PEOPLE_MAX);
	for (size_t i = 0; i < len; i++)
		if ((unsigned char)text[i] < 0x20 || text[i] == 0x7f)
			return failure_set(why, EX_CONFIG, "has a control character");
	return utf8_is_valid(text, len) || failure_set(why, EX_CONFIG, "is not valid UTF-8");
}

size_t settings_words(char *value, char *words[SETTINGS_WORDS_MAX + 1])
{
	size_t count = 0;
	char *at = value + strspn(value, BLANKS);
	while (*at != '\0' && count <= SETTINGS_WORDS_MAX) {
		if (count < SETTINGS_WORDS_MAX)
			words[count] = at;
		count++;
		at += strcspn(at, BLANKS);
		if (*at != '\0')
			*at++ = '\0';
		at += strspn(at, BLANKS);
	}
	count = count <= SETTINGS_WORDS_MAX ? count : 0;
	words[count] = NULL;
	return count;
}

/* The form COMMAND: empty, or an absolute path with arguments. */
static bool command_check(const char *text, struct failure *why)
{
	char *words[SETTINGS_WORDS_MAX + 1], *copy = xstrdup(text);
	size_t count = settings_words(copy, words);
	free(copy);
	if (text[0] != '\0' && text[0] != '/')
		return failure_set(why, EX_CONFIG, "must begin with the path of a program, which begins with /");
	return text[0] == '\0' || count > 0 ||
	       failure_set(why, EX_CONFIG, "has more than %d words; write a script that runs the command",
		       SETTINGS_WORDS_MAX);
}

static bool form_check(const struct settings *settings, const struct settings_row *row, struct failure *why)
{
	const void *value = settings_value(settings, row);
	const char *text = row->type == SETTINGS_TEXT ? *(char *const *)value : "";
	switch (row->form) {
	case FORM_PLAIN:
	/* check/config checks FORM_DOMAINS and FORM_NEXT_HOP: this layer cannot parse domain names */
	case FORM_DOMAINS:
	case FORM_NEXT_HOP:
		return true;
	case FORM_SOCKET:
		return socket_check(settings, row, why);
	case FORM_FILE:
		if (text[0] == '\0')
			return true;
		/* Absolute, because the daemon and the tool start in different directories (design 6.12). */
		/* fall through */
	case FORM_PATH:
		return text[0] == '/' || failure_set(why, EX_CONFIG, "must be a path that begins with /");
	case FORM_NAME:
		return (consists_of(text, OWNER_CHARACTERS) && text[0] != '-') ||
		       failure_set(why, EX_CONFIG, "is not the name of a user or group");
	case FORM_OWNER:
		return owner_check(text, why);
	case FORM_HEADER:
		return header_check(text, why);
	case FORM_HOST:
		return text[0] == '\0' || (consists_of(text, HELO_CHARACTERS) && strlen(text) <= HELO_MAX) ||
		       failure_set(why, EX_CONFIG, "is not a host name: write one such as relay.example.com");
	case FORM_SERVERS:
		return servers_check(value, why);
	case FORM_ADDRESSES:
		return addresses_check(value, why);
	case FORM_PROXY:
		return proxy_check(text, why);
	case FORM_SERVER:
		return is_server(text) || failure_set(why, EX_CONFIG, "is not of the form host:port");
	case FORM_MAILBOX:
		return mailbox_check(text, why);
	case FORM_SENDERS:
		return senders_check(value, why);
	case FORM_PEOPLE:
		return people_check(text, why);
	case FORM_SELECTOR:
		return selector_check(text, why);
	case FORM_COMMAND:
		return command_check(text, why);
	}
	return false;
}

/* The sockets of TLS sessions. A collector that forwards to itself would count each session for ever. */
static bool datagrams_check(const struct settings *settings, const struct settings_row **blamed, struct failure *why)
{
	static const char *const names[] = {"tlsrpt_socket", "tlsrpt_forward"};
	const char *const paths[] = {settings->tlsrpt_socket, settings->tlsrpt_forward};
	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		*blamed = settings_row_find(names[i]);
		if (strlen(paths[i]) >= sizeof((struct settings_socket *)0)->path)
			return failure_set(why, EX_CONFIG, "a socket's path must not be longer than %zu bytes",
				sizeof((struct settings_socket *)0)->path - 1);
	}
	return paths[1][0] == '\0' || strcmp(paths[0], paths[1]) != 0 ||
	       failure_set(why, EX_CONFIG, "is also tlsrpt_socket; name the socket of another collector");
}

/* Values of TLS reports that contradict each other. */
static bool reports_check(const struct settings *settings, const struct settings_row **blamed, struct failure *why)
{
	if (settings->tlsrpt == TLSRPT_FEED && settings->tlsrpt_socket[0] == '\0') {
		*blamed = settings_row_find("tlsrpt_socket");
		return failure_set(
			why, EX_CONFIG, "is needed with tlsrpt = feed: name the socket of the other collector");
	}
	if ((settings->report_dkim_key[0] == '\0') != (settings->report_dkim_selector[0] == '\0')) {
		bool key = settings->report_dkim_key[0] != '\0';
		*blamed = settings_row_find(key ? "report_dkim_selector" : "report_dkim_key");
		return failure_set(
			why, EX_CONFIG, "is needed with %s", key ? "report_dkim_key" : "report_dkim_selector");
	}
	return true;
}

/* With `map`, nothing but the map keeps the mail of some senders from leaving in the clear. */
static bool wishes_check(const struct settings *settings, const struct settings_row **blamed, struct failure *why)
{
	*blamed = settings_row_find("tls_required_no");
	return settings->tls_required_no != TLS_REQUIRED_NO_MAP || settings->mta_enforces ||
	       failure_set(why, EX_CONFIG, "can be map only with mta_enforces = yes; write headers or ignore");
}

static bool is_loopback(const char *host)
{
	struct in_addr v4;
	struct in6_addr v6;
	if (inet_pton(AF_INET, host, &v4) == 1)
		return ntohl(v4.s_addr) >> 24 == 127;
	return inet_pton(AF_INET6, host, &v6) == 1 && IN6_IS_ADDR_LOOPBACK(&v6);
}

/* The server is an address, because the event loop of its connections must not wait for DNS. */
static bool fleet_server_check(const struct settings *settings, struct failure *why)
{
	struct settings_socket server;
	if (!settings_socket_parse(&server, settings->fleet_server, why))
		return false;
	if (server.family == SOCKET_UNIX)
		return true;
	if (address_family(server.host, strlen(server.host)) == AF_UNSPEC)
		return failure_set(why, EX_CONFIG,
			"must have an address after @, as in inet:6379@127.0.0.1; names are not looked up");
	return settings->fleet_plaintext || is_loopback(server.host) ||
	       failure_set(why, EX_CONFIG,
		       "is on another machine, and nothing encrypts the way there; name the end of a tunnel on this "
		       "machine, or set fleet_plaintext = yes");
}

/* The settings of sharing, if something is shared. */
static bool fleet_check(const struct settings *settings, const struct settings_row **blamed, struct failure *why)
{
	if (settings->fleet_server[0] == '\0')
		return true;
	*blamed = settings_row_find("fleet_server");
	if (!fleet_server_check(settings, why))
		return false;
	*blamed = settings_row_find("fleet_key_file");
	if (settings->fleet_key_file[0] == '\0')
		return failure_set(why, EX_CONFIG,
			"is needed with fleet_server: name a file with the key that all relays of the site have");
	*blamed = settings_row_find("fleet_password_file");
	if (settings->fleet_user[0] != '\0' && settings->fleet_password_file[0] == '\0')
		return failure_set(why, EX_CONFIG, "is needed with fleet_user");
	*blamed = settings_row_find("fleet_name");
	if (strlen(settings->fleet_name) > FLEET_NAME_MAX)
		return failure_set(why, EX_CONFIG, "is longer than %d characters", FLEET_NAME_MAX);
	*blamed = settings_row_find("fleet_node");
	const char *node = settings->fleet_node;
	return node[0] == '\0' || (consists_of(node, OWNER_CHARACTERS) && strlen(node) <= FLEET_NAME_MAX) ||
	       failure_set(
		       why, EX_CONFIG, "is not 1 to %d letters, digits, dots, hyphens and underscores", FLEET_NAME_MAX);
}

bool settings_check(const struct settings *settings, const struct settings_row **blamed, struct failure *why)
{
	for (size_t i = 0; i < settings_table_count; i++) {
		*blamed = &settings_table[i];
		if (!form_check(settings, *blamed, why))
			return false;
	}
	if (!datagrams_check(settings, blamed, why) || !reports_check(settings, blamed, why) ||
		!wishes_check(settings, blamed, why) || !fleet_check(settings, blamed, why))
		return false;
	uint32_t ttl_max = settings->probe_ttl_max;
	if (settings->probe_ttl_ok <= ttl_max && settings->probe_ttl_fail <= ttl_max)
		return true;
	*blamed = settings_row_find(settings->probe_ttl_ok > ttl_max ? "probe_ttl_ok" : "probe_ttl_fail");
	return failure_set(
		why, EX_CONFIG, "is longer than probe_ttl_max; make it shorter, or make probe_ttl_max longer");
}
