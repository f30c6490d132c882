/* Policy delegation for Postfix's check_policy_service: a service of the server. Judges the recipient's domain, or the
 * smart host of delegation_domain, and does by the verdict what the milter does (action.h), as far as the protocol has
 * words for it: of a message that is held nothing is told in a header. A known domain is answered at once, a first
 * contact is waited for on nobody's thread. The loop's thread only, but for new and free. */
#ifndef MILTER_DELEGATION_SERVER_H
#define MILTER_DELEGATION_SERVER_H

#include "check.h"
#include "server.h"

#define DELEGATION_CLIENTS_MAX 1024 /* an smtpd(8) each */

struct delegation_server;
struct delegation_server *delegation_server_new(struct server *server, struct check *check);
const struct service *delegation_server_service(const struct delegation_server *delegation);
/* After the server's thread has ended. */
void delegation_server_free(struct delegation_server **delegation);

#endif
