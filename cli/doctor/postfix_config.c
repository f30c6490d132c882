#include "postfix_config.h"

#include "ascii.h"
#include "memory.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define BLANKS " \t\r\n"
#define SEPARATORS ", \t\r\n"
#define LINES_MAX 65536 /* lines of one output; the rest is ignored */

/* Takes the next line off a text and ends it with NUL. Returns NULL at the end. */
static char *line_take(char **text)
{
	char *line = *text;
	if (!line || !*line)
		return NULL;
	size_t len = strcspn(line, "\n");
	*text = line + len + (line[len] == '\n');
	line[len] = '\0';
	return line;
}

static struct postfix_setting *setting_add(struct postfix_config *config)
{
	size_t count = config->setting_count++;
	if ((count & (count - 1)) == 0) /* 0 or a power of two: the array is full */
		config->setting = xrealloc(config->setting, (count ? 2 * count : 1) * sizeof *config->setting);
	return &config->setting[count];
}

/* Splits `name = value`. Returns NULL if the line has no `=`; otherwise the value. */
static char *assignment_split(char *line)
{
	char *sign = strchr(line, '=');
	if (!sign)
		return NULL;
	*sign = '\0';
	return string_trim(sign + 1, BLANKS);
}

static void settings_take(struct postfix_config *config, char *text)
{
	size_t lines = 0;
	for (char *line; lines < LINES_MAX && (line = line_take(&text)); lines++) {
		char *value = assignment_split(line);
		if (value)
			*setting_add(config) = (struct postfix_setting){NULL, NULL, string_trim(line, BLANKS), value};
	}
}

/* Lines `SERVICE/TYPE/NAME = value`. A service's name may contain slashes. */
static void overrides_take(struct postfix_config *config, char *text)
{
	size_t lines = 0;
	for (char *line; lines < LINES_MAX && (line = line_take(&text)); lines++) {
		char *value = assignment_split(line);
		char *name = value ? strrchr(line, '/') : NULL;
		if (!name)
			continue;
		*name++ = '\0';
		char *type = strrchr(line, '/');
		if (!type)
			continue;
		*type++ = '\0';
		*setting_add(config) = (struct postfix_setting){line, type, string_trim(name, BLANKS), value};
	}
}

/* Lines `name type private unprivileged chroot wakeup limit program argument...`. A chroot column `-` means no, and yes
 * at compatibility level 0. */
static void services_take(struct postfix_config *config, char *text)
{
	enum { NAME, TYPE, CHROOT = 4, PROGRAM = 7, COLUMNS };
	bool old = strcmp(postfix_value(config, NULL, "compatibility_level"), "0") == 0;
	size_t lines = 0;
	for (char *line; lines < LINES_MAX && (line = line_take(&text)); lines++) {
		char *column[COLUMNS] = {0}, *rest = NULL;
		for (int i = 0; i < COLUMNS; i++)
			column[i] = strtok_r(i == 0 ? line : NULL, BLANKS, &rest);
		if (!column[PROGRAM])
			continue;
		size_t count = config->service_count++;
		if ((count & (count - 1)) == 0)
			config->service = xrealloc(config->service, (count ? 2 * count : 1) * sizeof *config->service);
		bool chroot = column[CHROOT][0] == 'y' || (column[CHROOT][0] == '-' && old);
		config->service[count] = (struct postfix_service){column[NAME], column[TYPE], column[PROGRAM], chroot};
	}
}

bool postfix_config_read(struct postfix_config *config, char *settings, char *services, char *overrides)
{
	*config = (struct postfix_config){.text = {settings, services, overrides}};
	settings_take(config, settings);
	services_take(config, services);
	overrides_take(config, overrides);
	return postfix_value(config, NULL, "mail_version")[0] != '\0';
}

void postfix_config_free(struct postfix_config *config)
{
	for (size_t i = 0; i < sizeof config->text / sizeof *config->text; i++)
		free(config->text[i]);
	free(config->setting);
	free(config->service);
	*config = (struct postfix_config){0};
}

