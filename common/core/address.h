/* IP addresses, judged before anything is dialled (RFC 8461 10, spec S-123: a policy host or an MX may point anywhere).
 * Pure. */
#ifndef CORE_ADDRESS_H
#define CORE_ADDRESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ADDRESS_TEXT_SIZE 46

struct address {
	uint8_t bytes[16];
	uint8_t len; /* 4 or 16 */
};

/* False for every address of IANA's special-purpose registries that is not globally reachable, multicast, v4-mapped and
 * NAT64 forms of such addresses, and 6to4/Teredo forms. */
bool address_is_global(const struct address *address);
/* RFC 5952 for IPv6. Returns `out`. */
const char *address_format(const struct address *address, char out[ADDRESS_TEXT_SIZE]);
bool address_parse(struct address *out, const char *text);
/* The network that a budget counts by: the /24 of an IPv4 (also v4-mapped), the /48 of an IPv6 address. */
uint64_t address_network(const struct address *address);

#endif
