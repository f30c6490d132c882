/* The settings: one table (settings.def), one reader for files in main.cf's form and for `-o name=value`. A settings
 * struct is immutable once read and may be used by any thread. */
#ifndef BASE_SETTINGS_H
#define BASE_SETTINGS_H

#include "failure.h"

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/types.h>

#define SETTINGS_FILE_MAX (1024 * 1024) /* octets of a settings file */

/* Values of the CHOICE settings: indexes of their words. */
enum { MODE_ENFORCE, MODE_MONITOR };
enum { ON_FAIL_DEFER, ON_FAIL_TAG, ON_FAIL_QUARANTINE };
enum { ON_FAIL_LOCAL_TAG, ON_FAIL_LOCAL_QUARANTINE };
enum { SETTINGS_ACCEPT, SETTINGS_DEFER }; /* milter_first_contact, on_internal_error */
enum { TAG_FAIL, TAG_ALL, TAG_OFF };
#define CHOICE_EMPTY (-1) /* a CHOICE whose value is empty */

struct settings_list {
	char **item;
	size_t count;
};

#define SETTINGS_C_BOOL bool
#define SETTINGS_C_CHOICE int
#define SETTINGS_C_TEXT char *
#define SETTINGS_C_LIST struct settings_list
#define SETTINGS_C_DURATION uint32_t
#define SETTINGS_C_SIZE uint64_t
#define SETTINGS_C_NUMBER uint32_t
#define SETTINGS_C_OCTAL mode_t

struct settings_origin;

struct settings {
	struct settings_origin *origin; /* where each value comes from: settings_locate() */
#define SETTING(type, form, when, name, def, min, max, words, sentence) SETTINGS_C_##type name;
#include "settings.def"
};

enum settings_type {
	SETTINGS_BOOL,
	SETTINGS_CHOICE,
	SETTINGS_TEXT,
	SETTINGS_LIST,
	SETTINGS_DURATION,
	SETTINGS_SIZE,
	SETTINGS_NUMBER,
	SETTINGS_OCTAL
};
/* What the text of a value is. SOCKET: a listening place; PATH: absolute; FILE: the same, or empty; NAME: of a user or
 * group; OWNER: user:group; HEADER: a header field's name; HOST: a host name; SERVERS: addr or addr@port; ADDRESSES: one
 * of each family; PROXY: a URL; DOMAINS: domain names; NEXT_HOP: as in relayhost. */
enum settings_form {
	FORM_PLAIN,
	FORM_SOCKET,
	FORM_PATH,
	FORM_FILE,
	FORM_NAME,
	FORM_OWNER,
	FORM_HEADER,
	FORM_HOST,
	FORM_SERVERS,
	FORM_ADDRESSES,
	FORM_PROXY,
	FORM_DOMAINS,
	FORM_NEXT_HOP
};
enum settings_when { SETTINGS_RELOAD, SETTINGS_RESTART };
struct settings_row {
	const char *name;
	enum settings_type type;
	enum settings_form form;
	enum settings_when when; /* a changed value takes effect at a reload, or at a restart only */
	const char *fallback;    /* the default, as it would stand in the file */
	int64_t min, max;
	const char *words; /* CHOICE: the words, blank-separated; else a unit */
	const char *sentence;
	size_t offset; /* in struct settings */
};
extern const struct settings_row settings_table[];
extern const size_t settings_table_count;
/* If `name` is a setting of an earlier version that is still accepted, and ignored: what follows the name in a message
 * about it ("has no effect since ..."). Else NULL. */
const char *settings_obsolete(const char *name);

/* Reads the defaults, then `file` (NULL: none; one that does not exist is an error only if `must_exist`), then
 * `overrides` of the form `name=value`, then checks values against each other (settings_check). NULL on failure: `why`
 * tells file, line, what is wrong and what would be right, code EX_CONFIG (EX_USAGE for an override, EX_NOINPUT for a
 * file that cannot be read). The caller frees. */
struct settings *settings_read(
	const char *file, bool must_exist, char *const *overrides, size_t override_count, struct failure *why);
/* The same for the text of a file that is in memory already; `name` stands for the file in messages. */
struct settings *settings_read_text(const char *name, const char *bytes, size_t len, struct failure *why);
void settings_free(struct settings **settings);
/* A failure of what a setting names - a file, a directory, a place, a user - begins with the setting's name and a
 * colon. Puts before such a text where the setting stands: "FILE:LINE: ", "-o: ", or for a default the file in which it
 * could be set. Any other text stays. Returns false. */
bool settings_locate(const struct settings *settings, struct failure *why);
/* Logs a warning for each obsolete setting that was set, with its place. Once at a start and at each reload. */
void settings_warn(const struct settings *settings);
/* One value as it would stand in a file, into `out`, cut if longer; returns `out`. */
const char *settings_format(const struct settings *settings, const struct settings_row *row, char *out, size_t size);

/* A listening place: "inet:port@host", "inet6:port@host", "unix:path" or "local:path"; "inet:port" is every address. */
struct settings_socket {
	enum { SOCKET_OFF, SOCKET_INET, SOCKET_INET6, SOCKET_UNIX } family;
	char host[256]; /* "" any */
	uint16_t port;
	char path[108];
};
bool settings_socket_parse(struct settings_socket *out, const char *value, struct failure *why);

/* A duration in the form of the settings: 90, 90s, 5m, 4h, 180d. */
bool settings_read_duration(const char *text, uint64_t *seconds);

#endif
