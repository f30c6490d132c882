/* What the askers of the TLS policy map understand, each in its own dialect; written from their manuals and sources,
 * and apart from what renders the replies. Every reply passes map_reply_valid() before it leaves. Pure; any thread.
 *
 * All dialects: `NOTFOUND `, `TEMP ` with printable text, or `OK secure match=NAME[:NAME]... servername=hostname`,
 * where each NAME is a host name or `.` and a host name, none of them a word with a meaning of its own there
 * (`nexthop`, `dot-nexthop`, `hostname`). Never PERM, on which Sendmail delivers; never OK without data, which may
 * crash it. (socketmap_table(5), postconf(5) smtp_tls_policy_maps; spec K-2, X-1 to X-4, Z-4 to Z-6.) */
#ifndef CORE_MAP_GRAMMAR_H
#define CORE_MAP_GRAMMAR_H

#include "span.h"

#include <stdbool.h>

enum map_dialect {
	MAP_PLAIN,  /* Postfix 3.4 and later; nothing follows `servername=hostname` */
	MAP_TLSRPT, /* Postfix 3.10 and later: all attributes of TLSRPT follow, or none (spec T-50 to T-55) */
	MAP_STS     /* Sendmail's FEATURE(sts): as plain, and no longer than its rule sets can take */
};
#define MAP_DIALECTS 3

/* By the map's name in a request: `postfix-tlsrpt` and `QUERYwithTLSRPT`, `sts`; plain for every other one. */
enum map_dialect map_dialect_by_name(struct span name);
const char *map_dialect_name(enum map_dialect dialect); /* `postfix`, `postfix-tlsrpt`, `sts` */

/* Octets of a reply's payload. Postfix takes 100000 (spec K-2). */
#define MAP_REPLY_MAX 90000
/* Sendmail takes a map's value apart into tokens, each with a NUL behind it; `. : % @ ! ^ / [ ] +` are tokens. What is
 * too long for it is not refused: the message goes out unverified. Measured with 8.17.1: verified up to a weight of
 * 1091, not at 1407. */
#define MAP_STS_VALUE_MAX 1090
/* What `value` takes there. */
size_t map_sts_weight(struct span value);

/* A policy's line as a `policy_string`: printable ASCII without braces, which Postfix counts (spec T-54), no blank at
 * either end. */
#define MAP_POLICY_LINE_MAX 512
bool map_policy_line_valid(struct span line);

/* Whether it would change its meaning as a `match=` name. */
bool map_word_is_magic(struct span name);

bool map_reply_valid(enum map_dialect dialect, struct span payload);

#endif
