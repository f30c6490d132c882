/* What one row of the table cannot say: values with a form of their own, and values that contradict each other. */
#include "settings_values.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sysexits.h>

#define OWNER_CHARACTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-"
#define HOST_CHARACTERS OWNER_CHARACTERS ":"
#define HELO_CHARACTERS HOST_CHARACTERS "[]"
#define HELO_MAX 255
#define HEADER_NAME_MAX 64
#define SOCKET_FORMS "inet:port@host, inet6:port@host or unix:path"

static bool consists_of(const char *text, const char *characters)
{
	return text[0] != '\0' && text[strspn(text, characters)] == '\0';
}

/* 1 to 65535 in digits, nothing else; 0 for anything else. */
static uint16_t port_parse(const char *text, size_t len)
{
	uint32_t port = 0;
	if (len == 0 || len > 5)
		return 0;
	for (size_t i = 0; i < len; i++) {
		if (text[i] < '0' || text[i] > '9')
			return 0;
		port = 10 * port + (uint32_t)(text[i] - '0');
	}
	return port <= UINT16_MAX ? (uint16_t)port : 0;
}

static bool socket_parse_path(struct settings_socket *out, const char *path, struct failure *why)
{
	if (path[0] != '/')
		return failure_set(why, EX_CONFIG, "a socket's path must begin with /");
	if (strlen(path) >= sizeof out->path)
		return failure_set(
			why, EX_CONFIG, "a socket's path must not be longer than %zu bytes", sizeof out->path - 1);
	memcpy(out->path, path, strlen(path) + 1);
	return true;
}

static bool socket_parse_inet(struct settings_socket *out, const char *rest, struct failure *why)
{
	const char *at = strchr(rest, '@');
	size_t digits = at ? (size_t)(at - rest) : strlen(rest);
	out->port = port_parse(rest, digits);
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
		return failure_set(why, EX_CONFIG, "is not %s", SOCKET_FORMS);
	if (out->family == SOCKET_UNIX)
		return socket_parse_path(out, colon + 1, why);
	return socket_parse_inet(out, colon + 1, why);
}

/* Each check below is of one setting and says only what is wrong with it. */
typedef bool check(const struct settings *settings, struct failure *why);

static bool check_milter_socket(const struct settings *settings, struct failure *why)
{
	struct settings_socket socket;
	return settings_socket_parse(&socket, settings->milter_socket, why);
}

/* Fields that mail needs. A field of milter_header's name is taken out of every message, so it must be none of these;
 * "-" at the end: all that begin so. RFC 5322 3.6, 2045, 6376, 8601, 8617, 2369. */
static const char *const needed_fields[] = {"Date", "From", "Sender", "Reply-To", "To", "Cc", "Bcc", "Message-ID",
	"In-Reply-To", "References", "Subject", "Comments", "Keywords", "Resent-", "Return-Path", "Received",
	"MIME-Version", "Content-", "DKIM-Signature", "Authentication-Results", "ARC-", "List-"};

static bool field_needed(const char *name)
{
	for (size_t i = 0; i < sizeof needed_fields / sizeof *needed_fields; i++) {
		size_t len = strlen(needed_fields[i]);
		bool open_end = needed_fields[i][len - 1] == '-';
		if (strncasecmp(name, needed_fields[i], len) == 0 && (open_end || name[len] == '\0'))
			return true;
	}
	return false;
}

static bool check_header(const struct settings *settings, struct failure *why)
{
	/* RFC 5322 3.6.8: printable but for the colon. */
	const char *name = settings->milter_header;
	bool good = name[0] != '\0' && strlen(name) <= HEADER_NAME_MAX;
	for (const char *at = name; *at; at++)
		good = good && *at > ' ' && *at <= '~' && *at != ':';
	if (!good)
		failure_set(why, EX_CONFIG,
			"is not the name of a header field: 1 to %d printable characters, no blank, no colon",
			HEADER_NAME_MAX);
	else if (field_needed(name))
		return failure_set(why, EX_CONFIG,
			"is a field that mail needs, and would be removed from every message; take a name of its own, "
			"as X-STS-Gate is");
	return good;
}

