/* The name of this relay among those of its site. */
#ifndef CHECK_OWN_NODE_H
#define CHECK_OWN_NODE_H

#include "override.h"
#include "settings.h"

/* Writes the setting fleet_node, or without it the name of this machine, cut to 64 characters. May wait for DNS, as
 * host_name() does. Any thread. */
void own_node(char out[NODE_NAME_SIZE], const struct settings *settings);

#endif
