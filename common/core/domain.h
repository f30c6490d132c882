/* Domain names in the one form in which stsgate compares and stores them: lower-case A-labels without trailing dot
 * (RFC 8461 3.2, 4.1; RFC 5890; UTS 46 non-transitional by libidn2). Pure; any thread. */
#ifndef CORE_DOMAIN_H
#define CORE_DOMAIN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define DOMAIN_MAX 253 /* octets, without the root dot (RFC 1035 2.3.4) */
#define DOMAIN_SIZE (DOMAIN_MAX + 1)
#define DOMAIN_LABEL_MAX 63   /* octets (RFC 1035 2.3.4) */
#define DOMAIN_POLICY_MAX 244 /* leaves room for `_mta-sts.` (RFC 8461 3.1) */

struct domain {
	char name[DOMAIN_SIZE];
};

/* Converts a host name, as anybody wrote it, into the stored form. Removes one trailing dot. Returns false for
 * anything that is no host name: an empty label, a label over 63 or a name over 253 octets, a character other than
 * letters, digits, hyphen and underscore after IDNA conversion, a hyphen at either end of a label, NUL, invalid UTF-8,
 * an IPv4 address. A single label is a host name here. So is a name with underscores: no RFC allows it, but MTAs look
 * such names up and deliver there. Ends the process if memory runs out. */
bool domain_parse(struct domain *out, const char *bytes, size_t len);

/* Returns whether the bytes match the grammar of RFC 5321's Domain within the limits of RFC 1035: letters, digits and
 * hyphens, labels of 1 to 63 octets, at most DOMAIN_MAX octets, no trailing dot. Any case; an IPv4 address matches. */
bool domain_is_grammatical(const char *bytes, size_t len);
/* The same, but underscores are allowed, as MTAs allow them in host names. */
bool domain_is_host(const char *bytes, size_t len);
/* Returns whether the bytes are a name of ASCII in the form that domain_parse() produces. */
bool domain_is_parsed(const char *bytes, size_t len);
/* Returns whether the last label is all digits: an IPv4 address, or a name that no DNS zone delegates (RFC 3696 2). */
bool domain_is_numeric(const char *bytes, size_t len);

/* Returns the part of a name under which its owner has probably registered it: the last two labels, or three below a
 * country's short second label as in co.uk. A guess by the form of the name; the list of public suffixes is not used.
 * Points into `name`, which is in the form of domain_parse(). */
const char *domain_registered(const char *name);

/* Returns a hash (FNV-1a) for tables and for jitter by name. It is the same in every process, so it is no protection
 * against names chosen to collide. */
uint32_t domain_hash(const char *name, uint32_t salt);

#endif
