/* Reads the RDATA of TXT, MX, A and AAAA records (RFC 1035 3.3). The octets are hostile: every length is checked, and all
 * octets must belong to the record. Names must be uncompressed, as libunbound returns them. Pure; any thread. */
#ifndef CORE_RDATA_H
#define CORE_RDATA_H

#include "address.h"
#include "domain.h"

/* Joins the character-strings of a TXT record without separators (RFC 8461 3.1). Writes at most `len` octets to `out`
 * and returns their number, or -1 if the RDATA is malformed or `size` does not suffice. */
long rdata_txt(char *out, size_t size, const uint8_t *rdata, size_t len);

struct rdata_mx {
	uint16_t preference;
	bool root;              /* exchange is ".": null MX (RFC 7505) */
	bool is_domain;         /* exchange is a host name, in the form of domain_parse() */
	struct domain exchange; /* without is_domain: in quotes, as mx_name_is_not_host() in entry.h describes it */
};
/* Reads an MX record. Returns false if it is malformed; a name that is not a host name does not make it malformed. */
bool rdata_mx(struct rdata_mx *out, const uint8_t *rdata, size_t len);
/* Reads an A record (4 octets) or an AAAA record (16 octets); false for any other length. */
bool rdata_address(struct address *out, const uint8_t *rdata, size_t len);

#endif
