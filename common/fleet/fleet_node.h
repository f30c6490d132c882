/* What a node says of itself in the shared store (PREFIX:nodes): once in NODES_WRITE_MS, sealed. Pure; any thread.
 *
 * Nodes may have clocks that differ. So each also says how far its clock is ahead of the server's, and ages are counted by the
 * server's clock. */
#ifndef FLEET_FLEET_NODE_H
#define FLEET_FLEET_NODE_H

#include "fleet_keys.h"

#define FLEET_VERSION_SIZE 32
#define NODE_SILENT_S 60     /* after this time without a word a node is silent */
#define NODE_GONE_S 86400    /* and after this one it is gone: nobody counts it as silent any more */
#define NODE_FORGET_S 604800 /* then it is removed from the shared store */

struct fleet_node {
	char name[NODE_NAME_SIZE];
	char version[FLEET_VERSION_SIZE];
	int64_t seen_at;    /* when it wrote this; like all times here, by its own clock, in seconds */
	int64_t started_at; /* when its stsgated started */
	int64_t entries;    /* domains in its store */
	int64_t decided_at; /* when it last knew all decisions of the others, and they knew its own; 0: not since its start */
	bool clock_known;
	int64_t ahead_s; /* how far its clock is ahead of the server's; negative: behind */
};

enum fleet_node_state { FLEET_NODE_CURRENT, FLEET_NODE_SILENT, FLEET_NODE_GONE, FLEET_NODE_STATES };
const char *fleet_node_state_name(enum fleet_node_state state);

/* Returns how many seconds ago a node was last seen, at least 0. `server_now` is the server's clock. */
int64_t fleet_node_age_s(const struct fleet_node *node, int64_t server_now);
enum fleet_node_state fleet_node_state(int64_t age_s);
/* Returns for how many seconds a node had been without all decisions when it was last seen; -1: since its start. */
int64_t fleet_node_lag_s(const struct fleet_node *node);

/* Writes the name of the hash of all nodes into `place`. */
void fleet_nodes_place(char *place, size_t size, const char *prefix);
/* Returns what a node says of itself as a sealed value, written at node->seen_at, and sets `len`. The caller frees the value. */
char *fleet_node_seal(const struct fleet_keys *keys, const char *prefix, const struct fleet_node *node, size_t *len);
/* Opens a field of the hash, which is hostile. Returns FLEET_TAKEN and sets `out`, or why the field is ignored. */
enum fleet_ignored fleet_node_open(const struct fleet_keys *keys, const char *prefix, const char *field,
	size_t field_len, const char *bytes, size_t len, int64_t now, struct fleet_node *out);

#endif
