/* The networks in which the mail hosts of a domain have been (core/movement), for `query` and `show`. */
#ifndef CLI_NETWORKS_SHOWN_H
#define CLI_NETWORKS_SHOWN_H

#include "output.h"
#include "store.h"

/* Prints a line for each network. Prints nothing if there is none, or if the store cannot be read. */
void networks_print(struct store *store, const char *domain);
/* Returns an array of objects, which the caller owns. */
json_t *networks_json(struct store *store, const char *domain);

#endif
