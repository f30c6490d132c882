/* The lines of an export: a header, then one JSON object for each domain and each hop, in any order. Text, so that it
 * depends neither on LMDB's version nor on the byte order of a machine. What follows from the rest is not written (when
 * a policy expires; that the newest evidence is also the newest conclusive one). Reading takes hostile bytes: each
 * value is bounded, and read by the same functions of core as what comes from the network. Members that are not known
 * are skipped: a later version may write more. Any thread. */
#ifndef CLI_DUMP_H
#define CLI_DUMP_H

#include "entry.h"
#include "evidence.h"
#include "failure.h"

#include <jansson.h>

#define DUMP_VERSION 1

enum dump_kind { DUMP_HEADER, DUMP_DOMAIN, DUMP_HOP };

struct dump_line {
	enum dump_kind kind;
	struct entry entry;     /* DUMP_DOMAIN; owned */
	char host[DOMAIN_SIZE]; /* DUMP_HOP */
	uint16_t port;
	struct hop_record record;
};

/* The caller's. */
json_t *dump_header(int64_t now);
json_t *dump_entry(const struct entry *entry);
json_t *dump_hop(const char *host, uint16_t port, const struct hop_record *record);

/* What is dated after `now`, or before MTA-STS, is refused. On failure there is nothing to free; `why` (EX_DATAERR)
 * tells what is wrong with the line. */
bool dump_read(struct dump_line *out, const char *bytes, size_t len, int64_t now, struct failure *why);
void dump_line_free(struct dump_line *line);

#endif
