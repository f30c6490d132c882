/* Output of the tool: quoted text, times, lines and JSON. The caller of a JSON function need not check for errors:
 * jansson fails only if memory is exhausted, and then the function ends the process. */
#ifndef CLI_OUTPUT_H
#define CLI_OUTPUT_H

#include "failure.h"
#include "names.h"

#include <jansson.h>

#define QUOTE_SIZE 1200
struct quote {
	char text[QUOTE_SIZE];
};
/* Quote untrusted text, as text_quote() does. Return `quote->text`. */
const char *quote_bytes(struct quote *quote, const char *bytes, size_t len);
const char *quote_string(struct quote *quote, const char *string);

#define WHEN_SIZE 64
struct when {
	char text[WHEN_SIZE];
};
/* when_date() formats seconds since the epoch, such as `2026-01-31T12:00:00Z`, or `never` for 0. when_span() formats a
 * number of seconds in its two largest units, such as `3h 5m`. Both return `when->text`. */
const char *when_date(struct when *when, int64_t at);
const char *when_span(struct when *when, int64_t seconds);

/* Formats a number of octets with a unit, such as `12M`. Returns `when->text`. */
const char *bytes_text(struct when *when, uint64_t bytes);

/* Prints one line to stdout: a label in the left margin, which may be "", and the text. */
void line_print(const char *label, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Prints on stderr that a command has nothing to print, if stdout is a terminal. `what` is a sentence without a full stop. */
void nothing_print(const char *what);

/* Prints a failure to stderr. Returns its exit status. */
int complain(const struct failure *why);

/* Returns `value`, which jansson has made. Ends the process if it is NULL. */
json_t *json_made(json_t *value);
/* Add a value to an object or an array, and take over the caller's reference to the value. If the value is NULL,
 * json_put() adds a JSON null. */
void json_put(json_t *object, const char *key, json_t *value);
void json_add(json_t *array, json_t *value);
/* Return a JSON string, which the caller owns. Text that is not valid UTF-8 or has a NUL is quoted (quote_bytes()). For NULL and "",
 * json_text() returns a JSON null. */
json_t *json_text(const char *string);
json_t *json_text_bytes(const char *bytes, size_t len);
/* Returns seconds since the epoch as a JSON number, or a JSON null for 0. */
json_t *json_when(int64_t at);
/* Returns an array of strings. */
json_t *json_names(const struct names *names);
/* Prints a value on one line of ASCII and frees it. */
void json_print(json_t *value);
/* Prints {"NAME": array} if `wanted`. Frees the array in any case. */
void json_print_list(const char *name, json_t *array, bool wanted);

#endif
