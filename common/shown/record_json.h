/* Writes and reads the store's data structures (such as struct entry and struct evidence) as JSON. Such a struct is
 * called a record here. The tables of core (tables.h) name its fields, so the field of a new row there is also exported,
 * imported and shown by `show --json`. Any thread. */
#ifndef SHOWN_RECORD_JSON_H
#define SHOWN_RECORD_JSON_H

#include "failure.h"
#include "tables.h"

#include <jansson.h>

/* Adds the members that an export has for a record to `object`. Leaves out empty texts, zero days and absent objects. A
 * text that is not valid UTF-8 is written in hexadecimal digits, in a member whose name has the suffix `_hex`. */
void record_export(json_t *object, const struct fields *table, const void *record);

/* A callback that adds members that are computed from the fields. It is called for the record and for each record that
 * the record contains. */
typedef void record_more(json_t *object, const struct fields *table, const void *record, const void *arg);
/* Returns the object that `show --json` prints for a record. The caller owns the object. Unknown values are null.
 * Untrusted text is written by json_text(). `more` may be NULL; `arg` is passed to it. */
json_t *record_show(const struct fields *table, const void *record, record_more *more, const void *arg);

/* Returns the name of a TLS version, such as `TLSv1.3`. For an unknown version, writes its number into `out` and returns
 * `out`. */
#define PROTOCOL_SIZE 16
const char *protocol_name(uint16_t protocol, char out[PROTOCOL_SIZE]);

/* A JSON object of an export that is being read. The object may be hostile, so each member is checked and its size is
 * limited. Unknown members are ignored, because a later version may write more. The functions below return false and set
 * `why` (EX_DATAERR) if a member is invalid. */
struct input {
	const json_t *object;
	const char *name; /* the object's name in messages; "" for the object that is the whole line */
	int64_t now;      /* times after this are invalid */
	struct failure *why;
};
/* Sets `why` to a message such as "policy: id is missing". Always returns false. */
bool input_error(const struct input *in, const char *key, const char *what);
bool input_number(const struct input *in, const char *key, int64_t min, int64_t max, int64_t *out);
/* Points `out` to the member's text, which belongs to the object. The text must have `min` to `max` octets. If `min` is
 * 0, a missing member counts as "". */
bool input_text(const struct input *in, const char *key, size_t min, size_t max, const char **out);

/* Reads the members that an export has for a record into `record`, which must be zeroed. The caller then computes the
 * fields that an export leaves out. The caller also frees the memory that `record` owns, even after a failure. */
bool record_read(const struct input *in, const struct fields *table, void *record);

#endif
