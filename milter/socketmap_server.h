/* The TLS policy map: answers Postfix's and Sendmail's questions at delivery (socketmap_table(5)), as a service of the
 * server (server.h).
 *
 * The name of the map in a request selects the dialect of the reply (map_grammar.h). For a known domain, replies
 * immediately from the store. At a first contact the client waits, but no thread does. All functions run on the thread of
 * the client. */
#ifndef MILTER_SOCKETMAP_SERVER_H
#define MILTER_SOCKETMAP_SERVER_H

#include "front_end.h"

#define SOCKETMAP_CLIENTS_MAX 4096

/* Makes the service; see service_new in front_end.h. */
struct service *socketmap_server_new(const struct front_end_parts *parts);

#endif
