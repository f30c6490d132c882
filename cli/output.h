/* Output of the tool: quoted text, times, lines and JSON. The JSON functions hide which calls of jansson can fail: they
 * end the process when memory is exhausted. */
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
/* Format seconds since the epoch as `2026-01-31T12:00:00Z` (0: `never`), and a number of seconds as `3h 5m`, in its two
 * largest units. Return `when->text`. */
const char *when_date(struct when *when, int64_t at);
const char *when_span(struct when *when, int64_t seconds);

/* Prints one line to stdout: a label in the left margin, which may be "", and the text. */
void line_print(const char *label, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Prints a failure to stderr. Returns its exit status. */
int complain(const struct failure *why);

/* Returns a value that jansson has made; ends the process when it is NULL. */
json_t *json_made(json_t *value);
/* Add a value, whose reference they take over, to an object or array. json_put() puts null for NULL. */
void json_put(json_t *object, const char *key, json_t *value);
void json_add(json_t *array, json_t *value);
/* Return a JSON string, which the caller owns. Octets that are no UTF-8 are quoted. json_text() returns null for NULL and
 * "". */
json_t *json_text(const char *string);
json_t *json_text_bytes(const char *bytes, size_t len);
/* Returns seconds since the epoch as a number, or null for 0. */
json_t *json_when(int64_t at);
/* Returns an array of strings. */
json_t *json_names(const struct names *names);
/* Prints a value on one line of ASCII and frees it. */
void json_print(json_t *value);
/* Prints {"NAME": array} if `wanted`. Frees the array. */
void json_print_list(const char *name, json_t *array, bool wanted);

#endif
