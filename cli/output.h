/* What the tool prints: words of others quoted, times, JSON. Hides which parts of jansson can fail: memory that is out
 * ends the process. */
#ifndef CLI_OUTPUT_H
#define CLI_OUTPUT_H

#include "failure.h"
#include "names.h"

#include <jansson.h>

#define QUOTE_SIZE 1200
struct quote {
	char text[QUOTE_SIZE];
};
/* Untrusted words in the form of text_quote(). Returns `quote->text`. */
const char *quote_bytes(struct quote *quote, const char *bytes, size_t len);
const char *quote_string(struct quote *quote, const char *string);

#define WHEN_SIZE 64
struct when {
	char text[WHEN_SIZE];
};
/* `2026-01-31T12:00:00Z`, or `never` for 0. */
const char *when_date(struct when *when, int64_t at);
/* `3h 5m`: the two largest units. */
const char *when_span(struct when *when, int64_t seconds);

/* One line to stdout: a word in the margin, then the text. `label` may be "". */
void tell(const char *label, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* To stderr. Returns the exit status that the failure asks for. */
int complain(const struct failure *why);

/* References as in jansson: what is made belongs to the caller, `value` is taken over; NULL is JSON's null. */
json_t *json_made(json_t *value);
void json_put(json_t *object, const char *key, json_t *value);
void json_add(json_t *array, json_t *value);
json_t *json_text(const char *string); /* as it is, or quoted when it is no UTF-8; null for NULL and "" */
json_t *json_text_bytes(const char *bytes, size_t len); /* the same, never null */
json_t *json_when(int64_t at);                          /* seconds since the epoch, or null for 0 */
json_t *json_names(const struct names *names);
/* Prints it and a new line to stdout; takes it over. */
void json_print(json_t *value);

#endif
