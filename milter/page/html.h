/* Writes HTML into a struct text (text.h). If a page does not fit, `cut` is set, and the caller must not send it.
 *
 * html_text() is the only function that escapes, and every text goes through it, also texts of stsgate's own. Pure; any
 * thread. */
#ifndef MILTER_HTML_H
#define MILTER_HTML_H

#include "text.h"

#include <jansson.h>

/* Appends a text: `&`, `<`, `>`, `"` and `'` as references, and every octet outside printable ASCII as \xNN. So no text
 * can end an element or an attribute, or change the direction in which the page is read. */
void html_text(struct text *out, const char *text);
/* The same for untrusted octets: text_quote() comes first, so that the reader sees where they begin and end. A text that
 * text_quote() has already put into quotes, as JSON objects have it, is not quoted again. `bytes` ends with a NUL. */
void html_quote(struct text *out, const char *bytes, size_t len);
/* The same as html_text(), but what is between two backticks becomes a <code> element: for advice with commands. */
void html_prose(struct text *out, const char *text);
/* Appends markup of stsgate's own, with html_text() of a string for each `%s` and an int64_t for each `%d`. */
void html_add(struct text *out, const char *markup, ...);

/* Appends a time such as 2026-01-31T12:00:00Z; "-" for 0. If `now` is not 0, adds how long ago the time was. */
void html_time(struct text *out, int64_t at, int64_t now);
/* Appends a policy domain, with a link to its page; "-" for "". */
void html_domain(struct text *out, const char *domain);
/* Begins a table with a caption. `heads` are the heads of its columns, separated by `|`. A column of numbers has a `#` before
 * its head; the caller gives its cells the class n. After the rows follows "</table>". */
void html_table(struct text *out, const char *caption, const char *heads);

/* Return a member of a JSON object: "" or 0 if there is none of that type. The text belongs to the object. */
const char *member_text(const json_t *object, const char *key);
int64_t member_number(const json_t *object, const char *key);

#endif
