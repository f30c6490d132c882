/* The settings of the daemon and the tool.
 *
 * settings.def is the table of settings: it makes struct settings, the reader, the manual's section and the sample file.
 * settings_read() reads a file in the form of Postfix's main.cf, and overrides of the form `name=value` (option -o). It
 * checks every value by its row's TYPE, FORM and range, so users of a struct settings need not check again. A struct
 * settings never changes after it was read; any thread may read it. */
#ifndef BASE_SETTINGS_H
#define BASE_SETTINGS_H

#include "failure.h"

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/types.h>

#define SETTINGS_FILE_MAX (1024 * 1024) /* octets; a longer settings file is an error */

/* Values of the CHOICE settings: each is the index of a word in the row. */
enum { MODE_ENFORCE, MODE_MONITOR };
enum { ON_FAIL_DEFER, ON_FAIL_TAG, ON_FAIL_QUARANTINE };
enum { ON_FAIL_LOCAL_TAG, ON_FAIL_LOCAL_QUARANTINE };
enum { SETTINGS_ACCEPT, SETTINGS_DEFER }; /* milter_first_contact, on_internal_error */
enum { TAG_FAIL, TAG_ALL, TAG_OFF };
enum { REQUIRETLS_TAG, REQUIRETLS_REFUSE };
enum { TLS_REQUIRED_NO_MAP, TLS_REQUIRED_NO_HEADERS, TLS_REQUIRED_NO_IGNORE };
enum { DEFAULT_LEVEL_NONE, DEFAULT_LEVEL_VERIFY };
enum { REVOCATION_OFF, REVOCATION_REPORT, REVOCATION_ENFORCE };
enum { TLSRPT_OFF, TLSRPT_FEED, TLSRPT_COLLECT };
enum { REPORT_PROBES_TESTING, REPORT_PROBES_ALL, REPORT_PROBES_OFF };
enum { REPORT_FAILURES, REPORT_ALWAYS }; /* report_when */
enum { LOG_VERDICTS_CHANGES, LOG_VERDICTS_ALL };
#define CHOICE_EMPTY (-1) /* the value of a CHOICE that is empty */

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
	struct settings_origin *origin; /* where each value was set; for settings_locate() */
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
/* The form of a value's text. settings_check.c checks all forms except the last two, which check/config checks. */
enum settings_form {
	FORM_PLAIN,     /* no form beyond the row's TYPE */
	FORM_SOCKET,    /* an address to listen on: see struct settings_socket; empty is off */
	FORM_PATH,      /* an absolute path */
	FORM_FILE,      /* an absolute path, or empty */
	FORM_NAME,      /* the name of a user or group */
	FORM_OWNER,     /* user, user:group or :group, or empty */
	FORM_HEADER,    /* the name of a header field, except those that mail needs */
	FORM_HOST,      /* a host name, or empty */
	FORM_SERVERS,   /* a LIST of addr or addr@port */
	FORM_ADDRESSES, /* a LIST of addresses, at most one of each family */
	FORM_PROXY,     /* http://host:port, or empty */
	FORM_SERVER,    /* host:port */
	FORM_MAILBOX,   /* local@domain without quotes, or empty */
	FORM_SENDERS,   /* a LIST of local@domain, @domain or <> */
	FORM_PEOPLE,    /* text for people: UTF-8 without control characters, or empty */
	FORM_SELECTOR,  /* a DKIM selector, or empty */
	FORM_COMMAND,   /* see settings_words(), or empty */
	FORM_DOMAINS,   /* a LIST of domain names */
	FORM_NEXT_HOP   /* a next hop as in Postfix's relayhost */
};
enum settings_when { SETTINGS_RELOAD, SETTINGS_RESTART };
struct settings_row {
	const char *name;
	enum settings_type type;
	enum settings_form form;
	enum settings_when when; /* whether a changed value takes effect at a reload, or only at a restart */
	const char *fallback;    /* the default, in the form of the file */
	int64_t min, max;        /* the range of DURATION (seconds), SIZE (octets), NUMBER and OCTAL */
	const char *words;       /* of a CHOICE: the words, separated by blanks; otherwise a unit, for the manual */
	const char *sentence;    /* for the manual */
	size_t offset;           /* in struct settings */
};
extern const struct settings_row settings_table[];
extern const size_t settings_table_count;
/* Returns the rest of a warning ("has no effect since ...") if `name` is an obsolete setting: one that is accepted and
 * ignored. Returns NULL for any other name. */
