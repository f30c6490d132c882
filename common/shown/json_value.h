/* JSON values, for the tool's --json and the status page. The caller need not check for errors: jansson fails only if memory
 * is exhausted, and then the function ends the process. Any thread, but no two threads may use one value. */
#ifndef SHOWN_JSON_VALUE_H
#define SHOWN_JSON_VALUE_H

#include "names.h"

#include <jansson.h>
#include <stdint.h>

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
/* Returns a value as one line of ASCII, because text from the network may hold control characters of Unicode. The caller frees
 * it with free(). */
char *json_ascii(const json_t *value);

#endif
