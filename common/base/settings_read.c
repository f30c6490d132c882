#include "log.h"
#include "memory.h"
#include "settings.h"
#include "settings_values.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#define BLANKS " \t\r" /* bytes_plain() allows "\r" at the end of a line only */

struct reader {
	struct settings *settings;
	const char *name; /* of the file */
	unsigned *line;   /* the line that set each setting; 0: none */
};

/* Removes blanks at both ends, in place. Returns the new start. */
static char *trim(char *text)
{
	text += strspn(text, BLANKS);
	size_t len = strlen(text);
	while (len > 0 && strchr(BLANKS, text[len - 1]))
		len--;
	text[len] = '\0';
	return text;
}

/* Cuts the statement at its first "=" and returns the trimmed value behind it, or NULL if there is no "=". */
static char *split(char *statement)
{
	char *equals = strchr(statement, '=');
	if (!equals)
		return NULL;
	*equals = '\0';
	return trim(equals + 1);
}

static bool is_control(unsigned char c)
{
	return (c < 0x20 && c != '\t') || c == 0x7f;
}

static bool bytes_plain(const char *name, const char *bytes, size_t len, struct failure *why)
{
	unsigned line = 1;
	if (len > SETTINGS_FILE_MAX)
		return failure_set(why, EX_CONFIG, "%s: is longer than %d bytes", name, SETTINGS_FILE_MAX);
	for (size_t i = 0; i < len; i++) {
		unsigned char c = (unsigned char)bytes[i];
		bool line_end = c == '\n' || (c == '\r' && (i + 1 == len || bytes[i + 1] == '\n'));
		if (c == '\n')
			line++;
		if (is_control(c) && !line_end)
			return failure_set(why, EX_CONFIG,
				"%s:%u: contains the control character 0x%02x; settings are plain text", name, line, c);
	}
	return true;
}

/* Sets one setting. Two lines of a file must not set the same setting; an override may replace a value. */
static bool value_set(struct reader *reader, const char *name, const char *value, unsigned line, struct failure *why)
{
	for (size_t i = 0; i < SETTINGS_OBSOLETE_COUNT; i++)
		if (strcmp(settings_obsolete_table[i].name, name) == 0) {
			reader->settings->origin->obsolete_line[i] = line; /* for settings_warn() */
			return true;
		}
	const struct settings_row *row = settings_row_find(name);
	if (!row) {
		const struct settings_row *nearest = settings_row_nearest(name);
		if (nearest)
			return failure_set(
				why, EX_CONFIG, "there is no setting \"%s\"; did you mean %s?", name, nearest->name);
		return failure_set(why, EX_CONFIG, "there is no setting \"%.80s\"; stsgate.conf(5) lists them", name);
	}
	unsigned *place = &reader->line[row - settings_table];
	if (*place && line != SETTINGS_FROM_OVERRIDE)
		return failure_set(why, EX_CONFIG, "%s is already set in line %u; keep one of the two", name, *place);
	if (!settings_set(reader->settings, row, value, why)) {
		/* As in main.cf, `#` starts a comment only at the start of a line. */
		const char *hint = strchr(value, '#') ? " (a comment needs a line of its own)" : "";
		return failure_prefix(why, "%s = \"%.80s\"%s", row->name, value, hint);
	}
	*place = line;
	return true;
}

/* A line and its continuation lines. */
struct statement {
	char *text; /* has room for the whole file */
	size_t len;
	unsigned line; /* its first line; 0: no statement has begun */
};

static bool statement_read(struct reader *reader, const struct statement *statement, struct failure *why)
{
	if (statement->line == 0)
		return true;
	char *value = split(statement->text);
	char *name = trim(statement->text);
	bool good = value && name[0] != '\0';
	if (good)
		good = value_set(reader, name, value, statement->line, why);
	else
		failure_set(why, EX_CONFIG, "\"%.80s\" is not of the form name = value", name);
	return good || failure_prefix(why, "%s:%u", reader->name, statement->line);
}

/* Reads the text of a file. As in main.cf, a line that begins with a blank continues the previous statement. Comments and
 * empty lines do not end a statement. */
static bool text_read(struct reader *reader, const char *bytes, size_t len, struct failure *why)
{
	if (!bytes_plain(reader->name, bytes, len, why))
		return false;
	struct statement statement = {.text = xmalloc(len + 2)};
	char *copy = xstrndup(bytes, len), *rest = copy;
	bool good = true;
	for (unsigned line = 1; good && rest; line++) {
		char *text = rest;
		rest = strchr(text, '\n');
		if (rest)
			*rest++ = '\0';
		bool continues = text[0] == ' ' || text[0] == '\t';
		char *piece = trim(text);
		if (piece[0] == '\0' || piece[0] == '#')
			continue;
		if (continues && statement.line == 0) {
			good = failure_set(why, EX_CONFIG,
				"%s:%u: begins with a blank, but there is no setting before it to continue",
				reader->name, line);
		} else if (continues) {
			statement.text[statement.len++] = ' ';
		} else {
			good = statement_read(reader, &statement, why);
			statement.len = 0;
			statement.line = line;
		}
		size_t piece_len = strlen(piece);
		memcpy(statement.text + statement.len, piece, piece_len + 1);
		statement.len += piece_len;
	}
	good = good && statement_read(reader, &statement, why);
	free(statement.text);
	free(copy);
	return good;
}

