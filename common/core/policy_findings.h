/* The mistakes that policy_parse() finds in a policy, and where they are. Pure; any thread. */
#ifndef CORE_POLICY_FINDINGS_H
#define CORE_POLICY_FINDINGS_H

#include "finding.h"
#include "names.h"
#include "span.h"

#define POLICY_PLACES_EACH 10 /* places kept of one finding; further ones are only counted */

/* Where a policy has a mistake. */
struct policy_place {
	enum finding finding;
	uint32_t line; /* from 1; 0: the policy as a whole, such as a missing line */
	/* The octets that are wrong: a value, a key or a whole line, borrowed from the parsed text. `at` is NULL if
	 * nothing is shown. */
	struct span value;
};

/* The findings are names of finding.def, each once: `bad-mode` in `errors`, `empty-line` in `tolerated`. `place` has
 * where they are, in the order of the text. Filled also if the policy is invalid. The caller frees them with
 * policy_findings_free(). */
struct policy_findings {
	struct names published; /* the mx values as published, IP addresses too, without the trailing dot */
	struct names tolerated;
	struct names errors;
	uint32_t place_count;
	uint32_t seen[FINDING_COUNT]; /* how often the policy has each mistake */
	struct policy_place place[FINDING_COUNT * POLICY_PLACES_EACH];
};

/* Appends the names of the errors, each with its first line if it has one: `bad-mode (line 2) no-mx`. */
struct text;
void policy_errors_add(struct text *out, const struct policy_findings *findings);
/* Frees what the findings own. The places borrow from the text and need not be freed. */
void policy_findings_free(struct policy_findings *findings);

#endif