const char *settings_obsolete(const char *name);

/* Reads the settings: first the defaults, then `file`, then the `overrides` of the form `name=value`; then checks all
 * values (settings_check). `file` may be NULL. A file that does not exist is an error only if `must_exist`. The caller
 * frees the result with settings_free().
 *
 * Returns NULL on failure. `why` then names file and line, the mistake and the correct form. Its code is EX_CONFIG, or
 * EX_USAGE for an override, or EX_NOINPUT for a file that cannot be read. */
struct settings *settings_read(
	const char *file, bool must_exist, char *const *overrides, size_t override_count, struct failure *why);
/* Reads settings from the text of a file in memory. `name` is the file's name in messages. Otherwise like
 * settings_read(). */
struct settings *settings_read_text(const char *name, const char *bytes, size_t len, struct failure *why);
/* Frees the settings and sets the pointer to NULL. */
void settings_free(struct settings **settings);
/* Adds the place where a setting was set to a failure whose text begins with the setting's name and a colon. Other
 * modules produce such failures for the file, directory, socket or user that a setting names. The prefix is "FILE:LINE:
 * " or "-o: "; for a default it is the file in which the setting could be set. Leaves any other text as it is. Always
 * returns false. */
bool settings_locate(const struct settings *settings, struct failure *why);
/* Logs a warning for each obsolete setting that was set, with the place where it was set. Call it once at the start and
 * at each reload. */
void settings_warn(const struct settings *settings);
/* Writes one value in the form of the file into `out`, and cuts it to `size` octets. Returns `out`. */
const char *settings_format(const struct settings *settings, const struct settings_row *row, char *out, size_t size);
/* Returns whether the value is a number: of seconds (DURATION), of octets (SIZE), or a NUMBER. If so, sets `number`. */
bool settings_number(const struct settings *settings, const struct settings_row *row, uint64_t *number);
/* Returns whether two values of one setting are equal. */
bool settings_equal(const struct settings *a, const struct settings *b, const struct settings_row *row);
/* Returns whether TLS reports are sent: tlsrpt = collect, and report_from and report_organization are set. */
bool settings_send_reports(const struct settings *settings);
/* Returns tls_required_no: TLS_REQUIRED_NO_MAP and so on. If it is empty, its default applies. */
int settings_tls_required_no(const struct settings *settings);
/* Returns whether an override (option -o) has set the value. */
bool settings_is_overridden(const struct settings *settings, const struct settings_row *row);

/* An address to listen on: "inet:port@host", "inet6:port@host", "unix:path" or "local:path". "inet:port" without a host
 * means all addresses. */
struct settings_socket {
	enum { SOCKET_OFF, SOCKET_INET, SOCKET_INET6, SOCKET_UNIX } family;
	char host[256]; /* "": all addresses */
	uint16_t port;
	char path[108]; /* of a UNIX socket */
};
/* Parses such an address. An empty value gives SOCKET_OFF. Fails with EX_CONFIG. */
bool settings_socket_parse(struct settings_socket *out, const char *value, struct failure *why);

#define SETTINGS_WORDS_MAX 16
/* Splits a COMMAND, which is the path of a program and its arguments, at its blanks. Overwrites `value`, which the words
 * point into. NULL ends the words. Returns how many there are; more than SETTINGS_WORDS_MAX give 0. */
size_t settings_words(char *value, char *words[SETTINGS_WORDS_MAX + 1]);

/* Parses a duration in the form of the settings: 90, 90s, 5m, 4h, 180d. Returns false for any other text. */
bool settings_read_duration(const char *text, uint64_t *seconds);

#endif
