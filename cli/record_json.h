/* Records in JSON, by the tables of core: an export, `show --json`, and an export read back. Any thread. */
#ifndef CLI_RECORD_JSON_H
#define CLI_RECORD_JSON_H

#include "failure.h"
#include "tables.h"

#include <jansson.h>

/* Adds what an export says of the record. Texts that are empty, days that are 0 and objects that are absent are left
 * out. Octets that are no UTF-8 are written as hexadecimal digits, under the name with `_hex` behind it. */
void record_export(json_t *object, const struct fields *table, const void *record);

/* Adds to the object of a record what follows from its fields; called for records within others, too. */
typedef void record_more(json_t *object, const struct fields *table, const void *record, const void *arg);
/* The object of `show --json`; the caller's. What is unknown is null. Texts of others are as in json_text(). */
json_t *record_show(const struct fields *table, const void *record, record_more *more, const void *arg);

/* `TLSv1.3`; a number for what has no name. Returns a constant or `out`. */
#define PROTOCOL_SIZE 16
const char *protocol_name(uint16_t protocol, char out[PROTOCOL_SIZE]);

/* An object of an export that is read, its name in messages, and the moment that nothing may be dated after. The object
 * is hostile: each member is checked and bounded. The functions below return false and set `why` (EX_DATAERR) when a
 * member is not as it must be. Members that are not known are skipped: a later version may write more. */
struct take {
	const json_t *object;
	const char *name;
	int64_t now;
	struct failure *why;
};
/* Always false: "policy: id is no id of a record". */
bool take_fail(const struct take *in, const char *key, const char *what);
bool take_number(const struct take *in, const char *key, int64_t min, int64_t max, int64_t *out);
/* `out` points into the object. With `min` 0 the member may be missing, and is "" then. */
bool take_text(const struct take *in, const char *key, size_t min, size_t max, const char **out);

/* Reads the members that an export has of a record. `record` comes zeroed; what it owns is the caller's to free, also
 * after a failure. What follows from other members is left to the caller. */
bool record_read(const struct take *in, const struct fields *table, void *record);

#endif
