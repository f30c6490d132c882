/* Reads the TXT record _mta-sts.DOMAIN (RFC 8461 3.1). Strict: an invalid record counts as none. Pure; any thread. */
#ifndef CORE_RECORD_H
#define CORE_RECORD_H

#include "span.h"

#include <stdbool.h>

#define RECORD_ID_MAX 32
#define RECORD_SET_MAX 256 /* TXT records of one answer; a larger answer is RECORD_SET_MANY */

struct record {
	char id[RECORD_ID_MAX + 1]; /* NUL-terminated; compared octet by octet; a greater id is not a newer one */
};

enum record_error {
	RECORD_OK,
	RECORD_NO_VERSION, /* does not begin with `v=STSv1` *WSP `;`, so it is not an MTA-STS record (errata 6285) */
	RECORD_BAD_FIELD,  /* violates the grammar */
	RECORD_NO_ID       /* has no id, or an invalid one */
};
/* The name of the finding (finding.def), such as `bad-field`; `ok` for RECORD_OK. */
const char *record_error_name(enum record_error error);

/* Parses one TXT record, whose character-strings the caller has joined. After an error `out` must not be used. */
enum record_error record_parse(struct record *out, const char *bytes, size_t len);
/* Does the same, and stores in `where` the field that has the mistake. Its `at` is NULL if there is no mistake, or if the
 * mistake is a missing id. `where` borrows from `bytes`. */
enum record_error record_parse_where(struct record *out, const char *bytes, size_t len, struct span *where);

enum record_set {
	RECORD_SET_ONE,     /* one MTA-STS record, and it is valid */
	RECORD_SET_NONE,    /* no MTA-STS record */
	RECORD_SET_INVALID, /* one MTA-STS record, and it is invalid */
	RECORD_SET_MANY     /* more than one MTA-STS record, even if they are equal */
};
/* Parses all TXT records of an answer. Fills `out` for RECORD_SET_ONE; otherwise the id in `out` becomes "". RFC 8461
 * 3.1 discards records that do not begin with `v=STSv1;`. Its ABNF also allows blanks before the semicolon; a record
 * with such blanks counts only if the answer has no MTA-STS record without them. */
enum record_set record_set_parse(struct record *out, const struct span *txt, size_t count);

#endif