const char *postfix_value(const struct postfix_config *config, const struct postfix_service *service, const char *name)
{
	const char *value = "";
	for (size_t i = 0; i < config->setting_count; i++) {
		const struct postfix_setting *setting = &config->setting[i];
		if (strcmp(setting->name, name) != 0)
			continue;
		if (!setting->service)
			value = setting->value;
		else if (service && strcmp(setting->service, service->name) == 0 &&
			 strcmp(setting->type, service->type) == 0)
			return setting->value;
	}
	return value;
}

bool postfix_since(const struct postfix_config *config, unsigned major, unsigned minor, unsigned patch)
{
	/* `3.7.11`, and `3.12-20260821` for a snapshot, which counts as newer than all releases of its series */
	unsigned part[3] = {0};
	const char *version = postfix_value(config, NULL, "mail_version");
	int parts = sscanf(version, "%5u.%5u.%5u", &part[0], &part[1], &part[2]);
	if (parts < 3 && strchr(version, '-'))
		part[2] = 99999;
	if (part[0] != major)
		return part[0] > major;
	return part[1] != minor ? part[1] > minor : part[2] >= patch;
}

bool postfix_item(struct span *list, struct span *item)
{
	while (list->len > 0 && memchr(SEPARATORS, list->at[0], sizeof SEPARATORS - 1)) {
		list->at++;
		list->len--;
	}
	size_t depth = 0, len = 0;
	for (; len < list->len && (depth > 0 || !memchr(SEPARATORS, list->at[len], sizeof SEPARATORS - 1)); len++) {
		depth += list->at[len] == '{';
		depth -= list->at[len] == '}' && depth > 0;
	}
	*item = (struct span){list->at, len};
	list->at += len;
	list->len -= len;
	return len > 0;
}

bool postfix_lists(const char *list, const char *wanted)
{
	struct span rest = {list, strlen(list)}, item;
	while (postfix_item(&rest, &item))
		if (span_is(item, wanted))
			return true;
	return false;
}

struct span postfix_unbrace(struct span item)
{
	if (item.len >= 2 && item.at[0] == '{' && item.at[item.len - 1] == '}')
		item = (struct span){item.at + 1, item.len - 2};
	return span_trim(item, SEPARATORS);
}

struct span postfix_option(struct span item, const char *name)
{
	struct span rest = postfix_unbrace(item), option;
	size_t name_len = strlen(name);
	while (postfix_item(&rest, &option)) {
		option = postfix_unbrace(option);
		const char *sign = memchr(option.at, '=', option.len);
		struct span left = {option.at, sign ? (size_t)(sign - option.at) : 0};
		left = span_trim(left, BLANKS);
		if (sign && left.len == name_len && memcmp(left.at, name, name_len) == 0)
			return span_trim((struct span){sign + 1, option.len - (size_t)(sign + 1 - option.at)}, BLANKS);
	}
	return (struct span){"", 0};
}

int64_t postfix_seconds(struct span text)
{
	char copy[24];
	uint64_t seconds;
	if (text.len == 0 || text.len >= sizeof copy)
		return -1;
	memcpy(copy, text.at, text.len);
	copy[text.len] = '\0';
	bool weeks = copy[text.len - 1] == 'w';
	if (weeks)
		copy[text.len - 1] = 'd';
	if (!settings_read_duration(copy, &seconds) || seconds > INT32_MAX)
		return -1;
	return (int64_t)seconds * (weeks ? 7 : 1);
}

