/* Reads what a message itself asks about TLS (RFC 8689): the parameter REQUIRETLS of MAIL, and the header field
 * `TLS-Required: No`. All texts are untrusted. Pure; any thread. */
#ifndef CORE_TLS_REQUIRED_H
#define CORE_TLS_REQUIRED_H

#include "span.h"

#include <stdbool.h>

#define TLS_REQUIRED_FIELD "TLS-Required" /* the field's name, in any case (RFC 8689 5) */
/* The field by which Postfix keeps REQUIRETLS where it cannot pass the parameter on: through content filters, and from
 * sendmail(1). */
#define REQUIRETLS_FIELD "Require-TLS-ESMTP"

/* Returns whether one parameter of MAIL is REQUIRETLS, in any case and without a value (RFC 8689 2). */
bool mail_parameter_requiretls(struct span parameter);
/* Returns whether the value of a TLS-Required field is `No`, in any case (RFC 8689 5). Blanks, line breaks and comments
 * (RFC 5322 3.2.2) may stand around it. */
bool tls_required_is_no(struct span value);
/* Returns whether an item of tls_required_no_senders means this envelope sender, which may have angle brackets.
 * `user@example.com` is one sender and `@example.com` all senders of a domain, in any case. `<>` is the null sender, but only
 * `from_here`: from this machine. */
bool tls_required_sender(struct span item, struct span sender, bool from_here);

#endif
