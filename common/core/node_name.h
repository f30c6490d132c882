/* The name of a node: one of the relays that share what they know (setting fleet_node). Pure; any thread. */
#ifndef CORE_NODE_NAME_H
#define CORE_NODE_NAME_H

#include "span.h"

#include <stdbool.h>

#define NODE_NAME_SIZE 65 /* with the 0 */

/* Returns whether the text is the name of a node: 1 to 64 letters, digits, dots, dashes and underscores. */
bool node_name_is_valid(struct span text);

#endif
