/* fleet list: the nodes of the farm, as they describe themselves in the shared store. */
#ifndef CLI_FLEET_LIST_H
#define CLI_FLEET_LIST_H

#include "fleet_guest.h"
#include "fleet_node.h"

/* A field of the hash of nodes that is no value of a node of this farm. */
struct fleet_stranger {
	char field[NODE_NAME_SIZE]; /* its name, which may be cut */
	enum fleet_ignored why;
};
struct fleet_nodes_read {
	int64_t server_now; /* the server's clock */
	size_t count, strangers;
	struct fleet_node *node; /* by name */
	struct fleet_stranger *stranger;
};
/* Reads all nodes. Returns false on failure (EX_UNAVAILABLE, EX_DATAERR). The caller frees with fleet_nodes_read_free(). */
bool fleet_nodes_read(
	struct fleet_guest *guest, const struct fleet_keys *keys, struct fleet_nodes_read *out, struct failure *why);
void fleet_nodes_read_free(struct fleet_nodes_read *read);
/* Says why a field is ignored, and what may be the cause. */
const char *fleet_ignored_words(enum fleet_ignored ignored);

/* Prints the list. Returns the exit status. */
int fleet_list(const struct settings *settings, bool json);

#endif
