#include "settings.h"

#include "log.h"
#include "settings_values.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#define BLANKS " \t"

struct reader {
	struct settings *settings;
	const char *name; /* of the file */
	unsigned *line;   /* where each setting was set; 0: nowhere */
};

/* Takes blanks off both ends, in place. */
static char *trim(char *text)
{
	text += strspn(text, BLANKS);
	size_t len = strlen(text);
	while (len > 0 && strchr(BLANKS, text[len - 1]))
		len--;
	text[len] = '\0';
	return text;
}

static bool is_control(unsigned char c)
{
	return (c < 0x20 && c != '\t') || c == 0x7f;
}

/* Splits at the first "=". NULL when there is none. */
static char *split(char *statement)
{
	char *equals = strchr(statement, '=');
	if (!equals)
		return NULL;
	*equals = '\0';
	return trim(equals + 1);
}

static const struct settings_row *row_named(const char *name, struct failure *why)
{
	const struct settings_row *row = settings_row_find(name);
	if (row)
		return row;
	const struct settings_row *nearest = settings_row_nearest(name);
	if (nearest)
		failure_set(why, EX_CONFIG, "there is no setting \"%s\"; did you mean %s?", name, nearest->name);
	else
		failure_set(why, EX_CONFIG, "there is no setting \"%.80s\"; stsgate.conf(5) lists them", name);
	return NULL;
}

/* Whether it is an obsolete setting; then its place is kept for the warning, and its value is ignored. */
static bool obsolete_take(struct reader *reader, const char *name, unsigned line)
{
	for (size_t i = 0; i < SETTINGS_OBSOLETE_COUNT; i++)
		if (strcmp(settings_obsolete_table[i].name, name) == 0) {
			reader->settings->origin->obsolete_line[i] = line;
			return true;
		}
	return false;
}

static bool value_set(
	struct reader *reader, const struct settings_row *row, const char *value, unsigned line, struct failure *why)
{
	bool comment = strchr(value, '#') != NULL;
	if (settings_set(reader->settings, row, value, why)) {
		reader->line[row - settings_table] = line;
		return true;
	}
	/* Said here because main.cf has the same surprise. */
	const char *hint = comment ? " (a comment needs a line of its own)" : "";
	failure_prefix(why, "%s = \"%.80s\"%s", row->name, value, hint);
	return false;
}

/* One logical line of the file. */
static bool statement_read(struct reader *reader, char *statement, unsigned line, struct failure *why)
{
	char *value = split(statement);
	char *name = trim(statement);
	if (!value || name[0] == '\0') {
		failure_set(why, EX_CONFIG, "\"%.80s\" is not of the form name = value", name);
		return failure_prefix(why, "%s:%u", reader->name, line);
	}
	if (obsolete_take(reader, name, line))
		return true;
	const struct settings_row *row = row_named(name, why);
	if (!row)
		return failure_prefix(why, "%s:%u", reader->name, line);
	unsigned before = reader->line[row - settings_table];
	if (before) {
		failure_set(why, EX_CONFIG, "%s is set in line %u already; keep one of the two", name, before);
		return failure_prefix(why, "%s:%u", reader->name, line);
	}
	if (!value_set(reader, row, value, line, why))
		return failure_prefix(why, "%s:%u", reader->name, line);
	return true;
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
				"%s:%u: holds the control character 0x%02x; settings are plain text", name, line, c);
	}
	return true;
}

/* Puts the pieces of a logical line together. */
struct statement {
	char *text; /* room for the whole file */
	size_t len;
	unsigned line; /* where it began; 0: none has */
};

static void statement_add(struct statement *statement, const char *piece)
{
	size_t len = strlen(piece);
	if (statement->len > 0)
		statement->text[statement->len++] = ' ';
	memcpy(statement->text + statement->len, piece, len + 1);
	statement->len += len;
}

static bool statement_end(struct reader *reader, struct statement *statement, struct failure *why)
{
	unsigned line = statement->line;
	statement->line = 0;
	statement->len = 0;
	return line == 0 || statement_read(reader, statement->text, line, why);
}

/* One line of the file, its end taken off. As in main.cf, comments and empty lines do not end a statement. */
static bool line_read(
	struct reader *reader, struct statement *statement, char *text, unsigned line, struct failure *why)
{
	bool continues = text[0] == ' ' || text[0] == '\t';
	char *piece = trim(text);
	if (piece[0] == '\0' || piece[0] == '#')
		return true;
	if (continues && statement->line == 0)
		return failure_set(why, EX_CONFIG,
			"%s:%u: begins with a blank, but there is no setting before it to continue", reader->name,
			line);
	if (!continues) {
		if (!statement_end(reader, statement, why))
			return false;
		statement->line = line;
	}
	statement_add(statement, piece);
	return true;
}

static bool lines_read(struct reader *reader, char *text, struct statement *statement, struct failure *why)
{
	unsigned line = 1;
	for (char *next; text; text = next, line++) {
		next = strchr(text, '\n');
		if (next)
			*next++ = '\0';
		size_t len = strlen(text);
		if (len > 0 && text[len - 1] == '\r')
			text[len - 1] = '\0';
		if (!line_read(reader, statement, text, line, why))
			return false;
	}
	return statement_end(reader, statement, why);
}

