/* Reads the policy file (RFC 8461 3.2) and compares host names with its mx patterns.
 *
 * The reader is strict, with three exceptions that published policies need: it trims blanks at both ends of a line,
 * skips empty lines, and removes one trailing dot from an mx value. It reports each exception as a finding
 * (policy_findings.h). A struct policy owns memory: every policy that was parsed or copied needs policy_free(). Pure; any
 * thread. */
#ifndef CORE_POLICY_H
#define CORE_POLICY_H

#include "domain.h"
#include "names.h"

#define POLICY_BYTES_MAX 65536 /* octets of a policy; a longer one is refused as a whole (RFC 8461 3.3) */
/* The most patterns that a policy of 64 KiB can have: each takes at least five octets (`mx:`, one octet and a line
 * end). */
#define POLICY_MX_MAX (POLICY_BYTES_MAX / 5)
#define POLICY_MX_FEW 32          /* more patterns than this are sorted by their octets, for bisection */
#define POLICY_AGE_MAX_S 31557600 /* seconds; a longer max_age counts as this (RFC 8461 3.2) */
#define POLICY_TEXT_KEPT 8192     /* octets of the received text that the store keeps */

enum policy_mode { POLICY_NONE, POLICY_TESTING, POLICY_ENFORCE };
const char *policy_mode_name(enum policy_mode mode); /* `none`, `testing`, `enforce` */

struct policy {
	enum policy_mode mode;
	uint32_t max_age_s;
	struct names mx; /* for matching: lower case, no trailing dot, no IP addresses, no duplicates */
	char *text;      /* as received; owned; not NUL-terminated; NULL unless policy_set_text() was called */
	uint32_t text_len;
};

struct policy_findings; /* policy_findings.h */

/* Parses a policy. Returns false if it is invalid; `out` is then the empty policy. `findings` may be NULL. */
bool policy_parse(struct policy *out, const char *bytes, size_t len, struct policy_findings *findings);
/* Copies the policy with all that it owns. Overwrites `to` without freeing what `to` owned before. */
void policy_copy(struct policy *to, const struct policy *from);
/* Replaces the policy's text by a copy of `text`, or by nothing if `text` is NULL. */
void policy_set_text(struct policy *policy, const char *text, uint32_t len);
/* Frees what the policy owns and makes it the empty policy. */
void policy_free(struct policy *policy);

/* Returns whether the policy allows this MX host (RFC 8461 4.1). `host` is in the form of domain_parse(), or in
 * quotes, as mx_name_is_not_host() in entry.h describes it: such a name is never allowed. */
bool policy_allows(const struct policy *policy, const char *host);
/* Writes the pattern of the policy that allows this MX host. Returns false if none does. */
bool policy_pattern(char out[DOMAIN_SIZE], const struct policy *policy, const char *host);
/* Writes the only wildcard pattern that matches the host, such as `*.example.com`. False if the host has one label. */
bool mx_wildcard(char out[DOMAIN_SIZE], const char *host);

/* Returns whether the octets are a pattern (RFC 8461 3.2): a Domain, or `*.` and a Domain. */
bool mx_is_pattern(const char *bytes, size_t len);
/* Returns whether one pattern matches one host name, both as somebody wrote them, not converted by domain_parse(). A
 * pattern that is not valid matches nothing. Case and a trailing dot of the host are ignored; `*.` stands for exactly
 * one label. RFC 8461 4.1, RFC 6125 6.4.3. */
bool mx_matches(const char *pattern, const char *host);

/* Returns whether a DNS name in a certificate is valid for the host. Accepts nothing that the host check of a probe
 * would refuse: `*.` stands for one label, two labels must follow it, no other wildcard counts, and a name that is not
 * a host name covers nothing. */
bool certificate_covers(const char *name, const char *host);

#endif
