/* Lines about a domain that come from other tables of the store than its entry. They print nothing if there is nothing, or if
 * the store cannot be read. */
#ifndef CLI_DOMAIN_PRINT_H
#define CLI_DOMAIN_PRINT_H

#include "store.h"

/* Prints a line for each sign of an attack that is not over. */
void open_signs_print(struct store *store, const char *domain);
/* Prints a line for each network in which the domain's mail hosts have been. */
void networks_print(struct store *store, const char *domain);

#endif
