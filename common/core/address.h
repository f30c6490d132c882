/* IP addresses: text, network, and whether stsgate may connect to them. A policy host's or MX host's name may lead to any
 * address, so each one is checked before the connection (RFC 8461 10, spec S-123). Pure; any thread. */
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

/* Returns whether the address is globally reachable by IANA's special-purpose registries (RFC 6890). False also for
 * multicast, 6to4 and Teredo addresses. For IPv4-mapped and NAT64 addresses, the IPv4 address inside decides. */
bool address_is_global(const struct address *address);
/* Writes the address as text (IPv6: RFC 5952) and returns `out`. */
const char *address_format(const struct address *address, char out[ADDRESS_TEXT_SIZE]);
/* Reads the text of an IPv4 or IPv6 address, without zone or prefix length. If it is not one, returns false and sets
 * `out->len` to 0. */
bool address_parse(struct address *out, const char *text);
/* Returns a number for the network for which limits are counted: the /24 of an IPv4 address (also IPv4-mapped), the /48
 * of an IPv6 address. Different networks have different numbers. */
uint64_t address_network(const struct address *address);
/* Writes such a network as text (192.0.2.0/24, 2001:db8::/48) and returns `out`. */
#define ADDRESS_NETWORK_SIZE (ADDRESS_TEXT_SIZE + 3)
const char *address_network_format(uint64_t network, char out[ADDRESS_NETWORK_SIZE]);

#endif
