/* Members of an object in a line of an export, each checked and bounded. All return false with `why` set when a member
 * is not as it must be. Internal to dump. */
#ifndef CLI_DUMP_PARTS_H
#define CLI_DUMP_PARTS_H

#include "dump.h"

/* The object that is read, its name in messages, and the moment that nothing may be dated after. */
struct take {
	const json_t *object;
	const char *name;
	int64_t now;
	struct failure *why;
};

/* "policy: id is no record id" */
bool take_fail(const struct take *in, const char *key, const char *what);
bool take_number(const struct take *in, const char *key, int64_t min, int64_t max, int64_t *out);
/* Seconds since the epoch, from the first year of MTA-STS to now. */
bool take_time(const struct take *in, const char *key, int64_t *out);
/* Points into the object. `min` 0: may be missing, then it is "". */
bool take_text(const struct take *in, const char *key, size_t min, size_t max, const char **out);
/* Octets without NUL into `out` of `size`: `key`, or `key`_hex in hexadecimal digits; "" when both are missing. */
bool take_bytes(const struct take *in, const char *key, char *out, size_t size);

/* A line about a hop. Its newest evidence is also its newest conclusive one when it is of that class, and so on: then
 * it is not written twice. */
bool dump_read_hop(const struct take *in, struct dump_line *out);
bool dump_says_conclusive(const struct hop_record *record);
bool dump_says_good(const struct hop_record *record);

#endif
