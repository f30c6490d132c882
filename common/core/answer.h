/* Verdicts in words: SMTP reply, header, log line (map_reply.h: the map). Every text is bounded and clean: names are in
 * the form of domain_parse(), the rest comes from tables. Pure; any thread. */
#ifndef CORE_ANSWER_H
#define CORE_ANSWER_H

#include "text.h"
#include "verdict.h"

#define ANSWER_REPLY_SIZE 980  /* smfi_setreply's limit (L-11) */
#define ANSWER_LINE_MAX 500    /* of a reply's text: RFC 5321 4.5.3.1.5 less code and line end */
#define ANSWER_HEADER_SIZE 900 /* one header value; lines stay under 998 octets */
#define ANSWER_LOG_SIZE 2048

/* `<domain> MTA-STS policy (enforce): mx1.example.com offers no STARTTLS [starttls-not-supported]; will be retried`,
 * the text of a 451 4.7.5; ANSWER_LINE_MAX octets at most: a hop whose name is too long for that is `its mail host`.
 * Without `%`. */
void answer_reply(struct text *out, const struct verdict *verdict);
/* `domain=…; policy=…; verdict=…; reason=…; mx=…`; domain and mx only with `with_domains`. */
void answer_header(struct text *out, const struct verdict *verdict, bool with_domains);
/* `domain=… policy=… id=… verdict=… reason=… mx=…`, what is empty left out. */
void answer_log(struct text *out, const struct verdict *verdict);

#endif
