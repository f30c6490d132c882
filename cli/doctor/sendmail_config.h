/* The configuration of a Sendmail: the lines of sendmail.cf that concern stsgated. Pure; any thread. */
#ifndef CLI_SENDMAIL_CONFIG_H
#define CLI_SENDMAIL_CONFIG_H

#include "span.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct sendmail_config {
	char *text;
	char **line; /* without comments; a line that continues another is joined to it */
	size_t count;
};

/* Splits the text of sendmail.cf, which the caller has allocated and which the configuration takes over. Returns false
 * if it has no version (DZ), that is, if it is not a sendmail.cf. The caller frees the configuration in any case. */
bool sendmail_config_read(struct sendmail_config *config, char *text);
void sendmail_config_free(struct sendmail_config *config);

/* Each returns the text of the last line of its kind: a macro with a name of one letter (DS), an option (O CACertFile=),
 * a map (Kmailertable), a filter (Xstsgate). The text has no blanks at its ends. NULL: there is no such line. */
const char *sendmail_macro(const struct sendmail_config *config, char name);
const char *sendmail_option(const struct sendmail_config *config, const char *name);
const char *sendmail_map(const struct sendmail_config *config, const char *name);
const char *sendmail_filter(const struct sendmail_config *config, struct span name);

/* Returns whether an option is set to a word for yes. */
bool sendmail_is_on(const struct sendmail_config *config, const char *name);
/* Returns whether FEATURE(sts) has the rule of Sendmail before 8.18.2 that matches no wildcard certificate. */
bool sendmail_wildcard_rule_is_wrong(const struct sendmail_config *config);
/* Returns whether the version is at least this one. */
bool sendmail_since(const struct sendmail_config *config, unsigned major, unsigned minor, unsigned patch);

/* Returns the value of an equate of a filter, as in `stsgate, S=inet:8462@127.0.0.1, F=T`. Absent: an empty span. */
struct span sendmail_equate(const char *filter, char name);
/* Returns the seconds of a timeout in the equate T, as in `S:10s;R:30s`. -1: it is absent or cannot be read. */
int64_t sendmail_timeout(struct span equate, char name);
/* Takes the next item off a list whose items are separated by commas and blanks. Returns false at the end. */
bool sendmail_item(struct span *list, struct span *item);

/* One line of the source of mailertable. `value` is the text after the blanks, such as esmtp:[inside.example]. Returns
 * false for a comment or an empty line. */
bool sendmail_table_line(struct span line, struct span *key, struct span *value);

#endif
