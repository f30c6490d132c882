/* RDATA as it comes from the wire (RFC 1035 3.3): hostile, so bounded and parsed whole. Names are uncompressed, as
 * libunbound hands them over. Pure; any thread. */
#ifndef CORE_RDATA_H
#define CORE_RDATA_H

#include "address.h"
#include "domain.h"

/* The character-strings of a TXT record joined with nothing between (RFC 8461 3.1). `out` needs `len` bytes at most;
 * the length written, or -1 when the RDATA is malformed. */
long rdata_txt(char *out, size_t size, const uint8_t *rdata, size_t len);

struct rdata_mx {
	uint16_t preference;
	bool root;              /* exchange is ".": null MX (RFC 7505) */
	bool is_domain;         /* false: not a host name in the sense of domain_parse() */
	struct domain exchange; /* then as entry.h, mx_name_is_received(), says */
};
bool rdata_mx(struct rdata_mx *out, const uint8_t *rdata, size_t len);
bool rdata_address(struct address *out, const uint8_t *rdata, size_t len); /* A or AAAA, by length */

#endif