/* Whether two listeners would want the same place. */
static bool sockets_clash(const char *one, const char *other)
{
	struct settings_socket a, b;
	if (!settings_socket_parse(&a, one, NULL) || !settings_socket_parse(&b, other, NULL))
		return false;
	if (a.family == SOCKET_OFF || a.family != b.family)
		return false;
	if (a.family == SOCKET_UNIX)
		return strcmp(a.path, b.path) == 0;
	return a.port == b.port && (a.host[0] == '\0' || b.host[0] == '\0' || strcmp(a.host, b.host) == 0);
}

static bool check_apart(const char *one, const char *other, const char *other_name, struct failure *why)
{
	if (sockets_clash(one, other))
		return failure_set(why, EX_CONFIG, "is the place of %s, too; give each its own", other_name);
	return true;
}

static bool check_socketmap_socket(const struct settings *settings, struct failure *why)
{
	struct settings_socket socket;
	return settings_socket_parse(&socket, settings->socketmap_socket, why) &&
	       check_apart(settings->socketmap_socket, settings->milter_socket, "milter_socket", why);
}

static bool check_metrics_socket(const struct settings *settings, struct failure *why)
{
	struct settings_socket socket;
	return settings_socket_parse(&socket, settings->metrics_socket, why) &&
	       check_apart(settings->metrics_socket, settings->milter_socket, "milter_socket", why) &&
	       check_apart(settings->metrics_socket, settings->socketmap_socket, "socketmap_socket", why);
}

static bool check_delegation_socket(const struct settings *settings, struct failure *why)
{
	struct settings_socket socket;
	const char *place = settings->delegation_socket;
	return settings_socket_parse(&socket, place, why) &&
	       check_apart(place, settings->milter_socket, "milter_socket", why) &&
	       check_apart(place, settings->socketmap_socket, "socketmap_socket", why) &&
	       check_apart(place, settings->metrics_socket, "metrics_socket", why);
}

/* Whether the MTA has a smart host nobody tells us, neither the protocol nor a setting of ours; a wrong guess would
 * judge the wrong hosts and say that all is well. So the operator says it. Whether it is a next hop shows in
 * config_new(). */
static bool check_delegation_domain(const struct settings *settings, struct failure *why)
{
	if (settings->delegation_socket[0] != '\0' && settings->delegation_domain[0] == '\0')
		return failure_set(why, EX_CONFIG,
			"delegation_socket is set, but policy delegation does not tell the next hop: say recipient "
			"when mail goes where the MX records of the recipient's domain point, else the smart host "
			"that relayhost names, as it stands there");
	return true;
}

static bool check_owner_name(const char *name, struct failure *why)
{
	if (!consists_of(name, OWNER_CHARACTERS) || name[0] == '-')
		return failure_set(why, EX_CONFIG, "is not a name of a user or group");
	return true;
}

static bool check_socket_owner(const struct settings *settings, struct failure *why)
{
	const char *owner = settings->socket_owner;
	size_t user = strcspn(owner, ":");
	const char *group = owner[user] ? owner + user + 1 : NULL;
	bool good = strspn(owner, OWNER_CHARACTERS) == user && owner[0] != '-';
	if (group)
		good = good && consists_of(group, OWNER_CHARACTERS) && group[0] != '-';
	if (!good)
		failure_set(why, EX_CONFIG, "is not user, user:group or :group");
	return good;
}

static bool check_user(const struct settings *settings, struct failure *why)
{
	return check_owner_name(settings->user, why);
}

static bool check_group(const struct settings *settings, struct failure *why)
{
	return check_owner_name(settings->group, why);
}

static bool check_absolute(const char *path, struct failure *why)
{
	if (path[0] != '/')
		return failure_set(why, EX_CONFIG, "must be a path that begins with /");
	return true;
}

static bool check_store_path(const struct settings *settings, struct failure *why)
{
	return check_absolute(settings->store_path, why);
}

/* Empty, or a path. Absolute, since the daemon and the tool are started in different directories. */
static bool check_file(const char *path, struct failure *why)
{
	return path[0] == '\0' || check_absolute(path, why);
}

static bool check_trust_anchor(const struct settings *settings, struct failure *why)
{
	return check_file(settings->dns_trust_anchor, why);
}

static bool check_fetch_ca(const struct settings *settings, struct failure *why)
{
	return check_file(settings->fetch_ca_file, why);
}

static bool check_probe_ca(const struct settings *settings, struct failure *why)
{
	return check_file(settings->probe_ca_file, why);
}

/* AF_INET, AF_INET6, or AF_UNSPEC for what is no address. */
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

