/* Records of the store in JSON. The tables of core name the fields, so a new row there is also written to exports, read
 * from imports, and shown by `show --json`. Any thread. */
#ifndef CLI_RECORD_JSON_H
#define CLI_RECORD_JSON_H

#include "failure.h"
#include "tables.h"

#include <jansson.h>

/* Adds the members of an export for a record. Leaves out empty texts, zero days and absent objects. Octets that are not
 * UTF-8 are written in hexadecimal digits, in a member whose name has the suffix `_hex`. */
void record_export(json_t *object, const struct fields *table, const void *record);

/* Adds members that are computed from the fields. Called for the record and for each record inside it. */
typedef void record_more(json_t *object, const struct fields *table, const void *record, const void *arg);
/* Returns the object of `show --json`, which the caller owns. Unknown values are null. Untrusted text is written by
 * json_text(). `more` may be NULL and gets `arg`. */
json_t *record_show(const struct fields *table, const void *record, record_more *more, const void *arg);

/* Returns the name of a TLS version, such as `TLSv1.3`, or `out` with the number of an unknown version. */
#define PROTOCOL_SIZE 16
const char *protocol_name(uint16_t protocol, char out[PROTOCOL_SIZE]);

/* An object of an export that is being read. The object is hostile: each member is checked and bounded. Unknown members
 * are ignored, because a later version may write more. The functions below return false and set `why` (EX_DATAERR) when a
 * member is invalid. */
struct input {
	const json_t *object;
	const char *name; /* of the object, in messages; "" for the whole line */
	int64_t now;      /* times after this are invalid */
	struct failure *why;
};
/* Sets `why` to a message such as "policy: id is missing". Always returns false. */
bool input_error(const struct input *in, const char *key, const char *what);
bool input_number(const struct input *in, const char *key, int64_t min, int64_t max, int64_t *out);
/* Stores a pointer into the object. `min` and `max` bound the octets. If `min` is 0, a missing member counts as "". */
bool input_text(const struct input *in, const char *key, size_t min, size_t max, const char **out);

/* Reads the members that an export has for a record. `record` must be zeroed. The caller frees what it owns, also after a
 * failure, and computes what follows from other members. */
bool record_read(const struct input *in, const struct fields *table, void *record);

#endif
