/* The name by which this machine is known to others. Any thread; may wait for name service. Replaced by a fake in
 * scenario tests. */
#ifndef IO_HOST_NAME_H
#define IO_HOST_NAME_H

#include <stdbool.h>

#define HOST_NAME_SIZE 256

/* The canonical name: the host name if it has a dot, else what the hosts file or DNS has behind its first dot. False:
 * there is none with a dot, and `out` is the bare host name. A name that only an alias leads to is not taken: whoever
 * forges DNS must not name this relay after somebody's mail host. It holds letters, digits and .-_ only; a host name with
 * anything else counts as localhost. */
bool host_name(char out[HOST_NAME_SIZE]);

#endif