static bool check_dns_servers(const struct settings *settings, struct failure *why)
{
	for (size_t i = 0; i < settings->dns_servers.count; i++) {
		const char *server = settings->dns_servers.item[i];
		size_t len = strcspn(server, "@");
		const char *port = server + len;
		if (address_family(server, len) == AF_UNSPEC || (*port && port_parse(port + 1, strlen(port + 1)) == 0))
			return failure_set(why, EX_CONFIG, "\"%.80s\" is not an address or address@port", server);
	}
	return true;
}

static bool check_probe_bind(const struct settings *settings, struct failure *why)
{
	unsigned inet = 0, inet6 = 0;
	for (size_t i = 0; i < settings->probe_bind.count; i++) {
		const char *address = settings->probe_bind.item[i];
		int family = address_family(address, strlen(address));
		if (family == AF_UNSPEC)
			return failure_set(why, EX_CONFIG, "\"%.80s\" is not an address", address);
		inet += family == AF_INET;
		inet6 += family == AF_INET6;
	}
	if (inet > 1 || inet6 > 1)
		return failure_set(
			why, EX_CONFIG, "has two addresses of one family; give one IPv4 and one IPv6 address at most");
	return true;
}

static bool check_fetch_proxy(const struct settings *settings, struct failure *why)
{
	static const char scheme[] = "http://";
	const char *proxy = settings->fetch_proxy;
	if (proxy[0] == '\0')
		return true;
	bool good = strncmp(proxy, scheme, sizeof scheme - 1) == 0;
	const char *host = good ? proxy + sizeof scheme - 1 : "";
	const char *colon;
	if (host[0] == '[') {
		size_t len = strcspn(host, "]");
		good = host[len] == ']' && address_family(host + 1, len - 1) == AF_INET6;
		colon = host + len + (host[len] == ']');
	} else {
		colon = host + strspn(host, OWNER_CHARACTERS);
		good = good && colon != host;
	}
	if (!good || *colon != ':' || port_parse(colon + 1, strlen(colon + 1)) == 0)
		return failure_set(why, EX_CONFIG, "is not of the form http://host:port");
	return true;
}

static bool check_probe_helo(const struct settings *settings, struct failure *why)
{
	const char *helo = settings->probe_helo;
	if (helo[0] != '\0' && (!consists_of(helo, HELO_CHARACTERS) || strlen(helo) > HELO_MAX))
		return failure_set(why, EX_CONFIG, "is not a host name");
	return true;
}

static bool check_ttl(uint32_t ttl_s, const struct settings *settings, struct failure *why)
{
	if (ttl_s > settings->probe_ttl_max)
		return failure_set(why, EX_CONFIG, "is longer than probe_ttl_max; make it shorter, or that one longer");
	return true;
}

static bool check_ttl_ok(const struct settings *settings, struct failure *why)
{
	return check_ttl(settings->probe_ttl_ok, settings, why);
}

static bool check_ttl_fail(const struct settings *settings, struct failure *why)
{
	return check_ttl(settings->probe_ttl_fail, settings, why);
}

static const struct {
	const char *name;
	check *check;
} checks[] = {
	{"milter_socket", check_milter_socket},
	{"milter_header", check_header},
	{"socketmap_socket", check_socketmap_socket},
	{"delegation_socket", check_delegation_socket},
	{"delegation_domain", check_delegation_domain},
	{"socket_owner", check_socket_owner},
	{"metrics_socket", check_metrics_socket},
	{"store_path", check_store_path},
	{"dns_servers", check_dns_servers},
	{"dns_trust_anchor", check_trust_anchor},
	{"fetch_ca_file", check_fetch_ca},
	{"probe_ca_file", check_probe_ca},
	{"fetch_proxy", check_fetch_proxy},
	{"probe_ttl_ok", check_ttl_ok},
	{"probe_ttl_fail", check_ttl_fail},
	{"probe_helo", check_probe_helo},
	{"probe_bind", check_probe_bind},
	{"user", check_user},
	{"group", check_group},
};

bool settings_check(const struct settings *settings, const struct settings_row **blamed, struct failure *why)
{
	for (size_t i = 0; i < sizeof checks / sizeof *checks; i++) {
		if (!checks[i].check(settings, why)) {
			*blamed = settings_row_find(checks[i].name);
			return false;
		}
	}
	return true;
}
