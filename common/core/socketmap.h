/* The socketmap wire format of Postfix and Sendmail (socketmap_table(5); spec K-1 to K-4). A request is the netstring of
 * `MAP KEY`. A reply is the netstring of `OK DATA`, `NOTFOUND ` or `TEMP REASON`: see map_grammar.h. Pure; any thread. */
#ifndef CORE_SOCKETMAP_H
#define CORE_SOCKETMAP_H

#include "span.h"

#include <stdbool.h>

#define SOCKETMAP_REQUEST_MAX 4096 /* octets of a request's payload; a longer one is malformed */

enum netstring_state { NETSTRING_OK, NETSTRING_MORE, NETSTRING_MALFORMED };

/* Reads one netstring at the start of `in`. Its length has no leading zeros, and its payload at most `max` octets. After
 * NETSTRING_OK, `payload` points into `in`, and the netstring has `used` octets. After NETSTRING_MORE, call again with
 * more octets. */
enum netstring_state netstring_read(struct span in, size_t max, struct span *payload, size_t *used);
/* Writes `LENGTH:PAYLOAD,` and returns the number of octets, or 0 if they do not fit into `size`. */
size_t netstring_write(char *out, size_t size, struct span payload);

struct socketmap_request {
	struct span map;
	struct span key;
};
/* Splits a request's payload at its first blank; both parts point into it. Returns false if there is no blank, if the
 * map's name is empty or not printable ASCII, or if the key is not UTF-8 or has control characters: no MTA sends such
 * requests. The key may be empty and may have blanks. */
bool socketmap_request_parse(struct socketmap_request *out, struct span payload);

#endif
