/* Single values of the settings: parsing a value by its row, and finding rows. Only the settings_*.c files include it. */
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
	char *file;                    /* NULL: no file was read */
	unsigned line[SETTINGS_COUNT]; /* the line that set each setting; 0: none did, it has its default */
	unsigned obsolete_line[SETTINGS_OBSOLETE_COUNT];
};

/* Allocates a struct without values. `file` may be NULL. */
struct settings *settings_new(const char *file);
/* Parses a value by its row and replaces the setting's value. `value` must be trimmed. Fails with EX_CONFIG; the text
 * then has only the mistake and the correct form, without the setting's name. */
bool settings_set(struct settings *settings, const struct settings_row *row, const char *value, struct failure *why);
/* Returns the row of a setting, or NULL. */
const struct settings_row *settings_row_find(const char *name);
/* Returns the row whose name is most similar to a misspelt one, or NULL if none is similar. */
const struct settings_row *settings_row_nearest(const char *name);

/* Returns a pointer to the value of a setting. Its C type is SETTINGS_C_ and the row's TYPE (settings.h). */
const void *settings_value(const struct settings *settings, const struct settings_row *row);

/* Checks each value by the FORM of its row, and checks that values do not contradict each other (settings_check.c).
 * Fails with EX_CONFIG; `blamed` is then the row at fault. */
bool settings_check(const struct settings *settings, const struct settings_row **blamed, struct failure *why);

#endif