static bool text_read(struct reader *reader, const char *bytes, size_t len, struct failure *why)
{
	if (!bytes_plain(reader->name, bytes, len, why))
		return false;
	char *copy = strndup(bytes, len);
	struct statement statement = {.text = malloc(len + 2)};
	if (!copy || !statement.text)
		abort();
	bool good = lines_read(reader, copy, &statement, why);
	free(statement.text);
	free(copy);
	return good;
}

static bool override_apply(struct reader *reader, const char *override, struct failure *why)
{
	for (const char *at = override; *at; at++)
		if (is_control((unsigned char)*at))
			return failure_set(why, EX_USAGE, "holds a control character");
	char *copy = strdup(override);
	if (!copy)
		abort();
	char *value = split(copy);
	char *name = trim(copy);
	bool good = value || failure_set(why, EX_USAGE, "\"%.80s\" is not of the form name=value", override);
	if (good && !obsolete_take(reader, name, SETTINGS_FROM_OVERRIDE)) {
		const struct settings_row *row = row_named(name, why);
		good = row && value_set(reader, row, value, SETTINGS_FROM_OVERRIDE, why);
	}
	free(copy);
	return good;
}

static bool overrides_apply(struct reader *reader, char *const *overrides, size_t count, struct failure *why)
{
	for (size_t i = 0; i < count; i++) {
		if (override_apply(reader, overrides[i], why))
			continue;
		if (why)
			why->code = EX_USAGE;
		return failure_prefix(why, "-o");
	}
	return true;
}

static void reader_begin(struct reader *reader, const char *name)
{
	*reader = (struct reader){.settings = settings_new(name), .name = name};
	reader->line = reader->settings->origin->line;
	for (size_t i = 0; i < settings_table_count; i++)
		if (!settings_set(reader->settings, &settings_table[i], settings_table[i].fallback, NULL))
			abort(); /* the table itself is wrong */
}

/* Where a setting stands; a default: where it could. */
static bool place_prefix(const struct settings_origin *origin, unsigned line, struct failure *why)
{
	if (line == SETTINGS_FROM_OVERRIDE)
		return failure_prefix(why, "-o");
	if (line > 0)
		return failure_prefix(why, "%s:%u", origin->file, line);
	return origin->file ? failure_prefix(why, "%s", origin->file) : false;
}

static bool reader_check(struct reader *reader, struct failure *why)
{
	const struct settings_row *row;
	char value[128];
	if (settings_check(reader->settings, &row, why))
		return true;
	unsigned line = reader->line[row - settings_table];
	settings_format(reader->settings, row, value, sizeof value);
	failure_prefix(why, "%s = \"%s\"%s", row->name, value, line ? "" : " (the default)");
	if (line == SETTINGS_FROM_OVERRIDE && why)
		why->code = EX_USAGE;
	return place_prefix(reader->settings->origin, line, why);
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

static struct settings *reader_end(struct reader *reader, bool good, struct failure *why)
{
	if (!good || !reader_check(reader, why))
		settings_free(&reader->settings);
	return reader->settings;
}

struct settings *settings_read_text(const char *name, const char *bytes, size_t len, struct failure *why)
{
	struct reader reader;
	reader_begin(&reader, name);
	return reader_end(&reader, text_read(&reader, bytes, len, why), why);
}

/* At most one byte more than a settings file may have. -1 on error. */
static ssize_t file_load(int fd, char *bytes)
{
	size_t used = 0;
	while (used < SETTINGS_FILE_MAX + 1) {
		ssize_t got = read(fd, bytes + used, SETTINGS_FILE_MAX + 1 - used);
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return -1;
		if (got == 0)
			break;
		used += (size_t)got;
	}
	return (ssize_t)used;
}

static bool file_read(struct reader *reader, bool must_exist, struct failure *why)
{
	int fd = open(reader->name, O_RDONLY | O_CLOEXEC);
	if (fd < 0 && errno == ENOENT && !must_exist)
		return true;
	if (fd < 0)
		return failure_set(why, EX_NOINPUT, "%s: cannot be opened: %s", reader->name, strerror(errno));
	char *bytes = malloc(SETTINGS_FILE_MAX + 1);
	if (!bytes)
		abort();
	ssize_t len = file_load(fd, bytes);
	bool good = len >= 0;
	if (!good)
		failure_set(why, EX_NOINPUT, "%s: cannot be read: %s", reader->name, strerror(errno));
	close(fd);
	good = good && text_read(reader, bytes, (size_t)len, why);
	free(bytes);
	return good;
}

struct settings *settings_read(
	const char *file, bool must_exist, char *const *overrides, size_t override_count, struct failure *why)
{
	struct reader reader;
	reader_begin(&reader, file);
	bool good = !file || file_read(&reader, must_exist, why);
	good = good && overrides_apply(&reader, overrides, override_count, why);
	return reader_end(&reader, good, why);
}
