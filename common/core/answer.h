/* Writes a verdict as an SMTP reply, a header field or a log line (map_reply.h: the map's reply). The texts need no
 * quoting: names are in the form of domain_parse(), and everything else comes from tables. A text that does not fit
 * into `out` is cut. Pure; any thread. */
#ifndef CORE_ANSWER_H
#define CORE_ANSWER_H

#include "text.h"
#include "verdict.h"

#define ANSWER_REPLY_SIZE 980  /* room for a reply; smfi_setreply() accepts no longer text */
#define ANSWER_LINE_MAX 500    /* octets of a reply's text: RFC 5321 4.5.3.1.5 less the code and the line end */
#define ANSWER_HEADER_SIZE 900 /* room for one header value; the line stays below 998 octets (RFC 5322 2.1.1) */
#define ANSWER_LOG_SIZE 2048   /* room for a log line */

/* Writes the text of a 451 4.7.5 reply, without code and enhanced code:
 * `<DOMAIN> MTA-STS policy (enforce): mx1.example.com offers no STARTTLS [starttls-not-supported]; will be retried`.
 * At most ANSWER_LINE_MAX octets: if the names are too long, `its mail host` replaces the host's name. Has no `%`, because
 * libmilter would interpret it. */
void answer_reply(struct text *out, const struct verdict *verdict);
/* Writes the text of a 550 5.7.30 reply (RFC 8689 4.2.1), likewise:
 * `<DOMAIN> REQUIRETLS cannot be met: the domain has neither an enforce policy (MTA-STS) nor usable TLSA records (DANE)`. */
void answer_requiretls(struct text *out, const struct verdict *verdict);
/* Writes `domain=...; policy=...; verdict=...; reason=...; mx=...; override=...; requiretls=...`, without empty values.
 * Omits domain and mx unless `with_domains`. */
void answer_header(struct text *out, const struct verdict *verdict, bool with_domains);
/* Writes `domain=... policy=... id=... verdict=... reason=... mx=... unchecked=yes override=... requiretls=...`, without
 * empty values. The verdict of the map that binds a delivery is `bound`. */
void answer_log(struct text *out, const struct verdict *verdict);

#endif
