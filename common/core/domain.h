/* Domain names in the one form in which the project compares and stores them: lower-case A-labels, no trailing dot.
 * (RFC 8461 3.2, 4.1; RFC 5890; UTS 46 non-transitional by libidn2.) Pure; any thread. */
#ifndef CORE_DOMAIN_H
#define CORE_DOMAIN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define DOMAIN_MAX 253 /* RFC 1035 2.3.4, without the root dot */
#define DOMAIN_SIZE (DOMAIN_MAX + 1)
#define DOMAIN_POLICY_MAX 244 /* leaves room for `_mta-sts.` (RFC 8461 3.1) */

struct domain {
	char name[DOMAIN_SIZE];
};

/* False for everything that is no host name: empty labels, labels over 63 or names over 253 octets, characters outside
 * letters, digits, hyphen and underscore after IDNA conversion, hyphens at a label's ends, NUL, bad UTF-8, an IPv4
 * address. One trailing dot is taken off. A single label is a domain here. Underscores are no RFC's, but MTAs look such
 * names up and deliver there. */
bool domain_parse(struct domain *out, const char *bytes, size_t len);

/* The grammar of RFC 5321's Domain within the limits of RFC 1035: letters, digits and hyphens, labels of 1 to 63
 * octets, at most DOMAIN_MAX in all, no trailing dot; any case, an IPv4 address too. */
bool domain_is_grammatical(const char *bytes, size_t len);
/* The same, with underscores: what MTAs take for a host. */
bool domain_is_host(const char *bytes, size_t len);
/* Whether the last label is all digits: an IPv4 address or what no DNS zone delegates (RFC 3696 2). */
bool domain_is_numeric(const char *bytes, size_t len);

/* For tables and for what is spread by name (FNV-1a): the same in every process; no defence against chosen names. */
uint32_t domain_hash(const char *name, uint32_t salt);

#endif
