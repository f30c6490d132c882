/* Finds the name by which other hosts know this machine. Scenario tests replace this module by a fake. */
#ifndef IO_HOST_NAME_H
#define IO_HOST_NAME_H

#include <stdbool.h>

#define HOST_NAME_SIZE 256

/* Writes the machine's canonical name: the host name if it has a dot, else the host name with the domain that the hosts
 * file or DNS adds to it. Returns false if there is no name with a dot; then `out` is the bare host name.
 *
 * A canonical name that does not begin with the host name is ignored: forged DNS must not give this relay the name of
 * another mail host. The result has letters, digits and .-_ only; a host name with other characters is replaced by
 * "localhost".
 *
 * Any thread. May wait for DNS. */
bool host_name(char out[HOST_NAME_SIZE]);

#endif
