#include "own_node.h"

#include "host_name.h"

#include <stdio.h>
#include <string.h>

void own_node(char out[NODE_NAME_SIZE], const struct settings *settings)
{
	char host[HOST_NAME_SIZE];
	const char *name = settings->fleet_node;
	if (!node_name_is_valid((struct span){name, strlen(name)})) {
		host_name(host);
		name = host;
	}
	snprintf(out, NODE_NAME_SIZE, "%.*s", NODE_NAME_SIZE - 1, name);
}
