/* The networks in which the mail hosts of a domain have been (core/movement). Any thread. */
#ifndef SHOWN_NETWORKS_SHOWN_H
#define SHOWN_NETWORKS_SHOWN_H

#include "store.h"

#include <jansson.h>

/* Reads them. All of them are zero if there is none, or if the store cannot be read. */
void networks_read(struct store *store, const char *domain, struct domain_networks *out);
/* Returns an array of objects, which the caller owns. */
json_t *networks_json(struct store *store, const char *domain);

#endif
