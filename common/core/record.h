/* The `_mta-sts` TXT record (RFC 8461 3.1). Strict: an invalid record counts as no policy. Pure; any thread. */
#ifndef CORE_RECORD_H
#define CORE_RECORD_H

#include "span.h"

#include <stdbool.h>

#define RECORD_ID_MAX 32
#define RECORD_SET_MAX 256 /* TXT records looked at in one answer; more count as RECORD_SET_MANY */

struct record {
	char id[RECORD_ID_MAX + 1]; /* compared byte for byte; has no order */
};

enum record_error {
	RECORD_OK,
	RECORD_NO_VERSION, /* does not begin with `v=STSv1` *WSP `;`: not a candidate (errata 6285) */
	RECORD_BAD_FIELD,  /* violates the grammar */
	RECORD_NO_ID
};
/* A word such as `bad-field`, for lint and logs. */
const char *record_error_name(enum record_error error);

/* One record: its character-strings already joined. */
enum record_error record_parse(struct record *out, const char *bytes, size_t len);

enum record_set {
	RECORD_SET_ONE,     /* exactly one candidate, and it is valid: `out` is filled. Beside one that begins with
			       `v=STSv1;` those with a blank before the semicolon are none (RFC 8461 3.1) */
	RECORD_SET_NONE,    /* no candidate */
	RECORD_SET_INVALID, /* one candidate, which violates the grammar */
	RECORD_SET_MANY     /* more than one candidate, equal ones too */
};
enum record_set record_set_parse(struct record *out, const struct span *txt, size_t count);

#endif
