/* The envelope sender of our TLS reports: LOCAL+TOKEN@DOMAIN, where LOCAL@DOMAIN is report_from. The token names the report, so
 * that a bounce shows which address is dead. It also shows our own milter a report, which must leave whatever the policy of its
 * domain says (RFC 8460 5.3; spec T-36). Pure; any thread. */
#ifndef CORE_TLSRPT_ENVELOPE_H
#define CORE_TLSRPT_ENVELOPE_H

#include "span.h"
#include "text.h"

#define TLSRPT_TOKEN_MAX 32 /* letters and digits of a token; at least 1 */

/* Appends the envelope sender, without angle brackets. `from` is an addr-spec. */
void tlsrpt_envelope_sender(struct text *out, const char *from, const char *token);
/* Returns whether an envelope sender, with or without angle brackets, has that form, and then sets `token`. False if `from` is
 * empty. The domain may be in any case. */
bool tlsrpt_envelope_token(struct span sender, const char *from, struct span *token);
/* Returns whether a client's address is a loopback address: 127.0.0.0/8, ::1, or the former IPv4-mapped. Sendmail writes `IPv6:`
 * before the address. */
bool tlsrpt_envelope_local(struct span client);

#endif
