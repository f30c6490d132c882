/* What the parts of common/fleet share. Internal to fleet. Places in the shared store, with PREFIX as fleet_name:
 *
 *     PREFIX:entry:DOMAIN      the entry of a policy domain; PX: what is left of the policy's life
 *     PREFIX:hop:HOST:PORT     a hash: by node, its evidence about a mail host
 *     PREFIX:lease:DOMAIN      the node that fetches the policy now; NX PX 30000; not sealed
 *     PREFIX:decisions         a hash: by `override DOMAIN` or `forget DOMAIN`, the newest decision
 *     PREFIX:nodes             a hash: by node, what it says of itself
 *     PREFIX:decisions         also a channel: the fields of the hash that have changed
 */
#ifndef FLEET_FLEET_PARTS_H
#define FLEET_FLEET_PARTS_H

#include "check.h"
#include "fleet_keys.h"
#include "fleet_link.h"
#include "loop.h"
#include "store.h"

#define FLEET_PLACE_SIZE 512

/* The same for all parts; constant while they exist. */
struct fleet_base {
	const struct settings *settings;
	struct check *check;
	struct store *store;
	struct loop *loop; /* fleet's own; parts work on its thread, unless they say otherwise */
	struct link *link;
	const struct fleet_keys *keys; /* any thread; a reload changes what they are */
	const char *prefix;            /* fleet_name */
	const char *node;              /* this node's name */
};

#endif