/* Returns whether a connection to `host`, as Postfix writes it, reaches a socket that listens at `own`. */
static bool host_reaches(struct span host, const char *own)
{
	if (host.len >= 2 && host.at[0] == '[' && host.at[host.len - 1] == ']')
		host = (struct span){host.at + 1, host.len - 2};
	if (host.len == 0)
		host = (struct span){"localhost", 9};
	if (own[0] == '\0' || strcmp(own, "0.0.0.0") == 0 || strcmp(own, "::") == 0)
		return true;
	if (host.len == strlen(own) && ascii_same(host.at, own, host.len))
		return true;
	bool loopback = strcmp(own, "127.0.0.1") == 0 || strcmp(own, "::1") == 0;
	if (strcasecmp(own, "localhost") == 0)
		return span_is(host, "127.0.0.1") || span_is(host, "::1");
	return loopback && host.len == 9 && ascii_same(host.at, "localhost", 9);
}

/* Joins two parts of a path, without doubled slashes, and with /run for /var/run. */
static void path_join(char *out, size_t size, const char *directory, struct span path)
{
	size_t len = 0;
	const char *slash = path.len > 0 && path.at[0] == '/' ? "" : "/";
	char joined[2048];
	int wrote = snprintf(
		joined, sizeof joined, "%s%s%.*s", directory, slash, (int)(path.len < 1024 ? path.len : 1024), path.at);
	const char *at = joined;
	if (wrote > 0 && strncmp(joined, "/var/run/", 9) == 0)
		at += 4;
	for (; *at && len + 1 < size; at++)
		if (*at != '/' || len == 0 || out[len - 1] != '/')
			out[len++] = *at;
	out[len] = '\0';
}

static enum postfix_place unix_place(struct span path, const char *own, const char *queue, bool chroot)
{
	char named[1024], reached[1024], listens[1024];
	bool absolute = path.len > 0 && path.at[0] == '/';
	path_join(listens, sizeof listens, "", (struct span){own, strlen(own)});
	path_join(named, sizeof named, absolute ? "" : queue, path);
	path_join(reached, sizeof reached, absolute && !chroot ? "" : queue, path);
	if (strcmp(reached, listens) == 0)
		return PLACE_SAME;
	return strcmp(named, listens) == 0 ? PLACE_OUTSIDE : PLACE_OTHER;
}

static bool span_begins(struct span span, const char *word)
{
	size_t len = strlen(word);
	return span.len >= len && memcmp(span.at, word, len) == 0;
}

enum postfix_place postfix_place(struct span address, const struct settings_socket *own, const char *queue, bool chroot)
{
	bool file = span_begins(address, "unix:"), inet = span_begins(address, "inet:");
	if (!file && !inet)
		return PLACE_OTHER;
	struct span rest = {address.at + 5, address.len - 5};
	if (file && own->family == SOCKET_UNIX)
		return unix_place(rest, own->path, queue, chroot);
	if (file || (own->family != SOCKET_INET && own->family != SOCKET_INET6))
		return PLACE_OTHER;
	size_t port_at = rest.len;
	while (port_at > 0 && rest.at[port_at - 1] != ':')
		port_at--;
	char port[8];
	snprintf(port, sizeof port, "%u", own->port);
	struct span host = {rest.at, port_at > 0 ? port_at - 1 : 0};
	bool same =
		span_is((struct span){rest.at + port_at, rest.len - port_at}, port) && host_reaches(host, own->host);
	return same ? PLACE_SAME : PLACE_OTHER;
}

bool postfix_socketmap(struct span table, struct span *address, struct span *name)
{
	static const char proxy[] = "proxy:", kind[] = "socketmap:";
	if (span_begins(table, proxy))
		table = (struct span){table.at + sizeof proxy - 1, table.len - (sizeof proxy - 1)};
	if (!span_begins(table, kind))
		return false;
	table = (struct span){table.at + sizeof kind - 1, table.len - (sizeof kind - 1)};
	size_t name_at = table.len;
	while (name_at > 0 && table.at[name_at - 1] != ':')
		name_at--;
	if (name_at == 0)
		return false;
	*address = (struct span){table.at, name_at - 1};
	*name = (struct span){table.at + name_at, table.len - name_at};
	return true;
}
