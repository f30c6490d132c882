/* Checks the map's replies against the grammar that each client of the map accepts. This file was written from the
 * manuals and sources of the clients, and independently of map_reply.c, so that one checks the other: every reply
 * passes map_reply_valid() before it is sent. Pure; any thread.
 *
 * All dialects accept `NOTFOUND `, `TEMP ` with printable text, and `OK secure match=NAME[:NAME]...
 * servername=hostname`. A NAME is a host name, or `.` and a host name, but none of the words with a special meaning
 * there (`nexthop`, `dot-nexthop`, `hostname`). Postfix also accepts `OK dane`, `OK dane-only`, and `OK verify match=hostname
 * servername=hostname`; Sendmail knows none of these levels. PERM is never sent, because Sendmail delivers after it. OK
 * without data is never sent either, because it may crash Sendmail. (socketmap_table(5), postconf(5) smtp_tls_policy_maps; spec K-2,
 * Z-4 to Z-6.) */
#ifndef CORE_MAP_GRAMMAR_H
#define CORE_MAP_GRAMMAR_H

#include "span.h"

#include <stdbool.h>

enum map_dialect {
	MAP_PLAIN,  /* Postfix 3.4 and later; nothing follows `servername=hostname` */
	MAP_TLSRPT, /* Postfix 3.10 and later; all TLSRPT attributes follow, or none (spec T-50 to T-55) */
	MAP_STS     /* Sendmail's FEATURE(sts); like MAP_PLAIN, with a limit on the length (MAP_STS_VALUE_MAX) */
};
#define MAP_DIALECTS 3

/* Returns the dialect by the map's name in a request: MAP_TLSRPT for `postfix-tlsrpt` and `QUERYwithTLSRPT`, MAP_STS for
 * `sts`, MAP_PLAIN for every other name. */
enum map_dialect map_dialect_by_name(struct span name);
const char *map_dialect_name(enum map_dialect dialect); /* `postfix`, `postfix-tlsrpt`, `sts` */

/* Octets of a reply's payload. Postfix accepts 100000 (spec K-2). */
#define MAP_REPLY_MAX 90000
/* The greatest weight of a value for Sendmail. The weight is the number of octets that the value takes in Sendmail,
 * which splits it into tokens and puts a NUL after each. Each of `. : % @ ! ^ / [ ] +` is a token of its own. Sendmail
 * does not refuse a value that is too long for it, but delivers without verification. Measured with 8.17.1: a weight of
 * 1091 is verified, 1407 is not. */
#define MAP_STS_VALUE_MAX 1090
/* Returns the weight of `value`. */
size_t map_sts_weight(struct span value);

/* Returns whether a line of a policy can be a `policy_string`: 1 to MAP_POLICY_LINE_MAX octets of printable ASCII without
 * braces, which Postfix counts (spec T-54), and no blank at either end. */
#define MAP_POLICY_LINE_MAX 512
bool map_policy_line_valid(struct span line);

/* Returns whether the name is a word with a special meaning in `match=`, and so cannot be used as a host name there. */
bool map_word_is_magic(struct span name);

/* Returns whether a client of this dialect understands the payload of a reply. */
bool map_reply_valid(enum map_dialect dialect, struct span payload);

#endif
