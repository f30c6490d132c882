/* The signs of an attack on a domain that are not over, for `why` and `query`. */
#ifndef CLI_OPEN_SIGNS_H
#define CLI_OPEN_SIGNS_H

#include "output.h"
#include "store.h"

/* Prints a line for each sign that is not over. Prints nothing if the store cannot be read. */
void open_signs_print(struct store *store, const char *domain);
/* Returns an array of the events, which the caller owns. */
json_t *open_signs_json(struct store *store, const char *domain);

#endif
