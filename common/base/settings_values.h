/* Single values of the settings: read from text, checked against their row. Used by the reader only. */
#ifndef BASE_SETTINGS_VALUES_H
#define BASE_SETTINGS_VALUES_H

#include "settings.h"

#include <limits.h>

enum {
	SETTINGS_COUNT = 0
#define SETTING(type, form, when, name, def, min, max, words, sentence) +1
#include "settings.def"
};
enum {
	SETTINGS_OBSOLETE_COUNT = 0
#define OBSOLETE(name, sentence) +1
#include "settings.def"
};
struct settings_obsolete_row {
	const char *name, *sentence;
};
extern const struct settings_obsolete_row settings_obsolete_table[];

#define SETTINGS_FROM_OVERRIDE UINT_MAX
struct settings_origin {
	char *file;                    /* NULL: none */
	unsigned line[SETTINGS_COUNT]; /* where each was set; 0: nowhere, it is a default */
	unsigned obsolete_line[SETTINGS_OBSOLETE_COUNT];
};

/* A struct without values. `file` may be NULL. */
struct settings *settings_new(const char *file);
/* Puts a value, trimmed already, in the place of the one that is there. On failure `why` says only what is wrong and
 * what would be right. */
bool settings_set(struct settings *settings, const struct settings_row *row, const char *value, struct failure *why);
const struct settings_row *settings_row_find(const char *name);
/* The row whose name is nearest to a wrong one, or NULL. */
const struct settings_row *settings_row_nearest(const char *name);

/* Where the value of a row is: of the C type that settings.h has for the row's type. */
const void *settings_value(const struct settings *settings, const struct settings_row *row);

/* Checks the values by the form of their settings, and against each other (settings_check.c). On failure `blamed` is
 * the row at fault. */
bool settings_check(const struct settings *settings, const struct settings_row **blamed, struct failure *why);

#endif
