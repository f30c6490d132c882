/* The lines of an export: a header, then one JSON object for each domain and each hop, in any order. The format is text,
 * and depends neither on the version of LMDB nor on the byte order of the machine. Data that dump_read() can compute is
 * left out: the time when a policy expires, and further copies of the same evidence.
 *
 * dump_read() accepts hostile bytes. The size of each value is limited, and the parsers for data from the network check
 * the values. Unknown members are ignored, so that a later version may write more. Any thread. */
#ifndef SHOWN_DUMP_H
#define SHOWN_DUMP_H

#include "entry.h"
#include "evidence.h"
#include "failure.h"

#include <jansson.h>

#define DUMP_VERSION 1

enum dump_kind { DUMP_HEADER, DUMP_DOMAIN, DUMP_HOP };

struct dump_line {
	enum dump_kind kind;
	struct entry entry; /* if `kind` is DUMP_DOMAIN; owned */
	/* if `kind` is DUMP_HOP */
	char host[DOMAIN_SIZE];
	uint16_t port;
	struct hop_record record;
};

/* Return the JSON object for a line. The caller owns the object. `now` is in seconds since the epoch. */
json_t *dump_header(int64_t now);
json_t *dump_entry(const struct entry *entry);
json_t *dump_hop(const char *host, uint16_t port, const struct hop_record *record);

/* Reads a line. Rejects times in the future and times before MTA-STS existed. On success the caller frees `out` with
 * dump_line_free(). On failure `why` (EX_DATAERR) describes the error, and there is nothing to free. */
bool dump_read(struct dump_line *out, const char *bytes, size_t len, int64_t now, struct failure *why);
void dump_line_free(struct dump_line *line);

#endif
