/* The socketmap wire format of Postfix and Sendmail (socketmap_table(5); spec K-1 to K-4): netstrings of `map SP key`,
 * answered by netstrings of `OK SP data`, `NOTFOUND SP`, `TEMP SP reason`. Pure; any thread. */
#ifndef CORE_SOCKETMAP_H
#define CORE_SOCKETMAP_H

#include "span.h"

#include <stdbool.h>

#define SOCKETMAP_REQUEST_MAX 4096 /* octets of a request's payload; a longer one is malformed */
#define SOCKETMAP_REPLY_MAX 90000  /* octets of a reply's payload; consumers take 100000 (K-2) */

enum netstring_state { NETSTRING_OK, NETSTRING_MORE, NETSTRING_MALFORMED };

/* Reads one netstring at the start of `in`: no leading zeros, at most `max` octets of payload. On NETSTRING_OK
 * `payload` points into `in` and `used` octets are done with. */
enum netstring_state netstring_read(struct span in, size_t max, struct span *payload, size_t *used);
/* Writes `len:payload,` and returns its length, or 0 when it does not fit. */
size_t netstring_write(char *out, size_t size, struct span payload);

struct socketmap_request {
	struct span map;
	struct span key;
};
/* False when there is no blank, or an empty map name. The key may be empty and may hold blanks. */
bool socketmap_request_parse(struct socketmap_request *out, struct span payload);

/* The consumer's grammar (postconf(5) smtp_tls_policy_maps; spec; K-2): `NOTFOUND `, `TEMP ` with printable
 * text, or `OK secure match=NAME[:NAME]... servername=hostname` where each NAME is a host name or `.` and a host name,
 * none of them a magic word
 * (`nexthop`, `dot-nexthop`, `hostname`). Every reply passes here before it leaves. */
bool socketmap_reply_valid(struct span payload);

#endif
