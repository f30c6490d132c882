/* The nodes of the farm (PREFIX:nodes): this one says every ten seconds that it is there, and counts the others once a minute
 * (metric stsgate_fleet_nodes). A node that nobody has seen for a week is removed from the shared store. */
#ifndef FLEET_FLEET_NODES_H
#define FLEET_FLEET_NODES_H

#include "fleet_parts.h"

#define NODES_WRITE_MS 10000
#define NODES_READ_EVERY 6                 /* writes between two counts */
#define NODES_MAX (LINK_ITEMS_MAX / 2 - 1) /* more are not counted: their list would be too long for one reply */

struct fleet_nodes;
/* Call it before the loop starts. `base` must outlive it. */
struct fleet_nodes *fleet_nodes_new(const struct fleet_base *base);
/* Call it when the loop's thread has ended and the link is freed; sets the pointer to NULL. */
void fleet_nodes_free(struct fleet_nodes **nodes);
/* Notes that at this time the node knew all decisions of the others, and they its own. Any thread. */
void fleet_nodes_decided(struct fleet_nodes *nodes, int64_t at);

#endif
