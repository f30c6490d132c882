/* The TLS policy map (socketmap_table(5)): a service of the server. The map's name says in which dialect
 * (map_grammar.h). A known domain is answered at once, a first contact is waited for on nobody's thread. The loop's
 * thread only, but for new and free. */
#ifndef MILTER_SOCKETMAP_SERVER_H
#define MILTER_SOCKETMAP_SERVER_H

#include "front_end.h"

#define SOCKETMAP_CLIENTS_MAX 4096

struct service *socketmap_server_new(const struct front_end_parts *parts);

#endif
