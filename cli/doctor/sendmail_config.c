#include "sendmail_config.h"

#include "ascii.h"
#include "memory.h"
#include "settings.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define BLANKS " \t\r\n"
#define LINES_MAX 65536

/* Replaces the ends of lines that the next line continues by blanks: such a line begins with a blank. */
static void lines_join(char *text)
{
	for (char *end = strchr(text, '\n'); end; end = strchr(end + 1, '\n'))
		if (ascii_is_blank(end[1]))
			*end = ' ';
}

bool sendmail_config_read(struct sendmail_config *config, char *text)
{
	*config = (struct sendmail_config){.text = text};
	lines_join(text);
	char *rest = NULL;
	for (char *line = strtok_r(text, "\n", &rest); line && config->count < LINES_MAX;
		line = strtok_r(NULL, "\n", &rest)) {
		if (line[0] == '#' || ascii_is_blank(line[0]))
			continue;
		size_t count = config->count++;
		if ((count & (count - 1)) == 0) /* 0 or a power of two: the array is full */
			config->line = xrealloc(config->line, (count ? 2 * count : 1) * sizeof *config->line);
		config->line[count] = string_trim(line, BLANKS);
	}
	return sendmail_macro(config, 'Z');
}

void sendmail_config_free(struct sendmail_config *config)
{
	free(config->text);
	free(config->line);
	*config = (struct sendmail_config){0};
}

const char *sendmail_macro(const struct sendmail_config *config, char name)
{
	for (size_t i = config->count; i > 0; i--)
		if (config->line[i - 1][0] == 'D' && config->line[i - 1][1] == name)
			return config->line[i - 1] + 2 + strspn(config->line[i - 1] + 2, BLANKS);
	return NULL;
}

const char *sendmail_option(const struct sendmail_config *config, const char *name)
{
	for (size_t i = config->count; i > 0; i--) {
		const char *line = config->line[i - 1];
		if (line[0] != 'O' || line[1] != ' ')
			continue;
		line += 1 + strspn(line + 1, BLANKS);
		size_t len = strcspn(line, "= \t");
		if (len != strlen(name) || strncasecmp(line, name, len) != 0)
			continue;
		line += len + strspn(line + len, BLANKS);
		if (*line == '=')
			return line + 1 + strspn(line + 1, BLANKS);
		return "";
	}
	return NULL;
}

/* A line of a letter, a name, and the rest behind blanks or a comma. */
static const char *named_line(const struct sendmail_config *config, char letter, const char *name, size_t len)
{
	for (size_t i = config->count; i > 0; i--) {
		const char *line = config->line[i - 1];
		if (line[0] != letter || len == 0 || strncmp(line + 1, name, len) != 0)
			continue;
		line += 1 + len;
		if (*line == '\0' || strchr(", \t", *line))
			return line + strspn(line, ", \t");
	}
	return NULL;
}

const char *sendmail_map(const struct sendmail_config *config, const char *name)
{
	return named_line(config, 'K', name, strlen(name));
}

const char *sendmail_filter(const struct sendmail_config *config, struct span name)
{
	return named_line(config, 'X', name.at, name.len);
}

bool sendmail_is_on(const struct sendmail_config *config, const char *name)
{
	const char *value = sendmail_option(config, name);
	return value && (value[0] == '\0' || strchr("tTyY", value[0]));
}

bool sendmail_wildcard_rule_is_wrong(const struct sendmail_config *config)
{
	static const char rule[] = "R *.$={cert_altnames}";
	for (size_t i = 0; i < config->count; i++)
		if (strncmp(config->line[i], rule, sizeof rule - 1) == 0)
			return true;
	return false;
}

bool sendmail_since(const struct sendmail_config *config, unsigned major, unsigned minor, unsigned patch)
{
	unsigned part[3] = {0};
	const char *version = sendmail_macro(config, 'Z');
	if (!version || sscanf(version, "%5u.%5u.%5u", &part[0], &part[1], &part[2]) < 2)
		return false;
	if (part[0] != major)
		return part[0] > major;
	return part[1] != minor ? part[1] > minor : part[2] >= patch;
}

bool sendmail_item(struct span *list, struct span *item)
{
	*list = span_trim(*list, ", \t");
	size_t len = 0;
	while (len < list->len && !strchr(", \t", list->at[len]))
		len++;
	*item = (struct span){list->at, len};
	list->at += len;
	list->len -= len;
	return len > 0;
}

struct span sendmail_equate(const char *filter, char name)
{
	struct span rest = {filter, strlen(filter)}, item;
	while (sendmail_item(&rest, &item))
		if (item.len >= 2 && item.at[0] == name && item.at[1] == '=')
			return (struct span){item.at + 2, item.len - 2};
	return (struct span){"", 0};
}

int64_t sendmail_timeout(struct span equate, char name)
{
	char copy[16];
	uint64_t seconds;
	for (size_t at = 0; at + 1 < equate.len; at++) {
		if (equate.at[at] != name || equate.at[at + 1] != ':' || (at > 0 && equate.at[at - 1] != ';'))
			continue;
		const char *from = equate.at + at + 2;
		size_t len = 0;
		while (at + 2 + len < equate.len && from[len] != ';')
			len++;
		snprintf(copy, sizeof copy, "%.*s", (int)(len < sizeof copy ? len : sizeof copy), from);
		return settings_read_duration(copy, &seconds) && seconds < INT32_MAX ? (int64_t)seconds : -1;
	}
	return -1;
}

bool sendmail_table_line(struct span line, struct span *key, struct span *value)
{
	line = span_trim(line, BLANKS);
	size_t len = 0;
	while (len < line.len && !ascii_is_blank(line.at[len]))
		len++;
	*key = (struct span){line.at, len};
	*value = span_trim((struct span){line.at + len, line.len - len}, BLANKS);
	return len > 0 && line.at[0] != '#' && value->len > 0;
}
