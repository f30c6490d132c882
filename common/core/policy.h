/* The policy file (RFC 8461 3.2), read with the three clean-ups that the field needs and no guesses: blanks trimmed at
 * both ends of a line, empty lines skipped, one trailing dot taken off an mx. Each tolerance taken is told. Pure; any
 * thread. */
#ifndef CORE_POLICY_H
#define CORE_POLICY_H

#include "domain.h"
#include "names.h"

#define POLICY_BYTES_MAX 65536 /* a longer body is refused whole (RFC 8461 3.3) */
/* Distinct patterns: what 64 KiB can hold, and more; each takes `mx:`, its octets and a line's end. */
#define POLICY_MX_MAX (POLICY_BYTES_MAX / 5)
#define POLICY_MX_FEW 32 /* more are kept in the order of their octets, to be found fast; their order means nothing */
#define POLICY_AGE_MAX_S 31557600
#define POLICY_TEXT_KEPT 8192 /* of the received text, in the store */

enum policy_mode { POLICY_NONE, POLICY_TESTING, POLICY_ENFORCE };
const char *policy_mode_name(enum policy_mode mode); /* `none`, `testing`, `enforce` */

struct policy {
	enum policy_mode mode;
	uint32_t max_age_s;
	struct names mx; /* for matching: lower case, no trailing dot, no address literals, no duplicates */
	char *text;      /* as received, owned; NULL unless policy_set_text() was called */
	uint32_t text_len;
};

/* Words such as `bad-mode`, `missing-version`, `too-large`; `blanks-trimmed`, `empty-line`, `mx-trailing-dot`,
 * `max-age-clamped`, `ip-literal`. Filled also when parsing fails. The owner calls policy_findings_free(). */
struct policy_findings {
	struct names published; /* the mx values as published, trailing dot taken off, case and literals kept */
	struct names tolerated; /* each word once */
	struct names errors;    /* each word once */
};

/* False when invalid; then `out` is the empty policy. `findings` may be NULL. */
bool policy_parse(struct policy *out, const char *bytes, size_t len, struct policy_findings *findings);
void policy_copy(struct policy *to, const struct policy *from);
/* Keeps a copy of `text`, in the place of what was kept; NULL: of nothing. Ends the process when memory is out. */
void policy_set_text(struct policy *policy, const char *text, uint32_t len);
void policy_free(struct policy *policy);
void policy_findings_free(struct policy_findings *findings);

/* Whether the policy allows this MX host name (in the form of domain_parse(); never one in quotes, as entry.h has
 * them). RFC 8461 4.1. */
bool policy_allows(const struct policy *policy, const char *host);
/* The one wildcard pattern that matches the host, such as `*.example.com`; false for a single label. */
bool mx_wildcard(char out[DOMAIN_SIZE], const char *host);

/* Whether it is a pattern of RFC 8461 3.2: a Domain, or `*.` and a Domain. */
bool mx_is_pattern(const char *bytes, size_t len);
/* One pattern and one host name, both as anybody wrote them: a pattern outside the grammar matches nothing; case and
 * the host's trailing dot are ignored; `*.` stands for exactly one label. RFC 8461 4.1, RFC 6125 6.4.3. */
bool mx_matches(const char *pattern, const char *host);

/* Whether a DNS name of a certificate is good for the host. It takes no more than the host check of a probe does: `*.`
 * stands for one label and has two labels behind it, nothing else may be a wildcard, and a name that is no host name
 * covers nothing. */
bool certificate_covers(const char *name, const char *host);

#endif
