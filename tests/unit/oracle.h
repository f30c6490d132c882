/* The oracle of the property test: rule 6 of design 4 stated again from the facts of a case, without the code under
 * test. */
#ifndef TESTS_ORACLE_H
#define TESTS_ORACLE_H

#include "verdict.h"

/* The policy in force: unexpired, or fetched in this case (max_age 0). */
const struct policy *oracle_policy(const struct facts *f);

enum oracle_hop { ORACLE_GOOD, ORACLE_BAD, ORACLE_UNKNOWN };
enum oracle_hop oracle_hop(const struct facts *f, const struct policy *policy, const char *host);

/* The set that rule 6 looks at. */
struct oracle_set {
	bool known;
	bool nothing; /* null MX, or all cut away at our own host */
	unsigned count;
	const char *host[MX_SET_MAX];
	unsigned preference[MX_SET_MAX];
};
struct oracle_set oracle_set(const struct facts *f, const struct policy *policy);

/* What the verdict must be under an enforce policy. */
enum verdict_kind oracle_kind(const struct facts *f, const struct policy *policy);

#endif
