/* Policy delegation for Postfix's check_policy_service: a service of the server. Judges the recipient's domain, or the
 * smart host of delegation_domain, and does by the verdict what the milter does (action.h), as far as the protocol has
 * words for it: of a message that is held nothing is told in a header. A known domain is answered at once, a first
 * contact is waited for on nobody's thread. The loop's thread only, but for new and free. */
#ifndef MILTER_DELEGATION_SERVER_H
#define MILTER_DELEGATION_SERVER_H

#include "front_end.h"

#define DELEGATION_CLIENTS_MAX 1024 /* an smtpd(8) each */

struct service *delegation_server_new(const struct front_end_parts *parts);

#endif