static void reader_begin(struct reader *reader, const char *name)
{
	*reader = (struct reader){.settings = settings_new(name), .name = name};
	reader->line = reader->settings->origin->line;
	for (size_t i = 0; i < settings_table_count; i++)
		if (!settings_set(reader->settings, &settings_table[i], settings_table[i].fallback, NULL))
			abort(); /* the table itself is wrong */
}

/* Puts the place where a setting was set before the text: its line, -o, or for a default the file in which it could be
 * set. */
static bool place_prefix(const struct settings_origin *origin, unsigned line, struct failure *why)
{
	if (line == SETTINGS_FROM_OVERRIDE)
		return failure_prefix(why, "-o");
	if (line > 0)
		return failure_prefix(why, "%s:%u", origin->file, line);
	return origin->file ? failure_prefix(why, "%s", origin->file) : false;
}

static struct settings *reader_end(struct reader *reader, bool good, struct failure *why)
{
	const struct settings_row *row;
	if (good && !settings_check(reader->settings, &row, why)) {
		char value[128];
		unsigned line = reader->line[row - settings_table];
		settings_format(reader->settings, row, value, sizeof value);
		failure_prefix(why, "%s = \"%s\"%s", row->name, value, line ? "" : " (the default)");
		if (line == SETTINGS_FROM_OVERRIDE && why)
			why->code = EX_USAGE;
		good = place_prefix(reader->settings->origin, line, why);
	}
	if (!good)
		settings_free(&reader->settings);
	return reader->settings;
}

struct settings *settings_read_text(const char *name, const char *bytes, size_t len, struct failure *why)
{
	struct reader reader;
	reader_begin(&reader, name);
	return reader_end(&reader, text_read(&reader, bytes, len, why), why);
}

static bool file_read(struct reader *reader, bool must_exist, struct failure *why)
{
	int fd = open(reader->name, O_RDONLY | O_CLOEXEC);
	if (fd < 0 && errno == ENOENT && !must_exist)
		return true;
	if (fd < 0)
		return failure_set(why, EX_NOINPUT, "%s: cannot be opened: %s", reader->name, strerror(errno));
	/* Room for one byte more than allowed, so that a file that is too long is noticed. */
	size_t room = SETTINGS_FILE_MAX + 1, used = 0;
	char *bytes = xmalloc(room);
	ssize_t got;
	while ((got = read(fd, bytes + used, room - used)) > 0 || (got < 0 && errno == EINTR))
		used += got > 0 ? (size_t)got : 0;
	bool good = got < 0 ? failure_set(why, EX_NOINPUT, "%s: cannot be read: %s", reader->name, strerror(errno))
			    : text_read(reader, bytes, used, why);
	close(fd);
	free(bytes);
	return good;
}

struct settings *settings_read(
	const char *file, bool must_exist, char *const *overrides, size_t override_count, struct failure *why)
{
	struct reader reader;
	reader_begin(&reader, file);
	bool good = !file || file_read(&reader, must_exist, why);
	for (size_t i = 0; good && i < override_count; i++) {
		char *copy = xstrdup(overrides[i]);
		const char *at = copy;
		while (*at && !is_control((unsigned char)*at))
			at++;
		bool plain = *at == '\0';
		char *value = split(copy);
		if (!plain)
			good = failure_set(why, EX_USAGE, "contains a control character");
		else if (!value)
			good = failure_set(why, EX_USAGE, "\"%.80s\" is not of the form name=value", overrides[i]);
		else
			good = value_set(&reader, trim(copy), value, SETTINGS_FROM_OVERRIDE, why);
		free(copy);
		if (!good && why)
			why->code = EX_USAGE;
		if (!good)
			failure_prefix(why, "-o");
	}
	return reader_end(&reader, good, why);
}

bool settings_locate(const struct settings *settings, struct failure *why)
{
	size_t len = why ? strcspn(why->text, ":") : 0;
	for (size_t i = 0; i < settings_table_count && len > 0; i++) {
		const struct settings_row *row = &settings_table[i];
		if (strlen(row->name) != len || memcmp(row->name, why->text, len) != 0)
			continue;
		if (settings->origin->line[i] == 0) {
			struct failure rest = *why;
			failure_set(why, rest.code, "%s (the default)%s", row->name, rest.text + len);
		}
		return place_prefix(settings->origin, settings->origin->line[i], why);
	}
	return false;
}

const char *settings_obsolete(const char *name)
{
	for (size_t i = 0; i < SETTINGS_OBSOLETE_COUNT; i++)
		if (strcmp(settings_obsolete_table[i].name, name) == 0)
			return settings_obsolete_table[i].sentence;
	return NULL;
}

void settings_warn(const struct settings *settings)
{
	for (size_t i = 0; i < SETTINGS_OBSOLETE_COUNT; i++) {
		const struct settings_obsolete_row *row = &settings_obsolete_table[i];
		struct failure what;
		if (settings->origin->obsolete_line[i] == 0)
			continue;
		failure_set(&what, EX_CONFIG, "%s %s", row->name, row->sentence);
		place_prefix(settings->origin, settings->origin->obsolete_line[i], &what);
		log_warning("%s", what.text);
	}
}
