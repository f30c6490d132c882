/* Policy delegation: answers Postfix's check_policy_service (SMTPD_POLICY_README) as a service of the server (server.h).
 *
 * Judges the recipient's domain, or the smart host that delegation_domain names. Acts on the verdict as the milter does
 * (action.h). The protocol allows only one action per reply, so a message that is held gets no header.
 *
 * For a known domain, replies immediately from the store. At a first contact the client waits, but no thread does. All
 * functions run on the thread of the client. */
#ifndef MILTER_DELEGATION_SERVER_H
#define MILTER_DELEGATION_SERVER_H

#include "front_end.h"

#define DELEGATION_CLIENTS_MAX 1024 /* each smtpd(8) process is one client */

/* Makes the service; see service_new in front_end.h. */
struct service *delegation_server_new(const struct front_end_parts *parts);

#endif
